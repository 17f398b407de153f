// Puts what the benches have left in bench/results/ into docs/performance.md: its tables, and its charts.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Outcome } from '../harness/duel.js';
import { goalCases } from '../harness/echo-cases.js';
import { formatRatio } from '../harness/statistics.js';
import { benchPath, installPackages } from '../packages.js';
import { writeChart } from './chart.js';
import { formatTable, type Report } from './results.js';

type Cases<T = Outcome> = readonly { readonly name: string; readonly outcomes: readonly T[] }[];

interface Usage {
  readonly resident: number;
  readonly heap: number | null;
}
interface MemoryOutcome {
  readonly peer: string;
  readonly idle: Usage;
  readonly afterBurst: Usage;
  readonly afterClose: Usage;
}
interface SlowOutcome {
  readonly peer: string;
  readonly samples: readonly { readonly seconds: number; readonly resident: number }[];
  readonly hasCrashed: boolean;
}
interface ProfileOutcome {
  readonly peer: string;
  readonly shares: Readonly<Record<string, number>>;
}
interface ScaleOutcome {
  readonly name: string;
  readonly connections: number;
  readonly connectSeconds: number;
  readonly residentBefore: number;
  readonly resident: number;
  readonly pings: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuPerPing: number;
}

const DOCUMENTS = ['docs/performance.md', 'README.md'].map((path) => benchPath(`../${path}`));
const MEBIBYTE = 2 ** 20;
interface DeflateResults {
  readonly costs: Cases;
  readonly memory: Cases<{ readonly peer: string; readonly resident: number }>;
}

/** Ours first. */
const COLOURS = [
  '#2856c8', '#6b7688', '#c23d14', '#8f6200', '#0d766c', '#e0876a', '#7b4bb3', '#2f2f2f', '#e3a6c8', '#57a3d9',
];
const SHOWN = ['ws', 'bare net', 'Bun'];

function load<T>(bench: string): Report<T> | null {
  const path = benchPath(`results/${bench}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Report<T>) : null;
}

function find(outcomes: readonly Outcome[], name: string): Outcome | undefined {
  return outcomes.find(({ peer }) => peer === name);
}

/** The bench and where it ran; bench/results/ has the whole command with its patterns. */
function source({ command, date, machine }: Report<unknown>): string {
  return `\`${/^npm run bench -- \w+/.exec(command)![0]}\`, ${date.replace('T', ' ')} UTC, ${machine}.\n\n`;
}

/** Ours against the three that matter most. */
function ratios(cases: Cases): string {
  const header = ['case', 'µs of CPU', ...SHOWN.map((name) => `÷ ${name}`)];
  return formatTable(header, cases.map(({ name, outcomes }) => [
    name,
    outcomes[0].cpuPerMessage.toFixed(2),
    ...SHOWN.map((peer) => {
      const outcome = find(outcomes, peer);
      return outcome === undefined ? '–' : formatRatio(outcome.ratio);
    }),
  ]));
}

/** Microseconds of every peer. */
function costs(cases: Cases): string {
  return byPeer('µs of CPU', cases, ({ cpuPerMessage }) => cpuPerMessage.toFixed(2));
}

/** How busy the server was with every client, and the client. */
function busyness(cases: Cases): string {
  const percent = (share: number): string => (share * 100).toFixed(0);
  return byPeer('core busy in %: server, client', cases, ({ serverShare, loadShare }) => {
    return `${percent(serverShare)}, ${percent(loadShare)}`;
  });
}

function byPeer(title: string, cases: Cases, format: (outcome: Outcome) => string): string {
  const peers = [...new Set(cases.flatMap(({ outcomes }) => outcomes.map(({ peer }) => peer)))];
  return formatTable([title, ...peers], cases.map(({ name, outcomes }) => [
    name,
    ...peers.map((peer) => {
      const outcome = find(outcomes, peer);
      return outcome === undefined ? '–' : format(outcome);
    }),
  ]));
}

/** Throughput and latency of one case, and how busy the load generator was. */
function details({ name, outcomes }: Cases[number]): string {
  return `${name}:\n\n` + formatTable(['server', 'per second', 'p50 ms', 'p99 ms', 'core busy: server', 'load'],
    outcomes.map((outcome) => [
      `${outcome.peer} ${outcome.version}`,
      Math.round(outcome.messagesPerSecond),
      outcome.p50.toFixed(2),
      outcome.p99.toFixed(2),
      `${Math.round(outcome.serverShare * 100)} %`,
      `${Math.round(outcome.loadShare * 100)} %`,
    ]));
}

function rounded(bytes: number | null): string | number {
  return bytes === null ? '–' : Math.round(bytes);
}

function memory(cases: Cases<MemoryOutcome>): string {
  const header = ['server', 'idle: RAM', 'heap', 'after a burst: RAM', 'after all closed: RAM', 'heap'];
  return cases.map(({ name, outcomes }) => {
    return `${name}, bytes for each:\n\n` +
      formatTable(header, outcomes.map(({ peer, idle, afterBurst, afterClose }) => [
        peer,
        ...[idle.resident, idle.heap, afterBurst.resident, afterClose.resident, afterClose.heap].map(rounded),
      ]));
  }).join('\n');
}

function slow(outcomes: readonly SlowOutcome[]): string {
  const mebibytes = (bytes: number): string => (bytes / MEBIBYTE).toFixed(0);
  return formatTable(['server', 'MiB at the start', 'at most', 'at the end'], outcomes.map((outcome) => [
    outcome.peer,
    mebibytes(outcome.samples[0].resident),
    mebibytes(Math.max(...outcome.samples.map(({ resident }) => resident))),
    outcome.hasCrashed ? 'crashed' : mebibytes(outcome.samples.at(-1)!.resident),
  ]));
}

function profile(cases: Cases<ProfileOutcome>): string {
  const kinds = Object.keys(cases[0].outcomes[0].shares);
  return formatTable(['case', 'server', ...kinds], cases.flatMap(({ name, outcomes }) => {
    return outcomes.map(({ peer, shares }) => {
      return [name, peer, ...kinds.map((kind) => `${Math.round(shares[kind] * 100)} %`)];
    });
  }));
}

function scale(outcomes: readonly ScaleOutcome[]): string {
  const header = ['server', 'connections', 'opened in s', 'MiB before', 'MiB with them', 'bytes for each'];
  return formatTable([...header, 'pings answered', 'p50 ms', 'p99 ms'], outcomes.map((outcome) => [
    outcome.name,
    outcome.connections,
    outcome.connectSeconds.toFixed(0),
    (outcome.residentBefore / MEBIBYTE).toFixed(0),
    (outcome.resident / MEBIBYTE).toFixed(0),
    Math.round((outcome.resident - outcome.residentBefore) / outcome.connections),
    outcome.pings,
    outcome.p50.toFixed(1),
    outcome.p99.toFixed(1),
  ]));
}

function codec(jobs: Readonly<Record<string, Readonly<Record<string, number>>>>): string {
  const rows = Object.entries(jobs).filter(([, times]) => 'ws' in times);
  return formatTable(['job', 'ours ns', 'ws ns', 'ours ÷ ws'], rows.map(([job, { ws, ...times }]) => {
    const [own] = Object.values(times);
    return [job, own.toFixed(0), ws.toFixed(0), (own / ws).toFixed(2)];
  }));
}

function deflate({ costs, memory }: DeflateResults): string {
  const cost = formatTable(
    ['message', 'µs of CPU: ours', 'ws', 'ours ÷ ws', 'bytes: ours', 'ws'],
    costs.map(({ name, outcomes }) => {
      const [own, ws] = outcomes;
      return [
        name, own.cpuPerMessage.toFixed(1), ws.cpuPerMessage.toFixed(1), formatRatio(ws.ratio),
        own.bytesPerMessage.toFixed(1), ws.bytesPerMessage.toFixed(1),
      ];
    }),
  );
  const bytes = formatTable(['an idle connection', 'bytes of RAM: ours', 'ws', 'ours ÷ ws'], memory.map((each) => {
    const [own, ws] = each.outcomes;
    return [each.name, Math.round(own.resident), Math.round(ws.resident), (own.resident / ws.resident).toFixed(2)];
  }));
  return `${cost}\n${bytes}`;
}

const parts: Record<string, string> = {};

/** Makes a part of the document from a bench's results; left as it is while there are none. */
function part<T>(name: string, bench: string, format: (results: T) => string): void {
  const report = load<T>(bench);
  if (report !== null) parts[name] = source(report) + format(report.results);
}

part<Cases>('goals', 'echo', (cases) => ratios(cases.slice(0, goalCases.length)));
part<Cases>('echo', 'echo', (cases) => `${costs(cases)}\n${cases.slice(0, goalCases.length).map(details).join('\n')}`);
part<Cases>('client', 'client', (cases) => [ratios(cases), costs(cases), busyness(cases)].join('\n'));
part<Parameters<typeof codec>[0]>('codec', 'codec', codec);
part<Cases>('connect', 'connect', (cases) => `${ratios(cases)}\n${costs(cases)}`);
part<Cases>('broadcast', 'broadcast', (cases) => `${ratios(cases)}\n${costs(cases)}`);
part<Cases<MemoryOutcome>>('memory', 'memory', memory);
part<readonly SlowOutcome[]>('slow', 'slow', slow);
part<readonly ScaleOutcome[]>('scale', 'scale', scale);
part<Cases<ProfileOutcome>>('profile', 'profile', profile);
part<DeflateResults>('deflate', 'deflate', deflate);

for (const path of DOCUMENTS) {
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/(<!-- results: (\w+) -->\n)[^]*?(<!-- end -->)/g, (all, start, name, end) => {
    const part = parts[name as string];
    return part === undefined ? all : `${start}\n${part}\n${end}`;
  }));
}

installPackages();
const slowReport = load<readonly SlowOutcome[]>('slow');
if (slowReport !== null) {
  const values = slowReport.results.flatMap(({ peer, samples }) => {
    return samples.map(({ seconds, resident }) => ({ peer, seconds, mebibytes: resident / MEBIBYTE }));
  });
  await writeChart(benchPath('../docs/slow.svg'), {
    width: 640,
    height: 360,
    title: {
      text: 'A slow reader: memory of the server',
      subtitle: 'one connection floods, the server relays to one that reads 1 MiB a second',
    },
    data: { values },
    mark: 'line',
    encoding: {
      x: { field: 'seconds', type: 'quantitative', title: 'seconds' },
      y: { field: 'mebibytes', type: 'quantitative', title: 'MiB in RAM' },
      strokeWidth: { condition: { test: "datum.peer === 'twobyte'", value: 5 }, value: 2 },
      color: {
        field: 'peer', type: 'nominal', title: null, sort: null, legend: { labelLimit: 0 },
        scale: { range: COLOURS },
      },
    },
  });
}
const echoReport = load<Cases>('echo');
if (echoReport !== null) {
  const values = echoReport.results.slice(0, goalCases.length).flatMap(({ name, outcomes }) => {
    return outcomes.map(({ peer, cpuPerMessage }) => ({ name, peer, cpuPerMessage }));
  });
  await writeChart(benchPath('../docs/echo.svg'), {
    title: {
      text: 'What an echo costs the server',
      subtitle: 'microseconds of CPU time for one message; shorter is better',
    },
    data: { values },
    facet: { field: 'name', type: 'nominal', sort: null, title: null },
    columns: 2,
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 300,
      height: 200,
      mark: 'bar',
      encoding: {
        y: { field: 'peer', type: 'nominal', sort: null, title: null },
        x: { field: 'cpuPerMessage', type: 'quantitative', title: null },
        color: {
          condition: { test: "indexof(datum.peer, 'twobyte') === 0", value: '#2856c8' },
          value: '#9aa7b8',
        },
      },
    },
  });
}
