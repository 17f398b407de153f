// The newest updates of a log, taken from it once for all the readers of a process, as long as there are any.
import type { LogError } from '../errors.js';
import { inNoContext } from '../stream/no-context.js';
import type { Batch, Log, Update } from './log.js';

/** Milliseconds that the log is still watched after the last reader has left: one that polls comes back. */
const LINGER_TIME = 10_000;

export class Tail<T> {
  readonly #log: Log<T>;
  readonly #keep: number;
  /** A ring: each update replaces the one taken `keep` updates before it. */
  readonly #kept: Update<T>[] = [];
  /** The places within, numbered from the one where the watch began: 0. */
  readonly #numbers = new Map<string, number>();
  #last = 0;
  /** Where the newest update is; `null` until the log has said from which place it is watched. */
  #place: string | null = null;
  #readers = 0;
  #unwatch: (() => void) | null = null;
  #error: LogError | null = null;
  #lingering: NodeJS.Timeout | null = null;
  #isEnded = false;
  readonly #listeners = new Set<() => void>();

  constructor(log: Log<T>, keep: number) {
    this.#log = log;
    this.#keep = keep;
  }

  /** The number of the newest update. */
  get last(): number {
    return this.#last;
  }

  /** The place after the newest update; `null` before the log has said where the watch began. */
  get place(): string | null {
    return this.#place;
  }

  /** Why no news comes of the log at the moment, if whoever waits for it must know. */
  get error(): LogError | null {
    return this.#error;
  }

  /** Whether there are readers, or were a short time ago. */
  get isWatched(): boolean {
    return this.#unwatch !== null;
  }

  /** A reader comes: the log is watched until it and all others have left. @returns what it calls to leave. */
  enter(): () => void {
    this.#readers++;
    this.#unwatch ??= inNoContext(() => {
      return this.#log.watch((batch) => this.#take(batch), (error) => this.#fail(error));
    });
    return () => {
      if (--this.#readers > 0) return;
      if (this.#isEnded) this.#stop();
      else if (this.#lingering === null) this.#linger();
      // One that reads on by itself comes and goes with each batch.
      else this.#lingering.refresh();
    };
  }

  /** Whoever reads is told, and the log is let go as soon as nobody does. */
  end(): void {
    this.#isEnded = true;
    this.#notify();
    if (this.#readers === 0) this.#stop();
  }

  #linger(): void {
    const stop = (): void => {
      if (this.#readers === 0) this.#stop();
    };
    // The timer must not keep an otherwise idle process alive.
    this.#lingering = inNoContext(() => setTimeout(stop, LINGER_TIME).unref());
  }

  /** Calls back after each batch, once it can be read, and when there is an error. @returns what stops that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The update with that number, if it is kept. */
  get(number: number): Update<T> | undefined {
    return number > this.#last - this.#keep ? this.#kept[(number - 1) % this.#keep] : undefined;
  }

  /** As `Log.read`; `null` if only the log knows. */
  read(place: string, limit: number): Batch<T> | null {
    if (this.#place === null) return null;
    const number = place === 'now' ? this.#last : this.#numbers.get(place);
    if (number === undefined || number < this.#last - this.#keep) return null;
    const updates: Update<T>[] = [];
    for (let next = number + 1; next <= this.#last && updates.length < limit; next++) updates.push(this.get(next)!);
    return { place: updates.at(-1)?.id ?? this.#place, updates };
  }

  #take({ place, updates }: Batch<T>): void {
    if (this.#place === null) this.#numbers.set(place, 0);
    for (const update of updates) {
      const index = this.#last % this.#keep;
      const replaced = this.#kept[index];
      if (replaced !== undefined) this.#numbers.delete(replaced.id);
      this.#kept[index] = update;
      this.#numbers.set(update.id, ++this.#last);
    }
    this.#place = place;
    this.#error = null;
    this.#notify();
  }

  #fail(error: LogError): void {
    this.#error = error;
    this.#notify();
  }

  #stop(): void {
    clearTimeout(this.#lingering ?? undefined);
    this.#lingering = null;
    this.#unwatch?.();
    this.#unwatch = this.#place = this.#error = null;
    this.#numbers.clear();
    this.#kept.length = this.#last = 0;
  }
}
