// Memory in which payloads are masked where they lie, sixteen bytes at a time: SIMD, which JavaScript has through
// WebAssembly only.

export interface MaskMemory {
  readonly bytes: Buffer;
  /** XORs the bytes from `start` to before `end` with the key, its lowest byte first. */
  mask(start: number, end: number, key: number): void;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly mask: MaskMemory['mask'];
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
 *     for (; start + 16 <= end; start += 16) store(start, load(start) ^ keys);
 *     for (; start < end; start++, key = rotateRight(key, 8)) storeByte(start, loadByte(start) ^ key);
 */
const MODULE = Buffer.from(
  [
    '0061736d 01000000', // the magic number, and version 1
    '01 07 01 60 03 7f7f7f 00', // a type: takes three i32, returns nothing
    '03 02 01 00', // a function of that type
    '05 04 01 01 46 46', // a memory: 70 pages of 64 KiB, and never more
    '07 11 02 06 6d656d6f7279 02 00 04 6d61736b 00 00', // the names "memory" and "mask" for them
    '0a 5f 01 5d 01 01 7b', // the function's code; locals 0 start, 1 end, 2 key: i32, 3 keys: v128
    '2002 fd11 2103', // keys = i32x4.splat(key)
    '02 40 03 40', // block, loop
    '2000 4110 6a 2001 4b 0d01', // leave the block if start + 16 > end
    '2000 2000 fd000400 2003 fd51 fd0b0400', // v128.store(start, v128.xor(v128.load(start), keys))
    '2000 4110 6a 2100 0c00 0b 0b', // start += 16, and again
    '02 40 03 40', // block, loop
    '2000 2001 4f 0d01', // leave the block if start >= end
    '2000 2000 2d0000 2002 73 3a0000', // i32.store8(start, i32.load8_u(start) ^ key)
    '2002 4108 78 2102', // key = i32.rotr(key, 8)
    '2000 4101 6a 2100 0c00 0b 0b 0b', // start += 1, and again
  ].join('').replaceAll(' ', ''),
  'hex',
);

/** @returns `null` where there is no WebAssembly, no SIMD or no memory for it, as with `node --jitless`. */
export function createMaskMemory(): MaskMemory | null {
  try {
    const { Module, Instance } = (globalThis as unknown as Runtime).WebAssembly;
    const { memory, mask } = new Instance(new Module(MODULE)).exports;
    return { bytes: Buffer.from(memory.buffer), mask };
  } catch {
    return null;
  }
}

/** Made for the first that asks for some. */
let memory: MaskMemory | null | undefined;
let buffer: ArrayBufferLike | undefined;
let allotted = 0;

/**
 * Takes memory for good: for what is read into, masked in or sent from.
 * @returns ordinary memory where there is no other, or no more.
 */
export function allotMaskable(length: number): Buffer {
  if (memory === undefined) {
    memory = createMaskMemory();
    buffer = memory?.bytes.buffer;
  }
  if (memory === null || allotted + length > memory.bytes.length) return Buffer.allocUnsafeSlow(length);
  allotted += length;
  return memory.bytes.subarray(allotted - length, allotted);
}

/** Whether the bytes can be masked where they lie. */
export function isMaskable(bytes: Uint8Array): boolean {
  return bytes.buffer === buffer;
}

/** XORs some of the bytes, which are maskable, with the key, its lowest byte first. */
export function maskInPlace({ byteOffset }: Uint8Array, start: number, end: number, key: number): void {
  memory!.mask(byteOffset + start, byteOffset + end, key);
}
