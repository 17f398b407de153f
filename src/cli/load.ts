// A load: messages that are due at a steady rate, or each with the answer to the last, and how late their answers are.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../index.js';
import { Histogram } from './histogram.js';

/** Below this many milliseconds a timer is too coarse. */
const TIMER_GRAIN = 3;

/** Milliseconds within which it is seen that all connections are lost, or that it is to end. */
const LONGEST_SLEEP = 100;

/** How much waits on a connection before no more is sent on it. */
const MAX_UNSENT_BYTES = 1 << 20;

export interface Load {
  readonly connections: number;
  /** Messages per second on all together; 0 for one after the other on each. */
  readonly rate: number;
  readonly message: string | Buffer;
  readonly milliseconds: number;
  /** Milliseconds for the answers that are still to come at the end. */
  readonly patience: number;
}

export interface Results {
  readonly sent: number;
  readonly answered: number;
  /** Messages that were due, and for which there was no room to the end. */
  readonly unsent: number;
  /** Connections that have ended before the end. */
  readonly lost: number;
  /** Answers per second, while messages were sent. */
  readonly perSecond: number;
  /** Milliseconds. */
  readonly latency: Readonly<Record<(typeof COLUMNS)[number], number>>;
}

export const COLUMNS = ['mean', 'p50', 'p90', 'p99', 'p99.9', 'max'] as const;

/** Who looks on. */
export interface Watcher {
  /** Gets the latencies, in microseconds. */
  readonly latencies?: Histogram;
  /** Is given what ends the sending early. */
  onStart?(stop: () => void): void;
  /** Called often while messages are sent. @param elapsed milliseconds since the start */
  onProgress?(elapsed: number, answered: number): void;
}

/** What the connections share. */
interface Plan {
  readonly message: string | Buffer;
  readonly latencies: Histogram;
  /** Milliseconds between two messages on one connection; 0 if the next is due with the answer to the last. */
  readonly pause: number;
  readonly startedAt: number;
  /** For how many milliseconds from the start messages are due. */
  milliseconds: number;
}

/** Sends, and waits for the answers. */
export async function measure(
  connections: readonly Connection[],
  { rate, message, milliseconds, patience }: Load,
  { latencies = new Histogram(), onStart, onProgress }: Watcher = {},
): Promise<Results> {
  const startedAt = performance.now();
  const pause = rate === 0 ? 0 : (1000 * connections.length) / rate;
  const plan: Plan = { message, latencies, pause, startedAt, milliseconds };
  const elapsed = (): number => performance.now() - startedAt;
  onStart?.(() => (plan.milliseconds = Math.min(plan.milliseconds, elapsed())));
  // They take turns, and don't all send in one instant.
  const talks = connections.map((connection, index) => {
    return new Talk(connection, (pause * index) / connections.length, plan);
  });
  for (let now = 0; now < plan.milliseconds && talks.some(({ isOpen }) => isOpen); now = elapsed()) {
    for (const talk of talks) talk.sendDue(now);
    onProgress?.(now, latencies.count);
    // This is asked again and again while the next is close: garbage would stop what it waits for.
    let nextAt = Math.min(plan.milliseconds, now + LONGEST_SLEEP);
    for (const { dueAt } of talks) if (dueAt < nextAt) nextAt = dueAt;
    const left = nextAt - elapsed();
    if (left > TIMER_GRAIN) await sleep(left - TIMER_GRAIN + 1);
    else await nextTurn();
  }
  const answeredInTime = latencies.count;
  const seconds = elapsed() / 1000;
  const givesUpAt = elapsed() + patience;
  // What was due and had no room is sent all the same: without it, the worst would be left out.
  for (;;) {
    for (const talk of talks) talk.sendDue(plan.milliseconds);
    if (!talks.some(({ isUnfinished }) => isUnfinished) || elapsed() >= givesUpAt) break;
    await sleep(1);
  }
  return summarize(talks, latencies, answeredInTime / seconds);
}

function summarize(talks: readonly Talk[], latencies: Histogram, perSecond: number): Results {
  const at = (part: number): number => round(latencies.quantile(part) / 1000);
  return {
    sent: talks.reduce((sum, talk) => sum + talk.sent, 0),
    answered: latencies.count,
    unsent: talks.reduce((sum, talk) => sum + talk.unsent, 0),
    lost: talks.filter(({ isOpen }) => !isOpen).length,
    perSecond: round(perSecond),
    latency: {
      mean: round(latencies.mean / 1000),
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      'p99.9': at(0.999),
      max: round(latencies.longest / 1000),
    },
  };
}

/** One connection: what it has sent and when that was due, and its answers. Times count from the start. */
class Talk {
  sent = 0;
  readonly #connection: Connection;
  readonly #firstDueAt: number;
  readonly #plan: Plan;
  #answered = 0;
  /** When the last message was sent. */
  #sentAt = 0;
  #hasRoom = true;

  constructor(connection: Connection, firstDueAt: number, plan: Plan) {
    this.#connection = connection;
    this.#firstDueAt = firstDueAt;
    this.#plan = plan;
    void this.#receive();
    if (plan.pause === 0) this.#send();
  }

  get isOpen(): boolean {
    return !this.#connection.isClosed();
  }

  /** Whether something is still to come, or to be sent. */
  get isUnfinished(): boolean {
    return this.isOpen && (this.#answered < this.sent || this.unsent > 0);
  }

  /** How many messages were due and are not sent. */
  get unsent(): number {
    return this.#countDue(this.#plan.milliseconds) - this.sent;
  }

  /** When the next message is to be sent. */
  get dueAt(): number {
    return this.#plan.pause === 0 ? Infinity : this.#firstDueAt + this.sent * this.#plan.pause;
  }

  /** Sends what is due before a time. What there is no room for is sent later, and was due all the same. */
  sendDue(time: number): void {
    for (let left = this.#countDue(time) - this.sent; left > 0 && this.#hasRoom && this.isOpen; left--) this.#send();
  }

  /** How many messages are due before a time; those sent already, where each is due with an answer. */
  #countDue(time: number): number {
    const { pause } = this.#plan;
    return pause === 0 ? this.sent : Math.max(this.sent, Math.ceil((time - this.#firstDueAt) / pause));
  }

  #send(): void {
    const { message } = this.#plan;
    this.sent++;
    this.#sentAt = this.#elapsed();
    const room = this.#connection.send(message);
    if (this.#connection.bufferedAmount <= MAX_UNSENT_BYTES + message.length) return;
    this.#hasRoom = false;
    void room.then(() => (this.#hasRoom = true), () => {});
  }

  #elapsed(): number {
    return performance.now() - this.#plan.startedAt;
  }

  async #receive(): Promise<void> {
    const { latencies, pause } = this.#plan;
    for await (const _ of this.#connection) {
      const now = this.#elapsed();
      // Each message has one answer, in its order.
      const dueAt = pause === 0 ? this.#sentAt : this.#firstDueAt + this.#answered * pause;
      this.#answered++;
      latencies.record((now - dueAt) * 1000);
      if (pause === 0 && now < this.#plan.milliseconds && this.isOpen) this.#send();
    }
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
