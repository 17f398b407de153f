// One upgrade of a server of node:http, or extended CONNECT of node:http2, answered by who has routed it.
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { Socket, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import { createServer, requireWebSocket, upgrade, type Connection, type WebSocketOptions } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { RawSession } from '../support/peers/raw-session.js';
import { gate, until } from './harness.js';

const test = suite('upgrade');

/** A server that upgrades whatever comes, and what became of it. */
async function open(options: WebSocketOptions<any> = {}) {
  const results: (Connection | null)[] = [];
  const httpServer = createHttpServer();
  httpServer.on('upgrade', async (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    results.push(await upgrade(request, socket, head, options));
  });
  await new Promise<void>((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
  const { port } = httpServer.address() as AddressInfo;
  return {
    httpServer, port, results,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const connection of results) connection?.terminate();
      await new Promise<unknown>((resolve) => httpServer.close(resolve));
    },
  };
}

/** Runs with `console.warn` silent; what it was told. */
async function warned(run: () => Promise<void>): Promise<string[]> {
  const { warn } = console;
  const lines: string[] = [];
  console.warn = (line: string) => void lines.push(line);
  try {
    await run();
  } finally {
    console.warn = warn;
  }
  return lines;
}

test('it gives the connection, with the first frames in its queue', async () => {
  await using opened = await open({ subprotocols: 'chat', maxMessageBytes: 5 });
  await using client = await RawClient.connect(opened.port);
  client.write(Buffer.concat([
    Buffer.from(upgradeRequest('/any?a=b', { 'Sec-WebSocket-Protocol': 'chat' })), Buffer.from('81810000000061', 'hex'),
  ]));
  assert.is((await client.readResponse()).headers.get('sec-websocket-protocol'), 'chat');
  await until('it is there', () => opened.results.length === 1);
  const connection = opened.results[0]!;
  assert.equal([connection.request.path, connection.request.query.get('a')], ['/any', 'b']);
  assert.is(await connection.wait(), 'a');
  await connection.send('b');
  assert.is((await client.readFrame()).payload.toString(), 'b');
  client.sendFrame(2, '123456');
  assert.is((await client.readFrame()).payload.readUInt16BE(), 1009);
});

test('a socket that was taken before is an error of the caller, and the first connection goes on', async () => {
  const thrown: unknown[] = [];
  const again = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    assert.throws(() => upgrade(request, socket, head), (error: unknown) => thrown.push(error) > 0);
  };
  await using opened = await open();
  opened.httpServer.on('upgrade', again);
  await using client = await RawClient.connect(opened.port);
  await client.upgrade('/');
  assert.instance(thrown[0], TypeError);
  assert.match((thrown[0] as Error).message, /^this socket was taken before, by upgrade or by a server/);
  await until('it is there', () => opened.results.length === 1);
  client.sendFrame(1, 'hello');
  assert.is(await opened.results[0]!.wait(), 'hello');
});

test('a socket that a server has taken that is attached, likewise', async () => {
  const httpServer = createHttpServer();
  const server = createServer();
  server.route('/', requireWebSocket(({ webSocket }) => webSocket.send('hello')));
  server.attach(httpServer);
  const thrown: unknown[] = [];
  httpServer.on('upgrade', (request, socket, head) => {
    assert.throws(() => upgrade(request, socket, head), (error: unknown) => thrown.push(error) > 0);
  });
  await new Promise<void>((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
  {
    await using client = await RawClient.connect((httpServer.address() as AddressInfo).port);
    await client.upgrade('/');
    assert.is((await client.readFrame()).payload.toString(), 'hello');
    assert.instance(thrown[0], TypeError);
  }
  await server.close({ timeout: 0 });
  await new Promise<unknown>((resolve) => httpServer.close(resolve));
});

test('it stays open until one side closes it', async () => {
  await using opened = await open();
  await using client = await RawClient.connect(opened.port);
  await client.upgrade('/');
  await until('it is there', () => opened.results.length === 1);
  const closed = opened.results[0]!.close(1000, 'done');
  const { payload } = await client.readFrame();
  assert.is(payload.subarray(2).toString(), 'done');
  client.sendFrame(8, payload);
  client.socket.end();
  assert.equal(await closed, { code: 1000, reason: 'done', wasClean: true });
});

test('a refused request is answered, logged once for each code, and null', async () => {
  await using opened = await open({ origins: ['https://a.example'] });
  const lines = await warned(async () => {
    const foreign = upgradeRequest('/', { Origin: 'https://b.example' });
    for (const text of [foreign, upgradeRequest('/', { 'Sec-WebSocket-Key': 'x' }), foreign]) {
      const { status } = await httpRequest(opened.port, text);
      assert.is(status, text === foreign ? 403 : 400);
    }
  });
  assert.equal(opened.results, [null, null, null]);
  assert.is(lines.length, 2);
  assert.match(lines[0]!, 'ORIGIN_REFUSED');
});

test('what authorize throws by mistake is logged, answered with 500, and null', async () => {
  const { error } = console;
  const logged: unknown[] = [];
  console.error = (mistake: unknown) => void logged.push(mistake);
  try {
    await using opened = await open({
      authorize: () => {
        throw new TypeError('a mistake');
      },
    });
    assert.is((await httpRequest(opened.port, upgradeRequest('/'))).status, 500);
    assert.equal(opened.results, [null]);
  } finally {
    console.error = error;
  }
  assert.equal(logged.map(String), ['TypeError: a mistake']);
});

test('null if the client goes while authorize is asked', async () => {
  const asked = gate<string>();
  let isAsked = false;
  await using opened = await open({
    authorize: () => {
      isAsked = true;
      return asked.promise;
    },
  });
  const client = await RawClient.connect(opened.port);
  client.write(upgradeRequest('/'));
  await until('it is asked', () => isAsked);
  client.socket.resetAndDestroy();
  await until('it is told', () => opened.results.length === 1);
  asked.open('too late');
  assert.equal(opened.results, [null]);
});

test('null for a client that has gone before', async () => {
  const request = { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: [] };
  const socket = new Socket();
  socket.destroy();
  await until('it is closed', () => socket.closed);
  assert.is(await upgrade(request, socket, Buffer.alloc(0)), null);
});

test('a wrong option is refused at once', () => {
  const request = { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: [] };
  const socket = null as unknown as Duplex;
  for (const options of [{ maxMessageBytes: -1 }, { orgins: '*' } as WebSocketOptions]) {
    let error: unknown = null;
    try {
      void upgrade(request, socket, Buffer.alloc(0), options);
    } catch (thrown) {
      error = thrown;
    }
    assert.match((error as Error).message, /maxMessageBytes|orgins/);
  }
});

/** A server of HTTP/2 that upgrades whatever comes, by either of its interfaces, and what became of it. */
async function openHttp2(event: 'connect' | 'stream', options: WebSocketOptions<any> = {}) {
  const results: (Connection | null)[] = [];
  const http2Server = createHttp2Server({ settings: { enableConnectProtocol: true } });
  const sessions = new Set<ServerHttp2Session>();
  http2Server.on('session', (session) => void sessions.add(session));
  if (event === 'connect') {
    // What node:http2 gives those who listen for requests, too.
    http2Server.on('request', () => {}).on('connect', async (request, { stream }) => {
      results.push(await upgrade(request, stream, null, options));
    });
  } else {
    http2Server.on('stream', async (stream: ServerHttp2Stream, _: unknown, __: unknown, rawHeaders: string[]) => {
      results.push(await upgrade({ httpVersion: '2.0', rawHeaders }, stream, null, options));
    });
  }
  await new Promise<void>((resolve) => http2Server.listen(0, '127.0.0.1', resolve));
  return {
    http2Server, results, port: (http2Server.address() as AddressInfo).port,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const session of sessions) session.destroy();
      await new Promise<unknown>((resolve) => http2Server.close(resolve));
    },
  };
}

for (const event of ['connect', 'stream'] as const) {
  test(`RFC 8441 §5.1: an extended CONNECT, as a listener of '${event}' gets it`, async () => {
    await using opened = await openHttp2(event, { subprotocols: 'chat' });
    await using session = await RawSession.connect(opened.port);
    const { stream, peer, headers } = await session.open('/any?a=b', { 'sec-websocket-protocol': 'chat' });
    assert.is(headers['sec-websocket-protocol'], 'chat');
    await until('it is there', () => opened.results.length === 1);
    const connection = opened.results[0]!;
    assert.equal([connection.request.path, connection.request.query.get('a')], ['/any', 'b']);
    peer.write(Buffer.from('81810000000061', 'hex'));
    assert.is(await connection.wait(), 'a');
    await connection.send('b');
    assert.is((await peer.readFrame()).payload.toString(), 'b');
    peer.write(Buffer.from('88820000000003e8', 'hex'));
    assert.is((await peer.readToEnd()).toString('hex'), '880203e8');
    stream.end();
    assert.equal(await connection.closed, { code: 1000, reason: '', wasClean: true });
  });
}

test('a request that only says that it is of HTTP/2 is one of HTTP/1.1, or refused by the runtime', async () => {
  await using opened = await open();
  await using client = await RawClient.connect(opened.port);
  client.write(upgradeRequest('/').replace(' HTTP/1.1', ' HTTP/2.0'));
  const { status } = await client.readResponse();
  assert.ok(status === 101 || status === 400, `${status}`);
});

test('over HTTP/2, a refused request is answered, and null', async () => {
  await using opened = await openHttp2('connect', { authorize: () => false });
  await using session = await RawSession.connect(opened.port);
  const lines = await warned(async () => {
    assert.is((await session.ask('/')).status, 403);
    // A CONNECT to a host, as a proxy gets it, opens no WebSocket.
    const changes = { ':protocol': null, ':scheme': null, ':path': null };
    const { status, peer } = await session.ask('/', changes);
    assert.is(status, 400);
    assert.match((await peer.readToEnd()).toString(), 'an extended CONNECT needs :protocol; send it');
  });
  assert.equal(opened.results, [null, null]);
  assert.is(lines.length, 1);
  assert.match(lines[0]!, '403');
});

test('a stream of HTTP/2 that was taken before is an error of the caller', async () => {
  await using opened = await openHttp2('stream');
  const thrown: unknown[] = [];
  opened.http2Server.on('stream', (stream: ServerHttp2Stream, _: unknown, __: unknown, rawHeaders: string[]) => {
    const again = (): unknown => upgrade({ httpVersion: '2.0', rawHeaders }, stream, null);
    assert.throws(again, (error: unknown) => thrown.push(error) > 0);
  });
  await using session = await RawSession.connect(opened.port);
  await session.open('/');
  assert.instance(thrown[0], TypeError);
});

test.run();
