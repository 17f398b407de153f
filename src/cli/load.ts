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
  /** Milliseconds before these, in which answers don't count: both ends are still compiled, and grow. */
  readonly warmUp: number;
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
  /** Called often while messages are sent. @param elapsed milliseconds since the start, with the warm-up */
  onProgress?(elapsed: number, answered: number): void;
}

/** What the connections share. */
interface Plan {
  readonly message: string | Buffer;
  readonly latencies: Histogram;
  /** Of answers that don't count: the code that counts is compiled, too. */
  readonly warmUpLatencies: Histogram;
  /** When a message is due, by its number among all; null if the next is due with the answer to the last. */
  readonly dueAt: ((number: number) => number) | null;
  /** Milliseconds since answers count; below 0 while they don't. */
  elapsed(): number;
  /** For how many milliseconds from then on messages are due. */
  milliseconds: number;
}

/** Sends, and waits for the answers. */
export async function measure(
  connections: readonly Connection[],
  { rate, message, warmUp, milliseconds, patience }: Load,
  { latencies = new Histogram(), onStart, onProgress }: Watcher = {},
): Promise<Results> {
  const startedAt = performance.now() + warmUp;
  const elapsed = (): number => performance.now() - startedAt;
  /** The number of the first that counts. */
  const first = Math.floor((warmUp * rate) / 1000);
  const dueAt = rate === 0 ? null : (number: number): number => ((number - first) * 1000) / rate;
  const plan: Plan = { message, latencies, warmUpLatencies: new Histogram(), dueAt, elapsed, milliseconds };
  onStart?.(() => (plan.milliseconds = Math.min(plan.milliseconds, elapsed())));
  const talks = connections.map((connection, index) => new Talk(connection, index, connections.length, plan));
  if (dueAt === null) for (const talk of talks) talk.add(warmUp === 0);
  let next = 0;
  // They take turns, and don't all send in one instant.
  const addUntil = (time: number): void => {
    for (; dueAt !== null && dueAt(next) < time; next++) talks[next % talks.length]!.add(next >= first);
  };
  for (let now = -warmUp; now < plan.milliseconds && talks.some(({ isOpen }) => isOpen); now = elapsed()) {
    addUntil(now);
    onProgress?.(now + warmUp, latencies.count);
    const nextAt = Math.min(plan.milliseconds, now + LONGEST_SLEEP, dueAt?.(next) ?? Infinity);
    const left = nextAt - now;
    if (left > TIMER_GRAIN) await sleep(left - TIMER_GRAIN + 1);
    else await nextTurn();
  }
  const perSecond = (latencies.count * 1000) / elapsed();
  plan.milliseconds = Math.min(plan.milliseconds, elapsed());
  // What was due and had no room is sent all the same: without it, the worst would be left out.
  addUntil(plan.milliseconds);
  for (const givesUpAt = elapsed() + patience; talks.some(({ isUnfinished }) => isUnfinished); await sleep(1)) {
    if (elapsed() >= givesUpAt) break;
  }
  return summarize(talks, latencies, perSecond);
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

/** One connection: the messages that are due on it, those it has sent, and their answers. */
class Talk {
  readonly #connection: Connection;
  readonly #index: number;
  readonly #step: number;
  readonly #plan: Plan;
  #due = 0;
  /** How many of them don't count, which are the first. */
  #uncounted = 0;
  #sent = 0;
  #answered = 0;
  /** When the last message was sent. */
  #sentAt = 0;
  #hasRoom = true;

  /** @param index the number of its first message among all, each of which is `step` after the last */
  constructor(connection: Connection, index: number, step: number, plan: Plan) {
    this.#connection = connection;
    this.#index = index;
    this.#step = step;
    this.#plan = plan;
    void this.#receive();
  }

  get isOpen(): boolean {
    return !this.#connection.isClosed();
  }

  /** Whether something is still to come, or to be sent. */
  get isUnfinished(): boolean {
    return this.isOpen && this.#answered < this.#due;
  }

  /** How many messages that count were sent. */
  get sent(): number {
    return Math.max(0, this.#sent - this.#uncounted);
  }

  /** How many messages that count were due and are not sent. */
  get unsent(): number {
    return this.#due - Math.max(this.#sent, this.#uncounted);
  }

  /** One more message is due. Without room it is sent later, and was due all the same. */
  add(counts: boolean): void {
    this.#due++;
    if (!counts) this.#uncounted++;
    this.#send();
  }

  #send(): void {
    const { message, elapsed } = this.#plan;
    while (this.#sent < this.#due && this.#hasRoom && this.isOpen) {
      this.#sent++;
      this.#sentAt = elapsed();
      const room = this.#connection.send(message);
      if (this.#connection.bufferedAmount <= MAX_UNSENT_BYTES + message.length) continue;
      this.#hasRoom = false;
      void room.then(() => {
        this.#hasRoom = true;
        this.#send();
      }, () => {});
    }
  }

  async #receive(): Promise<void> {
    const { latencies, warmUpLatencies, dueAt, elapsed } = this.#plan;
    for await (const _ of this.#connection) {
      const now = elapsed();
      // Each message has one answer, in its order.
      const since = dueAt === null ? this.#sentAt : dueAt(this.#index + this.#answered * this.#step);
      const histogram = this.#answered++ < this.#uncounted ? warmUpLatencies : latencies;
      histogram.record((now - since) * 1000);
      if (dueAt === null && now < this.#plan.milliseconds) this.add(now >= 0);
    }
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
