// Does `twobyte bench` see what a native generator of the same load sees? Both put it on the same server, in turn.
import { execFile, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Results } from '../../src/cli/load.js';
import { createServer, requireWebSocket, type Connection } from '../../src/index.js';
import { parseBenchOptions } from '../harness/options.js';
import { MEASURED_CORE, OTHER_CORE, pinned } from '../harness/peer-process.js';
import { median } from '../harness/statistics.js';
import { benchPath } from '../packages.js';
import { printTable } from '../report/results.js';

interface Case {
  readonly name: string;
  readonly path: string;
  readonly connections: number;
  /** Messages per second; 0 for the next with the answer to the last. */
  readonly rate: number;
}

const cases: readonly Case[] = [
  { name: '10 × 100/s, at once', path: '/echo/', connections: 10, rate: 1000 },
  { name: '100 × 50/s, at once', path: '/echo/', connections: 100, rate: 5000 },
  { name: '100 × 10/s, after 1 to 64 ms', path: '/late/', connections: 100, rate: 1000 },
  { name: '50 × 20/s, a stall of 100 ms each second', path: '/stalls/', connections: 50, rate: 1000 },
  { name: '50, one after the other', path: '/echo/', connections: 50, rate: 0 },
];

const SIZE = 32;
/** Milliseconds. */
const WARM_UP = 3000;
const QUANTILES = ['p50', 'p90', 'p99', 'p99.9'] as const;
const DELAYS = [1, 2, 4, 8, 16, 32, 64];

async function echo(connection: Connection): Promise<void> {
  for await (const message of connection) await connection.send(message);
}

async function echoLate(connection: Connection): Promise<void> {
  let count = 0;
  for await (const message of connection) {
    await sleep(DELAYS[count++ % DELAYS.length]);
    await connection.send(message);
  }
}

async function echoWithStalls(connection: Connection): Promise<void> {
  stalling ??= setInterval(() => {
    for (const until = performance.now() + 100; performance.now() < until; );
  }, 1000);
  await echo(connection);
}
let stalling: NodeJS.Timeout | null = null;

async function serve(): Promise<void> {
  const server = createServer();
  server.route('/echo/', requireWebSocket(({ webSocket }) => echo(webSocket)));
  server.route('/late/', requireWebSocket(({ webSocket }) => echoLate(webSocket)));
  server.route('/stalls/', requireWebSocket(({ webSocket }) => echoWithStalls(webSocket)));
  process.send!((await server.listen(0, '127.0.0.1')).port);
  process.on('disconnect', () => process.exit());
}

/** A server of its own for each load, so that none inherits the other's stalls or garbage. */
async function measure(generate: (port: string) => string[]): Promise<Results> {
  const file = fileURLToPath(import.meta.url);
  const [execPath, execArgv] = pinned(MEASURED_CORE, [process.execPath]);
  const server = fork(file, ['serve'], { execPath, execArgv });
  try {
    const [port] = (await once(server, 'message')) as [number];
    const { stdout } = await promisify(execFile)(...pinned(OTHER_CORE, generate(String(port))));
    return JSON.parse(stdout) as Results;
  } finally {
    server.kill();
  }
}

function compile(folder: string): string {
  const program = join(folder, 'load');
  const args = ['-O2', '-Wall', '-Wextra', '-o', program, benchPath('clients/load.c')];
  const { status, stderr, error } = spawnSync('cc', args, { encoding: 'utf8' });
  if (error) throw new Error(`this bench needs a compiler (${error.message}): apt-get install gcc libc6-dev`);
  if (status !== 0) throw new Error(stderr);
  return program;
}

async function compare(): Promise<void> {
  const options = parseBenchOptions({ rounds: 5, milliseconds: 5000 });
  const folder = mkdtempSync(join(tmpdir(), 'bench-generator-'));
  try {
    const native = compile(folder);
    const own = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
    const rows: string[][] = [];
    for (const { name, path, connections, rate } of cases) {
      if (options.case !== null && !options.case.test(name)) continue;
      const load = [connections, rate, SIZE].map(String);
      const ours: Results[] = [];
      const theirs: Results[] = [];
      for (let round = 0; round < options.rounds; round++) {
        ours.push(await measure((port) => [
          process.execPath, own, 'bench', `ws://127.0.0.1:${port}${path}`, '--json', '--connections', load[0]!,
          '--rate', load[1]!, '--size', load[2]!, '--warm-up', String(WARM_UP / 1000),
          '--duration', String(options.milliseconds / 1000),
        ]));
        theirs.push(await measure((port) => {
          return [native, port, path, ...load, String(WARM_UP), String(options.milliseconds)];
        }));
      }
      const of = (results: Results[], figure: (result: Results) => number): number => median(results.map(figure));
      const row = (title: string, unit: string, figure: (result: Results) => number): string[] => {
        const [one, other] = [of(ours, figure), of(theirs, figure)] as const;
        return [title, unit, one.toPrecision(4), other.toPrecision(4), (one / other).toFixed(2)];
      };
      rows.push(row(name, 'answers/s', ({ perSecond }) => perSecond));
      for (const part of QUANTILES) rows.push(row('', `${part}, ms`, ({ latency }) => latency[part]));
    }
    printTable(['load', 'figure', 'twobyte bench', 'native', 'ratio'], rows);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await (process.argv[2] === 'serve' ? serve() : compare());
