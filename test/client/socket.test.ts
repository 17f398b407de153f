// The stream under a handshake: addresses of URLs, TLS, and proxies by CONNECT (RFC 9110 §9.3.6).
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectNet } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { connect, type ConnectOptions } from '../../src/client/connect.js';
import { addressOf } from '../../src/client/socket.js';
import { HandshakeError, TimeoutError } from '../../src/errors.js';
import { createServer } from '../../src/server/server.js';
import { requireWebSocket, type WebSocketRoute } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { serve } from '../server/harness.js';
import { certificate, privateKey } from '../support/certificate.js';
import { Clock } from '../support/clock.js';
import { RawServer } from '../support/peers/raw-server.js';
import { acceptUpgrade, assertEnded, assertRefused, echo, failure, readRequest } from './harness.js';

const TLS = { key: privateKey, cert: certificate };
const TRUST = { tls: { ca: certificate } };

/** The test says when it is over. */
const TIMEOUT = 3_600_001;

const parsing = suite('client/socket: URLs');

const addresses: [url: string, host: string, port: number][] = [
  ['ws://a/', 'a', 80],
  ['wss://a/', 'a', 443],
  ['ws://a:443/', 'a', 443],
  ['wss://a:80/', 'a', 80],
  ['http://a/', 'a', 80],
  ['https://a/', 'a', 443],
  ['ws://127.1:1/', '127.0.0.1', 1],
  ['ws://[::1]/', '::1', 80],
  ['wss://[2001:DB8::0:1]:65535/', '2001:db8::1', 65_535],
];
for (const [url, host, port] of addresses) {
  parsing(`§3: ${url} is at ${host} port ${port}`, () => assert.equal(addressOf(new URL(url)), { host, port }));
}

parsing.run();

const tunnelling = suite('client/socket: a proxy');

const proxied: [name: string, url: string, proxy: (port: number) => string, head: string][] = [
  ['ws:', 'ws://server.example/chat', (port) => `http://127.0.0.1:${port}`,
    'CONNECT server.example:80 HTTP/1.1\r\nHost: server.example:80\r\n\r\n'],
  ['another port', 'ws://server.example:8080/', (port) => `http://127.0.0.1:${port}/`,
    'CONNECT server.example:8080 HTTP/1.1\r\nHost: server.example:8080\r\n\r\n'],
  ['wss:', 'wss://server.example/', (port) => `http://127.0.0.1:${port}/ignored`,
    'CONNECT server.example:443 HTTP/1.1\r\nHost: server.example:443\r\n\r\n'],
  ['IPv6', 'ws://[2001:db8::1]/', (port) => `http://127.0.0.1:${port}`,
    'CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n'],
  ['with credentials', 'ws://user:secret@a/', (port) => `http://Aladdin:open%20sesame@127.0.0.1:${port}`,
    // The example of RFC 7617 §2. The server's own credentials are none of the proxy's business.
    'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n'],
];
for (const [name, url, proxy, head] of proxied) {
  tunnelling(`the bytes of CONNECT: ${name}`, async () => {
    await using server = await RawServer.listen();
    const attempt = assertRefused(connect(url, { proxy: proxy(server.port) }), 'PROXY_REFUSED', 403);
    const peer = await server.accept();
    assert.is((await readRequest(peer)).head, head);
    assert.is(peer.received.length, 0, 'nothing is sent before the tunnel is open');
    peer.write('HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n');
    await attempt;
    await assertEnded(peer);
  });
}

for (const status of [200, 204, 299]) {
  tunnelling(`ws: through a tunnel that was opened with ${status}`, async () => {
    await using server = await RawServer.listen();
    const connecting = connect('ws://user:secret@a/chat', { proxy: new URL(server.url.replace('ws', 'http')) });
    const peer = await server.accept();
    await readRequest(peer);
    // RFC 9110 §9.3.6: Content-Length of such an answer is ignored.
    peer.write(`HTTP/1.1 100\r\n\r\nHTTP/1.1 ${status} Connection established\r\nContent-Length: 5\r\n\r\n`);
    const { line, fields } = await acceptUpgrade(peer);
    assert.equal([line, fields.get('Host')], ['GET /chat HTTP/1.1', 'a']);
    assert.is(fields.get('Authorization'), 'Basic dXNlcjpzZWNyZXQ=');
    assert.is(fields.get('Proxy-Authorization'), undefined);
    const connection = await connecting;
    peer.write('\x81\x02hi');
    assert.is(await connection.wait(), 'hi');
    await connection.send('ho');
    assert.is((await peer.readFrame()).payload.toString(), 'ho');
    connection.terminate();
    await connection.closed;
  });
}

const refusals: [name: string, answer: string, code: string, status: number][] = [
  ['407', 'HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nabc', 'PROXY_REFUSED', 407],
  ['502 without its body', 'HTTP/1.1 502 x\r\nContent-Length: 3\r\n\r\n', 'PROXY_REFUSED', 502],
  ['a redirect', 'HTTP/1.1 302 x\r\nLocation: http://a/\r\n\r\n', 'PROXY_REFUSED', 302],
  ['101', 'HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n', 'PROXY_REFUSED', 101],
  ['bytes behind its 200', 'HTTP/1.1 200 x\r\n\r\nHTTP/1.1 101 x\r\n', 'PROXY_REFUSED', 200],
  ['garbage', 'SSH-2.0-x\r\n\r\n', 'STATUS_LINE_INVALID', 0],
  ['a head without end', 'a'.repeat(20_000), 'START_LINE_TOO_LONG', 0],
];
for (const scheme of ['ws', 'wss']) {
  for (const [name, answer, code, status] of refusals) {
    tunnelling(`${scheme}: through a proxy that answers ${name}: ${code}`, async () => {
      await using server = await RawServer.listen();
      const proxy = server.url.replace('ws', 'http');
      const attempt = assertRefused(connect(`${scheme}://a/`, { proxy, redirects: 5 }), code, status);
      const peer = await server.accept();
      await readRequest(peer);
      peer.socket.end(answer, 'latin1');
      const { headers, body } = await attempt;
      if (status === 407) assert.is(headers['proxy-authenticate'], 'Basic');
      assert.is(body, status === 407 ? 'abc' : '');
      await assertEnded(peer);
      assert.is(server.count, 1);
    });
  }
}

tunnelling('a proxy that ends, resets, is silent or not there', async () => {
  await using server = await RawServer.listen();
  const proxy = server.url.replace('ws', 'http');
  const ended = assertRefused(connect('ws://a/', { proxy }), 'CONNECTION_LOST', 0);
  (await server.accept()).socket.end('HTTP/1.1 2');
  await ended;
  const reset = failure(connect('ws://a/', { proxy }));
  const peer = await server.accept();
  await readRequest(peer);
  peer.socket.resetAndDestroy();
  assert.is((await reset as NodeJS.ErrnoException).code, 'ECONNRESET');
  using clock = new Clock(TIMEOUT);
  const silent = failure(connect('ws://a/', { proxy, timeout: TIMEOUT }));
  const silentPeer = await server.accept();
  await readRequest(silentPeer);
  clock.advance(TIMEOUT);
  assert.instance(await silent, TimeoutError);
  await assertEnded(silentPeer);
  await server[Symbol.asyncDispose]();
  assert.is((await failure(connect('ws://a/', { proxy })) as NodeJS.ErrnoException).code, 'ECONNREFUSED');
});

/** Opens the tunnel that the next connection asks for, to that port of the loopback interface. */
async function tunnelNext(proxy: RawServer, port: number): Promise<string> {
  const peer = await proxy.accept();
  const { line } = await readRequest(peer);
  const onward = connectNet({ port, host: '127.0.0.1' });
  await once(onward, 'connect');
  for (const socket of [peer.socket, onward]) socket.on('error', () => {});
  peer.write('HTTP/1.1 200 x\r\n\r\n');
  onward.on('data', (bytes) => peer.socket.write(bytes)).on('close', () => peer.socket.destroy());
  peer.socket.on('data', (bytes) => onward.write(bytes)).on('close', () => onward.destroy());
  return line;
}

for (const scheme of ['ws', 'wss']) {
  tunnelling(`${scheme}: through a real tunnel to a server of ours`, async () => {
    await using served = await serve({ '/echo/': echo }, scheme === 'wss' ? { tls: TLS } : {});
    await using proxy = await RawServer.listen();
    const url = `${scheme}://localhost:${served.port}/echo/`;
    const connecting = connect(url, { proxy: proxy.url.replace('ws', 'http'), ...TRUST });
    assert.is(await tunnelNext(proxy, served.port), `CONNECT localhost:${served.port} HTTP/1.1`);
    const connection = await connecting;
    const message = Buffer.alloc(300_000, 'tunnel');
    await connection.send(message);
    assert.equal(await connection.wait(), message);
    assert.equal(await connection.close(), { code: 1000, reason: '', wasClean: true });
  });
}

tunnelling('RFC 9110 §15.4: a redirect from ws: to wss: of the same host drops Authorization and Cookie', async () => {
  await using proxy = await RawServer.listen();
  await using plain = await RawServer.listen();
  await using secure = await RawServer.listen({ tls: TLS });
  const connecting = connect('ws://a:b@localhost/', {
    proxy: proxy.url.replace('ws', 'http'), redirects: 1, headers: { Cookie: 'a=secret', 'X-Other': 'kept' }, ...TRUST,
  });
  assert.is(await tunnelNext(proxy, plain.port), 'CONNECT localhost:80 HTTP/1.1');
  const first = await plain.accept();
  const asked = await readRequest(first);
  assert.equal([asked.fields.get('Authorization'), asked.fields.get('Cookie')], ['Basic YTpi', 'a=secret']);
  first.write('HTTP/1.1 301 x\r\nLocation: wss://localhost/\r\nContent-Length: 0\r\n\r\n');
  assert.is(await tunnelNext(proxy, secure.port), 'CONNECT localhost:443 HTTP/1.1');
  const { fields } = await acceptUpgrade(await secure.accept());
  assert.equal([fields.get('Authorization'), fields.get('Cookie')], [undefined, undefined]);
  assert.equal([fields.get('Host'), fields.get('X-Other')], ['localhost', 'kept']);
  const connection = await connecting;
  connection.terminate();
  await connection.closed;
});

tunnelling('a redirect goes through the proxy too', async () => {
  await using proxy = await RawServer.listen();
  const connecting = connect('ws://a/', { proxy: proxy.url.replace('ws', 'http'), redirects: 1 });
  const first = await proxy.accept();
  assert.match((await readRequest(first)).line, 'CONNECT a:80 ');
  first.write('HTTP/1.1 200\r\n\r\n');
  await readRequest(first);
  first.write('HTTP/1.1 308 x\r\nLocation: http://b:81/c\r\nContent-Length: 0\r\n\r\n');
  const second = await proxy.accept();
  assert.match((await readRequest(second)).line, 'CONNECT b:81 ');
  second.write('HTTP/1.1 200\r\n\r\n');
  assert.is((await acceptUpgrade(second)).line, 'GET /c HTTP/1.1');
  const connection = await connecting;
  connection.terminate();
  await connection.closed;
});

tunnelling.run();

const securing = suite('client/socket: TLS');

securing('wss: by address and by name', async () => {
  await using served = await serve({ '/echo/': echo }, { tls: TLS });
  for (const host of ['127.0.0.1', 'localhost']) {
    await using connection = await connect(`wss://${host}:${served.port}/echo/`, TRUST);
    await connection.send('secret');
    assert.is(await connection.wait(), 'secret');
    assert.is(connection.remoteAddress, '127.0.0.1');
  }
});

securing('wss: over a Unix socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  try {
    const socketPath = join(folder, 'socket');
    const server = createServer({ tls: TLS });
    server.route('/echo/', echo);
    await server.listen(socketPath);
    {
      await using connection = await connect('wss://localhost/echo/', { socketPath, ...TRUST });
      await connection.send('secret');
      assert.is(await connection.wait(), 'secret');
    }
    await server.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const untrusted: [name: string, host: string, options: ConnectOptions, code: string][] = [
  ['a certificate that nobody knows', 'localhost', {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['a certificate for another name', 'localhost', { tls: { ca: certificate, servername: 'example.com' } },
    'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['a certificate for another address', '127.0.0.2', TRUST, 'ERR_TLS_CERT_ALTNAME_INVALID'],
];
for (const [name, host, options, code] of untrusted) {
  securing(`${name} is refused, and the server lives`, async () => {
    const served = createServer({ tls: TLS });
    served.route('/echo/', echo);
    await served.listen(0, '0.0.0.0');
    const { port } = served.address() as { port: number };
    assert.is((await failure(connect(`wss://${host}:${port}/echo/`, options)) as NodeJS.ErrnoException).code, code);
    {
      await using connection = await connect(`wss://127.0.0.1:${port}/echo/`, TRUST);
      await connection.send('alive');
      assert.is(await connection.wait(), 'alive');
    }
    await served.close();
  });
}

securing('rejectUnauthorized: false trusts anybody', async () => {
  await using served = await serve({ '/echo/': echo }, { tls: TLS });
  const url = `wss://localhost:${served.port}/echo/`;
  await using connection = await connect(url, { tls: { rejectUnauthorized: false } });
  await connection.send('a');
  assert.is(await connection.wait(), 'a');
});

securing('options that tls.connect refuses leave no socket behind', async () => {
  await using server = await RawServer.listen();
  const url = server.url.replace('ws', 'wss');
  const error = await failure(connect(url, { tls: { minVersion: 'TLSv9' as 'TLSv1.3' } }));
  assert.is(error.name, 'TypeError');
  await assertEnded(await server.accept());
});

securing('the options cannot lead elsewhere', async () => {
  await using served = await serve({ '/echo/': echo }, { tls: TLS });
  await using other = await RawServer.listen();
  const elsewhere = { ...TRUST.tls, host: '127.0.0.2', port: other.port, path: '/nowhere' };
  await using connection = await connect(`wss://127.0.0.1:${served.port}/echo/`, { tls: elsewhere });
  assert.is(connection.remoteAddress, '127.0.0.1');
  assert.is(other.count, 0);
});

securing('wss: to a server without TLS', async () => {
  await using served = await serve({ '/echo/': echo });
  const error = await failure(connect(`wss://127.0.0.1:${served.port}/echo/`, TRUST)) as NodeJS.ErrnoException;
  // The first is of newer versions of Node.
  assert.ok(['ERR_SSL_WRONG_VERSION_NUMBER', 'EPROTO'].includes(error.code!), error.code);
  await served.assertWorking();
});

securing('a server that is silent in the TLS handshake, ends it, or resets', async () => {
  await using server = await RawServer.listen();
  const url = server.url.replace('ws', 'wss');
  using clock = new Clock(TIMEOUT);
  const silent = failure(connect(url, { timeout: TIMEOUT }));
  const peer = await server.accept();
  assert.is((await peer.readBytes(1))[0], 0x16, 'a ClientHello came');
  clock.advance(TIMEOUT);
  assert.instance(await silent, TimeoutError);
  await peer.readToEnd();
  const ended = failure(connect(url));
  const endingPeer = await server.accept();
  endingPeer.socket.end();
  assert.ok(['CONNECTION_LOST', 'ECONNRESET'].includes((await ended as NodeJS.ErrnoException).code!));
  const reset = failure(connect(url));
  const other = await server.accept();
  await other.readBytes(1);
  other.socket.resetAndDestroy();
  assert.is((await reset as NodeJS.ErrnoException).code, 'ECONNRESET');
  const controller = new AbortController();
  const aborted = failure(connect(url, { signal: controller.signal }));
  const last = await server.accept();
  await last.readBytes(1);
  controller.abort();
  assert.is((await aborted).name, 'AbortError');
  await last.readToEnd();
});

securing('a redirect from wss: to ws: is refused, to wss: it is followed', async () => {
  const to = (Location: string): WebSocketRoute => requireWebSocket(() => {}, {
    authorize({ headers }) {
      const location = Location.replace('HOST', headers.get('host')!);
      throw new HandshakeError('MOVED', 302, 'this has moved', { headers: { Location: location } });
    },
  });
  await using served = await serve({
    '/echo/': echo,
    '/down/': to('ws://HOST/echo/'),
    '/down-http/': to('http://HOST/echo/'),
    '/relative/': to('/echo/'),
    '/https/': to('https://HOST/echo/'),
  }, { tls: TLS });
  const base = `wss://localhost:${served.port}`;
  for (const path of ['/down/', '/down-http/']) {
    await assertRefused(connect(base + path, { redirects: 5, ...TRUST }), 'REDIRECT_INSECURE', 302);
  }
  for (const path of ['/relative/', '/https/']) {
    await using connection = await connect(base + path, { redirects: 1, ...TRUST });
    await connection.send(path);
    assert.is(await connection.wait(), path);
  }
});

securing('a redirect from ws: to wss:', async () => {
  await using served = await serve({ '/echo/': echo }, { tls: TLS });
  await using server = await RawServer.listen();
  const connecting = connect(server.url, { redirects: 1, ...TRUST });
  const peer = await server.accept();
  await readRequest(peer);
  peer.write(`HTTP/1.1 301 x\r\nLocation: https://localhost:${served.port}/echo/\r\nContent-Length: 0\r\n\r\n`);
  await using connection = await connecting;
  await connection.send('up');
  assert.is(await connection.wait(), 'up');
});

securing.run();
