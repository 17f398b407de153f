// Waits for news of a log, until a time is over or a signal is aborted; what comes between two waits is not lost.
import { limitWait, type WaitLimits } from '../connection/wait-limits.js';

export class News {
  readonly #signal: AbortSignal | undefined;
  readonly #unlisten: () => void;
  readonly #unlimit: () => void;
  #isFresh = false;
  #isOver = false;
  #wake = (): void => {};
  #give = (): void => {};

  /** @param listen calls back at each news; returns what stops that. */
  constructor(listen: (listener: () => void) => () => void, limits: WaitLimits) {
    this.#signal = limits.signal;
    this.#unlisten = listen(() => {
      this.#isFresh = true;
      this.#wake();
    });
    const end = (): void => {
      this.#isOver = true;
      this.#wake();
      this.#give();
    };
    this.#unlimit = limitWait(limits, end, end);
  }

  /** Whether the time is over, or the signal aborted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * @returns whether there was news since the last call; `false` if the time is over.
   * @throws the signal's reason (as rejection) after an abort.
   */
  async wait(): Promise<boolean> {
    if (!this.#isFresh && !this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#signal?.throwIfAborted();
    const isFresh = this.#isFresh;
    this.#isFresh = false;
    return isFresh;
  }

  /**
   * What is asked for meanwhile; `null` if the time is over before it comes.
   * @throws the signal's reason (as rejection) after an abort.
   */
  async unlessOver<T>(asked: Promise<T>): Promise<T | null> {
    const over = new Promise<null>((resolve) => (this.#give = () => resolve(null)));
    if (this.#isOver) this.#give();
    const answer = await Promise.race([over, asked]);
    this.#signal?.throwIfAborted();
    return answer;
  }

  stop(): void {
    this.#unlisten();
    this.#unlimit();
  }
}
