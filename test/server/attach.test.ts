// WebSockets on a server of node:http beside everyone else's requests; test/doors has what is alike through every door.
import { EventEmitter } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import {
  acceptWebSocket, connect, createServer, HandshakeError, requireWebSocket, type Server, type ServerOptions,
  type WebSocketHandler, type WebSocketRequest,
} from '../../src/index.js';
import type { UpgradingServer } from '../../src/server/attach.js';
import { suite } from '../runner/suite.js';
import { httpRequest, RawClient, SAMPLE_ACCEPT, upgradeRequest } from '../support/peers/raw-client.js';
import { assertRefusal, gate, get, PLAIN_REFUSAL, until } from './harness.js';

const test = suite('attach');

const echo = requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
});

/** A server of node:http that answers `app` to everything, with ours attached. */
class Attached implements AsyncDisposable {
  readonly httpServer: HttpServer;
  readonly server: Server;

  private constructor(httpServer: HttpServer, server: Server) {
    this.httpServer = httpServer;
    this.server = server;
  }

  static async open(options: ServerOptions = {}, httpServer = createHttpServer()): Promise<Attached> {
    const server = createServer({ onRefuse: () => {}, ...options });
    httpServer.on('request', (_request, response) => void response.end('app'));
    server.attach(httpServer);
    await new Promise<void>((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
    return new Attached(httpServer, server);
  }

  get port(): number {
    return (this.httpServer.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close({ timeout: 0 });
    this.httpServer.closeAllConnections();
    await new Promise<unknown>((resolve) => this.httpServer.close(resolve));
  }
}

/** A route that asks who may connect, and waits for the answer; `isAsked` once it has. */
function routeThatAsks(answer: Promise<string>, handler: WebSocketHandler<string> = () => {}) {
  const state = { isAsked: false };
  const authorize = (): Promise<string> => {
    state.isAsked = true;
    return answer;
  };
  return Object.assign(state, { route: requireWebSocket(handler, { authorize }) });
}

test('a message that is sent and received in pieces', async () => {
  await using attached = await Attached.open({ maxStreamedBytes: Infinity });
  attached.server.route('/back/', requireWebSocket(async ({ webSocket }) => {
    const message = await webSocket.receive();
    if (message !== null) await webSocket.send(message.chunks, { type: message.type });
  }));
  await using connection = await connect(`ws://127.0.0.1:${attached.port}/back/`, { maxMessageBytes: 4 << 20 });
  const large = Buffer.alloc(3 << 20, 'larger than a mebibyte ');
  void connection.send(new Blob([large]));
  assert.ok(large.equals((await connection.wait()) as Buffer));
});

test('a WebSocket at a route, and the app for everything else', async () => {
  await using attached = await Attached.open();
  attached.server.route('/rooms/:room', requireWebSocket(async ({ webSocket }) => {
    const { params, query, remoteAddress, headers } = webSocket.request;
    await webSocket.send(JSON.stringify([params.room, query.get('a'), remoteAddress, headers.get('user-agent')]));
    for await (const message of webSocket) await webSocket.send(message);
  }));
  await using client = await RawClient.connect(attached.port);
  const { status, headers } = await client.upgrade('/rooms/1?a=b', { 'User-Agent': 'test' });
  assert.equal([status, headers.get('sec-websocket-accept')], [101, SAMPLE_ACCEPT]);
  assert.is((await client.readFrame()).payload.toString(), '["1","b","127.0.0.1","test"]');
  client.sendFrame(1, 'hello');
  assert.is((await client.readFrame()).payload.toString(), 'hello');
  assert.is(attached.server.connections.size, 1);
  for (const path of ['/', '/rooms/1']) {
    assert.is((await httpRequest(attached.port, get(path))).body.toString(), 'app', path);
  }
});

test('refusals have their status, fields and text, and reach onRefuse', async () => {
  const refused: string[] = [];
  await using attached = await Attached.open({
    onRefuse: ({ code }, { path, isHandshake }) => void refused.push(`${code} ${path} ${isHandshake}`),
  });
  attached.server.route('/', echo);
  attached.server.route('/secret', requireWebSocket(() => {}, {
    authorize: () => {
      throw new HandshakeError('NO_TICKET', 402, 'buy a ticket', { headers: { 'X-Price': '1' } });
    },
  }));
  const ask = (path: string, changes = {}) => httpRequest(attached.port, upgradeRequest(path, changes));
  assertRefusal(await ask('/', { Origin: 'https://other.example' }), '403 Forbidden', ...PLAIN_REFUSAL,
    'Connection: close');
  const { status, headers } = await ask('/', { 'Sec-WebSocket-Version': '12' });
  assert.equal([status, headers.get('upgrade'), headers.get('sec-websocket-version')], [426, 'websocket', '13']);
  const ticket = await ask('/secret');
  assert.equal([ticket.status, ticket.headers.get('x-price'), ticket.body.toString()], [402, '1', 'buy a ticket\n']);
  assert.is((await ask('/nowhere')).status, 404);
  assert.is((await httpRequest(attached.port, upgradeRequest('/').replace('HTTP/1.1', 'HTTP/1.0'))).status, 505);
  assert.equal(refused, [
    'ORIGIN_REFUSED / true', 'VERSION_UNSUPPORTED / true', 'NO_TICKET /secret true', 'NOT_FOUND /nowhere true',
    'UPGRADE_NEEDS_HTTP_1_1 / true',
  ]);
});

test('a body that is still to come when the request is given is refused, and harms nobody', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  await using client = await RawClient.connect(attached.port);
  client.write(upgradeRequest('/', { 'Content-Length': '5' }));
  const response = client.readResponse();
  await new Promise((resolve) => setImmediate(resolve));
  client.write('hello');
  assert.is((await response).status, 400);
  await using other = await RawClient.connect(attached.port);
  assert.is((await other.upgrade('/')).status, 101);
});

test('any stream that node:http serves can become a WebSocket', async () => {
  const server = createServer();
  const httpServer = new EventEmitter();
  server.attach(httpServer as EventEmitter & UpgradingServer);
  let request: WebSocketRequest | null = null;
  server.route('/', requireWebSocket(async (asked) => {
    request = asked;
    for await (const message of asked.webSocket) await asked.webSocket.send(message);
  }));
  const written: Buffer[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  const rawHeaders = upgradeRequest('/').trim().split('\r\n').slice(1).flatMap((line) => line.split(': '));
  httpServer.emit('upgrade', { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders }, stream, Buffer.alloc(0));
  // A text, "a", masked with a key of zeros.
  stream.push(Buffer.from('81810000000061', 'hex'));
  await until('it is answered', () => written.length === 2);
  assert.match(written[0]!.toString(), SAMPLE_ACCEPT);
  assert.is(written[1]!.toString('hex'), '810161');
  // It doesn't count its bytes.
  assert.equal(request!.traffic, { bytesRead: 0, bytesWritten: 0, isFinal: false });
  stream.push(null);
  await server.close({ timeout: 0 });
});

test('what node:http lets through is held to our rules', async () => {
  const refused: string[] = [];
  await using attached = await Attached.open({
    onRefuse: ({ code }, { path, isHandshake }) => void refused.push(`${code} ${path} ${isHandshake}`),
  });
  attached.server.route('/', echo);
  assert.is((await httpRequest(attached.port, upgradeRequest('/#fragment'))).status, 400);
  assert.equal(refused, ['TARGET_INVALID  false']);
});

test('a request that only says that it is of HTTP/2 is answered as one of HTTP/1.1, or by the runtime', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  const { status } = await httpRequest(attached.port, upgradeRequest('/').replace(' HTTP/1.1', ' HTTP/2.0'));
  assert.ok(status === 101 || status === 400, `${status}`);
  const socket = await connect(`ws://127.0.0.1:${attached.port}/`);
  await socket.send('still here');
  assert.is(await socket.wait(), 'still here');
  await socket.close();
});

test('paths without a route, and other protocols, are left to others that listen', async () => {
  await using attached = await Attached.open();
  attached.server.route('/ours', echo);
  const other = createServer();
  other.route('/theirs', echo);
  other.attach(attached.httpServer);
  attached.httpServer.on('upgrade', (request, socket: Socket) => {
    if (request.url === '/raw' || request.headers.upgrade === 'raw') socket.end('HTTP/1.1 101 Raw\r\n\r\n');
  });
  for (const path of ['/ours', '/theirs']) {
    const socket = await connect(`ws://127.0.0.1:${attached.port}${path}`);
    await socket.send(path);
    assert.is(await socket.wait(), path);
    await socket.close();
  }
  assert.is((await httpRequest(attached.port, upgradeRequest('/raw'))).reason, 'Raw');
  assert.is((await httpRequest(attached.port, upgradeRequest('/ours', { Upgrade: 'raw' }))).reason, 'Raw');
  // One that is broken is nobody's in particular.
  assert.is((await httpRequest(attached.port, upgradeRequest('/ours#a', { Upgrade: 'raw' }))).reason, 'Raw');
  await other.close();
});

test('several of ours share a server: each path is answered once, and one without a route with 404', async () => {
  await using attached = await Attached.open();
  attached.server.route('/both', requireWebSocket(({ webSocket }) => webSocket.send('first')));
  const other = createServer({ onRefuse: () => {} });
  other.route('/both', requireWebSocket(({ webSocket }) => webSocket.send('second')));
  other.route('/other', echo);
  other.attach(attached.httpServer);
  await using client = await RawClient.connect(attached.port);
  await client.upgrade('/both');
  assert.is((await client.readFrame()).payload.toString(), 'first');
  assert.is((await client.readFrame()).opcode, 8);
  for (const path of ['/nowhere', '/other#a']) {
    const { status } = await httpRequest(attached.port, upgradeRequest(path));
    assert.ok(status === 404 || status === 400, `${path} ${status}`);
  }
  await using last = await RawClient.connect(attached.port);
  await last.upgrade('/other');
  await other.close({ timeout: 0 });
});

test('attached twice it serves once; detached it serves no more, but what is open', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  attached.server.attach(attached.httpServer);
  assert.is(attached.httpServer.listenerCount('upgrade'), 1);
  await using client = await RawClient.connect(attached.port);
  await client.upgrade('/');
  attached.server.detach(attached.httpServer);
  attached.server.detach(attached.httpServer);
  assert.is(attached.httpServer.listenerCount('upgrade'), 0);
  assert.is((await httpRequest(attached.port, upgradeRequest('/'))).body.toString(), 'app');
  client.sendFrame(1, 'still open');
  assert.is((await client.readFrame()).payload.toString(), 'still open');
});

test('it serves several servers, and its own port, with the same connections', async () => {
  await using one = await Attached.open();
  await using two = await Attached.open();
  one.server.route('/', echo);
  one.server.attach(two.httpServer);
  two.server.detach(two.httpServer);
  await one.server.listen(0, '127.0.0.1');
  const ports = [one.port, two.port, (one.server.address() as AddressInfo).port];
  const sockets = await Promise.all(ports.map((port) => connect(`ws://127.0.0.1:${port}/`)));
  assert.is(one.server.connections.size, 3);
  for (const socket of sockets) await socket.close();
  await until('they have gone', () => one.server.connections.size === 0);
});

test('closing drains what came through it, and leaves the other server listening', async () => {
  const asked = gate<string>();
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  const asks = routeThatAsks(asked.promise);
  attached.server.route('/asks', asks.route);
  await using open = await RawClient.connect(attached.port);
  await open.upgrade('/');
  await using asking = await RawClient.connect(attached.port);
  asking.write(upgradeRequest('/asks'));
  await until('it is asked', () => asks.isAsked);
  const closed = attached.server.close();
  asked.open('too late');
  assert.is((await asking.readResponse()).status, 503);
  const { opcode, payload } = await open.readFrame();
  assert.equal([opcode, payload.readUInt16BE()], [8, 1001]);
  open.sendFrame(8, payload);
  open.socket.end();
  await closed;
  assert.is((await httpRequest(attached.port, get('/'))).body.toString(), 'app');
  attached.server.attach(attached.httpServer);
  await using again = await RawClient.connect(attached.port);
  assert.is((await again.upgrade('/')).status, 101);
});

test('connections are closed spread over a time, although nothing listens', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  const clients = [await RawClient.connect(attached.port), await RawClient.connect(attached.port)];
  for (const client of clients) await client.upgrade('/');
  const closed = attached.server.close({ timeout: 60_000, spread: 20 });
  for (const client of clients) {
    const { opcode, payload } = await client.readFrame();
    assert.equal([opcode, payload.readUInt16BE()], [8, 1001]);
    client.sendFrame(8, payload);
    client.socket.end();
  }
  await closed;
  for (const client of clients) await client[Symbol.asyncDispose]();
});

test('what is left when closing takes too long is cut', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  const asks = routeThatAsks(new Promise<string>(() => {}));
  attached.server.route('/asks', asks.route);
  await using open = await RawClient.connect(attached.port);
  await open.upgrade('/');
  await using asking = await RawClient.connect(attached.port);
  asking.write(upgradeRequest('/asks'));
  await until('it is asked', () => asks.isAsked);
  await attached.server.close({ timeout: 1 });
  assert.is((await asking.readToEnd()).length, 0);
  assert.is(attached.server.connections.size, 0);
});

test('a client that leaves while authorize is asked is told to its signal', async () => {
  let signal: AbortSignal | null = null;
  await using attached = await Attached.open();
  attached.server.route('/', requireWebSocket(() => {}, {
    authorize: (request) => {
      ({ signal } = request);
      return new Promise<string>(() => {});
    },
  }));
  const client = await RawClient.connect(attached.port);
  client.write(upgradeRequest('/'));
  await until('it was asked', () => signal !== null);
  client.socket.resetAndDestroy();
  await until('it is told', () => signal!.aborted);
});

test('a route for both answers the WebSocket only: plain HTTP is the app\'s', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', acceptWebSocket((request) => (
    request.isWebSocket() ? request.webSocket.send('hello').then(() => '') : 'never'
  )));
  assert.is((await httpRequest(attached.port, get('/'))).body.toString(), 'app');
  await using client = await RawClient.connect(attached.port);
  await client.upgrade('/');
  assert.is((await client.readFrame()).payload.toString(), 'hello');
});

test('where the server can be told so, a request for another protocol stays a plain one', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  const { shouldUpgradeCallback } = attached.httpServer as { shouldUpgradeCallback?: unknown };
  const h2c = upgradeRequest('/', { Upgrade: 'h2c' });
  const response = await httpRequest(attached.port, h2c);
  if (shouldUpgradeCallback === undefined) assert.is(response.status, 426);
  else assert.equal([response.status, response.body.toString()], [200, 'app']);
  attached.server.detach(attached.httpServer);
  assert.is((await httpRequest(attached.port, h2c)).body.toString(), 'app');
});

test('that is asked of the server\'s own callback, and only while nobody else takes upgrades', () => {
  const answers: boolean[] = [];
  const before = (): boolean => answers.shift() ?? true;
  const httpServer: UpgradingServer & EventEmitter = Object.assign(new EventEmitter(), {
    shouldUpgradeCallback: before,
  });
  const server = createServer();
  server.attach(httpServer);
  const decide = (upgrade?: string): boolean => httpServer.shouldUpgradeCallback!({ headers: { upgrade } });
  assert.equal([decide('WebSocket'), decide('h2c'), decide('h2c, websocket'), decide()], [true, false, true, false]);
  answers.push(false);
  assert.is(decide('websocket'), false);
  httpServer.on('upgrade', () => {});
  assert.is(decide('h2c'), true);
  const ours = httpServer.shouldUpgradeCallback;
  // What was put over ours stays when it leaves.
  const after = (): boolean => true;
  httpServer.shouldUpgradeCallback = after;
  server.detach(httpServer);
  assert.is(httpServer.shouldUpgradeCallback, after);
  httpServer.shouldUpgradeCallback = before;
  server.attach(httpServer);
  assert.is.not(httpServer.shouldUpgradeCallback, ours);
  server.detach(httpServer);
  assert.is(httpServer.shouldUpgradeCallback, before);
});

test('no timer of node:http cuts an idle WebSocket', async () => {
  await using attached = await Attached.open();
  attached.httpServer.setTimeout(60_000);
  let socket: Socket | null = null;
  attached.httpServer.once('connection', (accepted: Socket) => (socket = accepted));
  attached.server.route('/', echo);
  await using client = await RawClient.connect(attached.port);
  await client.upgrade('/');
  assert.is(socket!.timeout, 0);
});

test.run();
