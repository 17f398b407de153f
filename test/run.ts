// Runs every compiled test file in a process of its own, and fails wherever uvu would pass in silence.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCoverage } from './runner/coverage.js';
import { exceptionOf } from './runner/exceptions.js';
import { describe, type TestEvent } from './runner/suite.js';

const FILES_AT_ONCE = 2;

/** How long a file may take to load, and an `after` hook after its test, in milliseconds. */
const LOADING_TIME = 60_000;

/** How long after its time limit a test may keep its process silent, in milliseconds; then the process is stuck. */
const SILENCE_ALLOWANCE = 5_000;

/** How long the output of an ended process may stay open, in milliseconds: then another process holds it. */
const CLOSING_TIME = 5_000;

/** How much of what a file printed is kept, in characters. */
const MAX_OUTPUT = 20_000;

const here = fileURLToPath(new URL('.', import.meta.url));

interface Remark {
  readonly where: string;
  readonly text: string;
}

/** What became of the tests of one file, as its process tells. */
class FileReport {
  readonly failures: Remark[] = [];
  readonly skips: Remark[] = [];
  passed = 0;
  /** What the file printed that is worth a look. */
  output = '';
  /** The suite and the name of the test that started last. */
  running = 'before the first test';
  #waiting = new Set<string>();
  #registered = 0;
  #total: number | null = null;

  fail(where: string, text: string): void {
    this.failures.push({ where, text });
  }

  note(message: TestEvent): void {
    if (message.event === 'finished') {
      this.#total = message.total;
      return;
    }
    const where = `${message.suite}: ${message.test}`;
    if (message.event === 'registered') {
      this.#registered++;
      this.#waiting.add(where);
      return;
    }
    if (message.event === 'started') {
      this.running = where;
      return;
    }
    this.#waiting.delete(where);
    if (message.event === 'passed') this.passed++;
    if (message.event === 'failed') this.fail(where, message.text);
    if (message.event === 'skipped') this.skips.push({ where, text: message.text });
  }

  /** Finds what the ended process has left undone. */
  judge(ending: string): void {
    if (this.#total === null) this.fail(this.running, `the process died here: ${ending}`);
    if (this.#waiting.size > 0) {
      this.fail('tests that never ran', `${[...this.#waiting].join('\n')}\n(is \`.run()\` missing, or too early?)`);
    }
    if (this.#total !== null && this.#total > this.#registered) {
      this.fail('unknown tests', 'some were made with the suite of uvu itself: use test/runner/suite.ts');
    }
    if (this.failures.length > 0) return;
    if (this.#registered === 0) this.fail('no test', 'the file has no test made with test/runner/suite.ts');
    if (ending !== 'exit code 0') this.fail('at the end', ending);
  }
}

/** @param path of the file in the folder */
async function runFile(folder: string, path: string): Promise<FileReport> {
  const report = new FileReport();
  const exception = exceptionOf(path, '');
  if (exception !== null) {
    report.skips.push({ where: path, text: exception });
    return report;
  }
  const file = join(folder, path);
  const child = fork(join(here, 'runner', 'run-file.js'), [file], {
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  let watchdog: NodeJS.Timeout | undefined;
  let killed = '';
  function expectNews(within: number): void {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      killed = `killed, because it told nothing for ${within} ms`;
      kill();
    }, within);
  }

  expectNews(LOADING_TIME);
  child.on('message', (message: TestEvent) => {
    report.note(message);
    expectNews(message.event === 'started' ? message.timeout + SILENCE_ALLOWANCE : LOADING_TIME);
  });
  const streams = [child.stdout!, child.stderr!] as const;
  const printing = Promise.all([gather(streams[0]), gather(streams[1])]);
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  clearTimeout(watchdog);
  process.off('exit', kill);
  report.judge(killed || (signal ?? `exit code ${code}`));

  if ((await Promise.race([printing, delay(CLOSING_TIME, null, { ref: false })])) === null) {
    report.fail('at the end', 'a process that the file started has outlived it');
    for (const stream of streams) stream.destroy();
  }
  const [output, warnings] = await printing;
  report.output = report.failures.length > 0 ? output + warnings : warnings;
  return report;
}

async function gather(stream: Readable): Promise<string> {
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(-MAX_OUTPUT);
  });
  await once(stream, 'close');
  return text;
}

function print(path: string, report: FileReport): void {
  const { passed, failures, output } = report;
  const verdict = failures.length > 0 ? 'FAIL' : passed === 0 ? 'skip' : 'pass';
  console.log(`${verdict} ${path} (${passed})`);
  printFailures(report);
  if (output) console.log(`  ${path} printed:\n${indent(output)}\n`);
}

function printFailures({ failures }: FileReport): void {
  for (const { where, text } of failures) console.log(`\n  ${where}\n${indent(text)}\n`);
}

/** Prints again what failed, as it may be far above, and why tests were skipped. */
function printSummary(reports: ReadonlyMap<string, FileReport>): void {
  const failed = [...reports].filter(([, { failures }]) => failures.length > 0);
  for (const [path, report] of failed) {
    console.log(`\nAGAIN ${path}`);
    printFailures(report);
  }
  const counts = new Map<string, number>();
  for (const { skips } of reports.values()) {
    for (const { text } of skips) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  for (const [reason, count] of counts) console.log(`SKIPPED ${count}: ${reason}`);
  const seconds = Math.round(performance.now() / 1000);
  console.log(`${reports.size - failed.length} of ${reports.size} files passed in ${seconds} s`);
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '    ');
}

/** Prints what no test has run of the compiled files of a folder; returns how much that is. */
async function judgeCoverage(folder: string, counts: string): Promise<number> {
  try {
    const { gaps, exceptions, files, lines, branches } = await readCoverage(folder, counts);
    const verdict = gaps.length > 0 ? 'FAIL' : 'pass';
    console.log(`${verdict} coverage of ${folder} (files ${files}, lines ${lines}, branches ${branches})`);
    for (const exception of exceptions) console.log(`  EXCEPTION ${exception}`);
    for (const gap of gaps) console.log(`  ${gap}`);
    return gaps.length;
  } catch (error) {
    console.log(`FAIL coverage of ${folder}\n${indent(describe(error))}`);
    return 1;
  }
}

/**
 * Runs the test files whose path contains one of the patterns, or all if there is none; `true` if nothing failed.
 * @param covered the folder of compiled files of which the tests must run all; none if absent.
 */
async function runFolder(folder: string, patterns: string[], covered: string | undefined): Promise<boolean> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.test.js'))
    .sort();
  const queue = new Set<string>();
  const reports = new Map<string, FileReport>();
  const sum = { passed: 0, failed: 0, skipped: 0 };

  for (const pattern of patterns.length > 0 ? patterns : ['']) {
    // A source path, as a shell completes it, means the compiled file.
    const part = pattern.replace(/^test\//, '').replace(/\.ts$/, '.js');
    const matches = paths.filter((path) => path.includes(part));
    for (const path of matches) queue.add(path);
    if (matches.length > 0) continue;
    console.log(`FAIL no test file in ${folder} matches "${pattern}"`);
    sum.failed++;
  }

  async function work(): Promise<void> {
    for (const path of queue) {
      queue.delete(path);
      const report = await runFile(folder, path);
      reports.set(path, report);
      print(path, report);
      sum.passed += report.passed;
      sum.failed += report.failures.length;
      sum.skipped += report.skips.length;
    }
  }
  if (covered === undefined) await Promise.all(Array.from({ length: FILES_AT_ONCE }, work));
  else {
    const counts = join(covered, '..', 'coverage');
    rmSync(counts, { recursive: true, force: true });
    // Every process of a test inherits it.
    process.env['NODE_V8_COVERAGE'] = counts;
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, work));
    sum.failed += await judgeCoverage(covered, counts);
  }

  printSummary(reports);
  const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : '';
  console.log(`${sum.passed} passed, ${sum.failed} failed${skipped}`);
  return sum.failed === 0;
}

// Without these, a signal would end this process past its `exit` event, and leave stuck tests behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const { values, positionals } = parseArgs({
  options: { folder: { type: 'string', default: here }, coverage: { type: 'string' } },
  allowPositionals: true,
});
if (!(await runFolder(values.folder, positionals, values.coverage))) process.exitCode = 1;
