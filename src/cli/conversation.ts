// Connects a user and a server: lines go out as messages, messages come in, over one connection or one after another.
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionClosed, type Close, type Connection } from '../index.js';
import { CommandError } from './arguments.js';
import { formatMessage, type Format } from './format.js';
import type { UserInterface } from './pipe.js';
import { firstLine } from './printable.js';
import { Terminal } from './terminal.js';

/** The commands of a terminal, for help. */
export const commands = `  /help                    lists these commands
  /ping                    measures the round trip to the server
  /close [CODE] [REASON]   closes the connection (1000)
  //TEXT                   sends /TEXT`;

/** The close codes of an orderly end: normal, going away, none. */
const PEACEFUL: readonly number[] = [1000, 1001, 1005];

/** No Close frame came. */
const ABNORMAL = 1006;

/** After this many milliseconds without a message, none is expected any more. */
const SILENCE = 1000;

/** The options for the time after the handshake. */
export interface Manner extends Format {
  /** Whether it ends with the first message, and waits for it. */
  readonly isOnce: boolean;
  /** Milliseconds to stay after the end of the input; if absent, until there is silence. */
  readonly wait: number | undefined;
}

export class Conversation {
  readonly #user: UserInterface;
  readonly #manner: Manner;
  readonly #abandon: () => void;
  /** The one that is open, or was last. */
  #connection: Connection | null = null;
  /** Called when another is open, and when none will be. */
  #wake: () => void = () => {};
  /** Whether no other connection will come. */
  #isOver = false;
  /** When the last message was printed; infinite while one is being printed. */
  #silentSince = 0;
  /** Whether this side closed the connection. */
  #hasClosed = false;

  /** @param abandon called when no other connection is wanted. */
  constructor(user: UserInterface, manner: Manner, abandon: () => void) {
    this.#user = user;
    this.#manner = manner;
    this.#abandon = abandon;
  }

  /** @param connections the last of them is the last that it holds. */
  async hold(
    connections: AsyncIterable<Connection>,
    lines: Iterable<string> | AsyncIterable<string | Buffer>,
  ): Promise<void> {
    try {
      await Promise.all([this.#send(lines), this.#receiveAll(connections)]);
    } catch (error) {
      this.#user.close();
      this.close();
      // The reader of the output has seen enough, as `head` does.
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
      throw error;
    }
    if (this.#connection !== null) this.#report(await this.#connection.closed);
  }

  /** @throws RangeError, TypeError for a code or reason that may not be sent. */
  close(code?: number, reason?: string): void {
    const isOpen = this.#connection === null || !this.#connection.isClosed();
    void this.#connection?.close(code, reason);
    this.#hasClosed ||= isOpen;
    this.#abandon();
  }

  async #send(lines: Iterable<string> | AsyncIterable<string | Buffer>): Promise<void> {
    for await (const line of lines) {
      if (this.#user instanceof Terminal && line.toString().startsWith('/')) await this.#obey(line.toString());
      else await this.#sendLine(line);
    }
    await this.#onOpen((connection) => this.#stay(connection));
    this.close();
  }

  async #sendLine(line: string | Buffer): Promise<void> {
    const message = this.#manner.isBinary ? Buffer.from(line) : line.toString();
    await this.#onOpen((connection) => connection.send(message));
  }

  /** Does something on the connection that is open, or on the next if that is lost meanwhile. */
  async #onOpen(use: (connection: Connection) => Promise<unknown>): Promise<void> {
    for (;;) {
      const connection = await this.#current();
      try {
        if (connection !== null) await use(connection);
        return;
      } catch {
        // It is lost; `hold` reports how it ended.
        await connection!.closed;
      }
    }
  }

  /** `null` once no other will come. */
  async #current(): Promise<Connection | null> {
    while (!this.#isOver && (this.#connection === null || this.#connection.isClosed())) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#isOver ? null : this.#connection;
  }

  async #obey(line: string): Promise<void> {
    const [, name, code, reason] = /^\/(\S*)\s*(\S*)\s*([^]*)$/.exec(line)!;
    if (line.startsWith('//')) await this.#sendLine(line.slice(1));
    else if (name === 'ping') await this.#onOpen((connection) => this.#ping(connection));
    else if (name === 'close') this.#obeyClose(Number(code || 1000), reason);
    else if (name === 'help') this.#user.note(commands);
    else this.#user.note(`there is no command /${name}; write /help, or //${name} to send it`);
  }

  async #ping(connection: Connection): Promise<void> {
    this.#user.note(`round trip: ${(await connection.ping()).toFixed(1)} ms`);
  }

  #obeyClose(code: number, reason: string | undefined): void {
    try {
      this.close(code, reason);
    } catch (error) {
      // A code or a reason that may not be sent.
      this.#user.note((error as Error).message);
    }
  }

  /**
   * Waits for answers to what was sent.
   * @throws ConnectionClosed (as rejection) if the connection is lost meanwhile.
   */
  async #stay(connection: Connection): Promise<void> {
    await this.#awaitAnswers(connection);
    if (connection.isClosed() && !this.#hasClosed) throw new ConnectionClosed(await connection.closed);
  }

  async #awaitAnswers(connection: Connection): Promise<void> {
    const ended = new AbortController();
    void connection.closed.then(() => ended.abort());
    const pause = (time: number): Promise<void> => sleep(time, undefined, ended).catch(() => {});

    // The pong shows that the server has received everything sent before it (§5.5.3).
    await connection.ping();
    const { wait, isOnce } = this.#manner;
    if (wait !== undefined) return await pause(wait);
    if (isOnce) return void (await connection.closed);
    this.#silentSince = Math.max(this.#silentSince, performance.now());
    while (!ended.signal.aborted) {
      const left = this.#silentSince + SILENCE - performance.now();
      if (left <= 0) return;
      await pause(Math.min(left, SILENCE));
    }
  }

  async #receiveAll(connections: AsyncIterable<Connection>): Promise<void> {
    try {
      for await (const connection of connections) {
        this.#connection = connection;
        const { subprotocol } = connection;
        this.#user.note(`connected${subprotocol && `, subprotocol ${subprotocol}`}`);
        this.#wake();
        await this.#receive(connection);
        await connection.closed;
        if (this.#hasClosed) break;
      }
    } finally {
      this.#isOver = true;
      this.#wake();
      this.#user.close();
    }
  }

  async #receive(connection: Connection): Promise<void> {
    for await (const message of connection) {
      this.#silentSince = Infinity;
      await this.#user.print(formatMessage(message, this.#manner, process.stdout.isTTY));
      this.#silentSince = performance.now();
      if (this.#manner.isOnce) {
        this.close();
        break;
      }
    }
  }

  #report(close: Close): void {
    if (this.#hasClosed && close.code === ABNORMAL) return this.#user.note('closed, which the server did not answer');
    if (!PEACEFUL.includes(close.code)) throw new CommandError(firstLine(new ConnectionClosed(close).message));
    this.#user.note(`closed with ${close.code}${close.reason && `: ${firstLine(close.reason)}`}`);
  }
}
