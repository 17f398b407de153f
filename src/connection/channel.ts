// The inside of a connection: what its stream, its protocol and its queue have to do with one another.
import type { Duplex } from 'node:stream';
import { ConnectionClosed, TimeoutError, WebSocketError, type Close } from '../errors.js';
import { CloseCode } from '../frame/close.js';
import type { Role } from '../frame/opcode.js';
import type { DeflateAgreement } from '../handshake/deflate.js';
import { own, type StreamOwner } from '../stream/owner.js';
import { CHECKS_PER_INTERVAL, type SilenceTimer, type Watched } from '../stream/silence-timer.js';
import type { Message } from './assembler.js';
import type { Connection, OpeningRequest } from './connection.js';
import type { ConnectionLimits } from './limits.js';
import { Pings } from './pings.js';
import { Protocol, type ProtocolReceiver } from './protocol.js';
import { WaitQueue } from './wait-queue.js';
import { Writer } from './writer.js';

/** Keep-alive intervals without a sign of life after which a peer counts as dead. */
const INTERVALS_UNTIL_DEAD = 2;
/** Those with a full queue from which nobody takes a message, after which nobody will. */
const INTERVALS_UNTIL_UNREAD = 6;

/**
 * Milliseconds that a server has to end TCP after both Close frames (§7.1.1). If it doesn't "after a reasonable time
 * period", the client may.
 */
const ENDING_TIME = 1000;

/** What the opening handshake leaves behind. */
export interface ConnectionInit {
  readonly role: Role;
  readonly request: OpeningRequest;
  readonly subprotocol: string;
  readonly extensions: string;
  /** `null` if messages are not compressed. */
  readonly deflate: DeflateAgreement | null;
  readonly limits: ConnectionLimits;
  readonly keepAlive: SilenceTimer;
  /** Bytes that arrived behind the head: the first frames. */
  readonly firstBytes: Buffer;
  /** The open connections of a server, to which each adds and from which it removes itself. */
  readonly connections?: Set<Connection>;
}

const NO_PAYLOAD = Buffer.alloc(0);

export class Channel implements StreamOwner, ProtocolReceiver, Watched {
  readonly protocol: Protocol;
  readonly queue: WaitQueue<Message>;
  readonly writer: Writer;
  /** How the connection has ended; `null` before. */
  close: Close | null = null;
  readonly #connection: Connection;
  readonly #stream: Duplex;
  readonly #limits: ConnectionLimits;
  readonly #keepAlive: SilenceTimer;
  readonly #connections: Set<Connection> | null;
  /** `closed`, once somebody has asked for it. */
  #closed: Promise<Close> | null = null;
  #settleClosed: ((close: Close) => void) | null = null;
  #closeTimer: NodeJS.Timeout | null = null;
  #streamError: Error | null = null;
  #isPaused = false;
  #isFinishScheduled = false;
  /** How many messages before a Close frame or a violation were unread when a reader of them last waited for room. */
  #unreadBeforeEnd = Infinity;
  /** Made for the first ping that somebody waits for. */
  #pings: Pings | null = null;
  /** Checks of the keep-alive timer since the last sign of life. */
  #silentChecks = 0;
  /** What `bufferedAmount` was at the last check. */
  #unsent = 0;

  constructor(stream: Duplex, connection: Connection, init: ConnectionInit) {
    const { role, limits, deflate } = init;
    this.#connection = connection;
    this.#stream = stream;
    this.#limits = limits;
    this.queue = new WaitQueue(limits);
    this.protocol = new Protocol(this, { role, limits, deflate });
    this.writer = new Writer(stream, this.protocol, this, limits.maxBufferedBytes);
    this.#connections = init.connections ?? null;
    this.#connections?.add(connection);
    this.#keepAlive = init.keepAlive;
    this.#keepAlive.add(this);
    own(stream, this);
    if (stream.closed) process.nextTick(() => this.conclude());
    if (init.firstBytes.length > 0) this.receive(init.firstBytes);
    if (stream.readableEnded) this.receiveEnd();
    if (!this.#isPaused) stream.resume();
  }

  get closed(): Promise<Close> {
    return (this.#closed ??= this.close === null
      ? new Promise((resolve) => (this.#settleClosed = resolve))
      : Promise.resolve(this.close));
  }

  get pings(): Pings {
    return (this.#pings ??= new Pings());
  }

  receivePong(payload: Buffer): void {
    this.#pings?.receivePong(payload);
  }

  outputReady(): void {
    this.afterProtocol();
    this.writer.resume();
  }

  outputFailed(error: Error): void {
    this.destroy(error);
  }

  /**
   * Called `CHECKS_PER_INTERVAL` times in each keep-alive interval. A ping follows an interval of silence, be it the
   * peer's or this endpoint's own: a proxy may watch either direction.
   */
  checkLife(): void {
    if (!this.protocol.isOpen) return;
    // A peer that reads a backlog will get to the ping.
    if (this.writer.bufferedAmount < this.#unsent) this.#silentChecks = 0;
    this.#unsent = this.writer.bufferedAmount;
    this.#silentChecks++;
    this.writer.idleChecks++;
    if (this.#isPaused) {
      // A peer that this endpoint stopped itself can give no sign of life.
      if (this.#silentChecks >= INTERVALS_UNTIL_UNREAD * CHECKS_PER_INTERVAL) return this.#giveUpReading();
    } else if (this.#silentChecks >= INTERVALS_UNTIL_DEAD * CHECKS_PER_INTERVAL) {
      const advice = 'if it never answers pings, set keepAliveInterval to 0';
      return this.destroy(new TimeoutError(`the peer gave no sign of life, and no pong; ${advice}`));
    }
    if (this.#silentChecks !== CHECKS_PER_INTERVAL && this.writer.idleChecks !== CHECKS_PER_INTERVAL) return;
    this.protocol.ping(NO_PAYLOAD);
    this.writer.schedule();
  }

  #giveUpReading(): void {
    const message = `${this.queue.count} messages wait and nobody takes them; read them, or call discardMessages()`;
    this.protocol.close(CloseCode.POLICY_VIOLATION, 'messages are not read', new WebSocketError('NOT_READ', message));
    this.afterProtocol();
  }

  // ── Bytes in ──

  receive(chunk: Buffer): void {
    this.#silentChecks = 0;
    this.protocol.receive(chunk);
    this.#afterReceive();
  }

  #afterReceive(): void {
    // What came before a violation or a Close frame is answered as if it had come alone: its readers run before that.
    if (this.protocol.mustFinish && this.#unreadBeforeEnd === Infinity) this.scheduleFinish();
    this.afterProtocol();
  }

  /** Answers a violation or a Close frame once readers had their turn; also called when one of them is given room. */
  scheduleFinish(): void {
    if (this.#isFinishScheduled) return;
    this.#isFinishScheduled = true;
    setImmediate(() => this.#finishAfterReaders());
  }

  #finishAfterReaders(): void {
    this.#isFinishScheduled = false;
    // The end of the stream may have come meanwhile.
    if (!this.protocol.mustFinish) return;
    const unread = this.queue.count;
    // A reader whose answer waits for room goes on once there is some; who has taken nothing since the last is none.
    if (this.writer.isAwaited && unread > 0 && unread < this.#unreadBeforeEnd) {
      this.#unreadBeforeEnd = unread;
      this.#closeTimer ??= setTimeout(() => this.#finish(), this.#limits.closeTimeout);
    } else {
      this.#finish();
    }
  }

  #finish(): void {
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#closeTimer = null;
    this.protocol.finish();
    this.afterProtocol();
  }

  /** What follows from the state that received bytes or a call have brought the protocol to. */
  afterProtocol(): void {
    const protocol = this.protocol;
    const { byteLength } = protocol.output;
    // A socket may be read many times before others are: pongs must not pile up meanwhile.
    if (byteLength >= this.#stream.writableHighWaterMark) this.writer.flush();
    else if (byteLength > 0) this.writer.schedule();
    if (protocol.isOpen) {
      if (!this.#isPaused && this.queue.isFull) this.#pause();
    } else {
      this.#startClosing();
    }
  }

  #pause(): void {
    this.#isPaused = true;
    this.#silentChecks = 0;
    this.#stream.pause();
  }

  resumeIfLow(): void {
    if (!this.#isPaused) return;
    this.#silentChecks = 0;
    if (this.queue.isLow) this.#resume();
  }

  #resume(): void {
    this.#isPaused = false;
    // What is held may inflate to a whole limit: other connections have their turn before.
    if (this.protocol.isHolding) setImmediate(() => this.#receiveHeld());
    else this.#stream.resume();
  }

  #receiveHeld(): void {
    this.protocol.receiveHeld();
    this.#afterReceive();
    if (!this.#isPaused) this.#stream.resume();
  }

  drain(): void {
    this.writer.drain();
  }

  // ── The end ──

  /** Nothing may be sent any more: ends the stream if that is this endpoint's part, and limits the wait for it. */
  #startClosing(): void {
    // close() may be called after the end, where no timer must be started that nobody stops.
    if (this.close !== null) return;
    this.#closeTimer ??= setTimeout(
      () => this.destroy(new TimeoutError('the closing handshake was not answered')),
      this.#limits.closeTimeout,
    );
    // Nothing that is worth a wait can be sent after the Close frame.
    this.writer.flush();
    // The rest is read in any case, if only to find the peer's Close frame or the end: nobody may be reading any more.
    this.queue.dropExcess();
    if (this.#isPaused) this.#resume();
    if (this.protocol.isReceiving || this.queue.isEnded) return;
    this.queue.end();
    if (this.protocol.endsStream) this.writer.end();
    else if (!this.#stream.readableEnded) this.#awaitEnd();
  }

  /** The server is to end TCP now (§7.1.1); if it doesn't, the client does. */
  #awaitEnd(): void {
    const { closeTimeout } = this.#limits;
    const end = (): void => {
      this.#stream.once('finish', () => this.#stream.destroy());
      this.writer.end();
      this.#closeTimer = setTimeout(() => this.#stream.destroy(), closeTimeout);
    };
    clearTimeout(this.#closeTimer!);
    this.#closeTimer = setTimeout(end, Math.min(ENDING_TIME, closeTimeout));
  }

  receiveEnd(): void {
    this.protocol.receiveEnd();
    this.#startClosing();
    this.writer.end();
  }

  destroy(error: Error | null): void {
    this.#streamError ??= error;
    this.protocol.stop();
    this.#stream.destroy();
  }

  receiveError(error: Error): void {
    this.#streamError = error;
  }

  /** Everyone who waits for something is told. */
  conclude(): void {
    const close = this.protocol.conclude(this.#streamError);
    this.close = close;
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#keepAlive.delete(this);
    this.#connections?.delete(this.#connection);
    this.queue.end();
    const error = new ConnectionClosed(close);
    this.writer.reject(error);
    this.#pings?.reject(error);
    this.#settleClosed?.(close);
    this.#connection.request.leave?.();
  }
}
