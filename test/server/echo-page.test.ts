// The demo's page as text: its parts fit together, nothing comes from elsewhere, and its colours can be read.
import { Script } from 'node:vm';
import * as assert from 'uvu/assert';
import { page, pageFiles } from '../../src/server/echo-page.js';
import { suite } from '../support/suite.js';

function textOf(path: string): string {
  return String(pageFiles[path]!.body);
}

const html = textOf('/home/');
const style = textOf('/home/style.css');
const script = textOf('/home/script.js');

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group]) => group!);
}

const files = suite('echo page: the files');

files('the page is served at its path', () => {
  assert.is(pageFiles['/home/'], page);
});

files('whatever the page refers to is served', () => {
  const references = all(html, /(?:href|src|action)="([^"?]*)/g);
  assert.equal(new Set(references), new Set([...Object.keys(pageFiles), '/echo/'].filter((path) => path !== '/home/')));
});

files('nothing comes from elsewhere', () => {
  for (const path of Object.keys(pageFiles)) {
    const text = textOf(path).replace(' xmlns="http://www.w3.org/2000/svg"', '');
    assert.not.match(text, /\/\/[A-Za-z0-9]|\burl\(|@import|\bimport\b|data:/, path);
  }
});

files('nothing is inline that the policy forbids', () => {
  assert.not.match(html, /<script(?![^>]* src=)|<style| style=| on[a-z]+=/i);
});

files('the policy allows only what is here', () => {
  assert.is(
    (page.headers as Record<string, string>)['Content-Security-Policy'],
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
      "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  );
});

files('the script can be parsed', () => {
  new Script(script, { filename: 'script.js' });
});

files('the script finds its elements', () => {
  const wanted = script.slice(0, script.indexOf('map(')).match(/(?<=')\w+(?=',)/g)!;
  assert.is(wanted.length, 9);
  for (const id of wanted) assert.is(html.split(` id="${id}"`).length, 2, id);
});

files('the script finds the parts of an entry', () => {
  const template = html.slice(html.indexOf('<template'), html.indexOf('</template>'));
  const selectors = all(script, /fill\('([^']+)'/g);
  assert.is(selectors.length, 5);
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

files('each element is closed', () => {
  const open: string[] = [];
  for (const [, slash, name] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)/g)) {
    if (['meta', 'link', 'img', 'input'].includes(name!)) continue;
    if (!slash) open.push(name!);
    else assert.is(open.pop(), name);
  }
  assert.equal(open, []);
});

files.run();

const colours = suite('echo page: the colours');

/** The relative luminance of a colour such as `#1a2230` (WCAG 2.2). */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const part = parseInt(colour.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter! + 0.05) / (darker! + 0.05);
}

colours('the measure itself', () => {
  assert.is(contrast('#ffffff', '#000000'), 21);
  // The lightest grey that may be text on white.
  assert.ok(contrast('#767676', '#ffffff') >= 4.5 && contrast('#777777', '#ffffff') < 4.5);
});

/** WCAG 2.2: 1.4.3 asks 4.5 for text, 1.4.11 asks 3 for what tells a control or a state. */
const pairs: readonly [front: string, back: string, least: number][] = [
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

const palettes = all(style, /:root \{([^}]*)\}/g).map((block) => {
  return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name!, value!]));
});

for (const [index, theme] of ['light', 'dark'].entries()) {
  for (const [front, back, least] of pairs) {
    colours(`${theme}: ${front} on ${back}`, () => {
      const ratio = contrast(palettes[index]!.get(front)!, palettes[index]!.get(back)!);
      assert.ok(ratio >= least, `${ratio.toFixed(2)} is below ${least}`);
    });
  }
}

colours.run();
