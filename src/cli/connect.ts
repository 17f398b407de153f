// `twobyte connect`: sends lines as messages, and prints the messages that arrive.
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionClosed, type Close, type Connection, type Message } from '../index.js';
import { CommandError, parse, parseSeconds, type Command } from './arguments.js';
import { formatJson } from './json.js';
import { Pipe, type UserInterface } from './pipe.js';
import { firstLine, printable } from './printable.js';
import { closeOnSignal } from './signals.js';
import { open, targetOptions } from './target.js';
import { Terminal } from './terminal.js';

const commands = `  /help                    lists these commands
  /ping                    measures the round trip to the server
  /close [CODE] [REASON]   closes the connection (1000)
  //TEXT                   sends /TEXT`;

const help = `Usage: twobyte connect URL [options]

Connects to a ws: or wss: URL, sends each line of the standard input as a text message, and
prints each received message to the standard output: text as it is, binary as a line
"[binary, length N]" with its bytes in hexadecimal. All else goes to the standard error.

  --subprotocol NAME       offers a subprotocol; repeat it for more, the preferred first
  --header 'NAME: VALUE'   adds a header field to the request; repeat it for more
  --origin ORIGIN          the value of Origin, which some servers ask for
  --proxy URL              goes through an http: proxy, as http://user:password@host:port
  --socket PATH            connects to a Unix socket; the URL still names host and path
  --ca FILE                trusts the certificates of this file only, for wss:
  --cert FILE, --key FILE  the certificate to show to the server, and its private key
  --insecure               accepts any certificate: for tests only
  --binary                 sends binary messages; received ones are written as they are,
                           without a line ending, unless to a terminal
  --json                   prints messages that are JSON on several lines, coloured on a terminal
  --execute MESSAGE        sends this instead of the standard input; repeat it for more
  --wait SECONDS           how long to stay after the last line has arrived at the server
                           (until there was no message for a second)
  --once                   stays for the first message, and closes after it
  --timeout SECONDS        how long connecting may take (10)
  --max-message-bytes N    the longest message to accept, in bytes (1048576)
  --help                   prints this

At the prompt of a terminal, a line that begins with / is a command:

${commands}

Ctrl-D ends the input, Ctrl-C closes with 1000, and a second Ctrl-C stops at once.
The exit code is 0 if the connection was closed with 1000, 1001 or without a code, or from
here though the server did not answer, else 1.
For wss:, the environment's NODE_EXTRA_CA_CERTS names a file of further certificates to trust.`;

export const connect: Command = { help, run };

/** The close codes of an orderly end: normal, going away, none. */
const PEACEFUL: readonly number[] = [1000, 1001, 1005];

/** No Close frame came. */
const ABNORMAL = 1006;

/** After this many milliseconds without a message, none is expected any more. */
const SILENCE = 1000;

/** The options for the time after the handshake. */
interface Manner {
  readonly isBinary: boolean;
  /** Whether messages that are JSON are formatted. */
  readonly isJson: boolean;
  /** Whether it ends with the first message, and waits for it. */
  readonly isOnce: boolean;
  /** Milliseconds to stay after the end of the input; if absent, until there is silence. */
  readonly wait: number | undefined;
}

async function run(args: string[]): Promise<void> {
  const { values, positionals } = parse('connect', {
    args,
    allowPositionals: true,
    options: {
      ...targetOptions,
      binary: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      execute: { type: 'string', multiple: true },
      wait: { type: 'string' },
      once: { type: 'boolean', default: false },
    },
  });
  const manner = {
    isBinary: values.binary,
    isJson: values.json,
    isOnce: values.once,
    wait: values.wait === undefined ? undefined : parseSeconds('--wait', values.wait),
  };
  const connection = await open(positionals, values);
  const user = values.execute === undefined ? openInterface() : new Pipe(process.stdin, process.stdout);
  const conversation = new Conversation(connection, user, manner);
  closeOnSignal(() => conversation.close(), () => user.close());
  await conversation.hold(values.execute ?? user.lines);
}

function openInterface(): UserInterface {
  // Some terminals, such as an editor's window, cannot move the cursor.
  const hasPrompt = process.stdin.isTTY && process.stdout.isTTY && process.env['TERM'] !== 'dumb';
  return hasPrompt ? new Terminal() : new Pipe(process.stdin, process.stdout);
}

/** Connects a user and a server until the connection has ended. */
class Conversation {
  readonly #connection: Connection;
  readonly #user: UserInterface;
  readonly #manner: Manner;
  /** When the last message was printed; infinite while one is being printed. */
  #silentSince = 0;
  /** Whether this side closed the connection. */
  #hasClosed = false;

  constructor(connection: Connection, user: UserInterface, manner: Manner) {
    this.#connection = connection;
    this.#user = user;
    this.#manner = manner;
  }

  async hold(lines: Iterable<string> | AsyncIterable<string | Buffer>): Promise<void> {
    const { subprotocol } = this.#connection;
    this.#user.note(`connected${subprotocol && `, subprotocol ${subprotocol}`}`);
    try {
      await Promise.all([this.#send(lines), this.#receive()]);
    } catch (error) {
      this.#user.close();
      this.close();
      // The reader of the output has seen enough, as `head` does.
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
      throw error;
    }
    this.#report(await this.#connection.closed);
  }

  /** @throws RangeError, TypeError for a code or reason that may not be sent. */
  close(code?: number, reason?: string): void {
    const isOpen = !this.#connection.isClosed();
    void this.#connection.close(code, reason);
    this.#hasClosed ||= isOpen;
  }

  async #send(lines: Iterable<string> | AsyncIterable<string | Buffer>): Promise<void> {
    try {
      for await (const line of lines) {
        if (this.#user instanceof Terminal && line.toString().startsWith('/')) await this.#obey(line.toString());
        else await this.#sendLine(line);
      }
      await this.#stay();
      this.close();
    } catch (error) {
      // `hold` reports how the connection ended.
      if (!(error instanceof ConnectionClosed)) throw error;
    }
  }

  #sendLine(line: string | Buffer): Promise<void> {
    return this.#connection.send(this.#manner.isBinary ? Buffer.from(line) : line.toString());
  }

  async #obey(line: string): Promise<void> {
    const [, name, code, reason] = /^\/(\S*)\s*(\S*)\s*([^]*)$/.exec(line)!;
    if (line.startsWith('//')) await this.#sendLine(line.slice(1));
    else if (name === 'ping') this.#user.note(`round trip: ${(await this.#connection.ping()).toFixed(1)} ms`);
    else if (name === 'close') this.#obeyClose(Number(code || 1000), reason);
    else if (name === 'help') this.#user.note(commands);
    else this.#user.note(`there is no command /${name}; write /help, or //${name} to send it`);
  }

  #obeyClose(code: number, reason: string): void {
    try {
      this.close(code, reason);
    } catch (error) {
      // A code or a reason that may not be sent.
      this.#user.note((error as Error).message);
    }
  }

  /** Waits for answers to what was sent. */
  async #stay(): Promise<void> {
    const ended = new AbortController();
    void this.#connection.closed.then(() => ended.abort());
    const pause = (time: number): Promise<void> => sleep(time, undefined, ended).catch(() => {});

    // The pong shows that the server has received everything sent before it (§5.5.3).
    await this.#connection.ping();
    const { wait, isOnce } = this.#manner;
    if (wait !== undefined) return await pause(wait);
    if (isOnce) return void (await this.#connection.closed);
    this.#silentSince = Math.max(this.#silentSince, performance.now());
    while (!ended.signal.aborted) {
      const left = this.#silentSince + SILENCE - performance.now();
      if (left <= 0) return;
      await pause(Math.min(left, SILENCE));
    }
  }

  async #receive(): Promise<void> {
    for await (const message of this.#connection) {
      this.#silentSince = Infinity;
      await this.#user.print(this.#format(message));
      this.#silentSince = performance.now();
      if (this.#manner.isOnce) {
        this.close();
        break;
      }
    }
    this.#user.close();
  }

  #format(message: Message): string | Buffer {
    const { isTTY } = process.stdout;
    if (typeof message === 'string') {
      const json = this.#manner.isJson ? formatJson(message, isTTY) : null;
      return `${json ?? (isTTY ? printable(message) : message)}\n`;
    }
    if (this.#manner.isBinary && !isTTY) return message;
    return `[binary, length ${message.length}] ${message.toString('hex')}\n`;
  }

  #report(close: Close): void {
    if (this.#hasClosed && close.code === ABNORMAL) return this.#user.note('closed, which the server did not answer');
    if (!PEACEFUL.includes(close.code)) throw new CommandError(firstLine(new ConnectionClosed(close).message));
    this.#user.note(`closed with ${close.code}${close.reason && `: ${firstLine(close.reason)}`}`);
  }
}
