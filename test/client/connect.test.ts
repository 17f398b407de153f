// Connecting as a client: what is sent, what is refused, redirects, and every way to give up (RFC 6455 §4.1).
import { randomBytes } from 'node:crypto';
import dns from 'node:dns';
import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, deflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { connect, type ConnectOptions } from '../../src/client/connect.js';
import { ProtocolError, TimeoutError } from '../../src/errors.js';
import { createServer } from '../../src/server/server.js';
import { requireWebSocket } from '../../src/server/websocket.js';
import { requirePeer, suite } from '../runner/suite.js';
import { serve } from '../server/harness.js';
import { Clock } from '../support/clock.js';
import { encodeNaive } from '../support/codec/naive-codec.js';
import { RawClient } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';
import {
  acceptUpgrade, assertClosed, assertEnded, assertRefused, collect, echo, failure, openPair, readRequest,
  switching, upgrade,
} from './harness.js';

const talking = suite('client/connect: messages');

const messages: [name: string, message: string | Buffer][] = [
  ['text', 'hello'],
  ['text beyond ASCII', 'Grüße, 你好, 👋'],
  ['empty text', ''],
  ['binary', Buffer.from([0, 1, 0x80, 0xff])],
  ['empty binary', Buffer.alloc(0)],
  ['1 MiB of text', 'a'.repeat(1 << 20)],
  ['1 MiB of binary', Buffer.alloc(1 << 20, 'binary')],
];

talking('every kind of message comes back from a server of ours', async () => {
  await using served = await serve({ '/echo/': echo });
  await using connection = await connect(`ws://127.0.0.1:${served.port}/echo/`);
  for (const [name, message] of messages) {
    void connection.send(message);
    assert.equal(await connection.wait(), message, name);
  }
});

for (const size of [0, 1, 3, 125, 126, 1000, 65_535, 65_536, 300_001]) {
  talking(`§5.1, §5.3: ${size} bytes arrive masked, and stay as they are here`, async () => {
    await using pair = await openPair();
    const payload = Buffer.from(Array.from({ length: size }, (_, index) => (index * 7) % 256));
    const copy = Buffer.from(payload);
    await pair.connection.send(payload);
    const frame = await pair.peer.readFrame();
    assert.ok(payload.equals(copy), 'the caller\'s bytes were written to');
    assert.ok(frame.payload.equals(copy), 'other bytes have arrived');
    const { fin, rsv1, rsv2, rsv3, opcode } = frame;
    assert.equal({ fin, rsv1, rsv2, rsv3, opcode }, { fin: true, rsv1: false, rsv2: false, rsv3: false, opcode: 2 });
    assert.is(frame.maskingKey?.length, 4);
  });
}

talking('§5.3: each frame has a masking key of its own, control frames too', async () => {
  await using pair = await openPair();
  for (let count = 0; count < 50; count++) void pair.connection.send('the same message');
  void pair.connection.ping('x').catch(() => {});
  void pair.connection.close();
  const keys = new Set<string>();
  for (let count = 0; count < 50; count++) {
    const { payload, maskingKey } = await pair.peer.readFrame();
    assert.is(payload.toString(), 'the same message');
    keys.add(maskingKey!.toString('hex'));
  }
  for (const opcode of [9, 8]) {
    const frame = await pair.peer.readFrame();
    assert.is(frame.opcode, opcode);
    keys.add(frame.maskingKey!.toString('hex'));
  }
  assert.is(keys.size, 52);
});

talking('frames in the segment of the 101 are kept, and half a frame too', async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url);
  const peer = await server.accept();
  const request = await readRequest(peer);
  const frames = ['first', 'second', 'third'].map((text) => encodeNaive({ opcode: 1, payload: Buffer.from(text) }));
  const bytes = Buffer.concat([Buffer.from(switching(request), 'latin1'), ...frames]);
  peer.write(bytes.subarray(0, -3));
  const connection = await connecting;
  assert.is(await connection.wait(), 'first');
  assert.is(await connection.wait(), 'second');
  assert.is(connection.read(), null);
  peer.write(bytes.subarray(-3));
  assert.is(await connection.wait(), 'third');
  connection.terminate();
  await connection.closed;
});

talking('a Close frame in the segment of the 101 gives a connection that closes', async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url);
  const peer = await server.accept();
  peer.write(switching(await readRequest(peer)) + '\x81\x02hi\x88\x02\x03\xe9');
  peer.socket.end();
  const connection = await connecting;
  assert.equal(await collect(connection), ['hi']);
  await assertClosed(connection, 1001, true);
  assert.is((await peer.readFrame()).payload.readUInt16BE(), 1001);
  await assertEnded(peer);
});

talking('§5.1: a masked frame of the server fails the connection with 1002', async () => {
  await using pair = await openPair();
  pair.peer.sendFrame(1, 'masked');
  const { opcode, payload } = await pair.peer.readFrame();
  assert.equal([opcode, payload.readUInt16BE()], [8, 1002]);
  await assertEnded(pair.peer);
  pair.peer.socket.end();
  assert.instance(await assertClosed(pair.connection, 1006, false), ProtocolError);
  assert.is(await pair.connection.wait(), null);
});

talking('limits are those of the options', async () => {
  await using pair = await openPair({ maxMessageBytes: 3 });
  pair.peer.sendFrame(1, 'abc', { maskingKey: null });
  assert.is(await pair.connection.wait(), 'abc');
  pair.peer.sendFrame(1, 'abcd', { maskingKey: null });
  assert.is((await pair.peer.readFrame()).payload.readUInt16BE(), 1009);
});

talking('keepAliveInterval: a silent server is pinged, then given up', async () => {
  await using pair = await openPair({ keepAliveInterval: 20 });
  const { opcode, payload, maskingKey } = await pair.peer.readFrame();
  assert.equal([opcode, payload.length, maskingKey?.length], [9, 0, 4]);
  assert.instance(await assertClosed(pair.connection, 1006, false), TimeoutError);
});

talking.run();

const asking = suite('client/connect: the request');

/** The request that these options make, which is answered by cutting the connection. */
async function requestOf(path: string, options: ConnectOptions = {}): Promise<{ line: string; fields: string[][] }> {
  await using server = await RawServer.listen();
  const attempt = failure(connect(server.url + path, options));
  const peer = await server.accept();
  const { line, fields } = await readRequest(peer);
  peer.socket.destroy();
  await attempt;
  const host = fields.get('Host')!.replace(`:${server.port}`, ':PORT');
  return { line, fields: [...fields].map(([name, value]) => [name, name === 'Host' ? host : value]) };
}

asking('§1.3, §4.1: its bytes', async () => {
  await using server = await RawServer.listen();
  const attempt = failure(connect(server.url));
  const peer = await server.accept();
  const { head } = await readRequest(peer);
  const [, key = ''] = /\r\nSec-WebSocket-Key: ([A-Za-z0-9+/]{21}[AQgw]==)\r\n/.exec(head) ?? [];
  assert.is(
    head,
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n` +
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n',
  );
  assert.is(Buffer.from(key, 'base64').length, 16);
  assert.is(peer.received.length, 0);
  peer.socket.destroy();
  await attempt;
});

asking('§4.1 item 7: the key is another for each handshake', async () => {
  const keys = new Set<string | undefined>();
  for (let count = 0; count < 20; count++) {
    const { fields } = await requestOf('');
    keys.add(fields.find(([name]) => name === 'Sec-WebSocket-Key')?.[1]);
  }
  assert.is(keys.size, 20);
});

const targets: [path: string, target: string][] = [
  ['', '/'],
  ['chat', '/chat'],
  ['?a=b', '/?a=b'],
  ['a b/ü?x=%20ü y', '/a%20b/%C3%BC?x=%20%C3%BC%20y'],
  ['a/../b/./c', '/b/c'],
  ['%2e%2E/%0d%0aX:%20y', '/%0d%0aX:%20y'],
  ['\r\n\t', '/'],
];

for (const [path, target] of targets) {
  asking(`§3: the resource name of /${JSON.stringify(path).slice(1, -1)} is ${target}`, async () => {
    assert.is((await requestOf(path)).line, `GET ${target} HTTP/1.1`);
  });
}

asking('subprotocols, origin, headers and the credentials of the URL', async () => {
  await using server = await RawServer.listen();
  const attempt = failure(connect(`ws://us%20er:p%C3%A4%3A%40@127.0.0.1:${server.port}/`, {
    subprotocols: ['chat.v2', 'chat'],
    origin: 'https://example.com',
    headers: { Cookie: 'a=b; c=d', 'X-Empty': '', 'x-latin': '\xe9', __proto__x: '1' },
  }));
  const peer = await server.accept();
  const { fields } = await readRequest(peer);
  peer.socket.destroy();
  await attempt;
  assert.is(fields.get('Authorization'), 'Basic dXMgZXI6cMOkOkA='); // us er:pä:@ in UTF-8
  assert.is(fields.get('Sec-WebSocket-Protocol'), 'chat.v2, chat');
  assert.is(fields.get('Origin'), 'https://example.com');
  assert.is(fields.get('Cookie'), 'a=b; c=d');
  assert.is(fields.get('X-Empty'), '');
  assert.is(fields.get('x-latin'), '\xe9');
  assert.is(fields.get('__proto__x'), '1');
});

asking('a user name without password, and a password without user name', async () => {
  for (const [credentials, value] of [['user', 'dXNlcjo='], [':secret', 'OnNlY3JldA==']]) {
    await using server = await RawServer.listen();
    const attempt = failure(connect(`ws://${credentials}@127.0.0.1:${server.port}/`));
    const peer = await server.accept();
    assert.is((await readRequest(peer)).fields.get('Authorization'), `Basic ${value}`);
    peer.socket.destroy();
    await attempt;
  }
});

asking('headers may replace Host, and the credentials of the URL', async () => {
  await using server = await RawServer.listen();
  const headers = { host: 'example.com', AUTHORIZATION: 'Bearer x' };
  const attempt = failure(connect(`ws://a:b@127.0.0.1:${server.port}/`, { headers }));
  const peer = await server.accept();
  const { fields } = await readRequest(peer);
  peer.socket.destroy();
  await attempt;
  assert.equal([fields.get('host'), fields.get('Host')], ['example.com', undefined]);
  assert.equal([fields.get('AUTHORIZATION'), fields.get('Authorization')], ['Bearer x', undefined]);
});

asking('it is the connection\'s `request`', async () => {
  await using served = await serve({ '/echo/': echo });
  const url = new URL(`ws://127.0.0.1:${served.port}/echo/?a=b%20c`);
  await using connection = await connect(url, { headers: { 'X-A': '1' } });
  const { path, query, params, headers, remoteAddress } = connection.request;
  assert.equal([path, query.get('a'), params, headers.get('x-a')], ['/echo/', 'b c', {}, '1']);
  assert.equal([remoteAddress, connection.remoteAddress], ['127.0.0.1', '127.0.0.1']);
});

asking('a Unix socket; the Host of a default port and of another', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  try {
    const socketPath = join(folder, 'socket');
    const server = createServer();
    server.route('/host/', requireWebSocket(({ headers, webSocket }) => void webSocket.send(headers.get('host')!)));
    await server.listen(socketPath);
    const hosts = [['example.com', 'example.com'], ['example.com:80', 'example.com'],
      ['EXAMPLE.com:81', 'example.com:81'], ['[::1]', '[::1]'],
      ['[0:0::1]:8', '[::1]:8'], ['b\u00fccher.example', 'xn--bcher-kva.example']];
    for (const [host, expected] of hosts) {
      await using connection = await connect(`ws://${host}/host/`, { socketPath });
      assert.is(await connection.wait(), expected);
      assert.is(connection.remoteAddress, '');
    }
    await server.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

asking('IPv6', async () => {
  const addresses = Object.values(networkInterfaces()).flat();
  requirePeer(addresses.some((address) => address?.address === '::1'), 'there is no ::1; set up IPv6');
  await using server = await RawServer.listen({ port: 0, host: '::1' });
  const connecting = connect(`ws://[::1]:${server.port}/`);
  const peer = await server.accept();
  assert.is((await acceptUpgrade(peer)).fields.get('Host'), `[::1]:${server.port}`);
  const connection = await connecting;
  assert.is(connection.remoteAddress, '::1');
  connection.terminate();
  await connection.closed;
});

asking('a host name', async () => {
  await using served = await serve({ '/echo/': echo });
  await using connection = await connect(`ws://localhost:${served.port}/echo/`);
  await connection.send('by name');
  assert.is(await connection.wait(), 'by name');
});

asking.run();

const choosing = suite('client/connect: subprotocols');

choosing('the one that the server chose', async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url, { subprotocols: ['a', 'b'] });
  const peer = await upgrade(server, 'Sec-WebSocket-Protocol: b');
  const connection = await connecting;
  assert.is(connection.subprotocol, 'b');
  connection.terminate();
  await assertEnded(peer);
});

choosing('one may be given as text, as in browsers', async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url, { subprotocols: 'mqtt' });
  const peer = await server.accept();
  const { fields } = await acceptUpgrade(peer, 'Sec-WebSocket-Protocol: mqtt');
  assert.is(fields.get('Sec-WebSocket-Protocol'), 'mqtt');
  const connection = await connecting;
  assert.is(connection.subprotocol, 'mqtt');
  connection.terminate();
  await assertEnded(peer);
});

choosing('a part of the one that was given as text is none', async () => {
  await using server = await RawServer.listen();
  const attempt = assertRefused(connect(server.url, { subprotocols: 'mqtt' }), 'SUBPROTOCOL_NOT_OFFERED', 101);
  await upgrade(server, 'Sec-WebSocket-Protocol: mqt');
  await attempt;
});

choosing('none, if the server chose none', async () => {
  await using pair = await openPair({ subprotocols: ['a', 'b'] });
  assert.is(pair.connection.subprotocol, '');
});

choosing('with a server of ours', async () => {
  await using served = await serve({ '/': requireWebSocket(async ({ webSocket }) => {
    await webSocket.send(webSocket.subprotocol);
  }, { subprotocols: ['one', 'two'] }) });
  await using connection = await connect(`ws://127.0.0.1:${served.port}/`, { subprotocols: ['two', 'three'] });
  assert.equal([connection.subprotocol, await connection.wait()], ['two', 'two']);
});

choosing.run();

const refusing = suite('client/connect: answers that are no upgrade');

/** The answer to a request, of which only the accept value depends on it. */
type Answer = (accepting: string) => string;

const wrong: [name: string, answer: Answer, code: string, status: number][] = [
  ['no Upgrade', (text) => text.replace('Upgrade: websocket\r\n', ''), 'UPGRADE_NOT_WEBSOCKET', 101],
  ['another Upgrade', (text) => text.replace('websocket', 'h2c'), 'UPGRADE_NOT_WEBSOCKET', 101],
  ['no Connection', (text) => text.replace('Connection: Upgrade\r\n', ''), 'CONNECTION_NOT_UPGRADE', 101],
  ['another Connection', (text) => text.replace('on: Upgrade', 'on: close'), 'CONNECTION_NOT_UPGRADE', 101],
  ['no accept value', (text) => text.replace(/Sec-WebSocket-Accept.*\r\n/, ''), 'ACCEPT_INVALID', 101],
  ['the accept value of §1.3', (text) => text.replace(/Accept: .*/, 'Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='),
    'ACCEPT_INVALID', 101],
  ['two accept values', (text) => text.replace(/(Sec-WebSocket-Accept.*\r\n)/, '$1$1'), 'ACCEPT_INVALID', 101],
  ['an extension', (text) => text.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-bzip2\r\n\r\n'),
    'EXTENSION_NOT_OFFERED', 101],
  ['a subprotocol', (text) => text.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: x\r\n\r\n'),
    'SUBPROTOCOL_NOT_OFFERED', 101],
  ['a status line of HTTP/2', (text) => text.replace('1.1', '2.0'), 'STATUS_LINE_INVALID', 0],
  ['garbage', () => 'garbage\r\n\r\n', 'STATUS_LINE_INVALID', 0],
  ['an alert of TLS', () => '\x15\x03\x03\x00\x02\x02\x46', 'BYTE_INVALID', 0],
  ['a head without end', () => `HTTP/1.1 101 x\r\nA: ${'a'.repeat(20_000)}`, 'HEAD_TOO_LARGE', 0],
  ['too many fields', () => `HTTP/1.1 101 x\r\n${'a:\r\n'.repeat(200)}`, 'TOO_MANY_HEADER_FIELDS', 0],
  ['frames at once', () => '\x81\x05Hello', 'BYTE_INVALID', 0],
  ['status 200', (text) => text.replace('101', '200').replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'),
    'UNEXPECTED_STATUS', 200],
];

for (const [name, answer, code, status] of wrong) {
  refusing(`${name}: ${code}, and the socket is destroyed`, async () => {
    await using server = await RawServer.listen();
    const attempt = assertRefused(connect(server.url), code, status);
    const peer = await server.accept();
    peer.write(answer(switching(await readRequest(peer))));
    await attempt;
    await assertEnded(peer);
  });
}

refusing('RFC 9110 §15.2: interim responses are skipped, in one segment or many', async () => {
  for (const isSplit of [false, true]) {
    await using server = await RawServer.listen();
    const connecting = connect(server.url);
    const peer = await server.accept();
    const request = await readRequest(peer);
    const interim = 'HTTP/1.1 100\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 199 x\r\n\r\n';
    const all = `${interim}${switching(request)}\x81\x02hi`;
    for (const part of isSplit ? all : [all]) {
      peer.write(part);
      if (isSplit) await nextTurn();
    }
    const connection = await connecting;
    assert.is(await connection.wait(), 'hi');
    connection.terminate();
    await connection.closed;
  }
});

refusing('HTTP/1.0 and a status line without reason are let pass', async () => {
  for (const line of ['HTTP/1.0 101 Switching Protocols', 'HTTP/1.1 101', 'HTTP/1.1 101 ', 'HTTP/1.1 101 \xe4']) {
    await using server = await RawServer.listen();
    const connecting = connect(server.url);
    const peer = await server.accept();
    peer.write(switching(await readRequest(peer)).replace(/.*/, line));
    const connection = await connecting;
    connection.terminate();
    await connection.closed;
  }
});

refusing('a refusal carries status, headers and body', async () => {
  await using server = await RawServer.listen();
  const attempt = assertRefused(connect(server.url), 'UNEXPECTED_STATUS', 401);
  const peer = await server.accept();
  await readRequest(peer);
  peer.write(
    'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nX-A: 1\r\nx-a: 2\r\n__proto__: 3\r\n' +
      'Content-Length: 14\r\n\r\nsign in first\nand what is not of the body',
  );
  const { message, headers, body } = await attempt;
  assert.equal(Object.entries(headers), [
    ['www-authenticate', 'Basic'], ['x-a', '1, 2'], ['__proto__', '3'], ['content-length', '14'],
  ]);
  assert.is(body, 'sign in first\n');
  assert.match(message, /status 401$/);
  await assertEnded(peer);
});

const hints: [status: number, origin: string | undefined, message: string][] = [
  [400, undefined, 'status 400; if it wants an Origin, set the option origin'],
  [403, undefined, 'status 403; if it wants an Origin, set the option origin'],
  [400, 'http://a', 'status 400; if it wants another Origin or none, change the option origin'],
  [403, 'http://a', 'status 403; if it wants another Origin or none, change the option origin'],
  [404, undefined, 'status 404'],
];
for (const [status, origin, message] of hints) {
  refusing(`status ${status} ${origin === undefined ? 'without' : 'with'} an origin: ${message}`, async () => {
    await using server = await RawServer.listen();
    const options = origin === undefined ? {} : { origin };
    const attempt = assertRefused(connect(server.url, options), 'UNEXPECTED_STATUS', status);
    const peer = await server.accept();
    await readRequest(peer);
    peer.write(`HTTP/1.1 ${status} x\r\nContent-Length: 0\r\n\r\n`);
    assert.is((await attempt).message, `the server answered with ${message}`);
  });
}

for (const [type, body, text] of [
  ['text/plain; charset=utf-8', 'no such room\nsecond line', ': "no such room"'],
  ['text/plain', '\r\n\tno\x1b[1m', ': "no?[1m"'],
  ['text/plain', '', ''],
  ['text/html', '<p>no', ''],
] as const) {
  refusing(`the message quotes the first line of a text: ${type} ${JSON.stringify(body)}`, async () => {
    await using server = await RawServer.listen();
    const attempt = assertRefused(connect(server.url), 'UNEXPECTED_STATUS', 404);
    const peer = await server.accept();
    await readRequest(peer);
    const length = Buffer.byteLength(body);
    peer.write(`HTTP/1.1 404 x\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n${body}`);
    assert.is((await attempt).message, `the server answered with status 404${text}`);
  });
}

for (const [subprotocols, wish] of [[[], 'a subprotocol'], ['a', 'another subprotocol than "a"'],
  [['a', 'b'], 'another subprotocol than "a, b"']] as const) {
  refusing(`an end without an answer: perhaps the server wants ${wish}`, async () => {
    await using server = await RawServer.listen();
    const attempt = assertRefused(connect(server.url, { subprotocols }), 'CONNECTION_LOST', 0);
    const peer = await server.accept();
    await readRequest(peer);
    peer.socket.end();
    const { message, body } = await attempt;
    assert.is(message, `the connection ended before the answer; perhaps the server wants ${wish}`);
    assert.is(body, '');
  });
}

refusing('several subprotocols in the answer: the error tells what was offered', async () => {
  await using server = await RawServer.listen();
  const attempt = assertRefused(connect(server.url, { subprotocols: ['mqtt', 'b'] }), 'SUBPROTOCOL_NOT_OFFERED', 101);
  await upgrade(server, 'Sec-WebSocket-Protocol: mqtt, b');
  const message = 'the server speaks "mqtt, b", but the offer was "mqtt, b"; offer one name that it knows';
  assert.is((await attempt).message, message);
});

refusing('RFC 7692 §7.1.3: a server that can\'t limit its window agrees to the second offer', async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url, { deflate: { windowBits: 12 } });
  const peer = await server.accept();
  const { fields } = await acceptUpgrade(peer, 'Sec-WebSocket-Extensions: permessage-deflate');
  assert.is(
    fields.get('Sec-WebSocket-Extensions'),
    'permessage-deflate; server_max_window_bits=12; client_max_window_bits=12, ' +
      'permessage-deflate; client_max_window_bits=12',
  );
  await using connection = await connecting;
  // The second message refers 20,000 bytes back, further than a window of 12 bits reaches.
  const text = randomBytes(10_000).toString('hex');
  for (const dictionary of [Buffer.alloc(0), Buffer.from(text)]) {
    const payload = deflateRawSync(text, { dictionary, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    peer.write(encodeNaive({ opcode: 1, rsv1: true, payload }));
    assert.is(await connection.wait(), text);
  }
  connection.terminate();
});

refusing('a host of several addresses, none of which answers: the message has them all, and the code', async () => {
  const closed = await RawServer.listen();
  const { port } = closed;
  await closed[Symbol.asyncDispose]();
  const { lookup } = dns;
  const addresses = [{ address: '127.0.0.1', family: 4 }, { address: '127.0.0.2', family: 4 }];
  dns.lookup = ((...values: unknown[]) => {
    process.nextTick(values.at(-1) as (error: null, found: object) => void, null, addresses);
  }) as typeof lookup;
  try {
    for (const options of [{}, { proxy: `http://two.example:${port}` }]) {
      const error = await failure(connect(`ws://two.example:${port}/`, options)) as AggregateError & { code: string };
      assert.is(error.message, addresses.map(({ address }) => `connect ECONNREFUSED ${address}:${port}`).join('; '));
      assert.is(error.code, 'ECONNREFUSED');
      assert.is(error.errors.length, 2);
    }
  } finally {
    dns.lookup = lookup;
  }
});

const LIMIT = 65_536;

const bodies: [name: string, fields: string, bytes: string, ends: boolean, body: string][] = [
  ['no length, until the end', '', 'all of it', true, 'all of it'],
  ['a length that is cut short', 'Content-Length: 100\r\n', 'a part', true, 'a part'],
  ['no bytes', 'Content-Length: 0\r\n', '', false, ''],
  ['UTF-8', 'Content-Length: 6\r\n', '\xe4\xbd\xa0\xe5\xa5\xbd', false, '你好'],
  ['not UTF-8', 'Content-Length: 2\r\n', '\xff!', false, '\ufffd!'],
  ['chunks', 'Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n', false, 'abcde'],
  ['broken chunks', 'Transfer-Encoding: chunked\r\n', '3\r\nabc\r\nx\r\n', false, 'abc'],
  ['chunks that end too early', 'Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n5\r\nde', true, 'abcde'],
  ['a chunk of 2^40 bytes', 'Transfer-Encoding: chunked\r\n', `10000000000\r\n${'a'.repeat(LIMIT)}`, false,
    'a'.repeat(LIMIT)],
  ['exactly 64 KiB', '', 'a'.repeat(LIMIT), false, 'a'.repeat(LIMIT)],
  ['a byte more', '', 'a'.repeat(LIMIT + 1), false, 'a'.repeat(LIMIT)],
  ['a length of 2^53 - 1', 'Content-Length: 9007199254740991\r\n', 'a'.repeat(100_000), false, 'a'.repeat(LIMIT)],
  ['another coding', 'Transfer-Encoding: gzip\r\n', 'zzz', true, 'zzz'],
];

for (const [name, fields, bytes, ends, body] of bodies) {
  refusing(`the body of a refusal: ${name}`, async () => {
    await using server = await RawServer.listen();
    const attempt = assertRefused(connect(server.url), 'UNEXPECTED_STATUS', 503);
    const peer = await server.accept();
    await readRequest(peer);
    peer.write(`HTTP/1.1 503 x\r\n${fields}\r\n${bytes}`);
    if (ends) peer.socket.end();
    assert.is((await attempt).body, body);
    await assertEnded(peer);
  });
}

refusing('the body of a refusal: a flood is read no further than 64 KiB', async () => {
  await using server = await RawServer.listen();
  const attempt = assertRefused(connect(server.url), 'UNEXPECTED_STATUS', 500);
  const peer = await server.accept();
  await readRequest(peer);
  peer.write('HTTP/1.1 500 x\r\n\r\n');
  const flood = setInterval(() => peer.socket.writable && peer.write(Buffer.alloc(50_000, 'a')), 1);
  try {
    assert.is((await attempt).body.length, LIMIT);
    await assertEnded(peer);
  } finally {
    clearInterval(flood);
  }
});

refusing('the body of a refusal: a reset ends it', async () => {
  await using server = await RawServer.listen();
  const attempt = failure(connect(server.url));
  const peer = await server.accept();
  await readRequest(peer);
  peer.write('HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\nabc');
  await nextTurn();
  peer.socket.resetAndDestroy();
  const error = await attempt as Error & { code: string };
  // A reset may overtake what was sent before it.
  assert.ok(['UNEXPECTED_STATUS', 'CONNECTION_LOST', 'ECONNRESET'].includes(error.code), error.code);
});

refusing('the refusal of a server of ours', async () => {
  await using served = await serve({ '/plain/': () => 'plain' });
  const error = await assertRefused(connect(`ws://127.0.0.1:${served.port}/nowhere/`), 'UNEXPECTED_STATUS', 404);
  assert.ok(error.body.length > 0);
  await assertRefused(connect(`ws://127.0.0.1:${served.port}/plain/`), 'UNEXPECTED_STATUS', 400);
});

refusing('nobody listens: the error of the socket', async () => {
  let url = '';
  {
    await using server = await RawServer.listen();
    url = server.url;
  }
  assert.is((await failure(connect(url)) as NodeJS.ErrnoException).code, 'ECONNREFUSED');
});

refusing('no such Unix socket: the error of the socket', async () => {
  const attempt = connect('ws://a/', { socketPath: join(tmpdir(), 'twobyte-no-such-socket') });
  assert.is((await failure(attempt) as NodeJS.ErrnoException).code, 'ENOENT');
});

refusing.run();

const leaving = suite('client/connect: giving up');

/** The test says when it is over. */
const TIMEOUT = 3_600_001;

/** Stages at which a server may fall silent. */
const stages: [name: string, bytes: string][] = [
  ['before its answer', ''],
  ['within its status line', 'HTTP/1.1 10'],
  ['within its head', 'HTTP/1.1 101 x\r\nUpgrade: websocket\r\n'],
  ['behind an interim response', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['within the body of a refusal', 'HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\nabc'],
  ['within the chunks of a refusal', 'HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'],
  ['within the body of a redirect', 'HTTP/1.1 302 x\r\nLocation: /b\r\n\r\nabc'],
];

for (const [name, bytes] of stages) {
  leaving(`a server that falls silent ${name}: TimeoutError`, async () => {
    using clock = new Clock(TIMEOUT);
    await using server = await RawServer.listen();
    const attempt = failure(connect(server.url, { timeout: TIMEOUT, redirects: 1 }));
    const peer = await server.accept();
    await readRequest(peer);
    peer.write(bytes);
    await nextTurn();
    clock.advance(TIMEOUT);
    const error = await attempt;
    assert.instance(error, TimeoutError);
    assert.is(error.message, 'no connection within 3600001 milliseconds');
    await assertEnded(peer);
  });

  leaving(`an abort, the server being silent ${name}: the signal's reason`, async () => {
    await using server = await RawServer.listen();
    const controller = new AbortController();
    const attempt = failure(connect(server.url, { signal: controller.signal, redirects: 1 }));
    const peer = await server.accept();
    await readRequest(peer);
    peer.write(bytes);
    await nextTurn();
    const reason = new Error('enough');
    controller.abort(reason);
    assert.is(await attempt, reason);
    assert.is(getEventListeners(controller.signal, 'abort').length, 0);
    await assertEnded(peer);
  });
}

leaving('the timeout spans all redirects', async () => {
  using clock = new Clock(TIMEOUT);
  await using server = await RawServer.listen();
  const attempt = failure(connect(server.url, { timeout: TIMEOUT, redirects: 20 }));
  for (let count = 0; count < 3; count++) {
    const peer = await server.accept();
    await readRequest(peer);
    assert.is(clock.timers, 1);
    if (count < 2) peer.write('HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n');
  }
  clock.advance(TIMEOUT);
  assert.instance(await attempt, TimeoutError);
  assert.is(server.count, 3);
});

leaving('timeout 0 gives up at once', async () => {
  await using server = await RawServer.listen();
  assert.instance(await failure(connect(server.url, { timeout: 0 })), TimeoutError);
});

leaving('aborted before: the reason, and nothing connects, to a Unix socket neither', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  try {
    const socketPath = join(folder, 'socket');
    await using server = await RawServer.listen();
    await using unixServer = await RawServer.listen({ path: socketPath });
    const reason = { not: 'an error' };
    const signal = AbortSignal.abort(reason);
    assert.is(await failure(connect(server.url, { signal })), reason);
    assert.is(await failure(connect('ws://a/', { signal, socketPath })), reason);
    // Connections are accepted in order: had there been others, they would come first.
    await using pairs = await RawClient.connect(server.port);
    await using unixPairs = await RawClient.connect({ path: socketPath });
    pairs.write('first');
    unixPairs.write('first');
    assert.is((await (await server.accept()).readBytes(5)).toString(), 'first');
    assert.is((await (await unixServer.accept()).readBytes(5)).toString(), 'first');
    assert.is(getEventListeners(signal, 'abort').length, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

leaving('an abort while connecting', async () => {
  await using server = await RawServer.listen();
  const controller = new AbortController();
  const attempt = failure(connect(server.url, { signal: controller.signal }));
  controller.abort();
  assert.is((await attempt).name, 'AbortError');
});

leaving('an abort once the connection is open has no effect, and nothing listens for it', async () => {
  using clock = new Clock(TIMEOUT);
  const controller = new AbortController();
  await using pair = await openPair({ signal: controller.signal, timeout: TIMEOUT });
  assert.equal([getEventListeners(controller.signal, 'abort').length, clock.timers], [0, 0]);
  controller.abort();
  await nextTurn();
  await pair.connection.send('still open');
  assert.is((await pair.peer.readFrame()).payload.toString(), 'still open');
});

leaving('no listener is left behind a refusal and a bad option', async () => {
  const { signal } = new AbortController();
  await using server = await RawServer.listen();
  const attempt = failure(connect(server.url, { signal }));
  const peer = await server.accept();
  peer.socket.end('garbage\r\n\r\n');
  await attempt;
  await failure(connect('http://a/', { signal }));
  await failure(connect('ws://a/', { signal, timeout: -1 }));
  await failure(connect('ws://a/', { signal, headers: { 'a b': '' } }));
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

leaving('the server ends or resets before it answers', async () => {
  await using server = await RawServer.listen();
  const ended = assertRefused(connect(server.url), 'CONNECTION_LOST', 0);
  const peer = await server.accept();
  peer.socket.end();
  await ended;
  await readRequest(peer);
  await assertEnded(peer);
  const reset = failure(connect(server.url));
  const other = await server.accept();
  await readRequest(other);
  other.socket.resetAndDestroy();
  assert.is((await reset as NodeJS.ErrnoException).code, 'ECONNRESET');
});

leaving.run();

const options = suite('client/connect: options that can\'t be used');

type Kind = 'TypeError' | 'RangeError';

const INJECTION = 'a\r\nX-Injected: 1';

const bad: [name: string, kind: Kind, options: object][] = [
  ['CR LF in the value of a header', 'TypeError', { headers: { 'X-A': INJECTION } }],
  ['CR in the value of a header', 'TypeError', { headers: { 'X-A': 'a\rb' } }],
  ['LF in the value of a header', 'TypeError', { headers: { 'X-A': 'a\n' } }],
  ['NUL in the value of a header', 'TypeError', { headers: { 'X-A': '\0' } }],
  ['a character beyond latin1 in the value of a header', 'TypeError', { headers: { 'X-A': '\u010a' } }],
  ['CR LF in the name of a header', 'TypeError', { headers: { [INJECTION]: 'a' } }],
  ['NUL in the name of a header', 'TypeError', { headers: { 'a\0': 'a' } }],
  ['a colon in the name of a header', 'TypeError', { headers: { 'a:': 'a' } }],
  ['an empty name of a header', 'TypeError', { headers: { '': 'a' } }],
  ['CR LF in the cookie', 'TypeError', { headers: { Cookie: INJECTION } }],
  ['CR LF in the host', 'TypeError', { headers: { Host: INJECTION } }],
  ['a header that is undefined', 'TypeError', { headers: { 'X-A': undefined } }],
  ['a header that is null', 'TypeError', { headers: { 'X-A': null } }],
  ['a header that is a number', 'TypeError', { headers: { 'X-A': 1 } }],
  ['a header that is a list', 'TypeError', { headers: { 'X-A': ['a'] } }],
  ['an origin that is null', 'TypeError', { origin: null }],
  ['CR LF in the origin', 'TypeError', { origin: INJECTION }],
  ['LF in the origin', 'TypeError', { origin: 'http://a\n' }],
  ['NUL in the origin', 'TypeError', { origin: '\0' }],
  ['CR LF in a subprotocol', 'TypeError', { subprotocols: [INJECTION] }],
  ['NUL in a subprotocol', 'TypeError', { subprotocols: ['a\0'] }],
  ['a list in one subprotocol', 'TypeError', { subprotocols: ['a, b'] }],
  ['a list in a subprotocol as text', 'TypeError', { subprotocols: 'a, b' }],
  ['an empty subprotocol', 'TypeError', { subprotocols: [''] }],
  ['an empty subprotocol as text', 'TypeError', { subprotocols: '' }],
  ['a subprotocol that is a number', 'TypeError', { subprotocols: 1 }],
  ['a subprotocol that is undefined', 'TypeError', { subprotocols: [undefined] }],
  ['a subprotocol twice', 'TypeError', { subprotocols: ['a', 'a'] }],
  ...['Upgrade', 'connection', 'Sec-WebSocket-Key', 'sec-websocket-version', 'Sec-WebSocket-Protocol',
    'SEC-WEBSOCKET-EXTENSIONS', 'Sec-WebSocket-Other', 'Content-Length', 'Transfer-Encoding', 'Origin',
  ].map((name): [string, Kind, object] => [`the handshake's own ${name}`, 'TypeError', { headers: { [name]: '1' } }]),
  ['a proxy that is no URL', 'TypeError', { proxy: '127.0.0.1' }],
  ['an empty proxy', 'TypeError', { proxy: '' }],
  ['a proxy by https:', 'TypeError', { proxy: 'https://127.0.0.1:1/' }],
  ['a proxy by socks5:', 'TypeError', { proxy: 'socks5://127.0.0.1:1/' }],
  ['a proxy of broken percent-encoding', 'TypeError', { proxy: 'http://%zz:a@127.0.0.1:1/' }],
  ['a proxy to a Unix socket', 'TypeError', { proxy: 'http://127.0.0.1:1/', socketPath: '/nowhere' }],
  ...[-1, 0.5, NaN, Infinity, 2 ** 31, '1'].map((timeout): [string, Kind, object] => [
    `timeout ${JSON.stringify(timeout)}${timeout}`, 'RangeError', { timeout },
  ]),
  ...[-1, 0.5, NaN, Infinity, 21, '1'].map((redirects): [string, Kind, object] => [
    `redirects ${JSON.stringify(redirects)}${redirects}`, 'RangeError', { redirects },
  ]),
  ['keepAliveInterval -1', 'RangeError', { keepAliveInterval: -1 }],
  ['maxMessageBytes -1', 'RangeError', { maxMessageBytes: -1 }],
  ['maxQueuedMessages 0', 'RangeError', { maxQueuedMessages: 0 }],
  ['maxQueuedBytes 0', 'RangeError', { maxQueuedBytes: 0 }],
  ['maxBufferedBytes -1', 'RangeError', { maxBufferedBytes: -1 }],
  ['closeTimeout 0.5', 'RangeError', { closeTimeout: 0.5 }],
];

/** Asserts that nothing has connected before this. */
async function assertUntouched(server: RawServer): Promise<void> {
  await using client = await RawClient.connect(server.port);
  client.write('first');
  const peer = await server.accept();
  assert.is((await peer.readBytes(5)).toString(), 'first', 'something has connected');
}

for (const [name, kind, wrongly] of bad) {
  options(`${name}: ${kind}, and nothing connects`, async () => {
    await using server = await RawServer.listen();
    const error = await failure(connect(server.url, wrongly as ConnectOptions));
    assert.is(error.name, kind);
    await assertUntouched(server);
  });
}

options('a header without a value is named', async () => {
  for (const value of [undefined, null, 1]) {
    const headers = { Accept: 'a', Authorization: value } as unknown as Record<string, string>;
    const { message } = await failure(connect('ws://127.0.0.1:1/', { headers }));
    assert.is(message, `the value of Authorization is ${value}; give it as text`);
  }
});

const urls = [
  '', 'a', '/echo/', 'ws:', 'ws://', 'ws:///', 'ws://a:65536/', 'ws://a:x/', 'ws://a b/', 'ws://[::1/', 'http://a/',
  'https://a/', 'ftp://a/', 'wss:/ /', 'ws://%00/', 'ws://a%0d%0a/', 'ws://a#', 'ws://a/#', 'wss://a/b?c#d', 'ws://#/',
  'javascript:1', 'file:///a', 'ws://%zz:a@127.0.0.1:1/', 'ws://a:%e4@127.0.0.1:1/',
];
for (const url of urls) {
  options(`§3: the URL ${JSON.stringify(url)} is refused with TypeError`, async () => {
    assert.is((await failure(connect(url))).name, 'TypeError');
  });
}

options('what is no URL is quoted, and the message tells how one is written', async () => {
  assert.is((await failure(connect('/chat'))).message, '"/chat" is no URL; write all of it: ws://host/path');
});

options('a URL object is checked too', async () => {
  assert.is((await failure(connect(new URL('http://a/')))).name, 'TypeError');
});

options.run();

const redirecting = suite('client/connect: redirects');

/** Answers the next connection with a redirect, and returns its request. */
async function redirectNext(server: RawServer, location: string, status = 302): ReturnType<typeof readRequest> {
  const peer = await server.accept();
  const request = await readRequest(peer);
  peer.write(`HTTP/1.1 ${status} x\r\nLocation: ${location}\r\nContent-Length: 4\r\n\r\nbody`);
  await assertEnded(peer);
  return request;
}

redirecting('by default none is followed, and the error tells how', async () => {
  await using server = await RawServer.listen();
  const attempt = assertRefused(connect(server.url), 'UNEXPECTED_STATUS', 302);
  await redirectNext(server, '/other');
  const error = await attempt;
  assert.match(error.message, 'status 302 to "/other"; set the option redirects to follow it');
  assert.equal([error.headers['location'], error.body], ['/other', 'body']);
  assert.is(server.count, 1);
});

for (const status of [301, 302, 303, 307, 308]) {
  redirecting(`${status} is followed`, async () => {
    await using server = await RawServer.listen();
    const connecting = connect(server.url, { redirects: 1, subprotocols: ['a'], origin: 'http://o' });
    const first = await redirectNext(server, '/other?a=b', status);
    const peer = await server.accept();
    const second = await acceptUpgrade(peer);
    const connection = await connecting;
    assert.is(second.line, 'GET /other?a=b HTTP/1.1');
    assert.not(first.fields.get('Sec-WebSocket-Key') === second.fields.get('Sec-WebSocket-Key'), 'the key is new');
    assert.equal([second.fields.get('Sec-WebSocket-Protocol'), second.fields.get('Origin')], ['a', 'http://o']);
    assert.is(connection.request.path, '/other');
    connection.terminate();
    await connection.closed;
  });
}

for (const [status, location] of [[300, '/a'], [304, '/a'], [305, '/a'], [200, '/a'], [401, '/a']] as const) {
  redirecting(`${status} is no redirect, though it has a Location`, async () => {
    await using server = await RawServer.listen();
    const attempt = assertRefused(connect(server.url, { redirects: 5 }), 'UNEXPECTED_STATUS', status);
    await redirectNext(server, location, status);
    assert.match((await attempt).message, new RegExp(`status ${status}$`));
  });
}

redirecting('302 without Location is a refusal', async () => {
  await using server = await RawServer.listen();
  const attempt = assertRefused(connect(server.url, { redirects: 5 }), 'UNEXPECTED_STATUS', 302);
  const peer = await server.accept();
  peer.write('HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n');
  await attempt;
});

const locations: [location: string, line: string][] = [
  ['c', 'GET /a/c HTTP/1.1'],
  ['../c?d', 'GET /c?d HTTP/1.1'],
  ['?d', 'GET /a/b?d HTTP/1.1'],
  ['/c#fragment', 'GET /c HTTP/1.1'],
  ['', 'GET /a/b HTTP/1.1'],
  ['//HOST/c', 'GET /c HTTP/1.1'],
  ['ws://HOST/c', 'GET /c HTTP/1.1'],
  ['http://HOST/c', 'GET /c HTTP/1.1'],
  ['HTTP://HOST/\xe4 c', 'GET /%C3%A4%20c HTTP/1.1'],
  ['http:c', 'GET /a/c HTTP/1.1'],
];
for (const [location, line] of locations) {
  redirecting(`RFC 9110 §10.2.2: the Location "${location}"`, async () => {
    await using server = await RawServer.listen();
    const connecting = connect(`${server.url}a/b`, { redirects: 1 });
    await redirectNext(server, location.replace('HOST', `127.0.0.1:${server.port}`));
    const peer = await server.accept();
    assert.is((await acceptUpgrade(peer)).line, line);
    const connection = await connecting;
    connection.terminate();
    await connection.closed;
  });
}

for (const location of ['ftp://a/', 'ws://', 'http://a:99999/', 'javascript:1', 'mailto:a', 'http://a b/', '//']) {
  redirecting(`the Location "${location}" is refused`, async () => {
    await using server = await RawServer.listen();
    const attempt = assertRefused(connect(server.url, { redirects: 1 }), 'REDIRECT_INVALID', 302);
    await redirectNext(server, location);
    const error = await attempt;
    assert.equal([error.headers['location'], error.body], [location, 'body']);
  });
}

redirecting('as many as allowed, and no loop', async () => {
  await using server = await RawServer.listen();
  const attempt = assertRefused(connect(server.url, { redirects: 3 }), 'UNEXPECTED_STATUS', 307);
  for (let count = 0; count < 4; count++) await redirectNext(server, '/', 307);
  await attempt;
  assert.is(server.count, 4);
});

redirecting('between two servers without end', async () => {
  await using left = await RawServer.listen();
  await using right = await RawServer.listen();
  const attempt = assertRefused(connect(left.url, { redirects: 20 }), 'UNEXPECTED_STATUS', 302);
  for (let count = 0; count < 21; count++) {
    if (count % 2 === 0) await redirectNext(left, right.url);
    else await redirectNext(right, left.url);
  }
  await attempt;
  assert.equal([left.count, right.count], [11, 10]);
});

const SECRETS = { Authorization: 'Bearer secret', COOKIE: 'a=secret', Host: 'example.com', 'X-Other': 'kept' };

redirecting('to another port: Authorization, Cookie and Host are dropped, the rest is kept', async () => {
  await using first = await RawServer.listen();
  await using second = await RawServer.listen();
  const connecting = connect(first.url, { redirects: 2, headers: SECRETS });
  const asked = await redirectNext(first, second.url);
  assert.is(asked.fields.get('Authorization'), 'Bearer secret');
  // And not sent again on the way back.
  const elsewhere = await redirectNext(second, first.url);
  assert.not.match(elsewhere.head, 'secret');
  assert.is(elsewhere.fields.get('Host'), `127.0.0.1:${second.port}`);
  assert.is(elsewhere.fields.get('X-Other'), 'kept');
  const peer = await first.accept();
  const back = await acceptUpgrade(peer);
  assert.not.match(back.head, 'secret');
  const connection = await connecting;
  connection.terminate();
  await connection.closed;
});

redirecting('to another host name of the same address and port, likewise', async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url, { redirects: 1, headers: SECRETS });
  await redirectNext(server, `ws://localhost:${server.port}/`);
  const peer = await server.accept();
  assert.not.match((await acceptUpgrade(peer)).head, 'secret');
  const connection = await connecting;
  connection.terminate();
  await connection.closed;
});

redirecting('the credentials of the URL are not sent to another port', async () => {
  await using first = await RawServer.listen();
  await using second = await RawServer.listen();
  const connecting = connect(`ws://a:b@127.0.0.1:${first.port}/`, { redirects: 1 });
  assert.is((await redirectNext(first, second.url)).fields.get('Authorization'), 'Basic YTpi');
  const peer = await second.accept();
  assert.is((await acceptUpgrade(peer)).fields.get('Authorization'), undefined);
  const connection = await connecting;
  connection.terminate();
  await connection.closed;
});

for (const location of ['/other', 'ABSOLUTE']) {
  redirecting(`on the same host and port all is kept: ${location}`, async () => {
    await using server = await RawServer.listen();
    const { Host, Authorization, ...headers } = SECRETS;
    const connecting = connect(`ws://a:b@127.0.0.1:${server.port}/`, { redirects: 1, headers });
    await redirectNext(server, location.replace('ABSOLUTE', `${server.url}other`));
    const peer = await server.accept();
    const { line, fields } = await acceptUpgrade(peer);
    assert.is(line, 'GET /other HTTP/1.1');
    assert.equal([fields.get('Authorization'), fields.get('COOKIE')], ['Basic YTpi', 'a=secret']);
    const connection = await connecting;
    connection.terminate();
    await connection.closed;
  });
}

redirecting('never away from a Unix socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  try {
    const socketPath = join(folder, 'socket');
    await using server = await RawServer.listen({ path: socketPath });
    const attempt = assertRefused(connect('ws://a/', { socketPath, redirects: 2 }), 'REDIRECT_ELSEWHERE', 302);
    await redirectNext(server, '/b');
    await redirectNext(server, 'ws://b/');
    await attempt;
    // The socket of ws: is not that of wss:, as its port is not.
    const secure = assertRefused(connect('ws://a/', { socketPath, redirects: 1 }), 'REDIRECT_ELSEWHERE', 302);
    await redirectNext(server, 'wss://a/');
    await secure;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

redirecting.run();
