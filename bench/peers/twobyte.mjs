// This library, or another checkout of it, in three styles of its API, on a port of its own or attached to a server of
// node:http or node:http2.
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { announcement, deflate, keepAliveInterval, ready, role, style, tls } from './options.mjs';

const { broadcast, createFeed, createServer, requireWebSocket, serveFeed } = await import(process.env.TWOBYTE ?? '../../dist/src/index.js');

const echoes = {
  async 'for await'(connection) {
    for await (const message of connection) await connection.send(message);
  },

  async 'wait()'(connection) {
    for (let message; (message = await connection.wait()) !== null; ) await connection.send(message);
  },

  /** Waits only when there is nothing to read, and for room only when there is none. */
  async 'read()'(connection) {
    for (let message; (message = connection.read() ?? (await connection.wait())) !== null; ) {
      const sent = connection.send(message);
      if (connection.bufferedAmount > 65_536) await sent;
    }
  },
};

async function announce(connection) {
  for await (const message of connection) {
    for (let left = Number(message); left > 0; left--) {
      broadcast(server.connections, announcement);
    }
  }
}

async function relay(connection) {
  const [first] = server.connections;
  if (connection === first) return await connection.closed;
  for await (const message of connection) await first.send(message);
}

/** The server that it is attached to; nothing if it listens itself. */
const host = {
  'node:http': () => (tls === undefined ? createHttpServer() : createHttpsServer(tls)),
  'node:http2': () => createHttp2Server(),
}[process.env.DOOR]?.();
const handlers = { echo: echoes[style], broadcast: announce, relay };
const server = createServer({
  maxMessageBytes: 1 << 21,
  deflate: deflate !== undefined && { ...deflate, threshold: 0 },
  ...(tls && !host && { tls }),
  ...(keepAliveInterval && { keepAliveInterval }),
});
if (role === 'feed') {
  const feed = createFeed();
  server.route('/', serveFeed(feed, { start: 'now' }));
  server.route('/publish/', requireWebSocket(async ({ webSocket }) => {
    for await (const message of webSocket) {
      for (let left = Number(message); left > 0; left--) void feed.publish(announcement);
    }
  }));
} else {
  server.route('/', requireWebSocket((request) => handlers[role](request.webSocket)));
}
if (host) {
  server.attach(host);
  host.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => ready(host.address().port));
} else {
  await server.listen(0, '127.0.0.1');
  ready(server.address().port);
}
