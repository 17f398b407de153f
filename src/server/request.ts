// What a handler is given: one HTTP request, and its WebSocket connection if it was upgraded.
import { setMaxListeners } from 'node:events';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { Connection, OpeningRequest } from '../connection/connection.js';
import { clientGone } from '../errors.js';
import type { HeaderFields } from '../http/fields.js';
import type { RequestHead } from '../http/request-head.js';
import { isOfHttp2 } from '../stream/cut.js';
import type { CountingSocket, Exchange } from './exchange.js';

/** Bytes that a request has moved so far, counted at the server's socket: heads, bodies and frames. */
export interface Traffic {
  /** Bytes from the client. Requests that it sends before it has the reply are counted with this one. */
  readonly bytesRead: number;
  /** Bytes to the client. */
  readonly bytesWritten: number;
  /** Whether nothing more will be counted: the reply was written, or the connection has ended. */
  readonly isFinal: boolean;
}

/** What `authorize` returns when it doesn't refuse. */
export type Granted<Authorized> = Exclude<Authorized, undefined | null | false>;

/** A handler that returns what a look-up found must not let the client in if it found nothing. */
export function isGranted<Authorized>(authorized: Authorized): authorized is Granted<Authorized> {
  return authorized !== undefined && authorized !== null && authorized !== false;
}

/** A request that was upgraded: `isWebSocket()` has told so, or the route requires it. */
export type WebSocketRequest<Authorized = undefined> = Request<Authorized> & {
  readonly webSocket: Connection;
  readonly authorized: Granted<Authorized>;
};

export class Request<Authorized = undefined> implements OpeningRequest {
  /** The method as sent, such as `GET`. */
  readonly method: string;
  /** The path of the target as sent, percent-encoded, without the query. */
  readonly path: string;
  /**
   * The `host[:port]` that was asked for: the target's if it is in absolute form, which replaces `Host` (RFC 9112
   * §3.2.2), else that of `Host`; behind a trusted proxy (`trustProxy`) what that has told. `null` in HTTP/1.0 without
   * either.
   */
  readonly host: string | null;
  /** Whether the client has used TLS: as this server sees it, or as a trusted proxy (`trustProxy`) tells. */
  readonly scheme: 'http' | 'https';
  /** What the `:names` and the `*` of the route stood for, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly headers: HeaderFields;
  /**
   * The client's IP address, behind a trusted proxy (`trustProxy`) as that tells it; empty on a Unix socket, and in
   * memory.
   */
  readonly remoteAddress: string;

  /** `null` on a WebSocket, which may live for days: it keeps nothing of HTTP. */
  #exchange: Exchange | null;
  readonly #socket: CountingSocket;
  readonly #bytesReadBefore: number;
  readonly #bytesWrittenBefore: number;
  /** Since the reply was written; `null` before. */
  #final: Traffic | null = null;
  #hasLeft = false;
  #abortController: AbortController | null = null;
  readonly #queryText: string;
  #query: URLSearchParams | null = null;
  #webSocket: Connection | null = null;
  #authorized: Granted<Authorized> | undefined;

  /** @internal */
  constructor(head: RequestHead, params: Readonly<Record<string, string>>, exchange: Exchange) {
    this.method = head.method;
    this.path = head.path;
    const { asked, connection } = exchange;
    this.host = asked.host;
    this.scheme = asked.scheme ?? (transportOf(connection.socket)?.encrypted ? 'https' : 'http');
    this.params = params;
    this.headers = head.headers;
    this.#exchange = exchange;
    this.remoteAddress = asked.remoteAddress;
    this.#socket = connection.socket;
    this.#bytesReadBefore = connection.bytesReadBefore;
    this.#bytesWrittenBefore = connection.bytesWrittenBefore;
    this.#queryText = head.query;
  }

  /** The query of the target; empty if it had none. */
  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.#queryText));
  }

  /**
   * Aborted when the client has gone before it had its reply, on a WebSocket when the connection has ended: pass it on
   * to whatever the reply or the next message waits for.
   */
  get signal(): AbortSignal {
    // Made on demand: most handlers never look.
    if (this.#abortController === null) {
      this.#abortController = new AbortController();
      // A handler may give it to any number of calls; at the eleventh, Node warns of a leak.
      setMaxListeners(0, this.#abortController.signal);
      if (this.#hasLeft) this.#abortController.abort(clientGone());
    }
    return this.#abortController.signal;
  }

  /** The connection, once the opening handshake is done; `null` on plain HTTP. */
  get webSocket(): Connection | null {
    return this.#webSocket;
  }

  /**
   * What the request has cost so far, for quotas and logs; asked again while a reply streams or a WebSocket is open, it
   * has grown. Over TLS it counts the bytes before encryption.
   */
  get traffic(): Traffic {
    return this.#final ?? this.#count(this.#socket.destroyed);
  }

  #count(isFinal: boolean): Traffic {
    const { bytesRead = 0, bytesWritten = 0 } = this.#socket;
    return {
      bytesRead: bytesRead - this.#bytesReadBefore,
      bytesWritten: bytesWritten - this.#bytesWrittenBefore,
      isFinal,
    };
  }

  /**
   * The client's certificate, as long as it is connected, where the TLS options have `requestCert`. `null` if it has
   * none that an authority in `ca` has signed, or comes by a proxy that ends TLS.
   */
  peerCertificate(): DetailedPeerCertificate | null {
    const transport = this.#socket.destroyed ? undefined : transportOf(this.#socket);
    // A server of Bun's `node:https` doesn't tell it.
    return transport?.authorized && transport.getPeerCertificate ? transport.getPeerCertificate(true) : null;
  }

  /** What the route's `authorize` has returned; `undefined` without one, and on plain HTTP. */
  get authorized(): Granted<Authorized> | undefined {
    return this.#authorized;
  }

  /** Whether this is a WebSocket; if so, `webSocket` is its connection. */
  isWebSocket(): this is WebSocketRequest<Authorized> {
    return this.webSocket !== null;
  }

  /**
   * Reads the whole body; asking again gives the same. A client that waits for `100 Continue` gets it now. Once the
   * handler has returned it is too late to ask: the promise is rejected.
   * @returns its bytes; empty if the request has none.
   * @throws HttpError (as rejection) 413 over `maxBodyBytes`, 400 if it is broken or ends early, 408 if it takes
   * longer than `bodyTimeout`. If the handler doesn't catch it, it becomes the reply.
   */
  body(): Promise<Buffer> {
    // An opening handshake has none.
    return this.#exchange === null ? Promise.resolve(Buffer.alloc(0)) : this.#exchange.readBody();
  }

  /** @internal The reply was written: from now on the client may leave, and nobody is told. */
  answer(): void {
    this.#final = this.#count(true);
  }

  /** @internal The client has gone, or the WebSocket connection has ended. */
  leave(): void {
    if (this.#hasLeft || this.#final !== null) return;
    this.#hasLeft = true;
    this.#abortController?.abort(clientGone());
  }

  /** @internal */
  upgrade(webSocket: Connection, authorized: Granted<Authorized> | undefined): void {
    this.headers.compact();
    this.#exchange = null;
    this.#webSocket = webSocket;
    this.#authorized = authorized;
  }
}

/** Whether a handler has failed because its client has left: it has passed the request's signal on. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof Error && error.name === 'AbortError';
}

/** What its bytes go over: a stream of HTTP/2 shares the socket of its session, if that hasn't ended. */
function transportOf(socket: CountingSocket): Partial<TLSSocket> | undefined {
  return isOfHttp2(socket) ? (socket.session?.socket as TLSSocket | undefined) : socket;
}
