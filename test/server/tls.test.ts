// The server over TLS: https and wss with clients of Node's own, strangers on either port, and closing in order.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, get as httpsGet } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { rejects, throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/connect.js';
import type { Connection } from '../../src/connection/connection.js';
import type { ServerOptions } from '../../src/server/options.js';
import type { Request } from '../../src/server/request.js';
import { createServer } from '../../src/server/server.js';
import { acceptWebSocket, requireWebSocket } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { Clock } from '../support/clock.js';
import { makeCertificate } from '../support/make-certificate.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { countTimers, gate, get, nextTurn, serve, serverSide, until, type Served } from './harness.js';

const test = suite('server/tls');

const tls = { key: privateKey, cert: certificate };
const TRUST = { tls: { ca: certificate } };

const echo = acceptWebSocket(async ({ webSocket }) => {
  if (webSocket === null) return 'plain echo';
  for await (const message of webSocket) await webSocket.send(message);
  return undefined;
});

async function serveTls(options: ServerOptions = {}): Promise<Served> {
  return await serve({ '/echo/': echo }, { tls, ...options });
}

function wss(served: Served, path = '/echo/'): string {
  return `wss://localhost:${served.port}${path}`;
}

/** A client of bytes behind TLS. */
async function secure(served: Served): Promise<RawClient> {
  const socket = connectTls({ port: served.port, host: '127.0.0.1', ca: certificate });
  await once(socket, 'secureConnect');
  return new RawClient(socket);
}

/** Fails unless a new client is served over TLS as if nothing had happened. */
async function assertWorking(served: Served): Promise<void> {
  await using connection = await connect(wss(served), TRUST);
  await connection.send('works');
  assert.is(await connection.wait(), 'works');
}

test('a message in pieces both ways, larger than the limit of whole ones', async () => {
  const sendBack = requireWebSocket(async ({ webSocket }) => {
    const message = await webSocket.receive();
    if (message !== null) await webSocket.send(message.chunks, { type: message.type });
  }, { maxStreamedBytes: Infinity });
  await using served = await serve({ '/back/': sendBack }, { tls });
  const options = { ...TRUST, maxStreamedBytes: Infinity, deflate: false };
  await using connection = await connect(wss(served, '/back/'), options);
  const large = Buffer.alloc(3 << 20, 'larger than a mebibyte ');
  void connection.send(new Blob([large]));
  const message = await connection.receive();
  const chunks: Buffer[] = [];
  for await (const chunk of message!.chunks) chunks.push(chunk as Buffer);
  assert.ok(large.equals(Buffer.concat(chunks)));
});

test('https by Node\'s client', async () => {
  await using served = await serveTls();
  const request = httpsGet({ port: served.port, host: '127.0.0.1', path: '/echo/', ca: certificate, agent: false });
  const [response] = await once(request, 'response') as [IncomingMessage];
  response.setEncoding('utf8');
  let body = '';
  for await (const part of response) body += part;
  assert.equal([response.statusCode, body], [200, 'plain echo']);
});

test('a handshake and frames by hand', async () => {
  await using served = await serveTls();
  await using client = await secure(served);
  await client.upgrade('/echo/');
  client.sendFrame(1, 'hello');
  const { opcode, payload, maskingKey } = await client.readFrame();
  assert.equal([opcode, payload.toString(), maskingKey], [1, 'hello', null]);
  client.sendFrame(8, Buffer.of(0x03, 0xe8));
  assert.is((await client.readFrame()).payload.toString('hex'), '03e8');
  await client.readToEnd();
  assert.is(client.error, null);
});

test('frames in the segment of the request are kept', async () => {
  await using served = await serveTls();
  await using client = await secure(served);
  client.write(upgradeRequest('/echo/') + '\x81\x82\0\0\0\0hi');
  await client.readUntil('\r\n\r\n');
  assert.is((await client.readFrame()).payload.toString(), 'hi');
});

test('RFC 7301: ALPN agrees on http/1.1', async () => {
  await using served = await serveTls();
  const socket = connectTls({ port: served.port, ca: certificate, ALPNProtocols: ['h2', 'http/1.1'] });
  await once(socket, 'secureConnect');
  assert.is(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
  await once(socket, 'close');
});

test('the client\'s address is known, and an origin of https: on the same host may connect', async () => {
  await using served = await serve({
    '/who/': requireWebSocket(async ({ webSocket }) => await webSocket.send(webSocket.remoteAddress)),
  }, { tls });
  const origin = `https://localhost:${served.port}`;
  await using connection = await connect(wss(served, '/who/'), { ...TRUST, origin });
  assert.is(await connection.wait(), '127.0.0.1');
});

test('messages of any size, both ways', async () => {
  await using served = await serveTls({ maxMessageBytes: 8 << 20 });
  await using connection = await connect(wss(served), { ...TRUST, maxMessageBytes: 8 << 20 });
  for (const size of [0, 1, 125, 126, 16_383, 16_384, 16_385, 65_536, 1 << 20, 8 << 20]) {
    const message = Buffer.alloc(size, `${size}.`);
    void connection.send(message);
    const answer = await connection.wait() as Buffer;
    assert.ok(answer.equals(message), `${size} bytes`);
  }
});

test('a headTimeout of 0 leaves no time for a TLS handshake either', async () => {
  await using served = await serveTls({ headTimeout: 0 });
  await using stranger = await RawClient.connect(served.port);
  assert.is((await stranger.readToEnd()).length, 0);
});

for (const direction of ['from the client', 'from the server']) {
  test(`back pressure ${direction}`, async () => {
    const side = gate<Connection>();
    await using served = await serve({ '/one/': requireWebSocket(async ({ webSocket }) => {
      side.open(webSocket);
      await webSocket.closed;
    }) }, { tls });
    await using client = await connect(wss(served, '/one/'), TRUST);
    const server = await side.promise;
    const [sender, reader] = direction === 'from the client' ? [client, server] : [server, client];
    const count = 200;
    let sent = 0;
    const sending = (async () => {
      for (; sent < count; sent++) await sender.send(Buffer.alloc(100_000, sent));
    })();
    await until('the sender is stopped', () => sender.bufferedAmount > 0 && reader.countMessages() >= 10);
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    assert.ok(reader.countMessages() < 20, `${reader.countMessages()} messages wait`);
    assert.ok(sent < count);
    for (let number = 0; number < count; number++) {
      assert.ok(Buffer.alloc(100_000, number).equals(await reader.wait() as Buffer), `message ${number}`);
    }
    await sending;
  });
}

test('either side closes', async () => {
  for (const who of ['client', 'server']) {
    const side = gate<Connection>();
    await using served = await serve({ '/one/': requireWebSocket(async ({ webSocket }) => {
      side.open(webSocket);
      await webSocket.closed;
    }) }, { tls });
    const client = await connect(wss(served, '/one/'), TRUST);
    const server = await side.promise;
    void (who === 'client' ? client : server).close(4001);
    const expected = { code: 4001, reason: '', wasClean: true };
    assert.equal([await client.closed, await server.closed], [expected, expected]);
  }
});

test('either side terminates', async () => {
  for (const who of ['client', 'server']) {
    const side = gate<Connection>();
    await using served = await serve({ '/one/': requireWebSocket(async ({ webSocket }) => {
      side.open(webSocket);
      await webSocket.closed;
    }) }, { tls });
    const client = await connect(wss(served, '/one/'), TRUST);
    const server = await side.promise;
    (who === 'client' ? client : server).terminate();
    assert.equal([(await client.closed).code, (await server.closed).code], [1006, 1006]);
    await until('no connection is left', () => served.server.connections.size === 0);
  }
});

test('a client without TLS is cut, and the server lives', async () => {
  await using served = await serveTls();
  await using client = await RawClient.connect(served.port);
  client.write(get('/echo/'));
  // What comes before, if anything, is an alert.
  const bytes = await client.readToEnd();
  assert.ok(bytes.length === 0 || bytes[0] === 0x15, bytes.toString('hex'));
  await assertWorking(served);
});

test('our client without TLS is told that this is no HTTP', async () => {
  await using served = await serveTls();
  const [outcome] = await Promise.allSettled([connect(wss(served).replace('wss', 'ws'))]);
  assert.is(outcome.status, 'rejected');
  const { code } = (outcome as PromiseRejectedResult).reason as { code: string };
  assert.ok(['BYTE_INVALID', 'CONNECTION_LOST', 'ECONNRESET'].includes(code), code);
  await assertWorking(served);
});

test('a client of TLS at a server without is answered 400', async () => {
  await using served = await serve();
  const socket = connectTls({ port: served.port, ca: certificate });
  const [error] = await once(socket, 'error').catch((reason: unknown) => [reason]);
  assert.instance(error, Error);
  await served.assertWorking();
});

/** The beginning of a TLS handshake: a ClientHello that promises 512 bytes. */
const HELLO = Buffer.from('1603010200010001fc0303', 'hex');

for (const [name, bytes] of [['nothing', ''], ['half a ClientHello', HELLO], ['its first byte', '\x16']] as const) {
  test(`a client that sends ${name} of a TLS handshake is cut after headTimeout`, async () => {
    await using served = await serveTls({ headTimeout: 50 });
    await using client = await RawClient.connect(served.port);
    if (bytes.length > 0) client.write(bytes);
    await client.readToEnd();
    await until('no timer is left', () => countTimers() <= 1);
  });
}

test('a client that sends nothing behind its TLS handshake gets 408', async () => {
  using clock = new Clock(3_600_001);
  await using served = await serveTls({ headTimeout: 3_600_001 });
  await using client = await secure(served);
  await until('the server waits for a head', () => clock.timers > 0);
  clock.advance(3_600_001);
  assert.match((await client.readToEnd()).toString(), /^HTTP\/1\.1 408 /);
});

test('a reset, an end and garbage within the TLS handshake', async () => {
  await using served = await serveTls();
  for (const bytes of ['', HELLO, HELLO.subarray(0, 3), 'garbage', Buffer.concat([HELLO, Buffer.alloc(600)])]) {
    for (const ending of ['reset', 'end']) {
      await using client = await RawClient.connect(served.port);
      await serverSide(client);
      if (bytes.length > 0) client.write(bytes);
      await nextTurn();
      if (ending === 'reset') client.socket.resetAndDestroy();
      else client.socket.end();
      await client.readToEnd();
    }
  }
  await assertWorking(served);
});

test('a reset of TCP at each stage behind the TLS handshake', async () => {
  await using served = await serveTls();
  for (const bytes of ['', 'GET ', get('/echo/'), upgradeRequest('/echo/'), upgradeRequest('/echo/') + '\x81\xfe']) {
    const raw = await RawClient.connect(served.port);
    const socket = connectTls({ socket: raw.socket, ca: certificate, host: 'localhost' });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    if (bytes !== '') socket.write(bytes, 'latin1');
    await nextTurn();
    raw.socket.resetAndDestroy();
    await until('the socket is gone', () => raw.socket.destroyed);
  }
  await assertWorking(served);
  await until('no connection is left', () => served.server.connections.size === 0);
});

test('maxConnections: one too many is cut in its TLS handshake, and served once there is room', async () => {
  await using served = await serveTls({ maxConnections: 1 });
  {
    await using first = await connect(wss(served), TRUST);
    const [outcome] = await Promise.allSettled([connect(wss(served), TRUST)]);
    assert.is(outcome.status, 'rejected');
    await first.send('still there');
    assert.is(await first.wait(), 'still there');
  }
  for (let attempt = 0; ; attempt++) {
    try {
      await assertWorking(served);
      break;
    } catch (error) {
      if (attempt === 100) throw error;
      await nextTurn();
    }
  }
});

test('close: WebSockets get 1001, idle connections end, handshakes under way are cut by the timeout', async () => {
  await using served = await serveTls({ headTimeout: 60_000 });
  const connection = await connect(wss(served), TRUST);
  await using idle = await secure(served);
  await using half = await RawClient.connect(served.port);
  half.write(HELLO);
  await serverSide(half);
  using clock = new Clock(3_600_001);
  const closing = served.server.close({ timeout: 3_600_001 });
  assert.equal(await connection.closed, { code: 1001, reason: 'the server is closing', wasClean: true });
  assert.is((await idle.readToEnd()).length, 0);
  clock.advance(3_600_001);
  await half.readToEnd();
  await closing;
});

test('close: a handshake that ends only then is followed by the end of the connection', async () => {
  await using served = await serveTls({ headTimeout: 3_600_000 });
  await using half = await RawClient.connect(served.port);
  await serverSide(half);
  const closing = served.server.close({ timeout: 3_600_000 });
  const socket = connectTls({ socket: half.socket, host: '127.0.0.1', ca: certificate });
  await once(socket, 'secureConnect');
  await using client = new RawClient(socket);
  assert.is((await client.readToEnd()).length, 0);
  await client[Symbol.asyncDispose]();
  await closing;
});

test('close waits for a reply under way', async () => {
  const asked = gate();
  const reply = gate<string>();
  await using served = await serve({ '/slow/': () => {
    asked.open();
    return reply.promise;
  } }, { tls });
  await using client = await secure(served);
  client.write(get('/slow/'));
  await asked.promise;
  const closing = served.server.close();
  reply.open('done');
  const response = await client.readResponse();
  assert.equal([response.body.toString(), response.headers.get('connection')], ['done', 'close']);
  await client[Symbol.asyncDispose]();
  await closing;
});

test('close with timeout 0 cuts all', async () => {
  await using served = await serveTls();
  await using half = await RawClient.connect(served.port);
  await serverSide(half);
  await using client = await secure(served);
  await client.upgrade('/echo/');
  await served.server.close({ timeout: 0 });
  await client.readToEnd();
  await half.readToEnd();
});

test('a key or certificate that is none is told at once', () => {
  throws(() => createServer({ tls: { key: 'no key', cert: certificate } }));
  throws(() => createServer({ tls: { key: privateKey, cert: 'no certificate' } }));
});

test('several clients at once', async () => {
  await using served = await serveTls();
  await Promise.all(Array.from({ length: 20 }, async (_, number) => {
    await using connection = await connect(wss(served), TRUST);
    for (let count = 0; count < 20; count++) {
      await connection.send(`${number} ${count}`);
      assert.is(await connection.wait(), `${number} ${count}`);
    }
  }));
  await until('no connection is left', () => served.server.connections.size === 0);
});

test('setSecureContext: who connects from then on gets the new certificate, who was connected stays', async () => {
  const [first, second] = [makeCertificate('first'), makeCertificate('second', 2)];
  await using served = await serve({ '/echo/': echo }, { tls: first });
  const { server } = served;
  await using before = await connect(wss(served), { tls: { ca: first.cert } });
  const elsewhere = await server.listen(0, '127.0.0.1') as AddressInfo;
  server.setSecureContext(second);
  for (const { port } of [server.address() as AddressInfo, elsewhere]) {
    await using after = await connect(`wss://localhost:${port}/echo/`, { tls: { ca: second.cert } });
    await after.send('new');
    assert.is(await after.wait(), 'new');
    await rejects(connect(`wss://localhost:${port}/echo/`, { tls: { ca: first.cert } }));
  }
  await before.send('old');
  assert.is(await before.wait(), 'old');
});

test('setSecureContext: a key that is none is told at once, and changes nothing', async () => {
  await using served = await serveTls();
  throws(() => served.server.setSecureContext({ key: 'no key', cert: makeCertificate('other').cert }));
  await assertWorking(served);
});

test('setSecureContext: what is not given stays', async () => {
  const client = makeCertificate('client');
  await using served = await serve({ '/who/': who }, { tls: { ...tls, requestCert: true, ca: client.cert } });
  const renewed = makeCertificate('renewed');
  served.server.setSecureContext(renewed);
  await using connection = await connect(wss(served, '/who/'), { tls: { ca: renewed.cert, ...client } });
  assert.is(await connection.wait(), 'client');
});

test('setSecureContext of a server without TLS is a TypeError', () => {
  throws(() => createServer().setSecureContext(tls), { name: 'TypeError', message: /option tls/ });
});

/** Tells whose certificate the client has. */
const who = requireWebSocket(async (request) => {
  await request.webSocket.send(String(request.authorized));
  await request.webSocket.closed;
  assert.is(request.peerCertificate(), null);
}, {
  authorize: (request: Request) => request.peerCertificate()?.subject.CN ?? 'nobody',
});

for (const isAttached of [false, true]) {
  test(`a client's certificate reaches authorize, ${isAttached ? 'attached' : 'listening'}`, async () => {
    const [known, unknown] = [makeCertificate('known'), makeCertificate('unknown')];
    // Those without a certificate, and those with one of nobody's, are let in for `authorize` to decide.
    const options = { ...tls, requestCert: true, rejectUnauthorized: false, ca: known.cert };
    const server = createServer(isAttached ? {} : { tls: options });
    server.route('/who/', who);
    const httpsServer = isAttached ? createHttpsServer(options) : null;
    if (httpsServer === null) await server.listen(0, '127.0.0.1');
    else {
      server.attach(httpsServer);
      await once(httpsServer.listen(0, '127.0.0.1'), 'listening');
    }
    const { port } = (httpsServer ?? server).address() as AddressInfo;
    for (const [pair, name] of [[known, 'known'], [unknown, 'nobody'], [{}, 'nobody']] as const) {
      await using connection = await connect(`wss://localhost:${port}/who/`, { tls: { ca: certificate, ...pair } });
      assert.is(await connection.wait(), name);
    }
    await server.close();
    httpsServer?.close();
  });
}

test('a request without TLS has no certificate', async () => {
  await using served = await serve({ '/': (request) => String(request.peerCertificate()) });
  assert.is((await httpRequest(served.port, get('/'))).body.toString(), 'null');
});

test.run();
