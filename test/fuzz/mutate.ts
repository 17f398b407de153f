// Damages bytes in the ways that find mistakes in parsers: cut off, doubled, moved, flipped, spliced, lying.
import type { Random } from '../frame/random.js';

/** Bytes that a parser looks at: ends of ranges, separators, lead and continuation bytes of UTF-8. */
const REMARKABLE = [
  0x00, 0x01, 0x02, 0x08, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x23, 0x25, 0x2c, 0x3a, 0x3b, 0x3d, 0x3f, 0x5c, 0x7d, 0x7e,
  0x7f, 0x80, 0x81, 0x88, 0x89, 0x8a, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf8, 0xfe, 0xff,
];

/**
 * The bytes with some damage, half of the time with none.
 * @param dictionary what may be inserted or written over
 */
export function mutate(bytes: Buffer, random: Random, dictionary: readonly Buffer[]): Buffer {
  let mutated = bytes;
  while (random.chance(0.5)) mutated = mutateOnce(mutated, random, dictionary);
  return mutated;
}

function mutateOnce(bytes: Buffer, random: Random, dictionary: readonly Buffer[]): Buffer {
  const at = random.integer(0, bytes.length);
  const [start, end] = slice(bytes, random);
  switch (random.integer(0, 9)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return replace(bytes, end, end, bytes.subarray(start, end));
    case 2:
      return replace(bytes, start, end, NOTHING);
    case 3:
      return replace(bytes, at, at, random.pick(dictionary));
    case 4:
      return replace(bytes, start, end, random.pick(dictionary));
    case 5:
      return replace(bytes, at, at, random.bytes(random.integer(1, 8)));
    case 6: {
      // Two neighbouring slices change places.
      const middle = random.integer(start, end);
      return replace(bytes, start, end, Buffer.concat([bytes.subarray(middle, end), bytes.subarray(start, middle)]));
    }
    case 7:
      return change(bytes, at, (byte) => byte ^ (1 << random.integer(0, 7)));
    case 8:
      return change(bytes, at, (byte) => (byte + random.pick([-1, 1])) & 0xff);
    default:
      return change(bytes, at, () => random.pick(REMARKABLE));
  }
}

const NOTHING = Buffer.alloc(0);

/** Where a slice begins and ends: mostly a short one, and never long enough to let inputs grow without end. */
function slice(bytes: Buffer, random: Random): [start: number, end: number] {
  const start = random.integer(0, bytes.length);
  const longest = random.chance(0.8) ? 16 : 512;
  return [start, random.integer(start, Math.min(bytes.length, start + longest))];
}

function replace(bytes: Buffer, start: number, end: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(end)]);
}

function change(bytes: Buffer, at: number, by: (byte: number) => number): Buffer {
  if (at >= bytes.length) return bytes;
  const changed = Buffer.from(bytes);
  changed[at] = by(bytes[at]!);
  return changed;
}
