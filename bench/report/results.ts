// What a bench leaves behind: a Markdown table on standard output and the same numbers in bench/results/.
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Outcome } from '../harness/duel.js';
import { describeMachine, type Side } from '../harness/peers.js';
import { formatRatio } from '../harness/statistics.js';
import { benchPath } from '../packages.js';

const UNITS = { message: 'messages', delivery: 'deliveries', handshake: 'handshakes' };
type Unit = keyof typeof UNITS;

/** What every result file holds. */
export interface Report<T> {
  readonly bench: string;
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly results: T;
}

/** Writes bench/results/NAME.json. */
export function saveResults<T>(bench: string, results: T): void {
  const report: Report<T> = {
    bench,
    command: ['npm run bench --', bench, ...process.argv.slice(3)].join(' '),
    date: new Date().toISOString().slice(0, 16),
    machine: describeMachine(),
    results,
  };
  mkdirSync(benchPath('results'), { recursive: true });
  writeFileSync(benchPath(`results/${bench}.json`), `${JSON.stringify(report, null, 1)}\n`);
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
  const header = [side, `µs of CPU per ${unit}`, 'first ÷ this (rounds)', `${UNITS[unit]}/s`, 'p50 ms', 'p99 ms'];
  printTable([...header, 'core busy: server', side === 'client' ? 'client' : 'load'], outcomes.map((outcome, index) => [
    `${outcome.peer} ${outcome.version}`,
    outcome.cpuPerMessage.toFixed(2),
    index === 0 ? '1' : formatRatio(outcome.ratio),
    Math.round(outcome.messagesPerSecond),
    outcome.p50.toFixed(2),
    outcome.p99.toFixed(2),
    `${Math.round(outcome.serverShare * 100)} %`,
    `${Math.round(outcome.loadShare * 100)} %`,
  ]));
}
