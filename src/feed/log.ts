// What a feed needs of the log that keeps its updates: to append, to read on from a place, and to be told of news.
import type { LogError } from '../errors.js';

/** One update of a feed. */
export interface Update<T = unknown> {
  /**
   * Names this update, and with it the place of a reader that has it: text that is safe in a URL and a header, and
   * never used again, not after a restart either. Only the log knows what is in it.
   */
  readonly id: string;
  readonly value: T;
  /**
   * Set if updates may lie between the reader's last one and this one: how many, or `'unknown'`, if nobody can count
   * them, as when the reader's place is none of this log. Then some may also come a second time.
   */
  readonly missed?: number | 'unknown';
}

/** What a reader gets at once, and the place to read on from. */
export interface Batch<T = unknown> {
  /** The id of the last update; without one, the place that was asked for, as an id wherever there is one for it. */
  readonly place: string;
  /** The oldest first; only the first can have `missed`. */
  readonly updates: readonly Update<T>[];
}

/**
 * Keeps the updates of a feed. A place is the `id` of the last update that a reader has, or a word: `all` stands for
 * the beginning of what is kept, `latest` for the place before the newest update, `now` for the one after it.
 */
export interface Log<T = unknown> {
  /** Appends an update, after those of earlier calls. @returns its id, once the log has it. */
  append(value: T): Promise<string>;
  /**
   * What came after a place. One that is older than what is kept, or not of this log, gives all that is kept, and the
   * first update says so. Nothing has come after an unknown place while nothing is kept: it stays unknown.
   * @param limit how many updates are enough
   * @throws LogError if time alone won't help; after any other error, whoever waits asks again.
   */
  read(place: string, limit: number): Batch<T> | Promise<Batch<T>>;
  /**
   * Gives the batches of all that is appended from now on, by whomever, each update once and in order; the first batch
   * is empty, and says from which place. It goes on by itself after the log was away, and says what is lost.
   * @param fail tells why there are no batches at the moment, if time alone won't help. The next batch, which may be
   * empty, says that there are again.
   * @returns what stops it.
   */
  watch(take: (batch: Batch<T>) => void, fail: (error: LogError) => void): () => void;
}
