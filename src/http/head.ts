// Finds where an HTTP/1.1 head ends in bytes that arrive in any chunks, bounded and in linear time (RFC 9112 §2).
import { HttpError } from '../errors.js';

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const DELETE = 0x7f;

// 1 at each byte that may follow without a closer look, on either kind of line and after a carriage return. Their types
// are written out for TypeScript 5.4, to which `Uint8Array` is not generic.
export const REQUEST_LINE_BYTES: Uint8Array = new Uint8Array(256).fill(1, 0x20, DELETE);
export const FIELD_LINE_BYTES: Uint8Array =
  new Uint8Array(256).fill(1, 0x20).fill(1, TAB, TAB + 1).fill(0, DELETE, DELETE + 1);
const NO_BYTES = new Uint8Array(256);

const NOTHING = Buffer.alloc(0);

/** What a `HeadParser` refuses to go beyond. */
export interface HeadLimits {
  /** The bytes of a head, empty lines around it included. */
  readonly maxHeadBytes?: number;
  /** The header fields of a head. */
  readonly maxHeaderFields?: number;
}

/** As many bytes as `node:http` takes; browsers send about 15 fields. */
export const headDefaults: Required<HeadLimits> = { maxHeadBytes: 16_384, maxHeaderFields: 128 };

/**
 * Finds and parses the heads that arrive on one connection, whatever the chunks they are cut into.
 *
 * Each byte is scanned once, when it arrives, and only a head in several chunks is stored; so the time is linear.
 * After a head the parser is ready for the next one; after a throw it is not, and the connection is to be closed.
 */
export class HeadParser<Head> {
  readonly #parse: (text: string) => Head;
  readonly #startLineBytes: Uint8Array | null;
  readonly #maxHeadBytes: number;
  readonly #maxHeaderFields: number;
  /** The first `#storedBytes` of it are the unfinished head. */
  #storage: Buffer = NOTHING;
  #storedBytes = 0;
  /** Where the current line begins in the head. */
  #lineStart = 0;
  /** Lines that have ended and are not empty: the start line and the header fields. */
  #lineCount = 0;
  #allowedBytes: Uint8Array = NO_BYTES;
  #rest: Buffer = NOTHING;

  /**
   * @param parse parses a whole head, of which only the bytes and the line endings have been checked.
   * @param startLineBytes 1 at each byte that the first line may have; `null` if there is none, as of trailers.
   */
  constructor(
    parse: (text: string) => Head,
    startLineBytes: Uint8Array | null,
    limits: HeadLimits = {},
  ) {
    const { maxHeadBytes = headDefaults.maxHeadBytes, maxHeaderFields = headDefaults.maxHeaderFields } = limits;
    this.#parse = parse;
    this.#startLineBytes = startLineBytes;
    this.#maxHeadBytes = maxHeadBytes;
    this.#maxHeaderFields = maxHeaderFields;
    this.#expectHead();
  }

  /**
   * The bytes after the head that `push` has just returned: its body, the next request, or the first frames. Empty
   * after a `push` that returned `null`. It is a view of the last chunk and belongs to the owner of that chunk: use or
   * copy it before that is overwritten.
   */
  get rest(): Buffer {
    return this.#rest;
  }

  /**
   * Takes the next bytes of the connection; they are only read, and not referred to once `rest` is replaced.
   *
   * @returns the head if these bytes complete it, else `null`
   * @throws HttpError 400 for a byte or line ending that no head has, 414 or 431 over a limit, and what `parse`
   *   throws
   */
  push(chunk: Buffer): Head | null {
    const end = this.#findEnd(chunk);
    this.#rest = end === -1 || end === chunk.length ? NOTHING : chunk.subarray(end);
    if (end !== -1) return this.#parse(this.#takeText(chunk, end));
    this.#store(chunk);
    return null;
  }

  /**
   * For a kind of head that knows more about bytes that begin none: what to throw instead of the general refusal.
   *
   * @param _beginning all bytes so far, the one at fault included; nothing but empty lines and a start line without end
   */
  protected explain(_beginning: string): HttpError | null {
    return null;
  }

  /**
   * How an error names a limit; for a kind of head whose limits someone can raise.
   *
   * @param _name of the limit
   * @param text what it allows
   */
  protected describeLimit(_name: keyof HeadLimits, text: string): string {
    return text;
  }

  #expectHead(): void {
    this.#lineStart = 0;
    this.#lineCount = this.#startLineBytes === null ? 1 : 0;
    this.#allowedBytes = this.#startLineBytes ?? FIELD_LINE_BYTES;
  }

  /** Where the head ends in `chunk`, or -1 if it doesn't; refuses at the first byte that makes it hopeless. */
  #findEnd(chunk: Buffer): number {
    const limit = Math.min(chunk.length, this.#maxHeadBytes - this.#storedBytes);
    let allowedBytes = this.#allowedBytes;
    for (let position = 0; position < limit; position++) {
      const byte = chunk[position];
      if (allowedBytes[byte] === 1) continue;
      if (allowedBytes !== NO_BYTES) {
        if (byte !== CARRIAGE_RETURN) throw this.#explainStart(chunk, position + 1) ?? forbiddenByte(byte);
        allowedBytes = NO_BYTES;
        continue;
      }
      if (byte !== LINE_FEED) throw bareLineEnding('CR');
      if (this.#endLine(this.#storedBytes + position + 1)) return position + 1;
      allowedBytes = this.#lineCount === 0 ? this.#startLineBytes! : FIELD_LINE_BYTES;
    }
    this.#allowedBytes = allowedBytes;
    if (this.#storedBytes + limit === this.#maxHeadBytes) {
      throw this.#explainStart(chunk, limit) ?? this.#tooLarge();
    }
    return -1;
  }

  /** Counts the line whose line feed is the last byte before `end`; `true` if it is the empty line after a head. */
  #endLine(end: number): boolean {
    const isEmpty = end - this.#lineStart === 2;
    this.#lineStart = end;
    // RFC 9112 §2.2: ignore "at least one empty line (CRLF) received prior to the request-line"
    if (isEmpty) return this.#lineCount > 0;
    this.#lineCount++;
    if (this.#lineCount - 1 > this.#maxHeaderFields) {
      const limit = this.describeLimit('maxHeaderFields', `${this.#maxHeaderFields} header fields`);
      throw new HttpError('TOO_MANY_HEADER_FIELDS', 431, `the head exceeds ${limit}; send fewer`);
    }
    return false;
  }

  #explainStart(chunk: Buffer, end: number): HttpError | null {
    if (this.#lineCount > 0) return null;
    const stored = this.#storage.toString('latin1', 0, this.#storedBytes);
    return this.explain(stored + chunk.toString('latin1', 0, end));
  }

  #tooLarge(): HttpError {
    const limit = this.describeLimit('maxHeadBytes', `${this.#maxHeadBytes} bytes`);
    const isRequestLine = this.#lineCount === 0 && this.#lineStart < this.#maxHeadBytes;
    return isRequestLine
      ? new HttpError('START_LINE_TOO_LONG', 414, `the first line exceeds ${limit}; shorten it`)
      : new HttpError('HEAD_TOO_LARGE', 431, `the head exceeds ${limit}; shorten it`);
  }

  #store(bytes: Buffer): void {
    const needed = this.#storedBytes + bytes.length;
    if (needed > this.#storage.length) {
      // Doubling keeps the copying linear, and the memory within twice what the peer has sent.
      const storage = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#storage.length));
      this.#storage.copy(storage, 0, 0, this.#storedBytes);
      this.#storage = storage;
    }
    bytes.copy(this.#storage, this.#storedBytes);
    this.#storedBytes = needed;
  }

  /** The text of the head that ends at `end` of `chunk`; makes the parser ready for the next head. */
  #takeText(chunk: Buffer, end: number): string {
    this.#expectHead();
    if (this.#storedBytes === 0) return chunk.toString('latin1', 0, end);
    this.#store(chunk.subarray(0, end));
    const text = this.#storage.toString('latin1', 0, this.#storedBytes);
    // A connection that stays open, perhaps for days as a WebSocket, keeps no memory of its head.
    this.#storage = NOTHING;
    this.#storedBytes = 0;
    return text;
  }
}

function forbiddenByte(byte: number): HttpError {
  if (byte === LINE_FEED) return bareLineEnding('LF');
  const name = `0x${byte.toString(16).padStart(2, '0')}`;
  const advice = 'use TLS on both sides or on none, and percent-encode the target';
  const message = `byte ${name} cannot occur here in an HTTP head; ${advice}`;
  return new HttpError('BYTE_INVALID', 400, message);
}

function bareLineEnding(name: 'CR' | 'LF'): HttpError {
  return new HttpError('LINE_ENDING_INVALID', 400, `a bare ${name} cannot occur in a head; end lines with CR LF`);
}
