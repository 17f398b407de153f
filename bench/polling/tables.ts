// The study's results as Markdown: what docs/polling.md shows, word for word.
import {
  browserName, comparisons, costsOf, cpuCosts, cpuOf, crossovers, hasCpuTime, modelOf, partsDifferenceOf, requestBytes,
  type Crossovers,
} from './findings.js';
import * as model from './model.js';
import type { Measurement } from './pair.js';
import { bytesOf, find, findLargest, isSaturated, titles, type Results } from './results.js';
import { nameOf, type Platform, type Transport } from './setting.js';

/** By how much the model may differ from what was measured. */
const TOLERANCE = 0.01;

export const scales = [1000, 10_000, 100_000, 1_000_000] as const;

/** What contradicts the model; nothing if all is well. */
export function checkModel({ measurements }: Results): string[] {
  return measurements.flatMap((one) => {
    const difference = partsDifferenceOf(one);
    if (difference === null || difference <= TOLERANCE) return [];
    return [`${nameOf(one)}: ${percent(difference)} away from the model`];
  });
}

/** Every table by the name it has in the document. */
export function tablesOf(results: Results): Record<string, string> {
  return {
    provenance: provenance(results),
    headline: headline(results),
    summary: summary(results),
    readme: readme(results),
    bytes: bytesTable(results),
    latency: latencyTable(results),
    cpu: cpuTable(results),
    check: checkTable(results),
    opening: openingTable(results),
    memory: memoryTable(results),
    packets: packetsTable(results),
    quantum: quantumTable(),
    scale: scaleTable(results),
    crossover: crossoverTable(results),
    losses: lossesTable(results),
  };
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Three digits that count, and commas between thousands. */
export function show(value: number): string {
  const digits = value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Bytes to the byte, if they are whole. */
function bytes(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 });
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}

/** The rows of the tables that compare transports. */
interface Row {
  readonly transport: Transport;
  readonly pollInterval?: number;
  readonly platform?: Platform;
}

const rows: readonly Row[] = [
  { transport: 'polling', pollInterval: 100 },
  { transport: 'latest', pollInterval: 100 },
  { transport: 'polling', pollInterval: 1000 },
  { transport: 'polling', pollInterval: 5000 },
  { transport: 'long-polling' },
  { transport: 'streaming' },
  { transport: 'websocket' },
  { transport: 'polling', pollInterval: 100, platform: 'node:http' },
  { transport: 'polling', pollInterval: 1000, platform: 'node:http' },
  { transport: 'long-polling', platform: 'node:http' },
];

export function label({ transport, pollInterval, platform }: Row): string {
  const every = pollInterval == null ? '' : ` every ${seconds(pollInterval)}`;
  return `${titles[transport]}${every}${platform === 'node:http' ? ' (`node:http`)' : ''}`;
}

type Wanted = Parameters<typeof find>[2];

function findRow(results: Results, { transport, ...wanted }: Row, more: Wanted = {}): Measurement | null {
  return find(results, transport, { ...wanted, ...more });
}

function provenance({ command, machine, date }: Results): string {
  return `Measured with \`${command}\` on ${date}: ${machine}. The browser's headers are those of ${browserName}.`;
}

function headline(results: Results): string {
  const found = rows.flatMap((row) => {
    const one = findRow(results, row);
    return one === null ? [] : [[row, one] as const];
  });
  return table(
    ['an update of 20 B each second', 'clients', 'bytes in', 'bytes out', 'requests', 'wasted', 'p50 ms', 'p95', 'p99',
      'max', 'CPU µs'],
    found.map(([row, one]) => {
      const { latency, updates } = one;
      const delays = [latency!.p50, latency!.p95, latency!.p99, latency!.max].map(show);
      const mark = isSaturated(one) ? ' †' : '';
      return [label(row) + mark, bytes(one.clients), bytes(one.bytesIn / updates), bytes(one.bytesOut / updates),
        show(one.requests / updates), show(one.wasted / updates), ...delays, hasCpuTime(one) ? show(cpuOf(one)) : '–'];
    }),
  );
}

/** The finding in sentences. */
function summary(results: Results): string {
  const [often, poll, long, stream, socket] = [
    find(results, 'polling', { pollInterval: 100 })!, find(results, 'polling', { pollInterval: 1000 })!,
    find(results, 'long-polling')!, find(results, 'streaming')!, find(results, 'websocket')!,
  ];
  const ratio = (one: Measurement): string => show(bytesOf(one) / bytesOf(socket));
  const cross = crossovers(results);
  return [
    `For an update of 20 bytes each second, a browser that polls each second moves ${bytes(bytesOf(poll))} bytes per ` +
    `update, ${ratio(poll)} times the ${bytes(bytesOf(socket))} of a WebSocket, and gets the update after ` +
    `${show(poll.latency!.p50)} ms (median) and at most ${show(poll.latency!.max)} ms, against ` +
    `${show(socket.latency!.p50)} ms and ${show(socket.latency!.max)} ms. Polling ten times a second to bring the ` +
    `median down to ${show(often.latency!.p50)} ms takes ${bytes(bytesOf(often))} bytes per update, ${ratio(often)} ` +
    `times as many, and nine requests of ten bring nothing.`,
    `Most of that is not WebSocket's merit but pushing's: long polling is as fast (median ` +
    `${show(long.latency!.p50)} ms) at ${bytes(bytesOf(long))} bytes, and streaming needs ${bytes(bytesOf(stream))} ` +
    `bytes for each update.`,
    `Polling wins where several updates may wait for each other: with an update each second, it costs the server ` +
    `less CPU time than a WebSocket from ${crossText(cross.cpu)} updates with each poll on; with ten a second, from ` +
    `${crossText(cross.cpuOften)}.`,
  ].join('\n\n');
}

/** The finding in one paragraph, for those who have not asked for it. */
function readme(results: Results): string {
  const [poll, long, stream, socket] = [
    find(results, 'polling', { pollInterval: 1000 })!, find(results, 'long-polling')!, find(results, 'streaming')!,
    find(results, 'websocket')!,
  ];
  const [polled, held, streamed, pushed] = [poll, long, stream, socket].map((one) => bytes(bytesOf(one)));
  return `An update of 20 bytes each second costs a browser that polls each second ${polled} bytes, by long polling ` +
    `${held}, by streaming ${streamed}, by WebSocket ${pushed}; polled, it is half a second late on the average. Yet ` +
    `where updates may wait for each other, polling takes less of the server's CPU: from ` +
    `${crossText(crossovers(results).cpu)} updates with each poll on (\`${results.command}\`, ${results.machine}).`;
}

function crossText(value: number): string {
  return value === Infinity ? 'no number of' : value < 10 ? `about ${value.toFixed(1)}` : `about ${value.toFixed(0)}`;
}

function bytesTable(results: Results): string {
  const intervals = [100, 1000, 10_000];
  const kinds: readonly Row[] = [
    ...[100, 1000, 5000].map((pollInterval) => ({ transport: 'polling', pollInterval }) as const),
    ...[100, 1000, 5000].map((pollInterval) => ({ transport: 'latest', pollInterval }) as const),
    { transport: 'long-polling' }, { transport: 'streaming' }, { transport: 'websocket' },
    { transport: 'websocket-deflate' },
  ];
  const columns = [[20, 'chromium'], [20, 'minimal'], [1024, 'chromium']] as const;
  return table(
    ['bytes per update, both directions', ...columns.flatMap(([payload, headers]) => intervals.map((interval) => {
      return `${payload} B, ${headers}, ${seconds(interval)}`;
    }))],
    kinds.map((row) => [label(row), ...columns.flatMap(([payload, headers]) => intervals.map((updateInterval) => {
      const one = findRow(results, row, { payload, headers, updateInterval });
      return one === null ? '' : bytes(bytesOf(one));
    }))]),
  );
}

const grid: readonly Row[] = rows.filter(({ platform }) => platform === undefined);

function latencyTable(results: Results): string {
  return gridTable(results, 'delay p50 / p99, ms', (one) => `${show(one.latency!.p50)} / ${show(one.latency!.p99)}`);
}

function cpuTable(results: Results): string {
  return gridTable(results, 'server CPU, µs per update', (one) => (hasCpuTime(one) ? show(cpuOf(one)) : '–'), rows);
}

function gridTable(
  results: Results, title: string, cell: (one: Measurement) => string, of: readonly Row[] = grid,
): string {
  const clients = [...new Set(results.measurements.map((one) => one.clients))];
  const intervals = [...new Set(results.measurements.map((one) => one.updateInterval))];
  return table(
    [title, ...clients.flatMap((count) => intervals.map((interval) => `${bytes(count)} × ${seconds(interval)}`))],
    of.map((row) => [label(row), ...clients.flatMap((count) => intervals.map((updateInterval) => {
      const one = findRow(results, row, { clients: count, updateInterval });
      return one === null ? '' : isSaturated(one) ? '†' : cell(one);
    }))]),
  );
}

function checkTable(results: Results): string {
  return table(
    [
      'model against measurement', 'settings', 'each request, reply, event, frame', 'an update, from rates: median',
      'greatest',
    ],
    comparisons(results).map(({ transport, count, parts, median, rates }) => {
      return [titles[transport], String(count), percent(parts), percent(median), percent(rates)];
    }),
  );
}

function percent(part: number): string {
  return part < 1e-9 ? 'equal' : `${(part * 100).toFixed(part < 0.0001 ? 4 : 2)} %`;
}

function openingTable(results: Results): string {
  const kinds = ['streaming', 'websocket'] as const;
  const headers = ['minimal', 'chromium'] as const;
  return table(
    ['bytes to open, once', ...headers.map((kind) => `${kind} headers`)],
    kinds.map((transport) => [titles[transport], ...headers.map((kind) => {
      const one = find(results, transport, { headers: kind })!;
      return bytes((one.openingIn + one.openingOut) / one.clients);
    })]),
  );
}

function memoryTable({ memory }: Results): string {
  if (memory.length === 0) return 'Memory was not measured.';
  const kibibytes = (value: number): string => show(value / 1024);
  return table(
    ['server memory for each of 1,000 clients', 'resident, KiB', 'JavaScript and buffers, KiB'],
    memory.map((one) => {
      const row: Row = { transport: one.transport, platform: one.platform };
      return [label(row), kibibytes(one.rss), kibibytes(one.heap)];
    }),
  );
}

function packetsTable({ packets }: Results): string {
  if (packets.length === 0) return 'Packets were not captured.';
  return table(
    ['an update each second, a poll each second', 'bytes at the socket', 'packets', 'bytes with TCP and IP',
      'by the model'],
    packets.map((one) => {
      const cost = modelOf(one)!;
      const count = model.packets(one.transport as 'polling', cost.requests);
      const expected = cost.bytesIn + cost.bytesOut + count * model.PACKET_HEADER_BYTES;
      return [titles[one.transport], bytes(bytesOf(one)), show(one.captured.packets / one.updates),
        bytes(one.captured.bytes / one.updates), bytes(expected)];
    }),
  );
}

/** Bytes besides the update, of a poll with one and of a frame with one. */
export function overheads(): { chromium: number; minimal: number; webSocket: number } {
  const poll = (headers: 'chromium' | 'minimal'): number =>
    requestBytes({ transport: 'polling', headers }) + model.pollingReply(1, 20) - 20;
  return { chromium: poll('chromium'), minimal: poll('minimal'), webSocket: model.frameBytes(20) - 20 };
}

function quantumTable(): string {
  const { chromium, minimal, webSocket } = overheads();
  const columns: [string, number][] = [
    ['2010: polling, 871 B', model.BYTES_2010.polling],
    ['2010: WebSocket, 2 B', model.BYTES_2010.webSocket],
    [`today: polling, a browser, ${chromium} B`, chromium],
    [`today: polling, minimal, ${minimal} B`, minimal],
    [`today: WebSocket, ${webSocket} B`, webSocket],
  ];
  return table(
    ['Mbps (2^20 bit/s) of overhead', ...columns.map(([title]) => title)],
    scales.map((clients) => [`${bytes(clients)} clients`, ...columns.map(([, each]) => {
      return show(model.mebibits(clients, each));
    })]),
  );
}

function scaleTable(results: Results): string {
  const kinds: readonly Row[] = [
    { transport: 'polling', pollInterval: 1000 }, { transport: 'polling', pollInterval: 5000 },
    { transport: 'long-polling' }, { transport: 'streaming' }, { transport: 'websocket' },
  ];
  const cells = kinds.flatMap((row) => {
    const { transport, ...wanted } = row;
    const one = findLargest(results, transport, wanted);
    return one === null ? [] : [[row, one] as const];
  });
  return table(
    ['an update of 20 B each second', ...scales.map((clients) => `${bytes(clients)} clients`)],
    cells.map(([row, one]) => [label(row), ...scales.map((clients) => {
      const cost = modelOf(one)!;
      const megabits = (clients * (cost.bytesIn + cost.bytesOut) * 8) / 1e6;
      const cores = (clients * cpuOf(one)) / 1e6;
      return `${show(megabits)} Mbit/s, ${show(cores)} cores`;
    })]),
  );
}

function crossoverTable(results: Results): string {
  const cross = crossovers(results);
  const often = costsOf(results, 100);
  const costs = [cpuCosts(results), ...(often === null ? [] : [often])].map((one) => {
    return `With an update every ${seconds(one.updateInterval)}, a poll costs the server ${show(one.poll)} µs of CPU ` +
      `time and each update in it ${show(one.item)} µs more; pushing an update costs ${show(one.webSocket)} µs by ` +
      `WebSocket, ${show(one.streaming)} µs by streaming and ${show(one.longPolling)} µs by long polling.`;
  }).join(' ');
  const measures: [string, keyof Crossovers][] = [
    ['CPU time of the server, against WebSocket, with 10 updates a second', 'cpuOften'],
    ['the same, with one update a second or fewer', 'cpu'],
    ['bytes, a browser\'s headers, against streaming', 'streamingBytes'],
    ['bytes, minimal headers, against WebSocket', 'minimalBytes'],
    ['bytes, a browser\'s headers, against WebSocket', 'bytes'],
  ];
  const rates = [10, 1, 0.1];
  const rows = measures.map(([title, measure]) => {
    const needed = cross[measure];
    const isMeasured = (rate: number): boolean =>
      needed !== Infinity && (measure === 'cpuOften' ? rate === 10 : measure !== 'cpu' || rate < 10);
    return [title, crossText(needed), ...rates.map((rate) => (isMeasured(rate) ? duration(needed / rate) : ''))];
  });
  const head = ['polling is cheaper in', 'from updates per poll',
    ...rates.map((rate) => `tolerated delay at ${rate}/s`)];
  const { poll, webSocket } = cpuCosts(results);
  // A cache asks as often for all as a client does for itself: N · webSocket / 1 s = poll / 1 s.
  const behind = Math.ceil(poll / webSocket);
  const cache = `Behind a cache that may keep the newest update for a second, all clients together cost the server ` +
    `one poll a second, ${show(poll)} µs: with an update each second, as little as ${behind} WebSockets. This is ` +
    `calculated; no cache was measured.`;
  return `${costs}\n\n${table(head, rows)}\n\n${cache}`;
}

function duration(value: number): string {
  return value < 90 ? `${show(value)} s` : value < 5400 ? `${show(value / 60)} min` : `${show(value / 3600)} h`;
}

/** Where WebSocket loses or ties: measured pairs, and by how much. */
function lossesTable(results: Results): string {
  const most = findLargest(results, 'polling', { updateInterval: 100, pollInterval: 5000 }) ??
    findLargest(results, 'polling', { updateInterval: 100, pollInterval: 1000 });
  const socket = findLargest(results, 'websocket', { updateInterval: 100 });
  const [long, stream, slow] = [
    find(results, 'long-polling')!, find(results, 'streaming')!, find(results, 'websocket')!,
  ];
  if (most === null || socket === null) return 'Not measured.';
  const each = `${show(most.pollInterval! / most.updateInterval)} updates per poll`;
  const verdict = (other: number, own: number): string =>
    other < own * 0.9 ? 'loses' : other <= own * 1.1 ? 'ties' : other < own * 2 ? 'wins, by less than 2' : 'wins';
  const compare = (title: string, other: number, own: number, unit: string): string[] =>
    [title, `${show(other)} ${unit}`, `${show(own)} ${unit}`, verdict(other, own)];
  const big = find(results, 'streaming', { payload: 1024 })!;
  const bigSocket = find(results, 'websocket', { payload: 1024 })!;
  return table(['WebSocket against', 'the other', 'WebSocket', 'WebSocket …'], [
    compare(`polling with ${each}: server CPU per update`, cpuOf(most), cpuOf(socket), 'µs'),
    compare(`polling with ${each}: bytes per update`, bytesOf(most), bytesOf(socket), 'B'),
    compare('streaming: median delay', stream.latency!.p50, slow.latency!.p50, 'ms'),
    compare('streaming: server CPU per update', cpuOf(stream), cpuOf(slow), 'µs'),
    compare('streaming: bytes per update of 1 KiB', bytesOf(big), bytesOf(bigSocket), 'B'),
    compare('long polling: median delay', long.latency!.p50, slow.latency!.p50, 'ms'),
  ]);
}
