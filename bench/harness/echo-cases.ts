// The cases of an echo: how many connections, with how many messages in flight, of which size and content.
import type { Content } from './frames.js';
import type { BenchOptions } from './options.js';

export interface Case {
  readonly connections: number;
  readonly inFlight: number;
  readonly size: number;
  readonly content: Content;
}

export const SIZES = { '32 B': 32, '1 KiB': 1024, '16 KiB': 16_384, '1 MiB': 1_048_576 };
export type Size = keyof typeof SIZES;

/** More would measure the memory of the load generator. */
const MAX_BYTES_IN_FLIGHT = 64 << 20;

export function nameOf({ connections, inFlight, size, content }: Case): string {
  const [text] = Object.entries(SIZES).find(([, bytes]) => bytes === size)!;
  return `${connections} × ${inFlight}, ${text} ${content}`;
}

export function toCase(connections: number, inFlight: number, size: Size, content: Content): Case {
  return { connections, inFlight, size: SIZES[size], content };
}

/** Those that there are goals for. */
export const goalCases = [
  toCase(100, 1, '32 B', 'binary'),
  toCase(100, 16, '32 B', 'binary'),
  toCase(10, 8, '16 KiB', 'binary'),
  toCase(4, 2, '1 MiB', 'binary'),
];

/** Every combination that doesn't have too many bytes in flight. */
export function combine(
  connections: readonly number[],
  inFlight: readonly number[],
  sizes: readonly Size[],
  contents: readonly Content[],
): Case[] {
  const every = connections.flatMap((connection) =>
    inFlight.flatMap((messages) =>
      sizes.flatMap((size) => contents.map((content) => toCase(connection, messages, size, content))),
    ),
  );
  return every.filter((each) => each.connections * each.inFlight * each.size <= MAX_BYTES_IN_FLIGHT);
}

type Choice = Pick<BenchOptions, 'all' | 'case'>;

/** The usual ones; with `--all` every other one too; of both together those that `--case` matches. */
export function chooseCases(usual: readonly Case[], every: readonly Case[], options: Choice): Case[] {
  const { all, case: filter } = options;
  const cases = all || filter !== null ? [...usual, ...every] : usual;
  const named = new Map(cases.map((each) => [nameOf(each), each]));
  return [...named].flatMap(([name, each]) => (filter === null || filter.test(name) ? each : []));
}
