// Measures several servers under the same load, in turn, round by round, and sums up what each costs.
import { LoadProcess } from './load-process.js';
import type { LoadOptions } from './load.js';
import type { Peer, ServerOptions } from './peers.js';
import { ServerProcess } from './server-process.js';
import { median, ratio, type Ratio } from './statistics.js';

export interface DuelOptions {
  readonly rounds: number;
  /** How long one server is under load in a round. */
  readonly milliseconds: number;
  readonly server?: ServerOptions;
  /** The load for a server on that port. */
  load(port: number, peer: Peer): LoadOptions;
}

/** What a peer's server costs: medians over the rounds. */
export interface Outcome {
  readonly peer: string;
  readonly version: string;
  /** Microseconds of CPU time of the server, of all its threads, for one message. */
  readonly cpuPerMessage: number;
  readonly messagesPerSecond: number;
  /** Bytes of the frames that came back for each message, where the load looks at them. */
  readonly bytesPerMessage: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** The parts of a core that server and load generator kept busy: a load that is busy all the time is too slow. */
  readonly serverShare: number;
  readonly loadShare: number;
  /** What the first peer's message costs in relation to one of this peer. */
  readonly ratio: Ratio;
}

interface Sample {
  readonly cpuPerMessage: number;
  readonly messagesPerSecond: number;
  readonly bytesPerMessage: number;
  readonly p50: number;
  readonly p99: number;
  readonly serverShare: number;
  readonly loadShare: number;
}

/** Enough for the just-in-time compilers, and never counted. */
const WARM_UP_MILLISECONDS = 1500;

/** @returns the outcomes in the order of the peers. */
export async function duel(peers: readonly Peer[], options: DuelOptions): Promise<Outcome[]> {
  const load = new LoadProcess();
  const servers: ServerProcess[] = [];
  const samples = new Map<Peer, Sample[]>();
  try {
    for (const peer of peers) {
      const server = await ServerProcess.start(peer, options.server);
      servers.push(server);
      samples.set(peer, []);
      await load.open(peer.name, options.load(server.port, peer));
      await load.run(peer.name, WARM_UP_MILLISECONDS);
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const server of servers) samples.get(server.peer)!.push(await measure(server, load, options.milliseconds));
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await load.stop();
  }
  const first = samples.get(peers[0])!;
  return peers.map((peer) => summarize(peer, samples.get(peer)!, first));
}

async function measure(server: ServerProcess, load: LoadProcess, milliseconds: number): Promise<Sample> {
  const [serverStart, loadStart] = [server.cpu, load.cpu];
  const result = await load.run(server.peer.name, milliseconds);
  const [serverCpu, loadCpu] = [server.cpu - serverStart, load.cpu - loadStart];
  return {
    cpuPerMessage: serverCpu / result.messages,
    messagesPerSecond: (result.messages / result.milliseconds) * 1000,
    bytesPerMessage: result.bytes / result.messages,
    p50: result.p50,
    p99: result.p99,
    serverShare: serverCpu / 1000 / result.milliseconds,
    loadShare: loadCpu / 1000 / result.milliseconds,
  };
}

function summarize(peer: Peer, samples: readonly Sample[], first: readonly Sample[]): Outcome {
  const over = (key: keyof Sample): number => median(samples.map((sample) => sample[key]));
  return {
    peer: peer.name,
    version: peer.version,
    cpuPerMessage: over('cpuPerMessage'),
    messagesPerSecond: over('messagesPerSecond'),
    bytesPerMessage: over('bytesPerMessage'),
    p50: over('p50'),
    p99: over('p99'),
    serverShare: over('serverShare'),
    loadShare: over('loadShare'),
    ratio: ratio(first.map(({ cpuPerMessage }) => cpuPerMessage), samples.map(({ cpuPerMessage }) => cpuPerMessage)),
  };
}
