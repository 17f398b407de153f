// Calls from the study's process to the functions of another, over the channel of `fork`.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// Each function takes one argument or none, and returns a promise.
type Functions = Record<string, (argument: never) => Promise<unknown>>;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Lets the parent process call these functions. */
export function serveCalls(functions: Functions): void {
  process.on('message', ({ id, name, argument }: Call) => {
    void (functions[name] as (argument: unknown) => Promise<unknown>)(argument).then(
      (result) => process.send!({ id, result } satisfies Answer),
      (error: Error) => process.send!({ id, error: error.stack ?? error.message } satisfies Answer),
    );
  });
  process.on('disconnect', () => process.exit());
}

/** The functions of a process that was started for them. */
export class Callee<F extends Functions> {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #count = 0;

  constructor(file: string) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv: ['--expose-gc'] });
    this.#child.on('message', ({ id, result, error }: Answer) => {
      const { resolve, reject } = this.#pending.get(id)!;
      this.#pending.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    });
    this.#child.on('exit', (code, signal) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`${file} has ended: ${code ?? signal}`));
    });
  }

  call<N extends keyof F & string>(
    name: N,
    ...[argument]: Parameters<F[N]>
  ): ReturnType<F[N]> {
    const id = ++this.#count;
    const promise = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.#child.send({ id, name, argument } satisfies Call);
    return promise as ReturnType<F[N]>;
  }

  end(): void {
    this.#child.kill();
  }
}
