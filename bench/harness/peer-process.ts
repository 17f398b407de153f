// Runs a peer's program in a process of its own on one core, and never lets it outlive the bench.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Peer } from './peers.js';
import { ProcessorClock, residentBytes } from './process-cost.js';

/** What is measured has a core for itself; what is at the other end of its connections has the other. */
export const MEASURED_CORE = '0';
export const OTHER_CORE = '1';

/** A command that runs on one core only. */
export function pinned(core: string, command: readonly string[]): [program: string, args: string[]] {
  return ['taskset', ['--cpu-list', core, ...command]];
}

export class PeerProcess {
  readonly peer: Peer;
  protected readonly child: ChildProcess;
  readonly #clock: ProcessorClock;
  readonly #lines: Interface;
  readonly #ended: Promise<never>;

  /** @param options what the program is told, besides its style. */
  protected constructor(peer: Peer, core: string, options: object) {
    this.peer = peer;
    const on = peer.runtime === null ? '' : ` on ${peer.runtime.name}`;
    const text = JSON.stringify({ style: peer.style, ...options });
    this.child = spawn(...pinned(core, [...peer.command, text]), {
      stdio: ['pipe', 'pipe', 'inherit', ...(peer.isNode ? (['ipc'] as const) : [])],
      env: { ...process.env, ...peer.environment },
    });
    this.#clock = new ProcessorClock(this.child.pid!);
    const kill = (): void => void this.child.kill('SIGKILL');
    process.setMaxListeners(0).once('exit', kill);
    this.child.once('exit', () => process.off('exit', kill));
    this.#lines = createInterface({ input: this.child.stdout as Readable });
    this.#ended = once(this.child, 'exit').then(([code]) => {
      throw new Error(`the process of ${peer.name}${on} has ended with ${code}`);
    });
    this.#ended.catch(() => {});
  }

  /** Microseconds of CPU time so far. */
  get cpu(): number {
    return this.#clock.read();
  }

  /** Bytes in RAM. */
  get resident(): number {
    return residentBytes(this.child.pid!);
  }

  /** Lets a program of Node end by itself, so that it can write what it has kept. */
  async end(): Promise<void> {
    this.child.disconnect();
    await this.#ended.catch(() => {});
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended.catch(() => {});
  }

  /** The next line that the program prints. */
  protected async nextLine(): Promise<string> {
    const [line] = (await Promise.race([once(this.#lines, 'line'), this.#ended])) as [string];
    return line;
  }
}
