// The options that the benches share on their command line.
import { parseArgs } from 'node:util';
import { findBase, findHttp2Peers, findPeers, withFlag, type Peer, type Side } from './peers.js';
import { findRuntime, ownRuntime, type Runtime } from './runtimes.js';

export interface BenchOptions {
  /** Cases whose name it matches; all of the default ones if absent. */
  readonly case: RegExp | null;
  readonly runtimes: readonly Runtime[];
  /** The first is what the others are compared with. */
  readonly peers: Peer[];
  readonly rounds: number;
  readonly milliseconds: number;
  /** Whether to run every case there is. */
  readonly all: boolean;
}

/** What a bench says of itself. */
export interface BenchDefaults {
  readonly rounds?: number;
  readonly milliseconds?: number;
  readonly side?: Side;
  /** Whether the peers are the servers that speak HTTP/2. */
  readonly isHttp2?: boolean;
  /** What it can run on; what measures itself runs on the Node that runs the bench only. */
  readonly runtimes?: 'any' | 'any Node' | 'this Node';
}

/**
 * Reads `--case`, `--peer` (regular expressions), `--runtime` (as often as wanted), `--rounds`, `--milliseconds`,
 * `--all`, `--base`: the folder of another checkout of this library that takes part too, and `--flag`: one of the
 * runtime's, with which the library takes part once more.
 */
export function parseBenchOptions(defaults: BenchDefaults = {}, args = process.argv.slice(3)): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      case: { type: 'string' },
      peer: { type: 'string', default: '' },
      runtime: { type: 'string', multiple: true, default: ['node'] },
      rounds: { type: 'string', default: `${defaults.rounds ?? 5}` },
      milliseconds: { type: 'string', default: `${defaults.milliseconds ?? 400}` },
      base: { type: 'string' },
      flag: { type: 'string' },
      all: { type: 'boolean', default: false },
    },
  });
  const { side = 'server', isHttp2 = false } = defaults;
  const runtimes = [...new Map(values.runtime.map(findRuntime).map((runtime) => [runtime.id, runtime])).values()];
  for (const runtime of runtimes) checkRuntime(runtime, defaults.runtimes ?? 'this Node');
  const { base, flag } = values;
  const others = (runtime: Runtime, peers: readonly Peer[]): Peer[] => {
    const own = peers.filter((peer) => peer.runtime === runtime && peer.style !== undefined);
    const first = own.filter(({ style }, index) => own.findIndex((each) => each.style === style) === index);
    return [
      ...(base === undefined ? [] : first.map((peer) => findBase(base, peer))),
      ...(flag === undefined ? [] : first.map((peer) => withFlag(flag, peer))),
    ];
  };
  const pattern = new RegExp(values.peer);
  const all = isHttp2 ? findHttp2Peers(runtimes) : findPeers(side, runtimes);
  const peers = all.filter(({ name }) => pattern.test(name));
  if (peers.length === 0) {
    const names = new Set(all.map(({ name }) => name));
    throw new RangeError(`--peer ${values.peer} matches none of ${[...names].join(', ')}`);
  }
  return {
    case: values.case === undefined ? null : new RegExp(values.case),
    runtimes,
    peers: [...peers, ...runtimes.flatMap((runtime) => others(runtime, peers))],
    rounds: Number(values.rounds),
    milliseconds: Number(values.milliseconds),
    all: values.all,
  };
}

/** @throws RangeError that says what to do instead. */
export function checkRuntime(runtime: Runtime, allowed: NonNullable<BenchDefaults['runtimes']>): void {
  if (allowed === 'any Node' && runtime.kind !== 'Node') {
    throw new RangeError(`what this bench needs only Node has, it can't run on ${runtime.name}: --runtime node@…`);
  }
  if (allowed === 'this Node' && runtime !== ownRuntime) {
    const [program] = runtime.command;
    const how = runtime.kind === 'Node' ? `: run ${program} ${process.argv.slice(1, 3).join(' ')}` : '';
    throw new RangeError(`this bench measures itself, and can't run on ${runtime.name} by --runtime${how}`);
  }
}
