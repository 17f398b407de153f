// Waiting for news: none between two waits is lost, and what ends a wait.
import { getEventListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { News } from '../../src/feed/news.js';
import { isPending, rejectionOf } from '../connection/harness.js';
import { suite } from '../runner/suite.js';
import { countTimers } from '../server/harness.js';

const news = suite('news');

/** News that the test tells. */
function source(): { listen: (listener: () => void) => () => void; tell: () => void; isHeard: () => boolean } {
  const listeners = new Set<() => void>();
  return {
    listen: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell: () => listeners.forEach((listener) => listener()),
    isHeard: () => listeners.size > 0,
  };
}

news('a wait lasts until there is news', async () => {
  const { listen, tell } = source();
  const waiting = new News(listen, {});
  const wait = waiting.wait();
  assert.ok(await isPending(wait));
  tell();
  assert.is(await wait, true);
  assert.ok(await isPending(waiting.wait()));
});

news('what came before a wait ends it at once, and only that one', async () => {
  const { listen, tell } = source();
  const waiting = new News(listen, {});
  tell();
  tell();
  assert.is(await waiting.wait(), true);
  assert.ok(await isPending(waiting.wait()));
});

news('the time counts for all waits together', async () => {
  const { listen, tell } = source();
  const waiting = new News(listen, { timeout: 1 });
  assert.is(await waiting.wait(), false);
  assert.is(await waiting.wait(), false);
  tell();
  assert.is(await waiting.wait(), true);
});

news('an abort rejects with its reason, in a wait and before it', async () => {
  const controller = new AbortController();
  const waiting = new News(source().listen, { signal: controller.signal });
  const wait = rejectionOf(waiting.wait());
  controller.abort(new Error('enough'));
  assert.is((await wait).message, 'enough');
  assert.is((await rejectionOf(waiting.wait())).message, 'enough');
});

news('what is asked for comes, but not once the time is over', async () => {
  const never = new Promise(() => {});
  const waiting = new News(source().listen, { timeout: 1 });
  assert.is(await waiting.unlessOver(Promise.resolve('answer')), 'answer');
  assert.is(await waiting.unlessOver(never), null);
  assert.is(await waiting.unlessOver(never), null);
  const controller = new AbortController();
  const aborted = rejectionOf(new News(source().listen, { signal: controller.signal }).unlessOver(never));
  controller.abort(new Error('enough'));
  assert.is((await aborted).message, 'enough');
});

news('nothing is left of one that is stopped', () => {
  const { signal } = new AbortController();
  const timers = countTimers();
  const { listen, isHeard } = source();
  const waiting = new News(listen, { signal, timeout: 60_000 });
  assert.equal([isHeard(), getEventListeners(signal, 'abort').length, countTimers()], [true, 1, timers + 1]);
  waiting.stop();
  assert.equal([isHeard(), getEventListeners(signal, 'abort').length, countTimers()], [false, 0, timers]);
});

news.run();
