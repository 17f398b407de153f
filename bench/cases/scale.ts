// How many connections can be held? As many as files can be open in one process, and 100,000 in eight of node:cluster.
import { execFileSync } from 'node:child_process';
import { LoadProcess } from '../harness/load-process.js';
import { parseBenchOptions } from '../harness/options.js';
import { benchPath } from '../packages.js';
import { findPeers, type Peer } from '../harness/peers.js';
import { printTable, saveResults } from '../report/results.js';
import { ServerProcess } from '../harness/server-process.js';

/** Each connection sends a ping in this time. */
const PING_SECONDS = 60;
/** Files that a process has open beside its connections. */
const SPARE_FILES = 100;
const CLUSTER_CONNECTIONS = 104_000;

export interface ScaleOutcome {
  readonly name: string;
  readonly connections: number;
  readonly connectSeconds: number;
  /** Bytes of all processes of the server, before and with the connections. */
  readonly residentBefore: number;
  readonly resident: number;
  readonly pings: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of the server's CPU time while the pings were sent, for each. */
  readonly cpuPerPing: number;
}

async function measure(name: string, peer: Peer, connections: number, loads: LoadProcess[]): Promise<ScaleOutcome> {
  const server = await ServerProcess.start(peer);
  try {
    const residentBefore = server.resident;
    const start = performance.now();
    const share = Math.ceil(connections / loads.length);
    await Promise.all(loads.map((load, index) => {
      const localAddress = `127.0.1.${index + 1}`;
      return load.open('ping', { kind: 'ping', port: server.port, connections: share, localAddress });
    }));
    const connectSeconds = (performance.now() - start) / 1000;
    const cpuStart = server.cpu;
    const results = await Promise.all(loads.map((load) => load.run('ping', PING_SECONDS * 1000)));
    const pings = results.reduce((sum, { messages }) => sum + messages, 0);
    return {
      name,
      connections: share * loads.length,
      connectSeconds,
      residentBefore,
      resident: server.resident,
      pings,
      p50: Math.max(...results.map(({ p50 }) => p50)),
      p99: Math.max(...results.map(({ p99 }) => p99)),
      cpuPerPing: (server.cpu - cpuStart) / pings,
    };
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
    await server.stop();
  }
}

const options = parseBenchOptions({ runtimes: 'any Node' });
const [runtime, ...others] = options.runtimes;
if (others.length > 0) throw new RangeError('this bench takes the machine for itself: choose one --runtime');
const [own] = findPeers('server', [runtime]);
const script = benchPath('peers/cluster.mjs');
const cluster: Peer = { ...own, name: 'cluster', command: [runtime.command[0], script] };
const files = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }));
const startLoads = (count: number): LoadProcess[] => Array.from({ length: count }, () => new LoadProcess());
const results: ScaleOutcome[] = [];
if (options.case === null || options.case.test('one process')) {
  results.push(await measure('one process', own, Math.min(20_000, files) - SPARE_FILES, startLoads(2)));
}
if (options.case === null || options.case.test('cluster')) {
  results.push(await measure('node:cluster, 8 processes', cluster, CLUSTER_CONNECTIONS, startLoads(8)));
}
const header = ['server', 'connections', 'opened in s', 'MiB before', 'MiB with them', 'bytes for each'];
printTable([...header, 'pings answered', 'p50 ms', 'p99 ms', 'µs of CPU per ping'], results.map((outcome) => [
  outcome.name,
  outcome.connections,
  outcome.connectSeconds.toFixed(1),
  (outcome.residentBefore / 2 ** 20).toFixed(0),
  (outcome.resident / 2 ** 20).toFixed(0),
  Math.round((outcome.resident - outcome.residentBefore) / outcome.connections),
  outcome.pings,
  outcome.p50.toFixed(1),
  outcome.p99.toFixed(1),
  outcome.cpuPerPing.toFixed(0),
]));
saveResults('scale', results, runtime);
