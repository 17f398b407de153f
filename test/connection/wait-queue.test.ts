// The wait queue: order of messages and of waiters, timeouts and aborts that lose nothing, and the end.
import { getEventListeners, setMaxListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { WaitQueue } from '../../src/connection/wait-queue.js';
import { TimeoutError } from '../../src/errors.js';
import { suite } from '../runner/suite.js';
import { warningsOf } from '../support/warnings.js';
import { countTimers, isPending, rejectionOf } from './harness.js';

const test = suite('WaitQueue');

const LIMITS = { maxQueuedMessages: 4, maxQueuedBytes: 100, maxStreamedBytes: 0 };

function queueOf(...items: string[]): WaitQueue<string> {
  const queue = new WaitQueue<string>(LIMITS);
  for (const item of items) queue.put(item, item.length);
  return queue;
}

function countListeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

test('items are taken in the order in which they were put', async () => {
  const queue = queueOf('a', 'bb', 'ccc');
  assert.is(queue.take(), 'a');
  queue.put('dddd', 4);
  assert.is(await queue.wait(), 'bb');
  assert.is(queue.take(), 'ccc');
  assert.is(await queue.wait(), 'dddd');
  assert.is(queue.take(), null);
  queue.put('e', 1);
  assert.is(queue.take(), 'e');
});

test('count and byteLength tell what nobody has taken', async () => {
  const queue = queueOf('a', 'bb', 'ccc', '');
  assert.equal([queue.count, queue.byteLength], [4, 6]);
  queue.take();
  assert.equal([queue.count, queue.byteLength], [3, 5]);
  await queue.wait();
  assert.equal([queue.count, queue.byteLength], [2, 3]);
  queue.take();
  queue.take();
  assert.equal([queue.count, queue.byteLength], [0, 0]);
  queue.take();
  assert.equal([queue.count, queue.byteLength], [0, 0]);
});

test('waiters are served first come, first served', async () => {
  const queue = queueOf();
  const served: string[] = [];
  const waits = ['first', 'second', 'third'].map(async (name) => served.push(`${name} ${await queue.wait()}`));
  for (const item of ['a', 'b', 'c']) queue.put(item, 1);
  await Promise.all(waits);
  assert.equal(served, ['first a', 'second b', 'third c']);
});

test('next is wait as the result of an iterator, in the same line', async () => {
  const queue = queueOf('a');
  assert.equal(await queue.next(), { value: 'a', done: false });
  const waits = [queue.next(), queue.wait(), queue.next()];
  for (const item of ['b', 'c']) queue.put(item, 1);
  queue.end();
  assert.equal(await Promise.all(waits), [
    { value: 'b', done: false },
    'c',
    { value: undefined, done: true },
  ]);
  assert.equal(await queue.next(), { value: undefined, done: true });
});

test('waiters with and without limits stand in the same line', async () => {
  const queue = queueOf();
  const { signal } = new AbortController();
  const waits = [queue.wait({ timeout: 60_000 }), queue.wait(), queue.wait({ signal }), queue.wait({})];
  for (const item of ['a', 'b', 'c', 'd']) queue.put(item, 1);
  assert.equal(await Promise.all(waits), ['a', 'b', 'c', 'd']);
});

test('an item for a waiter is never counted, and cannot be taken by another', async () => {
  const queue = queueOf();
  const wait = queue.wait();
  queue.put('for the waiter', 14);
  assert.equal([queue.count, queue.byteLength], [0, 0]);
  assert.is(queue.take(), null);
  assert.is(await wait, 'for the waiter');
});

test('items beyond the waiters are kept behind them', async () => {
  const queue = queueOf();
  const waits = [queue.wait(), queue.wait()];
  for (const item of ['a', 'b', 'c', 'd']) queue.put(item, 1);
  assert.equal(await Promise.all(waits), ['a', 'b']);
  assert.is(queue.count, 2);
  assert.equal([await queue.wait(), queue.take()], ['c', 'd']);
});

test('an item that is there is given even with no time to wait', async () => {
  assert.is(await queueOf('a').wait({ timeout: 0 }), 'a');
});

test('falsy items are items', async () => {
  const queue = new WaitQueue<unknown>(LIMITS);
  const wait = queue.wait();
  for (const item of ['', 0, false]) queue.put(item, 0);
  assert.is(await wait, '');
  assert.is(queue.count, 2);
  assert.is(queue.take(), 0);
  assert.is(await queue.wait(), false);
});

// ── Timeouts ──

test('a wait that takes too long rejects with a TimeoutError that tells the time', async () => {
  const error = await rejectionOf(queueOf().wait({ timeout: 1 }));
  assert.instance(error, TimeoutError);
  assert.is(error.name, 'TimeoutError');
  assert.is((error as TimeoutError).code, 'TIMEOUT');
  assert.is(error.message, 'no message within 1 milliseconds');
});

test('what comes after a timeout goes to the next waiter', async () => {
  const queue = queueOf();
  const first = queue.wait({ timeout: 0 });
  const second = queue.wait();
  assert.instance(await rejectionOf(first), TimeoutError);
  queue.put('a', 1);
  assert.is(await second, 'a');
});

test('what comes after a timeout is kept if nobody else waits', async () => {
  const queue = queueOf();
  assert.instance(await rejectionOf(queue.wait({ timeout: 0 })), TimeoutError);
  queue.put('a', 1);
  assert.is(queue.count, 1);
  assert.is(await queue.wait({ timeout: 0 }), 'a');
});

test('a waiter that gives up leaves the line in order', async () => {
  const queue = queueOf();
  const first = queue.wait();
  const second = queue.wait({ timeout: 0 });
  const third = queue.wait();
  assert.instance(await rejectionOf(second), TimeoutError);
  queue.put('a', 1);
  queue.put('b', 1);
  assert.equal(await Promise.all([first, third]), ['a', 'b']);
});

test('a waiter that was served has no timer any more', async () => {
  const queue = queueOf();
  const before = countTimers();
  const wait = queue.wait({ timeout: 60_000 });
  assert.is(countTimers(), before + 1);
  queue.put('a', 1);
  await wait;
  assert.is(countTimers(), before);
});

test('a timeout that is no time for a timer is a RangeError at once, and takes nothing', async () => {
  const queue = queueOf('a');
  const empty = queueOf();
  const refused: unknown[] = [-1, 0.5, NaN, Infinity, 2_147_483_648, '5', 5n, null, {}];
  for (const timeout of refused) {
    for (const asked of [queue, empty]) {
      assert.throws(
        () => asked.wait({ timeout: timeout as number }),
        (error: unknown) => error instanceof RangeError && error.message.startsWith('timeout must be'),
        String(timeout),
      );
    }
  }
  assert.is(queue.count, 1);
  empty.put('b', 1);
  assert.is(empty.count, 1);
});

test('the longest time of a timer is taken', async () => {
  const queue = queueOf();
  const wait = queue.wait({ timeout: 2_147_483_647 });
  assert.is(await isPending(wait), true);
  queue.put('a', 1);
  assert.is(await wait, 'a');
});

// ── Aborts ──

test('a signal that was aborted before rejects at once with its reason, and takes nothing', async () => {
  const reason = new Error('not needed any more');
  const queue = queueOf('a');
  assert.is(await rejectionOf(queue.wait({ signal: AbortSignal.abort(reason) })), reason);
  assert.is(await rejectionOf(queue.wait({ signal: AbortSignal.abort(reason), timeout: 0 })), reason);
  assert.is(queue.take(), 'a');
});

test('an abort rejects the wait with the reason of the signal, whatever it is', async () => {
  for (const reason of [new TypeError('mine'), 'a string', 0, null]) {
    const queue = queueOf();
    const controller = new AbortController();
    const wait = queue.wait({ signal: controller.signal });
    controller.abort(reason);
    assert.is(await rejectionOf(wait), reason);
    queue.put('a', 1);
    assert.is(queue.count, 1);
  }
});

test('an abort without a reason rejects with an AbortError', async () => {
  const controller = new AbortController();
  const wait = queueOf().wait({ signal: controller.signal });
  controller.abort();
  assert.is((await rejectionOf(wait)).name, 'AbortError');
});

test('what comes after an abort goes to the next waiter', async () => {
  const queue = queueOf();
  const controller = new AbortController();
  const first = queue.wait({ signal: controller.signal });
  const second = queue.wait();
  controller.abort();
  queue.put('a', 1);
  assert.is((await rejectionOf(first)).name, 'AbortError');
  assert.is(await second, 'a');
});

test('an abort in the turn of the item comes too late', async () => {
  const queue = queueOf();
  const controller = new AbortController();
  const wait = queue.wait({ signal: controller.signal });
  queue.put('a', 1);
  controller.abort();
  assert.is(await wait, 'a');
});

test('one signal ends all waits that were given it, and no other', async () => {
  const queue = queueOf();
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = Array.from({ length: 20 }, () => queue.wait({ signal }));
  const other = queue.wait();
  controller.abort('enough');
  for (const wait of aborted) assert.is(await rejectionOf(wait), 'enough');
  queue.put('a', 1);
  assert.is(await other, 'a');
});

test('any number of waits on one signal is no leak of listeners', async () => {
  const { signal } = new AbortController();
  setMaxListeners(10, signal);
  const queue = queueOf();
  const warnings = await warningsOf(() => {
    for (let count = 0; count < 100; count++) void queue.wait({ signal, timeout: 60_000 });
  });
  assert.equal(warnings, []);
  queue.end();
  assert.is(countListeners(signal), 0);
});

test('no listener stays on the signal, however the wait ends', async () => {
  const { signal } = new AbortController();
  const queue = queueOf();

  const served = queue.wait({ signal, timeout: 60_000 });
  assert.is(countListeners(signal), 1);
  queue.put('a', 1);
  await served;
  assert.is(countListeners(signal), 0, 'served');

  await rejectionOf(queue.wait({ signal, timeout: 0 }));
  assert.is(countListeners(signal), 0, 'timed out');

  queue.put('b', 1);
  await queue.wait({ signal });
  assert.is(countListeners(signal), 0, 'an item was there');

  const controller = new AbortController();
  const aborted = queue.wait({ signal: controller.signal, timeout: 60_000 });
  controller.abort();
  await rejectionOf(aborted);
  assert.is(countListeners(controller.signal), 0, 'aborted');

  const ended = queue.wait({ signal });
  queue.end();
  await ended;
  assert.is(countListeners(signal), 0, 'ended');
  await queue.wait({ signal });
  assert.is(countListeners(signal), 0, 'asked after the end');
});

test('an aborted wait has no timer any more', async () => {
  const before = countTimers();
  const controller = new AbortController();
  const wait = queueOf().wait({ signal: controller.signal, timeout: 60_000 });
  assert.is(countTimers(), before + 1);
  controller.abort();
  await rejectionOf(wait);
  assert.is(countTimers(), before);
});

test('100,000 waiters that timed out, and 1,000 that were aborted, leave nothing behind', async () => {
  const queue = queueOf();
  const timers = countTimers();
  const controller = new AbortController();
  const { signal } = controller;
  const waits: Promise<unknown>[] = [];
  for (let number = 0; number < 100_000; number++) {
    waits.push(queue.wait({ timeout: 0 }));
    if (number % 100 === 0) waits.push(queue.wait({ signal }));
  }
  controller.abort('enough');
  const outcomes = await Promise.allSettled(waits);
  assert.is(outcomes.filter(({ status }) => status === 'rejected').length, 101_000);
  assert.is(countListeners(signal), 0);
  assert.is(countTimers(), timers);
  // Had one of them stayed in the line, it would swallow an item.
  for (let number = 0; number < 1000; number++) queue.put(String(number), 1);
  assert.is(queue.count, 1000);
  for (let number = 0; number < 1000; number++) assert.is(queue.take(), String(number));
});

// ── The end ──

test('the end wakes everyone who waits with null, and stops their timers', async () => {
  const queue = queueOf();
  const timers = countTimers();
  const { signal } = new AbortController();
  const waits = [queue.wait(), queue.wait({ timeout: 60_000 }), queue.wait({ signal }), queue.wait()];
  queue.end();
  assert.equal(await Promise.all(waits), [null, null, null, null]);
  assert.is(countTimers(), timers);
});

test('behind the end it is null for ever, however it is asked', async () => {
  const queue = queueOf();
  queue.end();
  for (let round = 0; round < 3; round++) {
    assert.is(await queue.wait(), null);
    assert.is(await queue.wait({ timeout: 0 }), null);
    assert.is(await queue.wait({ signal: new AbortController().signal }), null);
    assert.is(queue.take(), null);
    assert.equal([queue.count, queue.byteLength], [0, 0]);
    queue.end();
  }
});

test('what was put before the end can still be taken, then it is null', async () => {
  const queue = queueOf('a', 'b', 'c');
  queue.end();
  assert.is(queue.count, 3);
  assert.equal([await queue.wait(), queue.take(), await queue.wait({ timeout: 0 })], ['a', 'b', 'c']);
  assert.is(await queue.wait(), null);
});

test('an aborted signal and a bad timeout are told behind the end too', async () => {
  const queue = queueOf();
  queue.end();
  assert.is(await rejectionOf(queue.wait({ signal: AbortSignal.abort('no') })), 'no');
  assert.throws(() => queue.wait({ timeout: -1 }), (error: unknown) => error instanceof RangeError);
});

test('an abort behind the end changes nothing', async () => {
  const queue = queueOf();
  const controller = new AbortController();
  const wait = queue.wait({ signal: controller.signal });
  queue.end();
  controller.abort();
  assert.is(await wait, null);
});

test.run();
