// The clock that tests move by hand: what is due is called at its time and in order, and the real timers come back.
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { Clock } from './clock.js';

const test = suite('clock');

test('timers fire at their time, in order, and once', () => {
  using clock = new Clock();
  const fired: string[] = [];
  const tell = (name: string) => (): void => void fired.push(`${name} at ${clock.now}`);
  setTimeout(tell('late'), 20);
  setTimeout(tell('early'), 10);
  clock.advance(9);
  assert.equal(fired, []);
  clock.advance(1);
  assert.equal(fired, ['early at 10']);
  clock.advance(100);
  assert.equal([fired, clock.now, clock.timers], [['early at 10', 'late at 20'], 110, 0]);
});

test('a timer begins anew by refresh, and not at all once it is cleared', () => {
  using clock = new Clock();
  let count = 0;
  const timer = setTimeout(() => count++, 10).unref();
  clock.advance(9);
  timer.refresh();
  clock.advance(9);
  assert.is(count, 0);
  clock.advance(1);
  timer.refresh();
  clock.advance(10);
  assert.is(count, 2);
  timer.refresh();
  clearTimeout(timer);
  clock.advance(10);
  assert.equal([count, clock.timers], [2, 0]);
});

test('a clock for one duration takes no other timer', async () => {
  using clock = new Clock(3_600_001);
  const told: string[] = [];
  setTimeout((name: string) => void told.push(name), 3_600_001, 'held');
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  const other = setTimeout(() => void told.push('other'), 3_600_000);
  assert.is(clock.timers, 1);
  clock.advance(3_600_001);
  assert.equal([told, clock.timers], [['held'], 0]);
  clearTimeout(other);
});

test('timers from before stay real, and are back after it', async () => {
  const { setTimeout: real } = globalThis;
  const timer = setTimeout(() => {}, 60_000);
  {
    using clock = new Clock();
    assert.is.not(globalThis.setTimeout, real);
    clearTimeout(timer);
    clearTimeout(undefined);
    assert.is(clock.timers, 0);
  }
  assert.is(globalThis.setTimeout, real);
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
});

test.run();
