// The way out of a connection: gives its output to the stream, and tells those who wait for room or for the end of it.
import { finished, type Duplex } from 'node:stream';
import { ConnectionClosed, WebSocketError, type Close } from '../errors.js';
import { free } from '../frame/allocate.js';
import { lengthOf } from '../frame/encode.js';
import { Opcode } from '../frame/opcode.js';
import { ownFrames } from '../frame/slab.js';
import { isOfHttp2 } from '../stream/cut.js';
import { flushInTick, flushSoon, type Flushable } from '../stream/flush.js';
import type { Channel } from './channel.js';
import { defer, quiet, type Deferred } from './deferred.js';
import { BY_REFERENCE_FROM_BYTES } from './output.js';
import { OutgoingMessage, type MessageSource, type SourceOptions } from './outgoing-message.js';
import { PieceWriter } from './piece-writer.js';
import { PreparedMessage } from './prepared.js';
import type { Protocol } from './protocol.js';
import { SendLine, type WholeMessage } from './send-line.js';

interface PendingFlush extends Deferred<void> {
  /** Whether the stream has all that it waits for. */
  isGiven: boolean;
}

/** What `send` returns when the message was taken at once. */
const taken = Promise.resolve();

const NOTHING = Buffer.alloc(0);

export class Writer implements Flushable {
  /** Checks of the keep-alive timer since something was written. */
  idleChecks = 0;
  readonly #stream: Duplex;
  readonly #protocol: Protocol;
  readonly #channel: Channel;
  readonly #maxBufferedBytes: number;
  readonly #isSocket: boolean;
  readonly #isOfHttp2: boolean;
  #isFlushScheduled = false;
  /** Settles when there is room again; present while a `send` waits for that. */
  #room: Deferred<void> | null = null;
  /** Settles when all that was sent has been handed over; present while somebody waits for that. */
  #flushed: PendingFlush | null = null;
  /** Bytes sent while over `maxBufferedBytes` were waiting for the peer. */
  #excess = 0;
  /** What a full socket still has to write. */
  #unwritten: readonly Uint8Array[] | null = null;
  /** Present while a message is sent in pieces. */
  #line: SendLine | null = null;
  /** Whether the stream is to end once it was given all output. */
  #isEnding = false;

  /** @param isSocket whether the stream is done with a chunk when it has written it: one in memory may hand it on. */
  constructor(stream: Duplex, protocol: Protocol, channel: Channel, maxBufferedBytes: number, isSocket: boolean) {
    this.#stream = stream;
    this.#protocol = protocol;
    this.#channel = channel;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#isSocket = isSocket;
    this.#isOfHttp2 = isOfHttp2(stream);
  }

  /** Bytes that were sent but not yet handed to the operating system. */
  get bufferedAmount(): number {
    const ahead = this.#protocol.output.byteLength + this.#stream.writableLength;
    return this.#line === null ? ahead : ahead + this.#line.byteLength;
  }

  /**
   * Whether the stream takes another message at once. While one waits that is sent from where it lies, it doesn't: its
   * bytes are not the caller's yet.
   */
  get hasRoom(): boolean {
    return this.#line === null && this.#hasSpace;
  }

  get #hasSpace(): boolean {
    const ahead = this.#protocol.output.byteLength + this.#stream.writableLength;
    if (ahead >= BY_REFERENCE_FROM_BYTES || this.#protocol.isSaturated) return false;
    return ahead < this.#stream.writableHighWaterMark;
  }

  /** Whether a `send` waits for room. */
  get isAwaited(): boolean {
    return this.#room !== null;
  }

  /** @returns as `Connection.send`. */
  send(message: WholeMessage, compress: boolean | undefined): Promise<void> {
    if (!this.#protocol.isOpen) return this.rejectClosed();
    if (this.#line !== null) return this.#wait(this.#line, message, compress);
    return this.sendNow(message, compress);
  }

  sendNow(message: WholeMessage, compress: boolean | undefined): Promise<void> {
    const protocol = this.#protocol;
    if (!protocol.isOpen) return this.rejectClosed();
    const before = protocol.output.byteLength;
    if (message instanceof PreparedMessage) {
      protocol.sendPrepared(message, compress);
      this.#channel.countSent(message.opcode === Opcode.TEXT, message.payload.length);
    } else {
      const byteLength = protocol.send(message, compress);
      this.#channel.countSent(typeof message === 'string', byteLength);
    }
    const isWaiting = this.#stream.writableLength > 0;
    if (isWaiting && this.#isOverdrawn(protocol.output.byteLength - before)) return this.rejectClosed();
    this.schedule();
    return this.room();
  }

  /** Fulfils once there is room, however much waits in line. */
  room(): Promise<void> {
    if (this.#hasSpace) return taken;
    return (this.#room ??= defer<void>()).promise;
  }

  // ── Messages in pieces ──

  /** @returns as `Connection.send`. */
  sendSource(source: MessageSource, options: SourceOptions): Promise<void> {
    if (!this.#protocol.isOpen) return this.rejectClosed();
    const message = new OutgoingMessage(source, options);
    this.#line ??= new SendLine(new PieceWriter(this.#stream, this.#channel));
    if (this.#isLineOver(this.#line)) message.stop(new ConnectionClosed(this.#channel.close));
    else this.#line.add(message);
    return message.done;
  }

  #wait(line: SendLine, message: WholeMessage, compress: boolean | undefined): Promise<void> {
    if (this.#isLineOver(line)) return this.rejectClosed();
    return quiet(line.addWhole(message, compress, byteLengthOf(message)));
  }

  #isLineOver(line: SendLine): boolean {
    if (!line.isOver(this.#maxBufferedBytes)) return false;
    const limit = `maxBufferedBytes (${this.#maxBufferedBytes}), or very many messages,`;
    const advice = `over ${limit} wait for a message that is sent in pieces; await send, or raise the limit`;
    this.#channel.destroy(new WebSocketError('PEER_NOT_READING', advice));
    return true;
  }

  /** Nothing waits in line any more. */
  leaveLine(): void {
    this.#line = null;
  }

  /** Nothing more may be sent. */
  stopLine(): void {
    this.#line?.stop(new ConnectionClosed(this.#channel.close));
  }

  /**
   * Cuts the connection if over `maxBufferedBytes` have waited for the peer while as many again were sent. One large
   * message, or many in one iteration of the event loop, are no fault of the peer's.
   */
  #isOverdrawn(sentBytes: number): boolean {
    const maxBufferedBytes = this.#maxBufferedBytes;
    if (this.bufferedAmount - sentBytes <= maxBufferedBytes) return false;
    this.#excess += sentBytes;
    if (this.#excess <= maxBufferedBytes) return false;
    const message = `over maxBufferedBytes (${maxBufferedBytes}) wait for the peer; await send, or raise the limit`;
    this.#channel.destroy(new WebSocketError('PEER_NOT_READING', message));
    return true;
  }

  rejectClosed(): Promise<never> {
    return quiet(Promise.reject(new ConnectionClosed(this.#channel.close)));
  }

  /** @returns as `Connection.flushed`. */
  flushed(): Promise<void> {
    if (this.#channel.close !== null) return this.#stream.writableFinished ? taken : this.rejectClosed();
    if (this.#line !== null) return quiet(this.#line.done.then(() => this.flushed()));
    if (this.bufferedAmount === 0) return taken;
    if (this.#flushed !== null) return quiet(this.#flushed.promise.then(() => this.flushed()));
    this.#flushed = { ...defer<void>(), isGiven: false };
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

  /** Flushes in this iteration of the event loop. */
  schedule(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    (this.#isOfHttp2 ? flushInTick : flushSoon)(this);
  }

  /** The one door for bytes: one write (or writev) for all that was sent since the last. */
  flush(): void {
    this.#isFlushScheduled = false;
    // What a full stream was given would count as unsent until the last byte of it has left.
    if (this.#protocol.isSaturated) return this.#channel.counters.noteBuffered(this.bufferedAmount);
    const { output } = this.#protocol;
    if (!this.#stream.writable) return void output.take();
    this.#write(output.take());
    if (this.#hasSpace) this.#giveRoom();
    this.#awaitWritten();
    if (this.#isEnding) this.end();
  }

  #write(chunks: readonly Uint8Array[]): void {
    if (chunks.length === 0) return;
    const stream = this.#stream;
    this.idleChecks = 0;
    if (chunks.length > 1) stream.cork();
    let isWhole = true;
    let byteLength = 0;
    for (const chunk of chunks) {
      isWhole = chunk.length > 0;
      if (!isWhole) break;
      byteLength += chunk.length;
      // A session has written it later; after an error it may still be at it.
      if (this.#isOfHttp2) stream.write(chunk, (error) => void (error || ownFrames.release(chunk)));
      else stream.write(chunk);
    }
    if (chunks.length > 1) stream.uncork();
    const { counters } = this.#channel;
    counters.wireBytesSent += byteLength;
    if (!isWhole) return this.#losePayload();
    if (stream.writableLength > 0) this.#await(chunks);
    else if (this.#isSocket) this.#release(chunks);
    if (stream.writableNeedDrain) this.#saturate();
    else if (this.#protocol.output.byteLength > 0) this.schedule();
  }

  /** What was written is used again, or freed if it is ours: all that a client writes is, as it was masked. */
  #release(chunks: readonly Uint8Array[]): void {
    const isOurs = this.#protocol.role === 'client';
    for (const chunk of chunks) if (!ownFrames.release(chunk) && isOurs) free(chunk);
  }

  #await(chunks: readonly Uint8Array[]): void {
    this.#channel.counters.noteBuffered(this.bufferedAmount);
    if (this.#stream.writableNeedDrain) {
      if (this.#isSocket) this.#unwritten = chunks;
    } else if (!this.#hasSpace) {
      // It wants more than we give it, and tells only whoever asks.
      this.#stream.write(NOTHING, (error) => void (error || (this.#hasSpace && this.#giveRoom())));
    }
  }

  #saturate(): void {
    this.#protocol.saturate();
    this.#channel.tellSlow('outgoing');
  }

  /** The frame's header says how long it is, and the bytes are gone: only the missing end can tell the peer. */
  #losePayload(): void {
    const message = 'memory given to send was detached or resized before it was written; await send before that';
    this.#channel.destroy(new WebSocketError('PAYLOAD_LOST', message));
  }

  /** What was written has left. */
  drain(): void {
    if (this.#unwritten !== null) this.#release(this.#unwritten);
    this.#unwritten = null;
    this.#protocol.drain();
    if (this.bufferedAmount <= this.#maxBufferedBytes) this.#excess = 0;
    this.flush();
  }

  #giveRoom(): void {
    if (this.#room === null) return;
    this.#room.resolve();
    this.#room = null;
    if (this.#protocol.mustFinish) this.#channel.ending.scheduleFinish();
  }

  /** Ends the stream, after what is still being compressed or waits for the peer. */
  end(): void {
    if (this.#stream.writableEnded) return;
    if (!this.#isEnding) this.flush();
    this.#isEnding = this.#protocol.output.byteLength > 0;
    if (!this.#isEnding) this.#stream.end();
  }

  /** A message that was being compressed is done. */
  resume(): void {
    if (this.#isEnding) this.end();
  }

  /** The connection has ended: what waits is rejected. */
  conclude(close: Close): void {
    this.stopLine();
    this.#room?.reject(new ConnectionClosed(close));
    this.#flushed?.reject(new ConnectionClosed(close));
  }
}

function byteLengthOf(message: WholeMessage): number {
  return message instanceof PreparedMessage ? message.payload.length : lengthOf(message);
}
