// What does it cost to tell everyone? One connection asks, the server sends to all, one or sixteen messages per tick.
import { duel, type Outcome } from '../harness/duel.js';
import { parseBenchOptions } from '../harness/options.js';
import { printOutcomes, saveOutcomes } from '../report/results.js';

const options = parseBenchOptions({ milliseconds: 500, runtimes: 'any' });
// The style matters to the connection that asks only.
const peers = options.peers.filter(({ style }) => style === undefined || style === 'for await');
const sizes = options.all ? [100, 1000, 10_000] : [100, 1000];
const results: { name: string; outcomes: Outcome[] }[] = [];
for (const connections of sizes) {
  for (const perTick of [1, 16]) {
    const name = `to ${connections}, ${perTick} per tick`;
    if (options.case !== null && !options.case.test(name)) continue;
    const outcomes = await duel(peers, {
      ...options,
      server: { role: 'broadcast' },
      load: (port, { isBare }) => ({ kind: 'broadcast', port, isBare, connections, perTick }),
    });
    results.push({ name, outcomes });
    printOutcomes(name, outcomes, 'delivery');
  }
}
saveOutcomes('broadcast', results, options.runtimes);
