// How many handlers run: who waits is woken by the last that returns, or by a release.
import * as assert from 'uvu/assert';
import { RunningHandlers } from '../../src/server/handlers.js';
import { suite } from '../runner/suite.js';
import { nextTurn } from './harness.js';

const handlers = suite('running handlers');

/** What has been fulfilled, by name. */
function watch(order: string[], name: string, promise: Promise<void>): void {
  void promise.then(() => order.push(name));
}

handlers('none are waited for if none runs', async () => {
  const running = new RunningHandlers();
  await running.returned();
  running.enter();
  running.leave();
  await running.returned();
});

handlers('the last that returns wakes all who wait', async () => {
  const running = new RunningHandlers();
  const order: string[] = [];
  running.enter();
  running.enter();
  watch(order, 'one', running.returned());
  running.leave();
  watch(order, 'two', running.returned());
  await nextTurn();
  assert.equal(order, []);
  running.leave();
  await nextTurn();
  assert.equal(order, ['one', 'two']);
});

handlers('a release wakes who waits now, and the count stays right', async () => {
  const running = new RunningHandlers();
  const order: string[] = [];
  running.enter();
  watch(order, 'before', running.returned());
  running.release();
  await nextTurn();
  watch(order, 'after', running.returned());
  await nextTurn();
  assert.equal(order, ['before']);
  running.leave();
  await nextTurn();
  assert.equal(order, ['before', 'after']);
});

handlers.run();
