// Numbered updates for many readers: each asks for what came after the last number it has, and may wait for news.
import { milliseconds, wholeNumber } from '../connection/limits.js';
import { checkNames } from '../connection/options.js';
import { limitWait } from '../connection/wait-limits.js';

/** One update of a feed. */
export interface Update<T> {
  /** Counts up from 1. */
  readonly number: number;
  readonly value: T;
  /** How many updates between the reader's last one and this one are no longer kept; absent if none. */
  readonly missed?: number;
}

export interface FeedOptions {
  /** How many updates to keep for readers that come late or read slowly. Default 1,000. */
  keep?: number;
}

/**
 * Makes a feed: publish an update once, and any number of readers take it, each at its own pace.
 *
 * ```ts
 * const prices = createFeed<number>();
 * server.route('/prices/', async ({ query, signal }) => {
 *   const updates = await prices.wait(Number(query.get('after')), { timeout: 25_000, signal });
 *   return JSON.stringify(updates);
 * });
 * prices.publish(42);
 * ```
 * @throws TypeError for an unknown option, RangeError if `keep` is not a whole number of at least 1.
 */
export function createFeed<T>(options: FeedOptions = {}): Feed<T> {
  checkNames<FeedOptions>('createFeed', options, { keep: true });
  return new Feed(options);
}

/**
 * Updates in the order of their numbers. A reader's place is the number of the last update that it has: 0 before the
 * first. Any number that isn't this feed's, such as NaN or one from before a restart, counts as 0, so you can pass on
 * what a client sends unchecked.
 */
export class Feed<T> {
  readonly #keep: number;
  /** A ring: each update replaces the one published `keep` updates before it. */
  readonly #kept: Update<T>[] = [];
  /** Readers that have everything: each is called once, at the next update or the end. */
  readonly #waiting = new Set<() => void>();
  #last = 0;
  #isEnded = false;

  /** @internal */
  constructor({ keep = 1000 }: FeedOptions) {
    // A list has no more than 2^32-1 elements.
    this.#keep = wholeNumber('keep', keep, 1, 2 ** 32 - 1);
  }

  /** The number of the newest update; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /**
   * Appends an update and wakes all who wait. Updates published before they run reach them together.
   * @returns its number.
   * @throws TypeError once the feed has ended.
   */
  publish(value: T): number {
    if (this.#isEnded) throw new TypeError('the feed has ended; publish before end()');
    const number = ++this.#last;
    this.#kept[(number - 1) % this.#keep] = { number, value };
    this.#wakeAll();
    return number;
  }

  /** All kept updates after that number, oldest first; empty if there are none. */
  after(number: number): Update<T>[] {
    const updates: Update<T>[] = [];
    for (let next = this.#next(number); next !== null; next = this.#next(next.number)) updates.push(next);
    return updates;
  }

  /**
   * Like `after`, but waits for the next update if there is none: long polling.
   * @returns a promise of at least one update, or of none at the end of the feed or after `timeout` milliseconds. It
   * rejects with the signal's reason after an abort, and with a RangeError for an invalid timeout.
   */
  async wait(
    number: number,
    { timeout, signal }: { timeout?: number; signal?: AbortSignal } = {},
  ): Promise<Update<T>[]> {
    if (timeout !== undefined) milliseconds('timeout', timeout);
    signal?.throwIfAborted();
    if (this.#next(number) === null && !this.#isEnded) await this.#news(timeout, signal);
    return this.after(number);
  }

  /**
   * Iterates over the updates after that number, past and future, until the end of the feed.
   * @param number if absent, the newest: only what is published from now on.
   * @param options `signal`: an abort makes the iteration throw the signal's reason.
   *
   * A reader that falls behind by more than `keep` goes on with the oldest that is kept; its `missed` tells how many
   * were lost.
   */
  async *from(
    number: number = this.#last,
    { signal }: { signal?: AbortSignal } = {},
  ): AsyncGenerator<Update<T>, void, undefined> {
    for (;;) {
      signal?.throwIfAborted();
      const update = this.#next(number);
      if (update !== null) {
        yield update;
        number = update.number;
      } else if (this.#isEnded) {
        return;
      } else {
        await this.#news(undefined, signal);
      }
    }
  }

  /** Ends the feed: waits end at once, iterations after the last update. What is kept can still be read. */
  end(): void {
    this.#isEnded = true;
    this.#wakeAll();
  }

  /** The first update after that number, or the oldest that is kept. */
  #next(number: number): Update<T> | null {
    const isOurs = Number.isInteger(number) && number > 0 && number <= this.#last;
    const wanted = isOurs ? number + 1 : 1;
    const first = Math.max(wanted, this.#last - this.#keep + 1);
    if (first > this.#last) return null;
    const update = this.#kept[(first - 1) % this.#keep];
    return first === wanted ? update : { ...update, missed: first - wanted };
  }

  #news(timeout: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        stop();
        resolve();
      };
      const stop = limitWait({ timeout, signal }, wake, (reason) => {
        this.#waiting.delete(wake);
        reject(reason);
      });
      this.#waiting.add(wake);
    });
  }

  #wakeAll(): void {
    // Nobody joins meanwhile: woken readers run later.
    for (const wake of this.#waiting) wake();
  }
}
