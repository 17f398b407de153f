/** Why a connection ended (RFC 6455 §7.1.5, §7.1.6). */
export interface Close {
  /** The close code from the peer: 1005 if its Close frame had none, 1006 if no Close frame came. */
  readonly code: number;
  /** The close reason from the peer; empty if there was none. */
  readonly reason: string;
  /** `true` if both Close frames were exchanged before the TCP connection ended (§7.1.4). */
  readonly wasClean: boolean;
  /** Why this endpoint gave the connection up: a `ProtocolError`, a `TimeoutError`, or the socket's own error. */
  readonly error?: Error;
}

/** The base class of all twobyte errors. `code` is stable; the message is for people. */
export class WebSocketError extends Error {
  // On the prototype, like the language's own errors, and spelled out, because a minifier renames classes.
  static {
    this.prototype.name = 'WebSocketError';
  }

  /** A stable name for the cause, such as `INVALID_UTF8`, that you can compare with. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Parts of the HTTP answer that an `HttpError` becomes. */
export interface Refusal {
  readonly headers?: Readonly<Record<string, string>>;
  /** The text of the answer; the error's message if absent. */
  readonly body?: string;
}

/**
 * A request that isn't served, and the answer to it (RFC 9110 §15). Throw one in a handler to answer with an error:
 * `throw new HttpError('NO_SUCH_ROOM', 404, 'there is no such room')`.
 */
export class HttpError extends WebSocketError {
  static {
    this.prototype.name = 'HttpError';
  }

  /** The HTTP status code of the answer; for a client, 0 if no answer came. */
  readonly status: number;
  /** Header fields that the status requires, such as `Allow` with 405; for a client, those of the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** The text of the answer; for a client, its first 64 KiB. */
  readonly body: string;

  constructor(code: string, status: number, message: string, refusal: Refusal = {}) {
    super(code, message);
    this.status = status;
    this.headers = refusal.headers ?? {};
    this.body = refusal.body ?? `${message}\n`;
  }
}

/**
 * An opening handshake that was refused, or failed (RFC 6455 §4.1, §4.2.2).
 * Throw one in `authorize` to refuse a WebSocket with an answer of your own:
 * `throw new HandshakeError('NO_SESSION', 401, 'sign in first', { headers: { 'WWW-Authenticate': 'Basic' } })`.
 */
export class HandshakeError extends HttpError {
  static {
    this.prototype.name = 'HandshakeError';
  }
}

/** The peer broke a rule of RFC 6455, or sent a message over the limit; this fails the connection (§7.1.7). */
export class ProtocolError extends WebSocketError {
  static {
    this.prototype.name = 'ProtocolError';
  }

  /** The close code sent to the peer: 1002, 1007 or 1009 (§7.4.1). */
  readonly closeCode: number;

  constructor(code: string, closeCode: number, message: string) {
    super(code, message);
    this.closeCode = closeCode;
  }
}

/** An operation on a connection that is closing or has ended. */
export class ConnectionClosed extends WebSocketError {
  static {
    this.prototype.name = 'ConnectionClosed';
  }

  /** How the connection ended; `null` while its closing handshake is still under way. */
  readonly close: Close | null;

  constructor(close: Close | null) {
    super('CONNECTION_CLOSED', close === null ? 'the connection is closing' : describe(close));
    this.close = close;
  }
}

/** The reasons of signals that were aborted because a client had gone. */
const departures = new WeakSet<object>();

/** @internal Why a signal is aborted when the client has gone: an `AbortError`, as in `AbortController`. */
export function clientGone(): Error {
  const reason = new DOMException('the client has gone', 'AbortError');
  departures.add(reason);
  return reason;
}

/**
 * A listener for unhandled rejections, so that no peer can end the process by leaving. It ignores `ConnectionClosed`
 * and aborts of `request.signal`, and throws everything else, as Node.js does without a listener.
 * A promise from `send` is never reported as unhandled. The promise of an async function that awaits `send` is, if
 * nobody awaits that function, such as a timer's callback. In JavaScript, only its owner can mark a promise as handled.
 *
 * ```ts
 * process.on('unhandledRejection', ignoreConnectionClosed);
 * ```
 */
export function ignoreConnectionClosed(reason: unknown): void {
  if (reason instanceof ConnectionClosed || isDeparture(reason)) return;
  // Node's own functions, such as those of `node:timers/promises`, have the signal's reason as the cause.
  if (reason instanceof Error && isDeparture(reason.cause)) return;
  throw reason;
}

function isDeparture(reason: unknown): boolean {
  return departures.has(reason as object);
}

function describe({ code, reason, error }: Close): string {
  const cause = reason || error?.message;
  return `the connection has ended with close code ${code}${cause ? `: ${cause}` : ''}`;
}

/**
 * The log of a feed can't be read or written, and time alone won't help: the message says what would. Whoever waits for
 * updates gets it. A log of your own throws one, too, instead of any other error, which counts as passing.
 */
export class LogError extends WebSocketError {
  static {
    this.prototype.name = 'LogError';
  }

  constructor(message: string, options?: ErrorOptions) {
    super('LOG_FAILED', message, options);
  }
}

/** Something did not happen in time: a message in `wait({ timeout })`, a closing handshake, a sign of life. */
export class TimeoutError extends WebSocketError {
  static {
    this.prototype.name = 'TimeoutError';
  }

  constructor(message: string) {
    super('TIMEOUT', message);
  }
}
