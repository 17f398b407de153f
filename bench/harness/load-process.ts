// The bench's end of the load generator, which runs in a process of its own on the second core.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadCommand, LoadOptions } from './load.js';
import { OTHER_CORE, pinned } from './peer-process.js';
import { ProcessorClock } from './process-cost.js';
import type { LoadResult } from './run.js';

const script = fileURLToPath(new URL('load.js', import.meta.url));

export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #clock: ProcessorClock;
  readonly #ended: Promise<never>;

  constructor() {
    const [program, args] = pinned(OTHER_CORE, [process.execPath, script]);
    this.#child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#clock = new ProcessorClock(this.#child.pid!);
    process.once('exit', () => this.#child.kill('SIGKILL'));
    this.#ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`the load generator has ended with ${code}`);
    });
    this.#ended.catch(() => {});
  }

  /** Microseconds of CPU time so far. */
  get cpu(): number {
    return this.#clock.read();
  }

  async open(name: string, options: LoadOptions): Promise<void> {
    await this.#tell({ do: 'open', name, options });
  }

  async run(name: string, milliseconds: number): Promise<LoadResult> {
    return (await this.#tell({ do: 'run', name, milliseconds })) as LoadResult;
  }

  async close(name: string): Promise<void> {
    await this.#tell({ do: 'close', name });
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended.catch(() => {});
  }

  async #tell(command: LoadCommand): Promise<unknown> {
    this.#child.send(command);
    const [result] = (await Promise.race([once(this.#child, 'message'), this.#ended])) as [unknown];
    return result;
  }
}
