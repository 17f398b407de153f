// The script of the race against its page: what it looks for is there. What it does, a browser tells (test/interop).
import * as assert from 'uvu/assert';
import { pageFiles } from '../../src/demo/race-page.js';
import { script } from '../../src/demo/race-script.js';
import { suite } from '../runner/suite.js';
import { all } from '../support/page-checks.js';

const html = String(pageFiles['/race/']!.body);
const style = String(pageFiles['/race/style.css']!.body);

const test = suite('race script');

test('it finds its elements', () => {
  const ids = all(script, /getElementById\('([^']+)'\)/g);
  assert.equal(ids, ['controls', 'toggle', 'state', 'verdict']);
  for (const id of ids) assert.is(html.split(` id="${id}"`).length, 2, id);
});

test('it starts each lane that the page has', () => {
  assert.equal(all(script, /new Lane\('([^']+)'/g), all(html, /<li class="lane" id="([^"]+)">/g));
});

test('it fills each number, and has each part of the bar', () => {
  for (const name of new Set(all(html, /data-value="(\w+)"/g))) assert.match(script, `values.${name}.textContent`);
  for (const part of ['all', 'wasted']) assert.match(html, `<i class="${part}">`);
});

test('it reads each setting', () => {
  const settings = new Set(all(html, /name="(\w+)" value/g));
  assert.equal(new Set(all(script, /settings\.get\('(\w+)'\)/g)), settings);
});

test('its colours are those of the style', () => {
  const [names] = all(script, /const names = \[([^\]]+)\];/g);
  for (const name of all(names!, /'([^']+)'/g)) assert.is(style.split(`--${name}: #`).length, 3, name);
});

test.run();
