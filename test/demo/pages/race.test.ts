// The page of the race as text: what every page promises, what a person needs to find their way, and what its scripts
// look for. What they do, a browser tells (test/interop).
import * as assert from 'uvu/assert';
import { readPage } from '../../../src/demo/page-file.js';
import { all, checkPage, textOf, type Page } from '../../support/page-checks.js';
import { suite } from '../../runner/suite.js';

const pageFiles = readPage('race');
const paths = { html: '/race/', style: '/race/style.css' };
const lanes = ['polling', 'long-polling', 'streaming', 'websocket'];

/** WCAG 2.2: 1.4.3 asks 4.5 for text (3 if it is large), 1.4.11 asks 3 for what tells a control or a state. */
const pairs: Page['pairs'] = [
  ['text', 'ground', 4.5],
  ['text', 'surface', 4.5],
  ['muted', 'ground', 4.5],
  ['muted', 'surface', 4.5],
  ['accent', 'ground', 4.5],
  ['on-accent', 'accent', 4.5],
  ['field-line', 'ground', 3],
  ['field-line', 'surface', 3],
  ...lanes.map((name): [string, string, number] => [name, 'surface', 4.5]),
];

const links = ['/home/', '/home/ask-over-http.js', '/home/find.js', '/home/icon.svg'];

checkPage({ name: 'race page', files: pageFiles, paths, links, pairs });

const html = textOf({ files: pageFiles }, paths.html);
const style = textOf({ files: pageFiles }, paths.style);

const page = suite('race page: the parts');

page('there is a lane for each transport, with a picture that is described', () => {
  assert.equal(all(html, /<li class="lane" id="([^"]+)">/g), lanes);
  assert.equal(all(html, /<canvas role="img"\s+aria-label="([^:]+): /g), [
    'Polling', 'Long polling', 'Streaming', 'WebSocket',
  ]);
});

page('each lane has its numbers', () => {
  const values = ['bytes', 'each', 'requests', 'wasted', 'delay'];
  assert.equal(all(html, /data-value="(\w+)"/g), lanes.flatMap(() => values));
});

page('each choice has a legend and one value that is chosen', () => {
  assert.equal(all(html, /<legend>([^<]+)<\/legend>/g), ['An update every', 'Polling asks every', 'Size of an update']);
  assert.equal(all(html, /name="(\w+)" value="\d+" checked/g), ['interval', 'poll', 'size']);
  assert.equal(all(html, /value="(\d+)" checked/g), ['1000', '500', '50']);
});

page('no legend floats: WebKit would put it above what it names', () => {
  const rules = all(style, /^ *legend \{([^}]+)\}/gm);
  assert.is(rules.length, 2);
  for (const rule of rules) assert.not.match(rule, 'float');
});

page('each value of a choice is in a label', () => {
  const count = (pattern: RegExp): number => html.match(pattern)!.length;
  assert.is(count(/<input /g), count(/<label><input [^>]*><span>[^<]+<\/span><\/label>/g));
});

page.run();

const [script, lane, picture] = ['script', 'lane', 'picture'].map((name) => {
  return textOf({ files: pageFiles }, `/race/${name}.js`);
}) as [string, string, string];

const scripts = suite('race page: the scripts');

scripts('it finds its elements', () => {
  const ids = all(script, /find\(document, '#([^']+)'/g);
  assert.equal(ids, ['controls', 'toggle', 'state', 'verdict']);
  for (const id of ids) assert.is(html.split(` id="${id}"`).length, 2, id);
});

scripts('it starts each lane that the page has', () => {
  assert.equal(all(script, /new Lane\('([^']+)'/g), all(html, /<li class="lane" id="([^"]+)">/g));
});

scripts('it fills each number, and has each part of the bar', () => {
  for (const name of new Set(all(html, /data-value="(\w+)"/g))) assert.match(lane, `this.#write('${name}'`);
  const parts = all(lane, /this\.#fill\('\.(\w+)'/g);
  assert.equal(parts, ['all', 'wasted']);
  for (const part of parts) assert.match(html, `<i class="${part}">`);
});

scripts('it reads each setting', () => {
  const settings = new Set(all(html, /name="(\w+)" value/g));
  assert.equal(new Set(all(script, /settings\.get\('(\w+)'\)/g)), settings);
});

scripts('its colours are those of the style', () => {
  const [names] = all(picture, /const names = \[([^\]]+)\];/g);
  for (const name of all(names!, /'([^']+)'/g)) assert.is(style.split(`--${name}: #`).length, 3, name);
});

scripts.run();
