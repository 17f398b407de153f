// WebSockets on a server of node:http2: extended CONNECTs that are ours, and everyone else's streams beside them.
import { once } from 'node:events';
import {
  createSecureServer, createServer as createHttp2Server, type ClientHttp2Stream, type Http2Server as NodeServer,
  type Http2ServerRequest, type Http2ServerResponse, type OutgoingHttpHeaders, type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import * as assert from 'uvu/assert';
import {
  acceptWebSocket, createServer, HandshakeError, requireWebSocket, type Close, type Connection, type Request,
  type Server, type ServerOptions,
} from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { Clock } from '../support/clock.js';
import { makeCertificate } from '../support/make-certificate.js';
import { RawClient, SAMPLE_ACCEPT } from '../support/peers/raw-client.js';
import { RawSession } from '../support/peers/raw-session.js';
import { gate, nextTurn, until } from './harness.js';

const test = suite('attach-http2');

const echo = requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
});

/** A server of node:http2 with ours attached. */
class Attached implements AsyncDisposable {
  readonly http2Server: NodeServer;
  readonly server: Server;
  /** The `code` of each refusal, and what else `onRefuse` is told. */
  readonly refused: string[] = [];
  /** How WebSockets have ended. */
  readonly closes: Close[] = [];
  readonly sessions = new Set<ServerHttp2Session>();

  private constructor(http2Server: NodeServer, options: ServerOptions) {
    this.http2Server = http2Server;
    this.server = createServer({
      onRefuse: ({ code }, { path, isHandshake }) => void this.refused.push(`${code} ${path} ${isHandshake}`),
      onClose: (close) => void this.closes.push(close),
      ...options,
    });
    http2Server.on('session', (session) => void this.sessions.add(session));
    this.server.attach(http2Server);
  }

  static async open(options: ServerOptions = {}, http2Server: NodeServer = createHttp2Server()): Promise<Attached> {
    const attached = new Attached(http2Server, options);
    await new Promise<void>((resolve) => http2Server.listen(0, '127.0.0.1', resolve));
    return attached;
  }

  get port(): number {
    return (this.http2Server.address() as AddressInfo).port;
  }

  /** The only connection. */
  async connection(): Promise<Connection> {
    await until('it is open', () => this.server.connections.size === 1);
    return [...this.server.connections][0]!;
  }

  /** How the only connection has ended. */
  async close(): Promise<Close> {
    await until('it has ended', () => this.closes.length === 1);
    return this.closes[0]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close({ timeout: 0 });
    for (const session of this.sessions) session.destroy();
    await new Promise<unknown>((resolve) => this.http2Server.close(resolve));
  }
}

/** The status and body of a request that is no WebSocket's. */
async function fetchStream(session: RawSession, headers: OutgoingHttpHeaders): Promise<[status: number, body: string]> {
  const stream: ClientHttp2Stream = session.session.request(headers);
  const [answer] = (await once(stream, 'response')) as [{ ':status': number }];
  return [answer[':status'], (await new RawClient(stream as unknown as Socket).readToEnd()).toString()];
}

test('RFC 8441 §3: it announces extended CONNECT', async () => {
  await using attached = await Attached.open();
  await using session = await RawSession.connect(attached.port);
  assert.is(session.session.remoteSettings.enableConnectProtocol, true);
});

test('RFC 8441 §5.1: a WebSocket at a route, from the answer to the closing handshake', async () => {
  await using attached = await Attached.open();
  attached.server.route('/rooms/:room', requireWebSocket(async (request) => {
    const { webSocket, method, host, params, query, remoteAddress, headers, traffic } = request;
    const facts = [method, host, params.room, query.get('a'), remoteAddress, headers.get('cookie'), traffic.bytesRead];
    await webSocket.send(JSON.stringify([...facts, request.isWebSocket(), String(await request.body())]));
    for await (const message of webSocket) await webSocket.send(message);
  }));
  await using session = await RawSession.connect(attached.port);
  const { stream, peer, status, headers } = await session.ask('/rooms/1?a=b', {
    ':authority': 'server.example:80', 'cookie': ['c=1', 'd=2'],
  });
  assert.is(status, 200);
  assert.equal(Object.keys(headers).sort(), [':status', 'date']);
  assert.is(
    (await peer.readFrame()).payload.toString(),
    '["CONNECT","server.example:80","1","b","127.0.0.1","c=1; d=2",0,true,""]',
  );
  // "hello" in two fragments, masked with keys of zeros.
  peer.write(Buffer.from('0183000000006865 6c 8082000000006c6f'.replaceAll(' ', ''), 'hex'));
  // The echo is not masked.
  assert.is((await peer.readBytes(7)).toString('hex'), `8105${Buffer.from('hello').toString('hex')}`);
  assert.is(attached.server.connections.size, 1);
  peer.write(Buffer.from('888200000000 03e8'.replace(' ', ''), 'hex'));
  assert.is((await peer.readToEnd()).toString('hex'), '880203e8');
  stream.end();
  await until('the stream is closed', () => stream.closed);
  assert.is(stream.rstCode, 0);
  assert.equal(await attached.close(), { code: 1000, reason: '', wasClean: true });
});

test('subprotocol and compression are negotiated by the same fields', async () => {
  await using attached = await Attached.open({ deflate: true });
  attached.server.route('/', requireWebSocket(async ({ webSocket }) => {
    await webSocket.send(`${webSocket.subprotocol} ${await webSocket.wait()}`, { compress: false });
  }, { subprotocols: ['chat'] }));
  await using session = await RawSession.connect(attached.port);
  const { peer, headers } = await session.open('/', {
    'sec-websocket-protocol': 'superchat, chat', 'sec-websocket-extensions': 'permessage-deflate',
  });
  assert.is(headers['sec-websocket-protocol'], 'chat');
  assert.match(String(headers['sec-websocket-extensions']), /^permessage-deflate(;|$)/);
  // RFC 7692 §7.2.3.1: "Hello"
  peer.sendFrame(1, Buffer.from('f248cdc9c90700', 'hex'), { rsv1: true });
  assert.is((await peer.readFrame()).payload.toString(), 'chat Hello');
});

type Fields = Record<string, string>;

const refusals: readonly [name: string, path: string, fields: Fields, status: number, told: string][] = [
  ['another origin', '/', { origin: 'https://other.example' }, 403, 'ORIGIN_REFUSED / true'],
  ['another version', '/', { 'sec-websocket-version': '12' }, 400, 'VERSION_UNSUPPORTED / true'],
  ['no subprotocol', '/', { 'sec-websocket-protocol': ',' }, 400, 'SUBPROTOCOL_INVALID / true'],
  ['broken extensions', '/', { 'sec-websocket-extensions': 'a;;' }, 400, 'EXTENSIONS_INVALID / true'],
  ['a body', '/', { 'content-length': '5' }, 400, 'UPGRADE_WITH_BODY / true'],
  ['a route without WebSocket', '/plain', {}, 400, 'ROUTE_WITHOUT_WEBSOCKET /plain true'],
  ['authorize says no', '/secret', {}, 402, 'NO_TICKET /secret true'],
  ['no route', '/nowhere', {}, 404, 'NOT_FOUND /nowhere true'],
  ['another protocol', '/', { ':protocol': 'connect-udp' }, 501, 'PROTOCOL_UNKNOWN / false'],
  ['a target that is no path', '/a#b', {}, 400, 'TARGET_INVALID  false'],
];

for (const [name, path, fields, status, told] of refusals) {
  test(`refused: ${name}: ${status}, and the session goes on`, async () => {
    await using attached = await Attached.open();
    attached.server.route('/', echo);
    attached.server.route('/plain', () => 'plain');
    attached.server.route('/secret', requireWebSocket(() => {}, {
      authorize: () => {
        // RFC 9113 §8.2.2 forbids the first.
        const headers = { Connection: 'close', 'X-Price': '1' };
        throw new HandshakeError('NO_TICKET', 402, 'buy a ticket', { headers });
      },
    }));
    await using session = await RawSession.connect(attached.port);
    const refused = await session.ask(path, fields);
    assert.is(refused.status, status);
    assert.match((await refused.peer.readToEnd()).toString(), /^[\x20-\x7e]{10,200}\n$/);
    await until('the stream is closed', () => refused.stream.closed);
    assert.is(refused.stream.rstCode, 0);
    assert.equal(attached.refused, [told]);
    assert.is(refused.headers['x-price'], status === 402 ? '1' : undefined);
    assert.is(refused.headers['sec-websocket-version'], name === 'another version' ? '13' : undefined);
    const { peer } = await session.open('/');
    peer.sendFrame(1, 'hello');
    assert.is((await peer.readFrame()).payload.toString(), 'hello');
  });
}

test('a frame that is not masked fails the connection, as on any other (RFC 6455 §5.1)', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  await using session = await RawSession.connect(attached.port);
  const { peer } = await session.open('/');
  peer.sendFrame(1, 'hello', { maskingKey: null });
  const { opcode, payload } = await peer.readFrame();
  assert.equal([opcode, payload.readUInt16BE()], [8, 1002]);
});

test('frames that come while authorize is asked wait for it', async () => {
  const asked = gate<string>();
  await using attached = await Attached.open();
  attached.server.route('/', requireWebSocket(async ({ webSocket, authorized }) => {
    await webSocket.send(`${authorized} ${await webSocket.wait()}`);
  }, { authorize: () => asked.promise }));
  await using session = await RawSession.connect(attached.port);
  const { peer } = session.request('/');
  peer.sendFrame(1, 'early');
  await session.ping();
  asked.open('somebody');
  assert.is((await peer.readFrame()).payload.toString(), 'somebody early');
});

// ── Others on the same server ──

/** What each asks for, and what answers it: the app's listener, or nobody's. */
const PLAIN = { ':path': '/' };
const PLAIN_CONNECT = { ':method': 'CONNECT', ':authority': '127.0.0.1:1' };
const extended = (path: string, protocol = 'websocket'): OutgoingHttpHeaders => ({
  ':method': 'CONNECT', ':protocol': protocol, ':scheme': 'http', ':path': path, ':authority': '127.0.0.1',
});

for (const isFirst of [true, false]) {
  const when = isFirst ? 'before' : 'after';
  test(`an app on 'stream', there ${when} ours: it gets all but what is ours, and need not look at it`, async () => {
    const http2Server = createHttp2Server();
    const answer = (stream: ServerHttp2Stream): void => {
      stream.respond({ ':status': 200 });
      stream.end('app');
    };
    if (isFirst) http2Server.on('stream', answer);
    await using attached = await Attached.open({}, http2Server);
    attached.server.route('/ours', echo);
    if (!isFirst) http2Server.on('stream', answer);
    await using session = await RawSession.connect(attached.port);
    for (const headers of [PLAIN, PLAIN_CONNECT, extended('/theirs'), extended('/ours', 'connect-udp')]) {
      assert.equal(await fetchStream(session, headers), [200, 'app']);
    }
    const { peer } = await session.open('/ours');
    peer.sendFrame(1, 'hello');
    assert.is((await peer.readFrame()).payload.toString(), 'hello');
    assert.equal(attached.refused, []);
  });

  test(`an app on 'request' and 'connect', there ${when} ours: likewise`, async () => {
    const http2Server = createHttp2Server();
    const listen = (): void => {
      http2Server.on('request', (_request, response) => void response.end('app'));
      http2Server.on('connect', (_request: Http2ServerRequest, response: Http2ServerResponse) => {
        response.end('connect');
      });
    };
    if (isFirst) listen();
    await using attached = await Attached.open({}, http2Server);
    attached.server.route('/ours', echo);
    if (!isFirst) listen();
    await using session = await RawSession.connect(attached.port);
    assert.equal(await fetchStream(session, PLAIN), [200, 'app']);
    assert.equal(await fetchStream(session, { ...PLAIN, ':path': '/ours' }), [200, 'app']);
    for (const headers of [PLAIN_CONNECT, extended('/theirs'), extended('/ours', 'connect-udp')]) {
      assert.equal(await fetchStream(session, headers), [200, 'connect']);
    }
    const { peer } = await session.open('/ours');
    peer.sendFrame(1, 'hello');
    assert.is((await peer.readFrame()).payload.toString(), 'hello');
  });
}

test("an app on 'request' alone: its requests are its own, CONNECT gets 405, and ours is refused by us", async () => {
  await using attached = await Attached.open({}, createHttp2Server((_request, response) => void response.end('app')));
  attached.server.route('/ours', echo);
  await using session = await RawSession.connect(attached.port);
  assert.equal(await fetchStream(session, PLAIN), [200, 'app']);
  const [connect] = await once(session.session.request(PLAIN_CONNECT), 'response');
  assert.is(connect[':status'], 405);
  assert.is((await session.ask('/theirs')).status, 404);
  await session.open('/ours');
  assert.equal(attached.refused, ['NOT_FOUND /theirs true']);
});

test('several of ours share a server; attached twice serves once, detached no more but what is open', async () => {
  await using attached = await Attached.open();
  const { http2Server, server } = attached;
  server.route('/both', requireWebSocket(async ({ webSocket }) => {
    await webSocket.send('first');
    for await (const message of webSocket) await webSocket.send(message);
  }));
  const other = createServer({ onRefuse: () => {} });
  other.route('/both', requireWebSocket(({ webSocket }) => webSocket.send('second')));
  other.route('/other', echo);
  other.attach(http2Server);
  server.attach(http2Server);
  await using session = await RawSession.connect(attached.port);
  const { peer } = await session.open('/both');
  assert.is((await peer.readFrame()).payload.toString(), 'first');
  await session.open('/other');
  assert.is((await session.ask('/nowhere')).status, 404);
  assert.equal([server.connections.size, other.connections.size], [1, 1]);
  server.detach(http2Server);
  const { peer: next } = await session.open('/both');
  assert.is((await next.readFrame()).payload.toString(), 'second');
  peer.sendFrame(1, 'still open');
  assert.is((await peer.readFrame()).payload.toString(), 'still open');
  await other.close({ timeout: 0 });
  http2Server.on('stream', (stream) => void stream.respond({ ':status': 418 }, { endStream: true }));
  assert.is((await session.ask('/both')).status, 418);
});

test('a stream that has gone before anybody looked at it is nobody\'s', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  const stream = { destroyed: true } as ServerHttp2Stream;
  const headers = extended('/');
  const raw = Object.entries(headers).flat() as string[];
  assert.is((attached.http2Server as NodeJS.EventEmitter).emit('stream', stream, headers, 0, raw), false);
});

test('TLS with allowHTTP1: both versions on one port', async () => {
  const tls = { key: privateKey, cert: certificate, allowHTTP1: true };
  await using attached = await Attached.open({}, createSecureServer(tls) as unknown as NodeServer);
  attached.server.route('/', echo);
  await using session = await RawSession.connect(attached.port, { ca: certificate });
  const { peer } = await session.open('/', { ':scheme': 'https' });
  const socket = connectTls({ port: attached.port, host: '127.0.0.1', ca: certificate, ALPNProtocols: ['http/1.1'] });
  await once(socket, 'secureConnect');
  await using client = new RawClient(socket);
  assert.is((await client.upgrade('/')).headers.get('sec-websocket-accept'), SAMPLE_ACCEPT);
  for (const each of [peer, client]) {
    each.sendFrame(1, 'hello');
    assert.is((await each.readFrame()).payload.toString(), 'hello');
  }
  assert.is(attached.server.connections.size, 2);
});

test('scheme and certificate are those of the session, unless a trusted proxy tells another', async () => {
  const client = makeCertificate('a client');
  const tls = { key: privateKey, cert: certificate, ca: client.cert, requestCert: true };
  await using attached = await Attached.open({ trustProxy: 1 }, createSecureServer(tls) as unknown as NodeServer);
  attached.server.route('/', requireWebSocket(async ({ webSocket, scheme, remoteAddress, authorized }) => {
    await webSocket.send(`${scheme} ${remoteAddress} ${authorized}`);
    return webSocket.closed;
  }, { authorize: (request: Request) => request.peerCertificate()?.subject.CN ?? 'nobody' }));
  await using session = await RawSession.connect(attached.port, { ca: certificate, ...client });
  const { peer } = await session.open('/', { ':scheme': 'https' });
  assert.is((await peer.readFrame()).payload.toString(), 'https 127.0.0.1 a client');
  const forwarded = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'http' };
  const { peer: other } = await session.open('/', { ':scheme': 'https', ...forwarded });
  assert.is((await other.readFrame()).payload.toString(), 'http 192.0.2.7 a client');
});

// ── How it ends ──

/** An open WebSocket. */
async function open(options: ServerOptions = {}) {
  const attached = await Attached.open(options);
  attached.server.route('/', echo);
  const session = await RawSession.connect(attached.port);
  return {
    attached, session, ...(await session.open('/')),
    async [Symbol.asyncDispose](): Promise<void> {
      await session[Symbol.asyncDispose]();
      await attached[Symbol.asyncDispose]();
    },
  };
}

test('RFC 8441 §5: END_STREAM is the end of TCP', async () => {
  await using opened = await open();
  opened.stream.end();
  assert.equal(await opened.attached.close(), { code: 1006, reason: '', wasClean: false });
  assert.is((await opened.peer.readToEnd()).length, 0);
  await until('the stream is closed', () => opened.stream.closed);
  assert.is(opened.stream.rstCode, 0);
});

test('RFC 8441 §5: RST_STREAM with CANCEL is a reset of TCP', async () => {
  await using opened = await open();
  opened.stream.close(8);
  assert.equal(await opened.attached.close(), { code: 1006, reason: '', wasClean: false });
});

test('any other error of a stream is the reason', async () => {
  await using opened = await open();
  // ENHANCE_YOUR_CALM
  opened.stream.on('error', () => {}).close(11);
  const { error, ...close } = await opened.attached.close();
  assert.equal(close, { code: 1006, reason: '', wasClean: false });
  assert.match(error!.message, 'NGHTTP2_ENHANCE_YOUR_CALM');
});

test('RFC 9113 §8.1: a client that does not end its side a second after both Close frames is reset', async () => {
  using clock = new Clock(1000);
  await using opened = await open();
  opened.peer.sendFrame(8, Buffer.from('03e8', 'hex'));
  assert.is((await opened.peer.readToEnd()).toString('hex'), '880203e8');
  await until('it is waited for', () => clock.timers === 1);
  assert.equal(opened.attached.closes, []);
  const closed = once(opened.stream, 'close');
  clock.advance(1000);
  await closed;
  assert.is(opened.stream.rstCode, 0);
  assert.equal(await opened.attached.close(), { code: 1000, reason: '', wasClean: true });
});

test('a close received before the reset is how it ended', async () => {
  await using opened = await open();
  opened.peer.sendFrame(8, Buffer.from('0bb8', 'hex'));
  assert.is((await opened.peer.readToEnd()).toString('hex'), '88020bb8');
  opened.stream.close(8);
  assert.equal(await opened.attached.close(), { code: 3000, reason: '', wasClean: true });
});

test('RFC 8441 §5: terminate resets with CANCEL', async () => {
  await using opened = await open();
  (await opened.attached.connection()).terminate();
  await once(opened.stream, 'close');
  assert.is(opened.stream.rstCode, 8);
});

test('a session that is destroyed on either side ends its WebSockets with 1006', async () => {
  for (const isOurs of [true, false]) {
    await using opened = await open();
    if (isOurs) [...opened.attached.sessions][0]!.destroy();
    else opened.session.session.destroy();
    const { code, wasClean } = await opened.attached.close();
    assert.equal([code, wasClean], [1006, false]);
  }
});

for (const isOurs of [true, false]) {
  test(`GOAWAY, sent by the ${isOurs ? 'server' : 'client'}, lets open WebSockets go on`, async () => {
    await using opened = await open();
    const session = isOurs ? [...opened.attached.sessions][0]! : opened.session.session;
    session.close();
    await nextTurn();
    opened.peer.sendFrame(1, 'still open');
    assert.is((await opened.peer.readFrame()).payload.toString(), 'still open');
    opened.peer.sendFrame(8, Buffer.from('03e8', 'hex'));
    assert.is((await opened.peer.readToEnd()).toString('hex'), '880203e8');
    opened.stream.end();
    assert.equal(await opened.attached.close(), { code: 1000, reason: '', wasClean: true });
  });
}

test('GOAWAY with an error ends WebSockets', async () => {
  await using opened = await open();
  // INTERNAL_ERROR
  opened.session.session.goaway(2);
  const { code, wasClean } = await opened.attached.close();
  assert.equal([code, wasClean], [1006, false]);
});

test('closing drains what came through it, and leaves the other server listening', async () => {
  const asked = gate<string>();
  await using opened = await open();
  const { attached, session, peer, stream } = opened;
  let isAsked = false;
  attached.server.route('/asks', requireWebSocket(() => {}, {
    authorize: () => {
      isAsked = true;
      return asked.promise;
    },
  }));
  const asking = session.ask('/asks');
  await until('it is asked', () => isAsked);
  const closed = attached.server.close();
  asked.open('too late');
  assert.is((await asking).status, 503);
  const { opcode, payload } = await peer.readFrame();
  assert.equal([opcode, payload.readUInt16BE()], [8, 1001]);
  peer.sendFrame(8, payload);
  stream.end();
  await closed;
  assert.equal(attached.closes, [{ code: 1001, reason: 'the server is closing', wasClean: true }]);
  attached.http2Server.on('stream', (each) => void each.respond({ ':status': 418 }, { endStream: true }));
  assert.is((await session.ask('/')).status, 418);
  attached.server.attach(attached.http2Server);
  await session.open('/');
});

test('what is left when closing takes too long is cut', async () => {
  await using opened = await open();
  const { attached, session, stream } = opened;
  let isAsked = false;
  attached.server.route('/asks', acceptWebSocket(() => {}, {
    authorize: () => {
      isAsked = true;
      return new Promise(() => {});
    },
  }));
  const asking = session.request('/asks');
  await until('it is asked', () => isAsked);
  const closes = [once(stream, 'close'), once(asking.stream, 'close')];
  await attached.server.close({ timeout: 1 });
  await Promise.all(closes);
  assert.equal([stream.rstCode, asking.stream.rstCode], [8, 8]);
});

test('a client that leaves while authorize is asked is told to its signal, whatever is answered', async () => {
  for (const isGranted of [true, false]) {
    await using attached = await Attached.open();
    const asked = gate<boolean>();
    let hasRun = false;
    let signal: AbortSignal | null = null;
    attached.server.route('/', requireWebSocket(() => void (hasRun = true), {
      authorize: (request) => {
        signal = request.signal;
        return asked.promise;
      },
    }));
    await using session = await RawSession.connect(attached.port);
    const { stream } = session.request('/');
    await until('it is asked', () => signal !== null);
    stream.close(8);
    await until('it is told', () => signal!.aborted);
    asked.open(isGranted);
    await session.ping();
    assert.is(hasRun, false);
    await attached.server.close();
  }
});

// ── Flow control ──

test('a handler that does not read holds its client back, and no other', async () => {
  const started = gate();
  await using attached = await Attached.open({ maxQueuedMessages: 4 });
  attached.server.route('/slow', requireWebSocket(async ({ webSocket }) => {
    await started.promise;
    let count = 0;
    for await (const message of webSocket) count += message.length;
    return count;
  }));
  attached.server.route('/', echo);
  await using session = await RawSession.connect(attached.port);
  const slow = await session.open('/slow');
  const other = await session.open('/');
  const chunk = Buffer.alloc(16_384);
  for (let count = 0; count < 256; count++) slow.peer.sendFrame(2, chunk);
  const connection = [...attached.server.connections][0]!;
  await until('the queue is full', () => connection.countMessages() === 4);
  // Whatever could come has come when the other has had its answers.
  for (let count = 0; count < 20; count++) {
    other.peer.sendFrame(2, chunk);
    assert.is((await other.peer.readFrame()).payload.length, chunk.length);
  }
  assert.ok(connection.countMessages() < 16, `${connection.countMessages()} messages wait`);
  assert.ok(slow.stream.writableLength > 1 << 20, `${slow.stream.writableLength} bytes wait at the client`);
  started.open();
  await new Promise<void>((resolve) => slow.stream.write('', () => resolve()));
  slow.peer.sendFrame(8, Buffer.from('03e8', 'hex'));
  assert.is((await slow.peer.readFrame()).opcode, 8);
});

test('a client that does not read holds send back, and no other; later it gets all', async () => {
  const sent: number[] = [];
  await using attached = await Attached.open();
  const chunk = Buffer.alloc(16_384, 'a');
  attached.server.route('/slow', requireWebSocket(async ({ webSocket }) => {
    for (let count = 0; count < 256; count++) {
      await webSocket.send(chunk);
      sent.push(count);
    }
  }));
  attached.server.route('/', echo);
  await using session = await RawSession.connect(attached.port);
  const other = await session.open('/');
  const { stream, peer } = session.request('/slow');
  stream.pause();
  for (let count = 0; count < 20; count++) {
    other.peer.sendFrame(2, chunk);
    assert.is((await other.peer.readFrame()).payload.length, chunk.length);
  }
  assert.ok(sent.length < 32, `${sent.length} messages were sent`);
  stream.resume();
  for (let count = 0; count < 256; count++) assert.ok((await peer.readFrame()).payload.equals(chunk));
  assert.is((await peer.readFrame()).opcode, 8);
});

test('1,000 WebSockets on one session, of which one does not read', async () => {
  await using attached = await Attached.open();
  attached.server.route('/', echo);
  await using session = await RawSession.connect(attached.port);
  const opened = await Promise.all(Array.from({ length: 1000 }, () => session.open('/')));
  const [slow, ...others] = opened;
  slow!.stream.pause();
  const chunk = Buffer.alloc(16_384);
  for (let count = 0; count < 16; count++) slow!.peer.sendFrame(2, chunk);
  for (const { peer } of others) peer.sendFrame(1, 'hello');
  for (const { peer } of others) assert.is((await peer.readFrame()).payload.toString(), 'hello');
  assert.is(attached.server.connections.size, 1000);
  slow!.stream.resume();
  for (let count = 0; count < 16; count++) assert.is((await slow!.peer.readFrame()).payload.length, chunk.length);
});

test.run();
