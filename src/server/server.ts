// The server: listens, gives each connection to HTTP, and closes all of them in an orderly way.
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import type { Connection } from '../connection/connection.js';
import { Connections } from '../connection/connections.js';
import type { ConnectionStats } from '../connection/counters.js';
import { cut } from '../stream/cut.js';
import { memoryPair } from '../stream/memory-pair.js';
import { SilenceTimer } from '../stream/silence-timer.js';
import { milliseconds, resolveLimits, wholeNumber, type ConnectionLimits } from '../connection/limits.js';
import type { OpeningOptions } from '../connection/opening.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { CloseCode, serializeClosePayload } from '../frame/close.js';
import { attachTo, type UpgradingServer } from './attach.js';
import { RunningHandlers } from './handlers.js';
import { HttpConnection, type HttpContext, type OpenExchange } from './http-connection.js';
import { inject } from './inject.js';
import type { ListenOptions } from './listen-options.js';
import { Listeners } from './listeners.js';
import { resolveServerOptions, type ServerOptions } from './options.js';
import type { OnRefuse } from './refusal.js';
import { Router } from './router.js';
import { spreadEvenly } from './spread.js';
import { acceptWebSocket, WebSocketRoute, type Handler, type Route } from './websocket.js';

/** How a server closes. */
export interface CloseOptions {
  /** Milliseconds after which everything left is cut. Default 10,000. */
  timeout?: number;
  /** The close code for WebSockets. Default 1001; 1012, "Service Restart", tells clients to come back. */
  code?: number;
  /** The close reason for them. Default `the server is closing`. */
  reason?: string;
  /**
   * Milliseconds over which they are closed, one after another at even distances, so that clients that connect again
   * don't all do so in the same instant. At most `timeout`. Default 0: all at once.
   */
  spread?: number;
}

const closeOptions: OptionNames<CloseOptions> = { timeout: true, code: true, reason: true, spread: true };

/**
 * Makes a server of HTTP/1.1 and WebSocket.
 *
 * ```ts
 * const server = createServer();
 * server.route('/', () => 'hello');
 * await server.listen(8000, '127.0.0.1');
 * ```
 * @throws TypeError for an option that is not known, RangeError for one out of its range.
 */
export function createServer(options: ServerOptions = {}): Server {
  return new Server(options);
}

/** What a server has counted since it was made. */
export interface ServerStats extends Pick<ConnectionStats, 'received' | 'sent' | 'pings' | 'pauses'> {
  /** WebSockets that are open now. */
  readonly open: number;
  /** All that ever were. */
  readonly opened: number;
  /** Opening handshakes that were refused. */
  readonly refused: number;
}

/** @internal A stream in memory on which a server serves what arrives. */
export let openStream: (server: Server) => Duplex;

export class Server {
  readonly #options: ServerOptions;
  readonly #limits: ConnectionLimits;
  readonly #listeners: Listeners;
  readonly #router = new Router<Route>();
  readonly #connections = new Connections();
  readonly #httpConnections = new Set<OpenExchange>();
  readonly #handlers = new RunningHandlers();
  /** The servers of others whose upgrades it takes, with what ends that. */
  readonly #attached = new Map<UpgradingServer, () => void>();
  #isClosing = false;
  /** Opening handshakes. */
  #refused = 0;
  readonly #context: HttpContext;

  static {
    openStream = (server) => {
      const [near, far] = memoryPair();
      new HttpConnection(far as Socket, server.#context);
      return near;
    };
  }

  /** @internal */
  constructor(options: ServerOptions) {
    const given = resolveServerOptions(options);
    const onRefuse: OnRefuse = (error, request) => {
      if (request.isHandshake) this.#refused++;
      given.onRefuse(error, request);
    };
    const resolved = { ...given, onRefuse };
    const { limits, maxConnections, proxySources, keepAliveInterval, ...shared } = resolved;
    this.#options = options;
    this.#limits = limits;
    const server = this;
    this.#context = {
      ...shared,
      router: this.#router,
      connections: this.#connections,
      httpConnections: this.#httpConnections,
      keepAlive: new SilenceTimer(keepAliveInterval),
      handlers: this.#handlers,
      get isClosing() {
        return server.#isClosing;
      },
    };
    this.#listeners = new Listeners(resolved, options.tls, (socket, remoteAddress) => {
      this.#serve(socket, remoteAddress);
    });
  }

  /** The open WebSocket connections. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections.open;
  }

  /** What the server and its WebSockets have counted so far, those that have ended included. */
  get stats(): ServerStats {
    const { received, sent, pings, pauses } = this.#connections.sum();
    const { open, opened } = this.#connections;
    return { open: open.size, opened, refused: this.#refused, received, sent, pings, pauses };
  }

  /**
   * Serves a path.
   * @param path exact (`/chat/`), or with `:name` for one segment (`/rooms/:room`), or `*` at the end for all the rest
   * (`/files/*`). Exact paths win over patterns, and among these the one added first.
   * @param handler answers plain HTTP, and an upgrade gets 400; wrap it in `acceptWebSocket` or `requireWebSocket`.
   * @throws TypeError for a path that is taken or not understood, RangeError for a limit out of its range.
   */
  route(path: string, handler: Handler | WebSocketRoute): void {
    const marked =
      handler instanceof WebSocketRoute ? handler
      : this.#options.acceptAll ? acceptWebSocket(handler)
      : new WebSocketRoute(handler, 'refused', {});
    this.#router.add(path, marked.resolve({
      origins: this.#options.origins ?? [],
      limits: (options) => resolveLimits(options, this.#limits),
    }));
  }

  /**
   * Starts to listen; again, for one more place to listen in.
   * @param place a TCP port, as number or digits, 0 for any that is free; the path of a Unix socket, with a slash; or
   * options as Node's `net.Server` has them.
   * @param host the address to listen on, with a port; all of the machine's if absent.
   * @returns where it listens; rejects with Node's own error, such as `EADDRINUSE`, TypeError or RangeError for what is
   * no place, and the signal's reason.
   */
  listen(port: number, host?: string): Promise<AddressInfo>;
  listen(place: number | string | ListenOptions, host?: string): Promise<AddressInfo | string>;
  async listen(place: number | string | ListenOptions, host?: string): Promise<AddressInfo | string> {
    const address = await this.#listeners.listen(place, host);
    this.#isClosing = false;
    return address;
  }

  /**
   * Renews the certificate, without a restart: clients that connect from now on get it.
   * @param options of `tls.createSecureContext`, such as `key` and `cert`, and whatever else `tls` of `createServer`
   * takes; the others stay as they are.
   * @throws TypeError without `tls`, and the error of TLS for a key or certificate that is none; nothing changes then.
   */
  setSecureContext(options: TlsOptions): void {
    this.#listeners.setSecureContext(options);
  }

  /**
   * Serves the WebSockets of a server of `node:http`, `node:https` or `node:http2`, with all routes and options of this
   * one except `maxConnections` and those of plain HTTP. One that is asked for at a path without a route is left to
   * other listeners of `'upgrade'` or, over HTTP/2, of `'stream'` and `'connect'`; without any, it gets 404. `close`
   * drains these connections too, and leaves that server listening. Attaching twice changes nothing. To HTTP/2, attach
   * before it listens: sessions that are open already have not announced that WebSockets may be asked for.
   *
   * ```ts
   * const httpServer = http.createServer(app).listen(8000);
   * server.attach(httpServer);
   * ```
   */
  attach(httpServer: UpgradingServer): void {
    if (this.#attached.has(httpServer)) return;
    this.#attached.set(httpServer, attachTo(httpServer, this.#context));
    this.#isClosing = false;
  }

  /** Takes no more upgrades from that server; the connections that came from it stay open. */
  detach(httpServer: UpgradingServer): void {
    this.#attached.get(httpServer)?.();
    this.#attached.delete(httpServer);
  }

  /**
   * Opens a WebSocket at a route without a network, for tests: head, handshake and frames are as on a socket. It need
   * not listen. `remoteAddress` is empty, `maxConnections` and `tls` play no part, and the client sends no keep-alive.
   *
   * ```ts
   * await using socket = await server.inject('/live/?room=1', { origin: 'https://example.com' });
   * ```
   * @param path with its query; the request's `Host` is `localhost`, unless it is among the headers.
   * @param options those of `connect`, but for what concerns its socket.
   * @returns the client's connection; rejects as `connect`: with `HandshakeError` if the server refuses.
   */
  inject(path: string, options: OpeningOptions = {}): Promise<Connection> {
    return inject(() => openStream(this), path, options);
  }

  /** Where the server listens, at first if in several places; `null` while it doesn't. */
  address(): AddressInfo | string | null {
    return this.#listeners.address();
  }

  /**
   * Closes in an orderly way: no new connections, requests under way get their reply, WebSockets are closed, and their
   * handlers finish what waits in the queue. What is left after `timeout` is cut; handlers that still run then are told
   * by `request.signal` and not awaited: one that hangs must not keep the process alive.
   * @returns when the last connection has ended and the last handler has returned, so a handler must not await it.
   * Calling it again waits too, with its own options: the shorter timeout counts.
   * @throws RangeError, TypeError (as rejection) for a time out of range, or a code or reason that may not be sent;
   * nothing is closed then.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    checkNames('server.close', options, closeOptions);
    const { timeout = 10_000, code = CloseCode.GOING_AWAY, reason = 'the server is closing', spread = 0 } = options;
    milliseconds('timeout', timeout);
    wholeNumber('spread', spread, 0, timeout);
    serializeClosePayload(code, reason);
    this.#isClosing = true;
    for (const httpServer of [...this.#attached.keys()]) this.detach(httpServer);
    const closed = this.#listeners.close();
    const returned = this.#handlers.returned();
    const timer = setTimeout(() => {
      this.#listeners.cut();
      for (const { socket } of this.#httpConnections) cut(socket);
      for (const connection of this.#connections.open) connection.terminate();
      this.#handlers.release();
    }, timeout);
    for (const connection of this.#httpConnections) connection.close();
    const { open } = this.#connections;
    const stop = spreadEvenly([...open], spread, (connection) => void connection.close(code, reason));
    await closed;
    // Our listener counts no sockets of attached servers, and its own no longer than until the moment before the
    // connections on them learn that they have closed.
    await Promise.all(Array.from(open, (connection) => connection.closed));
    stop();
    await returned;
    clearTimeout(timer);
  }

  #serve(socket: Socket, remoteAddress: string | undefined): void {
    const connection = new HttpConnection(socket, this.#context, null, remoteAddress);
    // A TLS handshake may end only when the server closes already.
    if (this.#isClosing) connection.close();
  }
}
