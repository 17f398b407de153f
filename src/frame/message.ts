// Puts a message together that does not arrive whole in one chunk: fragments, or pieces of a frame (RFC 6455 §5.4).
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from '../errors.js';
import { CloseCode } from './close.js';
import { MAX_HEADER_BYTES } from './header.js';
import { copyMasked } from './mask.js';
import { decodeUtf8, Utf8Validator } from './utf8.js';

/** A text message is a `string`, a binary one a `Buffer` that nobody else holds. */
export type Message = string | Buffer;

/** A declared length is believed this far before its bytes arrive: about what one read of a socket brings. */
const TRUSTED_BYTES = 65_536;
/** Then at most this many times what has arrived, header included: a read of 64 KiB may announce 1 MiB. */
const TRUST_FACTOR = 16;

/** One for all: each would be an `ArrayBuffer` of its own. */
const NOTHING = Buffer.alloc(0);

export class MessageAssembler {
  /** Bytes of payload so far. */
  byteLength = 0;
  #buffer = NOTHING;
  /** Present while the message is text. */
  #validator: Utf8Validator | null = null;

  /**
   * Starts a message; the last one's buffer now belongs to whoever got it.
   * @param isText whether the bytes are to be UTF-8, which those of a compressed message are not.
   */
  begin(isText: boolean): void {
    this.byteLength = 0;
    this.#validator = isText ? new Utf8Validator() : null;
  }

  /**
   * Makes room for bytes of a frame; called before each piece of it.
   * @param frameRemaining bytes of the frame's payload that are still to come, this piece included.
   * @param isFinal whether the frame is the message's last: then the size is known.
   */
  reserve(pieceLength: number, frameRemaining: number, isFinal: boolean): void {
    const needed = this.byteLength + pieceLength;
    if (needed <= this.#buffer.length) return;
    const arrived = Math.max(this.byteLength, needed - TRUSTED_BYTES) + MAX_HEADER_BYTES;
    const trusted = Math.max(needed, TRUSTED_BYTES, arrived * TRUST_FACTOR);
    const declared = Math.min(this.byteLength + frameRemaining, trusted);
    // Doubling makes a million one-byte fragments linear.
    const capacity = isFinal ? declared : Math.max(declared, this.byteLength * 2);
    const grown = Buffer.allocUnsafeSlow(capacity);
    this.#buffer.copy(grown, 0, 0, this.byteLength);
    this.#buffer = grown;
  }

  /**
   * Copies a piece of payload out of the chunk, unmasking it on the way.
   * @throws ProtocolError 1007 at the first byte that cannot be UTF-8 (§8.1), in a text message.
   */
  append(chunk: Buffer, start: number, end: number, key: number): void {
    const from = this.byteLength;
    copyMasked(chunk, start, this.#buffer, from, end - start, key);
    this.byteLength += end - start;
    if (this.#validator?.push(this.#buffer, from, this.byteLength) === false) throw invalidUtf8();
  }

  /**
   * The whole message; the assembler forgets its bytes.
   * @throws ProtocolError 1007 if a text message ends inside a character.
   */
  finish(): Message {
    const bytes = this.#buffer.subarray(0, this.byteLength);
    this.#buffer = NOTHING;
    if (this.#validator === null) return bytes;
    if (!this.#validator.isComplete) throw invalidUtf8();
    return decodeUtf8(bytes);
  }
}

/** The message of bytes that arrived compressed. */
export function toMessage(bytes: Buffer, isText: boolean): Message {
  if (!isText) return bytes;
  if (!isUtf8(bytes)) throw invalidUtf8();
  return decodeUtf8(bytes);
}

export function messageTooLarge(maxMessageBytes: number): ProtocolError {
  return new ProtocolError(
    'MESSAGE_TOO_LARGE', CloseCode.MESSAGE_TOO_BIG, `message over maxMessageBytes (${maxMessageBytes})`,
  );
}

export function invalidUtf8(): ProtocolError {
  return new ProtocolError('INVALID_UTF8', CloseCode.INVALID_PAYLOAD_DATA, 'text message is not UTF-8');
}
