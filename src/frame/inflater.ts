// Compressed messages to their bytes: the receiving half of permessage-deflate (RFC 7692 §7.2.2).
import { inflateRawSync, type InflateRaw, type ZlibOptions } from 'node:zlib';
import { ProtocolError } from '../errors.js';
import { copyOf } from './allocate.js';
import { CloseCode } from './close.js';
import { Window } from './window.js';

/**
 * What follows the payload. §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the
 * message"; then a last, empty block, which zlib finds only if all before it was whole. After an empty payload it is
 * not: the four octets are a block without its first byte, which every sender leaves (§7.2.1).
 */
export const TAIL: Buffer = Buffer.from('0000ffff0300', 'hex');

/**
 * A block may be the last of its stream, and another stream follow (§7.2.3.4). Each costs a call of zlib's, 8 µs: a
 * message of 1 MiB made of nothing else would take four seconds. A sender that compresses a message at once makes
 * one, as uWebSockets does by libdeflate; one that can't flush ends each fragment so. None is known to make more.
 */
export const MAX_FINAL_BLOCKS = 8;

/** The pieces that zlib writes into: about what the message will need, as 16 KiB each would cost small ones 15 %. */
const MIN_PIECE_BYTES = 256;
const MAX_PIECE_BYTES = 65_536;
const EXPECTED_RATIO = 4;

/** `abc` as a reference to three bytes before the message: a final block by fixed Huffman codes (RFC 1951 §3.2.6). */
const REFERENCE = Buffer.from('032200', 'hex');
let keepsContext: boolean | null = null;

/** Whether the runtime's zlib heeds a dictionary: else no message may refer to an earlier one. Deno's does not. */
export function canTakeOver(): boolean {
  return (keepsContext ??= heedsDictionary(inflateRawSync));
}

/** @internal Tries it once. */
export function heedsDictionary(inflate: (bytes: Buffer, options: ZlibOptions) => Buffer): boolean {
  try {
    return inflate(REFERENCE, { dictionary: Buffer.from('abc') }).toString() === 'abc';
  } catch {
    return false;
  }
}

/** How long a compressed message may be: zlib itself makes no message longer, even where nothing can be saved. */
export function maxCompressedBytes(maxMessageBytes: number): number {
  return maxMessageBytes + Math.ceil(maxMessageBytes / 8) + Math.ceil(maxMessageBytes / 64) + 16;
}

/** How long a message is at least that has so many compressed bytes. */
export function minInflatedBytes(compressedBytes: number): number {
  const bytes = Math.max(0, Math.ceil(((compressedBytes - 18) * 64) / 73));
  // The two parts that are rounded up come to less than two.
  return maxCompressedBytes(bytes) < compressedBytes ? bytes + 1 : bytes;
}

export class Inflater {
  readonly windowBits: number;
  /** Present while the peer's messages may refer to earlier ones. */
  readonly #window: Window | null;

  /** @param incoming how the peer compresses: as for a `Deflater`. */
  constructor({ windowBits, contextTakeover }: { readonly windowBits: number; readonly contextTakeover: boolean }) {
    this.windowBits = windowBits;
    this.#window = contextTakeover ? new Window(windowBits) : null;
  }

  /** What the next message may refer to; its own bytes are to be added. */
  get window(): Window {
    return this.#window ?? new Window(this.windowBits);
  }

  /**
   * Inflates one message at once; nothing stays allocated but the window.
   * @param payload of the whole message, followed by `TAIL`.
   * @param maxMessageBytes inflating stops as soon as there is more.
   * @returns bytes that nobody else holds; `null` if there are more, as if the message had not been there.
   * @throws ProtocolError 1007 for data that is not DEFLATE or ends within a block.
   */
  inflate(payload: Buffer, maxMessageBytes: number): Buffer | null {
    const parts: Buffer[] = [];
    let window = this.#window;
    let byteLength = 0;
    for (let start = 0; start < payload.length; ) {
      if (parts.length > MAX_FINAL_BLOCKS) throw invalidDeflate(`more than ${MAX_FINAL_BLOCKS} final blocks`);
      if (parts.length > 0) window = this.#windowAfter(parts);
      const rest = start === 0 ? payload : payload.subarray(start);
      const inflated = this.#inflateStream(rest, window, maxMessageBytes - byteLength);
      if (inflated === null) return null;
      start += inflated.consumed;
      byteLength += inflated.bytes.length;
      parts.push(inflated.bytes);
    }
    if (this.#window !== null) for (const part of parts) this.#window.append(part);
    return parts.length === 1 ? parts[0]! : trim(Buffer.concat(parts, byteLength));
  }

  /** What is after a final block refers to what was before it, too. */
  #windowAfter(parts: readonly Buffer[]): Window {
    const window = new Window(this.windowBits);
    if (this.#window !== null) window.append(this.#window.last(Infinity));
    for (const part of parts) window.append(part);
    return window;
  }

  /** Inflates up to and with the first final block; `null` if more than `maxBytes` come. */
  #inflateStream(bytes: Buffer, window: Window | null, maxBytes: number): { bytes: Buffer; consumed: number } | null {
    const options: ZlibOptions = {
      windowBits: this.windowBits,
      // zlib has no limit of 0.
      maxOutputLength: Math.max(maxBytes, 1),
      chunkSize: Math.min(Math.max(bytes.length * EXPECTED_RATIO, MIN_PIECE_BYTES), MAX_PIECE_BYTES),
      info: true,
    };
    if (window !== null && window.byteLength > 0) options.dictionary = window.last(Infinity);
    try {
      // The types of Node know nothing of `info`.
      const { buffer, engine } = inflateRawSync(bytes, options) as unknown as { buffer: Buffer; engine: InflateRaw };
      return buffer.length > maxBytes ? null : { bytes: trim(buffer), consumed: engine.bytesWritten };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null;
      throw describe(error as NodeJS.ErrnoException);
    }
  }
}

/** A message that is kept must not hold a much larger piece. */
function trim(buffer: Buffer): Buffer {
  return buffer.buffer.byteLength > 2 * buffer.length ? copyOf(buffer) : buffer;
}

/** An error of zlib's, as one about the peer's bytes where it is. */
export function describe(error: NodeJS.ErrnoException): Error {
  return error.code === 'Z_DATA_ERROR' || error.code === 'Z_BUF_ERROR' ? invalidDeflate(error.message) : error;
}

export function invalidDeflate(problem: string): ProtocolError {
  return new ProtocolError('INVALID_DEFLATE', CloseCode.INVALID_PAYLOAD_DATA, `message is not DEFLATE: ${problem}`);
}
