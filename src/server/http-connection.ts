// One HTTP/1.1 connection of a client: heads in, requests to their routes, replies out in order (RFC 9112 §9).
import type { Socket } from 'node:net';
import { setOwner, type StreamOwner } from '../stream/owner.js';
import { HttpError } from '../errors.js';
import { copyOf } from '../frame/allocate.js';
import { hasToken } from '../http/fields.js';
import type { HeadLimits } from '../http/head.js';
import { RequestHeadParser, type RequestHead } from '../http/request-head.js';
import { isUpgrade } from '../handshake/server.js';
import { withoutKnownContent } from './condition.js';
import { Exchange } from './exchange.js';
import { toRefusal, toResponse, type Reply, type Response } from './reply.js';
import { unreadRequest, type OnRefuse } from './refusal.js';
import { isAbort, Request } from './request.js';
import { writeResponse } from './response.js';
import type { Router } from './router.js';
import { openWebSocket, type Route, type TakenSocket, type WebSocketContext } from './websocket.js';

/** The methods a handler may be asked with; for others "the server does not recognize", RFC 9110 §9.1 has 501. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** The answer to `OPTIONS *`. */
const ALLOWED: Response = { status: 204, headers: [['Allow', METHODS.join(', ')]], body: null };

/** Milliseconds that a client has to end its side once the last reply has left: closing earlier could lose it. */
const LINGER_TIME = 2000;

/** For a refusal that is written at once: nothing of it would be stopped if the client left. */
const UNWATCHED = new AbortController();

/** What the connections of a server share. */
export interface HttpContext extends WebSocketContext, HeadLimits {
  readonly router: Router<Route>;
  readonly headTimeout: number;
  readonly bodyTimeout: number;
  readonly idleTimeout: number;
  readonly maxBodyBytes: number;
  readonly onRefuse: OnRefuse;
  /** All that still speak HTTP; each adds and removes itself. */
  readonly httpConnections: Set<HttpConnection>;
}

export class HttpConnection implements StreamOwner {
  readonly #socket: Socket;
  readonly #context: HttpContext;
  readonly #parser: RequestHeadParser;
  readonly #remoteAddress: string;
  /** The request that is being served; `null` while a head is awaited. */
  #exchange: Exchange | null = null;
  /** Bytes behind that request, for when it is done; the socket is paused once they would fill its buffer. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Whether the client has ended its side behind them. */
  #isEndHeld = false;
  /** What the socket has counted for the requests before the current one. */
  #bytesRead = 0;
  #timer: NodeJS.Timeout | undefined;
  #isIdle = false;
  /** Whether the client has ended its side, or was told that the connection ends. */
  #isLast = false;
  /** Whether what still arrives is ignored: behind a refused head, and behind the last reply. */
  #isLingering = false;

  constructor(socket: Socket, context: HttpContext) {
    this.#socket = socket;
    this.#context = context;
    this.#parser = new RequestHeadParser(context);
    this.#remoteAddress = socket.remoteAddress ?? '';
    context.httpConnections.add(this);
    setOwner(socket, this);
    this.#expectHead();
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
    this.#exchange = new Exchange(head, {
      remoteAddress: this.#remoteAddress,
      socket: this.#socket,
      bytesReadBefore: this.#bytesRead,
      maxBodyBytes: this.#context.maxBodyBytes,
      bodyTimeout: this.#context.bodyTimeout,
      readBytes: () => this.#release(),
      sendContinue: () => this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n'),
    });
    void this.#serve(this.#exchange);
  }

  #receiveBody(exchange: Exchange, chunk: Buffer, isShared: boolean): void {
    const used = exchange.receive(chunk);
    if (used < chunk.length) this.#hold(chunk.subarray(used), isShared);
  }

  /**
   * Keeps the bytes for later; TCP stops a client that sends many more. Not at once: of a socket that is not read
   * nobody learns that the client has gone. Copied once only: thousands of pipelined requests would take three times
   * as long (31 µs each, not 9).
   */
  #hold(bytes: Buffer, isShared: boolean): void {
    this.#held.push(isShared ? copyOf(bytes) : bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes >= this.#socket.readableHighWaterMark) this.#socket.pause();
  }

  #release(): void {
    this.#socket.resume();
    // In one piece: an upgrade within takes what is behind it along.
    const held = this.#takeHeld();
    if (held.length > 0) this.#take(held, false);
    if (this.#isEndHeld) this.receiveEnd();
  }

  #takeHeld(): Buffer {
    const held = this.#held.length === 1 ? this.#held[0] : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return held;
  }

  receiveEnd(): void {
    this.#isEndHeld = this.#heldBytes > 0;
    if (this.#isEndHeld) return;
    this.#isLast = true;
    this.#exchange?.leave();
    if (this.#exchange === null) this.#finish();
  }

  /** Whoever writes a body waits for it on the socket. */
  drain(): void {}

  /** A reset must never crash the process, and is followed by the end. */
  receiveError(): void {}

  // ── Requests and replies, one at a time ──

  async #serve(exchange: Exchange): Promise<void> {
    const { handlers } = this.#context;
    handlers.enter();
    try {
      await this.#answer(exchange);
    } finally {
      handlers.leave();
    }
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { head } = exchange;
    let isHandshake = isUpgrade(head);
    let request: Request<never> | null = null;
    let response: Response;
    try {
      checkSupport(head);
      // RFC 9110 §9.3.7: the asterisk asks about the server as a whole, so there is no path and no route.
      if (head.path === '*') return await this.#reply(exchange, ALLOWED, null);
      const match = this.#context.router.match(head.path);
      if (match === null) throw new HttpError('NOT_FOUND', 404, 'there is nothing at this path');
      request = new Request<never>(head, match.params, exchange);
      const route = match.target;
      isHandshake = isOpening(route, head);
      if (isHandshake) {
        const opening = openWebSocket(route, head, request, this.#context, () => this.#takeSocket());
        if (opening !== undefined) await opening;
        return;
      }
      response = withoutKnownContent(toResponse((await route.handler(request)) as Reply), head);
    } catch (error) {
      if (error instanceof HttpError) {
        const { method, path, headers } = head;
        const remoteAddress = this.#remoteAddress;
        this.#context.onRefuse(error, { remoteAddress, method, path, headers, isHandshake });
      }
      response = this.#toErrorResponse(error, request);
      // A client that wanted a WebSocket may have sent frames already.
      if (isUpgrade(head)) this.#isLast = true;
    }
    await this.#reply(exchange, response, request);
  }

  #toErrorResponse(error: unknown, request: Request<never> | null): Response {
    if (error instanceof HttpError) {
      try {
        return toRefusal(error);
      } catch (mistake) {
        error = mistake;
      }
    }
    // A handler that has passed its signal on fails by it when the client leaves.
    if (!isAbort(error, request!.signal)) this.#context.onError(error, request!);
    return toRefusal(new HttpError('INTERNAL_ERROR', 500, 'internal server error'));
  }

  async #reply(exchange: Exchange, response: Response, request: Request<never> | null): Promise<void> {
    const { head } = exchange;
    this.#isLast ||= head.httpVersion === '1.0' || wantsClose(head) || this.#context.isClosing || !exchange.canSkipBody;
    // A body that was asked for is read in any case: someone may wait for it behind the handler's back.
    const isSkipping = !this.#isLast || exchange.isReadingBody;
    const skipped = isSkipping ? exchange.skipBody() : Promise.resolve(false);
    try {
      await writeResponse(this.#socket, response, {
        isHead: head.method === 'HEAD',
        isChunked: head.httpVersion === '1.1',
        isLast: this.#isLast,
        // With 0 no connection idles between requests, but a reply takes its time.
        stallTimeout: this.#context.idleTimeout || LINGER_TIME,
        client: exchange,
      });
    } catch (error) {
      // Half a body is out: only the missing end can tell the client.
      this.#socket.destroy();
      this.#context.onError(error, request!);
      return;
    }
    exchange.answer();
    // Since the head was written, the client may have gone, or the server begun to close.
    const isOver = !(await skipped) || this.#isLast || this.#context.isClosing || this.#socket.destroyed;
    if (isOver) this.#finish();
    else this.#expectNext();
  }

  async #refuse(error: HttpError): Promise<void> {
    clearTimeout(this.#timer);
    this.#isLingering = true;
    // Browsers connect in advance: where nothing was asked, nothing is refused.
    if (this.#socket.bytesRead > 0) this.#context.onRefuse(error, unreadRequest(this.#remoteAddress));
    await writeResponse(this.#socket, toRefusal(error), {
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
    const { headTimeout } = this.#context;
    this.#setTimer(headTimeout, () => {
      const message = `the request head took longer than headTimeout (${headTimeout} ms)`;
      void this.#refuse(new HttpError('HEAD_TIMEOUT', 408, message));
    });
  }

  #expectNext(): void {
    this.#exchange = null;
    this.#bytesRead = this.#socket.bytesRead;
    this.#isIdle = true;
    this.#setTimer(this.#context.idleTimeout, () => this.#finish());
    this.#release();
  }

  #setTimer(milliseconds: number, onTimeout: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onTimeout, milliseconds);
  }

  /** Ends this side, and gives the client time to read what was sent, then to end its own. */
  #finish(): void {
    if (this.#socket.destroyed) return;
    this.#isLingering = true;
    this.#takeHeld();
    const cut = (): void => void this.#socket.destroy();
    this.#setTimer(Math.max(this.#context.idleTimeout, LINGER_TIME), cut);
    this.#socket.once('finish', () => this.#setTimer(LINGER_TIME, cut));
    this.#socket.end();
    this.#socket.resume();
  }

  conclude(): void {
    this.#context.httpConnections.delete(this);
    clearTimeout(this.#timer);
    this.#exchange?.leave();
  }

  /** Hands the socket over, with the bytes behind the head; `null` if the client has gone. */
  #takeSocket(): TakenSocket | null {
    if (this.#isLast || this.#socket.destroyed) {
      this.#finish();
      return null;
    }
    this.#context.httpConnections.delete(this);
    this.#exchange!.upgrade();
    // The new owner of the socket sees for itself that it has ended.
    this.#isEndHeld = false;
    return { socket: this.#socket, firstBytes: this.#takeHeld() };
  }
}

/**
 * Whether the request is taken for an opening handshake. RFC 9110 §7.8: "A server MUST ignore an Upgrade header field
 * that is received in an HTTP/1.0 request"; a route with WebSocket refuses it instead, as RFC 6455 §4.2.1 asks for.
 */
function isOpening(route: Route, head: RequestHead): boolean {
  if (route.webSocket === 'required') return true;
  return isUpgrade(head) && (route.webSocket === 'accepted' || head.httpVersion !== '1.0');
}

function checkSupport(head: RequestHead): void {
  if (!METHODS.includes(head.method)) {
    throw new HttpError('METHOD_UNKNOWN', 501, `this server knows ${METHODS.join(', ')}`);
  }
  const expectation = head.headers.get('expect');
  // RFC 9110 §10.1.1: an expectation other than 100-continue may be answered with 417
  if (expectation !== null && expectation.toLowerCase() !== '100-continue') {
    throw new HttpError('EXPECTATION_UNKNOWN', 417, 'the only expectation known here is 100-continue');
  }
}

function wantsClose(head: RequestHead): boolean {
  return hasToken(head.headers.getAll('connection'), 'close');
}
