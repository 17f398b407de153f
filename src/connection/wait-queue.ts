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
  /** How long an item may be that is taken in pieces. */
  readonly maxStreamedBytes: number;
}

/** A full queue has room again when it is down to this part of its limits, as in Python's websockets. */
const LOW_MARK = 1 / 4;

interface Entry<T> {
  readonly item: T;
  readonly byteLength: number;
  next: Entry<T> | null;
}

/** In a linked list, so that one that gives up leaves the middle in one step. */
interface Waiter<T, Sink> {
  /** Called once: with the item or with `null` for the end, or with these as a result for a step of an iteration. */
  readonly wake: ((item: T | null) => void) | ((result: IteratorResult<T, undefined>) => void);
  readonly isStep: boolean;
  /** Where it wants the next item in pieces; `null` if it wants it whole. */
  readonly sink: Sink | null;
  previous: Waiter<T, Sink> | null;
  next: Waiter<T, Sink> | null;
}

/** `Sink` is what takes an item in pieces. */
export class WaitQueue<T, Sink = never> {
  /** How many items have not been taken yet. */
  count = 0;
  /** How many bytes they have. */
  byteLength = 0;
  #oldest: Entry<T> | null = null;
  #newest: Entry<T> | null = null;
  /** The longest wait is served first; while there are items, there are no waits. */
  #firstWaiter: Waiter<T, Sink> | null = null;
  #lastWaiter: Waiter<T, Sink> | null = null;
  /** Whether no more items will come. */
  isEnded = false;
  /** Whether all that is put is dropped. */
  isDiscarding = false;
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

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#firstWaiter !== null;
  }

  /** Whether the next item is wanted whole, or not at all. */
  get wantsWhole(): boolean {
    if (this.isDiscarding) return true;
    return this.#firstWaiter === null ? this.#isDroppingExcess : this.#firstWaiter.sink === null;
  }

  /** Whether an item that is too long to be put may wait for somebody who takes it in pieces. */
  mayStream(byteLength: number): boolean {
    return byteLength <= this.#limits.maxStreamedBytes && !this.wantsWhole;
  }

  /** Takes the sink of the first waiter, if it has one: its wait is over, and fulfils with `null`. */
  takeSink(): Sink | null {
    const waiter = this.#firstWaiter;
    if (waiter === null || waiter.sink === null || this.isDiscarding) return null;
    this.#wake(waiter, null);
    return waiter.sink;
  }

  /** Hands the item to the first waiter, or keeps it. */
  put(item: T, byteLength: number): void {
    if (this.isDiscarding) return;
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
   * @param sink takes the item in pieces if that begins to arrive so.
   * @throws RangeError at once if the timeout is not a whole number of milliseconds from 0 to 2^31-1.
   */
  wait(options?: WaitOptions, sink: Sink | null = null): Promise<T | null> {
    const timeout = options?.timeout;
    const signal = options?.signal;
    if (timeout !== undefined) milliseconds('timeout', timeout);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.count > 0 || this.isEnded) return Promise.resolve(this.take());
    if (timeout === undefined && signal === undefined) {
      return new Promise((resolve) => this.#join(resolve, false, sink));
    }
    return this.#waitWithin(timeout, signal, sink);
  }

  /** The same as the result of an iterator. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.count > 0 || this.isEnded) return Promise.resolve(toResult(this.take()));
    return new Promise((resolve) => this.#join(resolve, true, null));
  }

  /** Drops all items, and from now on each that is put. */
  discard(): void {
    this.isDiscarding = true;
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

  #join(wake: Waiter<T, Sink>['wake'], isStep: boolean, sink: Sink | null): Waiter<T, Sink> {
    const waiter: Waiter<T, Sink> = { wake, isStep, sink, previous: this.#lastWaiter, next: null };
    if (this.#lastWaiter === null) this.#firstWaiter = waiter;
    else this.#lastWaiter.next = waiter;
    this.#lastWaiter = waiter;
    return waiter;
  }

  #leave({ previous, next }: Waiter<T, Sink>): void {
    if (previous === null) this.#firstWaiter = next;
    else previous.next = next;
    if (next === null) this.#lastWaiter = previous;
    else next.previous = previous;
  }

  #wake(waiter: Waiter<T, Sink>, item: T | null): void {
    this.#leave(waiter);
    waiter.wake((waiter.isStep ? toResult(item) : item) as never);
  }

  #waitWithin(
    timeout: number | undefined,
    signal: AbortSignal | undefined,
    sink: Sink | null,
  ): Promise<T | null> {
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
      }, false, sink);
    });
  }
}

function toResult<T>(item: T | null): IteratorResult<T, undefined> {
  return item === null ? { value: undefined, done: true } : { value: item, done: false };
}
