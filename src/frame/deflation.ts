// One message, compressed while it is made: a stream of zlib's for as long as that takes (RFC 7692 §7.2.1).
import { constants, createDeflateRaw, type DeflateRaw } from 'node:zlib';
import { free } from './allocate.js';
import { MIN_ZLIB_WINDOW_BITS, type Deflater } from './deflater.js';
import type { Window } from './window.js';

/** zlib writes into so much at a time, and asks for new memory once it is full. */
const PIECE_BYTES = 65_536;

export class Deflation {
  readonly #stream: DeflateRaw;
  /** What the chunk has become so far. */
  #pieces: Buffer[] = [];
  /** What zlib writes into. */
  #memory: ArrayBufferLike | null = null;
  #fail: (error: Error) => void = () => {};

  /** @param window what the message may refer to before itself. */
  constructor({ windowBits, level }: Pick<Deflater, 'windowBits' | 'level'>, window: Window) {
    this.#stream = createDeflateRaw({
      level,
      windowBits: Math.max(MIN_ZLIB_WINDOW_BITS, windowBits),
      chunkSize: PIECE_BYTES,
      flush: constants.Z_SYNC_FLUSH,
      // The window may be written to before a thread has read it.
      ...(window.byteLength > 0 && { dictionary: Buffer.from(window.last(Infinity)) }),
    });
    this.#stream.on('data', (piece: Buffer) => this.#pieces.push(piece));
    this.#stream.on('error', (error) => this.#fail(error));
  }

  /**
   * Compresses the next chunk in a thread of libuv, once the last one is compressed.
   * @param chunk must not be written to meanwhile.
   * @returns bytes from which all of it can be read; they are there until the next call.
   */
  push(chunk: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#stream.write(chunk, (error) => {
        if (error) reject(error);
        else resolve(this.#take());
      });
    });
  }

  #take(): Buffer {
    const pieces = this.#pieces;
    this.#pieces = [];
    const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    for (const { buffer } of pieces) {
      if (this.#memory !== null && buffer !== this.#memory) freePiece(this.#memory);
      this.#memory = buffer;
    }
    return bytes;
  }

  /** Frees what zlib has. */
  close(): void {
    this.#stream.close();
  }
}

/** What nothing else can lie in: zlib has left it, and what it held was sent. */
function freePiece(memory: ArrayBufferLike): void {
  if (memory.byteLength === PIECE_BYTES) free(new Uint8Array(memory));
}
