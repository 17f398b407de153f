// The inside of a connection: how its stream, its protocol and its queue act on one another.
import type { Duplex } from 'node:stream';
import { TimeoutError, WebSocketError, type Close, type ProtocolError } from '../errors.js';
import { CloseCode } from '../frame/close.js';
import { messageTooLarge } from '../frame/payload.js';
import type { Role } from '../frame/opcode.js';
import type { DeflateAgreement } from '../handshake/deflate.js';
import { cut } from '../stream/cut.js';
import { setOwner, type StreamOwner } from '../stream/owner.js';
import { readNextInto } from '../stream/read-buffer.js';
import { CHECKS_PER_INTERVAL, type SilenceTimer, type Watched } from '../stream/silence-timer.js';
import type { Message } from './assembler.js';
import type { Connection, OpeningRequest } from './connection.js';
import { Ending } from './ending.js';
import type { ConnectionLimits } from './limits.js';
import type { Pieces } from './pieces.js';
import { Pings } from './pings.js';
import { Protocol, type ProtocolReceiver } from './protocol.js';
import { WaitQueue } from './wait-queue.js';
import { Writer } from './writer.js';

/** Keep-alive intervals without a sign of life after which a peer counts as dead. */
const INTERVALS_UNTIL_DEAD = 2;
/** Keep-alive intervals with a full queue and no reader, after which there will be none. */
const INTERVALS_UNTIL_UNREAD = 6;

/** What the opening handshake has settled. */
export interface ConnectionInit {
  readonly role: Role;
  readonly request: OpeningRequest;
  readonly subprotocol: string;
  readonly extensions: string;
  /** `null` if messages are not compressed. */
  readonly deflate: DeflateAgreement | null;
  readonly limits: ConnectionLimits;
  readonly keepAlive: SilenceTimer;
  /** Whether the stream is one of `node:net` or `node:tls`, which read and write by the system. */
  readonly isSocket: boolean;
  /** Bytes that arrived after the head: the first frames. */
  readonly firstBytes: Buffer;
  /** The open connections of a server, to which each adds and from which it removes itself. */
  readonly connections?: Set<Connection>;
}

const NO_PAYLOAD = Buffer.alloc(0);

export class Channel implements StreamOwner, ProtocolReceiver, Watched {
  readonly protocol: Protocol;
  readonly queue: WaitQueue<Message, Pieces>;
  readonly limits: ConnectionLimits;
  readonly writer: Writer;
  /** How the connection has ended; `null` before. */
  close: Close | null = null;
  readonly #connection: Connection;
  readonly #stream: Duplex;
  readonly #keepAlive: SilenceTimer;
  readonly #connections: Set<Connection> | null;
  #isPaused = false;
  /** Made when it begins, or when somebody asks for it. */
  #ending: Ending | null = null;
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
    this.limits = limits;
    this.queue = new WaitQueue(limits);
    this.protocol = new Protocol(this, { role, limits, deflate });
    this.writer = new Writer(stream, this.protocol, this, limits.maxBufferedBytes, init.isSocket);
    this.#connections = init.connections ?? null;
    this.#connections?.add(connection);
    this.#keepAlive = init.keepAlive;
    this.#keepAlive.add(this);
    setOwner(stream, this);
    if (stream.closed) process.nextTick(() => this.conclude());
    if (init.firstBytes.length > 0) this.receive(init.firstBytes);
    if (stream.readableEnded) this.receiveEnd();
    if (!this.#isPaused) stream.resume();
  }

  get ending(): Ending {
    return (this.#ending ??= new Ending(this, this.#stream, this.limits.closeTimeout));
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
   * Called `CHECKS_PER_INTERVAL` times in each keep-alive interval. A ping follows an interval of silence in either
   * direction: a proxy may watch either.
   */
  checkLife(): void {
    if (!this.protocol.isOpen) return;
    // A peer that reads a backlog will get to the ping.
    if (this.writer.bufferedAmount < this.#unsent) this.#silentChecks = 0;
    this.#unsent = this.writer.bufferedAmount;
    this.#silentChecks++;
    this.writer.idleChecks++;
    if (this.#isPaused) {
      // A peer whose bytes are not read can give no sign of life.
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
    const { count } = this.queue;
    const message = count > 0
      ? `${count} messages wait and nobody takes them; read them, or call discardMessages()`
      : 'a message waits that nobody reads to its end; receive() and read it, or skip() the rest of it';
    this.protocol.close(CloseCode.POLICY_VIOLATION, 'messages are not read', new WebSocketError('NOT_READ', message));
    this.afterProtocol();
  }

  // ── Bytes in ──

  receive(chunk: Buffer): void {
    this.#silentChecks = 0;
    this.protocol.receive(chunk);
    this.#afterReceive();
    const { arriving } = this.protocol;
    if (arriving !== null && arriving.vacancy !== null) readNextInto(this.#stream, arriving.vacancy);
  }

  #afterReceive(): void {
    // The messages before a violation or a Close frame are answered as if they had come alone: their readers run first.
    if (this.protocol.mustFinish && !this.ending.isAwaitingReader) this.ending.scheduleFinish();
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
      if (!this.#isPaused && (this.queue.isFull || protocol.arriving?.isFull)) this.#pause();
    } else {
      this.#startClosing();
    }
  }

  #pause(): void {
    this.#isPaused = true;
    this.#silentChecks = 0;
    this.#stream.pause();
  }

  /** @param wantsWhole whether somebody asks for a whole message who doesn't wait for it. */
  resumeIfLow(wantsWhole = false): void {
    if (!this.#isPaused) return;
    this.#silentChecks = 0;
    const { arriving } = this.protocol;
    if (arriving?.isUnclaimed && (wantsWhole || this.queue.wantsWhole)) {
      return this.refuse(messageTooLarge(this.limits.maxMessageBytes));
    }
    if (this.queue.isLow && (arriving === null || arriving.isLow)) this.#resume();
  }

  /** A message is longer than the one who has asked for it accepts. */
  refuse(error: ProtocolError): void {
    this.protocol.refuse(error);
    this.afterProtocol();
  }

  #resume(): void {
    this.#isPaused = false;
    // The bytes held may inflate to a whole limit: other connections get their turn first.
    if (!this.protocol.isHolding) return void this.#stream.resume();
    this.#stream.pause();
    setImmediate(() => this.#receiveHeld());
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

  /** Nothing may be sent any more. */
  #startClosing(): void {
    // close() may be called after the end, when nothing would stop a timer.
    if (this.close !== null) return;
    // Nothing worth waiting for can follow the Close frame.
    this.writer.stopLine();
    this.writer.flush();
    // Read on, even without a reader, to find the peer's Close frame or the end.
    this.queue.dropExcess();
    this.protocol.arriving?.dropExcess();
    if (this.#isPaused || this.protocol.isHolding) this.#resume();
    this.ending.begin();
  }

  receiveEnd(): void {
    this.protocol.receiveEnd();
    this.#startClosing();
    this.writer.end();
  }

  destroy(error: Error | null): void {
    this.ending.error ??= error;
    this.protocol.stop();
    cut(this.#stream);
  }

  receiveError(error: Error): void {
    this.ending.error = error;
  }

  /** The stream is gone: all that still waits is settled. */
  conclude(): void {
    const close = this.protocol.conclude(this.#ending?.error ?? null);
    this.close = close;
    this.#keepAlive.delete(this);
    this.#connections?.delete(this.#connection);
    this.queue.end();
    this.writer.conclude(close);
    this.#pings?.conclude(close);
    this.#ending?.conclude(close);
    this.#connection.request.leave?.();
  }
}
