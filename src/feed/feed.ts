// Updates for many readers: each asks for what came after the place that it has, and may wait for news.
import { quiet } from '../connection/deferred.js';
import { milliseconds, wholeNumber } from '../connection/limits.js';
import { checkNames } from '../connection/options.js';
import { feedPublished } from '../diagnostics.js';
import { LogError } from '../errors.js';
import type { Batch, Log, Update } from './log.js';
import { MemoryLog } from './memory-log.js';
import { News } from './news.js';
import { Tail } from './tail.js';

export interface FeedOptions<T = unknown> {
  /** How many updates to keep in memory for readers that come late or read slowly. Default 1,000. */
  keep?: number;
  /**
   * Names this life of a feed in memory, in its ids. By default it is random, so that a place from before a restart is
   * recognised. Name it if no place can outlive it, or if ids must be short or the same each time.
   */
  life?: string;
  /** Where the updates are kept. Default: in this process alone. */
  log?: Log<T>;
}

/** How to wait for an update. */
export interface AfterOptions {
  /** Milliseconds to wait for an update if there is none. Default 0. */
  wait?: number;
  signal?: AbortSignal;
}

/** The most updates that a reader gets at once; those on the way to it are not counted by `keep`. */
export const MAX_BATCH = 1000;

/** Milliseconds between two attempts to read a log that is away. */
const RETRY_TIME = 500;

/**
 * Makes a feed: publish an update once, and any number of readers take it, each at its own pace.
 *
 * ```ts
 * const prices = createFeed<number>();
 * server.route('/prices/', serveFeed(prices));
 * await prices.publish(42);
 * ```
 * @throws TypeError for an unknown option, or a `life` of other characters than letters, digits, `_` and `-`;
 * RangeError if `keep` is not a whole number of at least 1.
 */
export function createFeed<T>(options: FeedOptions<T> = {}): Feed<T> {
  checkNames<FeedOptions<T>>('createFeed', options, { keep: true, life: true, log: true });
  return new Feed(options);
}

/**
 * Updates in their order. A reader's place is the `id` of the last update that it has, or a word: `all` for all that
 * is kept, `latest` for the newest and what follows, `now` for what follows. You can pass on what a client sends
 * unchecked: a place that is none of this feed gives all that is kept, and the first update says that some may be
 * missed.
 */
export class Feed<T> {
  readonly #log: Log<T>;
  /** @internal What the readers of this process share. */
  readonly tail: Tail<T>;
  /** The reads of the log that have begun since it has told anything, by limit and place. */
  readonly #reading = new Map<string, Promise<Batch<T>>>();
  #isEnded = false;

  /** @internal */
  constructor({ keep = 1000, life, log }: FeedOptions<T>) {
    // A list has no more than 2^32-1 elements.
    wholeNumber('keep', keep, 1, 2 ** 32 - 1);
    if (life !== undefined && !/^[\w-]+$/.test(life)) throw new TypeError('a life is letters, digits, _ and -');
    this.#log = log ?? new MemoryLog(keep, life);
    this.tail = new Tail(this.#log, keep);
    // A read that has begun before may be without what was just told.
    this.tail.listen(() => this.#reading.clear());
  }

  /** Whether `end` was called. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * Appends an update, for the readers of this feed on every node that has its log. Updates keep the order of the
   * calls, also if nobody waits for one before the next.
   * @returns its id, once the log has it.
   * @throws TypeError at once if the feed has ended.
   */
  publish(value: T): Promise<string> {
    if (this.#isEnded) throw new TypeError('the feed has ended; publish before end()');
    const appended = this.#log.append(value);
    if (feedPublished.hasSubscribers) {
      void appended.then((id) => feedPublished.publish({ feed: this, id, value }), () => {});
    }
    return appended;
  }

  /**
   * What came after a place, at most 1,000 updates, and the place to ask for next. With `wait`, it waits for the next
   * update if there is none: long polling.
   * @returns a promise of no update if there is none after `wait` milliseconds, or once the feed has ended. It rejects
   * with the signal's reason after an abort, with a RangeError for an invalid time, and as the log does; with `wait`,
   * only with a LogError, because it waits while the log is away, if need be for all that time.
   */
  async after(place: string, { wait = 0, signal }: AfterOptions = {}): Promise<Batch<T>> {
    milliseconds('wait', wait);
    signal?.throwIfAborted();
    return wait === 0 ? this.read(place) : this.#next(place, wait, signal);
  }

  /**
   * Iterates over the updates after a place, past and future, until the end of the feed. A reader that falls behind by
   * more than is kept goes on with the oldest; `missed` tells how many were lost.
   * @param place if absent, `now`: only what is published from this call on; if the log is away, once it is back.
   * @param options `signal`: an abort makes the iteration throw the signal's reason.
   * @throws LogError (in the iteration) if the log can't be read; while it is only away, the iteration waits.
   */
  from(place: string = 'now', { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<Update<T>, void, undefined> {
    // The iteration begins later; what is published meanwhile belongs to it.
    const start = place === 'now' ? quiet(this.readOnce(place, signal)) : { place };
    return this.#iterate(start, signal);
  }

  /** Ends the feed in this process: waits end at once, iterations after the last update. The log stays as it is. */
  end(): void {
    this.#isEnded = true;
    this.tail.end();
  }

  /** @internal What came after a place: as the readers share it, else as the log has it. */
  read(place: string, limit = MAX_BATCH): Batch<T> | Promise<Batch<T>> {
    return this.tail.read(place, limit) ?? this.#log.read(place, limit);
  }

  /** @internal As `read`, but while the log is only away it waits, until the signal is aborted. */
  async readOnce(place: string, signal: AbortSignal | undefined): Promise<Batch<T>> {
    signal?.throwIfAborted();
    const news = new News(() => () => {}, { signal });
    try {
      return (await news.unlessOver(this.readPatiently(place, () => news.isOver)))!;
    } finally {
      news.stop();
    }
  }

  /** @internal As `read`, but while the log is only away it waits, until it is over for the reader. */
  async readPatiently(place: string, isOver: () => boolean, limit = MAX_BATCH): Promise<Batch<T>> {
    for (;;) {
      try {
        return await (this.tail.read(place, limit) ?? this.#readTogether(place, limit));
      } catch (error) {
        if (isOver() || error instanceof LogError) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_TIME));
      }
    }
  }

  /** Those who wait at one place, such as all readers of a process that was restarted, read the log once. */
  #readTogether(place: string, limit: number): Batch<T> | Promise<Batch<T>> {
    // What these mean depends on when they are asked for.
    if (place === 'now' || place === 'latest') return this.#log.read(place, limit);
    const key = `${limit} ${place}`;
    const begun = this.#reading.get(key);
    if (begun !== undefined) return begun;
    const batch = Promise.resolve(this.#log.read(place, limit)).finally(() => {
      if (this.#reading.get(key) === batch) this.#reading.delete(key);
    });
    this.#reading.set(key, batch);
    return batch;
  }

  async *#iterate(
    start: { place: string } | Promise<{ place: string }>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Update<T>, void, undefined> {
    let { place } = await start;
    for (;;) {
      signal?.throwIfAborted();
      const batch = await this.#next(place, undefined, signal);
      if (batch.updates.length === 0) return;
      for (const update of batch.updates) {
        signal?.throwIfAborted();
        yield update;
      }
      place = batch.place;
    }
  }

  /** The next updates, or none at the end of the feed, or after a time. */
  async #next(place: string, timeout: number | undefined, signal: AbortSignal | undefined): Promise<Batch<T>> {
    const leave = this.tail.enter();
    const news = new News((listener) => this.tail.listen(listener), { timeout, signal });
    try {
      for (;;) {
        const batch = this.tail.read(place, MAX_BATCH)
          ?? await news.unlessOver(this.readPatiently(place, () => news.isOver))
          ?? { place, updates: [] };
        if (batch.updates.length > 0 || this.#isEnded) return batch;
        if (this.tail.error !== null) throw this.tail.error;
        if (!(await news.wait())) return batch;
        // A word is the same place for the whole wait.
        place = batch.place;
      }
    } finally {
      news.stop();
      leave();
    }
  }
}
