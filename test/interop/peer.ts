// A program of another library, which opens, serves and ends connections as it is told, and tells what it saw.
//
// It is told one JSON array per line, and answers likewise. It understands:
//   ["connect", url, subprotocols]   ["send", kind, data]   ["part", kind, data, isLast]   ["ping", payload]
//   ["close", code, reason]
// and tells, the first as soon as it listens on 127.0.0.1:
//   ["listening", port]   ["open", subprotocol]   ["message", kind, data]   ["pong", payload]
//   ["closed", code, reason]   ["failed", why]
// The kind is "text", with the text as data, or "binary", with Base64. Code and reason are those it received; a value
// that the library doesn't tell is null. A server of it speaks the subprotocols "chat" and "mail".
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Message } from '../../src/index.js';

/** What is printed of a message when it isn't the one that was expected; longer ones by their digest. */
const MAX_SHOWN_BYTES = 200;

const MAX_COMPLAINTS = 10_000;

/** One event, or one command. */
export type Line = readonly [name: string, ...values: unknown[]];

export class Peer {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #complaints = '';
  #port = 0;

  /** Starts the program. */
  constructor([command, ...args]: readonly string[]) {
    this.#process = spawn(command!, args, { stdio: 'pipe' });
    const { stdin, stdout, stderr } = this.#process;
    this.#lines = createInterface({ input: stdout! })[Symbol.asyncIterator]();
    stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-MAX_COMPLAINTS);
    });
    // That it has ended is told where its next line is missed.
    stdin!.on('error', () => {});
    this.#process.on('error', (error) => (this.#complaints += error.message));
  }

  /** Waits until its server listens; to be called once, before all else. */
  async waitUntilListening(): Promise<void> {
    const [, port] = await this.hear();
    this.#port = port as number;
  }

  /** Where its server listens, on 127.0.0.1. */
  get port(): number {
    return this.#port;
  }

  tell(...command: Line): void {
    this.#process.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  /** Has it send a message, or with `isLast` one fragment. */
  send(message: Message, isLast?: boolean): void {
    const [kind, data] = typeof message === 'string' ? ['text', message] : ['binary', message.toString('base64')];
    if (isLast === undefined) this.tell('send', kind, data);
    else this.tell('part', kind, data, isLast);
  }

  /** What it tells next. */
  async hear(): Promise<Line> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`the peer has ended: ${this.#complaints}`);
    const line = JSON.parse(value) as Line;
    // Its own failure: the connection is in whatever state it is.
    if (line[0] === 'failed') throw new Error(`the peer failed: ${String(line[1])}`);
    return line;
  }

  /** The message that it tells next, as `show` shows it. */
  async hearMessage(): Promise<string> {
    const line = await this.hear();
    const [name, kind, data] = line as readonly string[];
    if (name !== 'message') throw new Error(`no message, but ${JSON.stringify(line)}`);
    return show(kind === 'text' ? data! : Buffer.from(data!, 'base64'));
  }

  end(): void {
    this.#process.kill('SIGKILL');
  }
}

/** A message in few characters, which differ for different messages. */
export function show(message: Message | null): string {
  if (message === null) return 'none';
  const bytes = Buffer.from(message as string);
  const isShort = bytes.length <= MAX_SHOWN_BYTES;
  const content = isShort ? JSON.stringify(message) : createHash('sha256').update(bytes).digest('hex');
  return `${typeof message === 'string' ? 'text' : 'binary'} of ${bytes.length} bytes: ${content}`;
}
