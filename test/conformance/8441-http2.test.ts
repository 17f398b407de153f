// RFC 8441 §3 to §5: WebSockets over HTTP/2, each endpoint against a peer of node:http2 with frames by hand.
import { once } from 'node:events';
import { connect as connectSession, createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { connect, createServer, HandshakeError, requireWebSocket, type Connection } from '../../src/index.js';
import { certificate, privateKey } from '../support/certificate.js';
import { RawClient } from '../support/peers/raw-client.js';
import { RawSession, StreamServer, type Asked, type Received } from '../support/peers/raw-session.js';
import { requirements, type Role } from './harness.js';

const prove = requirements('3 to 5', 8441);

/** Our server on one of node:http2, and a session to it. */
async function openServer() {
  const http2Server = createHttp2Server();
  const sessions = new Set<ServerHttp2Session>();
  http2Server.on('session', (session) => void sessions.add(session));
  const server = createServer({ onRefuse: () => {}, deflate: true });
  const connections: Connection[] = [];
  server.route('/', requireWebSocket(({ webSocket }) => {
    connections.push(webSocket);
    return webSocket.closed;
  }, { subprotocols: ['chat'] }));
  server.attach(http2Server);
  await once(http2Server.listen(0, '127.0.0.1'), 'listening');
  const { port } = http2Server.address() as AddressInfo;
  const session = await RawSession.connect(port);
  return {
    http2Server, server, connections, port, session,
    async [Symbol.asyncDispose](): Promise<void> {
      await session[Symbol.asyncDispose]();
      await server.close({ timeout: 0 });
      for (const each of sessions) each.destroy();
      await new Promise<unknown>((resolve) => http2Server.close(resolve));
    },
  };
}

/** A connection of that role, the stream at its peer, and what ends both. */
async function establish(role: Role) {
  if (role === 'server') {
    const opened = await openServer();
    const asked: Asked = await opened.session.open('/');
    return { ...asked, connection: opened.connections[0]!, [Symbol.asyncDispose]: opened[Symbol.asyncDispose] };
  }
  const server = await StreamServer.listen();
  const http2 = connectSession(`http://127.0.0.1:${server.port}`);
  http2.on('error', () => {});
  const connected = connect('ws://server.example/', { http2 });
  const received: Received = await server.accept();
  received.stream.respond({ ':status': 200 });
  return {
    ...received,
    connection: await connected,
    async [Symbol.asyncDispose](): Promise<void> {
      http2.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

prove('8441/3-1', 'server', 'what was announced is never taken back', async () => {
  await using opened = await openServer();
  opened.server.detach(opened.http2Server);
  await opened.session.ping();
  assert.is(opened.session.session.remoteSettings.enableConnectProtocol, true);
});

prove('8441/3-2', 'client', 'a server that has not announced it is not asked', async () => {
  await using server = await StreamServer.listen({ settings: {} });
  const http2 = connectSession(`http://127.0.0.1:${server.port}`);
  const error: unknown = await connect('ws://server.example/', { http2 }).catch((reason: unknown) => reason);
  assert.ok(error instanceof HandshakeError);
  assert.is(error.code, 'CONNECT_PROTOCOL_MISSING');
  http2.destroy();
});

prove('8441/4-1', 'client', 'the request has :protocol, :scheme and :path', async () => {
  await using server = await StreamServer.listen();
  const http2 = connectSession(`http://127.0.0.1:${server.port}`);
  http2.on('error', () => {});
  connect('ws://server.example/chat?a=b', { http2 }).catch(() => {});
  const { headers } = await server.accept();
  assert.equal(
    [':method', ':protocol', ':scheme', ':path', ':authority'].map((name) => headers[name]),
    ['CONNECT', 'websocket', 'http', '/chat?a=b', 'server.example'],
  );
  http2.destroy();
});

/** A frame of HTTP/2 (RFC 9113 §4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.set([type, flags], 3);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields, none of them indexed (RFC 7541 §6.2.2). */
function literals(fields: Readonly<Record<string, string>>): Buffer {
  const texts = Object.entries(fields).flat().map((text) => Buffer.from(text));
  const parts = texts.map((text, index) => Buffer.concat([Buffer.of(...(index % 2 ? [] : [0]), text.length), text]));
  return Buffer.concat(parts);
}

/** The first frame for the stream 1: its type, and the status or the error code. */
async function firstFrame(peer: RawClient): Promise<[type: number, content: number]> {
  for (;;) {
    const head = await peer.readBytes(9);
    const payload = await peer.readBytes(head.readUIntBE(0, 3));
    // An indexed status of the static table (RFC 7541 §6.1), or an error code.
    if (head.readUInt32BE(5) === 1) return [head[3]!, head[3] === 3 ? payload.readUInt32BE() : payload[0]!];
  }
}

prove('8441/4-1', 'server', 'a request without :scheme or :path opens nothing', async () => {
  await using opened = await openServer();
  const fields = {
    ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/', ':authority': 'server.example',
    'sec-websocket-version': '13',
  };
  for (const name of ['nothing', ':scheme', ':path']) {
    await using peer = await RawClient.connect(opened.port);
    peer.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    peer.write(frame(4, 0, 0, Buffer.alloc(0)));
    const present = Object.entries(fields).filter(([each]) => each !== name);
    peer.write(frame(1, 4, 1, literals(Object.fromEntries(present))));
    // 200 is 8 in the static table. A malformed request is a stream error, PROTOCOL_ERROR (RFC 9113 §8.1.1).
    assert.equal(await firstFrame(peer), name === 'nothing' ? [1, 0x88] : [3, 1], name);
  }
  assert.is(opened.connections.length, 1);
});

for (const [scheme, tls] of [['https', { key: privateKey, cert: certificate }], ['http', {}]] as const) {
  const id = scheme === 'https' ? '8441/5-1' : '8441/5-2';
  prove(id, 'client', `the scheme of ${scheme === 'https' ? 'wss:' : 'ws:'} is ${scheme}`, async () => {
    await using server = await StreamServer.listen(tls);
    const http2 = connectSession(`${scheme}://127.0.0.1:${server.port}`, { ca: certificate });
    http2.on('error', () => {});
    connect(`${scheme.replace('http', 'ws')}://server.example/`, { http2 }).catch(() => {});
    assert.is((await server.accept()).headers[':scheme'], scheme);
    http2.destroy();
  });
}

prove('8441/5-3', 'client', 'no key is sent, and no answer to it expected', async () => {
  await using established = await establish('client');
  for (const name of ['sec-websocket-key', 'upgrade', 'connection']) assert.is(established.headers[name], undefined);
  assert.is(established.connection.state, 'open');
});

prove('8441/5-3', 'server', 'no key is needed, and none is answered', async () => {
  await using established = await establish('server');
  for (const name of ['sec-websocket-accept', 'upgrade']) assert.is(established.headers[name], undefined);
  assert.is(established.connection.state, 'open');
});

prove('8441/5-4', 'client', 'origin, version, subprotocols and extensions are the same fields', async () => {
  await using server = await StreamServer.listen();
  const http2 = connectSession(`http://127.0.0.1:${server.port}`);
  http2.on('error', () => {});
  const connected = connect('ws://server.example/', { http2, origin: 'http://a.example', subprotocols: ['a', 'b'] });
  const { stream, headers } = await server.accept();
  assert.equal(
    ['origin', 'sec-websocket-version', 'sec-websocket-protocol'].map((name) => headers[name]),
    ['http://a.example', '13', 'a, b'],
  );
  assert.match(String(headers['sec-websocket-extensions']), /^permessage-deflate/);
  stream.respond({ ':status': 200, 'sec-websocket-protocol': 'b' });
  assert.is((await connected).subprotocol, 'b');
  http2.destroy();
});

prove('8441/5-4', 'server', 'origin, version, subprotocols and extensions are the same fields', async () => {
  await using opened = await openServer();
  const { session } = opened;
  assert.is((await session.ask('/', { origin: 'http://elsewhere.example' })).status, 403);
  assert.is((await session.ask('/', { 'sec-websocket-version': '8' })).headers['sec-websocket-version'], '13');
  const { status, headers } = await session.ask('/', {
    'sec-websocket-protocol': 'a, chat', 'sec-websocket-extensions': 'permessage-deflate',
  });
  assert.equal([status, headers['sec-websocket-protocol']], [200, 'chat']);
  assert.match(String(headers['sec-websocket-extensions']), /^permessage-deflate/);
});

prove('8441/5-5', 'both', 'the end of the stream is the end of the connection', async (role) => {
  await using established = await establish(role);
  established.stream.end();
  const { code, wasClean } = await established.connection.closed;
  assert.equal([code, wasClean], [1006, false]);
  assert.is((await established.peer.readToEnd()).length, 0);
});

prove('8441/5-6', 'both', 'to cut the connection is to reset the stream with CANCEL, and the reverse', async (role) => {
  {
    await using established = await establish(role);
    const closed = once(established.stream, 'close');
    established.connection.terminate();
    await closed;
    assert.is(established.stream.rstCode, 8);
  }
  await using established = await establish(role);
  established.stream.close(8);
  assert.is((await established.connection.closed).code, 1006);
});

prove.run();
