// What ends a wait early: a timeout or a signal, whichever comes first, once; and one listener for all who wait on it.
import { getEventListeners, setMaxListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { limitWait, whenAborted, type WaitLimits } from '../../src/connection/wait-limits.js';
import { suite } from '../runner/suite.js';
import { Clock } from '../support/clock.js';
import { warningsOf } from '../support/warnings.js';

const test = suite('connection/wait-limits');

function countListeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** Begins a wait; `ends` tells how it was ended, each time. */
function begin(limits: WaitLimits): { ends: unknown[]; stop: () => void } {
  const ends: unknown[] = [];
  const stop = limitWait(limits, () => ends.push('timeout'), (reason) => ends.push(reason));
  return { ends, stop };
}

test('the timeout ends it, and an abort comes too late', () => {
  using clock = new Clock();
  const controller = new AbortController();
  const { ends } = begin({ timeout: 100, signal: controller.signal });
  clock.advance(99);
  assert.equal(ends, []);
  clock.advance(1);
  assert.equal([ends, countListeners(controller.signal)], [['timeout'], 0]);
  controller.abort('enough');
  assert.equal(ends, ['timeout']);
});

test('an abort ends it with its reason, and the time does not pass any more', () => {
  using clock = new Clock();
  const controller = new AbortController();
  const { ends } = begin({ timeout: 100, signal: controller.signal });
  controller.abort('enough');
  clock.advance(1000);
  assert.equal([ends, clock.timers, countListeners(controller.signal)], [['enough'], 0, 0]);
});

test('either may be absent, or both', () => {
  using clock = new Clock();
  const controller = new AbortController();
  const waits = [{ timeout: 0 }, { signal: controller.signal }, {}].map(begin);
  clock.advance(0);
  controller.abort('enough');
  assert.equal(waits.map(({ ends }) => ends), [['timeout'], ['enough'], []]);
  for (const { stop } of waits) stop();
});

test('once it is stopped, nothing ends it; it may be stopped twice', () => {
  using clock = new Clock();
  const controller = new AbortController();
  const { ends, stop } = begin({ timeout: 100, signal: controller.signal });
  stop();
  assert.equal([clock.timers, countListeners(controller.signal)], [0, 0]);
  const other = begin({ signal: controller.signal });
  stop();
  controller.abort('enough');
  assert.equal([ends, other.ends], [[], ['enough']]);
});

test('all who wait on a signal share one listener, which goes with the last of them', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const called: number[] = [];
  const stops = Array.from({ length: 100 }, (_, number) => whenAborted(signal, () => called.push(number)));
  assert.is(countListeners(signal), 1);
  for (const stop of stops.splice(1)) stop();
  assert.is(countListeners(signal), 1);
  stops[0]!();
  assert.is(countListeners(signal), 0);
  for (const number of [1, 2, 3]) whenAborted(signal, () => called.push(number));
  controller.abort();
  assert.equal([called, countListeners(signal)], [[1, 2, 3], 0]);
});

test('who is stopped by another at the abort is not called', () => {
  const controller = new AbortController();
  const called: string[] = [];
  const stops: (() => void)[] = [];
  whenAborted(controller.signal, () => {
    called.push('first');
    stops[0]!();
  });
  stops.push(whenAborted(controller.signal, () => called.push('second')));
  controller.abort();
  assert.equal(called, ['first']);
});

test('a signal that is aborted already calls nobody', () => {
  const { ends, stop } = begin({ signal: AbortSignal.abort() });
  stop();
  assert.equal(ends, []);
});

test('however many wait on a signal, Node warns of no leak', async () => {
  const { signal } = new AbortController();
  // The default of Node 20; newer ones have none, but a program may set one.
  setMaxListeners(10, signal);
  const warnings = await warningsOf(() => {
    for (let count = 0; count < 100; count++) whenAborted(signal, () => {});
  });
  assert.equal(warnings, []);
});

test.run();
