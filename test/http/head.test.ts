// Where a head ends, whatever the chunks: line endings, allowed bytes, limits, and heads one behind the other.
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { FIELD_LINE_BYTES, HeadParser, REQUEST_LINE_BYTES, type HeadLimits } from '../../src/http/head.js';
import { assertEveryCut } from '../support/codec/cuts.js';
import { suite } from '../runner/suite.js';
import { assertRefused } from '../handshake/refusal.js';

const test = suite('http/head');

/** Start lines may hold letters only. */
const LETTERS = new Uint8Array(256).fill(1, 0x61, 0x7b);

/** The texts of all heads in the chunks, with the bytes behind the last; or the code of the refusal. */
function readHeads(chunks: Iterable<Buffer>, limits?: HeadLimits): string[] {
  const parser = new HeadParser((text) => text, LETTERS, limits);
  const heads: string[] = [];
  try {
    for (const chunk of chunks) {
      for (let head = parser.push(chunk); head !== null; head = parser.push(parser.rest)) heads.push(head);
    }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    heads.push(`${error.code} ${error.status}`);
  }
  return heads;
}

const cases: [name: string, bytes: string, heads: string[]][] = [
  ['a start line alone', 'abc\r\n\r\n', ['abc\r\n\r\n']],
  ['a field', 'abc\r\nA: b\r\n\r\n', ['abc\r\nA: b\r\n\r\n']],
  ['a field line may hold what no start line may', 'abc\r\n\t \xff~\r\n\r\n', ['abc\r\n\t \xff~\r\n\r\n']],
  ['empty lines before it', '\r\n\r\nabc\r\n\r\n', ['\r\n\r\nabc\r\n\r\n']],
  ['one behind the other', 'a\r\n\r\nb\r\nC: d\r\n\r\nc\r\n\r\n', ['a\r\n\r\n', 'b\r\nC: d\r\n\r\n', 'c\r\n\r\n']],
  ['the next begins with a start line again', 'a\r\nB: C\r\n\r\nD\r\n\r\n', ['a\r\nB: C\r\n\r\n', 'BYTE_INVALID 400']],
  ['an unfinished one', 'a\r\n\r\nabc\r\nA: b\r\n', ['a\r\n\r\n']],
  ['a byte that a start line may not hold', 'aB\r\n\r\n', ['BYTE_INVALID 400']],
  ['a byte that no start line may hold, behind an empty line', '\r\nB\r\n\r\n', ['BYTE_INVALID 400']],
  ['a byte that no field line may hold', 'a\r\n\x7f\r\n\r\n', ['BYTE_INVALID 400']],
  ['a bare LF', 'a\nB: c\r\n\r\n', ['LINE_ENDING_INVALID 400']],
  ['a bare LF at the end', 'a\r\nB: c\r\n\n', ['LINE_ENDING_INVALID 400']],
  ['a bare CR', 'a\rb\r\n\r\n', ['LINE_ENDING_INVALID 400']],
  ['CR CR LF', 'a\r\r\n\r\n', ['LINE_ENDING_INVALID 400']],
];

for (const [name, bytes, heads] of cases) {
  test(`reads ${name}`, () => assertEveryCut(Buffer.from(bytes, 'latin1'), (chunks) => readHeads(chunks), heads));
}

const FEW: HeadLimits = { maxHeadBytes: 20, maxHeaderFields: 2 };
const limited: [name: string, bytes: string, heads: string[]][] = [
  ['20 bytes', `a\r\nB: ${'c'.repeat(10)}\r\n\r\n`, [`a\r\nB: ${'c'.repeat(10)}\r\n\r\n`]],
  ['21 bytes', `a\r\nB: ${'c'.repeat(11)}\r\n\r\n`, ['HEAD_TOO_LARGE 431']],
  ['a start line without end', 'a'.repeat(20), ['START_LINE_TOO_LONG 414']],
  ['empty lines without end', '\r\n'.repeat(10), ['HEAD_TOO_LARGE 431']],
  ['two fields', 'a\r\nB:\r\nC:\r\n\r\n', ['a\r\nB:\r\nC:\r\n\r\n']],
  ['three fields', 'a\r\nB:\r\nC:\r\nD:\r\n', ['TOO_MANY_HEADER_FIELDS 431']],
  ['two heads, each within the limit', 'a\r\nB:\r\nC:\r\n\r\n'.repeat(3), Array(3).fill('a\r\nB:\r\nC:\r\n\r\n')],
];

for (const [name, bytes, heads] of limited) {
  test(`limits: ${name}`, () => assertEveryCut(Buffer.from(bytes), (chunks) => readHeads(chunks, FEW), heads));
}

test('RFC 9112 §3: a request line holds visible ASCII and spaces; §5.5: a field line tabs and bytes beyond too', () => {
  for (let byte = 0; byte < 256; byte++) {
    const isVisible = byte >= 0x20 && byte <= 0x7e;
    assert.is(REQUEST_LINE_BYTES[byte], isVisible ? 1 : 0, `byte ${byte} of a request line`);
    assert.is(FIELD_LINE_BYTES[byte], isVisible || byte === 0x09 || byte >= 0x80 ? 1 : 0, `byte ${byte} of a field`);
  }
});

test('what parse throws comes out of push', () => {
  const parser = new HeadParser<never>(() => {
    throw new HttpError('OF_PARSE', 418, 'this is thrown by parse');
  }, LETTERS);
  assertRefused(() => parser.push(Buffer.from('a\r\n\r\n')), 'OF_PARSE', 418);
});

test('rest is a view of the last chunk, and empty where no head ended', () => {
  const parser = new HeadParser((text) => text, LETTERS);
  assert.is(parser.rest.length, 0);
  const chunk = Buffer.from('a\r\n\r\n\x00rest', 'latin1');
  parser.push(chunk);
  assert.is(parser.rest.toString('latin1'), '\x00rest');
  assert.is(parser.rest.buffer, chunk.buffer);
  assert.is(parser.push(Buffer.from('a')), null);
  assert.is(parser.rest.length, 0);
});

test('the messages are fit for people', () => {
  const tooMuch = ['a'.repeat(20), `a\r\nB: ${'c'.repeat(14)}`, 'a\r\nB:\r\nC:\r\nD:\r\n', '\x16\x03', 'a\n', 'a\rb'];
  const codes = ['START_LINE_TOO_LONG', 'HEAD_TOO_LARGE', 'TOO_MANY_HEADER_FIELDS', 'BYTE_INVALID',
    'LINE_ENDING_INVALID', 'LINE_ENDING_INVALID'];
  tooMuch.forEach((bytes, index) => {
    const parser = new HeadParser((text) => text, LETTERS, FEW);
    const code = codes[index]!;
    const status = code === 'START_LINE_TOO_LONG' ? 414 : /LARGE|MANY/.test(code) ? 431 : 400;
    assertRefused(() => parser.push(Buffer.from(bytes, 'latin1')), code, status);
  });
});

test.run();
