// The options that the benches share on their command line.
import { parseArgs } from 'node:util';
import { findPeers, type Peer } from './peers.js';

export interface BenchOptions {
  /** Cases whose name it matches; all of the default ones if absent. */
  readonly case: RegExp | null;
  /** The first is what the others are compared with. */
  readonly peers: Peer[];
  readonly rounds: number;
  readonly milliseconds: number;
  /** Whether to run every case there is. */
  readonly all: boolean;
}

/** Reads `--case`, `--peer` (regular expressions), `--rounds`, `--milliseconds` and `--all`. */
export function parseBenchOptions(defaults: { readonly rounds?: number; readonly milliseconds?: number } = {}) {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      case: { type: 'string' },
      peer: { type: 'string', default: '' },
      rounds: { type: 'string', default: `${defaults.rounds ?? 5}` },
      milliseconds: { type: 'string', default: `${defaults.milliseconds ?? 400}` },
      all: { type: 'boolean', default: false },
    },
  });
  const peer = new RegExp(values.peer);
  const options: BenchOptions = {
    case: values.case === undefined ? null : new RegExp(values.case),
    peers: findPeers().filter(({ name }) => peer.test(name)),
    rounds: Number(values.rounds),
    milliseconds: Number(values.milliseconds),
    all: values.all,
  };
  return options;
}
