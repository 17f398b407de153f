// Text from a peer: what a terminal would obey is made visible.
import * as assert from 'uvu/assert';
import { firstLine, printable } from '../../src/cli/printable.js';
import { suite } from '../runner/suite.js';

const texts = suite('cli/printable');

const cases: readonly [name: string, text: string, printed: string][] = [
  ['nothing', '', ''],
  ['all languages', 'Grüße, 你好, 🎉', 'Grüße, 你好, 🎉'],
  ['tab and line feed stay', 'a\tb\nc', 'a\tb\nc'],
  ['an escape sequence', '\x1b[2J', '␛[2J'],
  ['each end of the control characters', '\0\x08\x0b\x1f \x7f', '␀␈␋␟ ␡'],
  ['a carriage return, which would overwrite the line', 'good\rbad', 'good␍bad'],
  ['C1, where a lone CSI is an escape sequence too', '\x80\x9b2J\x9f\xa0', '\ufffd\ufffd2J\ufffd\xa0'],
];

for (const [name, text, printed] of cases) {
  texts(name, () => assert.is(printable(text), printed));
}

const lines: readonly [name: string, text: string, line: string][] = [
  ['nothing', '', ''],
  ['one', 'no\n', 'no'],
  ['the first of two', 'no\r\nentry', 'no'],
  ['empty lines before it', '\r\n\n  no\n', 'no'],
  ['control characters', 'n\x1bo\n', 'n␛o'],
  ['the first 200 characters', 'x'.repeat(201), 'x'.repeat(200)],
];

for (const [name, text, line] of lines) {
  texts(`first line: ${name}`, () => assert.is(firstLine(text), line));
}

texts.run();
