// Listens in any number of places, and takes each connection through the PROXY protocol and TLS to who serves it.
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { HttpError, WebSocketError } from '../errors.js';
import { serializeResponseHead } from '../http/serialize.js';
import { canReusePort, resolveListenOptions, type ListenOptions } from './listen-options.js';
import type { ResolvedServerOptions } from './options.js';
import { readProxyHeader } from './proxy-protocol.js';
import { unreadRequest } from './refusal.js';

/**
 * The bytes that a socket takes before `send` waits, as Node 22 has it. Node 20 has 16 KiB, with which each message of
 * that size is a write of its own.
 */
const HIGH_WATER_MARK = 65_536;

type Options = Pick<ResolvedServerOptions, 'maxConnections' | 'headTimeout' | 'proxySources' | 'onRefuse'>;

/** @param remoteAddress of the client, if the other end of the socket is a proxy that has told. */
type Serve = (socket: Socket, remoteAddress: string | undefined) => void;

export class Listeners {
  readonly #options: Options;
  readonly #serve: Serve;
  #tlsOptions: TlsOptions | undefined;
  /** Listens nowhere: it is given the connections; `null` without TLS. */
  #tlsServer: TlsServer | null;
  /** Those that listen or have connections left, each with when neither is so. */
  readonly #netServers = new Map<NetServer, Promise<unknown>>();
  readonly #sockets = new Set<Socket>();
  /** Those of them that have not sent all of a header of the PROXY protocol: nothing was asked yet. */
  readonly #silent = new Set<Socket>();
  /** Listens to all sockets, which saves each a closure. */
  readonly #forget: (this: Socket) => void;
  /** The clients of proxies within their TLS handshakes. */
  readonly #addresses = new WeakMap<Socket, string>();

  /** @throws the error of TLS for a key or certificate that is none. */
  constructor(options: Options, tls: TlsOptions | undefined, serve: Serve) {
    this.#options = options;
    this.#serve = serve;
    this.#tlsOptions = tls;
    this.#tlsServer = tls === undefined ? null : this.#createTlsServer(tls);
    const [sockets, silent] = [this.#sockets, this.#silent];
    this.#forget = function () {
      sockets.delete(this);
      silent.delete(this);
    };
  }

  /** @returns where it listens; rejects with Node's own error, such as `EADDRINUSE`. */
  async listen(place: number | string | ListenOptions, host?: string): Promise<AddressInfo | string> {
    const options = resolveListenOptions(place, host);
    const { signal } = typeof place === 'object' ? place : {};
    signal?.throwIfAborted();
    if ((options as ListenOptions).reusePort && !(await canReusePort())) throw portNotReusable();
    const netServer = this.#createNetServer();
    await new Promise<void>((resolve, reject) => {
      netServer.once('error', reject).listen(options, () => {
        // While it listens, one connection that can't be accepted must not end the process.
        netServer.off('error', reject).on('error', () => {});
        resolve();
      });
    });
    const closed = new Promise((resolve) => netServer.once('close', resolve));
    this.#netServers.set(netServer, closed);
    const stop = (): unknown => netServer.listening && netServer.close();
    signal?.addEventListener('abort', stop);
    void closed.then(() => {
      signal?.removeEventListener('abort', stop);
      this.#netServers.delete(netServer);
    });
    const address = netServer.address()!;
    if (signal?.aborted) stop();
    signal?.throwIfAborted();
    return address;
  }

  /** Where the first that still listens does so. */
  address(): AddressInfo | string | null {
    for (const netServer of this.#netServers.keys()) if (netServer.listening) return netServer.address();
    return null;
  }

  /** Listens nowhere any more. @returns when the last connection has ended. */
  async close(): Promise<void> {
    for (const netServer of this.#netServers.keys()) if (netServer.listening) netServer.close();
    for (const socket of this.#silent) socket.destroy();
    await Promise.all(this.#netServers.values());
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** See `Server.setSecureContext`. */
  setSecureContext(options: TlsOptions): void {
    if (this.#tlsOptions === undefined) throw new TypeError('this server has no TLS; give createServer the option tls');
    const renewed = { ...this.#tlsOptions, ...options };
    // Not every runtime can change the certificate of a server; none needs to, as this one only gets connections.
    this.#tlsServer = this.#createTlsServer(renewed);
    this.#tlsOptions = renewed;
  }

  #createNetServer(): NetServer {
    const allowHalfOpen = this.#tlsServer === null;
    // A client that has ended its side may still read a reply. Small frames must not wait for one another.
    const options = { allowHalfOpen, noDelay: true, highWaterMark: HIGH_WATER_MARK };
    return createNetServer(options, (socket) => {
      // None on a Unix socket.
      const peer = socket.remoteAddress ?? '';
      if (!this.#admit(socket, peer)) this.#turnAway(socket);
      else if (this.#options.proxySources === null) this.#secure(socket, peer);
      else this.#readProxyHeader(socket, peer, this.#options.proxySources);
    });
  }

  /** Keeps count of TCP connections; `false` for one too many. */
  #admit(socket: Socket, peer: string): boolean {
    this.#sockets.add(socket);
    socket.on('close', this.#forget);
    const { maxConnections } = this.#options;
    if (this.#sockets.size <= maxConnections) return true;
    const error = new HttpError('TOO_MANY_CONNECTIONS', 503, `there are ${maxConnections} (maxConnections)`);
    this.#options.onRefuse(error, unreadRequest(peer));
    return false;
  }

  #turnAway(socket: Socket): void {
    // Only a finished TLS handshake could carry an answer.
    if (this.#tlsServer !== null) return void socket.destroy();
    socket.on('error', () => {});
    const head = serializeResponseHead(503, [['Connection', 'close'], ['Retry-After', '1'], ['Content-Length', '0']]);
    socket.end(head, 'latin1', () => socket.destroy());
  }

  #readProxyHeader(socket: Socket, peer: string, isSource: (address: string) => boolean): void {
    const refuse = (error: HttpError | null): void => {
      // One that was taken has its own listener for what goes wrong.
      socket.on('error', () => {}).destroy();
      if (error !== null) this.#options.onRefuse(error, unreadRequest(peer));
    };
    if (!isSource(peer)) {
      const message = 'a stranger may not use the PROXY protocol; name the proxy in proxyProtocol';
      return refuse(new HttpError('PROXY_UNKNOWN', 403, message));
    }
    this.#silent.add(socket);
    readProxyHeader(socket, this.#options.headTimeout, ({ address }) => {
      this.#silent.delete(socket);
      this.#secure(socket, address ?? peer);
    }, refuse);
  }

  #secure(socket: Socket, remoteAddress: string): void {
    if (this.#tlsServer === null) return this.#serve(socket, remoteAddress);
    if (this.#options.proxySources !== null) this.#addresses.set(socket, remoteAddress);
    this.#tlsServer.emit('connection', socket);
  }

  /** Every runtime keeps the socket below TLS there, and none documents it. */
  #addressOf(socket: TLSSocket & { readonly _parent?: Socket }): string | undefined {
    return this.#addresses.get(socket._parent!);
  }

  #createTlsServer(tls: TlsOptions): TlsServer {
    // To Node, 0 is its default of two minutes.
    const handshakeTimeout = Math.max(this.#options.headTimeout, 1);
    return createTlsServer({ ALPNProtocols: ['http/1.1'], handshakeTimeout, noDelay: true, ...tls }, (socket) => {
      // Not before: a client that ends its side within the TLS handshake can never finish it.
      socket.allowHalfOpen = true;
      this.#serve(socket, this.#addressOf(socket));
    })
      // Node tells that a TLS handshake has failed or takes too long, and leaves it at that.
      .on('tlsClientError', (_error, socket) => socket.destroy());
  }
}

function portNotReusable(): WebSocketError {
  const message = 'reusePort is not possible here; use Node 22.12 or later on Linux, or node:cluster';
  return new WebSocketError('REUSE_PORT_UNSUPPORTED', message);
}
