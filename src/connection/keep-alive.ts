// Watches for silence: one timer for all that could be silent too long, such as connections whose peer is dead.

/** What is asked at each interval whether it is silent, and does something about it. */
export interface Watched {
  checkLife(): void;
}

export class KeepAlive {
  readonly #interval: number;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | null = null;

  /** @param interval milliseconds between two checks; 0 never. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  add(watched: Watched): void {
    if (this.#interval === 0) return;
    this.#watched.add(watched);
    // It must not keep a process alive that has nothing else to do.
    this.#timer ??= setInterval(() => this.#check(), this.#interval).unref();
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
