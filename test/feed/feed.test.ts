// Feeds: numbers, what is kept, waiting for news, iterating at one's own pace, and that nothing is left behind.
import { throws } from 'node:assert/strict';
import { getEventListeners, setMaxListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { createFeed, type Feed, type Update } from '../../src/feed/feed.js';
import { isPending, nextTurn, rejectionOf } from '../connection/harness.js';
import { suite } from '../runner/suite.js';
import { warningsOf } from '../support/warnings.js';
import { countTimers } from '../server/harness.js';

/** A feed in which `1` … `count` were published under these numbers. */
function feedOf(count: number, keep?: number): Feed<string> {
  const feed = createFeed<string>(keep === undefined ? {} : { keep });
  for (let number = 1; number <= count; number++) feed.publish(String(number));
  return feed;
}

function numbersOf(updates: readonly Update<string>[]): number[] {
  return updates.map(({ number }) => number);
}

const kept = suite('feed: what is kept');

kept('updates are numbered from 1 on', () => {
  const feed = feedOf(0);
  assert.is(feed.last, 0);
  assert.equal([feed.publish('a'), feed.publish('b')], [1, 2]);
  assert.is(feed.last, 2);
  assert.equal(feed.after(0), [{ number: 1, value: 'a' }, { number: 2, value: 'b' }]);
});

kept('a reader gets what came after the number it has', () => {
  const feed = feedOf(4);
  assert.equal(numbersOf(feed.after(2)), [3, 4]);
  assert.equal(numbersOf(feed.after(3)), [4]);
  assert.equal(feed.after(4), []);
});

kept('whatever is published is a value', () => {
  const feed = createFeed<unknown>();
  const values = [undefined, null, 0, '', false];
  for (const value of values) feed.publish(value);
  assert.equal(feed.after(0).map(({ value }) => value), values);
});

kept('the oldest go when there are more than keep, and their readers are told how many', () => {
  const feed = feedOf(10, 3);
  assert.equal(feed.after(0), [
    { number: 8, value: '8', missed: 7 }, { number: 9, value: '9' }, { number: 10, value: '10' },
  ]);
  assert.equal(feed.after(6)[0], { number: 8, value: '8', missed: 1 });
  assert.equal(feed.after(7), [{ number: 8, value: '8' }, { number: 9, value: '9' }, { number: 10, value: '10' }]);
  assert.equal(feed.after(9), [{ number: 10, value: '10' }]);
});

kept('one is enough to keep, and 1,000 are kept by default', () => {
  assert.equal(feedOf(5, 1).after(4), [{ number: 5, value: '5' }]);
  assert.equal(feedOf(5, 1).after(0), [{ number: 5, value: '5', missed: 4 }]);
  assert.is(feedOf(1000).after(0).length, 1000);
  assert.is(feedOf(1001).after(0)[0]!.missed, 1);
});

kept('a number that is none of this feed stands for 0', () => {
  for (const number of [NaN, -1, 0.5, 1.5, 5, Infinity, -Infinity, Number.MAX_SAFE_INTEGER]) {
    assert.equal(numbersOf(feedOf(4).after(number)), [1, 2, 3, 4], String(number));
    assert.equal(feedOf(0).after(number), [], String(number));
  }
  assert.is(feedOf(4, 2).after(NaN)[0]!.missed, 2);
});

kept('keep is a whole number of at least 1', () => {
  for (const keep of [0, -1, 1.5, NaN, Infinity, 2 ** 32, '5' as unknown as number]) {
    throws(() => createFeed({ keep }), { name: 'RangeError', message: /^keep must be a whole number from 1 to/ });
  }
});

kept('behind the end nothing can be published, but what is kept can be read', () => {
  const feed = feedOf(2);
  feed.end();
  feed.end();
  throws(() => feed.publish('3'), { name: 'TypeError', message: 'the feed has ended; publish before end()' });
  assert.is(feed.last, 2);
  assert.equal(numbersOf(feed.after(1)), [2]);
});

kept.run();

const waiting = suite('feed: waiting');

waiting('what is there is given at once', async () => {
  assert.equal(numbersOf(await feedOf(3).wait(1)), [2, 3]);
  assert.equal(numbersOf(await feedOf(3).wait(1, { timeout: 0 })), [2, 3]);
});

waiting('else the next update is waited for, and what is published with it comes along', async () => {
  const feed = feedOf(3);
  const wait = feed.wait(3);
  assert.ok(await isPending(wait));
  feed.publish('4');
  feed.publish('5');
  assert.equal(numbersOf(await wait), [4, 5]);
});

waiting('a number that is none of this feed waits only while there is nothing at all', async () => {
  const feed = feedOf(0);
  const wait = feed.wait(17);
  assert.ok(await isPending(wait));
  feed.publish('1');
  assert.equal(numbersOf(await wait), [1]);
  assert.equal(numbersOf(await feed.wait(17)), [1]);
});

waiting('all who wait are woken by one update', async () => {
  const feed = feedOf(1);
  const waits = Array.from({ length: 1000 }, () => feed.wait(1));
  await nextTurn();
  feed.publish('2');
  for (const updates of await Promise.all(waits)) assert.equal(updates, [{ number: 2, value: '2' }]);
});

waiting('when the time is over there is none, and no error', async () => {
  const feed = feedOf(1);
  assert.equal(await feed.wait(1, { timeout: 1 }), []);
  feed.publish('2');
  assert.equal(numbersOf(await feed.wait(1, { timeout: 1 })), [2]);
});

waiting('a timeout that is none is a RangeError', async () => {
  for (const timeout of [-1, 0.5, NaN, 2 ** 31]) {
    assert.instance(await rejectionOf(feedOf(1).wait(0, { timeout })), RangeError);
  }
});

waiting('an abort rejects with the reason of the signal, at once also if there is something', async () => {
  const controller = new AbortController();
  const wait = feedOf(1).wait(1, { signal: controller.signal, timeout: 60_000 });
  await nextTurn();
  controller.abort(new Error('enough'));
  assert.is((await rejectionOf(wait)).message, 'enough');
  assert.is((await rejectionOf(feedOf(1).wait(0, { signal: controller.signal }))).message, 'enough');
});

waiting('the end gives none to all who wait, and to those who ask later', async () => {
  const feed = feedOf(1);
  const waits = [feed.wait(1), feed.wait(1, { timeout: 60_000 })];
  await nextTurn();
  feed.end();
  assert.equal(await Promise.all(waits), [[], []]);
  assert.equal(await feed.wait(1), []);
  assert.equal(numbersOf(await feed.wait(0)), [1]);
});

waiting('no timer and no listener is left, however it ends', async () => {
  const timers = countTimers();
  const controller = new AbortController();
  const { signal } = controller;
  const feed = feedOf(0);
  const listeners = (): number => getEventListeners(signal, 'abort').length;

  const served = feed.wait(0, { signal, timeout: 60_000 });
  await nextTurn();
  assert.equal([listeners(), countTimers()], [1, timers + 1]);
  feed.publish('1');
  await served;
  assert.equal([listeners(), countTimers()], [0, timers], 'served');

  await feed.wait(1, { signal, timeout: 0 });
  assert.equal([listeners(), countTimers()], [0, timers], 'timed out');

  const aborted = Array.from({ length: 1000 }, () => rejectionOf(feed.wait(1, { signal, timeout: 60_000 })));
  await nextTurn();
  controller.abort();
  for (const error of await Promise.all(aborted)) assert.is(error.name, 'AbortError');
  assert.equal([listeners(), countTimers()], [0, timers], 'aborted');

  const ended = feed.wait(1, { timeout: 60_000 });
  await nextTurn();
  feed.end();
  await ended;
  assert.is(countTimers(), timers, 'ended');
});

waiting('any number of waits and loops on one signal is no leak of listeners', async () => {
  const { signal } = new AbortController();
  setMaxListeners(10, signal);
  const feed = feedOf(1);
  const all: Promise<unknown>[] = [];
  const warnings = await warningsOf(() => {
    for (let count = 0; count < 50; count++) all.push(feed.wait(1, { signal }), feed.from(1, { signal }).next());
  });
  assert.equal(warnings, []);
  feed.end();
  await Promise.all(all);
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

waiting('who has left is not woken', async () => {
  const feed = feedOf(0);
  let removals = 0;
  const signal = new AbortController().signal;
  const { removeEventListener } = signal;
  Object.defineProperty(signal, 'removeEventListener', {
    value: (...parameters: Parameters<typeof removeEventListener>) => {
      removals++;
      removeEventListener.apply(signal, parameters);
    },
  });
  await feed.wait(0, { signal, timeout: 0 });
  feed.publish('1');
  assert.is(removals, 1);
});

waiting.run();

const iterating = suite('feed: iterating');

/** The next value, which must be there. */
async function nextOf(updates: AsyncIterator<Update<string>>): Promise<Update<string>> {
  const { done, value } = await updates.next();
  assert.not(done);
  return value as Update<string>;
}

iterating('what is there, then what comes', async () => {
  const feed = feedOf(2);
  const updates = feed.from(0);
  assert.equal(await nextOf(updates), { number: 1, value: '1' });
  assert.equal(await nextOf(updates), { number: 2, value: '2' });
  const third = updates.next();
  assert.ok(await isPending(third));
  feed.publish('3');
  assert.equal((await third).value, { number: 3, value: '3' });
});

iterating('without a number it begins where it was asked for', async () => {
  const feed = feedOf(2);
  const updates = feed.from();
  feed.publish('3');
  assert.equal(await nextOf(updates), { number: 3, value: '3' });
});

iterating('each reader gets all in order, however slow', async () => {
  const feed = feedOf(0);
  async function read(pace: number): Promise<number[]> {
    const numbers: number[] = [];
    for await (const { number } of feed.from()) {
      numbers.push(number);
      for (let turn = 0; turn < pace; turn++) await nextTurn();
    }
    return numbers;
  }
  const readers = [0, 1, 3].map(read);
  await nextTurn();
  for (let number = 1; number <= 50; number++) {
    feed.publish(String(number));
    if (number % 7 === 0) await nextTurn();
  }
  feed.end();
  const all = Array.from({ length: 50 }, (_, index) => index + 1);
  assert.equal(await Promise.all(readers), [all, all, all]);
});

iterating('who falls behind by more than keep goes on with the oldest, and is told', async () => {
  const feed = feedOf(1, 3);
  const updates = feed.from(0);
  assert.is((await nextOf(updates)).number, 1);
  for (const value of ['2', '3', '4', '5', '6']) feed.publish(value);
  assert.equal(await nextOf(updates), { number: 4, value: '4', missed: 2 });
  assert.equal(await nextOf(updates), { number: 5, value: '5' });
});

iterating('an abort throws the reason of the signal, at once and before the next', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const feed = feedOf(1);
  const updates = feed.from(0, { signal });
  await nextOf(updates);
  const waits = rejectionOf(updates.next());
  await nextTurn();
  controller.abort(new Error('enough'));
  assert.is((await waits).message, 'enough');
  assert.equal(await updates.next(), { done: true, value: undefined });
  assert.is(getEventListeners(signal, 'abort').length, 0);
  assert.is((await rejectionOf(feed.from(0, { signal }).next())).message, 'enough');
});

iterating('the end of the feed ends it, behind the last update', async () => {
  const feed = feedOf(2);
  feed.end();
  const numbers: number[] = [];
  for await (const { number } of feed.from(0)) numbers.push(number);
  assert.equal(numbers, [1, 2]);
});

iterating.run();
