// The end of what one direction of a connection has compressed so far: the LZ77 sliding window (RFC 7692 §7.2.1).

/** A message often brings a few hundred bytes; more room comes by doubling. */
const FIRST_BYTES = 1024;

/**
 * The last bytes of all compressed messages, as a dictionary for zlib: with it, no native state is needed between
 * messages, and still they are what a peer sends and expects that has a stream of zlib's for each direction.
 */
export class Window {
  readonly #maxBytes: number;
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** @param windowBits the base-2 logarithm of the window's size in bytes, 8 to 15. */
  constructor(windowBits: number) {
    this.#maxBytes = 2 ** windowBits;
  }

  get byteLength(): number {
    return this.#length;
  }

  /** The last bytes, `count` at the most: a view, until the next `append`. */
  last(count: number): Buffer {
    return this.#bytes.subarray(Math.max(0, this.#length - count), this.#length);
  }

  /** Adds the bytes of a message before compression; the oldest give way. */
  append(message: Uint8Array): void {
    const added = message.length > this.#maxBytes ? message.subarray(-this.#maxBytes) : message;
    const kept = Math.min(this.#length, this.#maxBytes - added.length);
    this.#reserve(kept, added.length);
    this.#bytes.set(added, kept);
    this.#length = kept + added.length;
  }

  /** Leaves the last `kept` bytes at the start of a buffer with room for `added` more. */
  #reserve(kept: number, added: number): void {
    const start = this.#length - kept;
    if (kept + added <= this.#bytes.length) {
      if (start > 0) this.#bytes.copyWithin(0, start, this.#length);
      return;
    }
    const doubled = Math.max(kept + added, FIRST_BYTES, this.#bytes.length * 2);
    const grown = Buffer.allocUnsafeSlow(Math.min(doubled, this.#maxBytes));
    this.#bytes.copy(grown, 0, start, this.#length);
    this.#bytes = grown;
  }
}
