// The limits of a connection: defaults, what is over them, and what makes no sense.
import { constants } from 'node:buffer';
import * as assert from 'uvu/assert';
import { milliseconds, resolveLimits, wholeNumber, type ConnectionOptions } from '../../src/connection/limits.js';
import { suite } from '../runner/suite.js';

const test = suite('limits');

const defaults = {
  maxMessageBytes: 1_048_576,
  maxQueuedMessages: 1_024,
  maxQueuedBytes: 1_048_576,
  maxBufferedBytes: 16_777_216,
  closeTimeout: 10_000,
  deflate: null,
  maxStreamedBytes: 0,
};

/** Those that are numbers. */
const numbers = ['maxMessageBytes', 'maxQueuedMessages', 'maxQueuedBytes', 'maxBufferedBytes', 'closeTimeout'];

test('the defaults are those of the documentation', () => {
  assert.equal(resolveLimits({}), defaults);
});

test('maxStreamedBytes may be Infinity, and is checked else', () => {
  assert.is(resolveLimits({ maxStreamedBytes: Infinity }).maxStreamedBytes, 9_007_199_254_740_991);
  assert.is(resolveLimits({}, resolveLimits({ maxStreamedBytes: 5 })).maxStreamedBytes, 5);
  for (const value of [-1, 1.5, NaN, '7']) {
    assert.throws(() => resolveLimits({ maxStreamedBytes: value as number }), (error: Error) => (
      error instanceof RangeError && error.message.includes('maxStreamedBytes')
    ));
  }
});

test('each option replaces its own default only', () => {
  for (const name of numbers) {
    assert.equal(resolveLimits({ [name]: 7 }), { ...defaults, [name]: 7 });
  }
});

test('a route falls back to what its server was given, not to the defaults', () => {
  for (const name of numbers) {
    const server = resolveLimits({ [name]: 5, maxQueuedMessages: 6 });
    assert.equal(resolveLimits({ maxQueuedMessages: 7 }, server), { ...defaults, [name]: 5, maxQueuedMessages: 7 });
  }
});

test('what is no limit is not taken over', () => {
  const options = { maxQueuedMessages: 3, backlog: 5 };
  assert.equal(resolveLimits(options), { ...defaults, maxQueuedMessages: 3 });
});

type Limit = Exclude<keyof ConnectionOptions, 'deflate' | 'maxStreamedBytes'>;
const ranges: [name: Limit, lowest: number, highest: number][] = [
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

const deflateDefaults = { threshold: 1_024, level: 6, windowBits: 15, contextTakeover: true };

test('deflate: true is the defaults, false is none, and each option replaces its own', () => {
  assert.equal(resolveLimits({ deflate: true }).deflate, deflateDefaults);
  assert.equal(resolveLimits({ deflate: {} }).deflate, deflateDefaults);
  assert.is(resolveLimits({ deflate: false }).deflate, null);
  const all = { threshold: 0, level: 1, windowBits: 8, contextTakeover: false };
  assert.equal(resolveLimits({ deflate: all }).deflate, all);
  assert.equal(resolveLimits({ deflate: { level: 9 } }).deflate, { ...deflateDefaults, level: 9 });
});

test('deflate: a route has the server\'s unless it says otherwise', () => {
  const server = resolveLimits({ deflate: { level: 2 } });
  assert.equal(resolveLimits({}, server).deflate, { ...deflateDefaults, level: 2 });
  assert.is(resolveLimits({ deflate: false }, server).deflate, null);
  assert.equal(resolveLimits({ deflate: true }, server).deflate, deflateDefaults);
});

test('deflate: what makes no sense is refused by name', () => {
  for (const deflate of ['yes', 1, null, Symbol.iterator] as never[]) {
    assert.throws(() => resolveLimits({ deflate }), (error: unknown) => error instanceof TypeError);
  }
  const refused = [
    ['threshold', -1], ['threshold', 1.5], ['level', 0], ['level', 10], ['windowBits', 7], ['windowBits', 16],
  ] as const;
  for (const [name, value] of refused) {
    assert.throws(
      () => resolveLimits({ deflate: { [name]: value } }),
      (error: unknown) => error instanceof RangeError && error.message.startsWith(`deflate.${name} must be`),
    );
  }
});

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
