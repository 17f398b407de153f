// A broker of the test's own, which it may kill and start again with what was kept.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireProgram } from './programs.js';

export abstract class Broker implements AsyncDisposable {
  port = 0;
  readonly folder = mkdtempSync(join(tmpdir(), 'twobyte-broker-'));
  readonly #path: string;
  #process: ChildProcess | null = null;

  /** @param path of the program, which is of the Debian package of that name. */
  protected constructor(path: string, name: string) {
    requireProgram(path, name);
    this.#path = path;
  }

  /** Starts it, again after `kill`. */
  abstract run(...parameters: string[]): Promise<void>;

  /** Starts it again without what it had. */
  abstract runEmpty(): Promise<void>;

  /** Whether it is ready, by what it says to a new connection. */
  protected abstract isReady(greeting: string): boolean;

  protected async start(parameters: readonly string[], hello: string): Promise<void> {
    const process = spawn(this.#path, parameters, { stdio: 'ignore' });
    this.#process = process;
    while (!(await this.#isListening(hello))) {
      if (process.exitCode !== null) throw new Error(`${this.#path} has ended: ${process.exitCode}`);
      await sleep(20);
    }
  }

  async kill(): Promise<void> {
    this.#process!.kill('SIGKILL');
    await once(this.#process!, 'exit');
  }

  async #isListening(hello: string): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
    socket.write(hello);
    const isReady = await new Promise<boolean>((resolve) => {
      // While it loads its data, it may answer with an error.
      socket.on('data', (data) => resolve(this.isReady(String(data)))).on('error', () => resolve(false));
    });
    socket.destroy();
    return isReady;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process!.exitCode === null && this.#process!.signalCode === null) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
