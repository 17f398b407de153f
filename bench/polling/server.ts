// The server process of the study: the routes of all transports on one feed, and a publisher that keeps its timetable.
import {
  createServer as createHttpServer, type IncomingMessage, type Server as HttpServer, type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Update } from '../../src/index.js';
import { addTransportRoutes, createNumberedFeed, numberOf } from '../../src/demo/transports.js';
import { FIRST_NUMBER, makeUpdate, type Setting } from './setting.js';
import { now, sleepUntil } from './clock.js';
import { serveCalls } from './calls.js';

/** Above the longest polling interval, as in front of any polling client. */
const IDLE_TIME = 65_000;
const HOLD_TIME = 25_000;

const feed = createNumberedFeed();
/** The number of the newest update. */
let last = 0;
while (last < FIRST_NUMBER) publishNext('null');

function publishNext(text: string): void {
  last++;
  void feed.publish(text);
}

let close: () => Promise<void> = async () => {};

/** The same replies by the HTTP server of Node.js. */
function serveByNode(): HttpServer {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://127.0.0.1');
    if (url.pathname === '/latest') {
      const tag = `"${last}"`;
      response.setHeader('Cache-Control', 'no-cache').setHeader('ETag', tag);
      if (request.headers['if-none-match'] === tag) response.writeHead(304).end();
      else send(response, (await feed.after('latest')).updates);
      return;
    }
    const wait = url.pathname === '/polling' ? 0 : HOLD_TIME;
    const { updates } = await feed.after(`demo-${url.searchParams.get('after')}`, { wait });
    response.setHeader('Cache-Control', 'no-store');
    if (updates.length === 0) response.writeHead(204).end();
    else send(response, updates);
  }
  return createHttpServer({ keepAliveTimeout: IDLE_TIME }, (request, response) => void answer(request, response));
}

function send(response: ServerResponse, updates: readonly Update<string>[]): void {
  const values = updates.map(({ value }) => value).join(',');
  const body = `{"last":${numberOf(updates.at(-1)!)},"updates":[${values}]}`;
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
    return { port: (server.address() as AddressInfo).port, last };
  }
  const server = serveByNode();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, last };
}

/** Publishes at each of the times, be it late: a client's delay counts from the timetable. */
async function publish({ first, interval, count, payload }: {
  first: number; interval: number; count: number; payload: number;
}): Promise<void> {
  for (let index = 0; index < count; index++) {
    await sleepUntil(first + index * interval);
    publishNext(makeUpdate(last + 1, payload));
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
