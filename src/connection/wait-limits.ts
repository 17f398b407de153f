// What ends a wait early: a time that is over, or a signal that is aborted.

export interface WaitLimits {
  /** Milliseconds; no limit if absent. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls one of the two once, whichever has cause first: `onTimeout` when the time is over, or `onAbort` with the reason
 * when the signal is aborted, but not for one that is aborted already.
 * @returns what stops both.
 */
export function limitWait(
  { timeout, signal }: WaitLimits,
  onTimeout: () => void,
  onAbort: (reason: unknown) => void,
): () => void {
  const ignore = signal && whenAborted(signal, () => {
    clearTimeout(timer);
    onAbort(signal.reason);
  });
  const expire = (): void => {
    ignore?.();
    onTimeout();
  };
  const timer = timeout === undefined ? undefined : setTimeout(expire, timeout);
  return () => {
    clearTimeout(timer);
    ignore?.();
  };
}

const watches = new WeakMap<AbortSignal, Watch>();

/**
 * Calls back once when the signal is aborted, but not for one that is aborted already. However many wait for a signal,
 * it has one listener: of the eleventh Node warns as of a leak, and the limit of a signal is its owner's to set.
 * @returns what stops that.
 */
export function whenAborted(signal: AbortSignal, callback: () => void): () => void {
  const watch = watches.get(signal) ?? new Watch(signal);
  watches.set(signal, watch);
  watch.add(callback);
  return () => watch.delete(callback);
}

/** The listener of a signal, which it has while there is somebody to call back. */
class Watch {
  readonly #signal: AbortSignal;
  readonly #callbacks = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(callback: () => void): void {
    if (this.#callbacks.size === 0) this.#signal.addEventListener('abort', this);
    this.#callbacks.add(callback);
  }

  delete(callback: () => void): void {
    if (this.#callbacks.delete(callback) && this.#callbacks.size === 0) this.#signal.removeEventListener('abort', this);
  }

  handleEvent(): void {
    for (const callback of this.#callbacks) {
      this.delete(callback);
      callback();
    }
  }
}
