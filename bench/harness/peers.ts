// Who takes part: this library, its opponents each at their best, and bare `node:net` as the ceiling.
import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { benchPath } from '../packages.js';
import { findNative, hasWebSocket, ownRuntime, type Runtime } from './runtimes.js';

/** Which end of the connections is measured: each has a folder of peers. */
export type Side = 'server' | 'client';
const FOLDERS = { server: 'peers', client: 'clients' };

export type Role = 'echo' | 'broadcast' | 'relay' | 'feed';

/** What a server is told; see bench/peers/options.mjs. */
export interface ServerOptions {
  readonly role?: Role;
  readonly style?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Compresses every message by permessage-deflate; not every peer's server can. */
  readonly deflate?: { readonly contextTakeover: boolean };
  /** Milliseconds of silence after which ours sends a ping; the others send none. */
  readonly keepAliveInterval?: number;
}

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** What it runs on; `null` for what a runtime brings along, which takes part beside every runtime. */
  readonly runtime: Runtime | null;
  readonly command: readonly [program: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly style: string | undefined;
  /** Whether it speaks no WebSocket: what comes back is what was sent. */
  readonly isBare: boolean;
  /** Whether it is a program of Node, which tells what its heap holds. */
  readonly isNode: boolean;
}

/** Whose results these are. */
export interface Identity {
  readonly peer: string;
  readonly version: string;
  /** The name of what it ran on; `null` for what a runtime brings along. */
  readonly runtime: string | null;
}

/** ws without its native add-ons. */
const WITHOUT_ADD_ONS = { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' };

function script(runtime: Runtime, name: string, path: string, version: string, more: Partial<Peer> = {}): Peer {
  return {
    name, version, runtime, command: [...runtime.command, benchPath(`${path}.mjs`)],
    environment: {}, style: undefined, isBare: false, isNode: runtime.kind === 'Node', ...more,
  };
}

/** Another checkout of this library, compiled, in the place of `own`: for before and after. */
export function findBase(folder: string, own: Peer): Peer {
  const environment = { ...own.environment, TWOBYTE: resolve(folder, 'dist/src/index.js') };
  return { ...own, name: `base ${own.style}`, version: basename(resolve(folder)), environment };
}

/** This library once more, on its runtime with a flag. */
export function withFlag(flag: string, own: Peer): Peer {
  const [program, ...rest] = own.command;
  return { ...own, name: `${own.name} ${flag}`, command: [program, flag, ...rest] };
}

/** All that are installed; the first is this library as its README uses it. */
export function findPeers(side: Side = 'server', runtimes: readonly Runtime[] = [ownRuntime]): Peer[] {
  return [...runtimes.flatMap((runtime) => findScripts(side, runtime)), ...findNatives(side)];
}

/** The servers that speak HTTP/2; the first is this library. */
export function findHttp2Peers(runtimes: readonly Runtime[] = [ownRuntime]): Peer[] {
  return runtimes.flatMap((runtime) => [
    script(runtime, 'twobyte on node:http2', 'peers/twobyte', packageVersion('../package.json'), {
      style: 'for await', environment: { DOOR: 'node:http2' },
    }),
    script(runtime, 'bare node:http2', 'peers/http2', runtime.version, { isBare: true }),
  ]);
}

/** What is written in JavaScript, on one runtime. */
function findScripts(side: Side, runtime: Runtime): Peer[] {
  const folder = FOLDERS[side];
  const own = packageVersion('../package.json');
  // ws, too, takes the upgrades of a server of node:http.
  const more = { style: 'for await', environment: { DOOR: 'node:http' } };
  const attached = script(runtime, 'twobyte on node:http', `${folder}/twobyte`, own, more);
  const peers = [
    script(runtime, 'twobyte', `${folder}/twobyte`, own, { style: 'for await' }),
    script(runtime, 'twobyte wait()', `${folder}/twobyte`, own, { style: 'wait()' }),
    script(runtime, 'twobyte read()', `${folder}/twobyte`, own, { style: 'read()' }),
    ...(side === 'server' ? [attached] : []),
    script(runtime, 'bare net', `${folder}/net`, runtime.version, { isBare: true }),
  ];
  for (const name of ['ws', 'websocket', 'faye-websocket']) {
    const manifest = `node_modules/${name}/package.json`;
    if (!existsSync(benchPath(manifest))) continue;
    const environment = name === 'ws' ? WITHOUT_ADD_ONS : {};
    // Whoever imports ws on Bun gets a module of Bun's instead.
    const version = name === 'ws' && runtime.kind === 'Bun' ? `of Bun ${runtime.version}` : packageVersion(manifest);
    peers.push(script(runtime, name, `${folder}/${name.replace('faye-websocket', 'faye')}`, version, { environment }));
  }
  const addOns = ['bufferutil', 'utf-8-validate'].map((name) => `node_modules/${name}/package.json`);
  if (runtime.kind !== 'Bun' && addOns.every((manifest) => existsSync(benchPath(manifest)))) {
    const version = `${packageVersion('node_modules/ws/package.json')} (${addOns.map(packageVersion).join(', ')})`;
    peers.push(script(runtime, 'ws + add-ons', `${folder}/ws`, version));
  }
  if (side === 'client' && runtime.kind === 'Node' && hasWebSocket(runtime)) {
    peers.push(script(runtime, 'Node', 'clients/global', runtime.version));
  }
  return peers;
}

/** The servers and clients in native code. */
function findNatives(side: Side): Peer[] {
  return (['bun', 'deno'] as const).flatMap((name) => {
    const runtime = findNative(name);
    if (runtime === null) return [];
    const path = side === 'server' ? `peers/${name}` : 'clients/global';
    return { ...script(runtime, runtime.name, path, runtime.version), runtime: null };
  });
}

export function identify({ name, version, runtime }: Peer): Identity {
  return { peer: name, version, runtime: runtime?.name ?? null };
}

/** What tables call each of these; where there are several runtimes, it tells on which. */
export function titlesOf(identities: readonly Identity[]): string[] {
  const hasSeveral = new Set(identities.flatMap(({ runtime }) => runtime ?? [])).size > 1;
  return identities.map(({ peer, version, runtime }) => {
    return hasSeveral && runtime !== null ? `${peer} (${runtime}) ${version}` : `${peer} ${version}`;
  });
}

/** The results of one runtime, and of what takes part beside every runtime. */
export function resultsOn<T extends Identity>(runtime: Runtime, results: readonly T[]): T[] {
  return results.filter((result) => result.runtime === null || result.runtime === runtime.name);
}

function packageVersion(path: string): string {
  return (JSON.parse(readFileSync(benchPath(path), 'utf8')) as { version: string }).version;
}
