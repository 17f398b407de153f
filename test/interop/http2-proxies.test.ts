// Through HAProxy and nghttpx, with HTTP/2 (RFC 8441) before the proxy, behind it, or on both sides.
import { connect as connectSession, createServer as createHttp2Server } from 'node:http2';
import * as assert from 'uvu/assert';
import { connect, type ConnectOptions, type Connection, type HandshakeError } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { certificate } from '../support/certificate.js';
import { SessionServer } from '../support/peers/raw-session.js';
import { startExchangeServer } from './exchange-server.js';
import { bytesOf, closeFrames, digest, sizes, texts } from './payloads.js';
import { http2Programs } from './proxy-programs.js';
import { startProxy } from './reverse-proxy.js';

const test = suite('http2 proxies', { timeout: 60_000 });

/** Our server, on a port of HTTP/2 besides its own. */
async function startServer() {
  const exchange = await startExchangeServer();
  const host = new SessionServer(createHttp2Server());
  exchange.server.attach(host.server);
  await host.listen();
  return {
    ...exchange,
    host,
    async [Symbol.asyncDispose](): Promise<void> {
      await exchange[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

for (const [name, programOf] of Object.entries(http2Programs)) {
  for (const [front, backend] of [['h1', 'h2'], ['h2', 'h1'], ['h2', 'h2']] as const) {
    test(`${name}: ${front} before it, ${backend} behind it`, async () => {
      await using server = await startServer();
      await using proxy = await startProxy(programOf(backend), backend === 'h2' ? server.host.port : server.port);
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
      for (const each of server.host.sessions) each.destroy();
      const closes = await Promise.all(server.closes.slice(1));
      assert.equal(closes, closeFrames.map(([code, reason]) => ({ code, reason, wasClean: true })));
      session?.close();
      assert.is(server.host.sessions.size > 0, backend === 'h2');
      assert.equal(server.errors, []);
    });
  }
}

test.run();
