// A feed on two processes with a real Redis, while both processes and Redis are killed: every reader, over each of the
// four transports, has every update once and in order.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { createFeed, follow, type Transport } from '../../src/index.js';
import { redisLog } from '../../src/feed/redis.js';
import { suite } from '../runner/suite.js';
import { clients } from './redis-clients.js';
import { RedisServer } from './redis-server.js';

const TRANSPORTS: readonly Transport[] = ['websocket', 'streaming', 'long-polling', 'polling'];
const READERS_PER_TRANSPORT = 3;
const UPDATES = 400;
/** With how many updates published something is killed. */
const KILLINGS = { first: 100, redis: 200, second: 300 };

class Node implements AsyncDisposable {
  port = 0;
  readonly #redisPort: number;
  #process!: ChildProcess;

  constructor(redisPort: number) {
    this.#redisPort = redisPort;
  }

  /** Starts it, again on the same port. */
  async start(): Promise<void> {
    const file = fileURLToPath(new URL('feed-server.js', import.meta.url));
    this.#process = fork(file, [String(this.port), String(this.#redisPort)]);
    const [address] = (await once(this.#process, 'message')) as [AddressInfo];
    this.port = address.port;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

const chaos = suite('feed: chaos', { timeout: 120_000 });

chaos('every reader has every update once and in order, whatever is killed', async () => {
  await using redis = await RedisServer.start();
  await using first = new Node(redis.port);
  await using second = new Node(redis.port);
  await Promise.all([first.start(), second.start()]);
  await using publisher = await clients['redis']!(redis.port);
  const feed = createFeed<number>({ log: redisLog(publisher.client, 'feed') });

  const read = async (transport: Transport, start: number): Promise<string> => {
    const seen: string[] = [];
    let attempts = start;
    // Each attempt is at the other node: a reader moves with its place.
    const url = (): string => `http://127.0.0.1:${[first, second][attempts++ % 2]!.port}/feed`;
    const options = { transports: [transport], minDelay: 10, maxDelay: 100, interval: 20 };
    for await (const { value, missed } of follow<number>(url, options)) {
      seen.push(missed === undefined ? String(value) : `${value} missed ${missed}`);
      if (value === UPDATES) break;
    }
    assert.ok(attempts > start + 1, `the ${transport} of a reader was never cut`);
    return seen.join(' ');
  };
  const readers = TRANSPORTS.flatMap((transport) =>
    Array.from({ length: READERS_PER_TRANSPORT }, (_, index) => read(transport, index)));

  for (let number = 1; number <= UPDATES; number++) {
    await feed.publish(number);
    if (number === KILLINGS.first) await first.kill().then(() => first.start());
    if (number === KILLINGS.redis) await redis.kill().then(() => redis.run());
    if (number === KILLINGS.second) await second.kill().then(() => second.start());
    if (number % 10 === 0) await sleep(5);
  }
  const all = Array.from({ length: UPDATES }, (_, index) => index + 1).join(' ');
  for (const seen of await Promise.all(readers)) assert.is(seen, all);
});

chaos.run();
