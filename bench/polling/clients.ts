// The process of the study's clients.
import { setTimeout as sleep } from 'node:timers/promises';
import { serveCalls } from './calls.js';
import { createClient, type Client, type Counters, type Timetable } from './client.js';
import type { Setting } from './setting.js';

/** So many connections are opened at a time: the backlog of a server is short. */
const OPENINGS_AT_ONCE = 100;
/** Milliseconds after which a run counts as failed whose updates have not come. */
const PATIENCE = 30_000;

/** What all clients of a run have used up together, and their delays in milliseconds. */
export interface ClientReport extends Counters {
  readonly openingIn: number;
  readonly openingOut: number;
  /** Polls that were sent later than the one behind them should have been. */
  readonly late: number;
  /** How many replies there were with no update, with one, and so on. */
  readonly replies: Readonly<Record<number, number>>;
  readonly latency: Quantiles | null;
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

let clients: Client[] = [];

async function open({ setting, port, last }: { setting: Setting; port: number; last: number }): Promise<void> {
  clients = [];
  for (let left = setting.clients; left > 0; left -= OPENINGS_AT_ONCE) {
    const batch = Array.from({ length: Math.min(left, OPENINGS_AT_ONCE) }, () => createClient(setting, port, last));
    clients.push(...batch);
    await Promise.all(batch.map((client) => Promise.race([client.open(), client.done])));
  }
}

/** Returns when each client has got every update once and in order; fails if one has not in time. */
async function measure(timetable: Timetable): Promise<ClientReport> {
  for (const [index, client] of clients.entries()) client.begin(timetable, (index + 0.5) / clients.length);
  const { first, interval, lastNumber, firstNumber } = timetable;
  const controller = new AbortController();
  const length = (lastNumber - firstNumber) * interval + first - Number(process.hrtime.bigint()) / 1e6;
  const late = sleep(length + PATIENCE, 'late', { signal: controller.signal });
  late.catch(() => {});
  const result = await Promise.race([Promise.all(clients.map((client) => client.done)), late]);
  controller.abort();
  if (result === 'late') {
    const missing = clients.filter((client) => client.last !== lastNumber).length;
    throw new Error(`${missing} of ${clients.length} clients did not get every update in time`);
  }
  return report();
}

function report(): ClientReport {
  const sum = {
    bytesIn: 0, bytesOut: 0, requests: 0, wasted: 0, updates: 0, skipped: 0, late: 0, openingIn: 0, openingOut: 0,
  };
  for (const { measured, opening, late } of clients) {
    sum.bytesIn += measured.bytesIn;
    sum.bytesOut += measured.bytesOut;
    sum.requests += measured.requests;
    sum.wasted += measured.wasted;
    sum.updates += measured.updates;
    sum.skipped += measured.skipped;
    sum.late += late;
    sum.openingIn += opening.bytesIn;
    sum.openingOut += opening.bytesOut;
  }
  const replies: Record<number, number> = {};
  for (const count of clients.flatMap((client) => client.replies)) replies[count] = (replies[count] ?? 0) + 1;
  return { ...sum, replies, latency: quantiles(clients.flatMap((client) => client.latencies)) };
}

function quantiles(values: number[]): Quantiles | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1)! };
}

async function close(): Promise<void> {
  for (const client of clients) client.close();
  clients = [];
}

const calls = { open, measure, close };
export type ClientsCalls = typeof calls;
serveCalls(calls);
