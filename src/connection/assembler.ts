// Puts messages together from the frames that bring them, and from the pieces in which these arrive (RFC 6455 §5.4).
import type { DataReceiver } from '../frame/decode.js';
import { FIN, MAX_HEADER_BYTES, RSV1 } from '../frame/header.js';
import { maxCompressedBytes, TAIL, type Inflater } from '../frame/inflater.js';
import { copyMasked } from '../frame/mask.js';
import { Opcode } from '../frame/opcode.js';
import { copyPayload, decodeText, invalidUtf8, messageTooLarge, toText } from '../frame/payload.js';
import { decodeUtf8, Utf8Validator } from '../frame/utf8.js';

/** A text message is a `string`, a binary one a `Buffer` that nobody else holds. */
export type Message = string | Buffer;

/** Where whole messages go. */
export interface MessageReceiver {
  /** @param byteLength its bytes, without compression. */
  put(message: Message, byteLength: number): void;
  /** Whether that is enough for now. */
  readonly isFull: boolean;
}

/** A declared length is believed this far before its bytes arrive: about what one read of a socket brings. */
const TRUSTED_BYTES = 65_536;
/** Then at most this many times what has arrived, header included: a read of 64 KiB may announce 1 MiB. */
const TRUST_FACTOR = 16;

/** Less than this is better read into the shared memory, with what follows it. */
const MIN_VACANCY_BYTES = 131_072;

/** Shared: each empty buffer would be another `ArrayBuffer`. */
const NOTHING = Buffer.alloc(0);

export class MessageAssembler implements DataReceiver {
  /** Messages that were put together so far. */
  messageCount = 0;
  /** Where the next bytes of a large payload belong: what is read there need not be copied. */
  vacancy: Buffer | null = null;
  /** `null` unless permessage-deflate was agreed on. */
  readonly #inflater: Inflater | null;
  #receiver: MessageReceiver | null = null;
  #maxMessageBytes = 0;

  // The message of the latest frame.
  #isText = false;
  #isCompressed = false;
  #isFragmented = false;
  /** Whether that frame is its last. */
  #isFinal = false;
  /** Its payload so far, in the first bytes of the buffer. */
  #byteLength = 0;
  #buffer = NOTHING;
  /** Checks text that arrives in pieces. */
  #validator: Utf8Validator | null = null;

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
    if (this.#byteLength + payloadLength > limit) throw messageTooLarge(this.#maxMessageBytes);
  }

  /** @throws ProtocolError 1007 for what can't be UTF-8 or is not DEFLATE, 1009 for what inflates to too much. */
  receivePayload(chunk: Buffer, start: number, end: number, maskingKey: number, remaining: number): boolean {
    if (remaining > 0 || this.#byteLength > 0 || this.#isFragmented || this.#isCompressed) {
      this.#append(chunk, start, end, maskingKey, remaining);
      this.vacancy = remaining >= MIN_VACANCY_BYTES ? this.#findVacancy(remaining) : null;
      return remaining > 0 || !this.#isFinal || this.#finish();
    }
    // Nearly all messages: one frame, whole in the chunk.
    const message = this.#isText
      ? decodeText(chunk, start, end, maskingKey)
      : copyPayload(chunk, start, end, maskingKey);
    this.#receiver!.put(message, end - start);
    this.messageCount++;
    return true;
  }

  /** Copies a piece of payload out of the chunk, unmasking it on the way. */
  #append(chunk: Buffer, start: number, end: number, maskingKey: number, remaining: number): void {
    const from = this.#byteLength;
    this.#reserve(end - start, remaining);
    this.#byteLength += end - start;
    if (maskingKey !== 0 || !this.#isInPlace(chunk, start, from)) {
      copyMasked(chunk, start, this.#buffer, from, end - start, maskingKey);
    }
    if (!this.#isText || this.#isCompressed) return;
    this.#validator ??= new Utf8Validator();
    // §8.1: text that can't become UTF-8 any more fails the connection, however much of it is still to come.
    if (!this.#validator.push(this.#buffer, from, this.#byteLength)) throw invalidUtf8();
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
    const arrived = Math.max(this.#byteLength, needed - TRUSTED_BYTES) + MAX_HEADER_BYTES;
    const trusted = Math.min(declared, Math.max(needed, TRUSTED_BYTES, arrived * TRUST_FACTOR));
    // After the last frame there is nothing; before it, doubling makes a million one-byte fragments linear.
    const capacity = this.#isFinal ? trusted : Math.max(trusted, this.#byteLength * 2);
    const grown = Buffer.allocUnsafeSlow(capacity);
    this.#buffer.copy(grown, 0, 0, this.#byteLength);
    this.#buffer = grown;
  }

  #finish(): boolean {
    if (this.#isCompressed) return this.#inflate(this.#inflater!);
    const byteLength = this.#byteLength;
    const bytes = this.#takeBytes();
    const validator = this.#validator;
    this.#validator = null;
    if (validator?.isComplete === false) throw invalidUtf8();
    this.#receiver!.put(this.#isText ? decodeUtf8(bytes) : bytes, byteLength);
    this.messageCount++;
    return true;
  }

  #inflate(inflater: Inflater): boolean {
    this.#append(TAIL, 0, TAIL.length, 0, 0);
    const bytes = inflater.inflate(this.#takeBytes(), this.#maxMessageBytes);
    this.#receiver!.put(this.#isText ? toText(bytes) : bytes, bytes.length);
    this.messageCount++;
    return !this.#receiver!.isFull;
  }

  /** Gives the whole payload away. */
  #takeBytes(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#byteLength);
    this.#buffer = NOTHING;
    return bytes;
  }
}
