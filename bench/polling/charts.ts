// The study's charts, as Vega-Lite specifications; each is titled with what it shows.
import { colours } from '../report/chart.js';
import { cpuCosts, cpuOf, crossovers, hasCpuTime } from './findings.js';
import { bytesOf, find, findLargest, type Results } from './results.js';
import type { Setting } from './setting.js';
import { show } from './tables.js';

type Spec = Record<string, unknown>;

const WIDTH = 620;
const INK = '#1a2230';

/** Every chart by the end of its file's name. */
export function chartsOf(results: Results): Record<string, Spec> {
  return {
    bytes: bytesChart(results),
    latency: latencyChart(results),
    cpu: cpuChart(results),
    crossover: crossoverChart(results),
  };
}

const scale = {
  domain: Object.keys(colours), range: Object.values(colours),
};
const color = { field: 'transport', type: 'nominal', scale, legend: null };

function source({ command, machine }: Results): string {
  return `${command} · ${machine}`;
}

function rounded(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 });
}

function few(count: number): string {
  return count.toFixed(count < 10 ? 1 : 0);
}

function bytesChart(results: Results): Spec {
  const values = (['chromium', 'minimal'] as const).flatMap((headers) => [
    ...[100, 1000, 5000].map((pollInterval) => point(results, 'polling', { headers, pollInterval })),
    point(results, 'long-polling', { headers }),
    point(results, 'streaming', { headers }),
    point(results, 'websocket', { headers }),
  ].filter((value) => value !== null));
  const [poll, socket] = [find(results, 'polling', { pollInterval: 1000 })!, find(results, 'websocket')!];
  const ratio = show(bytesOf(poll) / bytesOf(socket));
  const rows = [...new Set(values.map(({ name }) => name))];
  return {
    title: {
      text: `A poll each second moves ${ratio} times the bytes of a WebSocket`,
      subtitle: ['Bytes at the socket for each update of 20 B, both directions, with an update each second.',
        'Filled: the headers of a browser. Hollow: the shortest request.', source(results)],
    },
    width: WIDTH, height: { step: 44 },
    data: { values },
    encoding: { y: { field: 'name', type: 'nominal', sort: rows, axis: {
      title: null, labelFontSize: 13, labelColor: INK, domain: false, ticks: false, labelPadding: 12, labelLimit: 260,
    } } },
    layer: [
      {
        transform: [{ filter: 'datum.headers === "chromium"' }],
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.35 },
        encoding: { x: { field: 'bytes', type: 'quantitative' }, x2: { value: 0 }, color },
      },
      ...(['minimal', 'chromium'] as const).map((headers) => ({
        transform: [{ filter: `datum.headers === "${headers}"` }],
        mark: { type: 'point', size: 130, strokeWidth: 2, opacity: 1 },
        encoding: {
          x: { field: 'bytes', type: 'quantitative', scale: { type: 'log', domain: [10, 20_000] }, axis: {
            title: 'bytes for each update (logarithmic)', values: [10, 100, 1000, 10_000], format: ',d',
          } },
          color,
          fill: headers === 'chromium' ? color : { value: '#ffffff' },
        },
      })),
      {
        transform: [{ filter: 'datum.headers === "chromium"' }],
        mark: { type: 'text', dx: 13, align: 'left', fontSize: 13, fontWeight: 600 },
        encoding: { x: { field: 'bytes', type: 'quantitative' }, text: { field: 'label' }, color },
      },
    ],
  };
}

interface Point {
  readonly name: string;
  readonly transport: string;
  readonly headers: string;
  readonly bytes: number;
  readonly delay: number;
  readonly label: string;
}

function point(
  results: Results,
  transport: 'polling' | 'long-polling' | 'streaming' | 'websocket',
  wanted: { headers?: Setting['headers']; pollInterval?: number },
): Point | null {
  const one = find(results, transport, wanted);
  if (one === null) return null;
  const title = { 'polling': 'Polling', 'long-polling': 'Long polling', 'streaming': 'Streaming',
    'websocket': 'WebSocket' }[transport];
  const bytes = bytesOf(one);
  return {
    name: wanted.pollInterval === undefined ? title : `${title} every ${wanted.pollInterval / 1000} s`,
    transport: title,
    headers: one.headers,
    bytes,
    delay: one.latency!.p50,
    label: rounded(bytes),
  };
}

function latencyChart(results: Results): Spec {
  const polls = [100, 1000, 5000].map((pollInterval) => point(results, 'polling', { pollInterval }))
    .filter((value) => value !== null);
  const pushes = (['long-polling', 'streaming', 'websocket'] as const)
    .map((transport) => point(results, transport, {})!);
  const axis = { labelColor: INK };
  return {
    title: {
      text: 'Polling buys either speed or bytes; what is pushed has both',
      subtitle: ['Median delay of an update against its bytes; an update of 20 B each second, a browser’s headers.',
        'Below and to the left is better.', source(results)],
    },
    width: WIDTH, height: 380,
    encoding: {
      x: { field: 'bytes', type: 'quantitative', scale: { type: 'log', domain: [10, 20_000] }, axis: {
        title: 'bytes for each update (logarithmic)', values: [10, 100, 1000, 10_000], format: ',d', ...axis,
      } },
      y: { field: 'delay', type: 'quantitative', scale: { type: 'log', domain: [1, 10_000] }, axis: {
        title: 'median delay, ms (logarithmic)', values: [1, 10, 100, 1000, 10_000], format: ',d', ...axis,
      } },
    },
    layer: [
      { data: { values: polls }, mark: { type: 'line', strokeWidth: 2, opacity: 0.4, color: colours['Polling'] } },
      { data: { values: [...polls, ...pushes] }, mark: { type: 'point', filled: true, size: 150, opacity: 1 },
        encoding: { color } },
      // Each label is where neither the line nor another label is.
      ...([
        [polls.slice(0, 1), { align: 'center', dy: 18 }],
        [polls.slice(1), { align: 'left', dx: 11, dy: -9 }],
        [pushes.slice(0, 2), { align: 'center', dy: -17 }],
        [pushes.slice(2), { align: 'center', dy: 18 }],
      ] as const).map(([values, place]) => ({
        data: { values },
        mark: { type: 'text', fontSize: 13, fontWeight: 600, ...place },
        encoding: { text: { field: 'name' }, color },
      })),
    ],
  };
}

function cpuChart(results: Results): Spec {
  const { updateInterval: common, webSocket, streaming, longPolling } = cpuCosts(results);
  const { cpu } = crossovers(results);
  const polls = [100, 1000, 10_000].flatMap((updateInterval) => [100, 1000, 5000].flatMap((pollInterval) => {
    const one = findLargest(results, 'polling', { updateInterval, pollInterval });
    const pushed = findLargest(results, 'websocket', { updateInterval });
    if (one === null || pushed === null || !hasCpuTime(one) || !hasCpuTime(pushed)) return [];
    return [{ updates: pollInterval / updateInterval, ratio: cpuOf(one) / cpuOf(pushed) }];
  }));
  const rules = [
    { name: `Long polling ${few(longPolling / webSocket)}`, transport: 'Long polling', ratio: longPolling / webSocket },
    { name: `Streaming ${few(streaming / webSocket)}`, transport: 'Streaming', ratio: streaming / webSocket },
    { name: 'WebSocket 1', transport: 'WebSocket', ratio: 1 },
  ].sort((one, other) => other.ratio - one.ratio);
  // Labels of lines that are close to each other must not meet: one above, one below, one further to the right.
  const placed = rules.map((rule, index) => ({ ...rule, x: index === 1 ? 190 : 6, dy: index === 2 ? 13 : -10 }));
  const y = { field: 'ratio', type: 'quantitative', scale: { type: 'log', domain: [0.1, 100] }, axis: {
    title: 'server CPU for each update ÷ WebSocket’s (logarithmic)', format: '~g', values: [0.1, 1, 10, 100],
  } };
  return {
    title: {
      text: Number.isFinite(cpu)
        ? `From about ${few(cpu)} updates with each poll on, polling takes less CPU than a WebSocket`
        : 'Pushing takes less CPU than polling',
      subtitle: ['CPU time of the server per update of 20 B to one client, as a multiple of what a WebSocket takes',
        `at the same rate (streaming, long polling: at one every ${common / 1000} s); a browser’s headers.`,
        source(results)],
    },
    width: WIDTH, height: 380,
    layer: [
      {
        data: { values: placed }, mark: { type: 'rule', strokeWidth: 2 }, encoding: { y, color },
      },
      // White around the letters, and then the letters.
      ...placed.flatMap((rule) => ['#ffffff', undefined].map((stroke) => ({
        data: { values: [rule] },
        mark: {
          type: 'text', align: 'left', dy: rule.dy, fontSize: 13, fontWeight: 600,
          ...(stroke && { stroke, strokeWidth: 4 }),
        },
        encoding: { y, x: { value: rule.x }, text: { field: 'name' }, color },
      }))),
      ...['line', 'point'].map((type) => ({
        data: { values: polls },
        mark: {
          type, color: colours['Polling'],
          ...(type === 'line' ? { strokeWidth: 2.5 } : { filled: true, size: 90, opacity: 1 }),
        },
        encoding: {
          y: type === 'line' ? { ...y, aggregate: 'mean' } : y,
          x: { field: 'updates', type: 'quantitative', scale: { type: 'log', domain: [0.01, 100] }, axis: {
            title: 'updates for each poll: polling interval ÷ update interval (logarithmic)',
            values: [0.01, 0.1, 1, 10, 100], format: '~g',
          } },
        },
      })),
      {
        data: { values: polls.filter(({ updates }) => updates === Math.min(...polls.map((one) => one.updates))) },
        mark: { type: 'text', align: 'left', dx: 14, dy: -4, fontSize: 13, fontWeight: 600, color: colours['Polling'] },
        encoding: { y, x: { field: 'updates', type: 'quantitative' }, text: { value: 'Polling' } },
      },
    ],
  };
}

function crossoverChart(results: Results): Spec {
  const cross = crossovers(results);
  const rates = Array.from({ length: 41 }, (_, index) => 10 ** (index / 10 - 2));
  const line = (needed: number): object[] => rates.map((rate) => ({ rate, delay: needed / rate }));
  const [low, high] = [0.01, 100_000];
  const clip = (delay: number): number => Math.min(high, Math.max(low, delay));
  const area = (from: number, to: number): object[] => rates.map((rate) => {
    return { rate, delay: clip(from / rate), top: clip(to / rate) };
  });
  const x = { field: 'rate', type: 'quantitative', scale: { type: 'log', domain: [0.01, 100] }, axis: {
    title: 'updates per second (logarithmic)', values: [0.01, 0.1, 1, 10, 100], format: '~g',
  } };
  const y = { field: 'delay', type: 'quantitative', scale: { type: 'log', domain: [low, high] }, axis: {
    title: 'tolerated delay = polling interval (logarithmic)', values: [0.01, 1, 60, 3600, 86_400],
    labelExpr: '{"0.01": "10 ms", "1": "1 s", "60": "1 min", "3600": "1 h", "86400": "1 day"}["" + datum.value]',
  } };
  const cpu = Number.isFinite(cross.cpu) ? cross.cpu : high;
  const regions = [
    { from: 0, to: cpu, color: colours['WebSocket'], opacity: 0.14 },
    { from: cpu, to: cross.bytes, color: colours['Streaming'], opacity: 0.12 },
    { from: cross.bytes, to: Infinity, color: colours['Polling'], opacity: 0.16 },
  ];
  const text = (rate: number, delay: number, lines: string[], tint: string | undefined): Spec => ({
    data: { values: [{ rate, delay }] },
    mark: { type: 'text', fontSize: 13, fontWeight: 600, lineHeight: 18, color: tint, baseline: 'middle' },
    encoding: { x, y, text: { value: lines } },
  });
  return {
    title: {
      text: `Polling pays once ${few(cpu)} updates may wait for a poll, by CPU; ${rounded(cross.bytes)}, by bytes`,
      subtitle: ['What costs less, by how often updates come and how long one may wait; 20 B, a browser’s headers.',
        source(results)],
    },
    width: WIDTH, height: 400,
    layer: [
      ...regions.map(({ from, to, color: fill, opacity }) => ({
        data: { values: area(from, to) },
        mark: { type: 'area', color: fill, opacity, clip: true },
        encoding: { x, y, y2: { field: 'top' } },
      })),
      ...[[cpu, colours['WebSocket']], [cross.bytes, colours['Polling']]].map(([needed, tint]) => ({
        data: { values: line(needed as number) },
        mark: { type: 'line', strokeWidth: 2.5, color: tint, clip: true },
        encoding: { x, y },
      })),
      text(0.08, 0.4, ['WebSocket costs less of both'], colours['WebSocket']),
      text(1, Math.sqrt(cpu * cross.bytes), ['polling costs less CPU,', 'but more bytes'], colours['Streaming']),
      text(14, 8000, ['polling costs less of both,', 'if anyone waits that long'], colours['Polling']),
    ],
  };
}

