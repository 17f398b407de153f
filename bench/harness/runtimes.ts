// What the programs of a bench can run on: the Node that runs the bench, others of bench/package.json, Bun and Deno.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { benchPath } from '../packages.js';

export interface Runtime {
  readonly kind: 'Node' | 'Bun' | 'Deno';
  /** What tables call it. */
  readonly name: string;
  /** What it is called in the name of a result file. */
  readonly id: string;
  readonly version: string;
  /** Runs the script whose path follows. */
  readonly command: readonly [program: string, ...parameters: string[]];
}

const INSTALL = 'npm ci --prefix bench';
const [ownMajor] = process.versions.node.split('.');

/** The Node that runs the bench. */
export const ownRuntime = toNode(process.execPath, process.versions.node);

/** What `--runtime` may be, besides the Node that runs the bench: the programs that bench/package.json brings. */
function findPrograms(): Map<string, string> {
  const manifest = JSON.parse(readFileSync(benchPath('package.json'), 'utf8')) as { optionalDependencies: object };
  const packages = Object.keys(manifest.optionalDependencies);
  const nodes = packages.flatMap((name): [string, string][] => {
    const major = /^node-(\d+)$/.exec(name)?.[1];
    return major === undefined ? [] : [[`node@${major}`, `${name}/bin/node`]];
  });
  return new Map([...nodes, ['bun', '@oven/bun-linux-x64/bin/bun'], ['deno', '@deno/linux-x64-glibc/deno']]);
}

/** @param name as `--runtime` has it: `node`, `node@26`, `bun`. */
export function findRuntime(name: string): Runtime {
  if (name === 'node' || name === `node@${ownMajor}`) return ownRuntime;
  const programs = findPrograms();
  const file = programs.get(name);
  if (file === undefined) {
    throw new RangeError(`--runtime ${name} is unknown: it may be ${['node', ...programs.keys()].join(', ')}`);
  }
  const program = benchPath(`node_modules/${file}`);
  if (!existsSync(program)) throw new Error(`--runtime ${name} is not installed: ${INSTALL}`);
  const [version] = /\d+\.\d+\.\d+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))!;
  if (name === 'bun') return { kind: 'Bun', name: 'Bun', id: name, version, command: [program] };
  if (name === 'deno') {
    return { kind: 'Deno', name: 'Deno', id: name, version, command: [program, 'run', '--allow-all'] };
  }
  return toNode(program, version);
}

/** Bun or Deno, whose own servers and clients take part beside every runtime; `null` if it isn't installed. */
export function findNative(name: 'bun' | 'deno'): Runtime | null {
  return existsSync(benchPath(`node_modules/${findPrograms().get(name)!}`)) ? findRuntime(name) : null;
}

/** Whether the runtime brings a `WebSocket` along, as Node does from 22 on. */
export function hasWebSocket({ command: [program] }: Runtime): boolean {
  return execFileSync(program, ['--print', 'typeof WebSocket'], { encoding: 'utf8' }).trim() === 'function';
}

function toNode(program: string, version: string): Runtime {
  const [major] = version.split('.');
  return { kind: 'Node', name: `Node ${major}`, id: `node-${major}`, version, command: [program, '--expose-gc'] };
}
