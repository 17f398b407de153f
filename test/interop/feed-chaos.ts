// Chaos around a feed whose log is in a broker: two processes serve it behind nginx to readers of all four transports,
// while at random a process or the broker is killed and started again, nginx is reloaded, connections are reset, and
// readers move. Every reader has every update once and in order, or is told that the broker has lost what it had.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { createFeed, type Feed } from '../../src/index.js';
import { findLastingPort } from '../support/lasting-port.js';
import { brokers } from './brokers.js';
import type { ReadersReport, ReadersTask } from './feed-readers.js';
import { END, seenOf } from './feed-seen.js';
import { resetSockets } from './feed-sockets.js';
import { nginxBefore } from './proxy-programs.js';
import { startProxy } from './reverse-proxy.js';

export interface ChaosSetting {
  /** Of `brokers`. */
  readonly broker: string;
  /** Whether the broker loses all it has, halfway. */
  readonly isLost: boolean;
  readonly readersPerTransport: number;
  /** How many updates are published in a second, if the broker keeps up. */
  readonly rate: number;
  /** How long it goes on; it ends when everything has happened at least once. */
  readonly milliseconds: number;
}

export interface ChaosFigures {
  /** How many updates the broker has confirmed. */
  readonly updates: number;
  /** How many are in the log or not: the connection was lost before it has confirmed them. */
  readonly unconfirmed: number;
  /** In how many milliseconds they were published. */
  readonly publishing: number;
  /** How many milliseconds it took from the last one until every reader had it. */
  readonly catchingUp: number;
  readonly readers: number;
  readonly deliveries: number;
  readonly moves: number;
  /** How often each thing has happened. */
  readonly events: Readonly<Record<string, number>>;
}

/** How many updates are published before the first of them is confirmed. */
const MAX_IN_FLIGHT = 1000;

/** Milliseconds between two requests of a reader that polls. */
const POLL_INTERVAL = 100;

/** Milliseconds without an update to any reader after which no more is expected. */
const MAX_SILENCE = 60_000;

/** A process of this folder. */
class Process implements AsyncDisposable {
  readonly #file: string;
  readonly #parameters: readonly string[];
  #child!: ChildProcess;

  constructor(file: string, ...parameters: readonly (string | number)[]) {
    this.#file = fileURLToPath(new URL(file, import.meta.url));
    this.#parameters = parameters.map(String);
  }

  /** Starts it, again after `kill`. @returns what it tells first. */
  async start(...more: readonly string[]): Promise<unknown> {
    const child = fork(this.#file, [...more, ...this.#parameters]);
    // Whoever waits for it is told, or else the test.
    child.once('exit', (code) => code !== null && child.emit('error', new Error(`${this.#file} has ended: ${code}`)));
    this.#child = child;
    return this.next();
  }

  async next(): Promise<unknown> {
    return ((await once(this.#child, 'message')) as [unknown])[0];
  }

  tell(task: string): void {
    this.#child.send(task);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

class Server extends Process {
  port = 0;

  /** Again on the same port. */
  override async start(): Promise<void> {
    if (this.port === 0) this.port = await findLastingPort();
    await super.start(String(this.port));
  }
}

class Readers extends Process {
  override tell(task: ReadersTask): void {
    super.tell(task);
  }

  async report(): Promise<ReadersReport> {
    this.tell('report');
    return (await this.next()) as ReadersReport;
  }
}

/** Publishes numbers in a row at a rate. */
class Publisher {
  /** Those that the log has. */
  readonly confirmed: number[] = [];
  readonly #feed: Feed<number>;
  readonly #rate: number;
  #last = 0;
  #inFlight = 0;
  #isStopped = false;
  /** How many milliseconds it has published. */
  time = 0;

  constructor(feed: Feed<number>, rate: number) {
    this.#feed = feed;
    this.#rate = rate;
  }

  get unconfirmed(): number {
    return this.#last - this.confirmed.length;
  }

  /** Until `stop`, and until it is known of each what became of it. */
  async run(): Promise<void> {
    const first = this.#last;
    const start = performance.now();
    this.#isStopped = false;
    while (!this.#isStopped) {
      const due = first + (performance.now() - start) * this.#rate / 1000;
      while (this.#last < due && this.#inFlight < MAX_IN_FLIGHT) void this.#publish(++this.#last);
      await sleep(5);
    }
    this.time += performance.now() - start;
    while (this.#inFlight > 0) await sleep(5);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #publish(number: number): Promise<void> {
    this.#inFlight++;
    try {
      await this.#feed.publish(number);
      this.confirmed.push(number);
    } catch {
      // The log may have it or not. Whoever publishes it again may have two.
    } finally {
      this.#inFlight--;
    }
  }
}

/** Tries until it succeeds: the connection of the publisher may just have been reset. */
async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await sleep(20);
    }
  }
}

/** All numbers that are in the log. */
async function readAll(feed: Feed<number>): Promise<number[]> {
  const numbers: number[] = [];
  for (let place = 'all'; ;) {
    const batch = await feed.after(place);
    if (batch.updates.length === 0) return numbers.filter((number) => number !== END);
    numbers.push(...batch.updates.map(({ value }) => value));
    ({ place } = batch);
  }
}

/** @throws if what was confirmed is not in the log once, and in the order in which it was published. */
function checkLog(log: readonly number[], confirmed: readonly number[]): void {
  const ordered = [...new Set(log)].sort((one, other) => one - other);
  assert.is(String(seenOf(log)), String(seenOf(ordered)), 'the log has an update twice, or not in order');
  const all = new Set(log);
  assert.equal(confirmed.filter((number) => !all.has(number)), [], 'the log has lost what it has confirmed');
}

function shuffle<T>(values: readonly T[]): T[] {
  const keys = new Map(values.map((value) => [value, Math.random()]));
  return [...values].sort((one, other) => keys.get(one)! - keys.get(other)!);
}

/** @throws if a reader has lost an update, or has one twice. */
export async function chaos(setting: ChaosSetting): Promise<ChaosFigures> {
  const { isLost, rate, milliseconds } = setting;
  const { start, open } = brokers[setting.broker]!;
  await using broker = await start();
  await using client = await open(broker.port);
  await using one = new Server('feed-server.js', setting.broker, broker.port);
  await using two = new Server('feed-server.js', setting.broker, broker.port);
  const servers = [one, two];
  for (const server of servers) await server.start();
  await using nginx = await startProxy(nginxBefore(servers.map(({ port }) => port)), one.port);
  const url = `${nginx.origins.ws.replace('ws', 'http')}/feed`;
  // Two processes of half of the readers each: one would be the slowest part.
  const parameters = [url, setting.readersPerTransport / 2, POLL_INTERVAL];
  await using first = new Readers('feed-readers.js', ...parameters);
  await using second = new Readers('feed-readers.js', ...parameters);
  const readers = [first, second];
  for (const process of readers) await process.start();
  const feed = createFeed<number>({ log: client.log });
  const publisher = new Publisher(feed, rate);

  const any = (): Server => servers[Math.floor(Math.random() * servers.length)]!;
  const happenings: Readonly<Record<string, () => unknown>> = {
    'a server is killed': async () => {
      const server = any();
      await server.kill();
      await server.start();
    },
    'the broker is killed': async () => {
      await broker.kill();
      await broker.run();
    },
    'nginx is reloaded': () => nginx.reload(),
    'connections of a server are reset': () => any().tell('reset'),
    'connections of the publisher are reset': resetSockets,
    'readers move': () => readers.forEach((process) => process.tell('move')),
  };
  const events: Record<string, number> = {};
  const happen = async (time: number): Promise<void> => {
    const end = performance.now() + time;
    const publishing = publisher.run();
    try {
      do {
        for (const name of shuffle(Object.keys(happenings))) {
          await sleep(Math.random() * milliseconds / 30);
          await happenings[name]!();
          events[name] = (events[name] ?? 0) + 1;
        }
      } while (performance.now() < end);
    } finally {
      publisher.stop();
    }
    await publishing;
  };

  const report = (): Promise<ReadersReport[]> => Promise.all(readers.map((process) => process.report()));

  let before: number[] = [];
  if (isLost) {
    await happen(milliseconds / 2);
    // Who has nothing yet can't miss anything.
    while ((await report()).some(({ seen }) => seen.includes(''))) await sleep(20);
    before = await insist(() => readAll(feed));
    checkLog(before, publisher.confirmed);
    await broker.kill();
    await client.lost();
    await broker.runEmpty();
  }
  const confirmedBefore = publisher.confirmed.length;
  await happen(isLost ? milliseconds / 2 : milliseconds);
  await insist(() => feed.publish(END));
  const ended = performance.now();
  const log = await insist(() => readAll(feed));
  checkLog(log, publisher.confirmed.slice(confirmedBefore));

  let reports: ReadersReport[] = [];
  let deliveries = -1;
  let lastNews = performance.now();
  do {
    await sleep(100);
    reports = await report();
    const sum = reports.reduce((all, report) => all + report.deliveries, 0);
    if (sum > deliveries) lastNews = performance.now();
    deliveries = sum;
  } while (reports.some(({ hasEnded }) => !hasEnded) && performance.now() - lastNews < MAX_SILENCE);
  const catchingUp = performance.now() - ended;

  const seen = reports.flatMap((report) => report.seen);
  for (const text of seen) {
    if (!isLost) {
      assert.is(text, String(seenOf(log)));
      continue;
    }
    // What a reader had not got when the broker lost it is gone.
    const [part = '', ...rest] = text.split(' (missed unknown) ');
    const last = Number(/\d*$/.exec(part)![0]);
    assert.is(part, String(seenOf(before.filter((number) => number <= last))));
    assert.is(rest.join(' (missed unknown) '), String(seenOf(log)), 'what the reader was told, and what came then');
  }
  return {
    updates: publisher.confirmed.length, unconfirmed: publisher.unconfirmed, publishing: publisher.time, catchingUp,
    readers: seen.length, deliveries, moves: reports.reduce((sum, { moves }) => sum + moves, 0), events,
  };
}
