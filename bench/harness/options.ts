// The options that the benches share on their command line.
import { parseArgs } from 'node:util';
import { findBase, findPeers, type Peer, type Side } from './peers.js';

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

/**
 * Reads `--case`, `--peer` (regular expressions), `--rounds`, `--milliseconds`, `--all`, and `--base`: the folder of
 * another checkout of this library that takes part too.
 */
export function parseBenchOptions(
  defaults: { readonly rounds?: number; readonly milliseconds?: number; readonly side?: Side } = {},
) {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      case: { type: 'string' },
      peer: { type: 'string', default: '' },
      rounds: { type: 'string', default: `${defaults.rounds ?? 5}` },
      milliseconds: { type: 'string', default: `${defaults.milliseconds ?? 400}` },
      base: { type: 'string' },
      all: { type: 'boolean', default: false },
    },
  });
  const peer = new RegExp(values.peer);
  const peers = findPeers(defaults.side).filter(({ name }) => peer.test(name));
  const styles = new Set(peers.flatMap(({ style }) => style ?? []));
  if (values.base !== undefined) {
    peers.push(...Array.from(styles, (style) => findBase(values.base!, style, defaults.side ?? 'server')));
  }
  const options: BenchOptions = {
    case: values.case === undefined ? null : new RegExp(values.case),
    peers,
    rounds: Number(values.rounds),
    milliseconds: Number(values.milliseconds),
    all: values.all,
  };
  return options;
}
