// Watches for silence: one timer for all connections whose peer may be dead.
import { inNoContext } from './no-context.js';

/** What is asked whether it is silent, `CHECKS_PER_INTERVAL` times in each interval, and does something about it. */
export interface Watched {
  checkLife(): void;
}

/** Silence for so many checks in a row has lasted between three quarters of an interval and a whole one. */
export const CHECKS_PER_INTERVAL = 4;

export class SilenceTimer {
  readonly #interval: number;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | null = null;

  /** @param interval milliseconds; 0 watches nothing. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  add(watched: Watched): void {
    if (this.#interval === 0) return;
    this.#watched.add(watched);
    // It must not keep a process alive that has nothing else to do.
    const interval = this.#interval / CHECKS_PER_INTERVAL;
    this.#timer ??= inNoContext(() => setInterval(() => this.#check(), interval).unref());
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    for (const watched of this.#watched) watched.checkLife();
  }
}
