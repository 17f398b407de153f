// RFC 6455 §4.1: how a client opens a connection, what it asks, and which answers it accepts.
import { once } from 'node:events';
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import * as assert from 'uvu/assert';
import { connect, HandshakeError, type ConnectOptions } from '../../src/index.js';
import { certificate, privateKey } from '../support/certificate.js';
import { hex } from '../support/codec/cuts.js';
import { RawServer, readRequest, switchingProtocols, type RawRequest } from '../support/peers/raw-server.js';
import type { FieldChanges, RawClient } from '../support/peers/raw-client.js';
import { requirements } from './harness.js';

const prove = requirements('4.1 client handshake');

const secure = { key: privateKey, cert: certificate };
const trusting = { ca: certificate };

/** What `connect` rejects with. */
async function refusalOf(attempt: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  return await attempt.then(() => assert.unreachable('it was accepted') as never, (error: Error) => error);
}

/** The request that a client with these options sends for that path, and the connection opened by it. */
async function requestOf(path: string, options: ConnectOptions = {}): Promise<RawRequest> {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}${path}`, options);
  const { peer, request } = await server.acceptUpgrade();
  await endCleanly(peer, attempt);
  return request;
}

/** Closes an opened connection; what the client has sent since its request must be its Close frame alone. */
async function endCleanly(peer: RawClient, attempt: ReturnType<typeof connect>): Promise<void> {
  const connection = await attempt;
  peer.write(hex('88 00'));
  const answer = await peer.readBytes(6);
  assert.is(answer.subarray(0, 2).toString('hex'), '8880');
  peer.socket.end();
  assert.is((await peer.readToEnd()).length, 0);
  assert.equal(await connection.closed, { code: 1005, reason: '', wasClean: true });
}

/** Gives a client that answer, written for its key, and returns why it refused; it must close without a frame. */
async function refusalOfAnswer(answer: (key: string) => string, options?: ConnectOptions): Promise<HandshakeError> {
  await using server = await RawServer.listen();
  const refusal = refusalOf(connect(`ws://127.0.0.1:${server.port}/`, options));
  const peer = await server.accept();
  const { headers } = await readRequest(peer);
  peer.write(answer(headers.get('sec-websocket-key')!));
  assert.is((await peer.readToEnd()).length, 0);
  const error = await refusal;
  assert.instance(error, HandshakeError);
  return error as HandshakeError;
}

async function assertRefused(cases: readonly (readonly [code: string, changes: FieldChanges])[]): Promise<void> {
  for (const [code, changes] of cases) {
    const error = await refusalOfAnswer((key) => switchingProtocols(key, changes));
    assert.is(error.code, code, JSON.stringify(changes));
  }
}

async function assertAccepted(changes: FieldChanges, options?: ConnectOptions): Promise<void> {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/`, options);
  const { peer } = await server.acceptUpgrade(changes);
  await endCleanly(peer, attempt);
}

prove('4.1-1', 'client', 'it connects, asks, reads the answer, and is open', async () => {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/chat`);
  const { peer, request } = await server.acceptUpgrade();
  assert.is(request.requestLine, 'GET /chat HTTP/1.1');
  peer.write(hex('81 05 68656c6c6f'));
  assert.is(await (await attempt).wait(), 'hello');
  await endCleanly(peer, attempt);
});

prove('4.1-2', 'client', 'a URL that is none of a WebSocket is refused before anything is opened', async () => {
  await using server = await RawServer.listen();
  const authority = `127.0.0.1:${server.port}`;
  const urls = [
    `http://${authority}/`, `https://${authority}/`, `ftp://${authority}/`, `//${authority}/`, '/path', '', 'ws:',
    'ws://', 'ws://127.0.0.1:65536/', 'ws://127.0.0.1:http/', 'ws://a b/', 'ws://[::1/',
    `ws://${authority}/#`, `ws://${authority}/#fragment`, `ws://${authority}/?a=b#c`,
  ];
  for (const url of urls) assert.instance(await refusalOf(connect(url)), TypeError, url);
  assert.is(server.count, 0);
});

prove('4.1-6', 'client', 'a proxy is asked for a tunnel, and the handshake goes through it', async () => {
  await using proxy = await RawServer.listen();
  const url = `http://Aladdin:open%20sesame@127.0.0.1:${proxy.port}/`;
  const attempt = connect('ws://example.com/chat', { proxy: url });
  const peer = await proxy.accept();
  const { head } = await readRequest(peer);
  assert.is(
    head,
    'CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n' +
      'Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n',
  );
  assert.is(peer.received.length, 0);
  peer.write('HTTP/1.1 200 Connection established\r\n\r\n');
  const { requestLine, headers } = await readRequest(peer);
  assert.is(requestLine, 'GET /chat HTTP/1.1');
  assert.is(headers.get('host'), 'example.com');
  assert.not(headers.has('proxy-authorization'));
  peer.write(switchingProtocols(headers.get('sec-websocket-key')!));
  await endCleanly(peer, attempt);
});

prove('4.1-7', 'client', 'without the option the connection is direct, whatever the environment says', async () => {
  await using proxy = await RawServer.listen();
  const before = { ...process.env };
  const url = `http://127.0.0.1:${proxy.port}`;
  Object.assign(process.env, { http_proxy: url, HTTP_PROXY: url });
  try {
    assert.is((await requestOf('/')).requestLine, 'GET / HTTP/1.1');
  } finally {
    for (const name of ['http_proxy', 'HTTP_PROXY']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
  assert.is(proxy.count, 0);
});

prove('4.1-8', 'client', 'a port that nobody listens on, and a proxy that refuses, end the attempt', async () => {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  assert.is((await refusalOf(connect(`ws://127.0.0.1:${port}/`))).code, 'ECONNREFUSED');

  await using proxy = await RawServer.listen();
  const refusal = refusalOf(connect('ws://example.com/', { proxy: `http://127.0.0.1:${proxy.port}` }));
  const peer = await proxy.accept();
  await readRequest(peer);
  peer.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
  assert.is((await peer.readToEnd()).length, 0);
  const error = await refusal;
  assert.instance(error, HandshakeError);
  assert.equal([error.code, (error as HandshakeError).status], ['PROXY_REFUSED', 403]);
});

prove('4.1-9', 'client', 'the first bytes of wss: are a TLS handshake', async () => {
  await using server = await RawServer.listen();
  const refusal = refusalOf(connect(`wss://127.0.0.1:${server.port}/`));
  const peer = await server.accept();
  // RFC 8446 §5.1: a handshake record; §4: its message is a ClientHello
  const record = await peer.readBytes(6);
  assert.is(record.subarray(0, 2).toString('hex') + record.subarray(5).toString('hex'), '160301');
  peer.socket.destroy();
  await refusal;
});

prove('4.1-10', 'client', 'a certificate that cannot be verified ends the attempt before a byte of HTTP', async () => {
  await using server = await RawServer.listen({ tls: secure });
  const error = await refusalOf(connect(`wss://localhost:${server.port}/`));
  assert.is(error.code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
  // Neither is one that is trusted, but another host's.
  const elsewhere = { ca: certificate, servername: 'example.com' };
  const other = await refusalOf(connect(`wss://127.0.0.1:${server.port}/`, { tls: elsewhere }));
  assert.is(other.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  for (let left = server.count; left > 0; left--) {
    assert.is((await (await server.accept()).readToEnd()).length, 0);
  }
});

prove('4.1-11', 'client', 'handshake and frames of wss: go through the tunnel', async () => {
  await using server = await RawServer.listen({ tls: secure });
  const attempt = connect(`wss://localhost:${server.port}/secure`, { tls: trusting });
  const { peer, request } = await server.acceptUpgrade();
  assert.is((peer.socket as TLSSocket).encrypted, true);
  assert.is(request.requestLine, 'GET /secure HTTP/1.1');
  const connection = await attempt;
  peer.write(hex('81 05 68656c6c6f'));
  assert.is(await connection.wait(), 'hello');
  await connection.send(Buffer.from([1, 2, 3]));
  const frame = await peer.readFrame();
  assert.equal([frame.opcode, frame.payload.toString('hex')], [2, '010203']);
  await endCleanly(peer, attempt);
});

prove('4.1-12', 'client', 'TLS names the host by Server Name Indication', async () => {
  await using server = await RawServer.listen({ tls: secure });
  const attempt = connect(`wss://localhost:${server.port}/`, { tls: trusting });
  const { peer } = await server.acceptUpgrade();
  assert.is((peer.socket as TLSSocket & { readonly servername: string }).servername, 'localhost');
  await endCleanly(peer, attempt);
});

prove('4.1-13', 'client', 'the request to the byte', async () => {
  const { head, headers } = await requestOf('/chat?a=b', {
    subprotocols: ['chat', 'superchat'],
    origin: 'http://example.com',
    headers: { Cookie: 'a=b' },
  });
  const key = headers.get('sec-websocket-key')!;
  const authority = /^127\.0\.0\.1:[0-9]+$/.exec(headers.get('host')!);
  assert.is(
    head,
    `GET /chat?a=b HTTP/1.1\r\nHost: ${authority}\r\nOrigin: http://example.com\r\nCookie: a=b\r\n` +
      'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: chat, superchat\r\n` +
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n',
  );
});

prove('4.1-14', 'client', 'GET and HTTP/1.1', async () => {
  const { requestLine } = await requestOf('/path');
  assert.is(requestLine.split(' ')[0], 'GET');
  assert.is(requestLine.split(' ')[2], 'HTTP/1.1');
});

prove('4.1-15', 'client', 'the request target is the resource name', async () => {
  const cases = [
    ['', '/'],
    ['/', '/'],
    ['?a=b', '/?a=b'],
    ['/a/b/?c=d&e', '/a/b/?c=d&e'],
    ['/%23%20%C3%A9', '/%23%20%C3%A9'],
    ['/\u00e9 x?\u00e9', '/%C3%A9%20x?%C3%A9'],
  ] as const;
  for (const [path, target] of cases) assert.is((await requestOf(path)).requestLine, `GET ${target} HTTP/1.1`);
});

prove('4.1-16', 'client', 'Host is host and port, without the default port', async () => {
  await using proxy = await RawServer.listen();
  const cases = [
    ['ws://example.com/', 'example.com'],
    ['ws://example.com:80/', 'example.com'],
    ['ws://example.com:8080/', 'example.com:8080'],
    ['ws://EXAMPLE.com:443/', 'example.com:443'],
    ['ws://user:password@example.com/', 'example.com'],
    ['ws://192.0.2.1:81/', '192.0.2.1:81'],
    ['ws://[2001:db8::1]:81/', '[2001:db8::1]:81'],
  ] as const;
  for (const [url, host] of cases) {
    const attempt = connect(url, { proxy: `http://127.0.0.1:${proxy.port}` });
    const peer = await proxy.accept();
    await readRequest(peer);
    peer.write('HTTP/1.1 200 OK\r\n\r\n');
    const { headers } = await readRequest(peer);
    assert.is(headers.get('host'), host);
    peer.write(switchingProtocols(headers.get('sec-websocket-key')!));
    await endCleanly(peer, attempt);
  }
});

prove('4.1-17', 'client', 'Upgrade is websocket', async () => {
  assert.is((await requestOf('/')).headers.get('upgrade'), 'websocket');
});

prove('4.1-18', 'client', 'Connection is Upgrade', async () => {
  assert.is((await requestOf('/')).headers.get('connection'), 'Upgrade');
});

prove('4.1-19', 'client', 'the key is 16 bytes in base64', async () => {
  const key = (await requestOf('/')).headers.get('sec-websocket-key')!;
  assert.match(key, /^[A-Za-z0-9+/]{21}[AQgw]==$/);
  assert.is(Buffer.from(key, 'base64').length, 16);
});

prove('4.1-20', 'client', 'each connection has a key of its own', async () => {
  const keys: Buffer[] = [];
  for (let count = 0; count < 8; count++) {
    keys.push(Buffer.from((await requestOf('/')).headers.get('sec-websocket-key')!, 'base64'));
  }
  assert.is(new Set(keys.map(String)).size, 8);
  // A counter would change few bytes: of eight random values no byte is the same in all, but once in 2^52.
  for (let at = 0; at < 16; at++) assert.ok(new Set(keys.map((key) => key[at])).size > 1, `byte ${at} never changes`);
});

prove('4.1-21', 'client', 'Sec-WebSocket-Version is 13', async () => {
  assert.is((await requestOf('/')).headers.get('sec-websocket-version'), '13');
});

prove('4.1-22', 'client', 'subprotocols are tokens, each once, in order', async () => {
  const { headers } = await requestOf('/', { subprotocols: ['v2.chat', 'chat', "!#$%&'*+-.^_`|~09AZaz"] });
  assert.is(headers.get('sec-websocket-protocol'), "v2.chat, chat, !#$%&'*+-.^_`|~09AZaz");
  assert.not((await requestOf('/', { subprotocols: [] })).headers.has('sec-websocket-protocol'));

  await using server = await RawServer.listen();
  const wrong = [
    [''], ['a', ''], ['a b'], ['a,b'], ['a\t'], ['a\r\nb: c'], ['\u00e9'], ['\u0100'], ['\x7f'], ['a', 'b', 'a'],
    ...[...'()<>@,;:\\"/[]?={} '].map((separator) => [`a${separator}b`]),
  ];
  for (const subprotocols of wrong) {
    const error = await refusalOf(connect(`ws://127.0.0.1:${server.port}/`, { subprotocols }));
    assert.instance(error, TypeError, JSON.stringify(subprotocols));
  }
  assert.is(server.count, 0);
});

prove('4.1-23', 'client', 'nothing is sent between the request and the answer to it', async () => {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/`);
  const peer = await server.accept();
  const { headers } = await readRequest(peer);
  const answer = switchingProtocols(headers.get('sec-websocket-key')!);
  peer.write('HTTP/1.1 103 Early Hints\r\n\r\n');
  peer.write(answer.slice(0, 40));
  assert.is(peer.received.length, 0);
  peer.write(answer.slice(40));
  // All that comes until the end is the answer to a Close frame.
  await endCleanly(peer, attempt);
});

prove('4.1-24', 'client', 'another status than 101 opens nothing and is told with headers and body', async () => {
  const statuses = [200, 204, 301, 400, 401, 403, 404, 426, 500, 503];
  for (const status of statuses) {
    const body = status === 204 ? '' : 'Content-Length: 3\r\n\r\nno\n';
    const error = await refusalOfAnswer(() => `HTTP/1.1 ${status} Reason\r\nX-Why: because\r\n${body || '\r\n'}`);
    assert.is(error.code, 'UNEXPECTED_STATUS');
    assert.equal([error.status, error.headers['x-why'], error.body], [status, 'because', body && 'no\n']);
  }
});

prove('4.1-25', 'client', 'Upgrade must be websocket, in any letter case', async () => {
  await assertRefused([
    ['UPGRADE_NOT_WEBSOCKET', { Upgrade: null }],
    ['UPGRADE_NOT_WEBSOCKET', { Upgrade: '' }],
    ['UPGRADE_NOT_WEBSOCKET', { Upgrade: 'websockets' }],
    ['UPGRADE_NOT_WEBSOCKET', { Upgrade: 'h2c' }],
    ['UPGRADE_NOT_WEBSOCKET', { Upgrade: 'h2c, websocket' }],
    ['UPGRADE_NOT_WEBSOCKET', { upgrade: 'websocket' }],
    // U+212A KELVIN SIGN is no ASCII `k`, though lowercasing makes it one; here as UTF-8.
    ['UPGRADE_NOT_WEBSOCKET', { Upgrade: 'websoc\xe2\x84\xaaet' }],
  ]);
  await assertAccepted({ Upgrade: 'WebSocket' });
  await assertAccepted({ Upgrade: null, UPGRADE: '  WEBSOCKET\t' });
});

prove('4.1-26', 'client', 'Connection must contain Upgrade, in any letter case', async () => {
  await assertRefused([
    ['CONNECTION_NOT_UPGRADE', { Connection: null }],
    ['CONNECTION_NOT_UPGRADE', { Connection: '' }],
    ['CONNECTION_NOT_UPGRADE', { Connection: 'keep-alive' }],
    ['CONNECTION_NOT_UPGRADE', { Connection: 'Upgrade2' }],
    ['CONNECTION_NOT_UPGRADE', { Connection: 'keep-alive Upgrade' }],
  ]);
  await assertAccepted({ Connection: 'upgrade' });
  await assertAccepted({ Connection: 'keep-alive,\tUPGRADE' });
});

prove('4.1-27', 'client', 'Sec-WebSocket-Accept must answer the key', async () => {
  await assertRefused([
    ['ACCEPT_INVALID', { 'Sec-WebSocket-Accept': null }],
    ['ACCEPT_INVALID', { 'Sec-WebSocket-Accept': '' }],
    // Another key's.
    ['ACCEPT_INVALID', { 'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' }],
  ]);
  const wrong: readonly ((right: string, key: string) => string)[] = [
    (right) => right.slice(0, -1),
    (right) => `${right}=`,
    (right) => `"${right}"`,
    (right) => right.toLowerCase(),
    (right) => `${right}, ${right}`,
    (right) => `${right}\r\nSec-WebSocket-Accept: ${right}`,
    (_, key) => key,
  ];
  for (const change of wrong) {
    const error = await refusalOfAnswer((key) => {
      return switchingProtocols(key).replace(/(Accept: )(.*)/, (_, name, right) => name + change(right, key));
    });
    assert.is(error.code, 'ACCEPT_INVALID', String(change));
  }
});

prove('4.1-28', 'client', 'an extension that was not asked for', async () => {
  await assertRefused([
    ['EXTENSION_NOT_OFFERED', { 'Sec-WebSocket-Extensions': 'x-unknown' }],
    ['EXTENSION_NOT_OFFERED', { 'Sec-WebSocket-Extensions': 'x-unknown, permessage-deflate' }],
    ['EXTENSION_INVALID', { 'Sec-WebSocket-Extensions': 'permessage-deflate, x-unknown' }],
    ['EXTENSION_INVALID', { 'Sec-WebSocket-Extensions': 'permessage-deflate; x-unknown' }],
  ]);
});

prove('4.1-29', 'client', 'a subprotocol that was not asked for', async () => {
  await assertRefused([['SUBPROTOCOL_NOT_OFFERED', { 'Sec-WebSocket-Protocol': 'chat' }]]);
  const cases = ['superchat', 'Chat', '', 'chat, chat', 'chat, soap', 'chat;a=b'];
  for (const answer of cases) {
    const error = await refusalOfAnswer((key) => switchingProtocols(key, { 'Sec-WebSocket-Protocol': answer }), {
      subprotocols: ['chat', 'soap'],
    });
    assert.is(error.code, 'SUBPROTOCOL_NOT_OFFERED', answer);
  }
  await assertAccepted({ 'Sec-WebSocket-Protocol': 'soap' }, { subprotocols: ['chat', 'soap'] });
  await assertAccepted({}, { subprotocols: ['chat'] });
});

prove('4.1-30', 'client', 'an answer that is no HTTP, or names what must occur once twice', async () => {
  const line = 'HTTP/1.1 101 Switching Protocols';
  const wrong: readonly (readonly [code: string, change: (answer: string) => string])[] = [
    ['STATUS_LINE_INVALID', (answer) => answer.replace(line, 'HTTP/2.0 101 Switching Protocols')],
    ['STATUS_LINE_INVALID', (answer) => answer.replace(line, 'http/1.1 101 Switching Protocols')],
    ['STATUS_LINE_INVALID', (answer) => answer.replace(line, 'HTTP/1.1 0101 Switching Protocols')],
    ['STATUS_LINE_INVALID', (answer) => answer.replace(line, 'HTTP/1.1 101Switching Protocols')],
    ['STATUS_LINE_INVALID', (answer) => answer.replace(line, 'Switching Protocols')],
    ['STATUS_LINE_INVALID', (answer) => answer.replace(`${line}\r\n`, '')],
    ['LINE_ENDING_INVALID', (answer) => answer.replaceAll('\r\n', '\n')],
    ['HEADER_INVALID', (answer) => answer.replace('Upgrade: ', 'Upgrade : ')],
    ['HEADER_INVALID', (answer) => answer.replace('Upgrade: websocket', 'Upgrade websocket')],
    ['FOLDING_OBSOLETE', (answer) => answer.replace('Upgrade: ', 'Upgrade:\r\n ')],
    ['BYTE_INVALID', (answer) => answer.replace('Upgrade: ', 'X: \0\r\nUpgrade: ')],
    ['SUBPROTOCOL_NOT_OFFERED', (answer) => {
      return answer.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n\r\n');
    }],
  ];
  for (const [code, change] of wrong) {
    const error = await refusalOfAnswer((key) => change(switchingProtocols(key)), { subprotocols: ['chat'] });
    assert.is(error.code, code, String(change));
  }
});

prove.run();
