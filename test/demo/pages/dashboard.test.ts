// The page of the dashboard as text: what every page promises, and what its scripts look for.
import * as assert from 'uvu/assert';
import { readPage } from '../../../src/demo/page-file.js';
import { all, checkPage, textOf, type Page } from '../../support/page-checks.js';
import { suite } from '../../runner/suite.js';

const pageFiles = readPage('dashboard');
const paths = { html: '/dashboard/', style: '/dashboard/style.css' };

/** WCAG 2.2: 1.4.3 asks 4.5 for text, 1.4.11 asks 3 for what tells a state. */
const pairs: Page['pairs'] = [
  ['text', 'ground', 4.5],
  ['text', 'surface', 4.5],
  ['muted', 'ground', 4.5],
  ['muted', 'surface', 4.5],
  ['accent', 'ground', 4.5],
  ['in', 'surface', 4.5],
  ['out', 'surface', 4.5],
  ['good', 'ground', 3],
  ['waiting', 'ground', 3],
];

const links = ['/home/', '/race/', '/home/find.js', '/home/icon.svg', '/dashboard/feed'];

checkPage({ name: 'dashboard page', files: pageFiles, paths, links, pairs });

const html = textOf({ files: pageFiles }, paths.html);
const [script, chart] = ['script', 'chart'].map((name) => textOf({ files: pageFiles }, `/dashboard/${name}.js`)) as [
  string, string,
];

const page = suite('dashboard page: the parts');

page('each figure is shown by the script', () => {
  assert.equal(new Set(all(html, /data-value="(\w+)"/g)), new Set(all(script, /show\('(\w+)'/g)));
});

page('each picture is described, and drawn of what a sample has', () => {
  const members = all(script, /(\w+): number/g);
  const drawn = all(html, /<canvas role="img" aria-label="[^"]+" data-(?:lines|bars)="([\w ]+)"><\/canvas>/g);
  assert.is(drawn.length, html.split('<canvas').length - 1);
  for (const name of drawn.flatMap((names) => names.split(' '))) assert.ok(members.includes(name), name);
});

page('its colours are those of the style', () => {
  const [names] = all(chart, /const names = \[([^\]]+)\];/g);
  const style = textOf({ files: pageFiles }, paths.style);
  for (const name of all(names!, /'([^']+)'/g)) assert.is(style.split(`--${name}: #`).length, 3, name);
});

page.run();
