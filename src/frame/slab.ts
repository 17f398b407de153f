// Memory for all but large frames, which many connections share: frames that are made in a row lie in a row.
import { MAX_HEADER_BYTES } from './header.js';
import { allotMaskable } from './mask-memory.js';

/** A longer frame has memory of its own: a slab would have no room for others. Streams give chunks of 64 KiB. */
export const MAX_SLAB_FRAME_BYTES = 65_536 + MAX_HEADER_BYTES;

/** So that many small frames of a connection are one chunk of one write. */
const SLAB_BYTES = 4 * MAX_SLAB_FRAME_BYTES;

interface Slab {
  readonly bytes: Buffer;
  /** Bytes of it that were allotted, and not released. */
  held: number;
}

export class Slabs {
  /** The memory of the moment. */
  bytes: Buffer;
  #used = 0;
  #current: Slab;
  /** Those that are used again once all of their bytes are released, oldest first. */
  readonly #kept: Slab[] = [];
  readonly #maxKept: number;
  readonly #allocate: (length: number) => Buffer;

  /** @param maxKept how many of 256 KiB are kept; the memory of others is let go when nobody refers to it. */
  constructor(maxKept: number, allocate: (length: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.#maxKept = maxKept;
    this.#allocate = allocate;
    this.#current = this.#add();
    this.bytes = this.#current.bytes;
  }

  /** Takes `length` bytes, of other memory if there is no room; returns where they start. */
  allot(length: number): number {
    if (this.#used + length > SLAB_BYTES) {
      this.#current = this.#kept.find(({ held }) => held === 0) ?? this.#add();
      this.bytes = this.#current.bytes;
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    this.#current.held += length;
    return start;
  }

  /**
   * Nobody will look at these bytes again: once that is true of all of a slab's, they are used again. New memory comes
   * in pages that the system has to fetch, which can cost more than the rest of an echo of 16 KiB (bench echo).
   * @param chunk pieces that were allotted in a row; other memory is passed over.
   * @returns whether they were.
   */
  release(chunk: Uint8Array): boolean {
    const slab = this.#slabOf(chunk);
    if (slab === undefined) return false;
    slab.held -= chunk.length;
    if (slab.held === 0 && slab === this.#current) this.#used = 0;
    return true;
  }

  /** Whether these bytes could be released. */
  has(chunk: Uint8Array): boolean {
    return this.#slabOf(chunk) !== undefined;
  }

  #slabOf({ buffer, byteOffset }: Uint8Array): Slab | undefined {
    for (const slab of this.#kept) {
      const { bytes } = slab;
      if (bytes.buffer === buffer && byteOffset >= bytes.byteOffset && byteOffset < bytes.byteOffset + SLAB_BYTES) {
        return slab;
      }
    }
    return undefined;
  }

  #add(): Slab {
    const slab = { bytes: this.#allocate(SLAB_BYTES), held: 0 };
    if (this.#kept.push(slab) > this.#maxKept) this.#kept.shift();
    return slab;
  }
}

/** For frames that one connection sends, and releases; a client's are masked where they lie. */
export const ownFrames = new Slabs(16, allotMaskable);

/** For frames that any number of connections send, now or later: they are never released. */
export const sharedFrames = new Slabs(1);
