// A feed on two processes with a real Redis or NATS, while both processes and the broker are killed: every reader, over
// each of the four transports, has every update once and in order. If the broker loses its data, every reader is told.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { createFeed, follow, type Transport } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { brokers } from './brokers.js';

const TRANSPORTS: readonly Transport[] = ['websocket', 'streaming', 'long-polling', 'polling'];
const READERS_PER_TRANSPORT = 3;
const UPDATES = 400;
/** With how many updates published something is killed. */
const KILLINGS = { first: 100, broker: 200, second: 300 };

class Node implements AsyncDisposable {
  port = 0;
  readonly #broker: string;
  readonly #brokerPort: number;
  #process!: ChildProcess;

  constructor(broker: string, brokerPort: number) {
    this.#broker = broker;
    this.#brokerPort = brokerPort;
  }

  /** Starts it, again on the same port. */
  async start(): Promise<void> {
    const file = fileURLToPath(new URL('feed-server.js', import.meta.url));
    this.#process = fork(file, [String(this.port), this.#broker, String(this.#brokerPort)]);
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

/** Reads to the last update; each attempt is at the other node: a reader moves with its place. */
async function read(nodes: readonly Node[], transport: Transport, start: number, seen: string[]): Promise<void> {
  let attempts = start;
  const url = (): string => `http://127.0.0.1:${nodes[attempts++ % 2]!.port}/feed`;
  const options = { transports: [transport], minDelay: 10, maxDelay: 100, interval: 20 };
  for await (const { value, missed } of follow<number>(url, options)) {
    seen.push(missed === undefined ? String(value) : `${value} missed ${missed}`);
    if (value === UPDATES) break;
  }
  assert.ok(attempts > start + 1, `the ${transport} of a reader was never cut`);
}

/** The numbers from one to another, as readers see them. */
function numbers(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => index + from).join(' ');
}

for (const [name, { start, open }] of Object.entries(brokers)) {
  const chaos = suite(`feed: chaos with ${name}`, { timeout: 120_000 });

  for (const isLost of [false, true]) {
    const what = isLost ? 'every reader is told, though the broker has lost its data' : 'every reader has every update';
    chaos(`${what}, once and in order, whatever is killed`, async () => {
      await using broker = await start();
      await using first = new Node(name, broker.port);
      await using second = new Node(name, broker.port);
      await Promise.all([first.start(), second.start()]);
      await using publisher = await open(broker.port);
      const feed = createFeed<number>({ log: publisher.log });
      const seen: string[][] = [];
      const readers = TRANSPORTS.flatMap((transport) => Array.from({ length: READERS_PER_TRANSPORT }, (_, index) => {
        return read([first, second], transport, index, seen[seen.push([]) - 1]!);
      }));

      for (let number = 1; number <= UPDATES; number++) {
        await feed.publish(number);
        if (number === KILLINGS.first) await first.kill().then(() => first.start());
        if (number === KILLINGS.second) await second.kill().then(() => second.start());
        if (number === KILLINGS.broker) {
          // What nobody has got would be lost for good.
          while (isLost && seen.some((values) => values.length < number)) await sleep(20);
          await broker.kill();
          await publisher.lost();
          await (isLost ? broker.runEmpty() : broker.run());
        }
        if (number % 10 === 0) await sleep(5);
      }
      await Promise.all(readers);
      const { broker: last } = KILLINGS;
      const expected = isLost
        ? `${numbers(1, last)} ${last + 1} missed unknown ${numbers(last + 2, UPDATES)}`
        : numbers(1, UPDATES);
      for (const values of seen) assert.is(values.join(' '), expected);
    });
  }

  chaos.run();
}
