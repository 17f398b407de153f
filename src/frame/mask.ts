// Masking (RFC 6455 §5.3): XOR with a four-byte key, which is its own inverse.
import { randomFillSync } from 'node:crypto';
import { allotMaskable, isMaskable, maskInPlace } from './mask-memory.js';

/** From this many bytes on, SIMD is faster than a loop, even by way of other memory (bench codec). */
const SIMD_FROM_BYTES = 160;

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
  if (length >= SIMD_FROM_BYTES && copyBySimd(source, sourceStart, target, targetStart, length, key)) return;
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

/**
 * As `copyMasked`, of a source that nobody looks at any more: it may be masked where it lies, which spares a copy. A
 * message of 16 KiB costs a server a twentieth less (bench echo).
 */
export function moveMasked(
  source: Uint8Array,
  sourceStart: number,
  target: Buffer,
  targetStart: number,
  length: number,
  key: number,
): void {
  const isUnmasked = unmaskInPlace(source, sourceStart, sourceStart + length, key);
  copyMasked(source, sourceStart, target, targetStart, length, isUnmasked ? 0 : key);
}

/** @returns whether the bytes are unmasked now, where they lie. */
export function unmaskInPlace(bytes: Uint8Array, start: number, end: number, key: number): boolean {
  if (end - start < SIMD_FROM_BYTES || key === 0 || !isMaskable(bytes)) return false;
  maskInPlace(bytes, start, end, key);
  return true;
}

/** The key for the bytes that follow after `count` bytes were masked with `key`. */
export function rotateKey(key: number, count: number): number {
  const bits = (count & 3) * 8;
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

/** Memory to mask in, for what comes from and goes to other: it stays in a first-level cache. */
export const BLOCK_BYTES = 16_384;
let block: Buffer | null = null;

/**
 * As `copyMasked`. SIMD beats words of four bytes and words of eight on every runtime; the latter take twice as long on
 * V8, and a hundred times as long on JavaScriptCore (bench codec).
 * @returns whether it could.
 */
function copyBySimd(
  source: Uint8Array,
  sourceStart: number,
  target: Buffer,
  targetStart: number,
  length: number,
  key: number,
): boolean {
  // A frame without a mask, as servers send them.
  if (key === 0) {
    target.set(source.subarray(sourceStart, sourceStart + length), targetStart);
    return true;
  }
  if (isMaskable(target)) {
    if (source !== target || sourceStart !== targetStart) {
      target.set(source.subarray(sourceStart, sourceStart + length), targetStart);
    }
    maskInPlace(target, targetStart, targetStart + length, key);
    return true;
  }
  block ??= allotMaskable(BLOCK_BYTES);
  if (!isMaskable(block)) return false;
  for (let done = 0; done < length; done += BLOCK_BYTES) {
    const count = Math.min(length - done, BLOCK_BYTES);
    block.set(source.subarray(sourceStart + done, sourceStart + done + count));
    maskInPlace(block, 0, count, key);
    target.set(count === BLOCK_BYTES ? block : block.subarray(0, count), targetStart + done);
  }
  return true;
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
