// Which cases of an echo the options of a bench choose.
import * as assert from 'uvu/assert';
import { chooseCases, combine, nameOf, toCase } from '../../../bench/harness/echo-cases.js';
import { suite } from '../../runner/suite.js';

const test = suite('cases');

const usual = [toCase(10, 8, '16 KiB', 'binary'), toCase(1, 1, '32 B', 'binary')];
const every = combine([1, 100], [1], ['32 B', '1 MiB'], ['binary']);

function choose(all: boolean, filter: RegExp | null): string[] {
  return chooseCases(usual, every, { all, case: filter }).map(nameOf);
}

test('what has more than 64 MiB in flight is left out', () => {
  assert.equal(every.map(nameOf), ['1 × 1, 32 B binary', '1 × 1, 1 MiB binary', '100 × 1, 32 B binary']);
});

test('the usual cases, or all of them once', () => {
  assert.equal(choose(false, null), ['10 × 8, 16 KiB binary', '1 × 1, 32 B binary']);
  assert.equal(choose(true, null), [
    '10 × 8, 16 KiB binary', '1 × 1, 32 B binary', '1 × 1, 1 MiB binary', '100 × 1, 32 B binary',
  ]);
});

test('a case that is asked for need not be a usual one', () => {
  assert.equal(choose(false, /^1 × /), ['1 × 1, 32 B binary', '1 × 1, 1 MiB binary']);
});

test.run();
