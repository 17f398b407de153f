// The page of the race as text: what every page promises, and what a person needs to find their way.
import * as assert from 'uvu/assert';
import { pageFiles } from '../../src/demo/race-page.js';
import { suite } from '../runner/suite.js';
import { all, checkPage, textOf, type Page } from '../support/page-checks.js';

const paths = { html: '/race/', style: '/race/style.css', script: '/race/script.js' };
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

checkPage({ name: 'race page', files: pageFiles, paths, links: ['/home/', '/home/icon.svg'], pairs });

const html = textOf({ files: pageFiles }, paths.html);

const page = suite('race page: the parts');

page('there is a lane for each transport, with a picture that is described', () => {
  assert.equal(all(html, /<li class="lane" id="([^"]+)">/g), lanes);
  assert.equal(all(html, /<canvas role="img" aria-label="([^:]+): /g), [
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
  const rules = all(textOf({ files: pageFiles }, paths.style), /^ *legend \{([^}]+)\}/gm);
  assert.is(rules.length, 2);
  for (const rule of rules) assert.not.match(rule, 'float');
});

page('each value of a choice is in a label', () => {
  const count = (pattern: RegExp): number => html.match(pattern)!.length;
  assert.is(count(/<input /g), count(/<label><input [^>]*><span>[^<]+<\/span><\/label>/g));
});

page.run();
