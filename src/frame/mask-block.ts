// Memory in which payloads are masked sixteen bytes at a time: SIMD, which JavaScript has through WebAssembly only.

/** Its size: a multiple of four bytes, so that each block begins with the first of the key, in a first-level cache. */
export const BLOCK_BYTES = 16_384;

export interface MaskBlock {
  readonly bytes: Uint8Array;
  /** XORs the first `length` bytes, and up to 31 after them, with the key, its lowest byte first. */
  mask(length: number, key: number): void;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly mask: MaskBlock['mask'];
}

/** As much of WebAssembly as is used; its types come with those of browsers. */
interface Runtime {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: Exports };
  };
}

/**
 * A module of one function, in WebAssembly's binary format:
 *
 *     for (at = 0; at < length; at += 32) {
 *       store(at, load(at) ^ keys);
 *       store(at + 16, load(at + 16) ^ keys);
 *     }
 */
const MODULE = Buffer.from(
  [
    '0061736d 01000000', // the magic number, and version 1
    '01 06 01 60 02 7f7f 00', // a type: takes two i32, returns nothing
    '03 02 01 00', // a function of that type
    '05 04 01 01 01 01', // a memory: one page of 64 KiB, and never more
    '07 11 02 06 6d656d6f7279 02 00 04 6d61736b 00 00', // the names "memory" and "mask" for them
    '0a 3d 01 3b 02 01 7f 01 7b', // the function's code; locals 0 length, 1 key, 2 at: i32, 3 keys: v128
    '2001 fd11 2103', // keys = i32x4.splat(key)
    '03 40', // loop
    '2002 2002 fd000400 2003 fd51 fd0b0400', // v128.store(at, v128.xor(v128.load(at), keys))
    '2002 2002 fd000410 2003 fd51 fd0b0410', // the same sixteen bytes on
    '2002 4120 6a 2202', // at += 32
    '2000 48 0d00 0b 0b', // once more if at < length
  ].join('').replaceAll(' ', ''),
  'hex',
);

/** @returns `null` where there is no WebAssembly, no SIMD or no memory for it, as with `node --jitless`. */
export function createMaskBlock(): MaskBlock | null {
  try {
    const { Module, Instance } = (globalThis as unknown as Runtime).WebAssembly;
    const { memory, mask } = new Instance(new Module(MODULE)).exports;
    return { bytes: new Uint8Array(memory.buffer, 0, BLOCK_BYTES), mask };
  } catch {
    return null;
  }
}
