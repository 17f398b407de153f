// What does permessage-deflate cost the server? CPU, bytes and memory, against ws with the same settings.
import { duel, relate, type Outcome } from '../harness/duel.js';
import { LoadProcess } from '../harness/load-process.js';
import { parseBenchOptions } from '../harness/options.js';
import { identify, resultsOn, titlesOf, type Identity, type Peer } from '../harness/peers.js';
import { ServerProcess } from '../harness/server-process.js';
import { formatRatio } from '../harness/statistics.js';
import { printTable, saveResults, type Cases } from '../report/results.js';

const SIZES = { '64 B': 64, '1 KiB': 1024, '16 KiB': 16_384, '256 KiB': 262_144 };
const CONNECTIONS = 10;

/** So many that what the process has grown by anyway does not count. */
const IDLE_CONNECTIONS = 5000;
const MESSAGES_BEFORE_IDLE = 10;
const SETTLE_MILLISECONDS = 1500;

export interface DeflateMemory extends Identity {
  /** Bytes of RAM for each connection. */
  readonly resident: number;
}

export interface DeflateResults {
  readonly costs: Cases<Outcome>;
  readonly memory: Cases<DeflateMemory>;
}

/** What a connection keeps once it has echoed a few messages. */
async function measureMemory(peer: Peer, contextTakeover: boolean, size: number): Promise<DeflateMemory> {
  const server = await ServerProcess.start(peer, { deflate: { contextTakeover } });
  const load = new LoadProcess();
  const resident = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS));
    await server.memoryUsage();
    await server.memoryUsage();
    return server.resident;
  };
  try {
    const common = { kind: 'deflate', port: server.port, size } as const;
    await load.open('first', { ...common, connections: 50 });
    await load.run('first', 500);
    await load.close('first');
    const before = await resident();
    // Opening them takes one message each.
    await load.open('all', { ...common, connections: IDLE_CONNECTIONS });
    for (let count = 1; count < MESSAGES_BEFORE_IDLE; count++) await load.run('all', 0);
    const bytes = ((await resident()) - before) / IDLE_CONNECTIONS;
    return { ...identify(peer), resident: bytes };
  } finally {
    await Promise.all([server.stop(), load.stop()]);
  }
}

const options = parseBenchOptions({ runtimes: 'any' });
const peers = options.peers.filter(({ name, style }) => name === 'ws' || style === 'for await');
const costs: { name: string; outcomes: Outcome[] }[] = [];
const memory: { name: string; outcomes: DeflateMemory[] }[] = [];

for (const contextTakeover of [true, false]) {
  const context = contextTakeover ? 'context takeover' : 'no context takeover';
  for (const [sizeName, size] of Object.entries(SIZES)) {
    const name = `${sizeName}, ${context}`;
    if (options.case !== null && !options.case.test(name)) continue;
    const outcomes = await duel(peers, {
      ...options,
      server: { deflate: { contextTakeover } },
      load: (port) => ({ kind: 'deflate', port, connections: CONNECTIONS, size }),
    });
    costs.push({ name, outcomes });
  }
  for (const size of [1024, 16_384]) {
    const name = `memory, ${size} B, ${context}`;
    if (options.case !== null && !options.case.test(name)) continue;
    const outcomes: DeflateMemory[] = [];
    for (const peer of peers) outcomes.push(await measureMemory(peer, contextTakeover, size));
    memory.push({ name, outcomes });
  }
}

console.log('An echoed message: inflated, and compressed again\n');
printTable(
  ['message', 'server', 'µs of CPU', 'first ÷ this (rounds)', 'bytes', 'messages/s'],
  costs.flatMap(({ name, outcomes }) => outcomes.map((outcome, index) => [
    name,
    titlesOf(outcomes)[index],
    outcome.cpuPerMessage.toFixed(1),
    index === 0 ? '1' : formatRatio(outcome.ratio),
    outcome.bytesPerMessage.toFixed(1),
    Math.round(outcome.messagesPerSecond),
  ])),
);
console.log(`An idle connection after ${MESSAGES_BEFORE_IDLE} messages\n`);
printTable(
  ['messages', 'server', 'bytes of RAM', 'first ÷ this'],
  memory.flatMap(({ name, outcomes }) => outcomes.map(({ resident }, index) => [
    name, titlesOf(outcomes)[index], Math.round(resident), (outcomes[0].resident / resident).toFixed(2),
  ])),
);
for (const runtime of options.runtimes) {
  const results: DeflateResults = {
    costs: costs.map(({ name, outcomes }) => ({ name, outcomes: relate(resultsOn(runtime, outcomes)) })),
    memory: memory.map(({ name, outcomes }) => ({ name, outcomes: resultsOn(runtime, outcomes) })),
  };
  saveResults('deflate', results, runtime);
}
