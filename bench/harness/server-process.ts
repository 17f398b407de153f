// Runs a peer's server in a process of its own on the first core, and never lets it outlive the bench.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { cpuMicroseconds, residentBytes } from './process-cost.js';
import type { Peer, ServerOptions } from './peers.js';

const SERVER_CORE = '0';
export const LOAD_CORE = '1';

/** A command that runs on one core only. */
export function pinned(core: string, command: readonly string[]): [program: string, args: string[]] {
  return ['taskset', ['--cpu-list', core, ...command]];
}

export class ServerProcess {
  readonly peer: Peer;
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(peer: Peer, child: ChildProcess, port: number) {
    this.peer = peer;
    this.#child = child;
    this.port = port;
  }

  /** Starts the server; it listens when the promise is fulfilled. */
  static async start(peer: Peer, options: ServerOptions = {}): Promise<ServerProcess> {
    const text = JSON.stringify({ style: peer.style, ...options });
    const child = spawn(...pinned(SERVER_CORE, [...peer.command, text]), {
      stdio: ['ignore', 'pipe', 'inherit', ...(peer.isNode ? (['ipc'] as const) : [])],
      env: { ...process.env, ...peer.environment },
    });
    const kill = (): void => void child.kill('SIGKILL');
    process.setMaxListeners(0).once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    const lines = createInterface({ input: child.stdout as Readable });
    const [port] = (await Promise.race([once(lines, 'line'), failure(peer, child)])) as [string];
    return new ServerProcess(peer, child, Number(port));
  }

  /** Microseconds of CPU time so far. */
  get cpu(): number {
    return cpuMicroseconds(this.#child.pid!);
  }

  /** Bytes in RAM. */
  get resident(): number {
    return residentBytes(this.#child.pid!);
  }

  /** What the heap holds behind a garbage collection; `null` for what is not a program of Node. */
  async memoryUsage(): Promise<NodeJS.MemoryUsage | null> {
    if (!this.peer.isNode) return null;
    this.#child.send('memory');
    const [usage] = (await once(this.#child, 'message')) as [NodeJS.MemoryUsage];
    return usage;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }
}

async function failure(peer: Peer, child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`the server of ${peer.name} has ended with ${code} before it listened`);
}
