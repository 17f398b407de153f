// Runs a peer as a child process that prints lines of JSON, and that never outlives its test.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** How to start a peer: a program and its arguments. */
export type Command = readonly [program: string, ...args: string[]];

export class PeerProcess implements AsyncDisposable {
  readonly #command: Command;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;

  constructor(command: Command) {
    const [program, ...args] = command;
    this.#command = command;
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ended = once(this.#child, 'close');
    this.#lines = createInterface({ input: this.#child.stdout as Readable })[Symbol.asyncIterator]();
    process.once('exit', this.#kill);
  }

  /** What the peer prints next. */
  async next(): Promise<unknown> {
    const line = await this.#lines.next();
    if (!line.done) return JSON.parse(line.value);
    await this.#ended;
    throw new Error(`${this.#command.join(' ')} has ended with ${this.#child.signalCode ?? this.#child.exitCode}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#kill);
    this.#kill();
    await this.#ended;
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL');
}
