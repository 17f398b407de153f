// AsyncLocalStorage: each handler keeps the context of who has opened its connection, and nothing shared holds any.
import { AsyncLocalStorage } from 'node:async_hooks';
import * as assert from 'uvu/assert';
import { createFeed } from '../../src/feed/feed.js';
import type { Log } from '../../src/feed/log.js';
import { MemoryLog } from '../../src/feed/memory-log.js';
import { createServer } from '../../src/server/server.js';
import { requireWebSocket } from '../../src/server/websocket.js';
import { inNoContext } from '../../src/stream/no-context.js';
import { suite } from '../runner/suite.js';

const test = suite('async contexts');
const storage = new AsyncLocalStorage<string>();

test('what is started in none runs in none, and its caller stays in its own', async () => {
  await storage.run('one', async () => {
    const seen = new Promise((resolve) => {
      const timer = inNoContext(() => setTimeout(() => resolve(storage.getStore()), 0));
      assert.is(typeof timer, 'object');
    });
    assert.is(storage.getStore(), 'one');
    assert.is(await seen, undefined);
    assert.is(storage.getStore(), 'one');
  });
});

test('a handler keeps the context of who has opened its connection, through messages, timers and the end', async () => {
  const server = createServer({ keepAliveInterval: 1 });
  const seen: Record<string, (string | undefined)[]> = { one: [], two: [], three: [] };
  server.route('/:name', requireWebSocket(async ({ webSocket, params }) => {
    const list = seen[params['name']!]!;
    list.push(storage.getStore());
    for await (const message of webSocket) {
      list.push(storage.getStore());
      await webSocket.send(message);
      await webSocket.ping();
      list.push(storage.getStore());
    }
    list.push(storage.getStore());
  }));
  const names = Object.keys(seen);
  const sockets = await Promise.all(names.map((name) => storage.run(name, () => server.inject(`/${name}`))));
  // All are written to in one turn, and answered from another context than that of any of them.
  for (const round of ['a', 'b']) {
    for (const socket of sockets) void socket.send(round);
    for (const socket of sockets) assert.is(await socket.wait(), round);
  }
  await Promise.all(sockets.map((socket) => socket.close()));
  await server.close();
  for (const name of names) assert.equal(seen[name], Array.from({ length: 6 }, () => name));
});

test('the log of a feed is watched in no context', async () => {
  const log = new MemoryLog<string>(10, 'a');
  const seen: unknown[] = [];
  const watched: Log<string> = {
    append: (value) => log.append(value),
    read: (place, limit) => Promise.resolve(log.read(place, limit)),
    watch: (take) => {
      seen.push(storage.getStore());
      return log.watch(take);
    },
  };
  const feed = createFeed({ log: watched });
  await storage.run('the first reader', () => feed.after('now', { wait: 1 }));
  feed.end();
  assert.equal(seen, [undefined]);
});

test.run();
