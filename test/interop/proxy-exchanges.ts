// What our client and our server do through every reverse proxy, plain and over TLS.
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import * as assert from 'uvu/assert';
import {
  connect, createFeed, serveFeed, type ConnectOptions, type Connection, type HandshakeError,
} from '../../src/index.js';
import { certificate } from '../support/certificate.js';
import type { Suite } from '../runner/suite.js';
import { startExchangeServer, type ExchangeServer } from './exchange-server.js';
import { bytesOf, closeFrames, digest, sizes, texts } from './payloads.js';
import { startProxy, type ProxyProgram, type ReverseProxy } from './reverse-proxy.js';

const schemes = ['ws', 'wss'] as const;

/** Seconds of silence after which the proxy cuts. */
const READ_TIMEOUT = 5;
/** Milliseconds of silence after which an endpoint sends a ping, and again for the pong: enough on a busy machine. */
const KEEP_ALIVE_INTERVAL = 1000;

function open(
  proxy: ReverseProxy,
  scheme: 'ws' | 'wss',
  path: string,
  options: ConnectOptions = {},
): Promise<Connection> {
  return connect(proxy.origins[scheme] + path, { tls: { ca: certificate }, ...options });
}

type Exchange = (proxy: ReverseProxy, scheme: 'ws' | 'wss', server: ExchangeServer) => Promise<void>;

const exchanges = new Map<string, Exchange>();

function add(name: string, exchange: Exchange): void {
  exchanges.set(name, exchange);
}

add('handshake', async (proxy, scheme) => {
  await using connection = await open(proxy, scheme, '/echo/', { subprotocols: ['none', 'chat.v2'] });
  assert.is(connection.subprotocol, 'chat.v2');
  const refusal = await open(proxy, scheme, '/nowhere/').catch((error: HandshakeError) => error) as HandshakeError;
  assert.equal([refusal.code, refusal.status], ['UNEXPECTED_STATUS', 404]);
});

add('messages of all sizes', async (proxy, scheme) => {
  await using connection = await open(proxy, scheme, '/echo/');
  for (const message of [...texts, ...sizes.map(bytesOf)]) {
    await connection.send(message);
    assert.equal(digest((await connection.wait())!), digest(message));
  }
  assert.ok((await connection.ping()) >= 0);
});

add('the client closes', async (proxy, scheme, server) => {
  for (const [code, reason] of closeFrames) {
    const connection = await open(proxy, scheme, '/echo/');
    // The server has accepted it when it echoes.
    await connection.send('');
    await connection.wait();
    const close = await connection.close(code, reason);
    assert.equal([close.code, close.wasClean], [code, true]);
    assert.equal(await server.closes.at(-1), { code, reason, wasClean: true });
  }
});

add('the server closes', async (proxy, scheme) => {
  for (const [code, reason] of closeFrames) {
    const connection = await open(proxy, scheme, `/close/?${new URLSearchParams({ code: `${code}`, reason })}`);
    assert.equal(await connection.closed, { code, reason, wasClean: true });
  }
});

add('an event stream, event by event', async (proxy, scheme, { server }) => {
  const feed = createFeed<string>();
  server.route('/feed/', serveFeed(feed));
  const url = `${proxy.origins[scheme].replace('ws', 'http')}/feed/`;
  const headers = { Accept: 'text/event-stream' };
  const asked = scheme === 'ws' ? http.get(url, { headers }) : https.get(url, { ca: certificate, headers });
  const [response] = (await once(asked, 'response')) as [http.IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  // Each is published when the one before has come: a proxy that gathers them would wait for ever.
  for (const value of ['1', '2', '3']) {
    const id = await feed.publish(value);
    while (!text.endsWith(`id: ${id}\ndata: {"id":"${id}","value":"${value}"}\n\n`)) await once(response, 'data');
  }
  feed.end();
  await once(response, 'end');
  assert.equal([response.statusCode, response.headers['content-type']], [200, 'text/event-stream']);
});

add('the server goes away', async (proxy, scheme, server) => {
  const connection = await open(proxy, scheme, '/echo/');
  await server.server.close();
  assert.equal(await connection.closed, { code: 1001, reason: 'the server is closing', wasClean: true });
  assert.equal(await server.closes.at(-1), { code: 1001, reason: '', wasClean: true });
});
/** Adds the exchanges to a suite, each with a proxy and a server of its own. */
export function addProxyExchanges(test: Suite, program: ProxyProgram): void {
  for (const scheme of schemes) {
    for (const [name, exchange] of exchanges) {
      test(`${scheme}: ${name}`, async () => {
        await using server = await startExchangeServer();
        await using proxy = await startProxy(program, server.port);
        await exchange(proxy, scheme, server);
        assert.equal(server.errors, []);
      });
    }
  }

  test("either side's keep-alive outlasts the proxy's patience, and silence does not", async () => {
    await using silentServer = await startExchangeServer({ keepAliveInterval: 0 });
    await using pingingServer = await startExchangeServer({ keepAliveInterval: KEEP_ALIVE_INTERVAL });
    await using toSilent = await startProxy(program, silentServer.port, READ_TIMEOUT);
    await using toPinging = await startProxy(program, pingingServer.port, READ_TIMEOUT);
    const kept = await Promise.all(schemes.flatMap((scheme) => [
      open(toSilent, scheme, '/echo/', { keepAliveInterval: KEEP_ALIVE_INTERVAL }),
      open(toPinging, scheme, '/echo/', { keepAliveInterval: 0 }),
    ]));

    // The end of the youngest connections says that the others would have been cut by now.
    const silent = await Promise.all(schemes.map((scheme) => {
      return open(toSilent, scheme, '/echo/', { keepAliveInterval: 0 });
    }));
    for (const { closed } of silent) assert.is((await closed).code, 1006);

    for (const connection of kept) {
      await connection.send('after the pause');
      assert.is(await connection.wait(), 'after the pause');
      assert.is((await connection.close()).wasClean, true);
    }
  });
}

/** All of them with one proxy and one server, without TLS. */
export async function performExchanges(program: ProxyProgram): Promise<void> {
  await using server = await startExchangeServer();
  await using proxy = await startProxy(program, server.port);
  for (const exchange of exchanges.values()) await exchange(proxy, 'ws', server);
  assert.equal(server.errors, []);
}
