// Lends an input to a parser in pieces, as a socket does, and takes each piece back before the next.
import type { Random } from '../frame/random.js';

const FILLER = 0xee;
let memory = Buffer.alloc(1 << 16);

/** The bytes in memory that is used again and again, at that offset. */
function lend(bytes: Buffer, offset: number): Buffer {
  if (memory.length < offset + bytes.length) memory = Buffer.alloc(2 * (offset + bytes.length));
  const lent = memory.subarray(offset, offset + bytes.length);
  bytes.copy(lent);
  return lent;
}

/**
 * Gives the bytes to a parser in one piece.
 * @param feed takes it; it is overwritten once that returns
 */
export function lendWhole(bytes: Buffer, feed: (piece: Buffer) => unknown): void {
  const lent = lend(bytes, 0);
  feed(lent);
  lent.fill(FILLER);
}

/** The longest piece, in bytes; `null` for all. One byte at a time is the dearest, and rare. */
const LONGEST = [1, 3, 3, 16, 16, 16, 64, 64, 64, 256, 256, 256, null, null, null, null];

/**
 * Gives the bytes in pieces of random lengths.
 * @param feed takes a piece, which is overwritten once it returns; `false` if the parser wants no more
 */
export function lendCut(bytes: Buffer, random: Random, feed: (piece: Buffer) => boolean): void {
  const longest = random.pick(LONGEST) ?? Math.max(1, bytes.length);
  const lent = lend(bytes, random.integer(0, 3));
  for (let start = 0, end; start < bytes.length; start = end) {
    end = Math.min(bytes.length, start + random.integer(1, longest));
    const wantsMore = feed(lent.subarray(start, end));
    lent.fill(FILLER, start, end);
    if (!wantsMore) return;
  }
}

/** Copies of the pieces, for a stream that keeps them. */
export function copyCut(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  lendCut(bytes, random, (piece) => pieces.push(Buffer.from(piece)) > 0);
  return pieces;
}
