// The options of a server: names, defaults, and the check that a given one makes sense.
import { constants } from 'node:buffer';
import type { TlsOptions } from 'node:tls';
import {
  connectionDefaults, milliseconds, resolveLimits, wholeNumber, type ConnectionLimits, type ConnectionOptions,
} from '../connection/limits.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { tellError } from '../connection/telling.js';
import type { Close, HttpError } from '../errors.js';
import type { ForwardedHeader } from '../http/forwarded.js';
import { headDefaults, type HeadLimits } from '../http/head.js';
import { publishHandshakes, warnOfHandshakes, type OnRefuse, type RefusedRequest } from './refusal.js';
import type { Request, WebSocketRequest } from './request.js';
import { addressMatcher, resolveProxyTrust, type Addresses, type ProxyTrust } from './trust-proxy.js';

/** Which proxies are believed. */
export interface ProxyOptions {
  /**
   * The proxies that may tell `remoteAddress`, `scheme` and `host` of a request, also to the check of its origin: how
   * many of them stand before the server, or their addresses, ranges (`10.0.0.0/8`) and `loopback`, `private` (RFC
   * 1918, RFC 4193) and `unix`. What others tell is ignored, and so is what is malformed. Default `false`: nobody.
   */
  trustProxy?: false | number | Addresses;
  /**
   * The header fields in which they tell it, in lower case: each must be set by the proxy, or removed, as clients may
   * send it too. Either `forwarded` (RFC 7239), or some of those that are the default: `x-forwarded-for`,
   * `x-forwarded-proto` and `x-forwarded-host`.
   */
  proxyHeaders?: readonly ForwardedHeader[];
}

/** Options of a server. The limits of a connection hold for every route that doesn't set its own. */
export interface ServerOptions extends ConnectionOptions, ProxyOptions {
  /** Lets every route accept WebSocket, as if wrapped in `acceptWebSocket`. Default `false`. */
  acceptAll?: boolean;
  /** Further origins that may open a WebSocket, for routes without `origins` of their own; see `WebSocketOptions`. */
  origins?: readonly string[] | '*';
  /** Serves `https:` and `wss:` with these options of `tls.createServer`, such as `key` and `cert`. */
  tls?: TlsOptions;
  /**
   * Expects each TCP connection to begin with a header of the PROXY protocol, version 1 or 2 (before TLS, too), which
   * tells `remoteAddress`: `true` from whoever can connect, or only from these addresses, given as in `trustProxy`. A
   * connection without one within `headTimeout`, or from elsewhere, is cut. Default `false`.
   */
  proxyProtocol?: boolean | Addresses;
  /** TCP connections at a time; one more is answered with 503. Default: no limit but the operating system's. */
  maxConnections?: number;
  /**
   * The longest request head, in bytes; a longer one is answered with 431, or 414 if its request line alone is longer.
   * Default 16 KiB, as Node.
   */
  maxHeadBytes?: number;
  /** The header fields of a request; more are answered with 431. Default 128; browsers send about 15. */
  maxHeaderFields?: number;
  /** The longest body that `request.body()` reads, in bytes; a longer one is answered with 413. Default 1 MiB. */
  maxBodyBytes?: number;
  /** Milliseconds for a request head, from the connection or its first byte on; then 408. Default 10,000. */
  headTimeout?: number;
  /** Milliseconds for a request body, from when it is read on; then 408. Default 30,000. */
  bodyTimeout?: number;
  /** Milliseconds that a client may idle between requests, or not read on in a reply. Default 5,000, as Node. */
  idleTimeout?: number;
  /**
   * Milliseconds after which a WebSocket is sent a ping at the latest: from the last byte of its peer on, and from the
   * last that was sent to it. After twice that time without a byte, the peer counts as dead and TCP is cut. A queue
   * that stays full six times as long, without a message being taken, closes the connection with 1008. Default 20,000,
   * as proxies often cut after 50 or 60 s of silence in either direction. 0 watches nobody.
   */
  keepAliveInterval?: number;
  /** Told what a handler throws, with its request; the client gets 500 or close code 1011. Default `console.error`. */
  onError?: (error: unknown, request: Request<unknown>) => void;
  /**
   * Told of every request that is answered with an `HttpError`, whether the server's own or one that `authorize` or
   * a handler has thrown, and of connections over `maxConnections`. By default `console.warn` gets a line for the first
   * refused opening handshake of each `code`: browsers don't tell a page why its WebSocket was refused, so whoever
   * forgets an origin must find it here, yet a stranger must not be able to fill the log. `() => {}` for silence.
   */
  onRefuse?: (error: HttpError, request: RefusedRequest) => void;
  /**
   * Told how each WebSocket ended, once its TCP connection has: `close.error` is a `ProtocolError` if the peer broke a
   * rule, `PEER_NOT_READING` if it didn't read, a `TimeoutError` if it was silent. Default: nobody is told.
   */
  onClose?: (close: Close, request: WebSocketRequest<unknown>) => void;
}

const serverOptions: OptionNames<ServerOptions> = {
  ...connectionDefaults,
  acceptAll: true,
  origins: true,
  tls: true,
  trustProxy: true,
  proxyHeaders: true,
  proxyProtocol: true,
  maxConnections: true,
  ...headDefaults,
  maxBodyBytes: true,
  headTimeout: true,
  bodyTimeout: true,
  idleTimeout: true,
  keepAliveInterval: true,
  onError: true,
  onRefuse: true,
  onClose: true,
};

/** What a server makes of its options. */
export interface ResolvedServerOptions extends Required<HeadLimits> {
  /** For every route that doesn't set its own. */
  readonly limits: ConnectionLimits;
  readonly proxyTrust: ProxyTrust | null;
  /** Who speaks the PROXY protocol; `null` if nobody does. */
  readonly proxySources: ((address: string) => boolean) | null;
  readonly maxConnections: number;
  readonly maxBodyBytes: number;
  readonly headTimeout: number;
  readonly bodyTimeout: number;
  readonly idleTimeout: number;
  readonly keepAliveInterval: number;
  readonly onError: (error: unknown, request: Request<never>) => void;
  readonly onRefuse: OnRefuse;
  readonly onClose: ServerOptions['onClose'];
}

/** @throws TypeError for an option that is not known, RangeError for one out of its range. */
export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  checkNames('createServer', options, serverOptions);
  const { maxConnections = Infinity, onError = (error) => console.error(error) } = options;
  const { onRefuse = warnOfHandshakes(), onClose } = options;
  if (maxConnections !== Infinity) wholeNumber('maxConnections', maxConnections, 0, Number.MAX_SAFE_INTEGER);
  type Size = 'maxHeadBytes' | 'maxHeaderFields' | 'maxBodyBytes';
  const size = (name: Size, byDefault: number, highest = Number.MAX_SAFE_INTEGER): number =>
    wholeNumber(name, options[name] ?? byDefault, 0, highest);
  type Time = 'headTimeout' | 'bodyTimeout' | 'idleTimeout' | 'keepAliveInterval';
  const time = (name: Time, byDefault: number): number => milliseconds(name, options[name] ?? byDefault);
  return {
    limits: resolveLimits(options),
    proxyTrust: resolveProxyTrust(options.trustProxy, options.proxyHeaders),
    proxySources: resolveProxySources(options.proxyProtocol),
    maxConnections,
    // A longer head would not fit into a string.
    maxHeadBytes: size('maxHeadBytes', headDefaults.maxHeadBytes, constants.MAX_STRING_LENGTH),
    maxHeaderFields: size('maxHeaderFields', headDefaults.maxHeaderFields),
    maxBodyBytes: size('maxBodyBytes', 1 << 20),
    headTimeout: time('headTimeout', 10_000),
    bodyTimeout: time('bodyTimeout', 30_000),
    idleTimeout: time('idleTimeout', 5000),
    keepAliveInterval: time('keepAliveInterval', 20_000),
    onError(error, request) {
      tellError(error, request, request.webSocket, 'server');
      onError(error, request);
    },
    onRefuse: publishHandshakes(onRefuse),
    onClose,
  };
}

function resolveProxySources(option: boolean | Addresses = false): ResolvedServerOptions['proxySources'] {
  if (typeof option !== 'boolean') return addressMatcher('proxyProtocol', option);
  return option ? () => true : null;
}
