// What a handler may return and what becomes of it: each form, each default, and each mistake.
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { hasNoBody, toRefusal, toResponse, type ReplyParts } from '../../src/server/reply.js';
import { suite } from '../runner/suite.js';
import { wrongly } from './harness.js';

const TEXT = ['Content-Type', 'text/plain; charset=utf-8'] as const;
const BYTES = ['Content-Type', 'application/octet-stream'] as const;

async function* stream(): AsyncGenerator<string> {
  yield 'a';
}

const forms = suite('reply: forms');

const replies: readonly [
  name: string, reply: unknown, status: number, headers: readonly (readonly [string, string])[], body: string | null,
][] = [
  ['text', 'hello', 200, [TEXT], 'hello'],
  ['no text', '', 200, [TEXT], ''],
  ['text beyond ASCII is UTF-8', 'é你😀', 200, [TEXT], 'é你😀'],
  ['bytes', Uint8Array.of(0x68, 0x69), 200, [BYTES], 'hi'],
  ['a Buffer', Buffer.from('hi'), 200, [BYTES], 'hi'],
  ['undefined', undefined, 204, [], null],
  ['null', null, 204, [], null],
  ['no parts', {}, 200, [], ''],
  ['a status', { status: 404 }, 404, [], ''],
  ['all parts', { status: 201, headers: { Location: '/1' }, body: 'made' }, 201, [['Location', '/1'], TEXT], 'made'],
  ['bytes in parts', { body: Buffer.from('hi') }, 200, [BYTES], 'hi'],
  ['a Content-Type of its own', { headers: { 'content-type': 'text/html' }, body: '<p>' }, 200,
    [['content-type', 'text/html']], '<p>'],
  ['a list stands for several lines', { headers: { 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Cookie' } }, 200,
    [['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'], ['Vary', 'Cookie']], ''],
  ['an empty list stands for none', { headers: { 'Set-Cookie': [] } }, 200, [], ''],
  ['an empty value', { headers: { 'X-A': '' } }, 200, [['X-A', '']], ''],
  ['latin1 in a value', { headers: { 'X-A': '\xe9\t~' } }, 200, [['X-A', '\xe9\t~']], ''],
  ['304 has no body', { status: 304, headers: { ETag: '"1"' } }, 304, [['ETag', '"1"']], null],
  ['304 drops a body', { status: 304, body: Buffer.from('hi') }, 304, [BYTES], null],
  ['204 drops a body', { status: 204, body: stream() }, 204, [], null],
  ['the lowest status', { status: 200 }, 200, [], ''],
  ['the highest status', { status: 599 }, 599, [], ''],
];

for (const [name, reply, status, headers, body] of replies) {
  forms(name, () => {
    const response = toResponse(wrongly(reply));
    assert.is(response.status, status);
    assert.equal(response.headers, headers);
    assert.is(response.body === null ? null : Buffer.from(response.body as Uint8Array).toString(), body);
  });
}

forms('an async iterable is passed on, and has no default type', () => {
  const body = stream();
  const response = toResponse({ body });
  assert.is(response.body, body);
  assert.equal(response.headers, []);
});

forms('the reply is left as it was', () => {
  const reply: ReplyParts = { headers: { A: '1' }, body: 'hi' };
  toResponse(reply);
  assert.equal(reply, { headers: { A: '1' }, body: 'hi' });
});

forms('204 and 304 have no body, others may', () => {
  assert.equal([200, 204, 205, 301, 304, 400].map(hasNoBody), [false, true, false, false, true, false]);
});

forms.run();

const mistakes = suite('reply: mistakes');

const wrong: readonly [name: string, reply: unknown, error: RegExp][] = [
  ['a number', 200, /^TypeError: a handler returns text, bytes or an object, not number$/],
  ['zero', 0, /^TypeError: .* not number$/],
  ['true', true, /^TypeError: .* not boolean$/],
  ['false', false, /^TypeError: .* not boolean$/],
  ['a bigint', 1n, /^TypeError: .* not bigint$/],
  ['a symbol', Symbol('a'), /^TypeError: .* not symbol$/],
  ['a function', () => 'hello', /^TypeError: .* not function$/],
  ['status 0', { status: 0 }, /^RangeError: the status of a reply is 200 to 599, not 0$/],
  ['status 100', { status: 100 }, /^RangeError: .* not 100$/],
  ['status 101', { status: 101 }, /^RangeError: .* not 101$/],
  ['status 199', { status: 199 }, /^RangeError: .* not 199$/],
  ['status 600', { status: 600 }, /^RangeError: .* not 600$/],
  ['status 200.5', { status: 200.5 }, /^RangeError: .* not 200.5$/],
  ['status NaN', { status: NaN }, /^RangeError: .* not NaN$/],
  ['a status as text', { status: '200' }, /^RangeError: .* not 200$/],
  ['status null', { status: null }, /^RangeError: .* not null$/],
  ['a body that is a number', { body: 5 }, /^TypeError: the body of a reply is text, bytes or an async iterable/],
  ['a body that is null', { body: null }, /^TypeError: the body of a reply/],
  ['a body that is an object', { body: { a: 1 } }, /^TypeError: the body of a reply/],
  ['a body that is a list', { body: ['a'] }, /^TypeError: the body of a reply/],
  ['an ArrayBuffer', { body: new ArrayBuffer(1) }, /^TypeError: the body of a reply/],
  ['CR LF in a value', { headers: { A: 'b\r\nSet-Cookie: c=d' } }, /^TypeError: the value of A holds a character/],
  ['LF in a value', { headers: { A: 'b\nc' } }, /^TypeError: the value of A/],
  ['CR in a value', { headers: { A: 'b\rc' } }, /^TypeError: the value of A/],
  ['NUL in a value', { headers: { A: '\0' } }, /^TypeError: the value of A/],
  ['DEL in a value', { headers: { A: '\x7f' } }, /^TypeError: the value of A/],
  ['a value beyond latin1', { headers: { A: '你' } }, /^TypeError: the value of A/],
  ['undefined as a value', { headers: { A: undefined } }, /^TypeError: the value of A is undefined; give it one, or/],
  ['null as a value', { headers: { A: null } }, /^TypeError: the value of A is null/],
  ['undefined among several values', { headers: { A: ['b', undefined] } }, /^TypeError: the value of A is undefined/],
  ['CR LF in one of several values', { headers: { A: ['b', 'c\r\nD: e'] } }, /^TypeError: the value of A/],
  ['an empty name', { headers: { '': 'a' } }, /^TypeError: "" is not a header name/],
  ['a space in a name', { headers: { 'A B': 'a' } }, /^TypeError: "A B" is not a header name/],
  ['a colon in a name', { headers: { 'A:': 'a' } }, /^TypeError: "A:" is not a header name/],
  ['CR LF in a name', { headers: { 'A: b\r\nC': 'a' } }, /^TypeError: "A: b\\r\\nC" is not a header name/],
  ['a name beyond ASCII', { headers: { Ä: 'a' } }, /^TypeError: "Ä" is not a header name/],
  ['Content-Length', { headers: { 'Content-Length': '5' }, body: 'hello' }, /^TypeError: Content-Length is set by the/],
  ['content-length', { headers: { 'content-length': '4' }, body: 'hello' }, /^TypeError: content-length is set by the/],
  ['Transfer-Encoding', { headers: { 'Transfer-Encoding': 'chunked' } }, /^TypeError: Transfer-Encoding is set by the/],
  ['Connection', { headers: { CONNECTION: 'close' } }, /^TypeError: CONNECTION is set by the server; leave it out$/],
  ['Upgrade', { headers: { Upgrade: 'h2c' } }, /^TypeError: Upgrade is set by the server; leave it out$/],
  ['an object that is meant as JSON', { name: 'Ada' }, /^TypeError: a reply has status, headers and body, not "name"/],
];

for (const [name, reply, error] of wrong) {
  mistakes(name, () => {
    throws(() => toResponse(wrongly(reply)), error);
  });
}

mistakes.run();

const refusals = suite('reply: refusals');

refusals('status, headers and text of the error', () => {
  const error = new HttpError('CODE', 401, 'sign in first', { headers: { 'WWW-Authenticate': 'Basic' } });
  assert.equal(toRefusal(error), {
    status: 401,
    headers: [['WWW-Authenticate', 'Basic'], ['Content-Type', 'text/plain; charset=utf-8']],
    body: Buffer.from('sign in first\n'),
  });
});

refusals('a body and a type of its own', () => {
  const refusal = { headers: { 'content-type': 'application/json' }, body: '{"é":1}' };
  assert.equal(toRefusal(new HttpError('CODE', 403, 'message', refusal)), {
    status: 403,
    headers: [['content-type', 'application/json']],
    body: Buffer.from('{"é":1}'),
  });
});

refusals('426 keeps the fields that RFC 9110 §15.5.22 asks for', () => {
  const headers = { Upgrade: 'websocket', Connection: 'Upgrade', 'Content-Type': 'text/plain' };
  assert.equal(toRefusal(new HttpError('CODE', 426, 'message', { headers })).headers, Object.entries(headers));
});

refusals('204 and 304 have no body', () => {
  for (const status of [204, 304]) assert.is(toRefusal(new HttpError('CODE', status, 'message')).body, null);
});

const wrongRefusals: readonly [name: string, status: number, headers: Record<string, string>, error: RegExp][] = [
  ['CR LF in a value', 403, { A: 'b\r\nC: d' }, /^TypeError: the value of A holds a character/],
  ['undefined as a value', 403, { A: undefined } as never, /^TypeError: the value of A is undefined/],
  ['a space in a name', 403, { 'A B': 'c' }, /^TypeError: "A B" is not a header name/],
  ['a length of its own', 403, { 'Content-Length': '1' }, /^TypeError: Content-Length is set by the server/],
  ['a coding of its own', 403, { 'transfer-encoding': 'chunked' }, /^TypeError: transfer-encoding is set by/],
  ['status 101', 101, {}, /^RangeError: the status of a reply is 200 to 599, not 101$/],
  ['status 1000', 1000, {}, /^RangeError: the status of a reply is 200 to 599, not 1000$/],
];

for (const [name, status, headers, error] of wrongRefusals) {
  refusals(`a mistake: ${name}`, () => {
    throws(() => toRefusal(new HttpError('CODE', status, 'message', { headers })), error);
  });
}

refusals.run();
