// Keeps a client connected: one connection after another, with growing, random pauses between failures.
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../connection/connection.js';
import { milliseconds, wholeNumber } from '../connection/limits.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { whenAborted } from '../connection/wait-limits.js';
import { ConnectionClosed, HandshakeError, TimeoutError } from '../errors.js';
import { connect, connectOptions, type ConnectOptions } from './connect.js';

/** A value, or a function that is called for it before each attempt. */
type Asked<Value> = Value | (() => Value | Promise<Value>);

export interface ReconnectOptions extends Omit<ConnectOptions, 'headers'> {
  /** As for `connect`. A function is called before each attempt, for example to get a fresh token. */
  headers?: Asked<Readonly<Record<string, string>>>;
  /** Milliseconds of the first pause; it doubles with each failure. Default 500. */
  minDelay?: number;
  /** Milliseconds of the longest pause. Default 60,000. */
  maxDelay?: number;
  /**
   * Gives up after this many unanswered attempts in a row: the server accepted the connection and ended it, which is
   * how some refuse a subprotocol. Default: never.
   */
  maxUnanswered?: number;
  /** Called before each pause, and awaited. What it throws ends the loop. */
  onRetry?: (retry: Retry) => unknown;
}

/** Why and when `reconnect` tries again. */
export interface Retry {
  /** Why the attempt failed; `ConnectionClosed`, whose `close` tells more, if there was a connection. */
  readonly error: Error;
  /** The number of the next attempt, from 1; it starts over after a connection that has lasted. */
  readonly attempt: number;
  /** Milliseconds until that attempt. */
  readonly delay: number;
}

const reconnectOptions: OptionNames<ReconnectOptions> = {
  ...connectOptions,
  minDelay: true,
  maxDelay: true,
  maxUnanswered: true,
  onRetry: true,
};

/** 4xx answers that another attempt may change: too slow, too early, too many. */
const TEMPORARY = [408, 425, 429];
/** A proxy's answers that no further attempt changes. Its other answers are about the server, or its own troubles. */
const FATAL_OF_PROXY = [401, 403, 407];
/** The codes of a connection that ended before the server's answer. */
const UNANSWERED = ['CONNECTION_LOST', 'ECONNRESET', 'EPIPE'];

/**
 * Connects, and connects again whenever the loop's body has finished with a connection.
 *
 * ```ts
 * for await (const connection of reconnect('ws://127.0.0.1:8000/echo/')) {
 *   try {
 *     await connection.send('hello');
 *     for await (const message of connection) console.log(message);
 *   } catch (error) {
 *     if (!(error instanceof ConnectionClosed)) throw error;
 *   }
 * }
 * ```
 * If a connection is still open at the end of the body, it is closed. What the body throws leaves the loop, as in any
 * `for await`: catch `ConnectionClosed`, with which `send` and `ping` reject once the connection is lost.
 * There is a pause before each new attempt, half of it random. It doubles until a connection has lasted longer than the
 * next pause would.
 * @param url as for `connect`; a function is called before each attempt.
 * @throws what no further attempt can mend: a 4xx refusal, an answer that isn't WebSocket, a bad option, or 401, 403 or
 * 407 from a proxy. After an abort, the signal's reason; the current connection is closed, too. What a function for URL
 * or headers throws is treated like an error of `connect`.
 */
export function reconnect(
  url: Asked<string | URL>,
  options: ReconnectOptions = {},
): AsyncGenerator<Connection, void, undefined> {
  return reconnectBy(connect, url, options);
}

type ConnectOnce = (url: string | URL, options: ConnectOptions) => Promise<Connection>;

/** @internal The same, by another function than `connect`. */
export async function* reconnectBy(
  connectOnce: ConnectOnce,
  url: Asked<string | URL>,
  options: ReconnectOptions,
): AsyncGenerator<Connection, void, undefined> {
  checkNames('reconnect', options, reconnectOptions);
  const { minDelay = 500, maxDelay = 60_000, maxUnanswered, onRetry, ...forConnect } = options;
  const { signal } = options;
  milliseconds('minDelay', minDelay);
  milliseconds('maxDelay', maxDelay);
  if (maxUnanswered !== undefined) wholeNumber('maxUnanswered', maxUnanswered, 1, Number.MAX_SAFE_INTEGER);
  let unanswered = 0;
  for (let attempt = 1, delay = minDelay; ; attempt++, delay = Math.min(delay * 2, maxDelay)) {
    const opened = await open(connectOnce, url, forConnect).catch(rethrowFatal);
    let error: Error;
    if (opened instanceof Connection) {
      const openedAt = performance.now();
      const ignore = signal && whenAborted(signal, () => void opened.close());
      try {
        yield opened;
      } finally {
        ignore?.();
        await opened.close();
      }
      error = new ConnectionClosed(await opened.closed);
      if (performance.now() - openedAt > delay) [attempt, delay] = [1, minDelay];
    } else {
      error = opened;
    }
    signal?.throwIfAborted();
    unanswered = UNANSWERED.includes(codeOf(error)) ? unanswered + 1 : 0;
    if (unanswered === maxUnanswered) throw error;
    // All the clients of a restarted server must not come back at once.
    const pause = delay * (0.5 + Math.random() / 2);
    await onRetry?.({ error, attempt, delay: pause });
    await pauseFor(pause, signal);
  }
}

/** @throws the signal's reason after an abort. */
async function pauseFor(time: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  // Node's own timer would add a listener to the caller's signal in each loop.
  const controller = new AbortController();
  const ignore = signal && whenAborted(signal, () => controller.abort());
  await sleep(time, null, { signal: controller.signal }).catch(() => signal?.throwIfAborted());
  ignore?.();
}

type AttemptOptions = Omit<ReconnectOptions, 'minDelay' | 'maxDelay' | 'maxUnanswered' | 'onRetry'>;

async function open(
  connectOnce: ConnectOnce,
  url: Asked<string | URL>,
  options: AttemptOptions,
): Promise<Connection> {
  const { headers = {} } = options;
  return connectOnce(await ask(url), { ...options, headers: await ask(headers) });
}

function ask<Value extends string | object>(asked: Asked<Value>): Value | Promise<Value> {
  return typeof asked === 'function' ? asked() : asked;
}

function rethrowFatal(error: unknown): Error {
  if (isTemporary(error)) return error as Error;
  throw error;
}

function isTemporary(error: unknown): boolean {
  if (error instanceof HandshakeError) {
    if (error.code === 'PROXY_REFUSED') return !FATAL_OF_PROXY.includes(error.status);
    return error.code === 'CONNECTION_LOST' || error.status >= 500 || TEMPORARY.includes(error.status);
  }
  if (error instanceof TimeoutError) return true;
  // Errors of the operating system, such as ECONNREFUSED. A certificate does not become valid by trying again.
  return /^E(?!RR_)[A-Z_]+$/.test(codeOf(error));
}

/** The code of a system error, which may be the cause of another error, as in what `fetch` throws. */
function codeOf(error: unknown): string {
  const { code, cause } = Object(error) as NodeJS.ErrnoException;
  return code ?? (Object(cause) as NodeJS.ErrnoException).code ?? '';
}
