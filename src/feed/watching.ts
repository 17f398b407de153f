// Watches a log that tells of news on a channel: what is told is given if it comes next, all else is read from the log.
import { LogError } from '../errors.js';
import type { Batch, Log, Update } from './log.js';

/** Milliseconds between two attempts to read what was missed. */
const RETRY_TIME = 500;

/** The same after an error that time alone doesn't mend. */
const FAILED_TIME = 5000;

export class Watching<T> {
  readonly #log: Pick<Log<T>, 'read'>;
  readonly #limit: number;
  readonly #take: (batch: Batch<T>) => void;
  readonly #fail: (error: LogError) => void;
  #place = 'now';
  #isReading = false;
  #mustRead = false;
  /** Whether the next batch is given even if it is empty: it says from which place, or that there is news again. */
  #mustGive = true;
  #isStopped = false;

  /** @param limit how many updates to read at once */
  constructor(
    log: Pick<Log<T>, 'read'>, limit: number, take: (batch: Batch<T>) => void, fail: (error: LogError) => void,
  ) {
    this.#log = log;
    this.#limit = limit;
    this.#take = take;
    this.#fail = fail;
  }

  /**
   * Something was told, by the log or by anybody. @param next makes an update of it, if it is the one after that place;
   * else it returns `null`, or throws.
   */
  receive(next: (place: string) => Update<T> | null): void {
    const update = this.#isReading ? null : this.#try(next);
    if (update === null) this.read();
    else this.#give({ place: update.id, updates: [update] });
  }

  /** Reads what may not have been told. */
  read(): void {
    this.#mustRead = true;
    if (!this.#isReading && !this.#isStopped) void this.#read();
  }

  /** There is no news for now, and time alone doesn't mend that. */
  fail(error: LogError): void {
    if (this.#isStopped) return;
    this.#mustGive = true;
    this.#fail(error);
  }

  stop(): void {
    this.#isStopped = true;
  }

  #try(next: (place: string) => Update<T> | null): Update<T> | null {
    try {
      return next(this.#place);
    } catch {
      return null;
    }
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#mustRead) {
        this.#mustRead = false;
        const batch = await this.#log.read(this.#place, this.#limit);
        if (this.#isStopped) return;
        if (batch.updates.length > 0) this.#mustRead = true;
        else if (!this.#mustGive) continue;
        this.#give(batch);
      }
    } catch (error) {
      const isLasting = error instanceof LogError;
      if (isLasting) this.fail(error);
      setTimeout(() => this.read(), isLasting ? FAILED_TIME : RETRY_TIME).unref();
    } finally {
      this.#isReading = false;
    }
  }

  #give(batch: Batch<T>): void {
    this.#mustGive = false;
    this.#place = batch.place;
    this.#take(batch);
  }
}
