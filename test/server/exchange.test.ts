// An exchange without a socket: the body when it is asked for, skipped when it is not, and the client that leaves.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { RequestHeadParser } from '../../src/http/request-head.js';
import { Exchange } from '../../src/server/exchange.js';
import { suite } from '../runner/suite.js';
import { countTimers } from './harness.js';

/** An exchange and what it has asked of its connection. */
interface Begun {
  readonly exchange: Exchange;
  readonly asked: string[];
}

function begin(fields: string, { bodyTimeout = 60_000, version = '1.1' } = {}): Begun {
  const head = new RequestHeadParser().push(Buffer.from(`POST / HTTP/${version}\r\nHost: a\r\n${fields}\r\n`))!;
  const asked: string[] = [];
  const exchange = new Exchange(head, {
    remoteAddress: '192.0.2.1',
    socket: { bytesRead: 0, bytesWritten: 0, destroyed: false },
    bytesReadBefore: 0,
    bytesWrittenBefore: 0,
    context: { maxBodyBytes: 10, bodyTimeout, proxyTrust: null },
    readBytes: () => void asked.push('read bytes'),
    sendContinue: () => void asked.push('send continue'),
    accept: () => null,
  });
  return { exchange, asked };
}

const LENGTH = 'Content-Length: 5\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const EXPECT = 'Expect: 100-continue\r\n';

const incomplete = { name: 'HttpError', code: 'BODY_INCOMPLETE', status: 400 };

const reading = suite('exchange: reading the body');

for (const [name, fields] of [['by length', LENGTH], ['chunked', CHUNKED]] as const) {
  reading(`${name}: the bytes of the body are taken, those after it are left`, async () => {
    const { exchange, asked } = begin(fields);
    assert.is(exchange.isReadingBody, false);
    const body = exchange.readBody();
    assert.is(exchange.isReadingBody, true);
    assert.equal(asked, ['read bytes']);
    const parts = fields === LENGTH ? ['he', 'llo'] : ['5\r\nhe', 'llo\r\n0\r\n\r\n'];
    assert.is(exchange.receive(Buffer.from(parts[0]!)), parts[0]!.length);
    assert.is(exchange.receive(Buffer.from(`${parts[1]}GET`)), parts[1]!.length);
    assert.is(exchange.isReadingBody, false);
    assert.is((await body).toString(), 'hello');
  });
}

reading('asked again it gives the same', async () => {
  const { exchange, asked } = begin(LENGTH);
  const body = exchange.readBody();
  assert.is(exchange.readBody(), body);
  exchange.receive(Buffer.from('hello'));
  assert.is(exchange.readBody(), body);
  assert.is(await exchange.readBody(), await body);
  assert.equal(asked, ['read bytes']);
});

for (const [name, fields] of [
  ['no length', ''],
  ['length 0', 'Content-Length: 0\r\n'],
  ['no length, but an expectation', EXPECT],
] as const) {
  reading(`without a body nothing is asked for: ${name}`, async () => {
    const { exchange, asked } = begin(fields);
    assert.is((await exchange.readBody()).length, 0);
    assert.equal(asked, []);
  });
}

reading('a body over the limit is refused before it is asked for', async () => {
  const { exchange, asked } = begin(`Content-Length: 11\r\n${EXPECT}`);
  await rejects(exchange.readBody(), { name: 'HttpError', code: 'BODY_TOO_LARGE', status: 413 });
  assert.equal(asked, []);
  assert.is(exchange.isReadingBody, false);
});

for (const [name, text, code, status] of [
  ['broken', '5x\r\n', 'CHUNKED_INVALID', 400],
  ['over the limit', 'b\r\n', 'BODY_TOO_LARGE', 413],
] as const) {
  reading(`a chunked body that is ${name} rejects, and no byte after it is a request`, async () => {
    const { exchange } = begin(CHUNKED);
    const body = exchange.readBody();
    assert.is(exchange.receive(Buffer.from(`${text}GET / HTTP/1.1`)), text.length + 14);
    assert.is(exchange.isReadingBody, false);
    assert.is(exchange.canSkipBody, false);
    await rejects(body, { code, status });
    await rejects(exchange.readBody(), { code });
  });
}

reading('a body that takes too long rejects with 408', async () => {
  const { exchange } = begin(LENGTH, { bodyTimeout: 5 });
  const body = exchange.readBody();
  exchange.receive(Buffer.from('hell'));
  const message = 'the body took longer than bodyTimeout (5 ms)';
  await rejects(body, { name: 'HttpError', code: 'BODY_TIMEOUT', status: 408, message });
  assert.is(exchange.isReadingBody, false);
  assert.is(exchange.canSkipBody, false);
});

reading('no timer is left when the body has come, broken or ended', async () => {
  const before = countTimers();
  for (const end of [
    (exchange: Exchange) => exchange.receive(Buffer.from('1\r\na\r\n0\r\n\r\n')),
    (exchange: Exchange) => exchange.receive(Buffer.from('x\r\n')),
    (exchange: Exchange) => exchange.leave(),
  ]) {
    const { exchange } = begin(CHUNKED);
    void exchange.readBody();
    assert.is(countTimers(), before + 1);
    end(exchange);
    assert.is(countTimers(), before);
  }
});

reading('RFC 9110 §10.1.1: 100 Continue is sent once the body is asked for', () => {
  const { exchange, asked } = begin(`${LENGTH}${EXPECT}`);
  assert.equal(asked, []);
  void exchange.readBody();
  void exchange.readBody();
  assert.equal(asked, ['send continue', 'read bytes']);
  exchange.leave();
});

reading('RFC 9110 §10.1.1: to HTTP/1.0 it is not', () => {
  const { exchange, asked } = begin(`${LENGTH}${EXPECT}`, { version: '1.0' });
  void exchange.readBody();
  assert.equal(asked, ['read bytes']);
  exchange.leave();
});

reading.run();

const skipping = suite('exchange: skipping the body');

const skippable: readonly [name: string, fields: string, canSkip: boolean][] = [
  ['no body', '', true],
  ['a short one', LENGTH, true],
  ['one as long as the limit', 'Content-Length: 10\r\n', true],
  ['one over the limit', 'Content-Length: 11\r\n', false],
  ['a chunked one', CHUNKED, true],
  ['one that the client holds back', `${LENGTH}${EXPECT}`, false],
  ['a chunked one that the client holds back', `${CHUNKED}${EXPECT}`, false],
  ['none, though the client would hold it back', EXPECT, true],
];

for (const [name, fields, canSkip] of skippable) {
  skipping(`${canSkip ? 'can' : 'cannot'} be skipped: ${name}`, () => {
    assert.is(begin(fields).exchange.canSkipBody, canSkip);
  });
}

skipping('it can be while it is read, also if the client held it back', () => {
  const { exchange } = begin(`${LENGTH}${EXPECT}`);
  void exchange.readBody();
  assert.is(exchange.canSkipBody, true);
  exchange.receive(Buffer.from('hello'));
  assert.is(exchange.canSkipBody, true);
});

skipping('nothing is to be skipped without a body, or after one that was read', async () => {
  assert.is(await begin('').exchange.skipBody(), true);
  const { exchange, asked } = begin(LENGTH);
  void exchange.readBody();
  exchange.receive(Buffer.from('hello'));
  assert.is(await exchange.skipBody(), true);
  assert.equal(asked, ['read bytes']);
});

skipping('bytes are taken up to the end of the body', async () => {
  const { exchange, asked } = begin(LENGTH);
  const skipped = exchange.skipBody();
  assert.equal(asked, ['read bytes']);
  assert.is(exchange.receive(Buffer.from('hel')), 3);
  assert.is(exchange.receive(Buffer.from('loGET')), 2);
  assert.is(await skipped, true);
});

skipping('it fails if the body is broken, too large, too slow, or ends early', async () => {
  for (const [fields, text, bodyTimeout] of [
    [CHUNKED, 'x\r\n', 60_000],
    [CHUNKED, 'b\r\n', 60_000],
    [LENGTH, 'hell', 5],
  ] as const) {
    const { exchange } = begin(fields, { bodyTimeout });
    const skipped = exchange.skipBody();
    exchange.receive(Buffer.from(text));
    assert.is(await skipped, false);
  }
  const { exchange } = begin(LENGTH);
  const skipped = exchange.skipBody();
  exchange.leave();
  assert.is(await skipped, false);
});

skipping('a body that was asked for comes whole, though the reply was sent before', async () => {
  const { exchange } = begin(LENGTH);
  const body = exchange.readBody();
  exchange.receive(Buffer.from('he'));
  const skipped = exchange.skipBody();
  exchange.receive(Buffer.from('llo'));
  assert.is((await body).toString(), 'hello');
  assert.is(await skipped, true);
});

skipping('a body that was skipped cannot be asked for any more', async () => {
  const { exchange } = begin(LENGTH);
  const skipped = exchange.skipBody();
  exchange.receive(Buffer.from('hello'));
  await skipped;
  await rejects(exchange.readBody(), { name: 'TypeError', message: /before the handler returns/ });
});

skipping.run();

const leaving = suite('exchange: the client leaves');

leaving('a body that is being read rejects, and one that is asked for later too', async () => {
  const { exchange } = begin(LENGTH);
  const body = exchange.readBody();
  exchange.receive(Buffer.from('hell'));
  exchange.leave();
  await rejects(body, incomplete);
  const late = begin(LENGTH);
  late.exchange.leave();
  await rejects(late.exchange.readBody(), incomplete);
  assert.equal(late.asked, []);
});

leaving('a body that has come stays', async () => {
  const { exchange } = begin(LENGTH);
  const body = exchange.readBody();
  exchange.receive(Buffer.from('hello'));
  exchange.leave();
  assert.is((await body).toString(), 'hello');
});

leaving('the request is told, if it had a route', () => {
  const { exchange } = begin('');
  assert.is(exchange.request, null);
  const request = exchange.begin({ name: 'x' });
  assert.is(exchange.request, request);
  assert.equal(request.params, { name: 'x' });
  assert.is(request.signal.aborted, false);
  exchange.leave();
  assert.is(request.signal.aborted, true);
});

leaving('once the reply was written the request is not told', async () => {
  const { exchange } = begin(LENGTH);
  const { signal } = exchange.begin({});
  const body = exchange.readBody();
  exchange.answer();
  exchange.leave();
  assert.is(signal.aborted, false);
  await rejects(body, incomplete);
});

leaving('a request without a route is answered, and left, as any other', () => {
  const { exchange } = begin('');
  exchange.answer();
  exchange.leave();
  assert.is(exchange.request, null);
});

leaving('a body that nobody waits for rejects without being reported', () => {
  // The runner fails a test with an unhandled rejection.
  const { exchange } = begin(LENGTH);
  void exchange.readBody();
  exchange.leave();
});

leaving.run();
