// What does an echo cost the server? Messages there and back, against every peer, in turn, in one run.
import { duel, type Outcome } from '../harness/duel.js';
import { chooseCases, combine, goalCases, nameOf, SIZES, toCase, type Size } from '../harness/echo-cases.js';
import { CONTENTS } from '../harness/frames.js';
import { parseBenchOptions } from '../harness/options.js';
import { printOutcomes, saveOutcomes } from '../report/results.js';

/** The four that there are goals for, and a few on every side of them. */
const usual = [
  ...goalCases,
  toCase(1, 1, '32 B', 'binary'),
  toCase(1000, 1, '32 B', 'binary'),
  toCase(100, 1, '1 KiB', 'binary'),
  toCase(100, 16, '32 B', 'ASCII'),
  toCase(100, 16, '32 B', 'CJK'),
  toCase(10, 8, '16 KiB', 'ASCII'),
  toCase(10, 8, '16 KiB', 'CJK'),
];

const sizes = Object.keys(SIZES) as Size[];
const every = combine([1, 100, 1000], [1, 16], sizes, CONTENTS);
const options = parseBenchOptions({ runtimes: 'any' });
const results: { name: string; outcomes: Outcome[] }[] = [];
for (const each of chooseCases(usual, every, options)) {
  const outcomes = await duel(options.peers, {
    ...options,
    load: (port, { isBare }) => ({ kind: 'echo', port, isBare, ...each }),
  });
  results.push({ name: nameOf(each), outcomes });
  printOutcomes(nameOf(each), outcomes);
}
saveOutcomes('echo', results, options.runtimes);
