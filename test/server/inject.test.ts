// WebSockets at the routes of a server without a network: what a client on a socket would see, and faked time.
import { rejects, throws } from 'node:assert/strict';
import { mock } from 'node:test';
import * as assert from 'uvu/assert';
import {
  createServer, HandshakeError, requireWebSocket, TimeoutError, type Close, type Connection, type Server,
} from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { isPending, nextTurn, rejectionOf } from '../connection/harness.js';
import { gate, until } from './harness.js';

const test = suite('inject');

const echo = requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
});

test('a route is reached with its request, without listening', async () => {
  const server = createServer();
  server.route('/rooms/:room', requireWebSocket(async ({ params, query, host, headers, remoteAddress, webSocket }) => {
    await webSocket.send(JSON.stringify([params.room, query.get('a'), host, headers.get('cookie'), remoteAddress]));
    for await (const message of webSocket) await webSocket.send(message);
  }, { subprotocols: 'chat' }));
  const socket = await server.inject('/rooms/1?a=b', { headers: { Cookie: 'c' }, subprotocols: ['mail', 'chat'] });
  assert.is(await socket.wait(), '["1","b","localhost","c",""]');
  assert.equal([socket.subprotocol, socket.remoteAddress, server.connections.size], ['chat', '', 1]);
  const { path, query, headers } = socket.request;
  assert.equal([path, query.get('a'), headers.get('host')], ['/rooms/1', 'b', 'localhost']);
  const large = Buffer.alloc(1 << 20, 'large ');
  void socket.send(large);
  assert.ok(large.equals((await socket.wait()) as Buffer));
  assert.equal(await socket.close(), { code: 1000, reason: '', wasClean: true });
  assert.is(server.address(), null);
});

test('compression and limits are agreed on as over a network', async () => {
  const server = createServer({ deflate: { threshold: 0, windowBits: 10 }, maxMessageBytes: 100 });
  server.route('/', echo);
  const socket = await server.inject('/');
  assert.match(socket.extensions, /^permessage-deflate;.* server_max_window_bits=10/);
  await socket.send('a'.repeat(100));
  assert.is(await socket.wait(), 'a'.repeat(100));
  void socket.send('a'.repeat(101));
  assert.is((await socket.closed).code, 1009);
  assert.is((await server.inject('/', { deflate: false })).extensions, '');
  await server.close({ timeout: 0 });
});

test('refusals reject as those of connect, and reach onRefuse', async () => {
  const refused: string[] = [];
  const server = createServer({
    maxHeadBytes: 400,
    onRefuse: ({ code }, { path, remoteAddress }) => void refused.push(`${code} ${path} ${remoteAddress}`),
  });
  server.route('/', echo);
  server.route('/plain', () => 'plain');
  server.route('/secret', requireWebSocket(() => {}, {
    authorize: () => {
      throw new HandshakeError('NO_TICKET', 402, 'buy a ticket', { headers: { 'X-Price': '1' } });
    },
  }));
  const refusalOf = async (path: string, options = {}): Promise<unknown[]> => {
    const { status, headers, body, code } = (await rejectionOf(server.inject(path, options))) as HandshakeError;
    return [code, status, headers['x-price'], body];
  };
  assert.equal(await refusalOf('/secret'), ['UNEXPECTED_STATUS', 402, '1', 'buy a ticket\n']);
  assert.is((await refusalOf('/', { origin: 'https://other.example' }))[1], 403);
  assert.is((await refusalOf('/plain'))[1], 400);
  assert.is((await refusalOf('/nowhere'))[1], 404);
  assert.is((await refusalOf(`/?${'a'.repeat(400)}`))[1], 414);
  assert.is((await refusalOf('/', { headers: { Cookie: 'a'.repeat(400) } }))[1], 431);
  assert.equal(refused, [
    'NO_TICKET /secret ', 'ORIGIN_REFUSED / ', 'ROUTE_WITHOUT_WEBSOCKET /plain ', 'NOT_FOUND /nowhere ',
    'START_LINE_TOO_LONG  ', 'HEAD_TOO_LARGE  ',
  ]);
  // Its own host is the one origin that needs no list.
  (await server.inject('/', { origin: 'http://localhost' })).terminate();
  (await server.inject('/', { origin: 'https://a.example', headers: { Host: 'a.example' } })).terminate();
});

test('closing drains it: 1001, and onClose; then the server takes no more until it listens', async () => {
  const ended: Close[] = [];
  const server = createServer({ onRefuse: () => {}, onClose: (close) => void ended.push(close) });
  server.route('/', echo);
  const socket = await server.inject('/');
  await server.close();
  const close = { code: 1001, reason: 'the server is closing', wasClean: true };
  assert.equal(await socket.closed, close);
  // The client has answered the code alone.
  assert.equal(ended, [{ ...close, reason: '' }]);
  assert.is(((await rejectionOf(server.inject('/'))) as HandshakeError).status, 503);
});

test('one that is cut is over for the server too', async () => {
  const server = createServer();
  server.route('/', echo);
  (await server.inject('/')).terminate();
  await until('the server has seen it', () => server.connections.size === 0);
  const [kept] = [await server.inject('/'), ...server.connections];
  for (const connection of server.connections) connection.terminate();
  assert.is((await kept.closed).code, 1006);
});

test('what a WebSocket has moved is counted', async () => {
  const server = createServer();
  const counts: number[] = [];
  server.route('/', requireWebSocket(async ({ webSocket, traffic }) => {
    counts.push(traffic.bytesRead, traffic.bytesWritten);
    await webSocket.closed;
  }));
  const socket = await server.inject('/', { deflate: false });
  assert.ok(counts[0]! > 100 && counts[1]! > 100, `${counts}`);
  await socket.close();
});

test('a signal ends an attempt that is not answered, and not a connection', async () => {
  const asked = gate<string>();
  const server = createServer();
  server.route('/', echo);
  server.route('/asks', requireWebSocket(() => {}, { authorize: () => asked.promise }));
  const controller = new AbortController();
  const { signal } = controller;
  const open = await server.inject('/', { signal });
  const attempt = server.inject('/asks', { signal });
  assert.is(await isPending(attempt), true);
  controller.abort(new Error('enough'));
  await rejects(attempt, { message: 'enough' });
  await rejects(server.inject('/', { signal }), { message: 'enough' });
  asked.open('too late');
  await open.send('still open');
  assert.is(await open.wait(), 'still open');
  open.terminate();
});

test('a wrong path or option is a TypeError', async () => {
  const server = createServer();
  for (const [path, options, message] of [
    ['live', {}, /begins with \//],
    ['/#a', {}, /no fragment/],
    ['/', { redirects: 1 }, /server.inject has no option redirects/],
    ['/', { headers: { Upgrade: 'x' } }, /the handshake's own/],
    ['/', { origin: 1 }, /give it as text/],
    ['/', { subprotocols: 'a b' }, /a b/],
  ] as const) {
    await rejects(server.inject(path, options as object), { name: 'TypeError', message });
  }
  throws(() => createServer().route('live', echo), TypeError);
});

/** A connection of a client and that of its server, in time that the test lets pass. */
async function withFakedTime(
  options: Parameters<typeof createServer>[0],
  use: (client: Connection, server: Connection, all: Server) => Promise<void>,
): Promise<void> {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  try {
    const server = createServer(options);
    const opened: Connection[] = [];
    server.route('/', requireWebSocket(async ({ webSocket }) => {
      opened.push(webSocket);
      await webSocket.closed;
    }));
    const client = await server.inject('/');
    await use(client, opened[0]!, server);
  } finally {
    mock.timers.reset();
  }
}

/** All that follows at once from what was sent, or from the time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

test('faked time: the server pings after its interval of silence, and cuts a peer that gives no sign of life', () =>
  withFakedTime({ keepAliveInterval: 20_000 }, async (client, server) => {
    for (let interval = 0; interval < 10; interval++) {
      mock.timers.tick(20_000);
      await settle();
    }
    assert.is(server.isClosed(), false, 'the client has answered each ping');
    // All checks of two intervals at once: no pong comes in between.
    mock.timers.tick(40_000);
    assert.instance((await server.closed).error, TimeoutError);
    assert.is((await client.closed).code, 1006);
  }));

test('faked time: closing waits for closeTimeout, and a wait for its own', () =>
  withFakedTime({ closeTimeout: 5000, keepAliveInterval: 0 }, async (client, server) => {
    const wait = client.wait({ timeout: 60_000 });
    mock.timers.tick(59_999);
    assert.is(await isPending(wait), true);
    mock.timers.tick(1);
    assert.instance(await rejectionOf(wait), TimeoutError);
    const closed = server.close();
    // The Close frame is on its way: the client has no turn to answer it.
    mock.timers.tick(5000);
    const { error, code } = await closed;
    assert.is(code, 1006);
    assert.match((error as Error).message, 'the closing handshake was not answered');
    await client.closed;
  }));

test('faked time: what is left when a server closes is cut after its timeout', () =>
  withFakedTime({ closeTimeout: 60_000 }, async (client, connection, server) => {
    const closed = server.close({ timeout: 3000 });
    mock.timers.tick(3000);
    await closed;
    assert.is((await connection.closed).code, 1006);
    await client.closed;
  }));

test.run();
