// Masking (RFC 6455 §5.3): XOR with a four-byte key, which is its own inverse.
import { randomFillSync } from 'node:crypto';
import { instantiate, type Simd } from './simd.js';

/**
 * From this many bytes on, it is faster to copy them into the memory of a WebAssembly function and back than to mask
 * them byte by byte: 1 KiB takes 161 ns instead of 924, 16 KiB 1.1 µs. Eight bytes at a time, by BigInt64Array, took
 * 236 ns and 2.1 µs (bench codec).
 */
const SIMD_FROM_BYTES = 160;
const simd = instantiate();

/**
 * Copies `length` bytes from `source` to `target` and masks (or unmasks) them on the way; `source` is left alone.
 * @param key the four bytes of the masking key as one number, the lowest byte first; it applies to the first byte.
 */
export function copyMasked(
  source: Uint8Array,
  sourceStart: number,
  target: Buffer,
  targetStart: number,
  length: number,
  key: number,
): void {
  if (length >= SIMD_FROM_BYTES && simd !== null) {
    copyThrough(simd, source, sourceStart, target, targetStart, length, key);
    return;
  }
  const key0 = key & 0xff;
  const key1 = (key >>> 8) & 0xff;
  const key2 = (key >>> 16) & 0xff;
  const key3 = key >>> 24;
  const end = sourceStart + length;
  let from = sourceStart;
  let to = targetStart;
  for (const last = end - 3; from < last; from += 4, to += 4) {
    target[to] = source[from] ^ key0;
    target[to + 1] = source[from + 1] ^ key1;
    target[to + 2] = source[from + 2] ^ key2;
    target[to + 3] = source[from + 3] ^ key3;
  }
  if (from < end) target[to] = source[from] ^ key0;
  if (from + 1 < end) target[to + 1] = source[from + 1] ^ key1;
  if (from + 2 < end) target[to + 2] = source[from + 2] ^ key2;
}

/** As `copyMasked`, in pieces of what the memory holds: a multiple of four bytes, so that each begins with the key. */
function copyThrough(
  { memory, mask }: Simd,
  source: Uint8Array,
  sourceStart: number,
  target: Buffer,
  targetStart: number,
  length: number,
  key: number,
): void {
  for (let done = 0; done < length; done += memory.length) {
    const pieceLength = Math.min(length - done, memory.length);
    memory.set(source.subarray(sourceStart + done, sourceStart + done + pieceLength));
    mask(pieceLength, key);
    target.set(memory.subarray(0, pieceLength), targetStart + done);
  }
}

/** The key for the bytes that follow after `count` bytes were masked with `key`. */
export function rotateKey(key: number, count: number): number {
  const bits = (count & 3) * 8;
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

const random = new Int32Array(2048);
let randomLeft = 0;

/**
 * A fresh, unpredictable masking key (§5.3, §10.3) as one number. Taken from a pool that `node:crypto` refills:
 * four bytes at a time would cost a hundred times as much.
 */
export function createMaskingKey(): number {
  if (randomLeft === 0) {
    randomFillSync(random);
    randomLeft = random.length;
  }
  return random[--randomLeft];
}
