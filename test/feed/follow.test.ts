// The reader in Node.js: over the client's WebSocket, with headers, through a restart of the server.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { createFeed } from '../../src/feed/feed.js';
import { follow } from '../../src/feed/follow.js';
import { serveFeed } from '../../src/feed/serve-feed.js';
import { createServer } from '../../src/server/server.js';
import type { Request } from '../../src/server/request.js';
import { suite } from '../runner/suite.js';
import { serve, until } from '../server/harness.js';
import { feedOf } from './harness.js';

const test = suite('follow');

test('a WebSocket with headers, which ends with the iteration', async () => {
  const feed = feedOf(1);
  const tokens: (string | null)[] = [];
  await using served = await serve({
    '/feed': serveFeed(feed, { authorize: ({ headers }: Request) => tokens.push(headers.get('token')) }),
  });
  const url = `http://127.0.0.1:${served.port}/feed`;
  for await (const { value } of follow<string>(url, { headers: { Token: 'x' }, transports: ['websocket'] })) {
    assert.is(value, '1');
    assert.is(served.server.connections.size, 1);
    break;
  }
  await until('it is closed', () => served.server.connections.size === 0);
  assert.equal(tokens, ['x']);
});

test('a URL of WebSocket will do, for every transport', async () => {
  await using served = await serve({ '/feed': serveFeed(feedOf(1)) });
  for (const transport of ['websocket', 'streaming', 'long-polling', 'polling'] as const) {
    const updates = follow<string>(`ws://127.0.0.1:${served.port}/feed`, { transports: [transport] });
    assert.is((await updates.next()).value!.value, '1', transport);
    await updates.return();
  }
});

test('what is no URL is told at once, and not tried again', async () => {
  const states: string[] = [];
  const updates = follow('/feed', { onChange: ({ state }) => states.push(state) });
  await rejects(updates.next(), { name: 'TypeError' });
  assert.equal(states, ['closed']);
});

test('an abort cuts the WebSocket', async () => {
  await using served = await serve({ '/feed': serveFeed(feedOf(1)) });
  const controller = new AbortController();
  const updates = follow(`http://127.0.0.1:${served.port}/feed`, { signal: controller.signal });
  await updates.next();
  controller.abort(new Error('enough'));
  await rejects(updates.next(), /enough/);
  await until('it is closed', () => served.server.connections.size === 0);
});

test('after a restart with an empty log it is told that it may have missed some', async () => {
  const start = async (port: number, ...values: string[]) => {
    const feed = createFeed<string>();
    for (const value of values) void feed.publish(value);
    const server = createServer();
    server.route('/feed', serveFeed(feed));
    await server.listen(port, '127.0.0.1');
    return { server, port: (server.address() as { port: number }).port };
  };
  const before = await start(0, 'a', 'b');
  const updates = follow<string>(`http://127.0.0.1:${before.port}/feed`, { minDelay: 1, maxDelay: 10 });
  await updates.next();
  await updates.next();
  await before.server.close({ timeout: 0 });
  const after = await start(before.port, 'c', 'd');
  const { value } = await updates.next();
  assert.equal([value!.value, value!.missed], ['c', 'unknown']);
  assert.equal((await updates.next()).value!.value, 'd');
  await updates.return();
  await after.server.close({ timeout: 0 });
});

test.run();
