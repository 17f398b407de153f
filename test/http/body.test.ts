// Request bodies cut in every way: by length and chunked, each rule of the grammar and each limit (RFC 9112 §6, §7.1).
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { BodyDecoder } from '../../src/http/body.js';
import { suite } from '../runner/suite.js';
import { assertEveryCut } from '../support/codec/cuts.js';

type Outcome = { body: string; used: number; isComplete: boolean } | { code: string; status: number };

function decode(chunks: Iterable<Buffer>, length: number | 'chunked', maxBytes = 1000): Outcome {
  try {
    const decoder = new BodyDecoder(length, maxBytes);
    let used = 0;
    for (const chunk of chunks) {
      const wasComplete = decoder.isComplete;
      const taken = decoder.push(chunk);
      assert.is(taken > 0, !wasComplete, 'bytes are used until the body is complete, and no longer');
      if (!decoder.isComplete) assert.is(taken, chunk.length, 'all of a chunk is used before the end');
      used += taken;
    }
    return { body: decoder.bytes.toString('latin1'), used, isComplete: decoder.isComplete };
  } catch (error) {
    if (error instanceof HttpError) return { code: error.code, status: error.status };
    throw error;
  }
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

const byLength = suite('body: by length');

byLength('a body, whatever follows it', () => {
  const expected = { body: 'hello', used: 5, isComplete: true };
  assertEveryCut(latin1('hello'), (chunks) => decode(chunks, 5), expected, { trailing: latin1('GET /') });
});

byLength('nothing in it is special', () => {
  const expected = { body: '\r\n0\r\n\r\n', used: 7, isComplete: true };
  assertEveryCut(latin1('\r\n0\r\n\r\n'), (chunks) => decode(chunks, 7), expected, { trailing: latin1('\r\n') });
});

byLength('a part of it is not all', () => {
  assertEveryCut(latin1('hell'), (chunks) => decode(chunks, 5), { body: 'hell', used: 4, isComplete: false });
});

byLength('none: complete from the start', () => {
  const decoder = new BodyDecoder(0, 0);
  assert.is(decoder.isComplete, true);
  assert.is(decoder.push(latin1('GET /')), 0);
  assert.is(decoder.bytes.length, 0);
});

byLength('as long as the limit', () => {
  const expected = { body: 'hello', used: 5, isComplete: true };
  assertEveryCut(latin1('hello'), (chunks) => decode(chunks, 5, 5), expected);
});

for (const [length, maxBytes] of [[6, 5], [1, 0], [2 ** 53 - 1, 2 ** 40]] as const) {
  byLength(`${length} bytes over a limit of ${maxBytes} are refused before any has come`, () => {
    throws(() => new BodyDecoder(length, maxBytes), {
      name: 'HttpError',
      code: 'BODY_TOO_LARGE',
      status: 413,
      message: new RegExp(`maxBodyBytes \\(${maxBytes}\\)`),
    });
  });
}

byLength('a length that was declared takes no memory', () => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 1000 }, () => new BodyDecoder(1 << 20, 1 << 20));
  for (const decoder of decoders) decoder.push(latin1('x'));
  assert.ok(process.memoryUsage().arrayBuffers - before < 10 << 20);
  assert.is(decoders.every(({ bytes }) => bytes.length === 1), true);
});

byLength('a megabyte in chunks of one byte', () => {
  const bytes = Buffer.alloc(1 << 20);
  for (let index = 0; index < bytes.length; index++) bytes[index] = index % 251;
  const decoder = new BodyDecoder(bytes.length, bytes.length);
  for (let index = 0; index < bytes.length; index++) decoder.push(bytes.subarray(index, index + 1));
  assert.is(decoder.isComplete, true);
  assert.ok(decoder.bytes.equals(bytes));
});

byLength.run();

const chunked = suite('body: chunked');

const wholeBodies: readonly [name: string, text: string, body: string][] = [
  ['none', '0\r\n\r\n', ''],
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['several', '1\r\nh\r\n3\r\nell\r\n1\r\no\r\n0\r\n\r\n', 'hello'],
  ['RFC 9112 §7.1: sizes in hexadecimal of either case', 'a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n',
    '0123456789abcdefghij'],
  ['a size of two digits', '1f\r\n0123456789012345678901234567890\r\n0\r\n\r\n', '0123456789012345678901234567890'],
  ['leading zeros', '0005\r\nhello\r\n000\r\n\r\n', 'hello'],
  ['line endings in the data', '7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', '\r\n0\r\n\r\n'],
  ['RFC 9112 §7.1.1: extensions are ignored', '5;a\r\nhello\r\n0;b=c;d="e f"\r\n\r\n', 'hello'],
  ['bad whitespace before an extension', '5 \t;a=1\r\nhello\r\n0 ; b\r\n\r\n', 'hello'],
  ['an extension that looks like a size', '1;ff\r\nh\r\n0;5\r\n\r\n', 'h'],
  ['several extensions', '5;a=b;c="d e"\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['bad whitespace in an extension', '1 ;\ta = "b" ; c\t=\td;e\r\nh\r\n0\r\n\r\n', 'h'],
  ['an empty quoted string', '1;a=""\r\nh\r\n0\r\n\r\n', 'h'],
  ['all that a quoted string may hold', '1;a="\t !#[]~\x80\xff;=\\"\\\\\\\xff\\\t"\r\nh\r\n0\r\n\r\n', 'h'],
  ['all that a token may hold', "1;!#$%&'*+-.^_`|~aZ09=~\r\nh\r\n0\r\n\r\n", 'h'],
  ['RFC 9112 §7.1.2: trailers are ignored', '1\r\nh\r\n0\r\nA: 1\r\nContent-Length: 9\r\n\r\n', 'h'],
  ['trailers by the rules of the head', '0\r\nA:\r\nB:\t \xe9 \t\r\n__proto__: c:d\r\n\r\n', ''],
  ['bytes of any value', '4\r\n\x00\xff\x80\x7f\r\n0\r\n\r\n', '\x00\xff\x80\x7f'],
];

for (const [name, text, body] of wholeBodies) {
  chunked(name, () => {
    const expected = { body, used: text.length, isComplete: true };
    assertEveryCut(latin1(text), (chunks) => decode(chunks, 'chunked'), expected, { trailing: latin1('5\r\nGET /') });
  });
}

const unfinished: readonly [text: string, body: string][] = [
  ['5', ''],
  ['5\r', ''],
  ['5\r\n', ''],
  ['5\r\nhell', 'hell'],
  ['5\r\nhello', 'hello'],
  ['5\r\nhello\r', 'hello'],
  ['5\r\nhello\r\n', 'hello'],
  ['5\r\nhello\r\n0\r\n', 'hello'],
  ['5\r\nhello\r\n0\r\nA: 1\r\n', 'hello'],
  ['5\r\nhello\r\n0\r\n\r', 'hello'],
];

for (const [text, body] of unfinished) {
  chunked(`not complete: ${JSON.stringify(text)}`, () => {
    assertEveryCut(latin1(text), (chunks) => decode(chunks, 'chunked'), { body, used: text.length, isComplete: false });
  });
}

const broken: readonly [name: string, text: string][] = [
  ['an empty size line', '\r\n'],
  ['no size before an extension', ';a\r\n'],
  ['no hexadecimal digit', 'g\r\n'],
  ['a no-break space behind the size', '5\xa0\r\n'],
  ['a letter behind the size', '5x\r\nhello'],
  ['a prefix', '0x5\r\nhello'],
  ['a sign', '+5\r\nhello'],
  ['a negative size', '-5\r\nhello'],
  ['a fraction', '5.0\r\nhello'],
  ['a separator', '1_0\r\n'],
  ['whitespace before the size', ' 5\r\nhello'],
  ['two sizes', '5 5\r\nhello'],
  ['a list of sizes', '5,5\r\nhello'],
  ['a size of a byte beyond ASCII', '\xb5\r\n'],
  ['2^52', '10000000000000\r\n'],
  ['2^64 + 5', '10000000000000005\r\n'],
  ['a size of many digits', `${'f'.repeat(1000)}\r\n`],
  ['a bare LF behind the size', '5\nhello\r\n0\r\n\r\n'],
  ['a bare LF behind the data', '5\r\nhello\n0\r\n\r\n'],
  ['a bare CR in the size line', '5\rhello\r\n'],
  ['a bare CR behind the data', '5\r\nhello\rx'],
  ['two CRs behind the size', '5\r\r\nhello'],
  ['a control character in an extension', '5;\x00\r\nhello'],
  ['DEL in an extension', '5;\x7f\r\nhello'],
  ['a byte beyond ASCII in the name of an extension', '5;a\xff\r\nhello'],
  ['a byte beyond ASCII in its value', '5;a=\xff\r\nhello'],
  ['a semicolon without an extension', '5;\r\nhello'],
  ['a semicolon without an extension, of the last chunk', '0;\r\n\r\n'],
  ['semicolons only', '5;;;\r\nhello'],
  ['an empty extension between others', '5;a;;b\r\nhello'],
  ['an extension that is no token', '5;bad[=x\r\nhello'],
  ['an extension without a name', '5;=a\r\nhello'],
  ['an extension without its value', '5;a=\r\nhello'],
  ['an extension of two words', '5;a b\r\nhello'],
  ['a quoted string without an end', '5;a="unclosed\r\nhello'],
  ['a quoted string that ends with a backslash', '5;a="b\\"\r\nhello'],
  ['a control character in a quoted string', '5;a="\x01"\r\nhello'],
  ['a quoted control character', '5;a="\\\x7f"\r\nhello'],
  ['text behind a quoted string', '5;a="b"c\r\nhello'],
  ['a quoted name', '5;"a"\r\nhello'],
  ['a space behind the size', '5 \r\nhello'],
  ['a tab behind the size', '5\t\r\nhello'],
  ['a space behind an extension', '5;a=b \r\nhello'],
  ['a chunk longer than its size', '4\r\nhello\r\n0\r\n\r\n'],
  ['a chunk shorter than its size', '6\r\nhello\r\n0\r\n\r\n'],
];

for (const [name, text] of broken) {
  chunked(`refused: ${name}`, () => {
    const expected = { code: 'CHUNKED_INVALID', status: 400 };
    assertEveryCut(latin1(text), (chunks) => decode(chunks, 'chunked'), expected);
  });
}

chunked('the refusal says what was wrong', () => {
  throws(() => new BodyDecoder('chunked', 10).push(latin1('g\r\n')), {
    name: 'HttpError',
    message: 'the chunked body is broken: a chunk begins with its size in hexadecimal, extensions and CR LF',
  });
});

const wrongTrailers: readonly [name: string, trailers: string, code: string, status?: number][] = [
  ['no colon', 'nocolon\r\n\r\n', 'HEADER_INVALID'],
  ['a space before the colon', 'X : y\r\n\r\n', 'HEADER_INVALID'],
  ['no name', ': y\r\n\r\n', 'HEADER_INVALID'],
  ['a name that is no token', 'X[: y\r\n\r\n', 'HEADER_INVALID'],
  ['a request line', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'HEADER_INVALID'],
  ['a space before the name', ' X: y\r\n\r\n', 'FOLDING_OBSOLETE'],
  ['a folded value', 'X: y\r\n z\r\n\r\n', 'FOLDING_OBSOLETE'],
  ['a bare LF', 'A: 1\n\r\n', 'LINE_ENDING_INVALID'],
  ['a bare CR', 'A: 1\rB: 2\r\n\r\n', 'LINE_ENDING_INVALID'],
  ['a bare LF at the end', '\n', 'LINE_ENDING_INVALID'],
  ['a control character', 'A: \x01\r\n\r\n', 'BYTE_INVALID'],
  ['129 of them', 'A: 1\r\n'.repeat(129), 'TOO_MANY_HEADER_FIELDS', 431],
];

for (const [name, trailers, code, status = 400] of wrongTrailers) {
  chunked(`trailers refused: ${name}`, () => {
    const text = latin1(`1\r\nh\r\n0\r\n${trailers}`);
    assertEveryCut(text, (chunks) => decode(chunks, 'chunked'), { code, status });
  });
}

const limits: readonly [name: string, text: string, outcome: Outcome][] = [
  ['one chunk as long as the limit', '5\r\nhello\r\n0\r\n\r\n', { body: 'hello', used: 15, isComplete: true }],
  ['chunks as long as the limit', '4\r\nhell\r\n1\r\no\r\n0\r\n\r\n', { body: 'hello', used: 20, isComplete: true }],
  ['a chunk over the limit, at its size', '6\r\n', { code: 'BODY_TOO_LARGE', status: 413 }],
  ['a chunk of 2^48 - 1 bytes', 'ffffffffffff\r\n', { code: 'BODY_TOO_LARGE', status: 413 }],
  ['chunks over the limit together', '4\r\nhell\r\n2\r\n', { code: 'BODY_TOO_LARGE', status: 413 }],
];

for (const [name, text, outcome] of limits) {
  chunked(name, () => {
    assertEveryCut(latin1(text), (chunks) => decode(chunks, 'chunked', 5), outcome);
  });
}

/** What was refused, whose chunks are as they should be. */
const REFUSED = { code: 'CHUNKED_INVALID', status: 400 };

chunked('§7.1.1: extensions of 16 KiB in sum pass, one byte more is refused', () => {
  // Each takes 16 bytes.
  const chunk = '1;a="bcdefghijkl"\r\nh\r\n';
  const passing = latin1(`${chunk.repeat(1023)}0;${'a'.repeat(15)}\r\n\r\n`);
  assert.equal(decode([passing], 'chunked', 2000), { body: 'h'.repeat(1023), used: passing.length, isComplete: true });
  assert.equal(decode([latin1(`${chunk.repeat(1023)}0;${'a'.repeat(16)}\r\n\r\n`)], 'chunked', 2000), REFUSED);
});

chunked('an extension without an end is refused, alone and after others', () => {
  assert.equal(decode(endless('1;', 'a'), 'chunked'), REFUSED);
  assert.equal(decode(endless(`1;${'b'.repeat(16_000)}\r\nh\r\n1;`, 'a'), 'chunked'), REFUSED);
  // As soon as it is sure: with the longest size there is room for no more.
  const start = `1;${'b'.repeat(15_999)}\r\nh\r\n1;`;
  const decoder = new BodyDecoder('chunked', 1000);
  decoder.push(latin1(start + 'a'.repeat(396)));
  throws(() => decoder.push(latin1('a')), { code: 'CHUNKED_INVALID', message: /extensions are over 16384 bytes$/ });
});

chunked('extensions that the grammar could be lost in are read in linear time', () => {
  for (const filler of [';a', ' ', ';a=b', '\t;\ta\t', '\\"', '\\', ';a="', '"', '=']) {
    for (const start of ['1;a', '1;a="', '1', '1;a=']) {
      const line = latin1(`${(start + filler.repeat(16_000)).slice(0, 16_380)}\x01\r\n`);
      for (let round = 0; round < 20; round++) assert.equal(decode([line], 'chunked'), REFUSED);
    }
  }
});

chunked('128 trailers pass, a trailer or trailers without an end are refused', () => {
  const passing = latin1(`0\r\n${'A: 1\r\n'.repeat(128)}\r\n`);
  assert.equal(decode([passing], 'chunked'), { body: '', used: passing.length, isComplete: true });
  assert.equal(decode(endless('0\r\n', 'A: 1\r\n'), 'chunked'), { code: 'TOO_MANY_HEADER_FIELDS', status: 431 });
  assert.equal(decode(endless('0\r\nA:', ' 1'), 'chunked'), { code: 'HEAD_TOO_LARGE', status: 431 });
});

chunked('digits without an end are refused', () => {
  assert.equal(decode(endless('', '0'), 'chunked'), { code: 'CHUNKED_INVALID', status: 400 });
});

/** Ends only after far more bytes than any parser may take. */
function* endless(start: string, repeated: string): Generator<Buffer> {
  yield latin1(start || repeated);
  for (let count = 0; count < 1000; count++) yield latin1(repeated.repeat(100));
}

chunked.run();

const discarding = suite('body: discard');

discarding('the bytes are counted, not kept', () => {
  for (const [length, text] of [[5, 'hello'], ['chunked', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n']] as const) {
    const decoder = new BodyDecoder(length, 5);
    decoder.discard();
    assert.is(decoder.push(latin1(`${text}GET /`)), text.length);
    assert.is(decoder.isComplete, true);
    assert.is(decoder.bytes.length, 0);
  }
});

discarding('the limit holds', () => {
  const decoder = new BodyDecoder('chunked', 5);
  decoder.discard();
  decoder.push(latin1('4\r\nhell\r\n'));
  throws(() => decoder.push(latin1('2\r\n')), { code: 'BODY_TOO_LARGE', status: 413 });
});

discarding('the grammar holds', () => {
  const decoder = new BodyDecoder('chunked', 5);
  decoder.discard();
  throws(() => decoder.push(latin1('5\r\nhello!\r\n')), { code: 'CHUNKED_INVALID' });
});

discarding('memory stays flat', () => {
  const decoder = new BodyDecoder(64 << 20, 64 << 20);
  decoder.discard();
  const chunk = Buffer.alloc(1 << 20);
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 64; count++) decoder.push(chunk);
  assert.is(decoder.isComplete, true);
  assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
});

discarding.run();
