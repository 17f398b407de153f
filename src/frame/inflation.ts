// One compressed message, inflated while it arrives: a stream of zlib's for as long as that takes (RFC 7692 §7.2.2).
import { constants, createInflateRaw, type InflateRaw } from 'node:zlib';
import { allocate, copyOf, free } from './allocate.js';
import { describe, invalidDeflate, MAX_FINAL_BLOCKS, TAIL, type Inflater } from './inflater.js';

/** How much is inflated at a time; a stream that is paused has so much at the most. */
const PIECE_BYTES = 65_536;

/** A byte after the last block: zlib tells the end of DEFLATE only if one follows (findings/inflate-final-block.sh). */
const END = Buffer.concat([TAIL, Buffer.alloc(1)]);
const UNREAD_AT_END = 1;

/** Where the message goes; each is called later than what has led to it. */
export interface InflationReceiver {
  /** @param bytes the next of the message, which nobody else holds. */
  receiveInflated(bytes: Buffer): void;
  /** All of a piece is inflated, or the whole message. */
  inflationAdvanced(): void;
  /** @param error a ProtocolError 1007 for what is not DEFLATE, or one of zlib's. Nothing follows. */
  inflationFailed(error: Error): void;
}

export class Inflation {
  /** Bytes that were pushed and are not inflated. */
  pendingBytes = 0;
  /** Pieces that wait until those before them are inflated. */
  pendingPieces = 0;
  /** Whether the message is inflated to its end. */
  isDone = false;
  readonly #inflater: Inflater;
  readonly #window: Inflater['window'];
  readonly #receiver: InflationReceiver;
  #stream: InflateRaw | null = null;
  #pieces: Buffer[] = [];
  #isWriting = false;
  #isLast = false;
  #isPaused = false;
  #isClosed = false;
  #finalBlocks = 0;
  /** What the stream has left: DEFLATE ends before it. */
  #rest: Buffer | null = null;
  #isStreamEnded = false;

  constructor(inflater: Inflater, receiver: InflationReceiver) {
    this.#inflater = inflater;
    this.#window = inflater.window;
    this.#receiver = receiver;
  }

  /** Takes the next bytes of the payload: they are in memory that nobody else will look at. */
  push(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.pendingPieces++;
    this.pendingBytes += bytes.length;
    this.#write();
  }

  /** The payload has been pushed whole. */
  finish(): void {
    this.#isLast = true;
    this.push(END);
  }

  /** Nothing more is inflated than what is about to be. */
  pause(): void {
    this.#isPaused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#stream?.resume();
  }

  /** Frees what zlib has; nothing more is told. */
  close(): void {
    this.#isClosed = true;
    this.pendingBytes = 0;
    this.#stream?.close();
  }

  #write(): void {
    if (this.#isWriting || this.#isClosed || this.#pieces.length === 0) return;
    this.#isWriting = true;
    // Many small ones take one way to a thread and back.
    const pieces = this.#pieces;
    const bytes = pieces.length === 1 ? pieces[0]! : join(pieces);
    this.#pieces = [];
    this.pendingPieces = 0;
    this.#inflate(bytes);
  }

  #inflate(bytes: Buffer): void {
    const stream = (this.#stream ??= this.#open());
    const before = stream.bytesWritten;
    stream.write(bytes, () => this.#written(bytes, stream.bytesWritten - before));
  }

  #open(): InflateRaw {
    const stream = createInflateRaw({
      windowBits: this.#inflater.windowBits,
      chunkSize: PIECE_BYTES,
      flush: constants.Z_SYNC_FLUSH,
      // The window is written to as soon as there are pieces.
      ...(this.#window.byteLength > 0 && { dictionary: Buffer.from(this.#window.last(Infinity)) }),
    });
    stream.on('data', (bytes: Buffer) => this.#receive(bytes));
    stream.on('end', () => {
      this.#isStreamEnded = true;
      this.#goOn();
    });
    stream.on('error', (error) => {
      if (!this.#isClosed) this.#receiver.inflationFailed(describe(error));
    });
    if (this.#isPaused) stream.pause();
    return stream;
  }

  #receive(bytes: Buffer): void {
    this.#window.append(bytes);
    // zlib writes the next piece after this one, into the same memory.
    this.#receiver.receiveInflated(bytes.length === bytes.buffer.byteLength ? bytes : copyOf(bytes));
  }

  #written(bytes: Buffer, inflated: number): void {
    if (this.#isClosed) return;
    this.pendingBytes -= inflated;
    if (inflated < bytes.length) {
      this.#rest = bytes.subarray(inflated);
      return this.#goOn();
    }
    free(bytes);
    if (this.#isLast && this.#pieces.length === 0) {
      return this.#receiver.inflationFailed(invalidDeflate('unexpected end of file'));
    }
    this.#isWriting = false;
    this.#write();
    this.#receiver.inflationAdvanced();
  }

  /** After a final block, once all before its end was handed out. */
  #goOn(): void {
    const rest = this.#rest;
    if (this.#isClosed || rest === null || !this.#isStreamEnded) return;
    this.#rest = null;
    this.#isStreamEnded = false;
    this.#stream!.close();
    this.#stream = null;
    if (this.#isLast && this.#pieces.length === 0 && rest.length === UNREAD_AT_END) {
      this.isDone = true;
      return this.#receiver.inflationAdvanced();
    }
    if (++this.#finalBlocks > MAX_FINAL_BLOCKS) {
      return this.#receiver.inflationFailed(invalidDeflate(`more than ${MAX_FINAL_BLOCKS} final blocks`));
    }
    this.#inflate(rest);
  }
}

function join(pieces: readonly Buffer[]): Buffer {
  const bytes = allocate(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const piece of pieces) {
    bytes.set(piece, end);
    end += piece.length;
    free(piece);
  }
  return bytes;
}
