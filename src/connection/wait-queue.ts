// The queue of received messages and of those who wait for one: put, take, wait, end.
import { TimeoutError } from '../errors.js';
import { milliseconds } from './limits.js';

export interface WaitOptions {
  /** Milliseconds after which the wait rejects with a `TimeoutError`; no limit if absent. */
  timeout?: number;
  /** Rejects the wait with the signal's reason. */
  signal?: AbortSignal;
}

interface Entry<T> {
  readonly item: T;
  readonly byteLength: number;
  next: Entry<T> | null;
}

/** In a ring, so that one that gives up is taken out of the middle in one step. */
interface Waiter<T> {
  /** Called once, with an item or with `null` for the end. */
  wake(item: T | null): void;
  previous: Waiter<T>;
  next: Waiter<T>;
}

export class WaitQueue<T> {
  /** Items nobody has taken yet. */
  count = 0;
  /** Their bytes. */
  byteLength = 0;
  #oldest: Entry<T> | null = null;
  #newest: Entry<T> | null = null;
  /** The fixed point of the ring: its next is served first. Others are in it only while there are no items. */
  readonly #ring: Waiter<T>;
  #isEnded = false;

  constructor() {
    const ring = {} as Waiter<T>;
    this.#ring = ring.previous = ring.next = ring;
  }

  /** Hands the item to the first waiter, or keeps it. */
  put(item: T, byteLength: number): void {
    const waiter = this.#ring.next;
    if (waiter !== this.#ring) {
      leave(waiter);
      waiter.wake(item);
      return;
    }
    const entry = { item, byteLength, next: null };
    if (this.#newest === null) this.#oldest = entry;
    else this.#newest.next = entry;
    this.#newest = entry;
    this.count++;
    this.byteLength += byteLength;
  }

  /** The oldest item, or `null` if there is none now. */
  take(): T | null {
    const entry = this.#oldest;
    if (entry === null) return null;
    this.#oldest = entry.next;
    if (entry.next === null) this.#newest = null;
    this.count--;
    this.byteLength -= entry.byteLength;
    return entry.item;
  }

  /**
   * The oldest item as soon as there is one; `null` once the queue has ended and is empty, however often asked.
   * A rejected wait takes nothing.
   * @throws RangeError at once if the timeout is not a whole number of milliseconds from 0 to 2^31-1.
   */
  wait(options?: WaitOptions): Promise<T | null> {
    const timeout = options?.timeout;
    const signal = options?.signal;
    if (timeout !== undefined) milliseconds('timeout', timeout);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.count > 0 || this.#isEnded) return Promise.resolve(this.take());
    if (timeout === undefined && signal === undefined) {
      return new Promise((resolve) => this.#join(resolve));
    }
    return this.#waitWithin(timeout, signal);
  }

  /** The same as the result of an iterator. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.count > 0 || this.#isEnded) return Promise.resolve(toResult(this.take()));
    return new Promise((resolve) => this.#join((item) => resolve(toResult(item))));
  }

  /** No item will come any more: whoever waits gets `null`. */
  end(): void {
    this.#isEnded = true;
    for (let waiter = this.#ring.next; waiter !== this.#ring; waiter = waiter.next) {
      leave(waiter);
      waiter.wake(null);
    }
  }

  #join(wake: Waiter<T>['wake']): Waiter<T> {
    const waiter = { wake, previous: this.#ring.previous, next: this.#ring };
    this.#ring.previous.next = waiter;
    this.#ring.previous = waiter;
    return waiter;
  }

  #waitWithin(timeout: number | undefined, signal: AbortSignal | undefined): Promise<T | null> {
    return new Promise((resolve, reject) => {
      const giveUp = (reason: unknown): void => {
        leave(waiter);
        settle();
        reject(reason);
      };
      const onAbort = (): void => giveUp(signal!.reason);
      const timer =
        timeout === undefined
          ? undefined
          : setTimeout(() => giveUp(new TimeoutError(`no message within ${timeout} milliseconds`)), timeout);
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter = this.#join((item) => {
        settle();
        resolve(item);
      });
      signal?.addEventListener('abort', onAbort);
    });
  }
}

function toResult<T>(item: T | null): IteratorResult<T, undefined> {
  return item === null ? { value: undefined, done: true } : { value: item, done: false };
}

/** Takes a waiter out of its ring; its own `next` stays, for whoever walks along the ring. */
function leave(waiter: Waiter<never>): void {
  waiter.previous.next = waiter.next;
  waiter.next.previous = waiter.previous;
}
