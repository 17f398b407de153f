// The body of a message, by length or chunked, bounded in bytes (RFC 9112 §6, §7.1).
import { HttpError } from '../errors.js';
import { HeadParser } from './head.js';
import { HeaderFields } from './fields.js';

/** Chunk extensions are ignored, up to so many bytes of all chunks together (§7.1.1), as in `node:http`. */
const MAX_EXTENSION_BYTES = 16_384;

const MAX_SIZE_DIGITS = 12;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/.source;
const QUOTED_STRING = /"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"/.source;
const BWS = '[ \t]*';
/** §7.1.1: chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ) */
const EXTENSION = `${BWS};${BWS}${TOKEN}(?:${BWS}=${BWS}(?:${TOKEN}|${QUOTED_STRING}))?`;
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]{1,${MAX_SIZE_DIGITS}})(?:${EXTENSION})*\r\n$`);

/** What the decoder expects next. */
type State = 'chunk line' | 'data' | 'CR after data' | 'LF after data' | 'trailers' | 'complete';

export class BodyDecoder {
  readonly #maxBytes: number;
  readonly #isChunked: boolean;
  #state: State;
  /** Bytes of the body, or of the current chunk, that are still to come. */
  #remaining: number;
  /** What has come of the chunk line. */
  #line = '';
  #extensionBytes = 0;
  /** §7.1.2: the trailer section ends as a head does, and has its fields; they are checked, and ignored. */
  #trailers: HeadParser<HeaderFields> | null = null;
  #buffer = Buffer.alloc(0);
  #byteLength = 0;
  #isDiscarding = false;

  /**
   * @param length bytes, or `chunked`.
   * @throws HttpError 413 if the length is over `maxBytes`.
   */
  constructor(length: number | 'chunked', maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#isChunked = length === 'chunked';
    this.#state = length === 'chunked' ? 'chunk line' : length === 0 ? 'complete' : 'data';
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
   * @throws HttpError 400 for broken chunks or trailer fields, 413 over the limit, 431 for too many of these.
   */
  push(chunk: Buffer): number {
    let position = 0;
    while (position < chunk.length && this.#state !== 'complete') {
      if (this.#state === 'data') position = this.#takeData(chunk, position);
      else if (this.#state === 'chunk line') position = this.#takeChunkLine(chunk, position);
      else if (this.#state === 'trailers') position = this.#takeTrailers(chunk, position);
      else this.#takeEndOfData(chunk[position++]);
    }
    return position;
  }

  #takeData(chunk: Buffer, position: number): number {
    const end = Math.min(chunk.length, position + this.#remaining);
    this.#keep(chunk, position, end);
    this.#remaining -= end - position;
    if (this.#remaining === 0) this.#state = this.#isChunked ? 'CR after data' : 'complete';
    return end;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const needed = this.#byteLength + end - start;
    if (!this.#isDiscarding) {
      if (needed > this.#buffer.length) {
        const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#byteLength * 2, this.#maxBytes)));
        this.#buffer.copy(grown, 0, 0, this.#byteLength);
        this.#buffer = grown;
      }
      chunk.copy(this.#buffer, this.#byteLength, start, end);
    }
    this.#byteLength = needed;
  }

  #takeEndOfData(byte: number): void {
    const isReturned = this.#state === 'LF after data';
    if (byte !== (isReturned ? LINE_FEED : CARRIAGE_RETURN)) throw broken('a chunk is longer than its size');
    this.#state = isReturned ? 'chunk line' : 'LF after data';
  }

  #takeChunkLine(chunk: Buffer, position: number): number {
    const lineFeed = chunk.indexOf(LINE_FEED, position);
    const end = lineFeed === -1 ? chunk.length : lineFeed + 1;
    this.#line += chunk.toString('latin1', position, end);
    const unused = MAX_EXTENSION_BYTES - this.#extensionBytes;
    if (this.#line.length > MAX_SIZE_DIGITS + unused + 2) throw extensionsTooLong();
    if (lineFeed !== -1) this.#beginChunk();
    return end;
  }

  #beginChunk(): void {
    const digits = CHUNK_LINE.exec(this.#line)?.[1];
    if (digits === undefined) throw broken('a chunk begins with its size in hexadecimal, extensions and CR LF');
    this.#extensionBytes += this.#line.length - digits.length - 2;
    this.#line = '';
    if (this.#extensionBytes > MAX_EXTENSION_BYTES) throw extensionsTooLong();
    this.#remaining = parseInt(digits, 16);
    this.#checkSize(this.#remaining);
    this.#state = this.#remaining === 0 ? 'trailers' : 'data';
  }

  #takeTrailers(chunk: Buffer, position: number): number {
    this.#trailers ??= new HeadParser((text) => new HeaderFields(text, 0), null);
    if (this.#trailers.push(chunk.subarray(position)) === null) return chunk.length;
    this.#state = 'complete';
    return chunk.length - this.#trailers.rest.length;
  }

  #checkSize(more: number): void {
    if (this.#byteLength + more <= this.#maxBytes) return;
    throw new HttpError('BODY_TOO_LARGE', 413, `the body is over maxBodyBytes (${this.#maxBytes})`);
  }
}

function extensionsTooLong(): HttpError {
  return broken(`its extensions are over ${MAX_EXTENSION_BYTES} bytes`);
}

function broken(what: string): HttpError {
  return new HttpError('CHUNKED_INVALID', 400, `the chunked body is broken: ${what}`);
}
