// Opens a WebSocket as a client: the stream, the opening handshake and redirects, all within one time limit.
import type { Socket } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { Connection } from '../connection/connection.js';
import { SilenceTimer } from '../stream/silence-timer.js';
import {
  connectionDefaults, milliseconds, resolveLimits, wholeNumber, type ConnectionLimits, type ConnectionOptions,
} from '../connection/limits.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { limitWait } from '../connection/wait-limits.js';
import { HandshakeError, TimeoutError } from '../errors.js';
import { createKey } from '../handshake/key.js';
import { offerUpgrade, verifyUpgrade } from '../handshake/client.js';
import { HeaderFields, quote, toRecord } from '../http/fields.js';
import { serializeRequestHead } from '../http/serialize.js';
import { resolveSubprotocols } from '../handshake/subprotocols.js';
import { receiveBody, receiveResponse, type ReceivedResponse } from './response.js';
import { credentialsOf, openSocket } from './socket.js';

/** How to connect, and the limits of the connection. */
export interface ConnectOptions extends ConnectionOptions {
  /** One subprotocol to offer, or several, preferred first (RFC 6455 §1.9); `connection.subprotocol` is the choice. */
  subprotocols?: string | readonly string[];
  /** More header fields for the request, such as `Authorization` or `Cookie`. */
  headers?: Readonly<Record<string, string>>;
  /**
   * The value of `Origin`, which browsers send and other clients may omit (§10.2). Some servers require one, such as
   * Go's x/net. Others refuse any, such as the debugging ports of browsers.
   */
  origin?: string;
  /** Milliseconds until the connection must be open, all redirects included. Default 10,000. */
  timeout?: number;
  /** Aborts the attempt, but not a connection that is open; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Options for `tls.connect`, such as `ca` or `rejectUnauthorized`; for `wss:` only. */
  tls?: TlsOptions;
  /** The path of a Unix socket to connect to; the URL still gives host and path of the request. */
  socketPath?: string;
  /** An `http:` proxy to go through by CONNECT; its URL holds the user name and password, if any. */
  proxy?: string | URL;
  /**
   * How many redirects to follow. Default 0. `Authorization` and `Cookie` are not sent to another origin (scheme, host
   * and port). A redirect from `wss:` to `ws:` is refused.
   */
  redirects?: number;
  /**
   * As for `createServer`. Default 20,000. Use 0 for servers that never answer a ping, such as civetweb, or that end
   * TCP at a ping, such as `node --inspect`.
   */
  keepAliveInterval?: number;
}

/** @internal */
export const connectOptions: OptionNames<ConnectOptions> = {
  ...connectionDefaults,
  subprotocols: true,
  headers: true,
  origin: true,
  timeout: true,
  signal: true,
  tls: true,
  socketPath: true,
  proxy: true,
  redirects: true,
  keepAliveInterval: true,
};

const MAX_REDIRECTS = 20;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Header fields that the handshake itself sets. */
const OWN_FIELDS = ['upgrade', 'connection', 'content-length', 'transfer-encoding', 'origin'];
/** Header fields that say who the user is. */
const CREDENTIALS = ['authorization', 'cookie'];

/** One timer serves all connections with the same interval. */
const keepAlives = new Map<number, SilenceTimer>();

/**
 * Connects to a WebSocket server (RFC 6455 §4.1).
 *
 * ```ts
 * const connection = await connect('ws://127.0.0.1:8000/echo/');
 * await connection.send('hello');
 * console.log(await connection.wait());
 * ```
 * @param url `ws:` or `wss:`, without a fragment; a user name and password in it become `Authorization: Basic`.
 * @throws TypeError or RangeError for an option that is unknown or unusable. The promise also rejects with
 * `HandshakeError` if the server refuses or answers wrongly, with its status, headers and up to 64 KiB of its body;
 * with `TimeoutError`; with the signal's reason; or with the error of the socket or of TLS.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Connection> {
  checkNames('connect', options, connectOptions);
  const { timeout = 10_000, signal } = options;
  milliseconds('timeout', timeout);
  const context = prepare(options);
  let target: Target = { url: parseUrl(url), headers: Object.entries(options.headers ?? {}) };
  const controller = new AbortController();
  if (signal?.aborted) controller.abort(signal.reason);
  const expire = (): void => controller.abort(new TimeoutError(`no connection within ${timeout} milliseconds`));
  const stop = limitWait({ timeout, signal }, expire, (reason) => controller.abort(reason));
  try {
    let { redirects } = context;
    let opened = await open(target, context, redirects > 0, controller.signal);
    while (!(opened instanceof Connection)) {
      target = redirect(target, opened, context);
      opened = await open(target, context, --redirects > 0, controller.signal);
    }
    return opened;
  } finally {
    stop();
  }
}

/** Where to connect, and as whom; a redirect changes it. */
interface Target {
  readonly url: URL;
  readonly headers: [name: string, value: string][];
}

/** A redirect that was asked for. */
interface Redirect {
  readonly location: string;
  readonly refusal: HandshakeError;
}

/** The checked options; redirects don't change them. */
interface Context {
  readonly options: ConnectOptions;
  readonly limits: ConnectionLimits;
  readonly keepAlive: SilenceTimer;
  readonly redirects: number;
  readonly proxy: URL | undefined;
}

function prepare(options: ConnectOptions): Context {
  const interval = milliseconds('keepAliveInterval', options.keepAliveInterval ?? 20_000);
  const keepAlive = keepAlives.get(interval) ?? new SilenceTimer(interval);
  keepAlives.set(interval, keepAlive);
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (isOwnField(name)) throw new TypeError(`${name} is the handshake's own; leave it out of headers`);
    checkText(name, value);
  }
  if (options.origin !== undefined) checkText('Origin', options.origin);
  if (options.proxy !== undefined && options.socketPath !== undefined) {
    throw new TypeError('no proxy leads to a Unix socket; leave out socketPath or proxy');
  }
  return {
    options,
    limits: resolveLimits({ ...options, deflate: options.deflate ?? true }),
    keepAlive,
    redirects: wholeNumber('redirects', options.redirects ?? 0, 0, MAX_REDIRECTS),
    proxy: options.proxy === undefined ? undefined : parseProxy(options.proxy),
  };
}

function isOwnField(name: string): boolean {
  return OWN_FIELDS.includes(name.toLowerCase()) || name.toLowerCase().startsWith('sec-websocket-');
}

/** A variable without a value must not be sent as the text "undefined". */
function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`the value of ${name} is ${String(value)}; give it as text`);
}

function parseUrl(url: string | URL): URL {
  const parsed = new URL(url);
  if (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:') {
    throw new TypeError(`a WebSocket URL begins with ws: or wss:, not ${parsed.protocol}`);
  }
  // §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used"
  if (parsed.hash !== '' || parsed.href.endsWith('#')) throw new TypeError('a WebSocket URL has no fragment; remove #');
  // They are needed only later, but a mistake in them should be reported before anything connects.
  credentialsOf(parsed);
  return parsed;
}

function parseProxy(proxy: string | URL): URL {
  const parsed = new URL(proxy);
  if (parsed.protocol !== 'http:') throw new TypeError(`a proxy URL begins with http:, not ${parsed.protocol}`);
  credentialsOf(parsed);
  return parsed;
}

/** Performs one handshake. Throws a refusal, unless it is a redirect that may be followed. */
async function open(
  target: Target,
  { options, limits, keepAlive, proxy }: Context,
  mayRedirect: boolean,
  signal: AbortSignal,
): Promise<Connection | Redirect> {
  const { url } = target;
  const subprotocols = resolveSubprotocols(options.subprotocols);
  const offer = { key: createKey(), subprotocols, deflate: limits.deflate };
  const fields = [...requestFields(target, options.origin), ...offerUpgrade(offer)];
  const head = serializeRequestHead('GET', url.pathname + url.search, fields);
  const socket = await openSocket({ url, socketPath: options.socketPath, proxy, tls: options.tls }, signal);
  socket.write(head, 'latin1');
  const received = await receiveResponse(socket, signal).catch((error: unknown) => {
    throw explainLoss(error, subprotocols);
  });
  if (received.head.status !== 101) return refuse(socket, received, options.origin, mayRedirect, signal);
  try {
    const { subprotocol, extensions, deflate } = verifyUpgrade(received.head, offer);
    const headers = HeaderFields.from(fields);
    headers.compact();
    const remoteAddress = socket.remoteAddress ?? '';
    const request = { path: url.pathname, query: url.searchParams, params: {}, headers, remoteAddress };
    return new Connection(socket, {
      role: 'client',
      request,
      subprotocol: subprotocol ?? '',
      extensions,
      deflate,
      limits,
      keepAlive,
      isSocket: true,
      firstBytes: received.rest,
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function requestFields({ url, headers }: Target, origin: string | undefined): [name: string, value: string][] {
  const has = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted);
  const fields: [string, string][] = has('host') ? [] : [['Host', url.host]];
  const credentials = credentialsOf(url);
  if (credentials !== null && !has('authorization')) fields.push(['Authorization', credentials]);
  if (origin !== undefined) fields.push(['Origin', origin]);
  return [...fields, ...headers];
}

/** Some servers end TCP instead of refusing a subprotocol. */
function explainLoss(error: unknown, offered: readonly string[]): unknown {
  if (!(error instanceof HandshakeError) || error.code !== 'CONNECTION_LOST') return error;
  const wish = offered.length === 0 ? 'a subprotocol' : `another subprotocol than ${quote(offered.join(', '))}`;
  return new HandshakeError(error.code, 0, `${error.message}; perhaps the server wants ${wish}`, error);
}

async function refuse(
  socket: Socket,
  received: ReceivedResponse,
  origin: string | undefined,
  mayRedirect: boolean,
  signal: AbortSignal,
): Promise<Redirect> {
  const { status, headers } = received.head;
  const location = REDIRECTS.includes(status) ? headers.get('location') : null;
  const body = await receiveBody(socket, received, signal);
  socket.destroy();
  const message = `the server answered with status ${status}${hintAt(status, location, origin)}`;
  const refusal = new HandshakeError('UNEXPECTED_STATUS', status, message, { headers: toRecord(headers), body });
  if (location === null || !mayRedirect) throw refusal;
  return { location, refusal };
}

/** What to do about an answer. */
function hintAt(status: number, location: string | null, origin: string | undefined): string {
  if (location !== null) return ` to ${quote(location)}; set the option redirects to follow it`;
  if (status !== 400 && status !== 403) return '';
  return origin === undefined
    ? '; if it wants an Origin, set the option origin'
    : '; if it wants another Origin or none, change the option origin';
}

function redirect({ url, headers }: Target, { location, refusal }: Redirect, { options }: Context): Target {
  const { status } = refusal;
  // `Location` is relative to an HTTP URL (RFC 9110 §10.2.2): that of the ws: or wss: URL.
  let next: URL;
  try {
    next = new URL(location, url.href.replace(/^ws/, 'http'));
    next = parseUrl(next.href.replace(/^http/, 'ws').replace(/#.*$/, ''));
  } catch {
    throw new HandshakeError('REDIRECT_INVALID', status, `the redirect to ${quote(location)} is no URL`, refusal);
  }
  if (url.protocol === 'wss:' && next.protocol === 'ws:') {
    throw new HandshakeError('REDIRECT_INSECURE', status, 'the redirect leads from wss: to ws:', refusal);
  }
  // RFC 9110 §15.4 item 1 names what to drop. Like fetch, drop it whenever the origin changes, scheme included.
  const isSameOrigin = next.origin === url.origin;
  if (!isSameOrigin && options.socketPath !== undefined) {
    throw new HandshakeError('REDIRECT_ELSEWHERE', status, 'the redirect leads away from the Unix socket', refusal);
  }
  if (isSameOrigin) {
    // A relative location inherits the URL's credentials. An absolute one to the same origin is treated alike.
    if (credentialsOf(next) === null) [next.username, next.password] = [url.username, url.password];
    return { url: next, headers };
  }
  const kept = headers.filter(([name]) => ![...CREDENTIALS, 'host'].includes(name.toLowerCase()));
  return { url: next, headers: kept };
}
