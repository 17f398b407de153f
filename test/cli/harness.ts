// A run of the compiled command line, for the tests of it: `await using program = new Run(['serve'])`.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The compiled command line. */
export const program = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

/** How long to wait for output, in milliseconds: longer than any machine needs, shorter than a test may take. */
const PATIENCE = 60_000;

export type Environment = Readonly<Record<string, string>>;

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** A process, killed when the test is done with it. Its standard input is open until `child.stdin` is ended. */
export class Run implements AsyncDisposable {
  readonly child: ChildProcess;
  output = '';
  errors = '';
  readonly #ended: Promise<Ending>;
  #wake: () => void = () => {};

  /** @param command to run instead of the command line; the arguments are its own then */
  constructor(args: readonly string[], environment: Environment = {}, command?: string) {
    const { PORT, npm_lifecycle_event, ...inherited } = process.env;
    this.child = spawn(command ?? process.execPath, command === undefined ? [program, ...args] : args, {
      env: { ...inherited, ...environment },
    });
    // The process may end before it has read all.
    this.child.stdin!.on('error', () => {});
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.#wake();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
      this.#wake();
    });
    this.#ended = once(this.child, 'close').then(([code, signal]) => {
      this.#wake();
      return { code, signal, output: this.output, errors: this.errors };
    });
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** How it ended, once it has. */
  end(): Promise<Ending> {
    return this.#ended;
  }

  /** Waits until it has printed what is wanted; fails if it ends without, or takes too long. */
  async until(isDone: () => boolean): Promise<void> {
    let hasPatience = true;
    const timer = setTimeout(() => {
      hasPatience = false;
      this.#wake();
    }, PATIENCE);
    while (!isDone()) {
      if (!this.isRunning || !hasPatience) throw new Error(`it printed ${JSON.stringify(this.output + this.errors)}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    clearTimeout(timer);
  }

  /** The first line of its output: the address it serves. */
  async address(): Promise<URL> {
    await this.until(() => this.output.includes('\n'));
    return new URL(this.output.split('\n', 1)[0]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
  }
}

/** Runs it to its end, with an input. */
export async function run(args: readonly string[], environment?: Environment, input = ''): Promise<Ending> {
  await using started = new Run(args, environment);
  started.child.stdin!.end(input);
  return await started.end();
}
