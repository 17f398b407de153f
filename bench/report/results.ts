// What a bench leaves behind: a Markdown table on standard output, and the same numbers in bench/results/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { relate, type Outcome } from '../harness/duel.js';
import { resultsOn, titlesOf, type Identity, type Side } from '../harness/peers.js';
import { ownRuntime, type Runtime } from '../harness/runtimes.js';
import { formatRatio } from '../harness/statistics.js';
import { benchPath } from '../packages.js';

const UNITS = { message: 'messages', delivery: 'deliveries', handshake: 'handshakes' };
type Unit = keyof typeof UNITS;

/** What every result file holds. */
export interface Report<T> {
  readonly bench: string;
  readonly command: string;
  readonly date: string;
  /** Its name and its whole version. */
  readonly runtime: string;
  readonly machine: string;
  readonly results: T;
}

/** Finds what a bench has left on a runtime, if it has. */
export type Load = <T>(bench: string, runtime: string) => Report<T> | null;

export type Cases<T = Outcome> = readonly { readonly name: string; readonly outcomes: readonly T[] }[];

function pathOf(bench: string, runtime: string): string {
  return benchPath(`results/${bench}.${runtime}.json`);
}

/** Writes bench/results/NAME.RUNTIME.json. */
export function saveResults<T>(bench: string, results: T, runtime: Runtime = ownRuntime): void {
  const processors = cpus();
  const report: Report<T> = {
    bench,
    command: ['npm run bench --', bench, ...process.argv.slice(3)].join(' '),
    date: new Date().toISOString().slice(0, 16),
    runtime: `${runtime.kind} ${runtime.version}`,
    machine: `${platform()} ${arch()}, ${processors.length} × ${processors[0].model.trim()}`,
    results,
  };
  mkdirSync(benchPath('results'), { recursive: true });
  writeFileSync(pathOf(bench, runtime.id), `${JSON.stringify(report, null, 1)}\n`);
}

/** Writes a file for each runtime. */
export function saveByRuntime<T extends Identity>(
  bench: string,
  cases: Cases<T>,
  runtimes: readonly Runtime[],
  finish: (outcomes: T[]) => T[] = (outcomes) => outcomes,
): void {
  for (const runtime of runtimes) {
    const results = cases.map(({ name, outcomes }) => ({ name, outcomes: finish(resultsOn(runtime, outcomes)) }));
    saveResults(bench, results, runtime);
  }
}

/** The same, where ratios are to the first of a file. */
export function saveOutcomes(bench: string, cases: Cases, runtimes: readonly Runtime[]): void {
  saveByRuntime(bench, cases, runtimes, relate);
}

/** @param runtime as in the names of files: `node-26`. @returns `null` if that was not measured. */
export function loadReport<T>(bench: string, runtime: string): Report<T> | null {
  const path = pathOf(bench, runtime);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Report<T>) : null;
}

/** A table of Markdown. */
export function formatTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

export function printTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  console.log(formatTable(header, rows));
}

/** @param unit what is counted. @param side whose cost it is. */
export function printOutcomes(
  title: string,
  outcomes: readonly Outcome[],
  unit: Unit = 'message',
  side: Side = 'server',
): void {
  console.log(`${title}\n`);
  const titles = titlesOf(outcomes);
  const header = [side, `µs of CPU per ${unit}`, 'first ÷ this (rounds)', `${UNITS[unit]}/s`, 'p50 ms', 'p99 ms'];
  printTable([...header, 'core busy: server', side === 'client' ? 'client' : 'load'], outcomes.map((outcome, index) => [
    titles[index],
    outcome.cpuPerMessage.toFixed(2),
    index === 0 ? '1' : formatRatio(outcome.ratio),
    Math.round(outcome.messagesPerSecond),
    outcome.p50.toFixed(2),
    outcome.p99.toFixed(2),
    `${Math.round(outcome.serverShare * 100)} %`,
    `${Math.round(outcome.loadShare * 100)} %`,
  ]));
}
