// Keeps a client connected: one connection after another, with growing, random pauses between failures.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../connection/connection.js';
import { milliseconds } from '../connection/limits.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { whenAborted } from '../connection/wait-limits.js';
import { HandshakeError, TimeoutError } from '../errors.js';
import { connect, connectOptions, type ConnectOptions } from './connect.js';

export interface ReconnectOptions extends ConnectOptions {
  /** Milliseconds of the first pause; it doubles with each failure. Default 500. */
  minDelay?: number;
  /** Milliseconds that a pause has at most. Default 60,000. */
  maxDelay?: number;
}

const reconnectOptions: OptionNames<ReconnectOptions> = { ...connectOptions, minDelay: true, maxDelay: true };

/** Answers that another attempt may change, though they are 4xx: too slow, too early, too many. */
const TEMPORARY = [408, 425, 429];

/**
 * Connects, and again whenever the loop's body has finished with a connection.
 *
 * ```ts
 * for await (const connection of reconnect('ws://127.0.0.1:8000/echo/')) {
 *   for await (const message of connection) console.log(message);
 * }
 * ```
 * A connection that is still open at the end of the body is closed. Before each new attempt there is a pause, half of
 * it random, that doubles until a connection has lasted longer than the next pause would.
 * @throws what no further attempt can mend: a 4xx refusal, an answer that is no WebSocket's, a bad option; and the
 * signal's reason after an abort, which also closes the connection of the moment.
 */
export async function* reconnect(
  url: string | URL,
  options: ReconnectOptions = {},
): AsyncGenerator<Connection, void, undefined> {
  checkNames('reconnect', options, reconnectOptions);
  const { minDelay = 500, maxDelay = 60_000, ...forConnect } = options;
  const { signal } = options;
  milliseconds('minDelay', minDelay);
  milliseconds('maxDelay', maxDelay);
  for (let delay = minDelay; ; delay = Math.min(delay * 2, maxDelay)) {
    const connection = await connect(url, forConnect).catch(rethrowFatal);
    if (connection !== null) {
      const openedAt = performance.now();
      const close = (): void => void connection.close();
      const ignore = signal && whenAborted(signal, close);
      try {
        yield connection;
      } finally {
        ignore?.();
        await connection.close();
      }
      if (performance.now() - openedAt > delay) delay = minDelay;
    }
    // A restarted server must not meet all its clients at once.
    await pauseFor(delay * (0.5 + Math.random() / 2), signal);
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

function rethrowFatal(error: unknown): null {
  if (isTemporary(error)) return null;
  throw error;
}

function isTemporary(error: unknown): boolean {
  if (error instanceof HandshakeError) {
    return error.code === 'CONNECTION_LOST' || error.status >= 500 || TEMPORARY.includes(error.status);
  }
  if (error instanceof TimeoutError) return true;
  // What the operating system says, such as ECONNREFUSED; but a certificate does not become valid by asking again.
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && /^E(?!RR_)[A-Z_]+$/.test(code);
}
