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

/** What is measured: what `log.mjs` is to do, and how many feeds beside have readers and no news. */
interface Kind {
  readonly kind: string;
  readonly idleFeeds: number;
}

const startRedis = () => RedisServer.start('--save', '');
/** Each feed, and what it is compared with. */
const pairs: readonly (readonly [feed: Kind, other: Kind, start: () => Promise<Broker>])[] = [
  [{ kind: 'redisLog', idleFeeds: 0 }, { kind: 'Redis pub/sub', idleFeeds: 0 }, startRedis],
  [{ kind: 'natsLog', idleFeeds: 0 }, { kind: 'JetStream consumer', idleFeeds: 0 }, () => NatsServer.start()],
  [{ kind: 'redisLog', idleFeeds: 10_000 }, { kind: 'redisLog', idleFeeds: 1000 }, startRedis],
];
const nameOf = ({ kind, idleFeeds }: Kind): string => (idleFeeds > 0 ? `${kind}, ${idleFeeds} idle feeds` : kind);

async function ask(child: ChildProcess, milliseconds: number, inFlight: number): Promise<Measured> {
  child.send({ milliseconds, inFlight });
  return ((await once(child, 'message')) as [Measured])[0];
}

const options = parseBenchOptions({ rounds: 9, milliseconds: 500 });
for (const [feed, other, start] of pairs) {
  if (options.case !== null && !options.case.test(nameOf(feed))) continue;
  await using broker = await start();
  const children = [feed, other].map(({ kind, idleFeeds }) => {
    return fork(benchPath('clients/log.mjs'), [kind, `${broker.port}`, `${idleFeeds}`]);
  });
  const rows: (readonly [string, number, string, number, string])[] = [];
  try {
    await Promise.all(children.map((child) => once(child, 'message')));
    const single: Measured[][] = [[], []];
    const many: Measured[][] = [[], []];
    for (const child of children) await ask(child, WARM_UP_MILLISECONDS, IN_FLIGHT);
    for (let round = 0; round < options.rounds; round++) {
      for (const [index, child] of children.entries()) {
        single[index].push(await ask(child, options.milliseconds, 1));
        many[index].push(await ask(child, options.milliseconds, IN_FLIGHT));
      }
    }
    for (const [index, kind] of [feed, other].entries()) {
      const latencies = single.map((measured) => measured.map(({ p50 }) => p50));
      const costs = many.map((measured) => measured.map(({ cpu }) => cpu));
      rows.push([
        nameOf(kind), Math.round(median(latencies[index])), formatRatio(ratio(latencies[0], latencies[index])),
        Number(median(costs[index]).toFixed(1)), formatRatio(ratio(costs[0], costs[index])),
      ]);
    }
  } finally {
    for (const child of children) child.disconnect();
  }
  console.log('');
  printTable(['', 'µs to be delivered, p50', 'feed ÷ this', `µs of CPU, ${IN_FLIGHT} in flight`, 'feed ÷ this'], rows);
}
