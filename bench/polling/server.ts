// The server process of the study: the routes of all transports on one feed, and a publisher that keeps its timetable.
import {
  createServer as createHttpServer, type IncomingMessage, type Server as HttpServer, type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFeed, createServer, type Server } from '../../src/index.js';
import { addTransportRoutes } from '../../src/demo/transports.js';
import { FIRST_NUMBER, makeUpdate, type Setting } from './setting.js';
import { now, sleepUntil } from './clock.js';
import { serveCalls } from './calls.js';

/** Above the longest polling interval, as in front of any polling client. */
const IDLE_TIME = 65_000;
const HOLD_TIME = 25_000;

const feed = createFeed<string>();
while (feed.last < FIRST_NUMBER) feed.publish('null');

let close: () => Promise<void> = async () => {};

/** The same replies by the HTTP server of Node.js. */
function serveByNode(): HttpServer {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://127.0.0.1');
    if (url.pathname === '/latest') {
      const tag = `"${feed.last}"`;
      response.setHeader('Cache-Control', 'no-cache').setHeader('ETag', tag);
      if (request.headers['if-none-match'] === tag) response.writeHead(304).end();
      else send(response, feed.after(feed.last - 1));
      return;
    }
    const after = Number(url.searchParams.get('after'));
    const updates = url.pathname === '/polling' ? feed.after(after) : await feed.wait(after, { timeout: HOLD_TIME });
    response.setHeader('Cache-Control', 'no-store');
    if (updates.length === 0) response.writeHead(204).end();
    else send(response, updates);
  }
  return createHttpServer({ keepAliveTimeout: IDLE_TIME }, (request, response) => void answer(request, response));
}

function send(response: ServerResponse, updates: readonly { number: number; value: string }[]): void {
  const values = updates.map(({ value }) => value).join(',');
  const body = `{"last":${updates.at(-1)!.number},"updates":[${values}]}`;
  response.setHeader('Content-Type', 'application/json').setHeader('Content-Length', Buffer.byteLength(body)).end(body);
}

function serveByUs({ transport }: Setting): Server {
  // A ping to a client that never sends is the same for all intervals: the model adds it.
  const server = createServer({
    idleTimeout: IDLE_TIME, keepAliveInterval: 0, deflate: transport === 'websocket-deflate',
  });
  addTransportRoutes(server, '/', feed);
  return server;
}

/** Starts a server for a setting; `last` is the number of the newest update there is. */
async function open(setting: Setting): Promise<{ port: number; last: number }> {
  if (setting.platform === 'twobyte') {
    const server = serveByUs(setting);
    await server.listen(0, '127.0.0.1');
    close = () => server.close({ timeout: 0 });
    return { port: (server.address() as AddressInfo).port, last: feed.last };
  }
  const server = serveByNode();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, last: feed.last };
}

/** Publishes at each of the times, be it late: a client's delay counts from the timetable. */
async function publish({ first, interval, count, payload }: {
  first: number; interval: number; count: number; payload: number;
}): Promise<void> {
  for (let index = 0; index < count; index++) {
    await sleepUntil(first + index * interval);
    feed.publish(makeUpdate(feed.last + 1, payload));
  }
}

/** The CPU time of this process between two times, user and system, in microseconds. */
async function measureCpu({ from, to }: { from: number; to: number }): Promise<number> {
  await sleepUntil(from);
  const start = process.cpuUsage();
  await sleepUntil(to);
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

/** Bytes of memory that this process holds once its garbage is gone: resident, and of JavaScript with its buffers. */
async function measureMemory(): Promise<{ rss: number; heap: number }> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc!();
    await sleepUntil(now() + 50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

const calls = { open, publish, measureCpu, measureMemory, close: () => close() };
export type ServerCalls = typeof calls;
serveCalls(calls);
