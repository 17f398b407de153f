// WebSockets on a session of HTTP/2, against a server whose every answer and frame the test decides (RFC 8441 §5).
import { once } from 'node:events';
import { connect as connectSession, constants, type ClientHttp2Session } from 'node:http2';
import { connect as connectNet, createServer as createNetServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { connect, type ConnectOptions } from '../../src/client/connect.js';
import type { Connection } from '../../src/connection/connection.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { Clock } from '../support/clock.js';
import { StreamServer, type Received } from '../support/peers/raw-session.js';
import { until } from '../server/harness.js';
import { assertRefused, failure } from './harness.js';

const test = suite('client/session');

/** A server and a session to it; what `connect` is told besides. */
async function open(settings: Record<string, unknown> = {}) {
  const server = await StreamServer.listen(settings);
  const http2 = connectSession(`http://127.0.0.1:${server.port}`);
  http2.on('error', () => {});
  return {
    server,
    http2,
    connect: (path = '/', options: ConnectOptions = {}) => connect(`ws://server.example${path}`, { http2, ...options }),
    async [Symbol.asyncDispose](): Promise<void> {
      http2.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A connection and the other end of it. */
async function openPair(
  { server, connect: attempt }: Awaited<ReturnType<typeof open>>,
  answer: Record<string, string> = {},
  options: ConnectOptions = {},
): Promise<{ connection: Connection; received: Received }> {
  const connected = attempt('/', options);
  const received = await server.accept();
  received.stream.respond({ ':status': 200, ...answer });
  return { connection: await connected, received };
}

/** Waits until a stream is closed; the code of its reset. */
async function closed({ stream }: Received): Promise<number> {
  if (!stream.closed) await once(stream, 'close');
  return stream.rstCode;
}

test('§5: what it asks for, before and after the session is connected', async () => {
  await using opened = await open();
  for (const isConnected of [false, true]) {
    assert.is(opened.http2.connecting, !isConnected);
    const url = `ws://user:secret@127.0.0.1:${opened.server.port}/chat?a=b`;
    const connected = connect(url, {
      http2: opened.http2, origin: 'http://a.example', headers: { Cookie: 'c=d', 'X-Y': 'z' },
      subprotocols: ['chat', 'superchat'], deflate: false,
    });
    const { stream, rawHeaders } = await opened.server.accept();
    connected.catch(() => {});
    const lines = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : []));
    assert.equal(lines, [
      ':method: CONNECT',
      ':protocol: websocket',
      ':scheme: http',
      ':path: /chat?a=b',
      `:authority: 127.0.0.1:${opened.server.port}`,
      'authorization: Basic dXNlcjpzZWNyZXQ=',
      'origin: http://a.example',
      'cookie: c=d',
      'x-y: z',
      'sec-websocket-version: 13',
      'sec-websocket-protocol: chat, superchat',
    ]);
    stream.respond({ ':status': 200, 'sec-websocket-protocol': 'superchat' });
    const { subprotocol, remoteAddress, request } = await connected;
    assert.equal([subprotocol, remoteAddress, request.path], ['superchat', '127.0.0.1', '/chat']);
  }
});

test('Host is what the server is asked for', async () => {
  await using opened = await open();
  void opened.connect('/', { headers: { Host: 'other.example' } }).catch(() => {});
  const { headers } = await opened.server.accept();
  assert.equal([headers[':authority'], headers.host], ['other.example', undefined]);
});

test('messages in both directions, masked in one, and the closing handshake', async () => {
  await using opened = await open();
  const { connection, received } = await openPair(opened);
  const { peer, stream } = received;
  await connection.send('hello');
  const { opcode, payload, maskingKey } = await peer.readFrame();
  assert.equal([opcode, payload.toString(), maskingKey?.length], [1, 'hello', 4]);
  peer.sendFrame(1, 'hi', { maskingKey: null });
  assert.is(await connection.wait(), 'hi');
  const ended = connection.close(3000, 'done');
  const close = await peer.readFrame();
  assert.equal([close.opcode, close.payload.subarray(2).toString()], [8, 'done']);
  peer.sendFrame(8, close.payload, { maskingKey: null });
  stream.end();
  assert.equal(await ended, { code: 3000, reason: 'done', wasClean: true });
  assert.is((await peer.readToEnd()).length, 0);
  assert.is(await closed(received), 0);
  // The session stays the caller's.
  await openPair(opened);
});

test('compression is agreed on', async () => {
  await using opened = await open();
  const extensions = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  const { connection, received } = await openPair(opened, { 'sec-websocket-extensions': extensions });
  assert.is(connection.extensions, extensions);
  // RFC 7692 §7.2.3.1: "Hello"
  received.peer.sendFrame(1, Buffer.from('f248cdc9c90700', 'hex'), { rsv1: true, maskingKey: null });
  assert.is(await connection.wait(), 'Hello');
});

test('many on one session, asked for at once before it is connected', async () => {
  await using opened = await open();
  const attempts = Array.from({ length: 50 }, () => opened.connect());
  for (let count = 0; count < 50; count++) {
    const { stream, peer } = await opened.server.accept();
    stream.respond({ ':status': 200 });
    peer.sendFrame(1, 'hello', { maskingKey: null });
  }
  for (const connection of await Promise.all(attempts)) assert.is(await connection.wait(), 'hello');
  assert.is(opened.server.sessions.size, 1);
});

test('over TLS: wss:, whose scheme is https', async () => {
  await using server = await StreamServer.listen({ key: privateKey, cert: certificate });
  const http2 = connectSession(`https://127.0.0.1:${server.port}`, { ca: certificate });
  const connected = connect('wss://server.example/', { http2 });
  const { stream, headers } = await server.accept();
  assert.is(headers[':scheme'], 'https');
  stream.respond({ ':status': 200 });
  (await connected).terminate();
  http2.close();
});

test('over a Unix socket there is no address', async () => {
  const path = process.platform === 'win32' ? '\\\\.\\pipe\\twobyte' : join(tmpdir(), `twobyte-${process.pid}.sock`);
  await using server = await StreamServer.listen({}, path);
  const http2 = connectSession('http://localhost', { createConnection: () => connectNet(path) });
  const connected = connect('ws://localhost/', { http2 });
  (await server.accept()).stream.respond({ ':status': 200 });
  const connection = await connected;
  assert.is(connection.remoteAddress, '');
  connection.terminate();
  http2.close();
});

// ── Refusals, and answers that are wrong ──

test('a refusal has its status, fields and body', async () => {
  await using opened = await open();
  const attempt = opened.connect();
  const received = await opened.server.accept();
  received.stream.respond({ ':status': 403, 'set-cookie': ['a=1', 'b=2'], 'x-a': 'b' });
  received.stream.end('not you');
  const error = await assertRefused(attempt, 'UNEXPECTED_STATUS', 403);
  assert.equal([error.body, error.headers['x-a'], error.headers['set-cookie']], ['not you', 'b', 'a=1, b=2']);
});

test('a redirect is followed on the session, and never away from it', async () => {
  await using opened = await open();
  const attempt = opened.connect('/old', { redirects: 2 });
  (await opened.server.accept()).stream.respond({ ':status': 302, location: '/new' }, { endStream: true });
  const next = await opened.server.accept();
  assert.is(next.headers[':path'], '/new');
  next.stream.respond({ ':status': 302, location: 'http://elsewhere.example/' }, { endStream: true });
  const { message } = await assertRefused(attempt, 'REDIRECT_ELSEWHERE', 302);
  assert.match(message, 'session');
});

const wrong: readonly [name: string, fields: Record<string, string>, code: string][] = [
  ['a subprotocol that was not offered', { 'sec-websocket-protocol': 'chat' }, 'SUBPROTOCOL_NOT_OFFERED'],
  ['an extension that was not offered', { 'sec-websocket-extensions': 'x-mux' }, 'EXTENSION_NOT_OFFERED'],
];

for (const [name, fields, code] of wrong) {
  test(`${name}: the stream is reset with CANCEL`, async () => {
    await using opened = await open();
    const attempt = opened.connect();
    const received = await opened.server.accept();
    received.stream.respond({ ':status': 200, ...fields });
    await assertRefused(attempt, code, 200);
    assert.is(await closed(received), 8);
  });
}

test('a server that does not enable extended CONNECT is not asked', async () => {
  await using opened = await open({ settings: {} });
  for (const attempt of [opened.connect(), opened.connect()]) {
    await assertRefused(attempt, 'CONNECT_PROTOCOL_MISSING', 0);
  }
  // Nor once its settings are known.
  await assertRefused(opened.connect(), 'CONNECT_PROTOCOL_MISSING', 0);
});

test('wss: on a session without TLS is not asked for', async () => {
  await using opened = await open();
  await assertRefused(connect('wss://server.example/', { http2: opened.http2 }), 'SESSION_NOT_ENCRYPTED', 0);
});

test('what leads elsewhere contradicts a session', async () => {
  await using opened = await open();
  for (const [name, value] of [['tls', {}], ['socketPath', '/a'], ['proxy', 'http://a']] as const) {
    const error = await failure(opened.connect('/', { [name]: value }));
    assert.ok(error instanceof TypeError);
    assert.match(error.message, `leave out ${name}`);
  }
});

// ── It ends before it is open ──

/** A server that accepts TCP, and never says a word. */
async function openSilent() {
  const server = createNetServer();
  const sockets: Socket[] = [];
  server.on('connection', (socket) => void sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http2 = connectSession(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  http2.on('error', () => {});
  return {
    http2,
    async [Symbol.asyncDispose](): Promise<void> {
      http2.destroy();
      for (const socket of sockets) socket.destroy();
      await new Promise<unknown>((resolve) => server.close(resolve));
    },
  };
}

test('an abort while settings are awaited leaves the session alone', async () => {
  await using silent = await openSilent();
  const { http2 } = silent;
  const reason = new Error('enough');
  assert.is(await failure(connect('ws://a/', { http2, signal: AbortSignal.abort(reason) })), reason);
  const controller = new AbortController();
  const attempt = connect('ws://a/', { http2, signal: controller.signal });
  await once(http2, 'connect');
  controller.abort(reason);
  assert.is(await failure(attempt), reason);
  assert.is(http2.destroyed, false);
});

test('a timeout while settings are awaited', async () => {
  await using silent = await openSilent();
  assert.is((await failure(connect('ws://a/', { http2: silent.http2, timeout: 1 }))).name, 'TimeoutError');
});

test('a session that ends while settings are awaited', async () => {
  for (const end of [(http2: ClientHttp2Session) => http2.destroy(), (http2: ClientHttp2Session) => {
    http2.destroy(new Error('broken'));
  }]) {
    await using silent = await openSilent();
    const attempt = connect('ws://a/', { http2: silent.http2 });
    await once(silent.http2, 'connect');
    end(silent.http2);
    const { message } = await failure(attempt);
    assert.match(message, /broken|the session ended before the answer/);
  }
});

test('a session that cannot connect, and one that has ended', async () => {
  const server = createNetServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<unknown>((resolve) => server.close(resolve));
  const http2 = connectSession(`http://127.0.0.1:${port}`);
  assert.match((await failure(connect('ws://a/', { http2 }))).message, 'ECONNREFUSED');
  assert.is((await failure(connect('ws://a/', { http2 })) as NodeJS.ErrnoException).code, 'ERR_HTTP2_INVALID_SESSION');
});

test('a session whose caller has too many pings under way tells so', async () => {
  await using opened = await open({ settings: {} });
  await once(opened.http2, 'remoteSettings');
  for (let count = 0; count < 10; count++) opened.http2.ping(() => {});
  assert.is((await failure(opened.connect()) as NodeJS.ErrnoException).code, 'ERR_HTTP2_PING_CANCEL');
});

test('an abort while the answer is awaited resets the stream with CANCEL', async () => {
  await using opened = await open();
  const controller = new AbortController();
  const attempt = opened.connect('/', { signal: controller.signal });
  const received = await opened.server.accept();
  const reason = new Error('enough');
  controller.abort(reason);
  assert.is(await failure(attempt), reason);
  assert.is(await closed(received), 8);
});

test('a stream that is reset by an error is told of it', async () => {
  await using opened = await open();
  const attempt = opened.connect();
  (await opened.server.accept()).stream.on('error', () => {}).close(constants.NGHTTP2_REFUSED_STREAM);
  assert.match((await failure(attempt)).message, 'NGHTTP2_REFUSED_STREAM');
});

test('a stream that is reset instead of an answer, and a session that ends', async () => {
  await using opened = await open();
  const reset = opened.connect();
  (await opened.server.accept()).stream.close(constants.NGHTTP2_CANCEL);
  await assertRefused(reset, 'CONNECTION_LOST', 0);
  const ended = opened.connect();
  (await opened.server.accept()).stream.session!.destroy();
  await assertRefused(ended, 'CONNECTION_LOST', 0);
});

// ── It ends ──

test('terminate resets with CANCEL, and the session goes on', async () => {
  await using opened = await open();
  const { connection, received } = await openPair(opened);
  connection.terminate();
  assert.is(await closed(received), 8);
  assert.equal(await connection.closed, { code: 1006, reason: '', wasClean: false });
  await openPair(opened);
});

test('a server that does not end the stream after the closing handshake is cut', async () => {
  await using opened = await open();
  const { connection, received } = await openPair(opened);
  // What a client waits for that.
  using clock = new Clock(1000);
  const ended = connection.close();
  await received.peer.readFrame();
  received.peer.sendFrame(8, Buffer.from('03e8', 'hex'), { maskingKey: null });
  await until('it waits', () => clock.timers === 1);
  clock.advance(1000);
  assert.equal(await ended, { code: 1000, reason: '', wasClean: true });
  assert.is(await closed(received), 8);
});

test('END_STREAM, a reset, and the end of the session are 1006', async () => {
  const ends: readonly ((received: Received) => void)[] = [
    ({ stream }) => void stream.end(),
    ({ stream }) => stream.close(8),
    ({ stream }) => stream.session!.destroy(),
  ];
  for (const end of ends) {
    await using opened = await open();
    const { connection, received } = await openPair(opened);
    end(received);
    const { code, wasClean } = await connection.closed;
    assert.equal([code, wasClean], [1006, false]);
  }
});

test('a server that does not read holds send back', async () => {
  await using opened = await open();
  const { connection, received } = await openPair(opened);
  received.stream.pause();
  const chunk = Buffer.alloc(16_384, 'a');
  let sent = 0;
  const sending = (async () => {
    for (; sent < 256; sent++) await connection.send(chunk);
  })();
  for (let count = 0; count < 5; count++) {
    await new Promise<void>((resolve) => opened.http2.ping(() => resolve()));
  }
  assert.ok(sent < 32, `${sent} messages were sent`);
  received.stream.resume();
  for (let count = 0; count < 256; count++) assert.ok((await received.peer.readFrame()).payload.equals(chunk));
  await sending;
});

for (const status of [200, 201, 299]) {
  test(`RFC 8441 §4: ${status} opens it`, async () => {
    await using scene = await open();
    const attempt = scene.connect();
    const { stream } = await scene.server.accept();
    stream.respond({ ':status': status });
    const connection = await attempt;
    assert.is(connection.state, 'open');
    connection.terminate();
  });
}

for (const status of [300, 400, 500]) {
  test(`${status} does not open it`, async () => {
    await using scene = await open();
    const attempt = scene.connect();
    (await scene.server.accept()).stream.respond({ ':status': status }, { endStream: true });
    await assertRefused(attempt, 'UNEXPECTED_STATUS', status);
  });
}

test.run();
