// What does an echo cost the server? Messages there and back, against every peer, in turn, in one run.
import { duel, type Outcome } from './harness/duel.js';
import { CONTENTS, type Content } from './harness/frames.js';
import { parseBenchOptions } from './harness/options.js';
import { printOutcomes, saveResults } from './harness/report.js';

interface Case {
  readonly connections: number;
  readonly inFlight: number;
  readonly size: number;
  readonly content: Content;
}

const SIZES = { '32 B': 32, '1 KiB': 1024, '16 KiB': 16_384, '1 MiB': 1_048_576 };
/** More would measure the memory of the load generator. */
const MAX_BYTES_IN_FLIGHT = 64 << 20;

function name({ connections, inFlight, size, content }: Case): string {
  const [text] = Object.entries(SIZES).find(([, bytes]) => bytes === size)!;
  return `${connections} × ${inFlight}, ${text} ${content}`;
}

function toCase(connections: number, inFlight: number, size: keyof typeof SIZES, content: Content): Case {
  return { connections, inFlight, size: SIZES[size], content };
}

/** The four that there are goals for, and a few on every side of them. */
const usual = [
  toCase(100, 1, '32 B', 'binary'),
  toCase(100, 16, '32 B', 'binary'),
  toCase(10, 8, '16 KiB', 'binary'),
  toCase(4, 2, '1 MiB', 'binary'),
  toCase(1, 1, '32 B', 'binary'),
  toCase(1000, 1, '32 B', 'binary'),
  toCase(100, 1, '1 KiB', 'binary'),
  toCase(100, 16, '32 B', 'ASCII'),
  toCase(100, 16, '32 B', 'CJK'),
  toCase(10, 8, '16 KiB', 'ASCII'),
  toCase(10, 8, '16 KiB', 'CJK'),
];

function allCases(): Case[] {
  const sizes = Object.keys(SIZES) as (keyof typeof SIZES)[];
  const matrix = [1, 100, 1000].flatMap((connections) =>
    [1, 16].flatMap((inFlight) =>
      sizes.flatMap((size) => CONTENTS.map((content) => toCase(connections, inFlight, size, content))),
    ),
  );
  const extent = ({ connections, inFlight, size }: Case): number => connections * inFlight * size;
  const every = [...usual, ...matrix.filter((each) => extent(each) <= MAX_BYTES_IN_FLIGHT)];
  return [...new Map(every.map((each) => [name(each), each])).values()];
}

const options = parseBenchOptions();
const filter = options.case;
const cases = options.all || filter !== null ? allCases() : usual;
const results: { name: string; outcomes: Outcome[] }[] = [];
for (const each of cases.filter((each) => filter === null || filter.test(name(each)))) {
  const outcomes = await duel(options.peers, {
    ...options,
    load: (port, { isBare }) => ({ kind: 'echo', port, isBare, ...each }),
  });
  results.push({ name: name(each), outcomes });
  printOutcomes(name(each), outcomes);
}
saveResults('echo', results);
