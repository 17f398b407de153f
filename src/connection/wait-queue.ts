// The queue of received items and of those who wait for one: put, take, wait, end.
import { TimeoutError } from '../errors.js';
import { milliseconds } from './limits.js';
import { limitWait } from './wait-limits.js';

export interface WaitOptions {
  /** Milliseconds after which the wait rejects with a `TimeoutError`; no limit if absent. */
  timeout?: number;
  /** Rejects the wait with the signal's reason. */
  signal?: AbortSignal;
}

/** From when on a queue is full. */
export interface QueueLimits {
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
}

/** A full queue has room again when it is down to this part of its limits, as in Python's websockets. */
const LOW_MARK = 1 / 4;

interface Entry<T> {
  readonly item: T;
  readonly byteLength: number;
  next: Entry<T> | null;
}

/** In a linked list, so that one that gives up leaves the middle in one step. */
interface Waiter<T> {
  /** Called once: with the item or with `null` for the end, or with these as a result for a step of an iteration. */
  readonly wake: ((item: T | null) => void) | ((result: IteratorResult<T, undefined>) => void);
  readonly isStep: boolean;
  previous: Waiter<T> | null;
  next: Waiter<T> | null;
}

export class WaitQueue<T> {
  /** How many items have not been taken yet. */
  count = 0;
  /** How many bytes they have. */
  byteLength = 0;
  #oldest: Entry<T> | null = null;
  #newest: Entry<T> | null = null;
  /** The longest wait is served first; while there are items, there are no waits. */
  #firstWaiter: Waiter<T> | null = null;
  #lastWaiter: Waiter<T> | null = null;
  /** Whether no more items will come. */
  isEnded = false;
  #isDiscarding = false;
  #isDroppingExcess = false;
  readonly #limits: QueueLimits;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Whether there is enough for now. */
  get isFull(): boolean {
    return !this.#isDroppingExcess && this.#isAtLimit();
  }

  #isAtLimit(): boolean {
    return this.count >= this.#limits.maxQueuedMessages || this.byteLength >= this.#limits.maxQueuedBytes;
  }

  /** Whether a queue that was full has room again. */
  get isLow(): boolean {
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits;
    return this.count <= maxQueuedMessages * LOW_MARK && this.byteLength <= maxQueuedBytes * LOW_MARK;
  }

  /** Hands the item to the first waiter, or keeps it. */
  put(item: T, byteLength: number): void {
    if (this.#isDiscarding) return;
    if (this.#firstWaiter !== null) {
      this.#wake(this.#firstWaiter, item);
      return;
    }
    if (this.#isDroppingExcess && this.#isAtLimit()) return;
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
    if (this.count > 0 || this.isEnded) return Promise.resolve(this.take());
    if (timeout === undefined && signal === undefined) {
      return new Promise((resolve) => this.#join(resolve, false));
    }
    return this.#waitWithin(timeout, signal);
  }

  /** The same as the result of an iterator. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.count > 0 || this.isEnded) return Promise.resolve(toResult(this.take()));
    return new Promise((resolve) => this.#join(resolve, true));
  }

  /** Drops all items, and from now on each that is put. */
  discard(): void {
    this.#isDiscarding = true;
    this.#oldest = this.#newest = null;
    this.count = this.byteLength = 0;
  }

  /** From now on the queue is never full: what goes beyond its limits is dropped. */
  dropExcess(): void {
    this.#isDroppingExcess = true;
  }

  /** No more items will come: every wait gets `null`. */
  end(): void {
    this.isEnded = true;
    while (this.#firstWaiter !== null) this.#wake(this.#firstWaiter, null);
  }

  #join(wake: Waiter<T>['wake'], isStep: boolean): Waiter<T> {
    const waiter: Waiter<T> = { wake, isStep, previous: this.#lastWaiter, next: null };
    if (this.#lastWaiter === null) this.#firstWaiter = waiter;
    else this.#lastWaiter.next = waiter;
    this.#lastWaiter = waiter;
    return waiter;
  }

  #leave({ previous, next }: Waiter<T>): void {
    if (previous === null) this.#firstWaiter = next;
    else previous.next = next;
    if (next === null) this.#lastWaiter = previous;
    else next.previous = previous;
  }

  #wake(waiter: Waiter<T>, item: T | null): void {
    this.#leave(waiter);
    waiter.wake((waiter.isStep ? toResult(item) : item) as never);
  }

  #waitWithin(timeout: number | undefined, signal: AbortSignal | undefined): Promise<T | null> {
    return new Promise((resolve, reject) => {
      const giveUp = (reason: unknown): void => {
        this.#leave(waiter);
        reject(reason);
      };
      const expire = (): void => giveUp(new TimeoutError(`no message within ${timeout} milliseconds`));
      const stop = limitWait({ timeout, signal }, expire, giveUp);
      const waiter = this.#join((item: T | null) => {
        stop();
        resolve(item);
      }, false);
    });
  }
}

function toResult<T>(item: T | null): IteratorResult<T, undefined> {
  return item === null ? { value: undefined, done: true } : { value: item, done: false };
}
