// Who takes part: this library, its opponents each at their best, and bare `node:net` as the ceiling.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { basename, resolve } from 'node:path';
import { benchPath } from '../packages.js';

/** Which end of the connections is measured: each has a folder of peers. */
export type Side = 'server' | 'client';
const FOLDERS = { server: 'peers', client: 'clients' };

export type Role = 'echo' | 'broadcast' | 'relay';

/** What a server is told; see bench/peers/options.mjs. */
export interface ServerOptions {
  readonly role?: Role;
  readonly style?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Compresses every message by permessage-deflate; not every peer's server can. */
  readonly deflate?: { readonly contextTakeover: boolean };
}

export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly style: string | undefined;
  /** Whether it speaks no WebSocket: what comes back is what was sent. */
  readonly isBare: boolean;
  /** Whether it is a program of Node, which tells what its heap holds. */
  readonly isNode: boolean;
}

const deno = benchPath('node_modules/@deno/linux-x64-glibc/deno');
const bun = benchPath('node_modules/@oven/bun-linux-x64/bin/bun');

/** ws without its native add-ons. */
const WITHOUT_ADD_ONS = { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' };

function node(name: string, script: string, version: string, more: Partial<Peer> = {}): Peer {
  const command = [process.execPath, '--expose-gc', benchPath(`${script}.mjs`)] as const;
  return { name, version, command, environment: {}, style: undefined, isBare: false, isNode: true, ...more };
}

function foreign(name: string, version: string, command: Peer['command']): Peer {
  return { name, version, command, environment: {}, style: undefined, isBare: false, isNode: false };
}

/** Another checkout of this library, compiled: for before and after. */
export function findBase(folder: string, style: string, side: Side): Peer {
  const environment = { TWOBYTE: resolve(folder, 'dist/src/index.js') };
  return node(`base ${style}`, `${FOLDERS[side]}/twobyte`, basename(resolve(folder)), { environment, style });
}

/** All that are installed; the first is this library as its README uses it. */
export function findPeers(side: Side = 'server'): Peer[] {
  const folder = FOLDERS[side];
  const own = packageVersion('../package.json');
  const peers = [
    node('twobyte', `${folder}/twobyte`, own, { style: 'for await' }),
    node('twobyte wait()', `${folder}/twobyte`, own, { style: 'wait()' }),
    node('twobyte read()', `${folder}/twobyte`, own, { style: 'read()' }),
    node('bare net', `${folder}/net`, process.version, { isBare: true }),
  ];
  for (const name of ['ws', 'websocket', 'faye-websocket']) {
    const manifest = `node_modules/${name}/package.json`;
    if (!existsSync(benchPath(manifest))) continue;
    const environment = name === 'ws' ? WITHOUT_ADD_ONS : {};
    const script = `${folder}/${name.replace('faye-websocket', 'faye')}`;
    peers.push(node(name, script, packageVersion(manifest), { environment }));
  }
  const addOns = ['bufferutil', 'utf-8-validate'].map((name) => `node_modules/${name}/package.json`);
  if (addOns.every((manifest) => existsSync(benchPath(manifest)))) {
    const versions = addOns.map(packageVersion).join(', ');
    peers.push(node('ws + add-ons', `${folder}/ws`, `${packageVersion('node_modules/ws/package.json')} (${versions})`));
  }
  const native = (name: string): string => benchPath(side === 'server' ? `peers/${name}.mjs` : 'clients/global.mjs');
  if (existsSync(bun)) peers.push(foreign('Bun', programVersion(bun), [bun, native('bun')]));
  if (existsSync(deno)) {
    peers.push(foreign('Deno', programVersion(deno), [deno, 'run', '--allow-net', native('deno')]));
  }
  // Node has one from version 22 on.
  if (side === 'client' && 'WebSocket' in globalThis) peers.push(node('Node', 'clients/global', process.version));
  return peers;
}

/** The machine and the runtime, in one line. */
export function describeMachine(): string {
  const processors = cpus();
  return `Node ${process.version}, ${platform()} ${arch()}, ${processors.length} × ${processors[0].model.trim()}`;
}

function packageVersion(path: string): string {
  return (JSON.parse(readFileSync(benchPath(path), 'utf8')) as { version: string }).version;
}

function programVersion(program: string): string {
  return /\d+\.\d+\.\d+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))![0];
}
