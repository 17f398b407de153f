// What the study writes, and how what is told of it finds a number there.
import type { Measurement, Memory } from './pair.js';
import type { PacketMeasurement } from './packets.js';
import { isShortPolling, type Platform, type Setting, type Transport } from './setting.js';

/** The part of the polls that may be late by an interval. */
const MAX_LATE = 0.02;

/** With so many clients transports are compared: enough for CPU time to be counted, few enough to be served at once. */
export const COMPARED_CLIENTS = 100;

export interface MemoryMeasurement extends Setting, Memory {}

export interface Results {
  readonly command: string;
  readonly machine: string;
  readonly date: string;
  readonly measurements: readonly Measurement[];
  readonly memory: readonly MemoryMeasurement[];
  /** Empty if packets could not be captured. */
  readonly packets: readonly PacketMeasurement[];
}

/** Names as the tables and charts have them. */
export const titles: Readonly<Record<Transport, string>> = {
  'polling': 'Polling',
  'latest': 'Polling, 304',
  'long-polling': 'Long polling',
  'streaming': 'Streaming',
  'websocket': 'WebSocket',
  'websocket-deflate': 'WebSocket, deflate',
};

/** Whether the machine could not keep the timetable: what polls cost then is not what their interval would. */
export function isSaturated({ transport, late, requests, latency, updateInterval }: Measurement): boolean {
  if (isShortPolling(transport)) return late > requests * MAX_LATE;
  return latency!.p95 > updateInterval;
}

/** Bytes of an update in both directions. */
export function bytesOf({ bytesIn, bytesOut, updates }: Pick<Measurement, 'bytesIn' | 'bytesOut' | 'updates'>): number {
  return (bytesIn + bytesOut) / updates;
}

type Wanted = Partial<Omit<Setting, 'transport'>>;

/** The measurements of a transport, with 20 B, a browser's headers and an update a second unless wanted otherwise. */
function findAll({ measurements }: Results, transport: Transport, wanted: Wanted): Measurement[] {
  const entries = Object.entries({
    platform: 'twobyte' satisfies Platform, updateInterval: 1000, payload: 20, headers: 'chromium', ...wanted,
  });
  return measurements.filter((one) =>
    one.transport === transport && entries.every(([key, value]) => one[key as keyof Measurement] === value));
}

/** One of them: if no number of clients is wanted, the one with that of the comparisons, else with the fewest. */
export function find(results: Results, transport: Transport, wanted: Wanted = {}): Measurement | null {
  const found = findAll(results, transport, wanted);
  return found.find(({ clients }) => clients === COMPARED_CLIENTS) ?? found[0] ?? null;
}

/** The one with the most clients that the machine could keep up with. */
export function findLargest(results: Results, transport: Transport, wanted: Wanted = {}): Measurement | null {
  const found = findAll(results, transport, wanted);
  return found.filter((one) => !isSaturated(one)).at(-1) ?? found[0] ?? null;
}

/** Replaces what stands between `<!-- table: NAME -->` and `<!-- end -->`. */
export function fillIn(document: string, tables: Readonly<Record<string, string>>): string {
  return document.replace(/(<!-- table: ([\w-]+) -->\n)[^]*?(<!-- end -->)/g, (_match, start, name: string, end) => {
    const table = tables[name];
    if (table === undefined) throw new Error(`there is no table ${name}; there are ${Object.keys(tables).join(', ')}`);
    return `${start}${table}\n${end}`;
  });
}
