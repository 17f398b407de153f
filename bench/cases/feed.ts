// What does a feed cost that many read by WebSocket, with ids and resuming? Beside `broadcast`, and idle connections.
import { duel, type Outcome } from '../harness/duel.js';
import { LoadProcess } from '../harness/load-process.js';
import { parseBenchOptions } from '../harness/options.js';
import type { Peer, ServerOptions } from '../harness/peers.js';
import { ServerProcess } from '../harness/server-process.js';
import { printOutcomes, printTable, saveOutcomes } from '../report/results.js';

/** Of the larger, two must fit into the 20,000 files of a load generator. */
const SIZES = [1000, 9000];
const SETTLE_MILLISECONDS = 1500;
/** The load takes every byte for a part of a delivery. */
const KEEP_ALIVE_MILLISECONDS = 3_600_000;

const options = parseBenchOptions({ milliseconds: 500, runtimes: 'any Node' });
const peers = options.peers.filter(({ name }) => name === 'twobyte').flatMap((peer): Peer[] => [
  { ...peer, name: 'feed' }, { ...peer, name: 'broadcast' },
]);
const isFeed = ({ name }: Peer): boolean => name === 'feed';
const optionsOf = (peer: Peer): ServerOptions => {
  return { role: isFeed(peer) ? 'feed' : 'broadcast', keepAliveInterval: KEEP_ALIVE_MILLISECONDS };
};

const results: { name: string; outcomes: Outcome[] }[] = [];
for (const connections of SIZES) {
  for (const perTick of [1, 16]) {
    const name = `to ${connections}, ${perTick} per tick`;
    if (options.case !== null && !options.case.test(name)) continue;
    const outcomes = await duel(peers, {
      ...options,
      server: optionsOf,
      load: (port, peer) => ({ kind: 'broadcast', port, connections, perTick, isFeed: isFeed(peer) }),
    });
    results.push({ name, outcomes });
    printOutcomes(name, outcomes, 'delivery');
  }
}
saveOutcomes('feed', results, options.runtimes);

/** Bytes of the heap and of RAM that an idle connection adds. */
async function measureIdle(peer: Peer, connections: number): Promise<[heap: number, resident: number]> {
  const server = await ServerProcess.start(peer, optionsOf(peer));
  const load = new LoadProcess();
  const usage = async (): Promise<[heap: number, resident: number]> => {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS));
    await server.memoryUsage();
    return [(await server.memoryUsage())!.heapUsed, server.resident];
  };
  try {
    const common = { kind: 'broadcast', port: server.port, perTick: 1, isFeed: isFeed(peer) } as const;
    await load.open('first', { ...common, connections: 50 });
    await load.run('first', 500);
    await load.close('first');
    const [heap, resident] = await usage();
    await load.open('all', { ...common, connections });
    const [heapNow, residentNow] = await usage();
    return [(heapNow - heap) / connections, (residentNow - resident) / connections];
  } finally {
    await Promise.all([server.stop(), load.stop()]);
  }
}

if (options.case === null || options.case.test('memory')) {
  const connections = SIZES.at(-1)!;
  const rows: [string, number, number][] = [];
  for (const peer of peers) rows.push([peer.name, ...(await measureIdle(peer, connections))]);
  const [[, heap, resident]] = rows;
  console.log(`${connections} readers that wait, bytes for each\n`);
  const header = ['', 'heap', 'feed ÷ this', 'RAM', 'feed ÷ this'];
  printTable(header, rows.map(([name, itsHeap, itsResident]) => {
    const ratios = [heap / itsHeap, resident / itsResident].map((ratio) => ratio.toFixed(2));
    return [name, Math.round(itsHeap), ratios[0], Math.round(itsResident), ratios[1]];
  }));
}
