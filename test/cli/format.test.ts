// What is printed of a message, to a terminal and elsewhere.
import * as assert from 'uvu/assert';
import { formatMessage } from '../../src/cli/format.js';
import { suite } from '../runner/suite.js';

const test = suite('cli/format');
const plain = { isBinary: false, isJson: false };

test('text: as it is, and without commands to a terminal', () => {
  assert.is(formatMessage('\x1b[2J', plain, false), '\x1b[2J\n');
  assert.is(formatMessage('\x1b[2J', plain, true), '␛[2J\n');
});

test('JSON on several lines, if it is any', () => {
  const format = { ...plain, isJson: true };
  assert.is(formatMessage('[1]', format, false), '[\n  1\n]\n');
  assert.is(formatMessage('[1]', plain, false), '[1]\n');
  assert.is(formatMessage('[1', format, true), '[1\n');
});

test('binary: in hexadecimal, and as it is only where it is asked for', () => {
  const bytes = Buffer.from([0, 255]);
  assert.is(formatMessage(bytes, plain, false), '[binary, length 2] 00ff\n');
  assert.is(formatMessage(bytes, { ...plain, isBinary: true }, false), bytes);
  assert.is(formatMessage(bytes, { ...plain, isBinary: true }, true), '[binary, length 2] 00ff\n');
});

test.run();
