// `twobyte bench`: how soon a server answers messages that come at a steady rate, or how many it can.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../index.js';
import { CommandError, parse, parseSeconds, parseWholeNumber, type Command } from './arguments.js';
import { Histogram } from './histogram.js';
import { closeOnSignal } from './signals.js';
import { open, parseTarget, targetHelp, targetOptions, type Target } from './target.js';

const help = `Usage: twobyte bench URL [options]

Sends messages to a ws: or wss: URL that answers each with one, such as an echo, and prints how
long the answers take. A latency counts from when its message was due, also if it could only be
sent later: an answer that is late makes those after it late, too, as for users who don't wait.

  --connections N          how many connections (10)
  --rate N                 messages per second, over all connections (1000); 0 sends the next
                           on a connection once the last was answered
  --size N                 bytes of a message (32)
  --duration SECONDS       how long to send (10)
  --binary                 sends binary messages
  --json                   prints the results as JSON, times in milliseconds
${targetHelp}
  --help                   prints this

Ctrl-C ends it, and prints the results so far. The exit code is 1 if an answer didn't come.`;

export const bench: Command = { help, run };

const MAX_CONNECTIONS = 10_000;
const MAX_RATE = 1_000_000;
const MAX_SIZE = 1 << 26;

/** How many handshakes are under way at a time. */
const HANDSHAKES = 50;

/** Milliseconds. */
const PATIENCE = 5000;

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

const COLUMNS = ['mean', 'p50', 'p90', 'p99', 'p99.9', 'max'] as const;

async function run(args: string[]): Promise<void> {
  const { values, positionals } = parse('bench', {
    args,
    allowPositionals: true,
    options: {
      ...targetOptions,
      connections: { type: 'string', default: '10' },
      rate: { type: 'string', default: '1000' },
      size: { type: 'string', default: '32' },
      duration: { type: 'string', default: '10' },
      binary: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const size = parseWholeNumber('--size', values.size, MAX_SIZE);
  const load: Load = {
    connections: parseWholeNumber('--connections', values.connections, MAX_CONNECTIONS),
    rate: parseWholeNumber('--rate', values.rate, MAX_RATE),
    message: values.binary ? Buffer.alloc(size, 'x') : 'x'.repeat(size),
    milliseconds: parseSeconds('--duration', values.duration),
    patience: PATIENCE,
  };
  if (load.connections === 0) throw new CommandError('--connections must be at least 1');
  const target = parseTarget(positionals, values);
  const connections = await openAll(target, load.connections);
  const results = await measure(connections, load, (stop) => closeOnSignal(stop));
  await Promise.all(connections.map((connection) => connection.close()));
  console.log(values.json ? JSON.stringify(results, null, 2) : report(results, load));
  if (results.answered < results.sent + results.unsent || results.lost > 0) process.exitCode = 1;
}

/** Opens so many. If one can't be opened, none stays: it would keep the process alive. */
async function openAll(target: Target, count: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  let left = count;
  const openSome = async (): Promise<void> => {
    try {
      while (left-- > 0) connections.push(await open(target));
    } finally {
      left = 0;
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: HANDSHAKES }, openSome));
  const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (failed === undefined) return connections;
  for (const connection of connections) connection.terminate();
  throw failed.reason;
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

/**
 * Sends, and waits for the answers.
 * @param onStart is given what ends the sending early.
 */
export async function measure(
  connections: readonly Connection[],
  { rate, message, milliseconds, patience }: Load,
  onStart: (stop: () => void) => void = () => {},
): Promise<Results> {
  const startedAt = performance.now();
  const pause = rate === 0 ? 0 : (1000 * connections.length) / rate;
  const plan: Plan = { message, latencies: new Histogram(), pause, startedAt, milliseconds };
  const elapsed = (): number => performance.now() - startedAt;
  onStart(() => (plan.milliseconds = Math.min(plan.milliseconds, elapsed())));
  // They take turns, and don't all send in one instant.
  const talks = connections.map((connection, index) => {
    return new Talk(connection, (pause * index) / connections.length, plan);
  });
  for (let now = 0; now < plan.milliseconds && talks.some(({ isOpen }) => isOpen); now = elapsed()) {
    for (const talk of talks) talk.sendDue(now);
    const left = Math.min(...talks.map(({ dueAt }) => dueAt), plan.milliseconds, now + LONGEST_SLEEP) - elapsed();
    if (left > TIMER_GRAIN) await sleep(left - TIMER_GRAIN + 1);
    else await nextTurn();
  }
  const answeredInTime = plan.latencies.count;
  const seconds = elapsed() / 1000;
  const givesUpAt = elapsed() + patience;
  // What was due and had no room is sent all the same: without it, the worst would be left out.
  for (;;) {
    for (const talk of talks) talk.sendDue(plan.milliseconds);
    if (!talks.some(({ isUnfinished }) => isUnfinished) || elapsed() >= givesUpAt) break;
    await sleep(1);
  }
  return summarize(talks, plan.latencies, answeredInTime / seconds);
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

export function report({ sent, answered, unsent, lost, perSecond, latency }: Results, load: Load): string {
  const rate = load.rate === 0 ? 'one after the other' : `${load.rate} per second`;
  return [
    `${load.connections} connections, messages of ${load.message.length} bytes, ${rate}`,
    `sent ${sent}, answered ${answered}, ${perSecond} answers per second`,
    ...(unsent > 0 ? [`not sent, as there was no room: ${unsent}`] : []),
    ...(lost > 0 ? [`connections that were lost: ${lost}`] : []),
    'latency in milliseconds',
    ...COLUMNS.map((column) => `  ${column.padEnd(6)}${latency[column].toFixed(3).padStart(12)}`),
  ].join('\n');
}
