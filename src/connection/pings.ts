// The pings that a caller waits for, and their pongs (RFC 6455 §5.5.2, §5.5.3).
import { ConnectionClosed, type Close } from '../errors.js';
import { defer, type Deferred } from './deferred.js';

interface PendingPing extends Deferred<number> {
  readonly payload: Buffer;
  readonly sentAt: number;
}

export class Pings {
  #pending: PendingPing[] = [];
  #count = 0;

  /** A payload that no other ping has. */
  createPayload(): string {
    return `${++this.#count}`;
  }

  /** A ping is sent; the promise is of its round trip in milliseconds. */
  send(payload: Buffer): Promise<number> {
    const pending = { ...defer<number>(), payload, sentAt: performance.now() };
    this.#pending.push(pending);
    return pending.promise;
  }

  /** @returns the round trip of the ping that it answers; `null` if there is none. */
  receivePong(payload: Buffer): number | null {
    const answered = this.#pending.findIndex((ping) => ping.payload.equals(payload));
    if (answered === -1) return null;
    const now = performance.now();
    const { sentAt } = this.#pending[answered]!;
    // §5.5.3: a peer may answer the most recent ping only, which answers those before it.
    for (const ping of this.#pending.splice(0, answered + 1)) ping.resolve(now - ping.sentAt);
    return now - sentAt;
  }

  /** No more pongs will come. */
  conclude(close: Close): void {
    for (const ping of this.#pending) ping.reject(new ConnectionClosed(close));
  }
}
