// Runs an example by examples/start.js: a broker, and two processes behind nginx.
import { requireProgram } from '../interop/programs.js';
import { Example } from './example.js';

/** The brokers of Debian's packages, by name. */
const BROKERS = { 'redis-server': '/usr/bin/redis-server', 'nats-server': '/usr/sbin/nats-server' } as const;

/** A process of the example; what serves has a port. */
export interface Running {
  readonly pid: number;
  readonly url: string;
}

export class Cluster implements AsyncDisposable {
  readonly #example: Example;

  private constructor(example: Example) {
    this.#example = example;
  }

  /** Starts an example; ends the test if a program that it needs is not there. */
  static async start(name: string, broker: keyof typeof BROKERS): Promise<Cluster> {
    requireProgram('/usr/sbin/nginx', 'nginx');
    requireProgram(BROKERS[broker], broker);
    // SIGTERM ends all that it has started, too.
    return new Cluster(await Example.start('start.js', { parameters: [name], ending: 'SIGTERM' }));
  }

  /** Of nginx. */
  get url(): string {
    return `http://127.0.0.1:${this.#example.port}`;
  }

  /** The process of that title, such as `server 1`, since the given one has ended. */
  async running(title: string, since = 0): Promise<Running> {
    const line = `^${title}, process (?!${since}:)(\\d+): (?:port (\\d+)|publishing)$`;
    const [, pid, port] = await this.#example.prints(new RegExp(`${line}(?![^]*^${title},)`, 'm'));
    return { pid: Number(pid), url: `http://127.0.0.1:${port}` };
  }

  /** Kills a process, and waits until another has taken its place. */
  async kill(title: string): Promise<void> {
    const { pid } = await this.running(title);
    process.kill(pid, 'SIGKILL');
    await this.running(title, pid);
  }

  /** Replaces the servers, one after the other. */
  async deploy(): Promise<void> {
    const before = [await this.running('server 1'), await this.running('server 2')];
    this.#example.signal('SIGHUP');
    for (const [index, { pid }] of before.entries()) await this.running(`server ${index + 1}`, pid);
  }

  /** Asks all to end, and waits until they have. */
  end(): Promise<void> {
    return this.#example.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#example[Symbol.asyncDispose]();
  }
}
