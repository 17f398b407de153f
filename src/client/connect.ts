// Opens a WebSocket as a client: the stream, the opening handshake and redirects, all within one time limit.
import type { ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Connection } from '../connection/connection.js';
import { SilenceTimer } from '../stream/silence-timer.js';
import { milliseconds, wholeNumber, type ConnectionLimits } from '../connection/limits.js';
import {
  ask, checkFields, credentialsOf, openConnection, openingOptions, prepareOpening, redirectOf, resolveClientLimits,
  type Answer, type Opening, type OpeningOptions, type Target,
} from '../connection/opening.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { limitWait } from '../connection/wait-limits.js';
import { HandshakeError, TimeoutError } from '../errors.js';
import { quote } from '../http/fields.js';
import { askOnSession } from './session.js';
import { openSocket } from './socket.js';

/** How to connect, and the limits of the connection. */
export interface ConnectOptions extends OpeningOptions {
  /** Milliseconds until the connection must be open, all redirects included. Default 10,000. */
  timeout?: number;
  /** Options for `tls.connect`, such as `ca` or `rejectUnauthorized`; for `wss:` only. */
  tls?: TlsOptions;
  /** The path of a Unix socket to connect to; the URL still gives host and path of the request. */
  socketPath?: string;
  /**
   * A session of `node:http2` to open the WebSocket on, beside any number of others (RFC 8441): give it instead of
   * `tls`, `socketPath` and `proxy`. The URL's host is what the server is asked for, not where the session leads. The
   * session stays the caller's, and open when the WebSocket has ended.
   */
  http2?: ClientHttp2Session;
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
  ...openingOptions,
  timeout: true,
  tls: true,
  socketPath: true,
  http2: true,
  proxy: true,
  redirects: true,
  keepAliveInterval: true,
};

const MAX_REDIRECTS = 20;
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
export function connect(url: string | URL, options: ConnectOptions = {}): Promise<Connection> {
  return connectThrough(() => {}, url, options);
}

/** @internal The same. */
export async function connectThrough(
  look: Look,
  url: string | URL,
  options: ConnectOptions,
): Promise<Connection> {
  checkNames('connect', options, connectOptions);
  const { timeout = 10_000, signal } = options;
  milliseconds('timeout', timeout);
  const context = prepare(options, look);
  const target = { url: parseUrl(url), headers: Object.entries(options.headers ?? {}) };
  const controller = new AbortController();
  if (signal?.aborted) controller.abort(signal.reason);
  const expire = (): void => controller.abort(new TimeoutError(`no connection within ${timeout} milliseconds`));
  const stop = limitWait({ timeout, signal }, expire, (reason) => controller.abort(reason));
  try {
    return await follow(target, context, context.redirects, controller.signal);
  } finally {
    stop();
  }
}

/** Opens a connection where the target, or one of so many redirects, leads. */
async function follow(target: Target, context: Context, redirects: number, signal: AbortSignal): Promise<Connection> {
  try {
    return await open(target, context, signal);
  } catch (error) {
    if (redirects === 0 || !isRedirect(error)) throw error;
    return await follow(redirect(target, error, context), context, redirects - 1, signal);
  }
}

/** The checked options; redirects don't change them. */
interface Context {
  readonly options: ConnectOptions;
  readonly limits: ConnectionLimits;
  readonly keepAlive: SilenceTimer;
  readonly redirects: number;
  readonly proxy: URL | undefined;
  readonly look: Look;
}

/** Is given each stream to a server before anything is written to it. */
type Look = (stream: Duplex) => void;

function prepare(options: ConnectOptions, look: Look): Context {
  const interval = milliseconds('keepAliveInterval', options.keepAliveInterval ?? 20_000);
  const keepAlive = keepAlives.get(interval) ?? new SilenceTimer(interval);
  keepAlives.set(interval, keepAlive);
  checkFields(options);
  if (options.proxy !== undefined && options.socketPath !== undefined) {
    throw new TypeError('no proxy leads to a Unix socket; leave out socketPath or proxy');
  }
  const without = (['tls', 'socketPath', 'proxy'] as const).find((name) => options[name] !== undefined);
  if (options.http2 !== undefined && without !== undefined) {
    throw new TypeError(`the session of http2 leads somewhere already; leave out ${without}`);
  }
  return {
    options,
    limits: resolveClientLimits(options),
    keepAlive,
    redirects: wholeNumber('redirects', options.redirects ?? 0, 0, MAX_REDIRECTS),
    proxy: options.proxy === undefined ? undefined : parseProxy(options.proxy),
    look,
  };
}

function parseUrl(url: string | URL): URL {
  if (!URL.canParse(`${url}`)) throw new TypeError(`${quote(`${url}`)} is no URL; write all of it: ws://host/path`);
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

/** Performs one handshake, on a socket of its own or on a session of HTTP/2. */
function open(target: Target, context: Context, signal: AbortSignal): Promise<Connection> {
  const { options, limits, keepAlive } = context;
  const opening = prepareOpening(target, options, limits, options.http2 !== undefined);
  const asked = options.http2 ? askOnSession(options.http2, opening, signal) : askOnSocket(opening, context, signal);
  return openConnection(asked, opening, keepAlive, signal);
}

async function askOnSocket(
  opening: Opening,
  { options: { socketPath, tls }, proxy, look }: Context,
  signal: AbortSignal,
): Promise<Answer> {
  const stream = await openSocket({ url: opening.url, socketPath, proxy, tls }, signal);
  look(stream);
  return ask({ stream, remoteAddress: stream.remoteAddress ?? '', isSocket: true }, opening, signal);
}

/** A proxy's redirect is not followed. */
function isRedirect(error: unknown): error is HandshakeError {
  return error instanceof HandshakeError && error.code === 'UNEXPECTED_STATUS' && redirectOf(error) !== null;
}

function redirect({ url, headers }: Target, refusal: HandshakeError, { options }: Context): Target {
  const location = redirectOf(refusal)!;
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
  const only = options.http2 !== undefined ? 'session' : options.socketPath !== undefined ? 'Unix socket' : null;
  if (!isSameOrigin && only !== null) {
    throw new HandshakeError('REDIRECT_ELSEWHERE', status, `the redirect leads away from the ${only}`, refusal);
  }
  if (isSameOrigin) {
    // A relative location inherits the URL's credentials. An absolute one to the same origin is treated alike.
    if (credentialsOf(next) === null) [next.username, next.password] = [url.username, url.password];
    return { url: next, headers };
  }
  const kept = headers.filter(([name]) => ![...CREDENTIALS, 'host'].includes(name.toLowerCase()));
  return { url: next, headers: kept };
}
