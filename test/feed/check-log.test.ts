// The check that any log can run: the one in memory passes, and one that is wrong anywhere doesn't.
import { rejects } from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LogError } from '../../src/errors.js';
import { checkLog } from '../../src/feed/check-log.js';
import type { Batch, Log } from '../../src/feed/log.js';
import { MemoryLog } from '../../src/feed/memory-log.js';
import { suite } from '../runner/suite.js';
import { RemoteLog } from './harness.js';

type Value = number | string;

const test = suite('check log');

test('the log in memory passes', async () => {
  await checkLog(new MemoryLog<Value>(100));
  await checkLog(new MemoryLog<Value>(1000));
});

test('one that answers later passes', async () => {
  await checkLog(new RemoteLog(100) as unknown as Log<Value>);
});

/** The log in memory, changed. */
function wrong(change: (log: MemoryLog<Value>) => Partial<Log<Value>>): Log<Value> {
  const log = new MemoryLog<Value>(100, 'a');
  return {
    append: (value) => log.append(value),
    read: (place, limit) => log.read(place, limit),
    watch: (take) => log.watch(take),
    ...change(log),
  };
}

const without = (batch: Batch<Value>): Batch<Value> => {
  return { ...batch, updates: batch.updates.map(({ id, value }) => ({ id, value })) };
};

const mistakes: readonly [what: string, log: Log<Value>, message: RegExp][] = [
  ['ids of which no URL can be made',
    wrong((log) => ({ append: (value) => log.append(value).then((id) => `${id}/`) })), /^Error: an id is/],
  ['an id twice',
    wrong((log) => ({ append: (value) => log.append(value).then(() => 'a-1') })), /^Error: ids differ: 1 instead of 3/],
  ['no word on what is missed',
    wrong((log) => ({ read: (place, limit) => without(log.read(place, limit)) })), /^Error: place: a place of no log/],
  ['more than wanted',
    wrong((log) => ({ read: (place) => log.read(place, 1000) })), /^Error: no more than wanted/],
  ['another order than that of the calls',
    wrong((log) => ({
      append: async (value) => {
        if (value === 5) await nextTurn();
        return log.append(value);
      },
    })), /^Error: who watches gets each once, in the order of the calls/],
  ['a watch that fails',
    wrong(() => ({ watch: (_take, fail) => (fail(new LogError('no permission')), () => {}) })), /^LogError: no perm/],
  ['a watch that never stops',
    wrong((log) => ({ watch: (take) => (log.watch(take), () => {}) })), /^Error: who has stopped/],
];

for (const [what, log, message] of mistakes) {
  test(`${what}: found out`, async () => {
    await rejects(checkLog(log), message);
  });
}

test.run();
