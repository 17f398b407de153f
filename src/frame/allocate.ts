// Memory for bytes that may be kept: never a piece of a pool of Node's, all of which they would hold (64 KiB since 24).
import { ballast, MIN_BALLASTED_BYTES } from './ballast.js';
import { MAX_HEADER_BYTES } from './header.js';

/** Up to here V8 has the bytes in its own heap, which costs less than memory outside of it, zeros and all. */
const HEAP_BYTES = 64;

/** Memory that nothing else lies in. */
export function allocate(length: number): Buffer {
  if (length <= HEAP_BYTES) return Buffer.alloc(length);
  if (length >= MIN_BALLASTED_BYTES) ballast.add(length);
  return Buffer.allocUnsafeSlow(length);
}

/** A copy of the bytes in memory that nothing else lies in. */
export function copyOf(bytes: Uint8Array): Buffer {
  const copy = allocate(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Less is not worth the call. */
const MIN_FREED_BYTES = 4096;

/**
 * Frees memory of ours that nobody will look at again, where the runtime has a way to: else it waits for a collector
 * that lets tens of MiB of such pile up (findings/node-24-fresh-buffers.sh).
 * @param bytes passed over if they are not all of their memory, as those are not that come from a pool of Node's.
 */
export function free({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < MIN_FREED_BYTES || byteLength < buffer.byteLength) return;
  (buffer as { transfer?(newLength: number): unknown }).transfer?.(0);
}

/** A declared length is believed this far before its bytes arrive: about what one read of a socket brings. */
const TRUSTED_BYTES = 65_536;
/** Then at most this many times what has arrived, header included: a read of 64 KiB may announce 1 MiB. */
const TRUST_FACTOR = 16;

/**
 * How much memory is made for a payload that is declared to become so long.
 * @param needed how much of it has arrived.
 * @param before the part of that for which there is memory.
 */
export function trustedBytes(declared: number, needed: number, before: number): number {
  const arrived = Math.max(before, needed - TRUSTED_BYTES) + MAX_HEADER_BYTES;
  return Math.min(declared, Math.max(needed, TRUSTED_BYTES, arrived * TRUST_FACTOR));
}
