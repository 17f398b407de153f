// Feeds by name: the same for whoever asks, with logs of their own, and let go when nobody has them.
import { throws } from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { createFeeds } from '../../src/feed/feeds.js';
import { suite } from '../runner/suite.js';
import { nextTurn, until } from '../server/harness.js';
import { Clock } from '../support/clock.js';
import { RemoteLog, valuesOf } from './harness.js';

const test = suite('feeds');

test('a name is that of one feed', async () => {
  const feeds = createFeeds<string>({ keep: 1 });
  const feed = feeds.feed('a');
  assert.is(feeds.feed('a'), feed);
  assert.is.not(feeds.feed('b'), feed);
  assert.is(feeds.size, 2);
  void feed.publish('1');
  void feed.publish('2');
  assert.equal(valuesOf((await feeds.feed('a').after('all')).updates), ['2']);
  assert.equal((await feeds.feed('b').after('all')).updates, []);
});

test('each gets the log that is made for its name', async () => {
  const names: string[] = [];
  const feeds = createFeeds<string>({ log: (name) => (names.push(name), new RemoteLog()) });
  await feeds.feed('a').publish('1');
  await feeds.feed('a').publish('2');
  await feeds.feed('b').publish('3');
  assert.equal(names, ['a', 'b']);
});

test('all end together', () => {
  const feeds = createFeeds<string>();
  const all = [feeds.feed('a'), feeds.feed('b')];
  feeds.end();
  assert.equal(all.map(({ isEnded }) => isEnded), [true, true]);
});

test('options are checked at once', () => {
  throws(() => createFeeds({ keep: 0 }), RangeError);
  throws(() => createFeeds({ idle: -1 }), RangeError);
  throws(() => createFeeds({ kep: 1 } as object), { message: /the nearest one is keep$/ });
});

test('one that nobody has or reads is let go after some time, and no timer is left', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  using clock = new Clock();
  const feeds = createFeeds<string>({ idle: 1000 });
  const held = feeds.feed('held');
  for (const name of ['idle', 'read', 'asked']) void feeds.feed(name).publish('1');
  const controller = new AbortController();
  const reading = feeds.feed('read').after('now', { wait: 60_000, signal: controller.signal }).catch(() => {});
  clock.advance(1000);
  feeds.feed('asked');
  clock.advance(1000);
  // Else the turn's stack refers to them.
  await nextTurn();
  collect();
  await until('the idle one is gone', () => feeds.size === 3);
  assert.equal((await feeds.feed('idle').after('all')).updates, []);
  assert.equal(valuesOf((await feeds.feed('asked').after('all')).updates), ['1']);
  assert.is(feeds.feed('held'), held);
  controller.abort();
  await reading;
  clock.advance(60_000);
  assert.is(clock.timers, 0);
  await nextTurn();
  collect();
  await until('but the one that is held, all are gone', () => feeds.size === 1);
  feeds.end();
  assert.ok(held.isEnded);
});

test.run();
