// What the log needs of NATS, by a connection of the package `@nats-io/transport-node` or `nats`: no dependency.
import { LogError } from '../errors.js';
import { createLife } from './memory-log.js';
import { NatsStream } from './nats-stream.js';

/** What NATS delivers. */
export interface NatsMessage {
  /** Where an answer would go; JetStream tells in it what the message is. */
  readonly reply?: string;
  readonly headers?: { get(name: string): string };
  string(): string;
}

/** A connection of the package `@nats-io/transport-node`, or of another transport of that version 3, or of `nats` 2. */
export interface NatsConnection {
  request(subject: string, payload?: string, options?: { timeout: number }): Promise<NatsMessage>;
  subscribe(subject: string, options?: { callback: NatsCallback }): { unsubscribe(): void };
  status(): AsyncIterable<{ readonly type: string }>;
  isClosed(): boolean;
  closed(): Promise<unknown>;
}

type NatsCallback = (error: Error | null, message: NatsMessage) => void;

interface Listener {
  /** There is a connection: for the first time, or after messages may have been lost. */
  ready(): void;
  /** There is none, or no messages come on it, and time alone won't mend that. */
  fail(error: LogError): void;
}

export interface Subscriber extends Listener {
  receive(message: NatsMessage): void;
}

interface Refusal {
  /** One of HTTP's. */
  readonly code: number;
  readonly err_code: number;
  readonly description: string;
}

/** Milliseconds for an answer. */
const ANSWER_TIME = 5000;

/** Milliseconds between two attempts to subscribe to what was refused. */
const RETRY_TIME = 5000;

/** How many answers to wait for at once: JetStream drops questions when there are thousands, as after a restart. */
const MAX_QUESTIONS = 100;

/** JetStream's numbers of its errors. */
const NO_STREAM = 10059;
const NO_MESSAGE = 10037;

const connections = new WeakMap<NatsConnection, Nats>();

/** The one for a connection. */
export function natsOf(connection: NatsConnection): Nats {
  let nats = connections.get(connection);
  if (nats === undefined) connections.set(connection, (nats = new Nats(connection)));
  return nats;
}

export class Nats {
  readonly #connection: NatsConnection;
  readonly #streams = new Map<string, NatsStream>();
  readonly #listeners = new Set<Listener>();
  /** Called when the connection is lost: no client does that, but no answer comes any more. */
  readonly #unanswered = new Set<(error: Error) => void>();
  readonly #line: (() => void)[] = [];
  #questions = 0;
  #isAway = false;

  constructor(connection: NatsConnection) {
    if (typeof (connection as Partial<NatsConnection>).status !== 'function') {
      throw new TypeError('the connection of natsLog is one of the package @nats-io/transport-node or nats');
    }
    this.#connection = connection;
    void this.#follow();
    void connection.closed().then(() => {
      this.#lose();
      const error = this.#lasting(null)!;
      for (const listener of this.#listeners) listener.fail(error);
    });
  }

  stream(name: string): NatsStream {
    let stream = this.#streams.get(name);
    if (stream === undefined) this.#streams.set(name, (stream = new NatsStream(this, name)));
    return stream;
  }

  async #follow(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      // The first may have been before anyone followed it.
      if (type === 'disconnect' || type === 'reconnecting') this.#lose();
      if (type !== 'reconnect') continue;
      this.#isAway = false;
      for (const listener of this.#listeners) listener.ready();
    }
  }

  #lose(): void {
    this.#isAway = true;
    for (const stream of this.#streams.values()) stream.forget();
    for (const reject of this.#unanswered) reject(new UnansweredError('the connection to NATS is lost'));
    this.#unanswered.clear();
  }

  /** @returns what ends it. */
  subscribe(subject: string, subscriber: Subscriber): () => void {
    let subscription: { unsubscribe(): void } | null = null;
    let timer: NodeJS.Timeout | undefined;
    const callback: NatsCallback = (error, message) => {
      if (error !== null) fail(error);
      // What comes before it is known that there is a connection again may follow on something lost.
      else if (!this.#isAway) subscriber.receive(message);
    };
    const fail = (cause: unknown): void => {
      subscriber.fail(this.#lasting(cause) ?? new LogError(`NATS refuses a subscription: ${cause}`, { cause }));
      timer = setTimeout(open, RETRY_TIME).unref();
    };
    const open = (): void => {
      try {
        subscription = this.#connection.subscribe(subject, { callback });
        if (!this.#isAway) subscriber.ready();
      } catch (error) {
        fail(error);
      }
    };
    this.#listeners.add(subscriber);
    open();
    return () => {
      clearTimeout(timer);
      this.#listeners.delete(subscriber);
      subscription?.unsubscribe();
    };
  }

  /** Waits for a connection. @throws LogError (as rejection) if there is none in so many milliseconds, or for good. */
  connected(wait: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const closed = this.#connection.isClosed() ? this.#lasting(null) : null;
      if (closed !== null) return reject(closed);
      if (!this.#isAway) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
      };
      const listener: Listener = {
        ready: () => {
          end();
          resolve();
        },
        fail: (error) => {
          end();
          reject(error);
        },
      };
      const timer = setTimeout(() => listener.fail(new LogError('NATS is away: it does not have the update')), wait);
      this.#listeners.add(listener);
    });
  }

  /** @returns JetStream's answer, `null` if it has no such stream. @throws as `request`. */
  async ask<Answer>(name: string, question: object): Promise<Answer | null> {
    if (this.#questions === MAX_QUESTIONS) await new Promise<void>((resolve) => this.#line.push(resolve));
    else this.#questions++;
    try {
      return answerOf<Answer>(await this.request(`$JS.API.${name}`, JSON.stringify(question)));
    } catch (cause) {
      if (isNoResponders(cause)) throw new LogError('NATS has no JetStream: start nats-server with -js', { cause });
      throw cause;
    } finally {
      const next = this.#line.shift();
      if (next === undefined) this.#questions--;
      else next();
    }
  }

  /**
   * @throws LogError (as rejection) if NATS refuses it, or the connection is closed; UnansweredError if there is no
   * answer; else the client's own error.
   */
  request(subject: string, payload: string): Promise<NatsMessage> {
    return this.#answer((resolve, reject) => {
      this.#connection.request(subject, payload, { timeout: ANSWER_TIME }).then(resolve, reject);
    });
  }

  /**
   * Takes what comes to an inbox until `take` says that it was the last.
   * @param ask makes it come; it returns whether nothing will.
   * @throws as `request`.
   */
  async collect(ask: (inbox: string) => Promise<boolean>, take: (message: NatsMessage) => boolean): Promise<void> {
    const { inboxPrefix = '_INBOX' } = (this.#connection as { options?: { inboxPrefix?: string } }).options ?? {};
    const inbox = `${inboxPrefix}.${createLife()}${createLife()}`;
    let timer: NodeJS.Timeout | undefined;
    let subscription: { unsubscribe(): void } | undefined;
    try {
      await this.#answer<void>((resolve, reject) => {
        timer = setTimeout(() => reject(new UnansweredError('NATS does not answer')), ANSWER_TIME);
        subscription = this.#connection.subscribe(inbox, {
          callback: (error, message) => {
            if (error !== null) reject(error);
            else if (take(message)) resolve();
          },
        });
        ask(inbox).then((isAll) => isAll && resolve(), reject);
      });
    } finally {
      clearTimeout(timer);
      subscription?.unsubscribe();
    }
  }

  async #answer<Answer>(
    start: (resolve: (answer: Answer) => void, reject: (error: Error) => void) => void,
  ): Promise<Answer> {
    let lose!: (error: Error) => void;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        if (this.#isAway) throw new UnansweredError('there is no connection to NATS');
        this.#unanswered.add((lose = reject));
        start(resolve, reject);
      });
    } catch (error) {
      throw this.#lasting(error) ?? (isTimeout(error) ? new UnansweredError('NATS does not answer') : error);
    } finally {
      this.#unanswered.delete(lose);
    }
  }

  /** The error if it will not pass by itself, else `null`. */
  #lasting(error: unknown): LogError | null {
    if (error instanceof LogError) return error;
    const options = { cause: error };
    if (this.#connection.isClosed()) {
      return new LogError('the connection of natsLog is closed: connect with maxReconnectAttempts: -1', options);
    }
    const { message = '' } = Object(error) as { message?: string };
    return /permissions violation/i.test(message)
      ? new LogError(`NATS refuses what natsLog needs: ${message}`, options)
      : null;
  }
}

/** Nothing has come, which says nothing about what was done. */
export class UnansweredError extends Error {}

/** Whether nobody takes the subject: no stream, and no JetStream. */
export function isNoResponders(error: unknown): boolean {
  const { message = '', code } = Object(error) as { message?: string; code?: string };
  return code === '503' || message.startsWith('no responders');
}

function isTimeout(error: unknown): boolean {
  const { name, code } = Object(error) as { name?: string; code?: string };
  return name === 'TimeoutError' || code === 'TIMEOUT';
}

/** @throws LogError if JetStream refuses what was asked; another error if it can't do it for now. */
export function answerOf<Answer>(message: NatsMessage): Answer | null {
  const answer = JSON.parse(message.string()) as Answer & { error?: Refusal };
  if (answer.error === undefined) return answer;
  const { code, err_code: number, description } = answer.error;
  if (number === NO_MESSAGE) return answer;
  if (number === NO_STREAM) return null;
  // A cluster that has no leader for now.
  if (code === 503) throw new Error(`NATS: ${description}`);
  throw new LogError(`NATS refuses what natsLog needs: ${description}`, { cause: answer.error });
}
