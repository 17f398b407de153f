// The tables that answer to the goals: what ours costs on each Node, and on Bun and Deno beside their own servers.
import type { MemoryOutcome } from '../cases/memory.js';
import { goalCases, nameOf } from '../harness/echo-cases.js';
import { formatTable, type Cases, type Load, type Report } from './results.js';
import { formatCost, formatRatioTo, RATIO_HEADER, ratioCells } from './tables.js';

type Row = readonly (string | number)[];

const goalNames = new Set(goalCases.map(nameOf));

/** @param runtime as in the names of result files. @returns nothing if no bench has run on it. */
export function goalsOf(runtime: string, load: Load): string {
  const [echo, connect, client] = ['echo', 'connect', 'client'].map((bench) => load<Cases>(bench, runtime));
  const memory = load<Cases<MemoryOutcome>>('memory', runtime);
  const costs: Row[] = [
    ...rows(echo, 'echo', (name) => goalNames.has(name)),
    ...rows(connect, 'opening handshake', (name) => name === 'TCP'),
    ...rows(client, 'client', (name) => /16 KiB|1 MiB/.test(name)),
  ];
  const plain = memory?.results.find(({ name }) => name.endsWith('TCP'));
  return [
    ...sourcesOf([echo, connect, client, memory]),
    ...(costs.length === 0 ? [] : [formatTable(['', ...RATIO_HEADER], costs)]),
    ...(plain === undefined ? [] : [memoryTable(plain)]),
  ].join('\n');
}

function rows(report: Report<Cases> | null, title: string, isGoal: (name: string) => boolean): Row[] {
  const cases = report?.results.filter(({ name }) => isGoal(name)) ?? [];
  return cases.map(({ name, outcomes }) => [`${title}: ${name}`, ...ratioCells(outcomes)]);
}

/** Where and when, a line for each runtime and machine. */
function sourcesOf(reports: readonly (Report<unknown> | null)[]): string[] {
  const benches = new Map<string, string[]>();
  for (const report of reports) {
    if (report === null) continue;
    const place = `${report.runtime}, ${report.machine}`;
    benches.set(place, [...(benches.get(place) ?? []), `\`${report.bench}\` ${report.date.replace('T', ' ')}`]);
  }
  return Array.from(benches, ([place, dates]) => `${place}: ${dates.join(', ')} UTC.\n`);
}

/** What is added for each connection. */
function memoryTable({ name, outcomes }: Cases<MemoryOutcome>[number]): string {
  const values: readonly [string, (outcome: MemoryOutcome) => number][] = [
    ['RAM, idle', ({ idle }) => idle.resident],
    ['heap, idle', ({ idle }) => idle.heap ?? NaN],
    ['RAM after a burst', ({ afterBurst }) => afterBurst.resident],
    ['RAM after all have closed', ({ afterClose }) => afterClose.resident],
  ];
  const [own, ws, bare] = ['twobyte', 'ws', 'bare net'].map((peer) => outcomes.find((each) => each.peer === peer));
  const format = (value: number, digits: number): string => (Number.isNaN(value) ? '–' : value.toFixed(digits));
  return formatTable([`${name}, for each`, 'KB', '÷ ws', '− bare net, KB'], values.map(([title, of]) => {
    const valueOf = (outcome: MemoryOutcome | undefined): number => (outcome === undefined ? NaN : of(outcome));
    const value = valueOf(own);
    return [
      title, format(value / 1000, 1), format(value / valueOf(ws), 2), format((value - valueOf(bare)) / 1000, 1),
    ];
  }));
}

/** Ours on Bun and on Deno, beside the server that each brings along. */
export function nativeGoals(load: Load): string {
  return (['Bun', 'Deno'] as const).flatMap((native) => {
    const report = load<Cases>('echo', native.toLowerCase());
    if (report === null) return [];
    const cases = report.results.filter(({ name }) => goalNames.has(name));
    const header = [`echo on ${native}`, 'µs of CPU', `÷ the server of ${native}`, '÷ ws', '÷ bare net'];
    return [...sourcesOf([report]), formatTable(header, cases.map(({ name, outcomes }) => [
      name, formatCost(outcomes), ...[native, 'ws', 'bare net'].map((peer) => formatRatioTo(peer, outcomes)),
    ]))];
  }).join('\n');
}
