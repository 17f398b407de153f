// Time that a test moves by hand: until the clock is disposed of, timers that `setTimeout` makes are its own.

export class Clock implements Disposable {
  /** Milliseconds since the clock was made. */
  now = 0;
  readonly #timers = new Set<Timer>();
  readonly #setTimeout = globalThis.setTimeout;
  readonly #clearTimeout = globalThis.clearTimeout;

  /** @param only the duration of the timers that it takes; others stay real. It takes all if absent. */
  constructor(only?: number) {
    const setTimeout = (callback: (...values: unknown[]) => void, delay: number, ...values: unknown[]): unknown => {
      if (only !== undefined && delay !== only) return this.#setTimeout(callback, delay, ...values);
      return new Timer(this, this.#timers, () => callback(...values), delay);
    };
    const clearTimeout = (timer?: Timer | NodeJS.Timeout): void => {
      if (timer instanceof Timer) this.#timers.delete(timer);
      else this.#clearTimeout(timer);
    };
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }

  /** How many timers run. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass; what is due meanwhile is called in its order, each at its time. */
  advance(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.now = next.due;
      this.#timers.delete(next);
      next.callback();
    }
    this.now = end;
  }

  #next(end: number): Timer | undefined {
    const due = [...this.#timers].filter((timer) => timer.due <= end);
    return due.sort((one, other) => one.due - other.due)[0];
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, { setTimeout: this.#setTimeout, clearTimeout: this.#clearTimeout });
  }
}

/** What `setTimeout` returns, as far as it is used. */
class Timer {
  readonly callback: () => void;
  due = 0;
  readonly #clock: Clock;
  readonly #timers: Set<Timer>;
  readonly #delay: number;

  constructor(clock: Clock, timers: Set<Timer>, callback: () => void, delay: number) {
    this.#clock = clock;
    this.#timers = timers;
    this.callback = callback;
    this.#delay = delay;
    this.refresh();
  }

  /** Begins anew, also if it has fired. */
  refresh(): this {
    this.due = this.#clock.now + this.#delay;
    this.#timers.add(this);
    return this;
  }

  unref(): this {
    return this;
  }
}
