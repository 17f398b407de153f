// The limits of a connection: defaults, what is over them, and what makes no sense.
import { constants } from 'node:buffer';
import * as assert from 'uvu/assert';
import { milliseconds, resolveLimits, wholeNumber, type ConnectionOptions } from '../../src/connection/limits.js';
import { suite } from '../support/suite.js';

const test = suite('limits');

const defaults = {
  maxMessageBytes: 1_048_576,
  maxQueuedMessages: 1_024,
  maxQueuedBytes: 1_048_576,
  maxBufferedBytes: 16_777_216,
  closeTimeout: 10_000,
};

test('the defaults are those of the documentation', () => {
  assert.equal(resolveLimits({}), defaults);
});

test('each option replaces its own default only', () => {
  for (const name of Object.keys(defaults)) {
    assert.equal(resolveLimits({ [name]: 7 }), { ...defaults, [name]: 7 });
  }
});

test('a route falls back to what its server was given, not to the defaults', () => {
  for (const name of Object.keys(defaults)) {
    const server = resolveLimits({ [name]: 5, maxQueuedMessages: 6 });
    assert.equal(resolveLimits({ maxQueuedMessages: 7 }, server), { ...defaults, [name]: 5, maxQueuedMessages: 7 });
  }
});

test('what is no limit is not taken over', () => {
  const options = { maxQueuedMessages: 3, backlog: 5 };
  assert.equal(resolveLimits(options), { ...defaults, maxQueuedMessages: 3 });
});

const ranges: [name: keyof ConnectionOptions, lowest: number, highest: number][] = [
  ['maxMessageBytes', 0, constants.MAX_STRING_LENGTH],
  ['maxQueuedMessages', 1, 9_007_199_254_740_991],
  ['maxQueuedBytes', 1, 9_007_199_254_740_991],
  ['maxBufferedBytes', 0, 9_007_199_254_740_991],
  ['closeTimeout', 0, 2_147_483_647],
];

for (const [name, lowest, highest] of ranges) {
  test(`${name} takes the ends of its range`, () => {
    assert.is(resolveLimits({ [name]: lowest })[name], lowest);
    assert.is(resolveLimits({ [name]: highest })[name], highest);
  });

  test(`${name} refuses all else with a RangeError that names it`, () => {
    const refused: unknown[] = [
      lowest - 1, highest + 1, -1, 1.5, NaN, Infinity, -Infinity, '7', 7n, true, [7], {}, new Date(0),
    ];
    for (const value of refused) {
      assert.throws(
        () => resolveLimits({ [name]: value }),
        (error: unknown) => error instanceof RangeError && error.message.includes(name),
        `${name}: ${typeof value} ${String(value)}`,
      );
    }
  });
}

test('wholeNumber returns the number, and tells the range that it is not in', () => {
  assert.is(wholeNumber('port', 65_535, 0, 65_535), 65_535);
  assert.throws(
    () => wholeNumber('port', 65_536, 0, 65_535),
    (error: Error) => error.message === 'port must be a whole number from 0 to 65535, not 65536',
  );
});

test('milliseconds takes no time at which Node would fire at once', () => {
  assert.is(milliseconds('timeout', 2_147_483_647), 2_147_483_647);
  assert.throws(() => milliseconds('timeout', 2_147_483_648), (error: unknown) => error instanceof RangeError);
});

test.run();
