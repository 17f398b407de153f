// What does an echo cost the client? Messages there and back by every client, with one server, in turn, in one run.
import { ClientProcess } from '../harness/client-process.js';
import { takeTurns, type Contender, type Outcome } from '../harness/duel.js';
import { chooseCases, combine, nameOf, toCase } from '../harness/echo-cases.js';
import { parseBenchOptions } from '../harness/options.js';
import { OTHER_CORE } from '../harness/peer-process.js';
import { findPeers } from '../harness/peers.js';
import { ServerProcess } from '../harness/server-process.js';
import { printOutcomes, saveOutcomes } from '../report/results.js';

/** The least busy where the messages are small and many, so that it isn't the bottleneck. */
const SERVER = 'Bun';

const usual = [
  toCase(1, 1, '32 B', 'binary'),
  toCase(100, 1, '32 B', 'binary'),
  toCase(100, 16, '32 B', 'binary'),
  toCase(1, 16, '16 KiB', 'binary'),
  toCase(100, 1, '16 KiB', 'binary'),
  toCase(1, 1, '1 MiB', 'binary'),
];
const every = combine([1, 100], [1, 16], ['32 B', '16 KiB', '1 MiB'], ['binary']);

const options = parseBenchOptions({ side: 'client', runtimes: 'any' });
const results: { name: string; outcomes: Outcome[] }[] = [];
const echo = findPeers().find(({ name }) => name === SERVER);
if (echo === undefined) throw new Error(`the server of this bench is ${SERVER}: npm ci --prefix bench`);
for (const each of chooseCases(usual, every, options)) {
  const server = await ServerProcess.start(echo, {}, OTHER_CORE);
  const clients: ClientProcess[] = [];
  try {
    for (const peer of options.peers) clients.push(await ClientProcess.start(peer, { port: server.port, ...each }));
    const contenders = clients.map((client): Contender => {
      return { peer: client.peer, server, load: client, run: (milliseconds) => client.run(milliseconds) };
    });
    const outcomes = await takeTurns(contenders, 'client', options);
    results.push({ name: nameOf(each), outcomes });
    printOutcomes(nameOf(each), outcomes, 'message', 'client');
  } finally {
    await Promise.all([server, ...clients].map((each) => each.stop()));
  }
}
saveOutcomes('client', results, options.runtimes);
