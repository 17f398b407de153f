// One WebSocket connection: byte stream ↔ protocol ↔ wait queue, with batched writes and backpressure.
import { finished, type Duplex } from 'node:stream';
import { ConnectionClosed, TimeoutError, WebSocketError, type Close } from '../errors.js';
import { CloseCode } from '../frame/close.js';
import { MAX_CONTROL_PAYLOAD_BYTES } from '../frame/header.js';
import type { Message } from '../frame/message.js';
import type { Role } from '../frame/opcode.js';
import { PreparedMessage } from './prepared.js';
import type { HeaderFields } from '../http/fields.js';
import type { Deflate } from './deflate.js';
import { flushSoon } from '../stream/flush.js';
import { CHECKS_PER_INTERVAL, type SilenceTimer } from '../stream/silence-timer.js';
import type { ConnectionLimits } from './limits.js';
import { BY_REFERENCE_FROM_BYTES } from './output.js';
import { Protocol, type ConnectionState } from './protocol.js';
import { toPayload, type Sendable } from './sendable.js';
import { own } from '../stream/owner.js';
import { WaitQueue, type WaitOptions } from './wait-queue.js';

/** A paused socket is resumed when the queue is down to this part of its limits, as in Python's websockets. */
const LOW_MARK = 1 / 4;

/** Keep-alive intervals without a sign of life after which a peer counts as dead. */
const INTERVALS_UNTIL_DEAD = 2;
/** Those with a full queue from which nobody takes a message, after which nobody will. */
const INTERVALS_UNTIL_UNREAD = 6;

/**
 * Milliseconds that a server has to end TCP after both Close frames (§7.1.1). If it doesn't "after a reasonable time
 * period", the client may.
 */
const ENDING_TIME = 1000;

export interface SendOptions {
  /**
   * Whether to compress the message, if compression was agreed on. By default those of at least `deflate.threshold`
   * bytes are. One that would not become shorter is sent as it is.
   */
  compress?: boolean;
}

/** The HTTP request that opened a connection. */
export interface OpeningRequest {
  /** The path of the request target as it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** What the `:names` and the `*` of the route stood for. */
  readonly params: Readonly<Record<string, string>>;
  readonly headers: HeaderFields;
  /** The peer's IP address; empty on a Unix socket. */
  readonly remoteAddress: string;
  /** @internal The connection has ended. */
  leave?(): void;
}

/** What the opening handshake leaves behind. */
export interface ConnectionInit {
  readonly role: Role;
  readonly request: OpeningRequest;
  readonly subprotocol: string;
  readonly extensions: string;
  /** `null` if messages are not compressed. */
  readonly deflate: Deflate | null;
  readonly limits: ConnectionLimits;
  readonly keepAlive: SilenceTimer;
  /** Bytes that arrived behind the head: the first frames. */
  readonly firstBytes: Buffer;
  /** The open connections of a server, to which each adds and from which it removes itself. */
  readonly connections?: Set<Connection>;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

interface PendingPing extends Deferred<number> {
  readonly payload: Buffer;
  readonly sentAt: number;
}

interface PendingFlush extends Deferred<void> {
  /** Whether the stream has all that it waits for. */
  isGiven: boolean;
}

/** What `send` returns when the message was taken at once. */
const taken = Promise.resolve();

const NOTHING = Buffer.alloc(0);

/**
 * A WebSocket connection that is pulled like a queue: messages wait in it, from the handshake on, until they are
 * taken. While too many wait, the peer is stopped.
 *
 * ```ts
 * for await (const message of connection) await connection.send(message);
 * ```
 */
export class Connection implements AsyncIterable<Message>, AsyncDisposable {
  /** The subprotocol agreed on in the opening handshake; empty if none was (RFC 6455 §1.9). */
  readonly subprotocol: string;
  /** The extension agreed on, with its parameters; empty if none was (§9.1). */
  readonly extensions: string;
  /** The HTTP request that opened the connection. */
  readonly request: OpeningRequest;

  readonly #stream: Duplex;
  readonly #protocol: Protocol;
  readonly #queue = new WaitQueue<Message>();
  readonly #limits: ConnectionLimits;
  readonly #keepAlive: SilenceTimer;
  readonly #connections: Set<Connection> | null;
  /** `closed`, once somebody has asked for it. */
  #closed: Promise<Close> | null = null;
  #settleClosed: ((close: Close) => void) | null = null;
  #close: Close | null = null;
  #closeTimer: NodeJS.Timeout | null = null;
  #streamError: Error | null = null;

  #isFlushScheduled = false;
  /** Settles when there is room again; present while a `send` waits for that. */
  #room: Deferred<void> | null = null;
  /** Settles when all that was sent has been handed over; present while somebody waits for that. */
  #flushed: PendingFlush | null = null;
  /** Bytes sent while over `maxBufferedBytes` were waiting for the peer. */
  #excess = 0;
  #isPaused = false;
  /** Whether the stream is to end once it was given all output. */
  #isEnding = false;

  #pings: PendingPing[] = [];
  #pingCount = 0;
  /** Checks of the keep-alive timer since the last sign of life, and since this endpoint wrote last. */
  #silentChecks = 0;
  #idleChecks = 0;
  /** What `bufferedAmount` was at the last check. */
  #unsent = 0;

  /** @internal */
  constructor(stream: Duplex, init: ConnectionInit) {
    this.subprotocol = init.subprotocol;
    this.extensions = init.extensions;
    this.request = init.request;
    this.#stream = stream;
    this.#protocol = new Protocol(this, {
      role: init.role,
      maxMessageBytes: init.limits.maxMessageBytes,
      deflate: init.deflate,
    });
    this.#limits = init.limits;
    this.#connections = init.connections ?? null;
    this.#connections?.add(this);
    this.#keepAlive = init.keepAlive;
    this.#keepAlive.add(this);
    own(stream, this);
    if (stream.closed) process.nextTick(() => this.conclude());
    if (init.firstBytes.length > 0) this.receive(init.firstBytes);
    if (stream.readableEnded) this.receiveEnd();
    if (!this.#isPaused) stream.resume();
  }

  /** The peer's IP address; empty on a Unix socket. */
  get remoteAddress(): string {
    return this.request.remoteAddress;
  }

  /** Fulfils with how the connection ended, once its TCP connection has; never rejects. */
  get closed(): Promise<Close> {
    return (this.#closed ??= this.#close === null
      ? new Promise((resolve) => (this.#settleClosed = resolve))
      : Promise.resolve(this.#close));
  }

  /** Bytes that were sent but not yet handed to the operating system. */
  get bufferedAmount(): number {
    return this.#protocol.output.byteLength + this.#stream.writableLength;
  }

  /**
   * @internal Whether the socket takes another message at once. While one waits that is sent from where it lies, it
   * doesn't: its bytes are not the caller's yet.
   */
  get hasRoom(): boolean {
    const { bufferedAmount } = this;
    if (bufferedAmount >= BY_REFERENCE_FROM_BYTES || this.#protocol.isSaturated) return false;
    return bufferedAmount < this.#stream.writableHighWaterMark;
  }

  /**
   * Waits for the oldest unread message. Several waiters are served first come, first served.
   * @returns a `string` for a text message, a `Buffer` for a binary one; `null` once the connection has ended and every
   * message was taken, however often it is asked.
   * @throws TimeoutError (as rejection) after `timeout` milliseconds, or the signal's reason after an abort. Neither
   * takes a message nor harms the connection.
   */
  wait(options?: WaitOptions): Promise<Message | null> {
    const message = this.#queue.wait(options);
    this.#resumeIfLow();
    return message;
  }

  /** The oldest unread message, or `null` if there is none now; it never waits. */
  read(): Message | null {
    const message = this.#queue.take();
    this.#resumeIfLow();
    return message;
  }

  /** How many messages have arrived and not been taken. */
  countMessages(): number {
    return this.#queue.count;
  }

  /** Whether a message can be read now. */
  hasMessages(): boolean {
    return this.#queue.count > 0;
  }

  /**
   * Drops the messages that wait, and each that will come: for whoever only sends. Unread, they would fill the queue,
   * and with the socket paused nobody would learn that the peer has gone. Control frames count as ever; `wait()` and
   * iterations give nothing more, and end with the connection.
   */
  discardMessages(): void {
    this.#queue.discard();
    this.#resumeIfLow();
  }

  /** Iterates over the messages until the connection has ended; leaving the loop early leaves the connection open. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this;
  }

  /**
   * @internal A step of an iteration. An async generator would take three promises for it instead of one, and an
   * iterator of its own would be 128 bytes of each connection.
   */
  next(): Promise<IteratorResult<Message, undefined>> {
    const result = this.#queue.next();
    this.#resumeIfLow();
    return result;
  }

  /**
   * Sends a message: a string as text, bytes as binary, or what `prepare` has made of either. All that one iteration of
   * the event loop sends leaves in one write.
   * @returns a promise that fulfils once the bytes are the caller's again and there is room, which mostly is at once;
   * awaiting it keeps memory flat. Bytes may be sent from where they lie: don't change them before. It rejects with
   * `ConnectionClosed` if the connection is closing or has ended; that rejection is never reported as unhandled.
   * @throws TypeError at once for anything else than a string, an `ArrayBuffer`, a `SharedArrayBuffer` or a view, and
   * for one whose memory was detached.
   */
  send(message: Sendable | PreparedMessage, options?: SendOptions): Promise<void> {
    const payload = message instanceof PreparedMessage ? null : toPayload(message);
    const protocol = this.#protocol;
    if (!protocol.isOpen) return this.#rejectClosed();
    const before = protocol.output.byteLength;
    if (payload === null) protocol.sendPrepared(message as PreparedMessage, options?.compress);
    else protocol.send(payload, options?.compress);
    const isWaiting = this.#stream.writableLength > 0;
    if (isWaiting && this.#isOverdrawn(protocol.output.byteLength - before)) return this.#rejectClosed();
    this.#scheduleFlush();
    if (this.hasRoom) return taken;
    return (this.#room ??= deferred<void>()).promise;
  }

  /**
   * Cuts the connection if over `maxBufferedBytes` have waited for the peer while as many again were sent. One large
   * message, or many in one iteration of the event loop, are no fault of the peer's.
   */
  #isOverdrawn(sentBytes: number): boolean {
    const { maxBufferedBytes } = this.#limits;
    if (this.bufferedAmount - sentBytes <= maxBufferedBytes) return false;
    this.#excess += sentBytes;
    if (this.#excess <= maxBufferedBytes) return false;
    const message = `over maxBufferedBytes (${maxBufferedBytes}) wait for the peer; await send, or raise the limit`;
    this.#destroy(new WebSocketError('PEER_NOT_READING', message));
    return true;
  }

  /**
   * Waits until all that was sent so far has been handed to the operating system: then neither `terminate()` nor the
   * end of the process keeps any of it back.
   * @returns a promise that rejects with `ConnectionClosed` (never unhandled) if the connection ends before.
   */
  flushed(): Promise<void> {
    if (this.#close !== null) return this.#stream.writableFinished ? taken : this.#rejectClosed();
    if (this.bufferedAmount === 0) return taken;
    if (this.#flushed !== null) {
      const later = this.#flushed.promise.then(() => this.flushed());
      later.catch(ignore);
      return later;
    }
    this.#flushed = { ...deferred<void>(), isGiven: false };
    this.#awaitWritten();
    return this.#flushed.promise;
  }

  /** Once the stream was given all output, it tells when it has written it. */
  #awaitWritten(): void {
    const flushed = this.#flushed;
    if (flushed === null || flushed.isGiven || this.#protocol.output.byteLength > 0) return;
    flushed.isGiven = true;
    const settle = (error?: Error | null): void => {
      // A stream that fails ends the connection, and that rejects the promise.
      if (error) return;
      this.#flushed = null;
      flushed.resolve();
    };
    if (this.#stream.writableEnded) finished(this.#stream, { readable: false }, settle);
    else this.#stream.write(NOTHING, settle);
  }

  /**
   * Sends a ping and waits for its pong (§5.5.2).
   * @param payload at most 125 bytes; a payload of its own for each ping if absent.
   * @returns the round trip in milliseconds; rejects with `ConnectionClosed` (never unhandled) if the pong can't come.
   * @throws RangeError at once for a longer payload, TypeError for one that is neither text nor bytes.
   */
  ping(payload?: Sendable): Promise<number> {
    const bytes = Buffer.from(payload === undefined ? `${++this.#pingCount}` : toPayload(payload));
    if (bytes.length > MAX_CONTROL_PAYLOAD_BYTES) {
      throw new RangeError(`a ping carries at most ${MAX_CONTROL_PAYLOAD_BYTES} bytes, not ${bytes.length}`);
    }
    if (!this.#protocol.isOpen) return this.#rejectClosed();
    const pending = { ...deferred<number>(), payload: bytes, sentAt: performance.now() };
    this.#pings.push(pending);
    this.#protocol.ping(bytes);
    this.#scheduleFlush();
    return pending.promise;
  }

  /**
   * Begins the closing handshake (§7.1.2). Messages that still arrive can be read, those beyond the queue's limits are
   * dropped; nothing can be sent any more. If the peer doesn't answer within `closeTimeout`, TCP is cut.
   * @param code 1000 (the default), another of §7.4.1 that may be sent, or 3000–4999.
   * @param reason at most 123 bytes of UTF-8.
   * @returns `closed`; calling it again changes nothing.
   * @throws RangeError, TypeError at once for a code or reason that may not be sent.
   */
  close(code: number = CloseCode.NORMAL_CLOSURE, reason = ''): Promise<Close> {
    this.#protocol.close(code, reason);
    this.#afterProtocol();
    return this.closed;
  }

  /** Cuts the TCP connection at once, without a closing handshake; unread messages can still be read. */
  terminate(): void {
    this.#destroy(null);
  }

  /**
   * `'open'`; `'closing'` from the Close frame of this side on, or the end of the peer's; `'closed'` once the TCP
   * connection has ended (RFC 6455 §7.1.3, §7.1.4).
   */
  get state(): ConnectionState {
    return this.#protocol.state;
  }

  /** Whether the connection is closing or has ended: nothing more can be sent. */
  isClosed(): boolean {
    return !this.#protocol.isOpen;
  }

  /** Closes with 1000 and waits until the connection has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  receiveMessage(message: Message, byteLength: number): void {
    // After close() nobody may be reading any more, and the peer's Close frame must still get through.
    if (!this.#protocol.isOpen && this.#isFull()) return;
    this.#queue.put(message, byteLength);
  }

  /** @internal */
  hasEnough(): boolean {
    // What arrives after close() is read in any case.
    return this.#protocol.isOpen && this.#isFull();
  }

  /** @internal */
  receivePong(payload: Buffer): void {
    const answered = this.#pings.findIndex((ping) => ping.payload.equals(payload));
    const now = performance.now();
    // §5.5.3: a peer may answer the most recent ping only, which answers those before it.
    for (const ping of this.#pings.splice(0, answered + 1)) ping.resolve(now - ping.sentAt);
  }

  /** @internal */
  outputReady(): void {
    this.#afterProtocol();
    if (this.#isEnding) this.#endStream();
  }

  /** @internal */
  outputFailed(error: Error): void {
    this.#destroy(error);
  }

  /**
   * @internal Called `CHECKS_PER_INTERVAL` times in each keep-alive interval. Whoever has been silent for one is asked:
   * the peer, or this endpoint itself, since a proxy may watch either direction.
   */
  checkLife(): void {
    if (!this.#protocol.isOpen) return;
    // A peer that reads a backlog will get to the ping.
    if (this.bufferedAmount < this.#unsent) this.#silentChecks = 0;
    this.#unsent = this.bufferedAmount;
    this.#silentChecks++;
    this.#idleChecks++;
    if (this.#isPaused) {
      // A peer that this endpoint stopped itself can give no sign of life.
      if (this.#silentChecks >= INTERVALS_UNTIL_UNREAD * CHECKS_PER_INTERVAL) return this.#giveUpReading();
    } else if (this.#silentChecks >= INTERVALS_UNTIL_DEAD * CHECKS_PER_INTERVAL) {
      const advice = 'if it never answers pings, set keepAliveInterval to 0';
      return this.#destroy(new TimeoutError(`the peer gave no sign of life, and no pong; ${advice}`));
    }
    if (this.#silentChecks !== CHECKS_PER_INTERVAL && this.#idleChecks !== CHECKS_PER_INTERVAL) return;
    this.#protocol.ping(NOTHING);
    this.#scheduleFlush();
  }

  #giveUpReading(): void {
    const message = `${this.#queue.count} messages wait and nobody takes them; read them, or call discardMessages()`;
    this.#protocol.close(CloseCode.POLICY_VIOLATION, 'messages are not read', new WebSocketError('NOT_READ', message));
    this.#afterProtocol();
  }

  // ── Bytes in ──

  /** @internal */
  receive(chunk: Buffer): void {
    this.#silentChecks = 0;
    this.#protocol.receive(chunk);
    this.#afterReceive();
  }

  #afterReceive(): void {
    // What came before a violation or a Close frame is answered as if it had come alone: its readers run before that.
    if (this.#protocol.mustFinish) setImmediate(() => this.#finish());
    this.#afterProtocol();
  }

  #finish(): void {
    this.#protocol.finish();
    this.#afterProtocol();
  }

  /** What follows from the state that received bytes or a call have brought the protocol to. */
  #afterProtocol(): void {
    const protocol = this.#protocol;
    const { byteLength } = protocol.output;
    // A socket may be read many times before others are: pongs must not pile up meanwhile.
    if (byteLength >= this.#stream.writableHighWaterMark) this.flush();
    else if (byteLength > 0) this.#scheduleFlush();
    if (protocol.isOpen) {
      if (!this.#isPaused && this.#isFull()) this.#pause();
    } else {
      this.#startClosing();
    }
  }

  #isFull(): boolean {
    return this.#queue.count >= this.#limits.maxQueuedMessages || this.#queue.byteLength >= this.#limits.maxQueuedBytes;
  }

  #pause(): void {
    this.#isPaused = true;
    this.#silentChecks = 0;
    this.#stream.pause();
  }

  #resumeIfLow(): void {
    if (!this.#isPaused) return;
    this.#silentChecks = 0;
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits;
    if (this.#queue.count > maxQueuedMessages * LOW_MARK || this.#queue.byteLength > maxQueuedBytes * LOW_MARK) return;
    this.#resume();
  }

  #resume(): void {
    this.#isPaused = false;
    // What is held may inflate to a whole limit: other connections have their turn before.
    if (this.#protocol.isHolding) setImmediate(() => this.#receiveHeld());
    else this.#stream.resume();
  }

  #receiveHeld(): void {
    this.#protocol.receiveHeld();
    this.#afterReceive();
    if (!this.#isPaused) this.#stream.resume();
  }

  // ── Bytes out ──

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    flushSoon(this);
  }

  /** @internal The one door for bytes: one write (or writev) for all that was sent since the last. */
  flush(): void {
    this.#isFlushScheduled = false;
    // What a full stream was given would count as unsent until the last byte of it has left.
    if (this.#protocol.isSaturated) return;
    const { output } = this.#protocol;
    if (!this.#stream.writable) return void output.take();
    this.#write(output.take());
    if (this.hasRoom) this.#giveRoom();
    this.#awaitWritten();
    if (this.#isEnding) this.#endStream();
  }

  #write(chunks: readonly Uint8Array[]): void {
    if (chunks.length === 0) return;
    const stream = this.#stream;
    this.#idleChecks = 0;
    if (chunks.length > 1) stream.cork();
    let isWhole = true;
    for (const chunk of chunks) {
      isWhole = chunk.length > 0;
      if (!isWhole) break;
      stream.write(chunk);
    }
    if (chunks.length > 1) stream.uncork();
    if (!isWhole) return this.#losePayload();
    if (stream.writableNeedDrain) this.#protocol.saturate();
    else if (this.#protocol.output.byteLength > 0) this.#scheduleFlush();
  }

  /** @internal */
  drain(): void {
    this.#protocol.drain();
    if (this.bufferedAmount <= this.#limits.maxBufferedBytes) this.#excess = 0;
    this.flush();
  }

  #giveRoom(): void {
    this.#room?.resolve();
    this.#room = null;
  }

  /** The frame's header says how long it is, and the bytes are gone: only the missing end can tell the peer. */
  #losePayload(): void {
    const message = 'memory given to send was detached or resized before it was written; await send before that';
    this.#destroy(new WebSocketError('PAYLOAD_LOST', message));
  }

  #rejectClosed(): Promise<never> {
    const promise = Promise.reject(new ConnectionClosed(this.#close));
    promise.catch(ignore);
    return promise;
  }

  // ── The end ──

  /** Nothing may be sent any more: ends the stream if that is this endpoint's part, and limits the wait for it. */
  #startClosing(): void {
    // close() may be called behind the end, where no timer must be started that nobody stops.
    if (this.#close !== null) return;
    this.#closeTimer ??= setTimeout(
      () => this.#destroy(new TimeoutError('the closing handshake was not answered')),
      this.#limits.closeTimeout,
    );
    // Nothing can be sent behind the Close frame that would be worth to wait for.
    this.flush();
    // The rest must be read, be it only to find the peer's Close frame or the end behind it.
    if (this.#isPaused) this.#resume();
    if (this.#protocol.isReceiving || this.#queue.isEnded) return;
    this.#queue.end();
    if (this.#protocol.endsStream) this.#endStream();
    else if (!this.#stream.readableEnded) this.#awaitEnd();
  }

  /** The server is to end TCP now (§7.1.1); if it doesn't, the client does. */
  #awaitEnd(): void {
    const { closeTimeout } = this.#limits;
    const end = (): void => {
      this.#stream.once('finish', () => this.#stream.destroy());
      this.#endStream();
      this.#closeTimer = setTimeout(() => this.#stream.destroy(), closeTimeout);
    };
    clearTimeout(this.#closeTimer!);
    this.#closeTimer = setTimeout(end, Math.min(ENDING_TIME, closeTimeout));
  }

  /** @internal */
  receiveEnd(): void {
    this.#protocol.receiveEnd();
    this.#startClosing();
    this.#endStream();
  }

  #endStream(): void {
    if (this.#stream.writableEnded) return;
    if (!this.#isEnding) this.flush();
    // What is still being compressed, or waits for the peer, comes first.
    this.#isEnding = this.#protocol.output.byteLength > 0;
    if (!this.#isEnding) this.#stream.end();
  }

  #destroy(error: Error | null): void {
    this.#streamError ??= error;
    this.#protocol.stop();
    this.#stream.destroy();
  }

  /** @internal */
  receiveError(error: Error): void {
    this.#streamError = error;
  }

  /** @internal Everyone who waits for something is told. */
  conclude(): void {
    const close = this.#protocol.conclude(this.#streamError);
    this.#close = close;
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#keepAlive.delete(this);
    this.#connections?.delete(this);
    this.#queue.end();
    this.#room?.reject(new ConnectionClosed(close));
    this.#flushed?.reject(new ConnectionClosed(close));
    for (const ping of this.#pings) ping.reject(new ConnectionClosed(close));
    this.#settleClosed?.(close);
    this.request.leave?.();
  }
}

/** A promise that may be rejected without anyone looking. */
function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onFulfilled, onRejected) => {
    resolve = onFulfilled;
    reject = onRejected;
  });
  promise.catch(ignore);
  return { promise, resolve, reject };
}

function ignore(): void {}
