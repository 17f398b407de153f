// Measures all that docs/performance.md shows, on every runtime that it shows, and puts it there.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { goalCases, nameOf } from '../harness/echo-cases.js';
import { findRuntime } from '../harness/runtimes.js';

const script = fileURLToPath(new URL('../run.js', import.meta.url));
/** What else is on the command line goes to every bench: `--rounds 3`. */
const more = process.argv.slice(3);

const NEWEST = 'node@26';
const NODES = [NEWEST, 'node@24', 'node'];
const MAIN = ['--peer', '^(twobyte|bare net|ws|Bun)$'];
const GOALS = ['--case', `^(${goalCases.map(nameOf).join('|')})$`];

/** Runs one bench in a Node of its own; a failure ends this. */
function run(program: string, name: string, ...parameters: string[]): void {
  console.log(`\n==== ${[name, ...parameters, ...more].join(' ')}\n`);
  const { status, error } = spawnSync(program, [script, name, ...parameters, ...more], { stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) throw new Error(`the bench ${name} has failed; see above`);
}

function bench(name: string, runtime: string, ...parameters: string[]): void {
  run(process.execPath, name, '--runtime', runtime, ...parameters);
}

// Whatever is missing is told at once, not at the end.
for (const name of [...NODES, 'bun', 'deno']) findRuntime(name);

for (const node of NODES) {
  bench('echo', node, ...GOALS, '--rounds', '9');
  bench('client', node);
  bench('connect', node, ...MAIN, '--rounds', '7');
  bench('memory', node, ...MAIN);
}
for (const runtime of ['bun', 'deno']) {
  bench('echo', runtime, ...GOALS, '--peer', '^(twobyte|bare net|ws|Bun|Deno)$', '--rounds', '9');
}
bench('http2', NEWEST, '--rounds', '9');
bench('feed', NEWEST, '--rounds', '7');
bench('broadcast', NEWEST, ...MAIN, '--rounds', '7');
bench('slow', NEWEST, '--peer', '^(twobyte|ws|Bun|Deno|websocket)$');
bench('deflate', NEWEST, '--rounds', '7');
bench('profile', NEWEST);
run(findRuntime(NEWEST).command[0], 'codec');
for (const node of [NEWEST, 'node']) run(findRuntime(node).command[0], 'stream');
bench('scale', NEWEST);
await import('./performance.js');
