// Memory for all but large frames, which many connections share: frames that are made in a row lie in a row.

/** So that many small frames of a connection are one chunk of one write. */
const SLAB_BYTES = 262_144;

/** A frame longer than this has memory of its own: a slab would have no room for others. */
export const MAX_SLAB_FRAME_BYTES = SLAB_BYTES / 4;

export class Slab {
  /** The memory of the moment. */
  bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #used = 0;
  /** Bytes of it that were allotted, and not released. */
  #held = 0;

  /** Takes `length` bytes, of new memory if there is no room; returns where they start. */
  allot(length: number): number {
    if (this.#used + length > SLAB_BYTES) {
      this.bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = this.#held = 0;
    }
    const start = this.#used;
    this.#used += length;
    this.#held += length;
    return start;
  }

  /**
   * Nobody will look at these bytes again: once that is true of all that was allotted, the memory is used again. New
   * memory comes in pages that the system has to fetch, which costs an echo of 16 KiB a quarter more (bench echo).
   * @param chunk pieces that were allotted in a row; other memory is passed over.
   */
  release(chunk: Uint8Array): void {
    if (chunk.buffer !== this.bytes.buffer) return;
    this.#held -= chunk.length;
    if (this.#held === 0) this.#used = 0;
  }
}

/** For frames that one connection sends, and releases. */
export const ownFrames = new Slab();

/** For frames that any number of connections send, now or later: they are never released. */
export const sharedFrames = new Slab();
