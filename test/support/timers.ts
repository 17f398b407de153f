// Takes the timers of one duration out of the hands of the clock: the test says when their time is up.

export class HeldTimers implements Disposable {
  readonly #originals = { setTimeout, clearTimeout };
  readonly #callbacks = new Map<unknown, () => void>();

  /** @param milliseconds those of the timers to hold: a number that no other timer has, and longer than any test. */
  constructor(milliseconds: number) {
    const { setTimeout: start, clearTimeout: stop } = this.#originals;
    const hold = (callback: (...values: unknown[]) => void, duration?: number, ...values: unknown[]): unknown => {
      const timer: unknown = Reflect.apply(start, globalThis, [callback, duration, ...values]);
      if (duration === milliseconds) this.#callbacks.set(timer, () => callback(...values));
      return timer;
    };
    const release = (timer: NodeJS.Timeout | undefined): void => {
      this.#callbacks.delete(timer);
      stop(timer);
    };
    Object.assign(globalThis, { setTimeout: hold, clearTimeout: release });
  }

  /** How many wait for their time. */
  get count(): number {
    return this.#callbacks.size;
  }

  /** The time of all is up. */
  fire(): void {
    const callbacks = [...this.#callbacks];
    for (const [timer, callback] of callbacks) {
      clearTimeout(timer as NodeJS.Timeout);
      callback();
    }
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#originals);
  }
}
