// Spreading: what is done at once and what later, by a clock of the test's own, late timers, and stopping.
import * as assert from 'uvu/assert';
import { spreadEvenly } from '../../src/server/spread.js';
import { suite } from '../runner/suite.js';

interface FakeTimer {
  readonly act: () => void;
  readonly at: number;
}

/** Time that passes when the test says so, in place of the machine's. */
class FakeClock implements Disposable {
  now = 1000.5;
  timer: FakeTimer | null = null;
  readonly #originals = { setTimeout, clearTimeout, now: performance.now };

  constructor() {
    const set = (act: () => void, delay: number): FakeTimer => {
      assert.ok(Number.isInteger(delay) && delay >= 1, `a timer of ${delay} ms`);
      assert.is(this.timer, null, 'one timer for all');
      return (this.timer = { act, at: this.now + delay });
    };
    const clear = (timer: FakeTimer | undefined): void => {
      if (timer === this.timer) this.timer = null;
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    performance.now = () => this.now;
  }

  /** Lets the timer fire, so many milliseconds late. */
  fire(late = 0): void {
    const { act, at } = this.timer!;
    this.timer = null;
    this.now = at + late;
    act();
  }

  [Symbol.dispose](): void {
    const { now, ...timers } = this.#originals;
    Object.assign(globalThis, timers);
    performance.now = now;
  }
}

/** Spreads so many numbers; each is kept with the time at which its turn came. */
function spread(clock: FakeClock, count: number, duration: number): { turns: [number, number][]; stop: () => void } {
  const start = clock.now;
  const turns: [number, number][] = [];
  const items = Array.from({ length: count }, (_, index) => index);
  const stop = spreadEvenly(items, duration, (item) => void turns.push([item, clock.now - start]));
  return { turns, stop };
}

const spreading = suite('spread');

spreading('none: no timer', () => {
  using clock = new FakeClock();
  for (const duration of [0, 1000]) assert.equal(spread(clock, 0, duration).turns, []);
  assert.is(clock.timer, null);
});

spreading('a duration of 0: all at once, in order, without a timer', () => {
  using clock = new FakeClock();
  assert.equal(spread(clock, 3, 0).turns, [[0, 0], [1, 0], [2, 0]]);
  assert.is(clock.timer, null);
});

spreading('the first at once, the others at even distances within the time', () => {
  using clock = new FakeClock();
  const { turns } = spread(clock, 4, 1000);
  assert.equal(turns, [[0, 0]]);
  while (clock.timer !== null) clock.fire();
  assert.equal(turns, [[0, 0], [1, 250], [2, 500], [3, 750]]);
});

spreading('more than one in a millisecond: several by one timer', () => {
  using clock = new FakeClock();
  const { turns } = spread(clock, 4, 2);
  while (clock.timer !== null) clock.fire();
  assert.equal(turns, [[0, 0], [1, 1], [2, 1], [3, 2]]);
});

spreading('what a late timer has missed is made up for', () => {
  using clock = new FakeClock();
  const { turns } = spread(clock, 4, 1000);
  clock.fire(600);
  assert.equal(turns, [[0, 0], [1, 850], [2, 850], [3, 850]]);
  assert.is(clock.timer, null);
});

spreading('stopped: the rest is left alone, and no timer stays', () => {
  using clock = new FakeClock();
  const { turns, stop } = spread(clock, 3, 1000);
  clock.fire();
  stop();
  assert.equal(turns.map(([item]) => item), [0, 1]);
  assert.is(clock.timer, null);
});

spreading.run();
