// Hostile opening handshakes that no other test has: docs/security.md says which inputs, and where the others are.
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { connect, createServer, HandshakeError, requireWebSocket } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { get, serve, type Served } from '../server/harness.js';
import { certificate, privateKey } from '../support/certificate.js';
import { httpRequest, RawClient, upgradeRequest, type FieldChanges } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';

const test = suite('security: handshakes');

/** Sends back the cookies of its request. */
const cookies = requireWebSocket(async ({ webSocket, headers }) => {
  await webSocket.send(Buffer.from(headers.get('cookie') ?? '', 'latin1'));
  await webSocket.closed;
});

async function serveCookies(): Promise<Served> {
  return await serve({ '/cookies': cookies });
}

/** The status of the answer to a handshake. */
async function statusOf(served: Served, path: string, changes: FieldChanges = {}): Promise<number> {
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest(path, changes));
  return (await client.readResponse()).status;
}

test('bytes beyond ASCII in each part of the request', async () => {
  await using served = await serveCookies();
  const cases: readonly (readonly [status: number, changes: FieldChanges])[] = [
    [400, { Host: 'caf\xe9.example' }],
    [400, { Connection: 'Upgrad\xe9' }],
    [400, { 'Sec-WebSocket-Key': '\xe9GhlIHNhbXBsZSBub25jZQ==' }],
    [400, { 'Sec-WebSocket-Protocol': 'caf\xe9' }],
    [400, { 'Sec-WebSocket-Extensions': 'caf\xe9' }],
    [400, { 'Caf\xe9': 'a name' }],
    [403, { Origin: 'http://caf\xe9.example' }],
    [426, { Upgrade: 'w\xe9bsocket' }],
    [426, { 'Sec-WebSocket-Version': '\xb9\xb3' }],
    [101, { 'User-Agent': '\x80\xff' }],
  ];
  for (const [status, changes] of cases) {
    assert.is(await statusOf(served, '/cookies', changes), status, JSON.stringify(changes));
  }
  assert.is(await statusOf(served, '/caf\xe9'), 400);
  await served.assertWorking();
});

test('a cookie that is none is text like any other', async () => {
  await using served = await serveCookies();
  const hostile = [
    '=;;=', '%', '%zz=%E0%A4%A', '"', 'a="b', '__proto__=1; constructor=2', '\x80\xff', ';'.repeat(9000),
  ];
  for (const cookie of hostile) {
    await using client = await RawClient.connect(served.port);
    await client.upgrade('/cookies', { Cookie: cookie });
    assert.is((await client.readFrame()).payload.toString('latin1'), cookie);
  }
});

test('a body of an upgrade request is not taken for another request, nor for frames', async () => {
  let frames = 0;
  const count = requireWebSocket(async ({ webSocket }) => {
    for await (const message of webSocket) frames += message.length;
  });
  await using served = await serve({ '/chat': count });
  const bodies = [get('/'), '\x81\x85\x00\x00\x00\x00hello'];
  for (const body of bodies) {
    for (const request of [
      upgradeRequest('/chat', { 'Content-Length': `${body.length}` }) + body,
      upgradeRequest('/chat', { 'Transfer-Encoding': 'chunked' }) +
        `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ]) {
      await using client = await RawClient.connect(served.port);
      client.write(request);
      client.socket.end();
      const answer = (await client.readToEnd()).toString('latin1');
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.is(answer.split('HTTP/1.1 ').length, 2, 'there is more than one answer');
    }
  }
  assert.is(frames, 0);
  await served.assertWorking();
});

test('the handshake of a draft without a version gets 426, and nothing behind it is read', async () => {
  await using served = await serveCookies();
  const fields = { 'Sec-WebSocket-Key': null, 'Sec-WebSocket-Version': null };
  const drafts = [
    upgradeRequest('/cookies', fields) + `\x80${'\xff'.repeat(100_000)}`,
    upgradeRequest('/cookies', {
      ...fields, 'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5', 'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00',
    }) + '^n:ds[4U',
  ];
  for (const draft of drafts) {
    await using client = await RawClient.connect(served.port);
    client.write(draft);
    const { status, headers } = await client.readResponse();
    assert.equal([status, headers.get('sec-websocket-version')], [426, '13']);
    assert.is((await client.readToEnd()).length, 0);
  }
  await served.assertWorking();
});

/** Parameters that RFC 7692 §7.1 forbids in offers, and in answers. */
const WRONG_PARAMETERS = [
  '; server_max_window_bits=0', '; server_max_window_bits=7', '; server_max_window_bits=16',
  '; server_max_window_bits=1000', '; client_max_window_bits=NaN', '; client_max_window_bits=-8',
  '; client_max_window_bits=8; client_max_window_bits=9', '; server_max_window_bits', '; server_no_context_takeover=1',
  '; __proto__', '; constructor=1', '; toString; hasOwnProperty=2', '; server_max_window_bits=__proto__',
];

const deflating = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed), { deflate: true });

/** A status, and the extensions agreed to. */
async function answerTo(served: Served, extensions: string): Promise<[status: number, extensions: string | undefined]> {
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/deflate', { 'Sec-WebSocket-Extensions': extensions }));
  const { status, headers } = await client.readResponse();
  return [status, headers.get('sec-websocket-extensions')];
}

test('server: parameters of permessage-deflate that are none are not agreed to', async () => {
  await using served = await serve({ '/deflate': deflating });
  for (const parameters of WRONG_PARAMETERS) {
    const offer = `permessage-deflate${parameters}`;
    assert.equal(await answerTo(served, offer), [101, undefined], offer);
    // Another offer is agreed to all the same.
    const next = 'permessage-deflate; server_max_window_bits=8';
    assert.equal(await answerTo(served, `${offer}, ${next}`), [101, next], offer);
  }
  await served.assertWorking();
});

test('client: parameters of permessage-deflate that are none fail the handshake', async () => {
  await using server = await RawServer.listen();
  for (const parameters of [...WRONG_PARAMETERS, '; client_max_window_bits']) {
    const [attempt] = await Promise.allSettled([
      connect(`ws://127.0.0.1:${server.port}/`),
      server.acceptUpgrade({ 'Sec-WebSocket-Extensions': `permessage-deflate${parameters}` }),
    ]);
    assert.is(attempt.status, 'rejected', parameters);
    const { reason } = attempt as PromiseRejectedResult;
    assert.instance(reason, HandshakeError);
    assert.is((reason as HandshakeError).code, 'EXTENSION_INVALID', parameters);
  }
});

test('parameters beyond ASCII, or of nothing, are no parameters', async () => {
  await using served = await serve({ '/deflate': deflating });
  await using server = await RawServer.listen();
  const hostile = [
    '; caf\xe9', '; server_max_window_bits=\xb9\xb5', '; server_max_window_bits="\xe9"', ';', '; =', '; a=', '; \x80',
  ];
  for (const parameters of hostile) {
    const extensions = `permessage-deflate${parameters}`;
    assert.is((await answerTo(served, extensions))[0], 400, extensions);
    const [attempt] = await Promise.allSettled([
      connect(`ws://127.0.0.1:${server.port}/`),
      server.acceptUpgrade({ 'Sec-WebSocket-Extensions': extensions }),
    ]);
    const { reason } = attempt as PromiseRejectedResult;
    assert.is((reason as HandshakeError).code, 'EXTENSION_INVALID', extensions);
    assert.match((reason as HandshakeError).message, /^[\x20-\x7e]+$/);
  }
  await served.assertWorking();
});

test('thousands of offers and parameters are read, and the first that can be is agreed to', async () => {
  await using served = await serve({ '/deflate': deflating });
  const offers = 'permessage-deflate; x, '.repeat(600);
  assert.equal(await answerTo(served, `${offers}permessage-deflate`), [101, 'permessage-deflate']);
  assert.equal(await answerTo(served, `permessage-deflate${'; x=1'.repeat(2500)}`), [101, undefined]);
});

test('rejectUnauthorized: undefined verifies the certificate as if it were absent', async () => {
  const server = createServer({ tls: { key: privateKey, cert: certificate } });
  await server.listen(0, '127.0.0.1');
  const { port } = server.address() as AddressInfo;
  for (const tls of [{}, { rejectUnauthorized: undefined }]) {
    const [attempt] = await Promise.allSettled([connect(`wss://127.0.0.1:${port}/`, { tls })]);
    assert.is(attempt.status, 'rejected');
    const { code } = (attempt as PromiseRejectedResult).reason as NodeJS.ErrnoException;
    assert.is(code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
  }
  await server.close({ timeout: 0 });
});

test('an upgrade where there is no WebSocket is refused like any other request', async () => {
  await using served = await serve();
  assert.equal([await statusOf(served, '/'), await statusOf(served, '/none')], [400, 404]);
  assert.is((await httpRequest(served.port, upgradeRequest('/', { Upgrade: 'h2c' }))).status, 200);
  await served.assertWorking();
});

test.run();
