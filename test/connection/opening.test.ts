// A client's opening handshake apart from any network: who it says it is, the request, and what comes of the answer.
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { resolveLimits } from '../../src/connection/limits.js';
import { ask, credentialsOf, openConnection, prepareOpening, redirectOf } from '../../src/connection/opening.js';
import { SilenceTimer } from '../../src/stream/silence-timer.js';
import { suite } from '../runner/suite.js';
import { acceptOf } from '../support/peers/raw-server.js';
import { FakeStream } from '../support/peers/fake-stream.js';
import { nextTurn, rejectionOf } from './harness.js';

const test = suite('connection/opening');

const credentials: [authority: string, decoded: string | null][] = [
  ['', null], ['@', null], [':@', null], ['a@', 'a:'], [':b@', ':b'], ['a:b@', 'a:b'], ['a:b:c@', 'a:b:c'],
  ['%C3%A4:%25@', 'ä:%'], ['ä:%20@', 'ä: '], ['%0D%0A:x@', '\r\n:x'],
];
for (const [authority, decoded] of credentials) {
  test(`RFC 7617: the credentials of "${authority}"`, () => {
    const value = credentialsOf(new URL(`ws://${authority}host/`));
    assert.is(value?.startsWith('Basic ') ?? null, decoded === null ? null : true);
    assert.is(value && Buffer.from(value.slice(6), 'base64').toString(), decoded);
  });
}

for (const authority of ['%zz@', 'a:%e4@', '%:b@']) {
  test(`the credentials "${authority}" are refused`, () => {
    throws(() => credentialsOf(new URL(`ws://${authority}host/`)), { name: 'TypeError', message: /percent-encoded/ });
  });
}

test('a refusal leads elsewhere if its status is that of a redirect and it has a Location', () => {
  const headers = { location: '/b' };
  const places = [301, 302, 303, 304, 307, 308, 200].map((status) => redirectOf({ status, headers }));
  assert.equal(places, ['/b', '/b', '/b', null, '/b', '/b', null]);
  assert.is(redirectOf({ status: 301, headers: {} }), null);
});

/** Opens over a stream in memory that answers what the test says. */
async function open(answer: (key: string) => string) {
  const stream = new FakeStream();
  const url = new URL('ws://example.com/chat?a=b');
  const opening = prepareOpening({ url, headers: [['X-Test', '1']] }, {}, resolveLimits({}));
  const { signal } = new AbortController();
  const asked = ask({ stream, remoteAddress: '192.0.2.1', isSocket: false }, opening, signal);
  const attempt = openConnection(asked, opening, new SilenceTimer(0), signal);
  await nextTurn();
  const head = stream.written.toString();
  const [, key = ''] = /^Sec-WebSocket-Key: (.*)\r$/m.exec(head) ?? [];
  stream.receive(Buffer.from(answer(key), 'latin1'));
  return { stream, head, attempt };
}

test('§4.1: the request, and a connection that has read what followed the answer', async () => {
  const fields = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ';
  const { head, attempt } = await open((key) => `HTTP/1.1 101 .\r\n${fields}${acceptOf(key)}\r\n\r\n\x81\x02hi`);
  assert.is(head.replace(/Key: .{24}/, 'Key: …'), 'GET /chat?a=b HTTP/1.1\r\nHost: example.com\r\nX-Test: 1\r\n' +
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: …\r\n\r\n');
  const connection = await attempt;
  assert.is(await connection.wait(), 'hi');
  const { path, query, headers, remoteAddress } = connection.request;
  assert.equal([path, `${query}`, headers.get('x-test'), remoteAddress], ['/chat', 'a=b', '1', '192.0.2.1']);
  connection.terminate();
});

for (const [name, answer] of [
  ['a status of 200, as over HTTP/2', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno'],
  ['a refusal', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'],
  ['an answer to another key', 'HTTP/1.1 101 .\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'],
] as const) {
  test(`${name} destroys the stream`, async () => {
    const { stream, attempt } = await open(() => answer);
    await rejectionOf(attempt);
    assert.is(stream.destroyed, true);
  });
}

test.run();
