// Feeds: places, waiting for news, iterating at one's own pace, and that nothing is left behind.
import { throws } from 'node:assert/strict';
import { getEventListeners, setMaxListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { LogError } from '../../src/errors.js';
import { createFeed } from '../../src/feed/feed.js';
import type { Update } from '../../src/feed/log.js';
import { isPending, nextTurn, rejectionOf } from '../connection/harness.js';
import { suite } from '../runner/suite.js';
import { Clock } from '../support/clock.js';
import { warningsOf } from '../support/warnings.js';
import { countTimers, until } from '../server/harness.js';
import { feedOf, RemoteLog, valuesOf } from './harness.js';

const kept = suite('feed: what is kept');

kept('publishing gives the id, and a reader gets what came after the one it has', async () => {
  const feed = feedOf(0);
  assert.equal([await feed.publish('a'), await feed.publish('b')], ['a-1', 'a-2']);
  const updates = [{ id: 'a-1', value: 'a' }, { id: 'a-2', value: 'b' }];
  assert.equal(await feed.after('all'), { place: 'a-2', updates });
  assert.equal(await feed.after('a-1'), { place: 'a-2', updates: updates.slice(1) });
  assert.equal(await feed.after('a-2'), { place: 'a-2', updates: [] });
});

kept('whatever is published is a value', async () => {
  const feed = createFeed<unknown>();
  const values = [undefined, null, 0, '', false];
  for (const value of values) void feed.publish(value);
  assert.equal(valuesOf((await feed.after('all')).updates), values);
});

kept('a place from before a restart is recognised, however long the new feed is', async () => {
  const before = createFeed<string>();
  for (const value of ['a', 'b', 'c']) void before.publish(value);
  const { place } = await before.after('now');
  const after = createFeed<string>();
  assert.equal(await after.after(place), { place, updates: [] });
  for (const value of ['d', 'e', 'f', 'g']) void after.publish(value);
  const { updates } = await after.after(place);
  assert.equal([valuesOf(updates), updates[0]!.missed], [['d', 'e', 'f', 'g'], 'unknown']);
});

kept('1,000 are kept by default, and given at once', async () => {
  assert.equal((await feedOf(1001).after('a-0')).updates[0], { id: 'a-2', value: '2', missed: 1 });
  const first = await feedOf(1500, 2000).after('all');
  assert.equal([first.updates.length, first.place], [1000, 'a-1000']);
});

kept('keep is a whole number of at least 1, a life some letters, an option one that there is', () => {
  for (const keep of [0, -1, 1.5, NaN, Infinity, 2 ** 32, '5' as unknown as number]) {
    throws(() => createFeed({ keep }), { name: 'RangeError', message: /^keep must be a whole number from 1 to/ });
  }
  for (const life of ['', 'a b', 'é', 'a/b', 'a\n']) {
    throws(() => createFeed({ life }), { name: 'TypeError', message: 'a life is letters, digits, _ and -' });
  }
  throws(() => createFeed({ kept: 1 } as object), { message: /the nearest one is keep$/ });
});

kept('after the end nothing can be published, but what is kept can be read', async () => {
  const feed = feedOf(2);
  feed.end();
  feed.end();
  throws(() => feed.publish('3'), { name: 'TypeError', message: 'the feed has ended; publish before end()' });
  assert.ok(feed.isEnded);
  assert.equal(valuesOf((await feed.after('a-1')).updates), ['2']);
});

kept.run();

const waiting = suite('feed: waiting');

/** Longer than any test. */
const LONG = 60_000;

waiting('what is there is given at once', async () => {
  assert.equal(valuesOf((await feedOf(3).after('a-1', { wait: LONG })).updates), ['2', '3']);
});

waiting('else the next update is waited for, and what is published with it comes along', async () => {
  const feed = feedOf(3);
  const wait = feed.after('a-3', { wait: LONG });
  assert.ok(await isPending(wait));
  void feed.publish('4');
  void feed.publish('5');
  assert.equal(await wait, { place: 'a-5', updates: [{ id: 'a-4', value: '4' }, { id: 'a-5', value: '5' }] });
});

waiting('an unknown place waits only while there is nothing at all', async () => {
  const feed = feedOf(0);
  const wait = feed.after('b-17', { wait: LONG });
  assert.ok(await isPending(wait));
  void feed.publish('1');
  assert.equal((await wait).updates, [{ id: 'a-1', value: '1', missed: 'unknown' }]);
});

waiting('a word stands for the place when it was asked', async () => {
  for (const log of [undefined, new RemoteLog()]) {
    const feed = createFeed<string>(log === undefined ? {} : { log });
    void feed.publish('1');
    const wait = feed.after('now', { wait: LONG });
    for (let turn = 0; turn < 9; turn++) await nextTurn();
    void feed.publish('2');
    void feed.publish('3');
    assert.is((await wait).updates[0]!.value, '2');
  }
});

waiting('all who wait are woken by one update', async () => {
  const feed = feedOf(1);
  const waits = Array.from({ length: 1000 }, () => feed.after('a-1', { wait: LONG }));
  await nextTurn();
  void feed.publish('2');
  for (const { updates } of await Promise.all(waits)) assert.equal(updates, [{ id: 'a-2', value: '2' }]);
});

waiting('what another process appends while the log is asked is not overlooked', async () => {
  const log = new RemoteLog();
  const feed = createFeed({ log });
  for (let number = 1; number <= 20; number++) {
    const wait = feed.after(`a-${number - 1}`, { wait: LONG });
    for (let turn = 0; turn < number % 6; turn++) await nextTurn();
    await log.append(String(number));
    assert.equal(valuesOf((await wait).updates), [String(number)]);
  }
});

waiting('all who wait at one place read the log once, but each asks by itself for what is now', async () => {
  const log = new RemoteLog();
  await log.append('1');
  const feed = createFeed({ log });
  const waits = Array.from({ length: 100 }, () => feed.after('a-0', { wait: LONG }));
  for (const { updates } of await Promise.all(waits)) assert.equal(updates, [{ id: 'a-1', value: '1' }]);
  assert.equal(log.asked.splice(0), ['watch', 'a-0']);
  feed.end();
  const other = createFeed({ log });
  for (const place of ['now', 'latest']) {
    for (let count = 0; count < 2; count++) void other.from(place).next();
  }
  const words = (): string[] => log.asked.filter((asked) => asked === 'now' || asked === 'latest');
  await until('all have asked', () => words().length === 4);
  other.end();
});

waiting('who comes after news does not wait for a read that has begun before', async () => {
  const log = new RemoteLog();
  const feed = createFeed({ log });
  const waits = [feed.after('unknown', { wait: LONG })];
  for (let turn = 0; turn < 9; turn++) await nextTurn();
  waits.push(feed.after('unknown', { wait: LONG }));
  void log.append('1');
  await until('it is told', () => feed.tail.last === 1);
  waits.push(feed.after('unknown', { wait: LONG }));
  for (const { updates } of await Promise.all(waits)) assert.equal(valuesOf(updates), ['1']);
});

waiting('while the log is away it waits, but does not without', async () => {
  using clock = new Clock(500);
  const log = new RemoteLog();
  log.isAway = true;
  const feed = createFeed({ log });
  assert.is((await rejectionOf(feed.after('all'))).message, 'the log is away');
  const wait = feed.after('all', { wait: LONG });
  // Of the same feed, it would know the place by what the other watches.
  const next = createFeed({ log }).from().next();
  for (let count = 0; count < 3; count++) {
    await until('they wait for the log', () => clock.timers === 2);
    clock.advance(500);
  }
  await until('they wait for the log', () => clock.timers === 2);
  log.isAway = false;
  clock.advance(500);
  for (let turn = 0; turn < 9; turn++) await nextTurn();
  await log.append('1');
  assert.equal(valuesOf((await wait).updates), ['1']);
  assert.equal((await next).value, { id: 'a-1', value: '1' });
});

waiting('while the log is away, or does not answer, a wait ends in time', async () => {
  // Those that have ended try no more, but for their last pause.
  using _ = new Clock(500);
  for (const state of ['away', 'silent']) {
    const log = new RemoteLog();
    const feed = createFeed({ log });
    log.isAway = state === 'away';
    if (state === 'silent') log.read = () => new Promise(() => {});
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = [feed.after('all', { wait: LONG, signal }), feed.from('all', { signal }).next(),
      feed.from('now', { signal }).next()].map(rejectionOf);
    await nextTurn();
    controller.abort(new Error('enough'));
    for (const { message } of await Promise.all(aborted)) assert.is(message, 'enough', state);
    assert.equal(await feed.after('all', { wait: 1 }), { place: 'all', updates: [] }, state);
    assert.is((await rejectionOf(feed.from('now', { signal }).next())).message, 'enough', state);
  }
});

waiting('a log that fails for good is told at once, to whoever waits', async () => {
  const log = new RemoteLog();
  const feed = createFeed({ log });
  log.isAway = true;
  const error = new LogError('no permission');
  log.error = error;
  const waits = [feed.after('all', { wait: LONG }), feed.from('all').next(), feed.from().next()];
  assert.equal(await Promise.all(waits.map(rejectionOf)), [error, error, error]);
  log.isAway = false;
  const told = [feed.after('all', { wait: LONG }), feed.from('all').next()].map(rejectionOf);
  await nextTurn();
  log.fail(error);
  assert.equal(await Promise.all(told), [error, error]);
  // Who has nothing to wait for needs no news; and what comes says that there is news again.
  assert.equal((await feed.after('all')).updates, []);
  assert.is(await rejectionOf(feed.after('all', { wait: LONG })), error);
  await feed.publish('1');
  const { place, updates } = await feed.after('all', { wait: LONG });
  assert.equal(valuesOf(updates), ['1']);
  assert.ok(await isPending(feed.after(place, { wait: LONG })));
  feed.end();
});

waiting('when the time is over there is none, and no error', async () => {
  const feed = feedOf(1);
  assert.equal(await feed.after('a-1', { wait: 1 }), { place: 'a-1', updates: [] });
  void feed.publish('2');
  assert.equal(valuesOf((await feed.after('a-1', { wait: 1 })).updates), ['2']);
});

waiting('a time that is none is a RangeError', async () => {
  for (const wait of [-1, 0.5, NaN, 2 ** 31]) {
    assert.instance(await rejectionOf(feedOf(1).after('all', { wait })), RangeError);
  }
});

waiting('an abort rejects with the reason of the signal, at once also if there is something', async () => {
  const controller = new AbortController();
  const wait = feedOf(1).after('a-1', { signal: controller.signal, wait: LONG });
  await nextTurn();
  controller.abort(new Error('enough'));
  assert.is((await rejectionOf(wait)).message, 'enough');
  assert.is((await rejectionOf(feedOf(1).after('all', { signal: controller.signal }))).message, 'enough');
});

waiting('the end gives none to all who wait, and to those who ask later', async () => {
  const feed = feedOf(1);
  const waits = [feed.after('a-1', { wait: LONG }), feed.after('a-1', { wait: LONG })];
  await nextTurn();
  feed.end();
  waits.push(feed.after('a-1', { wait: LONG }));
  for (const { updates } of await Promise.all(waits)) assert.equal(updates, []);
  assert.equal(valuesOf((await feed.after('all', { wait: LONG })).updates), ['1']);
});

waiting('no timer and no listener is left, however it ends', async () => {
  const timers = countTimers();
  const controller = new AbortController();
  const { signal } = controller;
  const feed = feedOf(0);
  const listeners = (): number => getEventListeners(signal, 'abort').length;

  const served = feed.after('all', { signal, wait: LONG });
  await nextTurn();
  assert.equal([listeners(), countTimers()], [1, timers + 1]);
  void feed.publish('1');
  await served;
  assert.equal([listeners(), countTimers()], [0, timers], 'served');

  await feed.after('a-1', { signal, wait: 1 });
  assert.equal([listeners(), countTimers()], [0, timers], 'timed out');

  const aborted = Array.from({ length: 1000 }, () => rejectionOf(feed.after('a-1', { signal, wait: LONG })));
  await nextTurn();
  controller.abort();
  for (const error of await Promise.all(aborted)) assert.is(error.name, 'AbortError');
  assert.equal([listeners(), countTimers()], [0, timers], 'aborted');

  const ended = feed.after('a-1', { wait: LONG });
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
    for (let count = 0; count < 50; count++) {
      all.push(feed.after('a-1', { signal, wait: LONG }), feed.from('a-1', { signal }).next());
    }
  });
  assert.equal(warnings, []);
  feed.end();
  await Promise.all(all);
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

waiting.run();

const iterating = suite('feed: iterating');

/** The next update, which must be there. */
async function nextOf(updates: AsyncIterator<Update<string>>): Promise<Update<string>> {
  const { done, value } = await updates.next();
  assert.not(done);
  return value as Update<string>;
}

iterating('what is there, then what comes', async () => {
  const feed = feedOf(2);
  const updates = feed.from('all');
  assert.equal(await nextOf(updates), { id: 'a-1', value: '1' });
  assert.equal(await nextOf(updates), { id: 'a-2', value: '2' });
  const third = updates.next();
  assert.ok(await isPending(third));
  void feed.publish('3');
  assert.equal((await third).value, { id: 'a-3', value: '3' });
});

iterating('the newest, then what comes', async () => {
  const feed = feedOf(3);
  const updates = feed.from('latest');
  void feed.publish('4');
  assert.equal([(await nextOf(updates)).value], ['4']);
});

iterating('without a place it begins where it was asked for', async () => {
  const feed = feedOf(2);
  const updates = feed.from();
  void feed.publish('3');
  assert.equal(await nextOf(updates), { id: 'a-3', value: '3' });
});

iterating('each reader gets all in order, however slow', async () => {
  for (const log of [undefined, new RemoteLog()]) {
    const feed = createFeed<string>(log === undefined ? {} : { log });
    const read = async (pace: number): Promise<string[]> => {
      const values: string[] = [];
      for await (const { value, missed } of feed.from('all')) {
        assert.is(missed, undefined);
        values.push(value);
        if (value === '50') break;
        for (let turn = 0; turn < pace; turn++) await nextTurn();
      }
      return values;
    };
    const readers = [0, 1, 3].map(read);
    await nextTurn();
    for (let number = 1; number <= 50; number++) {
      void feed.publish(String(number));
      if (number % 7 === 0) await nextTurn();
    }
    const all = Array.from({ length: 50 }, (_, index) => String(index + 1));
    assert.equal(await Promise.all(readers), [all, all, all]);
  }
});

iterating('who falls behind by more than keep goes on with the oldest, and is told', async () => {
  const feed = feedOf(1, 3);
  const updates = feed.from('all');
  assert.is((await nextOf(updates)).id, 'a-1');
  for (const value of ['2', '3', '4', '5', '6']) void feed.publish(value);
  assert.equal(await nextOf(updates), { id: 'a-4', value: '4', missed: 2 });
  assert.equal(await nextOf(updates), { id: 'a-5', value: '5' });
});

iterating('an abort throws the reason of the signal, at once and before the next', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const feed = feedOf(2);
  const updates = feed.from('all', { signal });
  const waiting = feed.from('a-2', { signal });
  await nextOf(updates);
  const waits = rejectionOf(waiting.next());
  await nextTurn();
  controller.abort(new Error('enough'));
  assert.is((await waits).message, 'enough');
  assert.is((await rejectionOf(updates.next())).message, 'enough');
  assert.equal(await updates.next(), { done: true, value: undefined });
  assert.is(getEventListeners(signal, 'abort').length, 0);
  assert.is((await rejectionOf(feed.from('all', { signal }).next())).message, 'enough');
});

iterating('the end of the feed ends it, after the last update', async () => {
  const feed = feedOf(2);
  feed.end();
  const values: string[] = [];
  for await (const { value } of feed.from('all')) values.push(value);
  assert.equal(values, ['1', '2']);
});

iterating.run();
