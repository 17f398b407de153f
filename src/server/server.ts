// The server: listens, gives each connection to HTTP, and closes all of them in an orderly way.
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Connection } from '../connection/connection.js';
import { KeepAlive } from '../connection/keep-alive.js';
import {
  milliseconds, resolveLimits, wholeNumber, type ConnectionLimits, type ConnectionOptions,
} from '../connection/limits.js';
import { CloseCode } from '../frame/close.js';
import { serializeResponseHead } from '../handshake/http.js';
import { HttpConnection, type HttpContext } from './http-connection.js';
import type { Request } from './request.js';
import { Router } from './router.js';
import { acceptWebSocket, WebSocketRoute, type Handler, type Route } from './websocket.js';

/**
 * The bytes that a socket takes before `send` waits, as Node 22 has it. Node 20 has 16 KiB, with which each message of
 * that size is a write of its own.
 */
const HIGH_WATER_MARK = 65_536;

/** Options of a server. The limits of a connection hold for every route that doesn't set its own. */
export interface ServerOptions extends ConnectionOptions {
  /** Lets every route accept WebSocket, as if wrapped in `acceptWebSocket`. Default `false`. */
  acceptAll?: boolean;
  /** Further origins that may open a WebSocket, for routes without `origins` of their own; see `WebSocketOptions`. */
  origins?: readonly string[] | '*';
  /** Serves `https:` and `wss:` with these options of `tls.createServer`, such as `key` and `cert`. */
  tls?: TlsOptions;
  /** TCP connections at a time; one more is answered with 503. Default: no limit but the operating system's. */
  maxConnections?: number;
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
}

/**
 * Makes a server of HTTP/1.1 and WebSocket.
 *
 * ```ts
 * const server = createServer();
 * server.route('/', () => 'hello');
 * await server.listen(8000, '127.0.0.1');
 * ```
 * @throws RangeError for an option out of its range.
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
  /** Listens to all sockets, which saves each a closure. */
  readonly #forget: (this: Socket) => void;
  #isClosing = false;
  readonly #context: HttpContext;

  /** @internal */
  constructor(options: ServerOptions) {
    const { maxConnections = Infinity, onError = (error) => console.error(error) } = options;
    type Time = 'headTimeout' | 'bodyTimeout' | 'idleTimeout' | 'keepAliveInterval';
    const time = (name: Time, byDefault: number): number => milliseconds(name, options[name] ?? byDefault);
    this.#options = options;
    this.#limits = resolveLimits(options);
    this.#maxConnections = maxConnections;
    if (maxConnections !== Infinity) wholeNumber('maxConnections', maxConnections, 0, Number.MAX_SAFE_INTEGER);
    const server = this;
    const sockets = this.#sockets;
    this.#forget = function () {
      sockets.delete(this);
    };
    this.#context = {
      router: this.#router,
      connections: this.#connections,
      httpConnections: this.#httpConnections,
      keepAlive: new KeepAlive(time('keepAliveInterval', 20_000)),
      headTimeout: time('headTimeout', 10_000),
      bodyTimeout: time('bodyTimeout', 30_000),
      idleTimeout: time('idleTimeout', 5000),
      maxBodyBytes: wholeNumber('maxBodyBytes', options.maxBodyBytes ?? 1 << 20, 0, Number.MAX_SAFE_INTEGER),
      onError,
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
   * @param port a TCP port, 0 for any that is free, or the path of a Unix socket.
   * @param host the address to listen on; all of the machine's if absent.
   * @returns when it listens; rejects with Node's own error, such as `EADDRINUSE`.
   */
  listen(port: number | string, host?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#netServer.once('error', reject);
      this.#netServer.listen(typeof port === 'string' ? { path: port } : { port, host }, () => {
        this.#netServer.off('error', reject);
        this.#isClosing = false;
        resolve();
      });
    });
  }

  /** Where the server listens: an address, or the path of a Unix socket; `null` while it doesn't. */
  address(): AddressInfo | string | null {
    return this.#netServer.address();
  }

  /**
   * Closes in an orderly way: no new connections, requests under way get their reply, WebSockets are closed with 1001.
   * @param options `timeout`: milliseconds after which everything left is cut. Default 10,000.
   * @returns when the last connection has ended. Calling it again waits too, with its own timeout.
   */
  async close({ timeout = 10_000 }: { timeout?: number } = {}): Promise<void> {
    milliseconds('timeout', timeout);
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#netServer.close(() => resolve()));
    for (const connection of this.#httpConnections) connection.close();
    for (const connection of this.#connections) void connection.close(CloseCode.GOING_AWAY, 'the server is closing');
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, timeout);
    await closed;
    // `node:net` counts a socket as closed a moment before the connection on it learns of that.
    await Promise.all(Array.from(this.#connections, (connection) => connection.closed));
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
    return this.#sockets.size <= this.#maxConnections;
  }

  #serve(socket: Socket): void {
    new HttpConnection(socket, this.#context);
  }

  #turnAway(socket: Socket): void {
    socket.on('error', () => {});
    const head = serializeResponseHead(503, [['Connection', 'close'], ['Retry-After', '1'], ['Content-Length', '0']]);
    socket.end(head, 'latin1', () => socket.destroy());
  }
}
