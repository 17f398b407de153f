// Measures several peers under the same load, in turn, round by round, and sums up what each costs.
import { LoadProcess } from './load-process.js';
import type { LoadOptions } from './load.js';
import { identify, type Identity, type Peer, type ServerOptions, type Side } from './peers.js';
import type { LoadResult } from './run.js';
import { ServerProcess } from './server-process.js';
import { median, ratio, type Ratio } from './statistics.js';

export interface DuelOptions {
  readonly rounds: number;
  /** How long one server is under load in a round. */
  readonly milliseconds: number;
  readonly server?: ServerOptions | ((peer: Peer) => ServerOptions);
  /** The load for a server on that port. */
  load(port: number, peer: Peer): LoadOptions;
}

/** What a peer's server, or its client, costs: medians over the rounds. */
export interface Outcome extends Identity {
  /** Microseconds of CPU time of all threads of what is measured, for one message. */
  readonly cpuPerMessage: number;
  readonly messagesPerSecond: number;
  /** Bytes of the frames that came back for each message, where the load looks at them. */
  readonly bytesPerMessage: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /**
   * The parts of a core that the server kept busy, and the load generator or the client that is measured: whichever
   * isn't measured should not be busy all the time.
   */
  readonly serverShare: number;
  readonly loadShare: number;
  /** Microseconds of CPU time for one message, round by round. */
  readonly rounds: readonly number[];
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
export const WARM_UP_MILLISECONDS = 1500;

/** One that is measured: the processes at both ends, and what makes them work. */
export interface Contender {
  readonly peer: Peer;
  readonly server: { readonly cpu: number };
  readonly load: { readonly cpu: number };
  run(milliseconds: number): Promise<LoadResult>;
}

/** Servers against each other. @returns the outcomes in the order of the peers. */
export async function duel(peers: readonly Peer[], options: DuelOptions): Promise<Outcome[]> {
  const load = new LoadProcess();
  const servers: ServerProcess[] = [];
  try {
    const contenders: Contender[] = [];
    for (const [index, peer] of peers.entries()) {
      const own = typeof options.server === 'function' ? options.server(peer) : options.server;
      const server = await ServerProcess.start(peer, own);
      servers.push(server);
      await load.open(`${index}`, options.load(server.port, peer));
      contenders.push({ peer, server, load, run: (milliseconds) => load.run(`${index}`, milliseconds) });
    }
    return await takeTurns(contenders, 'server', options);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await load.stop();
  }
}

/** Gives each its ratio to the first of these. */
export function relate(outcomes: readonly Omit<Outcome, 'ratio'>[]): Outcome[] {
  return outcomes.map((outcome) => ({ ...outcome, ratio: ratio(outcomes[0].rounds, outcome.rounds) }));
}

/** @param side whose cost is counted. @returns the outcomes in the order of the contenders. */
export async function takeTurns(
  contenders: readonly Contender[],
  side: Side,
  { rounds, milliseconds }: Pick<DuelOptions, 'rounds' | 'milliseconds'>,
): Promise<Outcome[]> {
  const samples = contenders.map((): Sample[] => []);
  for (const { run } of contenders) await run(WARM_UP_MILLISECONDS);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      samples[index].push(await measure(contender, side, milliseconds));
    }
  }
  return relate(contenders.map(({ peer }, index) => summarize(peer, samples[index])));
}

async function measure({ server, load, run }: Contender, side: Side, milliseconds: number): Promise<Sample> {
  const [serverStart, loadStart] = [server.cpu, load.cpu];
  const result = await run(milliseconds);
  const [serverCpu, loadCpu] = [server.cpu - serverStart, load.cpu - loadStart];
  return {
    cpuPerMessage: (side === 'server' ? serverCpu : loadCpu) / result.messages,
    messagesPerSecond: (result.messages / result.milliseconds) * 1000,
    bytesPerMessage: result.bytes / result.messages,
    p50: result.p50,
    p99: result.p99,
    serverShare: serverCpu / 1000 / result.milliseconds,
    loadShare: loadCpu / 1000 / result.milliseconds,
  };
}

function summarize(peer: Peer, samples: readonly Sample[]): Omit<Outcome, 'ratio'> {
  const over = (key: keyof Sample): number => median(samples.map((sample) => sample[key]));
  return {
    ...identify(peer),
    cpuPerMessage: over('cpuPerMessage'),
    messagesPerSecond: over('messagesPerSecond'),
    bytesPerMessage: over('bytesPerMessage'),
    p50: over('p50'),
    p99: over('p99'),
    serverShare: over('serverShare'),
    loadShare: over('loadShare'),
    rounds: samples.map(({ cpuPerMessage }) => cpuPerMessage),
  };
}
