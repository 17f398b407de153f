// Memory for bytes that may be kept: never a piece of a pool of Node's, all of which they would hold (64 KiB since 24).

/** Up to here V8 has the bytes in its own heap, which costs less than memory outside of it, zeros and all. */
const HEAP_BYTES = 64;

/** Memory that nothing else lies in. */
export function allocate(length: number): Buffer {
  return length <= HEAP_BYTES ? Buffer.alloc(length) : Buffer.allocUnsafeSlow(length);
}

/** A copy of the bytes in memory that nothing else lies in. */
export function copyOf(bytes: Uint8Array): Buffer {
  const copy = allocate(bytes.length);
  copy.set(bytes);
  return copy;
}
