// One HTTP/1.1 connection of a client: heads in, requests to their routes, replies out in order (RFC 9112 §9).
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setOwner, type StreamOwner } from '../stream/owner.js';
import { HttpError } from '../errors.js';
import { isUpgrade, upgradeResponse } from '../handshake/server.js';
import { hasToken } from '../http/fields.js';
import type { HeadLimits } from '../http/head.js';
import { RequestHeadParser, type RequestHead } from '../http/request-head.js';
import { serveExchange, type DispatchContext } from './dispatch.js';
import { EarlyBytes } from './early-bytes.js';
import { Exchange, type AcceptedStream, type CountingSocket, type ExchangeConnection } from './exchange.js';
import { toRefusal, type Response } from './reply.js';
import { unreadRequest } from './refusal.js';
import { writeResponse } from './response.js';
import type { ProxyTrust } from './trust-proxy.js';

/** Milliseconds that a client has to end its side once the last reply has left: closing earlier could lose it. */
const LINGER_TIME = 2000;

/** For what is written at once: there is nothing to stop if the client leaves. */
const UNWATCHED = new AbortController();

/** What the connections of a server share. */
export interface HttpContext extends DispatchContext, HeadLimits {
  readonly headTimeout: number;
  readonly bodyTimeout: number;
  readonly idleTimeout: number;
  readonly maxBodyBytes: number;
  readonly proxyTrust: ProxyTrust | null;
  /** All that still speak HTTP; each adds and removes itself. */
  readonly httpConnections: Set<OpenExchange>;
}

/** What still speaks HTTP, to a server that closes. */
export interface OpenExchange {
  readonly socket: Duplex;
  /** Ends it, unless a request is being served. */
  close(): void;
}

/** A request that another server has read, whose socket it gives away. */
export interface GivenRequest {
  /** @throws HttpError for one that is invalid here. */
  parse(): RequestHead;
  /** What has arrived after the head. */
  readonly firstBytes: Buffer;
}

export class HttpConnection implements StreamOwner, ExchangeConnection {
  readonly socket: Socket;
  readonly context: HttpContext;
  readonly remoteAddress: string;
  bytesReadBefore = 0;
  bytesWrittenBefore = 0;
  readonly #parser: RequestHeadParser;
  /** The request that is being served; `null` while a head is awaited. */
  #exchange: Exchange | null = null;
  /** What has arrived after that request; the socket is paused once it would fill its buffer. */
  readonly #early = new EarlyBytes();
  #timer: NodeJS.Timeout | undefined;
  #isIdle = false;
  readonly #isGiven: boolean;
  /** Whether the client has ended its side, or was told that the connection ends. */
  #isLast = false;
  /** Whether what still arrives is ignored: after a refused head, and after the last reply. */
  #isLingering = false;

  /** @param given the first request, and the last; `null` if requests are to be read from the socket. */
  constructor(socket: Socket, context: HttpContext, given: GivenRequest | null = null, remoteAddress?: string) {
    this.socket = socket;
    this.context = context;
    this.remoteAddress = remoteAddress ?? socket.remoteAddress ?? '';
    // A header of the PROXY protocol belongs to no request.
    this.bytesReadBefore = (socket.bytesRead ?? 0) - socket.readableLength;
    this.#parser = new RequestHeadParser(context);
    this.#isGiven = given !== null;
    context.httpConnections.add(this);
    setOwner(socket, this);
    if (given === null) this.#expectHead();
    else this.#continue(given);
  }

  /** Serves the one request. */
  #continue({ parse, firstBytes }: GivenRequest): void {
    const { bytesRead = 0, bytesWritten = 0 }: CountingSocket = this.socket;
    this.bytesReadBefore = bytesRead - firstBytes.length;
    this.bytesWrittenBefore = bytesWritten;
    if (firstBytes.length > 0) this.#hold(firstBytes, false);
    this.socket.resume();
    try {
      this.#begin(parse());
    } catch (error) {
      void this.#refuse(error as HttpError);
    }
  }

  /** The server is closing: ends the connection unless a request is being served. */
  close(): void {
    if (this.#exchange === null) this.#finish();
  }

  // ── Bytes in ──

  receive(chunk: Buffer): void {
    this.#take(chunk, true);
  }

  /** @param isShared whether the memory of the bytes may be read into again. */
  #take(bytes: Buffer, isShared: boolean): void {
    if (this.#isLingering) return;
    if (this.#exchange === null) this.#receiveHead(bytes, isShared);
    else if (this.#exchange.isReadingBody) this.#receiveBody(this.#exchange, bytes, isShared);
    else this.#hold(bytes, isShared);
  }

  #receiveHead(chunk: Buffer, isShared: boolean): void {
    if (this.#isIdle) this.#expectHead();
    let head: RequestHead | null;
    try {
      head = this.#parser.push(chunk);
    } catch (error) {
      // Where the next request would start is unknown now.
      void this.#refuse(error as HttpError);
      return;
    }
    if (head === null) return;
    clearTimeout(this.#timer);
    if (this.#parser.rest.length > 0) this.#hold(this.#parser.rest, isShared);
    this.#begin(head);
  }

  #begin(head: RequestHead): void {
    const exchange = (this.#exchange = new Exchange(head, this));
    serveExchange(exchange, this.context, (response) => this.#reply(exchange, response));
  }

  #receiveBody(exchange: Exchange, chunk: Buffer, isShared: boolean): void {
    const used = exchange.receive(chunk);
    if (used < chunk.length) this.#hold(chunk.subarray(used), isShared);
  }

  /**
   * Keeps the bytes for later; TCP stops a client that sends many more. Not at once: a socket that is not read doesn't
   * tell that the client has gone.
   */
  #hold(bytes: Buffer, isShared: boolean): void {
    this.#early.hold(bytes, isShared);
    if (this.#early.byteLength >= this.socket.readableHighWaterMark) this.socket.pause();
  }

  readBytes(): void {
    this.socket.resume();
    // In one piece: an upgrade takes along what follows it.
    const early = this.#early.take();
    if (early.length > 0) this.#take(early, false);
    if (this.#early.isEnded) this.receiveEnd();
  }

  sendContinue(): void {
    this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
  }

  receiveEnd(): void {
    this.#early.isEnded = this.#early.byteLength > 0;
    if (this.#early.isEnded) return;
    this.#isLast = true;
    this.#exchange?.leave();
    if (this.#exchange === null) this.#finish();
  }

  /** What writes a body waits for this on the socket. */
  drain(): void {}

  /** A reset must never crash the process, and is followed by the end. */
  receiveError(): void {}

  // ── Requests and replies, one at a time ──

  async #reply(exchange: Exchange, response: Response): Promise<void> {
    const { head, request } = exchange;
    this.#isLast ||= this.#isGiven || isLast(head) || this.context.isClosing || !exchange.canSkipBody;
    // A body that was asked for is read in any case: someone may wait for it when the handler has returned.
    const isSkipping = !this.#isLast || exchange.isReadingBody;
    const skipped = isSkipping ? exchange.skipBody() : Promise.resolve(false);
    try {
      await writeResponse(this.socket, response, {
        isHead: head.method === 'HEAD',
        isChunked: head.httpVersion === '1.1',
        isLast: this.#isLast,
        // With 0 no connection idles between requests, but a reply takes its time.
        stallTimeout: this.context.idleTimeout || LINGER_TIME,
        client: request ?? UNWATCHED,
      });
    } catch (error) {
      // Half a body is out: only the missing end can tell the client.
      this.socket.destroy();
      this.context.onError(error, request!);
      return;
    }
    exchange.answer();
    // Since the head was written, the client may have gone, or the server begun to close.
    const isOver = !(await skipped) || this.#isLast || this.context.isClosing || this.socket.destroyed;
    if (isOver) this.#finish();
    else this.#expectNext();
  }

  async #refuse(error: HttpError): Promise<void> {
    clearTimeout(this.#timer);
    this.#isLingering = true;
    // Browsers connect in advance: where nothing was asked, nothing is refused.
    const isAsked = this.#isGiven || this.socket.bytesRead > this.bytesReadBefore;
    if (isAsked) this.context.onRefuse(error, unreadRequest(this.remoteAddress));
    await writeResponse(this.socket, toRefusal(error), {
      isHead: false,
      isChunked: true,
      isLast: true,
      stallTimeout: LINGER_TIME,
      client: UNWATCHED,
    });
    this.#finish();
  }

  // ── Waiting, and the end ──

  #expectHead(): void {
    this.#isIdle = false;
    const { headTimeout } = this.context;
    this.#setTimer(headTimeout, () => {
      const message = `the request head took longer than headTimeout (${headTimeout} ms)`;
      void this.#refuse(new HttpError('HEAD_TIMEOUT', 408, message));
    });
  }

  #expectNext(): void {
    this.#exchange = null;
    this.bytesReadBefore = this.socket.bytesRead;
    this.bytesWrittenBefore = this.socket.bytesWritten;
    this.#isIdle = true;
    this.#setTimer(this.context.idleTimeout, () => this.#finish());
    this.readBytes();
  }

  #setTimer(milliseconds: number, onTimeout: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onTimeout, milliseconds);
  }

  /** Ends this side, and gives the client time to read what was sent and to end its own. */
  #finish(): void {
    if (this.socket.destroyed) return;
    this.#isLingering = true;
    this.#early.take();
    const cut = (): void => void this.socket.destroy();
    this.#setTimer(Math.max(this.context.idleTimeout, LINGER_TIME), cut);
    this.socket.once('finish', () => this.#setTimer(LINGER_TIME, cut));
    this.socket.end();
    this.socket.resume();
  }

  conclude(): void {
    this.context.httpConnections.delete(this);
    clearTimeout(this.#timer);
    this.#exchange?.leave();
  }

  accept(key: string, subprotocol: string | null, extensions: string): AcceptedStream | null {
    if (this.#isLast || this.socket.destroyed) {
      this.#finish();
      return null;
    }
    this.context.httpConnections.delete(this);
    // The new owner of the socket sees for itself that it has ended.
    this.#early.isEnded = false;
    this.socket.write(upgradeResponse(key, subprotocol, extensions), 'latin1');
    return { stream: this.socket, firstBytes: this.#early.take() };
  }
}

/** Whether no other request may follow the reply to this one. */
function isLast(head: RequestHead): boolean {
  if (head.httpVersion === '1.0' || hasToken(head.headers.getAll('connection'), 'close')) return true;
  // A client that wanted a WebSocket may have sent frames already; `*` has none that it could want.
  return isUpgrade(head) && head.path !== '*';
}
