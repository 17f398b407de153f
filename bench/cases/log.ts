// What does a feed with a log cost beside the broker's client alone? One message at a time, and many in flight.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Broker } from '../../test/interop/broker.js';
import { NatsServer } from '../../test/interop/nats-server.js';
import { RedisServer } from '../../test/interop/redis-server.js';
import { parseBenchOptions } from '../harness/options.js';
import { formatRatio, median, ratio } from '../harness/statistics.js';
import { benchPath } from '../packages.js';
import { printTable } from '../report/results.js';

/** What `bench/clients/log.mjs` answers. */
interface Measured {
  /** The median latency, in microseconds. */
  readonly p50: number;
  /** Microseconds of CPU of the process that publishes and reads, for each message. */
  readonly cpu: number;
}

const IN_FLIGHT = 64;
const WARM_UP_MILLISECONDS = 1000;

/** Each feed, and what the client does without it. */
const pairs: readonly (readonly [feed: string, raw: string, start: () => Promise<Broker>])[] = [
  ['redisLog', 'Redis pub/sub', () => RedisServer.start('--save', '')],
  ['natsLog', 'JetStream consumer', () => NatsServer.start()],
];

async function ask(child: ChildProcess, milliseconds: number, inFlight: number): Promise<Measured> {
  child.send({ milliseconds, inFlight });
  return ((await once(child, 'message')) as [Measured])[0];
}

const options = parseBenchOptions({ rounds: 9, milliseconds: 500 });
for (const [feed, raw, start] of pairs) {
  if (options.case !== null && !options.case.test(feed)) continue;
  await using broker = await start();
  const children = [feed, raw].map((kind) => fork(benchPath('clients/log.mjs'), [kind, `${broker.port}`]));
  const rows: (readonly [string, number, string, number, string])[] = [];
  try {
    for (const child of children) await once(child, 'message');
    const single: Measured[][] = [[], []];
    const many: Measured[][] = [[], []];
    for (const child of children) await ask(child, WARM_UP_MILLISECONDS, IN_FLIGHT);
    for (let round = 0; round < options.rounds; round++) {
      for (const [index, child] of children.entries()) {
        single[index].push(await ask(child, options.milliseconds, 1));
        many[index].push(await ask(child, options.milliseconds, IN_FLIGHT));
      }
    }
    for (const [index, name] of [feed, raw].entries()) {
      const latencies = single.map((measured) => measured.map(({ p50 }) => p50));
      const costs = many.map((measured) => measured.map(({ cpu }) => cpu));
      rows.push([
        name, Math.round(median(latencies[index])), formatRatio(ratio(latencies[0], latencies[index])),
        Number(median(costs[index]).toFixed(1)), formatRatio(ratio(costs[0], costs[index])),
      ]);
    }
  } finally {
    for (const child of children) child.disconnect();
  }
  console.log('');
  printTable(['', 'µs to be delivered, p50', 'feed ÷ this', `µs of CPU, ${IN_FLIGHT} in flight`, 'feed ÷ this'], rows);
}
