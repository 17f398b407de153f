// Memory for all but large frames, which all connections share: frames that are made in a row lie in a row.

/**
 * A hundred small frames of a connection, written one after the other, are one chunk of one write, and memory in large
 * pieces costs a frame of 16 KiB a third of what its own would. Each byte is written once: what was handed out stays as
 * it is.
 */
const SLAB_BYTES = 262_144;

/** A frame longer than this has memory of its own: a slab would have no room for others. */
export const MAX_SLAB_FRAME_BYTES = SLAB_BYTES / 4;

/** The slab of the moment. */
export let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let used = 0;

/** Takes `length` bytes of the slab, of a new one if there is no room; returns where they start. */
export function allot(length: number): number {
  if (used + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const start = used;
  used += length;
  return start;
}
