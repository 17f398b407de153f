// Heads as they are written, and what may not be written in one (RFC 9112 §3, §4).
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { checkField } from '../../src/http/fields.js';
import { serializeRequestHead, serializeResponseHead } from '../../src/http/serialize.js';
import { suite } from '../runner/suite.js';

const test = suite('http/serialize');

const responses: [name: string, status: number, headers: [string, string][], expected: string][] = [
  ['no field', 204, [], 'HTTP/1.1 204 No Content\r\n\r\n'],
  [
    'fields in order, as written', 200, [['B', '1'], ['a', '2'], ['B', '3']],
    'HTTP/1.1 200 OK\r\nB: 1\r\na: 2\r\nB: 3\r\n\r\n',
  ],
  ['§4: a status that is not registered', 299, [], 'HTTP/1.1 299 \r\n\r\n'],
  ['the lowest status', 100, [], 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['the highest status', 599, [], 'HTTP/1.1 599 \r\n\r\n'],
  ['a tab and bytes beyond ASCII', 200, [['X', 'a\tb \x80\xff']], 'HTTP/1.1 200 OK\r\nX: a\tb \x80\xff\r\n\r\n'],
  ['an empty value', 200, [['X', '']], 'HTTP/1.1 200 OK\r\nX: \r\n\r\n'],
  ['an unusual name', 200, [['__proto__', '1'], ["!#$%&'*+-.^_`|~", '2']],
    "HTTP/1.1 200 OK\r\n__proto__: 1\r\n!#$%&'*+-.^_`|~: 2\r\n\r\n"],
];
for (const [name, status, headers, expected] of responses) {
  test(`serializes a response with ${name}`, () => assert.is(serializeResponseHead(status, headers), expected));
}

test('a field that may be written passes the check', () => {
  for (const [, , headers] of responses) headers.forEach((header) => checkField(...header));
});

test('serializes headers from any iterable', () => {
  const expected = 'HTTP/1.1 404 Not Found\r\na: 1\r\n\r\n';
  assert.is(serializeResponseHead(404, new Map([['a', '1']])), expected);
  assert.is(serializeResponseHead(404, Object.entries({ a: '1' })), expected);
});

const reasons: [status: number, phrase: string][] = [
  [101, 'Switching Protocols'], [400, 'Bad Request'], [403, 'Forbidden'], [404, 'Not Found'],
  [405, 'Method Not Allowed'], [408, 'Request Timeout'], [413, 'Content Too Large'], [414, 'URI Too Long'],
  [426, 'Upgrade Required'],
  [431, 'Request Header Fields Too Large'], [500, 'Internal Server Error'], [501, 'Not Implemented'],
  [503, 'Service Unavailable'], [505, 'HTTP Version Not Supported'],
];
test('RFC 9110 §15: the reason phrases of the statuses that the server sends by itself', () => {
  for (const [status, phrase] of reasons) {
    assert.is(serializeResponseHead(status, []), `HTTP/1.1 ${status} ${phrase}\r\n\r\n`);
  }
});

for (const status of [0, 99, 600, 1000, -200, 200.5, NaN, Infinity]) {
  test(`refuses to serialize the status ${status}`, () => {
    assert.throws(() => serializeResponseHead(status, []), (error: unknown) => error instanceof RangeError);
  });
}

const badHeaders: [name: string, header: [string, string]][] = [
  ['an empty name', ['', 'a']],
  ['a space in a name', ['a b', 'c']],
  ['a colon in a name', ['a:', 'c']],
  ['a line break in a name', ['a\r\nb', 'c']],
  ['a letter beyond ASCII in a name', ['\u00e9', 'c']],
  ['a letter beyond latin1 in a name', ['\u0161', 'c']],
  ['CR LF in a value', ['a', 'b\r\nSet-Cookie: c']],
  ['CR in a value', ['a', 'b\rc']],
  ['LF in a value', ['a', 'b\nc']],
  ['LF at the end of a value', ['a', 'b\n']],
  ['NUL in a value', ['a', 'b\0']],
  ['an escape in a value', ['a', '\x1b']],
  ['DEL in a value', ['a', '\x7f']],
  ['a character that latin1 would cut to LF', ['a', 'b\u010ac']],
  ['an emoji in a value', ['a', '\u{1f600}']],
];
for (const [name, header] of badHeaders) {
  test(`refuses to serialize ${name}`, () => {
    assert.throws(() => serializeResponseHead(200, [header]), (error: unknown) => error instanceof TypeError);
    assert.throws(() => checkField(...header), (error: unknown) => error instanceof TypeError);
  });
}

for (const value of [undefined, null]) {
  test(`a value that is ${value} is a TypeError that names the field, never that text`, () => {
    const header = ['X-Name', value] as unknown as [string, string];
    const expected = { name: 'TypeError', message: new RegExp(`^the value of X-Name is ${value};`) };
    throws(() => checkField(...header), expected);
    throws(() => serializeResponseHead(200, [header]), expected);
    throws(() => serializeRequestHead('GET', '/', [header]), expected);
  });
}

test.run();
