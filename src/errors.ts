/** Why a connection ended (RFC 6455 §7.1.5, §7.1.6). */
export interface Close {
  /** The close code received from the peer: 1005 if its Close frame had none, 1006 if no Close frame came. */
  readonly code: number;
  /** The close reason received from the peer; empty if there was none. */
  readonly reason: string;
  /** `true` if both Close frames were exchanged before the TCP connection ended (§7.1.4). */
  readonly wasClean: boolean;
  /** What made this endpoint give the connection up: a `ProtocolError`, a `TimeoutError`, or the socket's own error. */
  readonly error?: Error;
}

/** The base of every error of twobyte's own; `code` is stable, the message is for people. */
export class WebSocketError extends Error {
  // On the prototype as the language's own errors have it, and in full: a minifier renames classes.
  static {
    this.prototype.name = 'WebSocketError';
  }

  /** A stable name of the cause, such as `INVALID_UTF8`; safe to compare with. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The parts of an HTTP answer that an `HttpError` is turned into. */
export interface Refusal {
  readonly headers?: Readonly<Record<string, string>>;
  /** The text of the answer; the error's message if absent. */
  readonly body?: string;
}

/**
 * A request that is not served, and the answer to it (RFC 9110 §15). Throw one in a handler to answer with an error:
 * `throw new HttpError('NO_SUCH_ROOM', 404, 'there is no such room')`.
 */
export class HttpError extends WebSocketError {
  static {
    this.prototype.name = 'HttpError';
  }

  /** The HTTP status code to answer with; for a client, the one it was answered with, 0 if there was none. */
  readonly status: number;
  /** Header fields that the status asks for, such as `Allow` with 405; for a client, those of the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** The text of the answer; for a client, the first 64 KiB of it. */
  readonly body: string;

  constructor(code: string, status: number, message: string, refusal: Refusal = {}) {
    super(code, message);
    this.status = status;
    this.headers = refusal.headers ?? {};
    this.body = refusal.body ?? `${message}\n`;
  }
}

/**
 * An opening handshake that is refused, or was (RFC 6455 §4.1, §4.2.2).
 * Throw one in `authorize` to refuse a WebSocket with an answer of your own:
 * `throw new HandshakeError('NO_SESSION', 401, 'sign in first', { headers: { 'WWW-Authenticate': 'Basic' } })`.
 */
export class HandshakeError extends HttpError {
  static {
    this.prototype.name = 'HandshakeError';
  }
}

/** Bytes from the peer that break RFC 6455, or a message over the limit; the connection is failed (§7.1.7). */
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

/** Something was asked of a connection that has ended or is closing. */
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

/** What signals were aborted with because a client had gone. */
const departures = new WeakSet<object>();

/** @internal Why a signal is aborted when the client has gone: an `AbortError`, as in `AbortController`. */
export function clientGone(): Error {
  const reason = new DOMException('the client has gone', 'AbortError');
  departures.add(reason);
  return reason;
}

/**
 * A listener that lets no peer end the process by leaving: of unhandled rejections it ignores those by
 * `ConnectionClosed` or an abort of `request.signal`, and throws all others, as Node.js does without a listener.
 * What `send` returns is never reported as unhandled, but what an async function returns that awaits it and that nobody
 * awaits is, such as the callback of a timer; JavaScript lets only the owner of a promise mark it as handled.
 *
 * ```ts
 * process.on('unhandledRejection', ignoreConnectionClosed);
 * ```
 */
export function ignoreConnectionClosed(reason: unknown): void {
  if (reason instanceof ConnectionClosed || isDeparture(reason)) return;
  // Node's own functions, such as those of `node:timers/promises`, tell the signal's reason as the cause.
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

/** Something did not happen within its time: a `wait({ timeout })`, a closing handshake, a sign of life. */
export class TimeoutError extends WebSocketError {
  static {
    this.prototype.name = 'TimeoutError';
  }

  constructor(message: string) {
    super('TIMEOUT', message);
  }
}
