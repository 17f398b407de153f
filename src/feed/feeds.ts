// Feeds by name, made when they are asked for, and let go when nobody has or reads them.
import { milliseconds } from '../connection/limits.js';
import { checkNames } from '../connection/options.js';
import { inNoContext } from '../stream/no-context.js';
import { Feed, type FeedOptions } from './feed.js';
import type { Log } from './log.js';

export interface FeedsOptions<T = unknown> extends Pick<FeedOptions<T>, 'keep'> {
  /** Makes the log of a feed by its name. Default: each feed is in memory. */
  log?: (name: string) => Log<T>;
  /** Milliseconds for which a feed is kept at least after it was asked for, or read. Default 60,000. */
  idle?: number;
}

/**
 * Makes feeds by name: one for each room, symbol or answer.
 *
 * ```ts
 * const rooms = createFeeds<string>();
 * server.route('/rooms/:room', serveFeed(({ params }) => rooms.feed(params.room)));
 * await rooms.feed('42').publish('hello');
 * ```
 * @throws TypeError for an unknown option, RangeError for one out of its range.
 */
export function createFeeds<T>(options: FeedsOptions<T> = {}): Feeds<T> {
  checkNames<FeedsOptions<T>>('createFeeds', options, { keep: true, log: true, idle: true });
  return new Feeds(options);
}

/** Feeds by name. */
export class Feeds<T> {
  readonly #options: Pick<FeedOptions<T>, 'keep'>;
  readonly #log: ((name: string) => Log<T>) | undefined;
  readonly #idle: number;
  /** A name is that of one feed as long as anybody has it: two of one name would not hear each other. */
  readonly #byName = new Map<string, WeakRef<Feed<T>>>();
  readonly #collected = new FinalizationRegistry<string>((name) => {
    if (this.#byName.get(name)?.deref() === undefined) this.#byName.delete(name);
  });
  /** Those that are kept for now, and whether they were used since the last sweep. */
  readonly #kept = new Map<Feed<T>, boolean>();
  #sweeping: NodeJS.Timeout | null = null;

  /** @internal */
  constructor({ log, idle = 60_000, ...options }: FeedsOptions<T>) {
    this.#options = options;
    this.#log = log;
    this.#idle = milliseconds('idle', idle);
    // A wrong `keep` is told now, not when the first feed is asked for.
    new Feed(options);
  }

  /** How many feeds there are. */
  get size(): number {
    return this.#byName.size;
  }

  /** The feed of that name; it is made if there is none. */
  feed(name: string): Feed<T> {
    let feed = this.#byName.get(name)?.deref();
    if (feed === undefined) {
      feed = new Feed({ ...this.#options, ...(this.#log !== undefined && { log: this.#log(name) }) });
      this.#byName.set(name, new WeakRef(feed));
      this.#collected.register(feed, name);
    }
    this.#kept.set(feed, true);
    this.#sweeping ??= inNoContext(() => setTimeout(() => this.#sweep(), this.#idle).unref());
    return feed;
  }

  /** Ends all feeds there are, for example before `server.close()`. */
  end(): void {
    for (const reference of this.#byName.values()) reference.deref()?.end();
  }

  #sweep(): void {
    for (const [feed, isUsed] of this.#kept) {
      if (isUsed || feed.tail.isWatched) this.#kept.set(feed, feed.tail.isWatched);
      else this.#kept.delete(feed);
    }
    this.#sweeping = this.#kept.size === 0 ? null : this.#sweeping!.refresh();
  }
}
