// One message that is read in pieces: where they wait between the decoder and the reader.
import { copyOf } from '../frame/allocate.js';
import { decodeUtf8, lastCharacterStart } from '../frame/utf8.js';
import type { Message } from './assembler.js';
import { connectionDefaults, type ConnectionLimits } from './limits.js';
import { WaitQueue } from './wait-queue.js';

/** Of a text message a `string` of whole characters, of a binary one a `Buffer` that nobody else holds. */
export type Piece = string | Buffer;

const NOTHING: Buffer = Buffer.alloc(0);

type PiecesLimits = Omit<ConnectionLimits, 'maxBufferedBytes' | 'closeTimeout' | 'deflate'>;

export class Pieces {
  /** Those that have arrived and were not read. */
  readonly queue: WaitQueue<Piece>;
  /** The longest message accepted. */
  readonly maxMessageBytes: number;
  isText = false;
  /** Whether the message has begun to arrive. */
  hasBegun = false;
  /** Whether not all of it has arrived, and no more will. */
  isCut = false;
  /** The violation that has cut it; `null` if the connection has just ended. */
  error: Error | null = null;
  #isDroppingExcess = false;
  /** The first bytes of a character whose last ones are still to come. */
  #unfinished = NOTHING;

  /** @param limits from when on the peer is stopped. */
  constructor(limits: PiecesLimits) {
    this.queue = new WaitQueue(limits);
    this.maxMessageBytes = Math.max(limits.maxMessageBytes, limits.maxStreamedBytes);
  }

  /** For a message that nobody wants, however long it is. */
  static skipped(): Pieces {
    const pieces = new Pieces({ ...connectionDefaults, maxStreamedBytes: Infinity });
    pieces.skip();
    return pieces;
  }

  /** Whether no piece is wanted any more. */
  get isEnded(): boolean {
    return this.queue.isEnded;
  }

  /** Whether there is enough for now. */
  get isFull(): boolean {
    return !this.#isDroppingExcess && this.queue.isFull;
  }

  begin(isText: boolean): void {
    this.isText = isText;
    this.hasBegun = true;
  }

  /** The message was put together before anyone asked for its pieces. */
  fill(message: Message): void {
    this.begin(typeof message === 'string');
    const byteLength = Buffer.byteLength(message);
    if (byteLength > 0) this.queue.put(message, byteLength);
    this.end();
  }

  /**
   * Takes the next bytes, which nobody else holds.
   * @param isComplete whether they end with a whole character, if the message is text; they are known to be UTF-8.
   */
  push(bytes: Buffer, isComplete: boolean): void {
    // A message without one of its pieces would be another message.
    if (this.#isDroppingExcess && this.queue.isFull) return this.cut(null);
    if (!this.isText) return this.queue.put(bytes, bytes.length);
    const text = this.#unfinished.length === 0 ? bytes : Buffer.concat([this.#unfinished, bytes]);
    const end = isComplete ? text.length : lastCharacterStart(text, text.length);
    this.#unfinished = isComplete ? NOTHING : copyOf(text.subarray(end));
    if (end > 0) this.queue.put(decodeUtf8(text.subarray(0, end)), end);
  }

  /** The message has arrived whole. */
  end(): void {
    this.queue.end();
  }

  /** The rest of the message will not arrive. */
  cut(error: Error | null): void {
    if (this.isEnded) return;
    this.isCut = true;
    this.error = error;
    this.queue.end();
  }

  /** What waits and what will come is not wanted. */
  skip(): void {
    this.queue.discard();
    this.queue.end();
  }

  /** From now on the peer isn't stopped: a message that is not read fast enough is cut. */
  dropExcess(): void {
    this.#isDroppingExcess = true;
  }
}
