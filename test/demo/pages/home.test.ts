// The demo's page as text: what every page promises, and what its own script relies on.
import * as assert from 'uvu/assert';
import { readPage } from '../../../src/demo/page-file.js';
import { all, checkPage, textOf, type Page } from '../../support/page-checks.js';
import { suite } from '../../runner/suite.js';

const pageFiles = readPage('home');
const paths = { html: '/home/', style: '/home/style.css' };

/** WCAG 2.2: 1.4.3 asks 4.5 for text, 1.4.11 asks 3 for what tells a control or a state. */
const pairs: Page['pairs'] = [
  ['text', 'ground', 4.5],
  ['text', 'surface', 4.5],
  ['muted', 'ground', 4.5],
  ['muted', 'surface', 4.5],
  ['accent', 'ground', 4.5],
  ['accent', 'surface', 4.5],
  ['good', 'surface', 4.5],
  ['on-accent', 'accent', 4.5],
  ['field-line', 'surface', 3],
  ['field-line', 'ground', 3],
  ['waiting', 'surface', 3],
  ['bad', 'surface', 3],
];

checkPage({ name: 'echo page', files: pageFiles, paths, links: ['/dashboard/', '/echo/', '/race/'], pairs });

const html = textOf({ files: pageFiles }, paths.html);
const script = textOf({ files: pageFiles }, '/home/script.js');

const files = suite('echo page: the script');

files('the script finds its elements', () => {
  const wanted = all(script, /find\(document, '#(\w+)'/g);
  assert.is(wanted.length, 9);
  for (const id of wanted) assert.is(html.split(` id="${id}"`).length, 2, id);
});

files('the script finds the parts of an entry', () => {
  const template = html.slice(html.indexOf('<template'), html.indexOf('</template>'));
  const selectors = all(script, /(?:fill\(|find\(item, )'([^']+)'/g);
  assert.is(selectors.length, 6);
  for (const selector of selectors) {
    const part = selector.startsWith('.') ? ` class="${selector.slice(1)}"` : `<${selector}>`;
    assert.match(template, part);
  }
});

files('each field has a label', () => {
  const fields = all(html, /<input id="(\w+)"/g);
  assert.equal(fields, ['message', 'binary']);
  for (const field of fields) assert.match(html, new RegExp(`<label for="${field}">|<label[^>]*><input id="${field}"`));
});

files.run();
