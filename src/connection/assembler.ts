// Puts messages together from the frames that bring them, and from the pieces in which these arrive (RFC 6455 §5.4).
import { allocate, copyOf, trustedBytes } from '../frame/allocate.js';
import type { DataReceiver } from '../frame/decode.js';
import { FIN, RSV1 } from '../frame/header.js';
import { maxCompressedBytes, minInflatedBytes, TAIL, type Inflater } from '../frame/inflater.js';
import { moveMasked } from '../frame/mask.js';
import { Opcode } from '../frame/opcode.js';
import { copyPayload, decodeText, invalidUtf8, messageTooLarge, toText } from '../frame/payload.js';
import { decodeUtf8, Utf8Validator } from '../frame/utf8.js';
import type { MessageReceiver } from './message-receiver.js';
import { PieceInflater } from './piece-inflater.js';
import { Pieces } from './pieces.js';

/** A text message is a `string`, a binary one a `Buffer` that nobody else holds. */
export type Message = string | Buffer;

/** Less than this is better read into the shared memory, with what follows it. */
const MIN_VACANCY_BYTES = 131_072;

/** Shared: each empty buffer would be another `ArrayBuffer`. */
const NOTHING = Buffer.alloc(0);

export class MessageAssembler implements DataReceiver {
  /** Messages that were put together so far. */
  messageCount = 0;
  /** Where the next bytes of a large payload belong: what is read there need not be copied. */
  vacancy: Buffer | null = null;
  /** Whether the message is too long to be assembled, and nobody has asked for it yet. */
  isUnclaimed = false;
  /** `null` unless permessage-deflate was agreed on. */
  readonly #inflater: Inflater | null;
  #receiver: MessageReceiver | null = null;
  #maxMessageBytes = 0;

  // The message of the latest frame.
  #isText = false;
  #isCompressed = false;
  /** Whether it comes in fragments, or is read in pieces. */
  #isFragmented = false;
  /** Whether that frame is its last. */
  #isFinal = false;
  /** Its payload so far, in the first bytes of the buffer. */
  #byteLength = 0;
  #buffer: Buffer = NOTHING;
  /** Checks text that arrives in pieces. */
  #validator: Utf8Validator | null = null;
  /** Whether some of it is here that could be handed over. */
  #hasPart = false;
  /** Whether more of it will come. */
  #hasRest = false;
  /** Who reads it in pieces. */
  #pieces: Pieces | null = null;
  /** What inflates it for them. */
  #inflating: PieceInflater | null = null;

  constructor(inflater: Inflater | null) {
    this.#inflater = inflater;
  }

  /** To be called first, and between two messages for another connection. */
  serve(receiver: MessageReceiver | null, maxMessageBytes: number): void {
    this.#receiver = receiver;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** @throws ProtocolError 1009 for a frame that makes the message longer than it may be. */
  beginFrame(first: number, payloadLength: number): void {
    const opcode = first & 0x0f;
    this.#isFinal = (first & FIN) !== 0;
    if (opcode !== Opcode.CONTINUATION) {
      this.#byteLength = 0;
      this.#isText = opcode === Opcode.TEXT;
      this.#isCompressed = (first & RSV1) !== 0;
      this.#isFragmented = !this.#isFinal;
    }
    const limit = this.#isCompressed ? maxCompressedBytes(this.#maxMessageBytes) : this.#maxMessageBytes;
    if (this.#byteLength + payloadLength > limit) this.#exceed(this.#byteLength + payloadLength);
  }

  /** The message is too long to be put together. @param byteLength at least as many bytes arrive. */
  #exceed(byteLength: number): void {
    const limit = this.#pieces?.maxMessageBytes ?? this.#maxMessageBytes;
    const shortest = this.#isCompressed ? minInflatedBytes(byteLength) : byteLength;
    const isAllowed = this.#pieces !== null ? shortest <= limit : this.#receiver!.mayStream(shortest);
    if (!isAllowed) throw messageTooLarge(limit);
    this.isUnclaimed = this.#pieces === null;
    this.#isFragmented = true;
  }

  /** @throws ProtocolError 1007 for what can't be UTF-8 or is not DEFLATE, 1009 for what inflates to too much. */
  receivePayload(chunk: Buffer, start: number, end: number, maskingKey: number, remaining: number): boolean {
    if (remaining > 0 || this.#byteLength > 0 || this.#isFragmented || this.#isCompressed) {
      return this.#receivePiece(chunk, start, end, maskingKey, remaining);
    }
    // Nearly all messages: one frame, whole in the chunk.
    const message = this.#isText
      ? decodeText(chunk, start, end, maskingKey)
      : copyPayload(chunk, start, end, maskingKey);
    this.#receiver!.put(message, end - start);
    this.messageCount++;
    return true;
  }

  #receivePiece(chunk: Buffer, start: number, end: number, maskingKey: number, remaining: number): boolean {
    this.#hasRest = remaining > 0 || !this.#isFinal;
    // One that is compressed and all there is inflated at once, if it isn't too long for that.
    if (this.#pieces === null && (this.#hasRest || this.isUnclaimed || !this.#isCompressed)) this.#lookForReader();
    if (this.#pieces !== null) return this.#pass(this.#pieces, copyPayload(chunk, start, end, maskingKey));
    this.#append(chunk, start, end, maskingKey, this.isUnclaimed ? 0 : remaining);
    if (this.isUnclaimed) return this.#hold();
    this.vacancy = remaining >= MIN_VACANCY_BYTES ? this.#findVacancy(remaining) : null;
    this.#hasPart = this.#hasRest && (this.#isFragmented || this.#byteLength > 0);
    return this.#hasRest || this.#finish();
  }

  #hold(): boolean {
    if (!this.#hasRest) this.#finishText();
    this.#hasPart = true;
    return false;
  }

  #lookForReader(): void {
    const pieces = this.#receiver!.takeSink();
    if (pieces !== null) this.#giveTo(pieces);
  }

  // ── Messages that are read in pieces ──

  /**
   * Gives the message that is arriving to one who reads it in pieces: what is there, and what will come.
   * @returns `false` if there is none, or another reads it.
   */
  handOver(pieces: Pieces): boolean {
    if (!this.#hasPart || this.#pieces !== null) return false;
    this.#giveTo(pieces);
    if (!this.#hasRest) this.#finishPieces(pieces);
    return true;
  }

  #giveTo(pieces: Pieces): void {
    this.#pieces = pieces;
    this.#isFragmented = true;
    this.isUnclaimed = false;
    this.vacancy = null;
    pieces.begin(this.#isText);
    if (this.#isCompressed) {
      this.#inflating = new PieceInflater(this.#inflater!, pieces, this.#receiver!, () => this.#leave());
    }
    // A copy: the buffer may have room for much more.
    if (this.#byteLength > 0) this.#give(pieces, copyOf(this.#takeBytes()));
  }

  #give(pieces: Pieces, bytes: Buffer): void {
    if (this.#inflating !== null) this.#inflating.push(bytes);
    else pieces.push(bytes, this.#validator?.isComplete ?? true);
  }

  #pass(pieces: Pieces, bytes: Buffer): boolean {
    this.#byteLength += bytes.length;
    if (this.#inflating === null && this.#isText && !pieces.isEnded) this.#validate(bytes, 0, bytes.length);
    if (bytes.length > 0 && (this.#inflating !== null || !pieces.isEnded)) this.#give(pieces, bytes);
    if (!this.#hasRest) this.#finishPieces(pieces);
    return !this.isFull;
  }

  #finishPieces(pieces: Pieces): void {
    if (this.#inflating !== null) return this.#inflating.finish();
    if (!pieces.isEnded) this.#finishText();
    pieces.end();
    this.#receiver!.countStreamed(this.#isText, this.#byteLength);
    this.#leave();
  }

  /** The message has gone to its reader. */
  #leave(): void {
    this.#pieces = this.#inflating = this.#validator = null;
    this.#hasPart = false;
    this.messageCount++;
  }

  /** Whether the message that is arriving has to wait: for its reader, for zlib, or for somebody to claim it. */
  get isFull(): boolean {
    return this.isUnclaimed || (this.#pieces !== null && this.#pieces.isFull) || this.isInflating;
  }

  /** Whether that is for zlib. */
  get isInflating(): boolean {
    return this.#inflating !== null && this.#inflating.isBusy;
  }

  /** Whether one that had to wait may go on. */
  get isLow(): boolean {
    return !this.isUnclaimed && (this.#pieces === null || this.#pieces.queue.isLow) && !this.isInflating;
  }

  /** There may be room again. */
  goOn(): void {
    this.#inflating?.goOn();
  }

  /** From now on nothing waits: what is not read fast enough is cut, what nobody has claimed is dropped. */
  dropExcess(): void {
    if (this.isUnclaimed) this.handOver(Pieces.skipped());
    (this.#inflating ?? this.#pieces)?.dropExcess();
  }

  /** The rest of the message will not arrive. */
  cut(error: Error | null): void {
    (this.#inflating ?? this.#pieces)?.cut(error);
    this.#pieces = this.#inflating = null;
    this.#hasPart = this.isUnclaimed = false;
  }

  // ── Messages that are put together ──

  /** Copies a piece of payload out of the chunk, unmasking it on the way. */
  #append(chunk: Buffer, start: number, end: number, maskingKey: number, remaining: number): void {
    const from = this.#byteLength;
    this.#reserve(end - start, remaining);
    this.#byteLength += end - start;
    if (maskingKey !== 0 || !this.#isInPlace(chunk, start, from)) {
      moveMasked(chunk, start, this.#buffer, from, end - start, maskingKey);
    }
    if (this.#isText && !this.#isCompressed) this.#validate(this.#buffer, from, this.#byteLength);
  }

  /** §8.1: text that can't become UTF-8 any more fails the connection, however much of it is still to come. */
  #validate(bytes: Buffer, start: number, end: number): void {
    this.#validator ??= new Utf8Validator();
    if (!this.#validator.push(bytes, start, end)) throw invalidUtf8();
  }

  #finishText(): void {
    if (this.#validator?.isComplete === false) throw invalidUtf8();
  }

  #isInPlace(chunk: Buffer, start: number, from: number): boolean {
    return chunk.buffer === this.#buffer.buffer && chunk.byteOffset + start === this.#buffer.byteOffset + from;
  }

  #findVacancy(remaining: number): Buffer | null {
    const start = this.#byteLength;
    const end = Math.min(this.#buffer.length, start + remaining);
    return end - start < MIN_VACANCY_BYTES ? null : this.#buffer.subarray(start, end);
  }

  /**
   * Makes room for a piece.
   * @param remaining bytes of the frame's payload that come after it.
   */
  #reserve(pieceLength: number, remaining: number): void {
    const needed = this.#byteLength + pieceLength;
    if (needed <= this.#buffer.length) return;
    const declared = needed + remaining + (this.#isCompressed ? TAIL.length : 0);
    const trusted = trustedBytes(declared, needed, this.#byteLength);
    // After the last frame there is nothing; before it, doubling makes a million one-byte fragments linear.
    const capacity = this.#isFinal ? trusted : Math.max(trusted, this.#byteLength * 2);
    const grown = allocate(capacity);
    this.#buffer.copy(grown, 0, 0, this.#byteLength);
    this.#buffer = grown;
  }

  #finish(): boolean {
    if (this.#isCompressed) return this.#inflate(this.#inflater!);
    const byteLength = this.#byteLength;
    const bytes = this.#takeBytes();
    this.#finishText();
    this.#validator = null;
    this.#receiver!.put(this.#isText ? decodeUtf8(bytes) : bytes, byteLength);
    this.messageCount++;
    return true;
  }

  #inflate(inflater: Inflater): boolean {
    this.#append(TAIL, 0, TAIL.length, 0, 0);
    const bytes = inflater.inflate(this.#buffer.subarray(0, this.#byteLength), this.#maxMessageBytes);
    if (bytes === null) return this.#exceedInflated();
    this.#buffer = NOTHING;
    this.#receiver!.put(this.#isText ? toText(bytes) : bytes, bytes.length);
    this.messageCount++;
    return !this.#receiver!.isFull;
  }

  /** The message is there, and too long to be put together. */
  #exceedInflated(): boolean {
    this.#byteLength -= TAIL.length;
    if (!this.#receiver!.mayStream(this.#maxMessageBytes + 1)) throw messageTooLarge(this.#maxMessageBytes);
    this.isUnclaimed = this.#hasPart = true;
    const pieces = this.#receiver!.takeSink();
    if (pieces !== null) this.handOver(pieces);
    return false;
  }

  /** Gives the whole payload away. */
  #takeBytes(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#byteLength);
    this.#buffer = NOTHING;
    return bytes;
  }
}
