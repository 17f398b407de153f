// The body of a request, by length or chunked, bounded in bytes (RFC 9112 §6, §7.1).
import { HandshakeError } from '../errors.js';

/** Chunk extensions and trailer fields are read and ignored, up to so many bytes each time (RFC 9112 §7.1.1). */
const MAX_LINE_BYTES = 4096;
const MAX_TRAILER_LINES = 128;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What the decoder expects next. */
type State = 'size line' | 'data' | 'end of data' | 'trailer' | 'complete';

export class BodyDecoder {
  readonly #maxBytes: number;
  readonly #isChunked: boolean;
  #state: State;
  /** Bytes of the body, or of the current chunk, that are still to come. */
  #remaining: number;
  #line = '';
  #trailerLines = 0;
  #buffer = Buffer.alloc(0);
  #byteLength = 0;
  #isDiscarding = false;

  /**
   * @param length bytes, or `chunked`.
   * @throws HandshakeError 413 if the length is over `maxBytes`.
   */
  constructor(length: number | 'chunked', maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#isChunked = length === 'chunked';
    this.#state = length === 'chunked' ? 'size line' : length === 0 ? 'complete' : 'data';
    this.#remaining = length === 'chunked' ? 0 : length;
    this.#checkSize(this.#remaining);
  }

  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  /** The whole body, once complete. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#byteLength);
  }

  /** From now on the bytes are counted but not kept. */
  discard(): void {
    this.#isDiscarding = true;
    this.#buffer = Buffer.alloc(0);
  }

  /**
   * Takes the next bytes; they are copied.
   * @returns how many of them belong to the body.
   * @throws HandshakeError 400 for broken chunks, 413 over the limit.
   */
  push(chunk: Buffer): number {
    let position = 0;
    while (position < chunk.length && this.#state !== 'complete') {
      if (this.#state === 'data') position = this.#takeData(chunk, position);
      else if (this.#takeByte(chunk[position++])) this.#endLine();
    }
    return position;
  }

  #takeData(chunk: Buffer, position: number): number {
    const end = Math.min(chunk.length, position + this.#remaining);
    this.#keep(chunk, position, end);
    this.#remaining -= end - position;
    if (this.#remaining === 0) this.#state = this.#isChunked ? 'end of data' : 'complete';
    return end;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const needed = this.#byteLength + end - start;
    if (!this.#isDiscarding) {
      if (needed > this.#buffer.length) {
        const grown = Buffer.allocUnsafe(Math.max(needed, Math.min(this.#byteLength * 2, this.#maxBytes)));
        this.#buffer.copy(grown, 0, 0, this.#byteLength);
        this.#buffer = grown;
      }
      chunk.copy(this.#buffer, this.#byteLength, start, end);
    }
    this.#byteLength = needed;
  }

  /** Adds a byte to the current line; `true` if it ends it. */
  #takeByte(byte: number): boolean {
    if (byte === LINE_FEED) {
      if (!this.#line.endsWith('\r')) throw broken('a line ends without CR');
      this.#line = this.#line.slice(0, -1);
      return true;
    }
    if (this.#line.endsWith('\r') || (byte < 0x20 && byte !== CARRIAGE_RETURN && byte !== 0x09)) {
      throw broken('a control character in a line');
    }
    if (this.#line.length >= MAX_LINE_BYTES) throw broken(`a line has over ${MAX_LINE_BYTES} bytes`);
    this.#line += String.fromCharCode(byte);
    return false;
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (this.#state === 'size line') this.#beginChunk(line);
    else if (this.#state === 'end of data') {
      if (line !== '') throw broken('a chunk is longer than its size');
      this.#state = 'size line';
    } else if (line === '') this.#state = 'complete';
    else if (++this.#trailerLines > MAX_TRAILER_LINES) throw broken(`over ${MAX_TRAILER_LINES} trailer fields`);
  }

  #beginChunk(line: string): void {
    // Extensions follow behind a semicolon, with "bad whitespace" before it.
    const [size] = line.split(';', 1);
    // That is spaces and tabs: to `trimEnd` a no-break space is white too, and to the next reader a broken size.
    const [, digits] = /^([0-9A-Fa-f]{1,12})[ \t]*$/.exec(size) ?? [];
    if (digits === undefined) throw broken('a chunk size is no hexadecimal number');
    this.#remaining = parseInt(digits, 16);
    this.#checkSize(this.#remaining);
    this.#state = this.#remaining === 0 ? 'trailer' : 'data';
  }

  #checkSize(more: number): void {
    if (this.#byteLength + more <= this.#maxBytes) return;
    throw new HandshakeError('BODY_TOO_LARGE', 413, `the body is over maxBodyBytes (${this.#maxBytes})`);
  }
}

function broken(what: string): HandshakeError {
  return new HandshakeError('CHUNKED_INVALID', 400, `the chunked body is broken: ${what}`);
}
