// How many handlers are running, so that a server that closes can wait for the last of them.

export class RunningHandlers {
  #count = 0;
  #waiting: (() => void)[] = [];

  enter(): void {
    this.#count++;
  }

  leave(): void {
    if (--this.#count === 0) this.release();
  }

  /** Fulfils once all have returned, or by `release`. */
  returned(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends every wait. */
  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
