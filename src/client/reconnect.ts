// Keeps a client connected: one connection after another, with growing, random pauses between failures.
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../connection/connection.js';
import { milliseconds, wholeNumber } from '../connection/limits.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { whenAborted } from '../connection/wait-limits.js';
import { ConnectionClosed, HandshakeError, TimeoutError } from '../errors.js';
import { connect, connectOptions, type ConnectOptions } from './connect.js';

/** A value, or a function that is asked for it before each attempt. */
type Asked<Value> = Value | (() => Value | Promise<Value>);

export interface ReconnectOptions extends Omit<ConnectOptions, 'headers'> {
  /** As for `connect`; a function is asked before each attempt, for example for a token that is still valid. */
  headers?: Asked<Readonly<Record<string, string>>>;
  /** Milliseconds of the first pause; it doubles with each failure. Default 500. */
  minDelay?: number;
  /** Milliseconds that a pause has at most. Default 60,000. */
  maxDelay?: number;
  /**
   * Gives up when so many attempts in a row were not answered: the server took the connection and ended it, which is
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
  /** The number of the attempt to come, from 1; a connection that has lasted starts over. */
  readonly attempt: number;
  /** Milliseconds until then. */
  readonly delay: number;
}

const reconnectOptions: OptionNames<ReconnectOptions> = {
  ...connectOptions,
  minDelay: true,
  maxDelay: true,
  maxUnanswered: true,
  onRetry: true,
};

/** Answers that another attempt may change, though they are 4xx: too slow, too early, too many. */
const TEMPORARY = [408, 425, 429];
/** Answers of a proxy that no further attempt changes; all others are about the server, or the proxy's own troubles. */
const FATAL_OF_PROXY = [401, 403, 407];
/** The codes of a connection that ended before the server's answer. */
const UNANSWERED = ['CONNECTION_LOST', 'ECONNRESET', 'EPIPE'];

/**
 * Connects, and again whenever the loop's body has finished with a connection.
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
 * A connection that is still open at the end of the body is closed. Whatever the body throws leaves the loop, as in
 * any `for await`: catch `ConnectionClosed`, with which `send` and `ping` reject once the connection is lost.
 * Before each new attempt there is a pause, half of it random, that doubles until a connection has lasted longer than
 * the next pause would.
 * @param url as for `connect`; a function is asked before each attempt.
 * @throws what no further attempt can mend: a 4xx refusal, an answer that is no WebSocket's, a bad option; 401, 403 or
 * 407 of a proxy; and the signal's reason after an abort, which also closes the connection of the moment. What a
 * function for URL or headers throws is judged like an error of `connect`.
 */
export async function* reconnect(
  url: Asked<string | URL>,
  options: ReconnectOptions = {},
): AsyncGenerator<Connection, void, undefined> {
  checkNames('reconnect', options, reconnectOptions);
  const { minDelay = 500, maxDelay = 60_000, maxUnanswered, onRetry, ...forConnect } = options;
  const { signal } = options;
  milliseconds('minDelay', minDelay);
  milliseconds('maxDelay', maxDelay);
  if (maxUnanswered !== undefined) wholeNumber('maxUnanswered', maxUnanswered, 1, Number.MAX_SAFE_INTEGER);
  let unanswered = 0;
  for (let attempt = 1, delay = minDelay; ; attempt++, delay = Math.min(delay * 2, maxDelay)) {
    const opened = await open(url, forConnect).catch(rethrowFatal);
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
    // A restarted server must not meet all its clients at once.
    const pause = delay * (0.5 + Math.random() / 2);
    await onRetry?.({ error, attempt, delay: pause });
    await pauseFor(pause, signal);
  }
}

/** @throws the signal's reason after an abort. */
async function pauseFor(time: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  // Node's own timer would be one listener more on the caller's signal for each loop.
  const controller = new AbortController();
  const ignore = signal && whenAborted(signal, () => controller.abort());
  await sleep(time, null, { signal: controller.signal }).catch(() => signal?.throwIfAborted());
  ignore?.();
}

type AttemptOptions = Omit<ReconnectOptions, 'minDelay' | 'maxDelay' | 'maxUnanswered' | 'onRetry'>;

async function open(url: Asked<string | URL>, options: AttemptOptions): Promise<Connection> {
  const { headers = {} } = options;
  return connect(await ask(url), { ...options, headers: await ask(headers) });
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
  // What the operating system says, such as ECONNREFUSED; but a certificate does not become valid by asking again.
  return /^E(?!RR_)[A-Z_]+$/.test(codeOf(error));
}

/** The code of a system error, be it the cause of another, as it is in what `fetch` throws. */
function codeOf(error: unknown): string {
  const { code, cause } = Object(error) as NodeJS.ErrnoException;
  return code ?? (Object(cause) as NodeJS.ErrnoException).code ?? '';
}
