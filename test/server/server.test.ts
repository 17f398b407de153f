// The server itself: options, listening, its set of connections, the limit of them, keep-alive, and closing in order.
import { rejects, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/connection/connection.js';
import { createServer, type CloseOptions } from '../../src/server/server.js';
import { acceptWebSocket, requireWebSocket, type WebSocketHandler } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import {
  assertRefusal, assertResponse, countTimers, gate, get, nextTurn, PLAIN_REFUSAL, request, serve, serverSide, until,
} from './harness.js';

const HELLO = ['HTTP/1.1 200 OK', 'Content-Type: text/plain; charset=utf-8', 'Content-Length: 5'];
const LAST = 'Connection: close';

const echo: WebSocketHandler = async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
};

const options = suite('server: options');

options('the limits of a route are checked when it is added, and the route is not there then', async () => {
  await using served = await serve();
  for (const limits of [{ maxMessageBytes: -1 }, { maxQueuedMessages: 0 }, { closeTimeout: 0.5 }]) {
    const [name] = Object.keys(limits);
    const mark = { name: 'RangeError', message: new RegExp(`^${name} must be`) };
    throws(() => served.server.route('/bad', requireWebSocket(echo, limits)), mark);
    throws(() => served.server.route('/bad', acceptWebSocket(() => 'bad', limits)), mark);
  }
  assert.is((await httpRequest(served.port, get('/bad'))).status, 404);
});

options('a route without a handler, or a marked one in another mark, is a TypeError', () => {
  const server = createServer();
  const message = /^TypeError: the handler of a route is a function, not /;
  for (const handler of [undefined, null, 'hello', acceptWebSocket(() => 'hello')] as never[]) {
    for (const mark of [acceptWebSocket, requireWebSocket]) throws(() => mark(handler), message);
  }
  throws(() => server.route('/', undefined as never), message);
});

options('a path that is taken or malformed is a TypeError', () => {
  const server = createServer();
  server.route('/', () => 'hello');
  for (const path of ['/', '', 'a', '/a*', '/:']) throws(() => server.route(path, () => 'hello'), TypeError);
});

options('a route may be added while the server listens', async () => {
  await using served = await serve();
  assert.is((await httpRequest(served.port, get('/late'))).status, 404);
  served.server.route('/late', () => 'late');
  assert.is((await httpRequest(served.port, get('/late'))).body.toString(), 'late');
});

options('without onError, errors go to console.error', async () => {
  const told: unknown[] = [];
  const { error: original } = console;
  console.error = (...values: unknown[]) => void told.push(...values);
  try {
    const error = new Error('secret');
    const server = createServer();
    server.route('/fault', () => Promise.reject(error));
    await server.listen(0, '127.0.0.1');
    assert.is((await httpRequest((server.address() as AddressInfo).port, get('/fault'))).status, 500);
    await server.close();
    assert.equal(told, [error]);
  } finally {
    console.error = original;
  }
});

options.run();

const listening = suite('server: listening');

listening('port 0 is a free port, told by address()', async () => {
  const server = createServer();
  assert.is(server.address(), null);
  await server.listen(0, '127.0.0.1');
  const { address, family, port } = server.address() as AddressInfo;
  assert.equal([address, family, port > 0], ['127.0.0.1', 'IPv4', true]);
  assert.is((await httpRequest(port, get('/'))).status, 404);
  await server.close();
  assert.is(server.address(), null);
  await rejects(httpRequest(port, get('/')), { code: 'ECONNREFUSED' });
});

listening('a port that is taken rejects, and the server can listen elsewhere', async () => {
  await using first = await serve();
  const second = createServer();
  second.route('/', () => 'second');
  await rejects(second.listen(first.port, '127.0.0.1'), { code: 'EADDRINUSE' });
  assert.is(second.address(), null);
  await second.listen(0, '127.0.0.1');
  const { port } = second.address() as AddressInfo;
  assert.is((await httpRequest(port, get('/'))).body.toString(), 'second');
  await second.close();
  await first.assertWorking();
});

listening('a port that is none rejects', async () => {
  for (const port of [-1, 65_536, 1.5, NaN]) {
    await rejects(createServer().listen(port, '127.0.0.1'), { name: 'RangeError', message: /^port must be/ });
  }
});

listening('digits are a port, as PORT=8000 gives them', async () => {
  await using first = await serve();
  const second = createServer();
  await second.listen('0', '127.0.0.1');
  const { address, port } = second.address() as AddressInfo;
  assert.equal([address, port > 0], ['127.0.0.1', true]);
  await second.close();
  await rejects(second.listen(String(first.port), '127.0.0.1'), { code: 'EADDRINUSE' });
  await rejects(second.listen('65536', '127.0.0.1'), { name: 'RangeError', message: /^port must be/ });
});

listening('in several places, until it closes', async () => {
  await using served = await serve();
  const { server, port } = served;
  const second = await server.listen({ port: '0', host: '127.0.0.1', backlog: 1, exclusive: true }) as AddressInfo;
  assert.ok(second.port !== port);
  assert.is((server.address() as AddressInfo).port, port);
  await rejects(server.listen(second.port, '127.0.0.1'), { code: 'EADDRINUSE' });
  for (const each of [port, second.port]) {
    assert.is((await httpRequest(each, get('/'))).body.toString(), 'hello');
  }
  await server.close();
  assert.is(server.address(), null);
  for (const each of [port, second.port]) await rejects(httpRequest(each, get('/')), { code: 'ECONNREFUSED' });
});

listening('again after it was closed', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  await served.server.close();
  await served.server.listen(0, '127.0.0.1');
  await using client = await RawClient.connect(served.port);
  client.write(get('/'));
  assertResponse(await client.readResponse(), HELLO, 'hello');
  await client.upgrade('/echo/');
  client.sendFrame(1, 'Hello');
  assert.is((await client.readFrame()).payload.toString(), 'Hello');
});

listening('a Unix socket serves both, and is gone after the close', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  const path = join(folder, 'socket');
  try {
    const server = createServer();
    server.route('/address', acceptWebSocket(async (request) => {
      if (!request.isWebSocket()) return `<${request.remoteAddress}>`;
      return void (await request.webSocket.send(`<${request.webSocket.remoteAddress}>`));
    }));
    await server.listen(path);
    assert.is(server.address(), path);
    assert.is((await httpRequest({ path }, get('/address'))).body.toString(), '<>');
    const other = createServer();
    await rejects(other.listen(path), { code: 'EADDRINUSE' });
    {
      await using client = await RawClient.connect({ path });
      await client.upgrade('/address');
      assert.is((await client.readFrame()).payload.toString(), '<>');
    }
    await server.close();
    await rejects(RawClient.connect({ path }), { code: 'ENOENT' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

listening.run();

const connections = suite('server: connections');

connections('the set holds the open WebSockets, and nothing else', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  const { server } = served;
  const paths = (): string[] => [...server.connections].map(({ request: { query } }) => query.get('n')!);
  await using plain = await RawClient.connect(served.port);
  plain.write(get('/'));
  await plain.readResponse();
  assert.is(server.connections.size, 0);
  await using one = await RawClient.connect(served.port);
  await using two = await RawClient.connect(served.port);
  await one.upgrade('/echo/?n=1');
  await two.upgrade('/echo/?n=2');
  assert.equal(paths(), ['1', '2']);
  one.sendFrame(8, hex('03 e8'));
  await one.readToEnd();
  one.socket.end();
  await until('it is removed', () => server.connections.size === 1);
  assert.equal(paths(), ['2']);
  two.socket.resetAndDestroy();
  await until('it is removed', () => server.connections.size === 0);
});

connections('one can speak to all', async () => {
  await using served = await serve({ '/': requireWebSocket(({ webSocket }) => webSocket.wait()) });
  await using one = await RawClient.connect(served.port);
  await using two = await RawClient.connect(served.port);
  for (const client of [one, two]) await client.upgrade('/');
  for (const connection of served.server.connections) void connection.send('news');
  for (const client of [one, two]) assert.is((await client.readFrame()).payload.toString(), 'news');
});

connections('what a server has counted: connections, refused handshakes, and all that passed', async () => {
  await using served = await serve({ '/echo': acceptWebSocket(() => 'hello') }, { maxConnections: 3 });
  const { server } = served;
  const nothing = { messages: 0, bytes: 0, wireBytes: 0 };
  const none = { open: 0, opened: 0, refused: 0, received: nothing, sent: nothing, pings: 0, pauses: 0 };
  assert.equal(server.stats, none);
  server.route('/socket', requireWebSocket(echo));
  const socket = await server.inject('/socket');
  await socket.send('hé');
  await socket.wait();
  const counted = { messages: 1, bytes: 3, wireBytes: 9 };
  assert.equal(server.stats, { ...none, open: 1, opened: 1, received: counted, sent: { ...counted, wireBytes: 5 } });
  // A refusal of plain HTTP is no refused handshake.
  await httpRequest(served.port, get('/nothing', 'Connection: close'));
  await httpRequest(served.port, upgradeRequest('/'));
  await httpRequest(served.port, upgradeRequest('/nothing'));
  await socket.close();
  await until('it is removed', () => server.connections.size === 0);
  assert.equal(server.stats, {
    ...none,
    opened: 1,
    refused: 2,
    received: { ...counted, wireBytes: 9 + 8 },
    sent: { ...counted, wireBytes: 5 + 4 },
  });
});

connections('over maxConnections: 503, and again served when there is room', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) }, { maxConnections: 2 });
  {
    await using one = await RawClient.connect(served.port);
    await using two = await RawClient.connect(served.port);
    await one.upgrade('/echo/');
    two.write(get('/'));
    assertResponse(await two.readResponse(), HELLO, 'hello');
    for (let count = 0; count < 3; count++) {
      await using three = await RawClient.connect(served.port);
      const all = (await three.readToEnd()).toString();
      const fields = 'Connection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n';
      assert.is(all, `HTTP/1.1 503 Service Unavailable\r\n${fields}`);
    }
    // Those inside notice nothing.
    one.sendFrame(1, 'Hello');
    assert.is((await one.readFrame()).payload.toString(), 'Hello');
    two.write(get('/'));
    assertResponse(await two.readResponse(), HELLO, 'hello');
    const [first, second] = [await serverSide(one), await serverSide(two)];
    one.socket.resetAndDestroy();
    two.socket.resetAndDestroy();
    await until('both are gone', () => first.closed && second.closed);
  }
  await served.assertWorking();
});

connections('a request is turned away, too, if it comes at once', async () => {
  await using served = await serve({}, { maxConnections: 0 });
  assert.is((await httpRequest(served.port, get('/'))).status, 503);
});

connections.run();

const keepAlive = suite('server: keepAliveInterval');

keepAlive('a silent peer is sent a ping, and cut off when it stays silent', async () => {
  const ended = gate<Connection>();
  const handler: WebSocketHandler = async ({ webSocket }) => {
    await webSocket.closed;
    ended.open(webSocket);
  };
  await using served = await serve({ '/': requireWebSocket(handler) }, { keepAliveInterval: 20 });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  assert.equal(await client.readBytes(2), hex('89 00'));
  const { code, wasClean, error } = await (await ended.promise).closed;
  assert.equal([code, wasClean], [1006, false]);
  assert.match(String(error), /^TimeoutError: the peer gave no sign of life, and no pong; .* keepAliveInterval to 0$/);
  assert.is((await client.readToEnd()).length, 0);
  assert.is(served.server.connections.size, 0);
});

keepAlive('a peer that answers stays', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) }, { keepAliveInterval: 700 });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/echo/');
  for (let count = 0; count < 3; count++) {
    assert.equal(await client.readBytes(2), hex('89 00'));
    client.sendFrame(10, '');
  }
  client.sendFrame(1, 'Hello');
  assert.equal(await client.readBytes(7), hex('81 05 48 65 6c 6c 6f'));
});

keepAlive('0 sends none, and no timer runs', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) }, { keepAliveInterval: 0 });
  await using other = await serve({ '/echo/': requireWebSocket(echo) }, { keepAliveInterval: 700 });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/echo/');
  await using pinged = await RawClient.connect(other.port);
  await pinged.upgrade('/echo/');
  // Two pings to the other would have been one to this.
  await pinged.readFrame();
  pinged.sendFrame(10, '');
  await pinged.readFrame();
  client.sendFrame(1, 'Hello');
  assert.equal(await client.readBytes(7), hex('81 05 48 65 6c 6c 6f'));
});

keepAlive.run();

const closing = suite('server: close');

closing('a server that never listened', async () => {
  await createServer().close();
});

closing('no connections: it is closed, and nothing keeps the process alive', async () => {
  const before = countTimers();
  const server = createServer();
  await server.listen(0, '127.0.0.1');
  await server.close();
  assert.ok(countTimers() <= before);
});

closing('no new connections; idle ones end without a word, also amid a head', async () => {
  await using served = await serve({}, { idleTimeout: 60_000 });
  const { port } = served;
  await using fresh = await RawClient.connect(port);
  await using idle = await RawClient.connect(port);
  await using begun = await RawClient.connect(port);
  idle.write(get('/'));
  assertResponse(await idle.readResponse(), HELLO, 'hello');
  begun.write('GET / HT');
  const server = await serverSide(begun);
  await until('it has come', () => server.bytesRead === 8);
  await serverSide(fresh);
  const closed = served.server.close();
  await rejects(httpRequest(port, get('/')), { code: 'ECONNREFUSED' });
  for (const client of [fresh, idle, begun]) {
    assert.is((await client.readToEnd()).length, 0);
    assert.is(client.error, null);
    client.socket.end();
  }
  await closed;
});

closing('requests under way get their reply, as the last of their connection', async () => {
  const slow = gate();
  let count = 0;
  const route = async (): Promise<string> => {
    count++;
    await slow.promise;
    return 'hello';
  };
  await using served = await serve({ '/slow': route }, { idleTimeout: 60_000 });
  await using client = await RawClient.connect(served.port);
  client.write(get('/slow') + get('/slow'));
  await until('it is served', () => count === 1);
  let isClosed = false;
  const closed = served.server.close().then(() => (isClosed = true));
  await nextTurn();
  assert.is(isClosed, false);
  slow.open();
  assertResponse(await client.readResponse(), [...HELLO, LAST], 'hello');
  assert.is((await client.readToEnd()).length, 0);
  client.socket.end();
  await closed;
  assert.is(count, 1);
});

closing('a stream under way comes whole, and its connection ends behind it', async () => {
  const slow = gate();
  async function* parts(): AsyncGenerator<string> {
    yield 'hel';
    await slow.promise;
    yield 'lo';
  }
  await using served = await serve({ '/stream': () => ({ body: parts() }) }, { idleTimeout: 60_000 });
  await using client = await RawClient.connect(served.port);
  client.write(get('/stream'));
  await client.readUntil('3\r\nhel\r\n');
  const closed = served.server.close({ timeout: 60_000 });
  slow.open();
  assert.is((await client.readToEnd()).toString(), '2\r\nlo\r\n0\r\n\r\n');
  client.socket.end();
  await closed;
});

closing('a body under way is read to its end', async () => {
  await using served = await serve({ '/body': (received) => received.body() });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  const text = `${request('POST', '/body', 'Content-Length: 5')}he`;
  client.write(text);
  await until('it has come', () => server.bytesRead === text.length);
  const closed = served.server.close();
  client.write('llo');
  const lines = ['HTTP/1.1 200 OK', 'Content-Type: application/octet-stream', 'Content-Length: 5', LAST];
  assertResponse(await client.readResponse(), lines, 'hello');
  client.socket.end();
  await closed;
});

/** "the server is closing" behind 1001. */
const GOING_AWAY = hex('88 17 03 e9 74 68 65 20 73 65 72 76 65 72 20 69 73 20 63 6c 6f 73 69 6e 67');

closing('RFC 6455 §7.4.1: WebSockets are closed with 1001; what was sent before arrives', async () => {
  const handlers: string[] = [];
  const handler: WebSocketHandler = async ({ webSocket }) => {
    void webSocket.send('Hello');
    while ((await webSocket.wait()) !== null);
    handlers.push('ended');
  };
  await using served = await serve({ '/': requireWebSocket(handler) });
  await using one = await RawClient.connect(served.port);
  await using two = await RawClient.connect(served.port);
  for (const client of [one, two]) {
    await client.upgrade('/');
    assert.is((await client.readFrame()).payload.toString(), 'Hello');
  }
  const closed = served.server.close();
  for (const client of [one, two]) {
    assert.equal(await client.readBytes(GOING_AWAY.length), GOING_AWAY);
    client.sendFrame(8, hex('03 e9'));
    assert.is((await client.readToEnd()).length, 0);
    client.socket.end();
  }
  await closed;
  assert.equal(handlers, ['ended', 'ended']);
  assert.is(served.server.connections.size, 0);
});

closing('a handler works through its queue before the server has closed, though its peer is gone', async () => {
  const work = gate();
  const done: string[] = [];
  const handler: WebSocketHandler = async ({ webSocket }) => {
    for await (const message of webSocket) {
      await work.promise;
      await nextTurn();
      done.push(String(message));
    }
  };
  await using served = await serve({ '/': requireWebSocket(handler) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  const messages = Array.from({ length: 20 }, (_, index) => `work ${index}`);
  for (const message of messages) client.sendFrame(1, message);
  const [connection] = served.server.connections;
  await until('the first is taken', () => connection!.countMessages() === 19);
  let isClosed = false;
  const closed = served.server.close({ timeout: 60_000 }).then(() => (isClosed = true));
  assert.equal(await client.readBytes(GOING_AWAY.length), GOING_AWAY);
  client.sendFrame(8, hex('03 e9'));
  await client.readToEnd();
  client.socket.end();
  await until('its connection has ended', () => served.server.connections.size === 0);
  await nextTurn();
  assert.is(isClosed, false);
  work.open();
  await closed;
  assert.equal(done, messages);
});

closing('a handler of plain HTTP whose client has gone is waited for, too', async () => {
  const work = gate();
  const begun = gate();
  let isDone = false;
  const handler = async (): Promise<string> => {
    begun.open();
    await work.promise;
    await nextTurn();
    isDone = true;
    return 'nobody reads this';
  };
  await using served = await serve({ '/': handler });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.write(get('/'));
  await begun.promise;
  client.socket.resetAndDestroy();
  await until('it is gone', () => server.closed);
  const closed = served.server.close({ timeout: 60_000 });
  await nextTurn();
  work.open();
  await closed;
  assert.is(isDone, true);
});

closing('a handler that hangs is not waited for any longer than the timeout', async () => {
  const before = countTimers();
  const signals: AbortSignal[] = [];
  const handler: WebSocketHandler = ({ signal }) => {
    signals.push(signal);
    return new Promise(() => {});
  };
  await using served = await serve({ '/': requireWebSocket(handler) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  await served.server.close({ timeout: 20 });
  assert.equal(signals.map(({ aborted }) => aborted), [true]);
  assert.ok(countTimers() <= before);
});

closing("a handler that fails by the close is waited for, and its error is nobody's", async () => {
  const handler: WebSocketHandler = async ({ webSocket }) => {
    while ((await webSocket.wait()) !== null);
    await webSocket.send('late');
  };
  await using served = await serve({ '/': requireWebSocket(handler) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  const closed = served.server.close({ timeout: 60_000 });
  await client.readBytes(GOING_AWAY.length);
  client.sendFrame(8, hex('03 e9'));
  await client.readToEnd();
  client.socket.end();
  await closed;
});

closing('RFC 6455 §7.4: with another code and reason', async () => {
  await using served = await serve({ '/': requireWebSocket(echo) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  const closed = served.server.close({ code: 1012, reason: 'update' });
  assert.equal(await client.readBytes(10), hex('88 08 03 f4 75 70 64 61 74 65'));
  client.sendFrame(8, hex('03 f4'));
  await client.readToEnd();
  client.socket.end();
  await closed;
});

closing('spread: those whose turn has not come go on, and a second call closes them at once', async () => {
  const before = countTimers();
  await using served = await serve({ '/': requireWebSocket(echo) }, { keepAliveInterval: 0 });
  await using one = await RawClient.connect(served.port);
  await using two = await RawClient.connect(served.port);
  await using three = await RawClient.connect(served.port);
  for (const client of [one, two, three]) await client.upgrade('/');
  const order: string[] = [];
  const spread = served.server.close({ timeout: 60_000, spread: 60_000 }).then(() => order.push('spread'));
  assert.equal(await one.readBytes(GOING_AWAY.length), GOING_AWAY);
  for (const client of [two, three]) {
    client.sendFrame(1, 'Hello');
    assert.equal(await client.readBytes(7), hex('81 05 48 65 6c 6c 6f'));
  }
  const atOnce = served.server.close({ timeout: 60_000 }).then(() => order.push('at once'));
  for (const client of [two, three]) assert.equal(await client.readBytes(GOING_AWAY.length), GOING_AWAY);
  for (const client of [one, two, three]) {
    client.sendFrame(8, hex('03 e9'));
    client.socket.end();
  }
  await Promise.all([spread, atOnce]);
  assert.equal(order.sort(), ['at once', 'spread']);
  assert.ok(countTimers() <= before);
});

closing('spread over a time: all are closed', async () => {
  await using served = await serve({ '/': requireWebSocket(echo) });
  const clients: RawClient[] = [];
  for (let count = 0; count < 5; count++) clients.push(await RawClient.connect(served.port));
  for (const client of clients) await client.upgrade('/');
  const closed = served.server.close({ timeout: 60_000, spread: 20, code: 1012, reason: '' });
  for (const client of clients) {
    assert.equal(await client.readBytes(4), hex('88 02 03 f4'));
    client.sendFrame(8, hex('03 f4'));
    client.socket.end();
  }
  await closed;
});

const unfit: readonly [options: CloseOptions, name: string, message: RegExp][] = [
  [{ code: 1006 }, 'RangeError', /^1006 is no close code to send/],
  [{ code: 999 }, 'RangeError', /^999 is no close code to send/],
  [{ code: '1012' as unknown as number }, 'TypeError', /^the close code must be a number/],
  [{ reason: 'x'.repeat(124) }, 'RangeError', /^the close reason has 124 bytes/],
  [{ reason: 1 as unknown as string }, 'TypeError', /^the close reason must be a string/],
  [{ spread: -1 }, 'RangeError', /^spread must be/],
  [{ spread: 0.5 }, 'RangeError', /^spread must be/],
  [{ spread: 10_001 }, 'RangeError', /^spread must be a whole number from 0 to 10000/],
  [{ spread: 2, timeout: 1 }, 'RangeError', /^spread must be a whole number from 0 to 1, not 2/],
];

for (const [unfitOptions, name, message] of unfit) {
  closing(`${JSON.stringify(unfitOptions)} is refused with a ${name}, and nothing is closed`, async () => {
    await using served = await serve({ '/echo/': requireWebSocket(echo) });
    await rejects(served.server.close(unfitOptions), { name, message });
    await using client = await RawClient.connect(served.port);
    await client.upgrade('/echo/');
    client.sendFrame(1, 'Hello');
    assert.equal(await client.readBytes(7), hex('81 05 48 65 6c 6c 6f'));
  });
}

closing('a handshake under way is refused with 503', async () => {
  const pending = gate<true>();
  const begun = gate();
  const authorize = (): Promise<true> => {
    begun.open();
    return pending.promise;
  };
  const handler = (): never => assert.unreachable() as never;
  await using served = await serve({ '/secret': requireWebSocket(handler, { authorize }) });
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/secret'));
  await begun.promise;
  const closed = served.server.close();
  pending.open(true);
  assertRefusal(await client.readResponse(), '503 Service Unavailable', ...PLAIN_REFUSAL, LAST);
  client.socket.end();
  await closed;
});

closing('the timeout cuts what is left: endless handlers, peers that do not close, clients that stay', async () => {
  const begun: string[] = [];
  const endless = async ({ path }: { path: string }): Promise<string> => {
    begun.push(path);
    await new Promise(() => {});
    return 'never';
  };
  await using served = await serve({ '/http': endless, '/ws': requireWebSocket(endless) });
  await using plain = await RawClient.connect(served.port);
  await using webSocket = await RawClient.connect(served.port);
  await using idle = await RawClient.connect(served.port);
  plain.write(get('/http'));
  await webSocket.upgrade('/ws');
  await until('both are served', () => begun.length === 2);
  await served.server.close({ timeout: 20 });
  assert.is((await plain.readToEnd()).length, 0);
  assert.equal(await webSocket.readToEnd(), GOING_AWAY);
  assert.is((await idle.readToEnd()).length, 0);
  assert.is(served.server.connections.size, 0);
});

closing('twice: both wait, and the shorter timeout counts', async () => {
  await using served = await serve({ '/http': () => new Promise(() => {}) });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.write(get('/http'));
  await until('it is served', () => server.bytesRead > 0);
  const order: string[] = [];
  const first = served.server.close({ timeout: 60_000 }).then(() => order.push('first'));
  const second = served.server.close({ timeout: 20 }).then(() => order.push('second'));
  await Promise.all([first, second]);
  assert.equal(order.sort(), ['first', 'second']);
  assert.is(server.destroyed, true);
  await served.server.close();
});

closing('a timeout out of range is refused, and nothing is closed', async () => {
  await using served = await serve();
  for (const timeout of [-1, 0.5, NaN, Infinity, 2 ** 31]) {
    await rejects(served.server.close({ timeout }), { name: 'RangeError', message: /^timeout must be/ });
  }
  await using client = await RawClient.connect(served.port);
  client.write(get('/'));
  assertResponse(await client.readResponse(), HELLO, 'hello');
});

closing('a peer that never answers a Close, or never ends TCP, is cut off after closeTimeout', async () => {
  await using served = await serve({ '/': requireWebSocket(() => {}) }, { closeTimeout: 20 });
  for (const answer of [Buffer.alloc(0), hex('88 82 00 00 00 00 03 e8')]) {
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    await client.upgrade('/');
    assert.equal(await client.readBytes(4), hex('88 02 03 e8'));
    client.write(answer);
    await until('it is cut off', () => server.closed);
    await until('it is removed', () => served.server.connections.size === 0);
  }
});

closing.run();
