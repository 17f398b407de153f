// Runs compiled test files, each in a process of its own, and sums up what they tell.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findGaps } from './runner/coverage.js';
import { exceptionOf } from './runner/exceptions.js';
import type { TestEvent } from './runner/run-file.js';

/** More than the processors of a small machine: many tests wait longer than they work. */
const FILES_AT_ONCE = 3;

/** How the paths of those begin that take longest: they begin first, so that none of them is left alone at the end. */
const LONGEST = [
  'fuzz/', 'interop/chromium', 'interop/firefox', 'cli/connect', 'cli/serve', 'faults/loopback', 'conformance/5-',
];

/** How long the output of an ended process may stay open, in milliseconds: then another process holds it. */
const CLOSING_TIME = 5_000;

const { values, positionals } = parseArgs({
  options: {
    folder: { type: 'string', default: fileURLToPath(new URL('.', import.meta.url)) },
    /** A folder of compiled files, all of which the tests must run. */
    coverage: { type: 'string' },
    /** How long a file may tell nothing, in milliseconds: longer than its slowest test takes. */
    silence: { type: 'string', default: '360000' },
  },
  allowPositionals: true,
});
const { folder, coverage } = values;
const failedPaths: string[] = [];
const skips: string[] = [];
let passed = 0;
let failed = 0;

const indent = (text: string): string => text.trimEnd().replace(/^/gm, '    ');

/** Runs one file, and prints and counts what becomes of its tests. */
async function runFile(path: string): Promise<void> {
  const child = fork(fileURLToPath(new URL('runner/run-file.js', import.meta.url)), [resolve(folder, path)], {
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  const watchdog = setTimeout(kill, Number(values.silence));
  const failures: string[] = [];
  const fail = (where: string, text: string): void => void failures.push(`\n  ${where}\n${indent(text)}\n`);
  const counts = { started: 0, passed: 0, skipped: 0, failed: 0, finished: 0 };
  let running = 'before the first test';
  child.on('message', ({ event, where, text }: TestEvent) => {
    watchdog.refresh();
    counts[event]++;
    if (event === 'started') running = where;
    if (event === 'skipped') skips.push(text);
    if (event === 'failed') fail(where, text);
  });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (part: string) => void (printed[name] += part));
  }
  const closed = once(child, 'close');
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  clearTimeout(watchdog);
  process.off('exit', kill);
  const closing = setTimeout(() => {
    fail('at the end', 'a process that the file started has outlived it');
    child.stdout!.destroy();
    child.stderr!.destroy();
  }, CLOSING_TIME);
  await closed;
  clearTimeout(closing);
  if (counts.finished === 0) fail(running, `the process died here: ${signal ?? `exit code ${code}`}`);
  else if (code !== 0 && failures.length === 0) fail('at the end', `exit code ${code}`);

  const verdict = failures.length > 0 ? 'FAIL' : counts.passed === 0 ? 'skip' : 'pass';
  console.log([`${verdict} ${path} (${counts.passed})`, ...failures].join('\n'));
  const output = failures.length > 0 ? printed.stdout + printed.stderr : printed.stderr;
  if (output) console.log(`  ${path} printed:\n${indent(output)}\n`);
  if (failures.length > 0) failedPaths.push(path);
  passed += counts.passed;
  failed += failures.length;
}

const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.test.js'));
const chosen = new Set<string>();
for (const pattern of positionals.length > 0 ? positionals : ['']) {
  // A source path, as a shell completes it, means the compiled file.
  const part = pattern.replace(/^test\//, '').replace(/\.ts$/, '.js');
  const matches = paths.filter((path) => path.includes(part));
  for (const path of matches.sort()) chosen.add(path);
  if (matches.length > 0) continue;
  console.log(`FAIL no test file in ${folder} matches "${pattern}"`);
  failed++;
}

// Every process of a test inherits it.
const counts = coverage && (process.env['NODE_V8_COVERAGE'] = resolve(coverage, '..', 'coverage'));
if (counts) rmSync(counts, { recursive: true, force: true });

// Without these, a signal would end this process past its `exit` event, and leave stuck tests behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const isLong = (path: string): boolean => LONGEST.some((beginning) => path.startsWith(beginning));
const queue = [...chosen].sort((one, other) => Number(isLong(other)) - Number(isLong(one))).values();
async function work(): Promise<void> {
  for (const path of queue) {
    const exception = exceptionOf(path, '');
    if (exception === null) await runFile(path);
    else skips.push(exception);
  }
}
await Promise.all(Array.from({ length: FILES_AT_ONCE }, work));

if (counts) {
  const gaps = findGaps(coverage, counts);
  console.log(`${gaps.length > 0 ? 'FAIL' : 'pass'} coverage of ${coverage}`);
  for (const gap of gaps) console.log(`  never run: ${gap}`);
  failed += gaps.length;
}
for (const path of failedPaths) console.log(`FAIL ${path}`);
for (const reason of new Set(skips)) console.log(`SKIPPED ${skips.filter((one) => one === reason).length}: ${reason}`);
console.log(`${chosen.size} files in ${Math.round(performance.now() / 1000)} s`);
console.log(`${passed} passed, ${failed} failed${skips.length > 0 ? `, ${skips.length} skipped` : ''}`);
if (failed > 0) process.exitCode = 1;
