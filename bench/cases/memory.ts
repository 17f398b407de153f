// What does an open connection cost in memory? With 10,000 idle, after a message on each at once, and after all closed.
import { certificate, privateKey } from '../../test/support/certificate.js';
import { LoadProcess } from '../harness/load-process.js';
import { parseBenchOptions } from '../harness/options.js';
import { identify, titlesOf, type Identity, type Peer } from '../harness/peers.js';
import { ServerProcess } from '../harness/server-process.js';
import { printTable, saveByRuntime } from '../report/results.js';

/** Bytes. */
interface Usage {
  readonly resident: number;
  /** Of the garbage-collected heap, and of what it holds outside; `null` for other runtimes than Node. */
  readonly heap: number | null;
  readonly external: number | null;
}

/** All but `before` is what was added since, for each connection. */
export interface MemoryOutcome extends Identity {
  readonly before: Usage;
  readonly idle: Usage;
  readonly afterBurst: Usage;
  readonly afterClose: Usage;
}

/** A TLS handshake costs the load generator milliseconds. */
const CONNECTIONS = { TCP: 10_000, TLS: 2000 };
const SETTLE_MILLISECONDS = 1500;
/** The load takes every byte for a part of an echo, and on a slow machine the first connections are silent for long. */
const KEEP_ALIVE_MILLISECONDS = 3_600_000;

async function usage(server: ServerProcess): Promise<Usage> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS));
  // The second time, what the first collection has freed is given back.
  await server.memoryUsage();
  const memory = await server.memoryUsage();
  return { resident: server.resident, heap: memory?.heapUsed ?? null, external: memory?.external ?? null };
}

async function measure(peer: Peer, transport: keyof typeof CONNECTIONS): Promise<MemoryOutcome> {
  const isSecure = transport === 'TLS';
  const server = await ServerProcess.start(peer, {
    keepAliveInterval: KEEP_ALIVE_MILLISECONDS,
    ...(isSecure && { tls: { key: privateKey, cert: certificate } }),
  });
  const load = new LoadProcess();
  const connections = CONNECTIONS[transport];
  try {
    const { port } = server;
    const common = { kind: 'echo', port, isSecure, isBare: peer.isBare, content: 'binary', size: 1024 } as const;
    // What the first connections compile and load is nobody's cost.
    await load.open('first', { ...common, connections: 50, inFlight: 4 });
    await load.run('first', 500);
    await load.close('first');
    const before = await usage(server);
    const perConnection = (now: Usage): Usage => ({
      resident: (now.resident - before.resident) / connections,
      heap: now.heap === null ? null : (now.heap - before.heap!) / connections,
      external: now.external === null ? null : (now.external - before.external!) / connections,
    });
    await load.open('all', { ...common, connections, inFlight: 1 });
    const idle = perConnection(await usage(server));
    await load.run('all', 0);
    const afterBurst = perConnection(await usage(server));
    await load.close('all');
    const afterClose = perConnection(await usage(server));
    return { ...identify(peer), before, idle, afterBurst, afterClose };
  } finally {
    await Promise.all([server.stop(), load.stop()]);
  }
}

function format(bytes: number | null): string {
  return bytes === null ? '–' : `${Math.round(bytes)}`;
}

const options = parseBenchOptions({ runtimes: 'any' });
const results: { name: string; outcomes: MemoryOutcome[] }[] = [];
for (const transport of ['TCP', 'TLS'] as const) {
  const name = `${CONNECTIONS[transport]} connections over ${transport}`;
  if (options.case !== null && !options.case.test(name)) continue;
  const outcomes: MemoryOutcome[] = [];
  for (const peer of options.peers) {
    const isLeftOut = (peer.style !== undefined && peer.style !== 'for await') || (peer.isBare && transport === 'TLS');
    if (!isLeftOut) outcomes.push(await measure(peer, transport));
  }
  results.push({ name, outcomes });
  console.log(`${name}, bytes for each\n`);
  const titles = titlesOf(outcomes);
  const header = [
    'server', 'idle: RAM', 'heap', 'external', 'after a burst: RAM', 'heap', 'after all closed: RAM', 'heap',
  ];
  printTable(header, outcomes.map(({ idle, afterBurst, afterClose }, index) => [
    titles[index],
    ...[idle.resident, idle.heap, idle.external, afterBurst.resident, afterBurst.heap].map(format),
    ...[afterClose.resident, afterClose.heap].map(format),
  ]));
}
saveByRuntime('memory', results, options.runtimes);
