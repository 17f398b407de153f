// A message that is written to, for what wants a destination: `pipeTo` of the web's streams, `pipeline` of Node's.
import { WritableStream } from 'node:stream/web';
import { defer, type Deferred } from './deferred.js';
import type { Sendable } from './sendable.js';

type Step = IteratorResult<Sendable, undefined>;

/** The types of Node have no `signal` in it. */
interface Controller {
  readonly signal: AbortSignal;
  error(error: Error): void;
}

/** @param send sends a source, and stops with an error once the signal is aborted. */
export function writableMessage(
  send: (source: AsyncIterable<Sendable>, signal: AbortSignal) => Promise<void>,
): WritableStream<Sendable> {
  const written = new Written();
  let sent: Promise<void>;
  return new WritableStream<Sendable>({
    start(writing) {
      const controller = writing as unknown as Controller;
      sent = send(written, controller.signal);
      sent.catch((error: Error) => {
        written.fail(error);
        controller.error(error);
      });
    },
    write: (chunk) => written.give(chunk),
    close() {
      written.end();
      return sent;
    },
  });
}

/** What is written, as the source of a message: one chunk at a time. */
class Written implements AsyncIterableIterator<Sendable, undefined> {
  /** What waits to be asked for. */
  #step: Step | null = null;
  /** Who waits for it. */
  #asked: Deferred<Step> | null = null;
  /** Fulfils when the next is asked for: the memory of the last is the writer's again. */
  #done: Deferred<void> | null = null;

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    const step = this.#step;
    this.#step = null;
    if (step !== null) return Promise.resolve(step);
    this.#done?.resolve();
    this.#asked = defer();
    return this.#asked.promise;
  }

  give(value: Sendable): Promise<void> {
    this.#done = defer();
    this.#hand({ done: false, value });
    return this.#done.promise;
  }

  end(): void {
    this.#hand({ done: true, value: undefined });
  }

  fail(error: Error): void {
    this.#done?.reject(error);
  }

  #hand(step: Step): void {
    if (this.#asked === null) this.#step = step;
    else this.#asked.resolve(step);
    this.#asked = null;
  }
}
