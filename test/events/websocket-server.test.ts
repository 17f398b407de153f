// What libraries call of ws's WebSocketServer with noServer, over real sockets.
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { WebSocketServer, type ConnectionEmitter, type WebSocketServerOptions } from '../../src/events.js';
import { suite } from '../runner/suite.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { until } from '../server/harness.js';

const test = suite('WebSocketServer', { timeout: 20_000 });

/** A server whose sockets answer each message with itself. */
async function open(options?: WebSocketServerOptions) {
  const sockets = new WebSocketServer(options);
  const urls: (string | undefined)[] = [];
  sockets.on('connection', (socket: ConnectionEmitter, request) => {
    urls.push(request.url);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  const connections = new Set<ConnectionEmitter>();
  const httpServer = createHttpServer();
  httpServer.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (webSocket, itsRequest) => {
      connections.add(webSocket);
      sockets.emit('connection', webSocket, itsRequest);
    });
  });
  await new Promise<void>((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
  const { port } = httpServer.address() as AddressInfo;
  return {
    httpServer, sockets, port, urls, connections,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const webSocket of connections) webSocket.terminate();
      await new Promise<unknown>((resolve) => httpServer.close(resolve));
    },
  };
}

async function refusalOf(port: number, headers: Record<string, string> = {}): Promise<number> {
  const { warn } = console;
  console.warn = () => {};
  try {
    return (await httpRequest(port, upgradeRequest('/', headers))).status;
  } finally {
    console.warn = warn;
  }
}

test('an upgrade is answered, its first frames are messages, and the request is passed on', async () => {
  await using opened = await open({ noServer: true });
  await using client = await RawClient.connect(opened.port);
  client.write(Buffer.concat([Buffer.from(upgradeRequest('/any?a=b')), Buffer.from('81810000000061', 'hex')]));
  assert.is((await client.readResponse()).status, 101);
  const { opcode, payload } = await client.readFrame();
  assert.equal([opcode, payload.toString(), opened.urls], [1, 'a', ['/any?a=b']]);
});

test('a socket is taken once', async () => {
  await using opened = await open();
  const thrown: unknown[] = [];
  opened.httpServer.on('upgrade', (request, socket, head) => {
    const again = (): void => opened.sockets.handleUpgrade(request, socket, head, () => {});
    assert.throws(again, (error: unknown) => thrown.push(error) > 0);
  });
  await using client = await RawClient.connect(opened.port);
  await client.upgrade('/');
  assert.instance(thrown[0], TypeError);
});

test('clients are the open ones, and none that is told to close', async () => {
  await using opened = await open();
  await using client = await RawClient.connect(opened.port);
  await client.upgrade('/');
  await until('it is there', () => opened.sockets.clients.size === 1);
  const [socket] = opened.sockets.clients;
  assert.ok(opened.connections.has(socket!));
  const sizes: number[] = [];
  socket!.on('close', () => sizes.push(opened.sockets.clients.size));
  socket!.terminate();
  await socket!.connection.closed;
  assert.equal(sizes, [0]);
});

test('clients are none without clientTracking', async () => {
  await using opened = await open({ clientTracking: false });
  await using client = await RawClient.connect(opened.port);
  await client.upgrade('/');
  await until('it is there', () => opened.connections.size === 1);
  assert.is(opened.sockets.clients.size, 0);
});

test('the options of ws: maxPayload', async () => {
  await using opened = await open({ maxPayload: 5, maxBufferedChunks: 1, maxFragments: 1 });
  await using client = await RawClient.connect(opened.port);
  await client.upgrade('/');
  client.sendFrame(2, '123456');
  assert.is((await client.readFrame()).payload.readUInt16BE(), 1009);
});

for (const [perMessageDeflate, first] of [[false, 0x81], [true, 0x81], [{}, 0x81], [{ threshold: 1 }, 0xc1]] as const) {
  test(`the options of ws: perMessageDeflate ${JSON.stringify(perMessageDeflate)}`, async () => {
    await using opened = await open({ perMessageDeflate });
    await using client = await RawClient.connect(opened.port);
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' };
    const response = await client.upgrade('/', headers);
    assert.is(response.headers.has('sec-websocket-extensions'), perMessageDeflate !== false);
    // 100 bytes are below the default threshold, and become shorter.
    client.sendFrame(1, 'x'.repeat(100));
    assert.is((await client.readBytes(1))[0], first);
  });
}

test('handleProtocols selects, also when it is set later; what is no token is not offered to it', async () => {
  await using opened = await open({ subprotocols: 'a' });
  const offers: string[][] = [];
  const ask = async (offer: string): Promise<string | null> => {
    await using client = await RawClient.connect(opened.port);
    const response = await client.upgrade('/', offer === '' ? {} : { 'Sec-WebSocket-Protocol': offer });
    return response.headers.get('sec-websocket-protocol') ?? null;
  };
  assert.is(await ask('b, a'), 'a');
  opened.sockets.options.handleProtocols = (offered, request) => {
    assert.is(request.url, '/');
    offers.push([...offered]);
    return [...offered].at(-1) === 'none' ? false : [...offered].at(-1) === 'other' ? 'a b' : [...offered].at(-1)!;
  };
  assert.is(await ask('b, a'), 'a');
  assert.is(await ask('a,b'), 'b');
  assert.is(await ask('a, none'), null);
  assert.is(await ask('a, other'), null);
  assert.is(await ask(''), null);
  assert.is(await refusalOf(opened.port, { 'Sec-WebSocket-Protocol': 'a b, c' }), 400);
  assert.equal(offers, [['b', 'a'], ['a', 'b'], ['a', 'none'], ['a', 'other'], ['c']]);
});

test('own options hold: a foreign origin is refused', async () => {
  await using opened = await open({ origins: ['https://a.example'] });
  assert.is(await refusalOf(opened.port, { Origin: 'https://b.example' }), 403);
  await using client = await RawClient.connect(opened.port);
  assert.is((await client.upgrade('/', { Origin: 'https://a.example' })).status, 101);
  assert.is(opened.urls.length, 1);
});

test('an unknown option, and a limit out of range, are refused at once', () => {
  assert.throws(() => new WebSocketServer({ port: 0 } as never), /no option port/);
  assert.throws(() => new WebSocketServer({ maxPayload: -1 }), (error: Error) => error instanceof RangeError);
});

test('close refuses from then on, and is told when the last client has gone', async () => {
  await using opened = await open();
  await using client = await RawClient.connect(opened.port);
  await client.upgrade('/');
  await until('it is there', () => opened.connections.size === 1);
  const told: string[] = [];
  opened.sockets.close(() => told.push('callback'));
  const closed = once(opened.sockets, 'close');
  assert.is(await refusalOf(opened.port), 503);
  client.sendFrame(1, 'a');
  assert.is((await client.readFrame()).payload.toString(), 'a');
  assert.equal(told, []);
  for (const socket of opened.sockets.clients) socket.terminate();
  await closed;
  assert.equal(told, ['callback']);
  const again = once(opened.sockets, 'close');
  opened.sockets.close();
  await again;
});

test.run();
