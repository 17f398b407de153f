// The inside of a connection: how its stream, its protocol and its queue act on one another.
import type { Duplex } from 'node:stream';
import type { Close } from '../errors.js';
import { messageTooLarge } from '../frame/payload.js';
import { cut } from '../stream/cut.js';
import { setOwner, type StreamOwner } from '../stream/owner.js';
import { readNextInto } from '../stream/read-buffer.js';
import type { SilenceTimer, Watched } from '../stream/silence-timer.js';
import type { Message } from './assembler.js';
import type { Connection } from './connection.js';
import type { ConnectionInit } from './connection-init.js';
import type { Connections } from './connections.js';
import { Counters } from './counters.js';
import { Ending } from './ending.js';
import { checkLife } from './life.js';
import type { ConnectionLimits } from './limits.js';
import type { Pieces } from './pieces.js';
import { Pings } from './pings.js';
import { Protocol, type ProtocolReceiver } from './protocol.js';
import { tellClosed, tellMessage, tellOpened, tellSlow, type Direction } from './telling.js';
import { WaitQueue } from './wait-queue.js';
import { Writer } from './writer.js';

export class Channel implements StreamOwner, ProtocolReceiver, Watched {
  readonly protocol: Protocol;
  readonly queue: WaitQueue<Message, Pieces>;
  readonly limits: ConnectionLimits;
  readonly writer: Writer;
  /** How the connection has ended; `null` before. */
  close: Close | null = null;
  /** Whether the peer is stopped. */
  isPaused = false;
  /** Checks of the keep-alive timer since the last sign of life. */
  silentChecks = 0;
  /** What `bufferedAmount` was at the last check. */
  unsent = 0;
  readonly #connection: Connection;
  readonly #stream: Duplex;
  readonly #keepAlive: SilenceTimer;
  readonly #connections: Connections | null;
  /** Made when it begins, or when somebody asks for it. */
  #ending: Ending | null = null;
  /** Made for the first ping that somebody waits for. */
  #pings: Pings | null = null;
  /** `null` before the first byte. */
  counted: Counters | null = null;

  constructor(stream: Duplex, connection: Connection, init: ConnectionInit) {
    const { role, limits, deflate } = init;
    this.#connection = connection;
    this.#stream = stream;
    this.limits = limits;
    this.queue = new WaitQueue(limits);
    this.protocol = new Protocol(this, { role, limits, deflate });
    this.writer = new Writer(stream, this.protocol, this, limits.maxBufferedBytes, init.isSocket);
    this.#connections = init.connections ?? null;
    this.#connections?.enter(connection);
    this.#keepAlive = init.keepAlive;
    this.#keepAlive.add(this);
    setOwner(stream, this);
    if (stream.closed) process.nextTick(() => this.conclude());
  }

  /** To be called once the connection can be used. @param firstBytes what has arrived before. */
  start(firstBytes: Buffer): void {
    tellOpened(this.#connection, this.protocol.role);
    if (firstBytes.length > 0) this.receive(firstBytes);
    if (this.#stream.readableEnded) this.receiveEnd();
    if (!this.isPaused) this.#stream.resume();
  }

  get ending(): Ending {
    return (this.#ending ??= new Ending(this, this.#stream, this.limits.closeTimeout));
  }

  get pings(): Pings {
    return (this.#pings ??= new Pings());
  }

  get counters(): Counters {
    return (this.counted ??= new Counters());
  }

  receivePong(payload: Buffer): void {
    const roundTrip = this.#pings === null ? null : this.#pings.receivePong(payload);
    if (roundTrip !== null) this.counters.roundTrip = roundTrip;
    else if (payload.length === 0) this.counters.answer();
  }

  outputReady(): void {
    this.afterProtocol();
    this.writer.resume();
  }

  outputFailed(error: Error): void {
    this.destroy(error);
  }

  checkLife(): void {
    checkLife(this);
  }

  // ── Bytes in ──

  receive(chunk: Buffer): void {
    this.silentChecks = 0;
    this.counters.wireBytesReceived += chunk.length;
    this.protocol.receive(chunk);
    this.#afterReceive();
    const { arriving } = this.protocol;
    if (arriving !== null && arriving.vacancy !== null) readNextInto(this.#stream, arriving.vacancy);
  }

  // ── Messages in: what the queue is given, and what is counted of it ──

  put(message: Message, byteLength: number): void {
    this.countStreamed(typeof message === 'string', byteLength);
    this.queue.put(message, byteLength);
  }

  countStreamed(isText: boolean, byteLength: number): void {
    const { counters } = this;
    counters.messagesReceived++;
    counters.bytesReceived += byteLength;
    tellMessage(this.#connection, this.protocol.role, 'incoming', isText, byteLength);
  }

  get isFull(): boolean {
    return this.queue.isFull;
  }

  mayStream(byteLength: number): boolean {
    return this.queue.mayStream(byteLength);
  }

  takeSink(): Pieces | null {
    return this.queue.takeSink();
  }

  /** A message was sent whole. */
  countSent(isText: boolean, byteLength: number): void {
    const { counters } = this;
    counters.messagesSent++;
    counters.bytesSent += byteLength;
    tellMessage(this.#connection, this.protocol.role, 'outgoing', isText, byteLength);
  }

  tellSlow(direction: Direction): void {
    tellSlow(this.#connection, this.protocol.role, direction);
  }

  // ── After bytes, and after calls ──

  #afterReceive(): void {
    this.counters.noteQueued(this.queue.count, this.queue.byteLength);
    // The messages before a violation or a Close frame are answered as if they had come alone: their readers run first.
    if (this.protocol.mustFinish && !this.ending.isAwaitingReader) this.ending.scheduleFinish();
    this.afterProtocol();
  }

  advance(isUnread: boolean): void {
    if (isUnread) this.#pause(true);
    this.afterProtocol();
    this.resumeIfLow();
  }

  /** What follows from the state that received bytes or a call have brought the protocol to. */
  afterProtocol(): void {
    const protocol = this.protocol;
    const { byteLength } = protocol.output;
    // A socket may be read many times before others are: pongs must not pile up meanwhile.
    if (byteLength >= this.#stream.writableHighWaterMark) this.writer.flush();
    else if (byteLength > 0) this.writer.schedule();
    if (protocol.isOpen) {
      if (!this.isPaused && (this.queue.isFull || protocol.arriving?.isFull)) {
        this.#pause(this.queue.isFull || !protocol.arriving!.isInflating);
      }
    } else {
      this.#startClosing();
    }
  }

  /** @param isUnread whether that is for a reader: zlib is faster than any who would have to be told of. */
  #pause(isUnread: boolean): void {
    this.isPaused = true;
    this.silentChecks = 0;
    this.#stream.pause();
    if (!isUnread) return;
    this.counters.pauses++;
    this.tellSlow('incoming');
  }

  /** @param wantsWhole whether somebody asks for a whole message who doesn't wait for it. */
  resumeIfLow(wantsWhole = false): void {
    if (!this.isPaused) return;
    this.silentChecks = 0;
    const { arriving } = this.protocol;
    if (arriving?.isUnclaimed && (wantsWhole || this.queue.wantsWhole)) {
      return this.refuse(messageTooLarge(this.limits.maxMessageBytes));
    }
    arriving?.goOn();
    if (this.queue.isLow && (arriving === null || arriving.isLow)) this.#resume();
  }

  /** Something is wrong with a message of which some is there already. */
  refuse(error: Error): void {
    this.protocol.refuse(error);
    this.afterProtocol();
  }

  #resume(): void {
    this.isPaused = false;
    // The bytes held may inflate to a whole limit: other connections get their turn first.
    if (!this.protocol.isHolding) return this.#readOn();
    this.#stream.pause();
    setImmediate(() => this.#receiveHeld());
  }

  #receiveHeld(): void {
    this.protocol.receiveHeld();
    this.#afterReceive();
    if (!this.isPaused) this.#readOn();
  }

  #readOn(): void {
    if (this.#stream.readableEnded && this.protocol.isReceiving) this.receiveEnd();
    else this.#stream.resume();
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
    if (this.protocol.arriving?.isInflating) this.#pause(false);
    else if (this.isPaused || this.protocol.isHolding) this.#resume();
    this.ending.begin();
  }

  receiveEnd(): void {
    // A stream that is paused in its last chunk tells its end, too; but something of what it has brought still waits.
    const { arriving, isHolding } = this.protocol;
    if (isHolding || (arriving !== null && (arriving.isUnclaimed || arriving.isInflating))) return;
    this.protocol.receiveEnd();
    this.#startClosing();
    this.writer.end();
  }

  destroy(error: Error | null): void {
    this.ending.error ??= error;
    this.protocol.stop();
    this.writer.stopLine();
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
    this.#connections?.leave(this.#connection);
    this.queue.end();
    this.writer.conclude(close);
    this.#pings?.conclude(close);
    this.#ending?.conclude(close);
    this.#connection.request.leave?.();
    tellClosed(this.#connection, this.protocol.role, close);
  }
}
