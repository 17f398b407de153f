// One run of a load: how many messages came back within a time, and how long they took.
import { quantile } from './statistics.js';

export interface LoadResult {
  /** Messages that came back, or were delivered; for `connect`, handshakes. */
  readonly messages: number;
  readonly milliseconds: number;
  /** Bytes of the frames that came back, where they are looked at. */
  readonly bytes: number;
  /** Milliseconds from a write until all that it asked for had come. */
  readonly p50: number;
  readonly p99: number;
}

/** Counts what comes within a time, and ends when all that was asked for by then has come. */
export class Run {
  readonly start = performance.now();
  readonly result: Promise<LoadResult>;
  messages = 0;
  bytes = 0;
  readonly #deadline: number;
  readonly #times: number[] = [];
  #pending = 0;
  #resolve!: (result: LoadResult) => void;

  constructor(milliseconds: number) {
    this.#deadline = this.start + milliseconds;
    this.result = new Promise((resolve) => (this.#resolve = resolve));
  }

  begin(): number {
    this.#pending++;
    return performance.now();
  }

  /** @returns whether there is time for another. */
  end(begun: number, messages: number): boolean {
    const now = performance.now();
    this.messages += messages;
    this.#pending--;
    this.#times.push(now - begun);
    if (now < this.#deadline) return true;
    if (this.#pending === 0) this.#resolve(this.sum());
    return false;
  }

  sum(): LoadResult {
    return {
      messages: this.messages,
      milliseconds: performance.now() - this.start,
      bytes: this.bytes,
      p50: quantile(this.#times, 0.5),
      p99: quantile(this.#times, 0.99),
    };
  }
}
