// Through HAProxy and nghttpx, with HTTP/2 (RFC 8441) before the proxy, behind it, or on both sides.
import { connect as connectSession, createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { connect, type ConnectOptions, type Connection, type HandshakeError } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { certificate } from '../support/certificate.js';
import { startExchangeServer } from './exchange-server.js';
import { bytesOf, closeFrames, digest, sizes, texts } from './payloads.js';
import { startProxy, type ProxyProgram } from './reverse-proxy.js';

const test = suite('http2 proxies', { timeout: 60_000 });

/** @param backend which version the proxy speaks with the server */
const programs: Readonly<Record<string, (backend: 'h1' | 'h2') => ProxyProgram>> = {
  HAProxy: (backend) => ({
    path: '/usr/sbin/haproxy',
    package: 'haproxy',
    args: (_, configurationPath) => ['-db', '-f', configurationPath],
    configuration: ({ folder, plainPort, tlsPort, serverPort }) => `
global
  maxconn 64

defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s

frontend public
  bind 127.0.0.1:${plainPort}
  bind 127.0.0.1:${tlsPort} ssl crt ${folder}/certificate.pem alpn h2,http/1.1
  default_backend twobyte

backend twobyte
  server twobyte 127.0.0.1:${serverPort} ${backend === 'h2' ? 'proto h2 ws h2' : ''}
`,
  }),
  nghttpx: (backend) => ({
    path: '/usr/sbin/nghttpx',
    package: 'nghttp2-proxy',
    args: (_, configurationPath) => [`--conf=${configurationPath}`],
    configuration: ({ folder, plainPort, tlsPort, serverPort }) => `
frontend=127.0.0.1,${plainPort};no-tls
frontend=127.0.0.1,${tlsPort}
backend=127.0.0.1,${serverPort};;proto=${backend === 'h2' ? 'h2' : 'http/1.1'}
private-key-file=${folder}/certificate.pem
certificate-file=${folder}/certificate.pem
workers=1
no-ocsp=yes
errorlog-file=/dev/stderr
`,
  }),
};

/** Our server, on a port of HTTP/2 besides its own. */
async function startServer() {
  const exchange = await startExchangeServer();
  const http2Server = createHttp2Server();
  const sessions = new Set<ServerHttp2Session>();
  http2Server.on('session', (session) => void sessions.add(session));
  exchange.server.attach(http2Server);
  await once(http2Server.listen(0, '127.0.0.1'), 'listening');
  return {
    ...exchange,
    port: exchange.port,
    http2Port: (http2Server.address() as AddressInfo).port,
    sessions,
    async [Symbol.asyncDispose](): Promise<void> {
      await exchange[Symbol.asyncDispose]();
      for (const session of sessions) session.destroy();
      await new Promise<unknown>((resolve) => http2Server.close(resolve));
    },
  };
}

for (const [name, programOf] of Object.entries(programs)) {
  for (const [front, backend] of [['h1', 'h2'], ['h2', 'h1'], ['h2', 'h2']] as const) {
    test(`${name}: ${front} before it, ${backend} behind it`, async () => {
      await using server = await startServer();
      await using proxy = await startProxy(programOf(backend), backend === 'h2' ? server.http2Port : server.port);
      const session = front === 'h2'
        ? connectSession(proxy.origins.wss.replace('wss', 'https'), { ca: certificate })
        : undefined;
      const scheme = session === undefined ? 'ws' : 'wss';
      const open = (path: string, options: ConnectOptions = {}): Promise<Connection> => {
        return connect(proxy.origins[scheme] + path, { ...session && { http2: session }, ...options });
      };

      {
        await using connection = await open('/echo/', { subprotocols: ['none', 'chat.v2'] });
        assert.is(connection.subprotocol, 'chat.v2');
        for (const message of [...texts, ...sizes.map(bytesOf)]) {
          await connection.send(message);
          assert.equal(digest((await connection.wait())!), digest(message));
        }
        assert.ok((await connection.ping()) >= 0);
        const refusal = await open('/nowhere/').catch((error: HandshakeError) => error) as HandshakeError;
        assert.equal([refusal.code, refusal.status], ['UNEXPECTED_STATUS', 404]);
      }
      for (const [code, reason] of closeFrames) {
        const connection = await open('/echo/');
        await connection.send('');
        await connection.wait();
        const close = await connection.close(code, reason);
        assert.equal([close.code, close.wasClean], [code, true]);
      }
      for (const [code, reason] of closeFrames) {
        const connection = await open(`/close/?${new URLSearchParams({ code: `${code}`, reason })}`);
        assert.equal(await connection.closed, { code, reason, wasClean: true });
      }
      // nghttpx leaves a stream to the server open when both sides of the WebSocket have ended.
      for (const each of server.sessions) each.destroy();
      const closes = await Promise.all(server.closes.slice(1));
      assert.equal(closes, closeFrames.map(([code, reason]) => ({ code, reason, wasClean: true })));
      session?.close();
      assert.is(server.sessions.size > 0, backend === 'h2');
      assert.equal(server.errors, []);
    });
  }
}

test.run();
