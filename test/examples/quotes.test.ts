// What a document quotes of an example stands there.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { examplePath } from './example.js';

const howTo = fileURLToPath(new URL('../../../docs/how-to/', import.meta.url));
const QUOTE = /<!-- from: examples\/(\S+) -->\n```js\n([^]*?)```/g;

const test = suite('examples/quotes');

for (const name of readdirSync(howTo)) {
  for (const [, path = '', quoted = ''] of readFileSync(`${howTo}${name}`, 'utf8').matchAll(QUOTE)) {
    test(`${name}: ${path}`, () => {
      assert.ok(readFileSync(examplePath(path), 'utf8').includes(quoted), quoted);
    });
  }
}

test('a quote is found', () => {
  const document = 'one\n<!-- from: examples/a/b.js -->\n```js\ntwo\n```\nthree';
  assert.equal([...document.matchAll(QUOTE)].map((quote) => quote.slice(1)), [['a/b.js', 'two\n']]);
});

test.run();
