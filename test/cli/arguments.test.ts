// Arguments: what numbers may look like, and how mistakes are told.
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { CommandError, parse, parseMessageLimit, parseSeconds, parseWholeNumber } from '../../src/cli/arguments.js';
import { suite } from '../runner/suite.js';

const numbers = suite('cli/arguments');

const whole: readonly [text: string, value: number | null][] = [
  ['0', 0],
  ['7', 7],
  ['007', 7],
  ['10', 10],
  ['11', null],
  ['', null],
  [' 1', null],
  ['-1', null],
  ['1.0', null],
  ['1e0', null],
  ['0x1', null],
  ['Infinity', null],
];

for (const [text, value] of whole) {
  numbers(`a whole number up to 10: "${text}"`, () => {
    if (value !== null) return assert.is(parseWholeNumber('--count', text, 10), value);
    const message = `--count must be a whole number from 0 to 10, not "${text}"`;
    throws(() => parseWholeNumber('--count', text, 10), (error) => {
      return error instanceof CommandError && error.message === message;
    });
  });
}

numbers('a message limit is one that a string can have', () => {
  assert.is(parseMessageLimit('16777216'), 16_777_216);
  const sentence = /^Error: --max-message-bytes must be a whole number from 0 to \d+, not "9007199254740991"$/;
  throws(() => parseMessageLimit('9007199254740991'), sentence);
});

const times: readonly [text: string, milliseconds: number | null][] = [
  ['0', 0],
  ['10', 10_000],
  ['0.25', 250],
  ['0.0004', 0],
  // The longest time that a timer of Node's keeps: 2^31-1 milliseconds.
  ['2147483.647', 2_147_483_647],
  ['2147483.648', null],
  ['', null],
  ['.5', null],
  ['5.', null],
  ['-1', null],
  ['1s', null],
  ['1e3', null],
];

for (const [text, value] of times) {
  numbers(`seconds: "${text}"`, () => {
    if (value !== null) return assert.is(parseSeconds('--wait', text), value);
    const message = `--wait must be seconds from 0 to 2147483, not "${text}"`;
    throws(() => parseSeconds('--wait', text), (error) => error instanceof CommandError && error.message === message);
  });
}

numbers('what parseArgs finds wrong is told in its first sentence', () => {
  const config = { args: ['--colour'], options: { color: { type: 'string' } } } as const;
  throws(() => parse('paint', config), {
    constructor: CommandError,
    message: "Unknown option '--colour'; see twobyte paint --help",
  });
});

numbers.run();
