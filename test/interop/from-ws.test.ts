// docs/how-to/from-ws.md: what every row of its tables says is done with ws and with twobyte, and comes out the same.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { connect as connectSocket, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import {
  broadcast, connect, createServer, HandshakeError, requireWebSocket, upgrade, type ConnectOptions, type Connection,
  type Message, type ServerOptions, type WebSocketHandler, type WebSocketOptions,
} from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { upgradeRequest } from '../support/peers/raw-client.js';
import { packagePath } from './packages.js';

const test = suite('from-ws', { timeout: 30_000 });

/** What the page uses of ws, which has no types of its own. */
type Ws = any;

async function loadWs(): Promise<Ws> {
  return import(packagePath('ws/wrapper.mjs'));
}

const document = readFileSync(new URL('../../../docs/how-to/from-ws.md', import.meta.url), 'utf8');

/** The first cells of the rows: what one does with ws. */
const rows = Array.from(document.matchAll(/^\| (?!ws |---)(.+?) \|/gm), ([, cell]) => cell!);

/** What a row does on either side, and what must come of it on both. */
interface Row {
  readonly ws: () => Promise<unknown>;
  readonly twobyte: () => Promise<unknown>;
  readonly gives: unknown;
}

/** A server of ws, one client of ours that has connected, and the socket of ws that belongs to it. */
async function withWs<T>(
  options: object,
  body: (socket: Ws, client: Connection, server: Ws) => T | Promise<T>,
  connectOptions: ConnectOptions = {},
): Promise<T> {
  const { WebSocketServer } = await loadWs();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  try {
    await once(server, 'listening');
    const connected = once(server, 'connection');
    const client = await connect(`ws://127.0.0.1:${server.address().port}/`, connectOptions);
    const [socket] = await connected;
    return await body(socket, client, server);
  } finally {
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A server of ours, one client of ours that has connected, and the connection of the server that belongs to it. */
async function withTwobyte<T>(
  options: WebSocketOptions<any>,
  body: (connection: Connection, client: Connection, server: ReturnType<typeof createServer>) => T | Promise<T>,
  connectOptions: ConnectOptions = {},
): Promise<T> {
  return serve({}, options, async (url, server, opened) => {
    const client = await connect(url, connectOptions);
    return body(await opened, client, server);
  });
}

/** A server of ours with an open route. */
async function serve<T>(
  serverOptions: ServerOptions,
  options: WebSocketOptions<any>,
  body: (url: string, server: ReturnType<typeof createServer>, opened: Promise<Connection>) => Promise<T>,
  handler: WebSocketHandler<any> = ({ webSocket }) => webSocket.closed,
): Promise<T> {
  const server = createServer({ onRefuse: () => {}, ...serverOptions });
  let open: (connection: Connection) => void = () => {};
  const opened = new Promise<Connection>((resolve) => (open = resolve));
  server.route('/', requireWebSocket((request) => {
    open(request.webSocket);
    return handler(request);
  }, options));
  await server.listen(0, '127.0.0.1');
  try {
    return await body(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, server, opened);
  } finally {
    await server.close({ timeout: 0 });
  }
}

const show = (message: Message | null): unknown => (message === null ? null : [typeof message, String(message)]);

/** Client side of a row: against a server of ours that echoes. */
async function withEcho<T>(body: (url: string, Ws: Ws) => Promise<T>, options: WebSocketOptions<any> = {}): Promise<T> {
  const { WebSocket } = await loadWs();
  return serve({}, options, (url) => body(url, WebSocket), async ({ webSocket }) => {
    for await (const message of webSocket) await webSocket.send(message);
  });
}

const checks: Record<string, Row> = {
  "`socket.on('message', listener)`": {
    ws: () => withWs({}, async (socket, client) => {
      const seen: string[] = [];
      socket.on('message', (data: Buffer) => void seen.push(String(data)));
      await client.send('one');
      await client.send('two');
      void client.close();
      await once(socket, 'close');
      return seen;
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      const seen: string[] = [];
      await client.send('one');
      await client.send('two');
      void client.close();
      for await (const message of connection) seen.push(String(message));
      return seen;
    }),
    gives: ['one', 'two'],
  },
  '`(data, isBinary)`': {
    ws: () => withWs({}, async (socket, client) => {
      const seen: boolean[] = [];
      socket.on('message', (_data: Buffer, isBinary: boolean) => void seen.push(isBinary));
      await client.send('text');
      await client.send(Buffer.from('bytes'));
      void client.close();
      await once(socket, 'close');
      return seen;
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      await client.send('text');
      await client.send(Buffer.from('bytes'));
      const messages = [await connection.wait(), await connection.wait()];
      return messages.map((message) => typeof message !== 'string');
    }),
    gives: [false, true],
  },
  "`socket.once('message', listener)`": {
    ws: () => withWs({}, async (socket, client) => {
      const message = once(socket, 'message');
      await client.send('first');
      return String((await message)[0]);
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      await client.send('first');
      return connection.wait();
    }),
    gives: 'first',
  },
  '`socket.send(text)`': {
    ws: () => withWs({}, async (socket, client) => {
      socket.send('你好');
      return show(await client.wait());
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      await connection.send('你好');
      return show(await client.wait());
    }),
    gives: ['string', '你好'],
  },
  '`socket.send(bytes)`': {
    ws: () => withWs({}, async (socket, client) => {
      socket.send(Uint8Array.of(97, 98));
      return show(await client.wait());
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      const bytes = Uint8Array.of(97, 98);
      await connection.send(bytes);
      bytes.fill(0);
      return show(await client.wait());
    }),
    gives: ['object', 'ab'],
  },
  '`socket.send(bytes, { binary: false })`': {
    ws: () => withWs({}, async (socket, client) => {
      socket.send(Buffer.from('ab'), { binary: false });
      return show(await client.wait());
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      await connection.send(Buffer.from('ab').toString());
      return show(await client.wait());
    }),
    gives: ['string', 'ab'],
  },
  '`socket.send(data, { compress: false })`': {
    ws: () => withWs({ perMessageDeflate: { threshold: 0 } }, async (socket, client) => {
      socket.send('aaaa', { compress: false });
      return [client.extensions !== '', show(await client.wait())];
    }),
    twobyte: () => withTwobyte({ deflate: { threshold: 0 } }, async (connection, client) => {
      await connection.send('aaaa', { compress: false });
      return [client.extensions !== '', show(await client.wait())];
    }),
    gives: [true, ['string', 'aaaa']],
  },
  '`socket.send(data, callback)`': {
    ws: () => withWs({}, async (socket) => {
      await new Promise((resolve) => socket.send('sent', resolve));
      return socket.bufferedAmount;
    }),
    twobyte: () => withTwobyte({}, async (connection) => {
      void connection.send('sent');
      await connection.flushed();
      return connection.bufferedAmount;
    }),
    gives: 0,
  },
  '`socket.bufferedAmount`': {
    ws: () => withWs({}, (socket) => growsToAPeerThatDoesNotRead(socket), { maxQueuedMessages: 1 }),
    twobyte: () => withTwobyte({}, growsToAPeerThatDoesNotRead, { maxQueuedMessages: 1 }),
    gives: [0, true],
  },
  "`socket.ping()` and `socket.on('pong', listener)`": {
    ws: () => withWs({}, async (socket) => {
      socket.ping();
      const [payload] = await once(socket, 'pong');
      return Buffer.isBuffer(payload);
    }),
    twobyte: () => withTwobyte({}, async (connection) => (await connection.ping()) >= 0),
    gives: true,
  },
  '`setInterval` with `isAlive` and `terminate()`': {
    ws: async () => {
      const { WebSocketServer } = await loadWs();
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      server.on('connection', (socket: Ws) => {
        socket.isAlive = true;
        socket.on('pong', () => (socket.isAlive = true));
      });
      const timer = setInterval(() => {
        for (const socket of server.clients) {
          if (!socket.isAlive) socket.terminate();
          else socket.ping();
          socket.isAlive = false;
        }
      }, 20);
      await once(server, 'listening');
      await untilSilentPeerIsCut(server.address().port);
      clearInterval(timer);
      server.close();
      return 'cut';
    },
    twobyte: () => serve({ keepAliveInterval: 20 }, {}, async (_url, server) => {
      await untilSilentPeerIsCut((server.address() as AddressInfo).port);
      return 'cut';
    }),
    gives: 'cut',
  },
  '`socket.close(code, reason)`': {
    ws: () => withWs({}, async (socket, client) => {
      socket.close(4000, 'enough');
      return client.closed;
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      await connection.close(4000, 'enough');
      return client.closed;
    }),
    gives: { code: 4000, reason: 'enough', wasClean: true },
  },
  "`socket.on('close', (code, reason) => …)`": {
    ws: () => withWs({}, async (socket, client) => {
      void client.close(4001, 'bye');
      const [code, reason] = await once(socket, 'close');
      return [code, String(reason)];
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      void client.close(4001, 'bye');
      const { code, reason } = await connection.closed;
      return [code, reason];
    }),
    gives: [4001, 'bye'],
  },
  "`socket.on('error', listener)`": {
    ws: () => withWs({ maxPayload: 3 }, async (socket, client) => {
      void client.send('long');
      const [error] = await once(socket, 'error');
      return error instanceof Error;
    }),
    twobyte: () => withTwobyte({ maxMessageBytes: 3 }, async (connection, client) => {
      void client.send('long');
      return (await connection.closed).error instanceof Error;
    }),
    gives: true,
  },
  '`socket.terminate()`': {
    ws: () => withWs({}, async (socket, client) => {
      socket.terminate();
      return (await client.closed).code;
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      connection.terminate();
      return (await client.closed).code;
    }),
    gives: 1006,
  },
  '`socket.readyState === socket.OPEN`': {
    ws: () => withWs({}, async (socket) => {
      const before = socket.readyState === socket.OPEN;
      socket.close();
      return [before, socket.readyState === socket.OPEN];
    }),
    twobyte: () => withTwobyte({}, async (connection) => {
      const before = connection.state === 'open';
      void connection.close();
      return [before, connection.state === 'open'];
    }),
    gives: [true, false],
  },
  '`socket.protocol`': {
    ws: () => withWs({ handleProtocols: () => 'b' }, (socket) => socket.protocol, { subprotocols: ['a', 'b'] }),
    twobyte: () => withTwobyte({ subprotocols: ['b'] }, (connection) => connection.subprotocol, {
      subprotocols: ['a', 'b'],
    }),
    gives: 'b',
  },
  '`socket.pause()`': {
    ws: () => withWs({}, async (socket, client) => {
      const seen: string[] = [];
      socket.pause();
      socket.on('message', (data: Buffer) => void seen.push(String(data)));
      await client.send('later');
      await client.flushed();
      const before = seen.length;
      socket.resume();
      await once(socket, 'message');
      return [before, seen];
    }),
    twobyte: () => withTwobyte({}, async (connection, client) => {
      await client.send('later');
      await client.flushed();
      return [0, [await connection.wait()]];
    }),
    gives: [0, ['later']],
  },
  '`new WebSocketServer({ port })`': {
    ws: () => withWs({}, (_socket, client) => client.state),
    twobyte: () => withTwobyte({}, (_connection, client) => client.state),
    gives: 'open',
  },
  '`new WebSocketServer({ server })`': {
    ws: () => withHttpServer(async (httpServer) => {
      const { WebSocketServer } = await loadWs();
      new WebSocketServer({ server: httpServer }).on('connection', (socket: Ws) => socket.send('hi'));
    }),
    twobyte: () => withHttpServer((httpServer) => {
      const server = createServer();
      server.route('/', requireWebSocket(({ webSocket }) => webSocket.send('hi')));
      server.attach(httpServer);
    }),
    gives: 'hi',
  },
  '`noServer` and `handleUpgrade(request, socket, head, callback)`': {
    ws: () => withHttpServer(async (httpServer) => {
      const { WebSocketServer } = await loadWs();
      const server = new WebSocketServer({ noServer: true });
      httpServer.on('upgrade', (request, socket, head) => {
        server.handleUpgrade(request, socket, head, (each: Ws) => each.send('hi'));
      });
    }),
    twobyte: () => withHttpServer((httpServer) => {
      httpServer.on('upgrade', async (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        await (await upgrade(request, socket, head))?.send('hi');
      });
    }),
    gives: 'hi',
  },
  '`path`': {
    ws: () => withWs({ path: '/' }, (_socket, client, server) => (
      statusOf(`ws://127.0.0.1:${server.address().port}/other`).then((status) => [client.state, status >= 400])
    )),
    twobyte: () => withTwobyte({}, (_connection, client, server) => (
      statusOf(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/other`)
        .then((status) => [client.state, status >= 400])
    )),
    gives: ['open', true],
  },
  "`server.on('connection', (socket, request) => …)`": {
    ws: async () => {
      const { WebSocketServer } = await loadWs();
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      server.on('connection', (socket: Ws, request: IncomingMessage) => socket.send(request.url));
      await once(server, 'listening');
      const client = await connect(`ws://127.0.0.1:${server.address().port}/?room=1`);
      const message = await client.wait();
      client.terminate();
      server.close();
      return message;
    },
    twobyte: () => serve({}, {}, async (url) => (await connect(`${url}?room=1`)).wait(), (request) => (
      request.webSocket.send(`${request.path}?${request.query}`)
    )),
    gives: '/?room=1',
  },
  '`verifyClient`': {
    ws: () => statusWithWs({
      verifyClient: (_info: unknown, done: (isAllowed: boolean, status: number) => void) => done(false, 401),
    }),
    twobyte: () => serve({}, {
      authorize() {
        throw new HandshakeError('NOBODY', 401, 'say who you are');
      },
    }, statusOf),
    gives: 401,
  },
  '`handleProtocols`': {
    ws: () => withWs(
      { handleProtocols: (offered: Set<string>) => (offered.has('chat') ? 'chat' : false) },
      (_socket, client) => client.subprotocol,
      { subprotocols: ['mail', 'chat'] },
    ),
    twobyte: () => withTwobyte({ subprotocols: ['chat'] }, (_connection, client) => client.subprotocol, {
      subprotocols: ['mail', 'chat'],
    }),
    gives: 'chat',
  },
  '`server.clients`': {
    ws: () => withWs({}, (_socket, _client, server) => server.clients.size),
    twobyte: () => withTwobyte({}, (_connection, _client, server) => server.connections.size),
    gives: 1,
  },
  '`for (const client of server.clients) client.send(data)`': {
    ws: () => withWs({}, (_socket, client, server) => {
      for (const each of server.clients) each.send('all');
      return client.wait();
    }),
    twobyte: () => withTwobyte({}, (_connection, client, server) => {
      broadcast(server.connections, 'all');
      return client.wait();
    }),
    gives: 'all',
  },
  '`maxPayload`': {
    ws: () => withWs({ maxPayload: 3 }, async (socket, client) => {
      socket.on('error', () => {});
      void client.send('long');
      return (await client.closed).code;
    }),
    twobyte: () => withTwobyte({ maxMessageBytes: 3 }, async (_connection, client) => {
      void client.send('long');
      return (await client.closed).code;
    }),
    gives: 1009,
  },
  '`perMessageDeflate: true`': {
    ws: () => withWs({ perMessageDeflate: true }, (_socket, { extensions }) => extensions.split(';')[0]),
    twobyte: () => withTwobyte({ deflate: true }, (_connection, { extensions }) => extensions.split(';')[0]),
    gives: 'permessage-deflate',
  },
  '`server.close()`': {
    ws: async () => {
      const { WebSocketServer } = await loadWs();
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      await once(server, 'listening');
      const { port } = server.address();
      await new Promise((resolve) => server.close(resolve));
      return connect(`ws://127.0.0.1:${port}/`).then(() => 'open', ({ code }) => code);
    },
    twobyte: () => serve({}, {}, async (url, server) => {
      await server.close();
      return connect(url).then(() => 'open', ({ code }) => code);
    }),
    gives: 'ECONNREFUSED',
  },
  "`new WebSocket(url)` and `socket.on('open', listener)`": {
    ws: () => withEcho(async (url, WebSocket) => {
      const socket = new WebSocket(url);
      await once(socket, 'open');
      socket.send('hi');
      const [data] = await once(socket, 'message');
      socket.terminate();
      return String(data);
    }),
    twobyte: () => withEcho(async (url) => {
      const connection = await connect(url);
      await connection.send('hi');
      return connection.wait();
    }),
    gives: 'hi',
  },
  '`new WebSocket(url, protocols)`': {
    ws: () => withEcho(async (url, WebSocket) => {
      const socket = new WebSocket(url, ['a', 'b']);
      await once(socket, 'open');
      socket.terminate();
      return socket.protocol;
    }, { subprotocols: 'b' }),
    twobyte: () => withEcho(async (url) => (await connect(url, { subprotocols: ['a', 'b'] })).subprotocol, {
      subprotocols: 'b',
    }),
    gives: 'b',
  },
  '`{ headers, origin }`': {
    ws: () => seenHeaders(async (url, WebSocket) => {
      const socket = new WebSocket(url, { headers: { 'X-One': '1' }, origin: 'http://a.example' });
      await once(socket, 'open');
      socket.terminate();
    }),
    twobyte: () => seenHeaders(async (url) => {
      (await connect(url, { headers: { 'X-One': '1' }, origin: 'http://a.example' })).terminate();
    }),
    gives: ['1', 'http://a.example'],
  },
  '`handshakeTimeout`': {
    ws: () => withSilence(async (url) => {
      const { WebSocket } = await loadWs();
      const [error] = await once(new WebSocket(url, { handshakeTimeout: 20 }), 'error').catch((cause) => [cause]);
      return error instanceof Error;
    }),
    twobyte: () => withSilence((url) => (
      connect(url, { timeout: 20 }).then(() => null, (error) => error instanceof Error)
    )),
    gives: true,
  },
  "`socket.on('unexpected-response', listener)`": {
    ws: () => serve({}, {}, async (url) => {
      const { WebSocket } = await loadWs();
      const socket = new WebSocket(`${url}other`);
      socket.on('error', () => {});
      const [, response] = await once(socket, 'unexpected-response');
      socket.terminate();
      return response.statusCode;
    }),
    twobyte: () => serve({}, {}, (url) => statusOf(`${url}other`)),
    gives: 404,
  },
};

/** What waits at first, and whether anything does once the peer's buffers are full. */
async function growsToAPeerThatDoesNotRead(socket: Ws | Connection): Promise<unknown> {
  const before = socket.bufferedAmount;
  for (let left = 1000; left > 0 && socket.bufferedAmount === 0; left--) {
    void socket.send(Buffer.alloc(65_536));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return [before, socket.bufferedAmount > 0];
}

/** A peer that answers no ping, as one whose network is gone. */
async function untilSilentPeerIsCut(port: number): Promise<void> {
  const peer = connectSocket(port, '127.0.0.1');
  peer.on('error', () => {});
  peer.resume().write(upgradeRequest('/'));
  await once(peer, 'close');
}

/** What a server of node:http that was given WebSockets sends first. */
async function withHttpServer(
  prepareServer: (httpServer: ReturnType<typeof createHttpServer>) => void | Promise<void>,
): Promise<Message | null> {
  const httpServer = createHttpServer();
  await prepareServer(httpServer);
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  try {
    const client = await connect(`ws://127.0.0.1:${(httpServer.address() as AddressInfo).port}/`);
    const message = await client.wait();
    client.terminate();
    return message;
  } finally {
    httpServer.close();
  }
}

/** The status that a handshake is refused with. */
function statusOf(url: string): Promise<number> {
  return connect(url).then(() => 101, ({ status }: HandshakeError) => status);
}

async function statusWithWs(options: object): Promise<number> {
  const { WebSocketServer } = await loadWs();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(server, 'listening');
  const status = await statusOf(`ws://127.0.0.1:${server.address().port}/`);
  server.close();
  return status;
}

async function seenHeaders(open: (url: string, WebSocket: Ws) => Promise<void>): Promise<unknown> {
  const { WebSocket } = await loadWs();
  let seen: unknown;
  await serve({ origins: '*' }, {}, (url) => open(url, WebSocket), ({ headers, webSocket }) => {
    seen = [headers.get('x-one'), headers.get('origin')];
    return webSocket.closed;
  });
  return seen;
}

/** A server that takes connections and never answers. */
async function withSilence<T>(body: (url: string) => Promise<T>): Promise<T> {
  const silent = createHttpServer();
  silent.on('upgrade', (_request, socket) => socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    return await body(`ws://127.0.0.1:${(silent.address() as AddressInfo).port}/`);
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
}

test('every row of the page has its check, and no check is of another row', () => {
  assert.equal(Object.keys(checks), rows);
});

for (const [row, { ws, twobyte, gives }] of Object.entries(checks)) {
  test(`${row}: ws`, async () => assert.equal(await ws(), gives));
  test(`${row}: twobyte`, async () => assert.equal(await twobyte(), gives));
}

test('the two programs of the page do the same', async () => {
  const [, program = ''] = /```js\n([^]*?)```/.exec(document) ?? [];
  const code = program.replace("'ws'", JSON.stringify(pathToFileURL(packagePath('ws/wrapper.mjs')).href))
    .replace('port: 8000', 'port: 0');
  const { server } = await import(`data:text/javascript,${encodeURIComponent(`${code}export { server };`)}`) as Ws;
  await once(server, 'listening');
  const heard = async (url: string): Promise<unknown> => {
    const [one, two] = await Promise.all([connect(url), connect(url)]);
    await one.send('hello');
    await two.send(Buffer.from('bytes'));
    const all = [[await one.wait(), await one.wait()], [await two.wait(), await two.wait()]];
    await Promise.all([one.close(), two.close()]);
    return all.map((messages) => messages.map(show).sort());
  };
  let all: Iterable<Connection> = [];
  const ours = await serve({}, {}, (url, { connections }) => {
    all = connections;
    return heard(url);
  }, async ({ webSocket }) => {
    for await (const message of webSocket) broadcast(all, message);
  });
  const theirs = await heard(`ws://127.0.0.1:${server.address().port}/chat/`);
  server.close();
  assert.equal(theirs, ours);
  assert.equal(ours, [0, 1].map(() => [['object', 'bytes'], ['string', 'hello']]));
});

test('a page of another site: ws lets it in, twobyte does not', async () => {
  const origin = 'https://other.example';
  assert.is(await withWs({}, (_socket, { state }) => state, { origin }), 'open');
  const refused = serve({}, {}, (url) => connect(url, { origin }));
  assert.is(await refused.then(() => 101, ({ status }: HandshakeError) => status), 403);
});

test.run();
