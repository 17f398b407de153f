// The server: listens, gives each connection to HTTP, and closes all of them in an orderly way.
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Connection } from '../connection/connection.js';
import { SilenceTimer } from '../stream/silence-timer.js';
import { milliseconds, resolveLimits, wholeNumber, type ConnectionLimits } from '../connection/limits.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { HttpError } from '../errors.js';
import { CloseCode, serializeClosePayload } from '../frame/close.js';
import { serializeResponseHead } from '../http/serialize.js';
import { attachTo, type UpgradingServer } from './attach.js';
import { RunningHandlers } from './handlers.js';
import { HttpConnection, type HttpContext } from './http-connection.js';
import { resolveServerOptions, type ServerOptions } from './options.js';
import { unreadRequest } from './refusal.js';
import { Router } from './router.js';
import { spreadEvenly } from './spread.js';
import { acceptWebSocket, WebSocketRoute, type Handler, type Route } from './websocket.js';

/**
 * The bytes that a socket takes before `send` waits, as Node 22 has it. Node 20 has 16 KiB, with which each message of
 * that size is a write of its own.
 */
const HIGH_WATER_MARK = 65_536;

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

export class Server {
  readonly #options: ServerOptions;
  readonly #limits: ConnectionLimits;
  readonly #maxConnections: number;
  readonly #netServer: NetServer;
  readonly #sockets = new Set<Socket>();
  readonly #router = new Router<Route>();
  readonly #connections = new Set<Connection>();
  readonly #httpConnections = new Set<HttpConnection>();
  readonly #handlers = new RunningHandlers();
  /** The servers of others whose upgrades it takes, with what ends that. */
  readonly #attached = new Map<UpgradingServer, () => void>();
  /** Listens to all sockets, which saves each a closure. */
  readonly #forget: (this: Socket) => void;
  #isClosing = false;
  readonly #context: HttpContext;

  /** @internal */
  constructor(options: ServerOptions) {
    const { limits, maxConnections, keepAliveInterval, ...shared } = resolveServerOptions(options);
    this.#options = options;
    this.#limits = limits;
    this.#maxConnections = maxConnections;
    const server = this;
    const sockets = this.#sockets;
    this.#forget = function () {
      sockets.delete(this);
    };
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
    this.#netServer = this.#createNetServer(options.tls);
    // While it listens, one connection that can't be accepted must not end the process.
    this.#netServer.on('error', () => {});
  }

  /** The open WebSocket connections. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
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
   * Starts to listen.
   * @param port a TCP port, as number or digits, 0 for any that is free, or the path of a Unix socket.
   * @param host the address to listen on; all of the machine's if absent.
   * @returns when it listens; rejects with Node's own error, such as `EADDRINUSE`.
   */
  listen(port: number | string, host?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#netServer.once('error', reject);
      // Digits come from the environment: PORT=8000.
      const isPath = typeof port === 'string' && !/^\d+$/.test(port);
      this.#netServer.listen(isPath ? { path: port } : { port: Number(port), host }, () => {
        this.#netServer.off('error', reject);
        this.#isClosing = false;
        resolve();
      });
    });
  }

  /**
   * Serves the WebSockets of a server of `node:http` or `node:https`, with all routes and options of this one except
   * `maxConnections` and those of plain HTTP. An upgrade to a path without a route is left to other listeners of
   * `'upgrade'`; without any, it gets 404. `close` drains these connections too, and leaves that server listening.
   * Attaching twice changes nothing.
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

  /** Where the server listens: an address, or the path of a Unix socket; `null` while it doesn't. */
  address(): AddressInfo | string | null {
    return this.#netServer.address();
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
    const closed = new Promise<void>((resolve) => this.#netServer.close(() => resolve()));
    const returned = this.#handlers.returned();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
      for (const { socket } of this.#httpConnections) socket.destroy();
      for (const connection of this.#connections) connection.terminate();
      this.#handlers.release();
    }, timeout);
    for (const connection of this.#httpConnections) connection.close();
    const stop = spreadEvenly([...this.#connections], spread, (connection) => void connection.close(code, reason));
    await closed;
    // Our listener counts no sockets of attached servers, and its own no longer than until the moment before the
    // connections on them learn that they have closed.
    await Promise.all(Array.from(this.#connections, (connection) => connection.closed));
    stop();
    await returned;
    clearTimeout(timer);
  }

  #createNetServer(tls: TlsOptions | undefined): NetServer {
    // A client that has ended its side may still read a reply. Small frames must not wait for one another.
    const options = { allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_MARK };
    if (tls === undefined) {
      return createNetServer(options, (socket) => {
        if (this.#admit(socket)) this.#serve(socket);
        else this.#turnAway(socket);
      });
    }
    const { headTimeout } = this.#context;
    // To Node, 0 is its default of two minutes.
    const handshakeTimeout = Math.max(headTimeout, 1);
    const secure = { ALPNProtocols: ['http/1.1'], handshakeTimeout, noDelay: true, ...tls };
    return createTlsServer(secure, (socket) => {
      // Not before: a client that ends its side within the TLS handshake can never finish it.
      socket.allowHalfOpen = true;
      this.#serve(socket);
    })
      .on('connection', (socket: Socket) => {
        // Only a finished TLS handshake could carry an answer.
        if (!this.#admit(socket)) socket.destroy();
      })
      // Node tells that a TLS handshake has failed or takes too long, and leaves it at that.
      .on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** Keeps count of TCP connections; `false` for one too many. */
  #admit(socket: Socket): boolean {
    this.#sockets.add(socket);
    socket.on('close', this.#forget);
    if (this.#sockets.size <= this.#maxConnections) return true;
    const error = new HttpError('TOO_MANY_CONNECTIONS', 503, `there are ${this.#maxConnections} (maxConnections)`);
    this.#context.onRefuse(error, unreadRequest(socket.remoteAddress ?? ''));
    return false;
  }

  #serve(socket: Socket): void {
    const connection = new HttpConnection(socket, this.#context);
    // A TLS handshake may end only when the server closes already.
    if (this.#isClosing) connection.close();
  }

  #turnAway(socket: Socket): void {
    socket.on('error', () => {});
    const head = serializeResponseHead(503, [['Connection', 'close'], ['Retry-After', '1'], ['Content-Length', '0']]);
    socket.end(head, 'latin1', () => socket.destroy());
  }
}
