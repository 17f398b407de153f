// A message that is encoded, and compressed, once for any number of connections.
import { copyOf } from '../frame/allocate.js';
import { deflateAlone } from '../frame/deflater.js';
import { encodeShared, type Frame } from '../frame/encode.js';
import { Opcode } from '../frame/opcode.js';

/** A message made ready by `prepare`, for the `send` of any number of connections. */
export class PreparedMessage {
  /** @internal */
  readonly opcode: number;
  /** @internal */
  readonly payload: Uint8Array;
  #plain: Frame | null = null;
  /** By window and level; `null` where compression makes it no shorter. */
  #compressed: Map<number, Frame | null> | null = null;

  /** @internal */
  constructor(message: string | Uint8Array) {
    this.opcode = typeof message === 'string' ? Opcode.TEXT : Opcode.BINARY;
    this.payload = copyOf(typeof message === 'string' ? Buffer.from(message) : message);
  }

  /** @internal As it is. */
  get plain(): Frame {
    return (this.#plain ??= encodeShared(this.opcode, this.payload, false));
  }

  /** @internal Compressed without a reference to other messages; `null` if that would not be shorter. */
  compressed(windowBits: number, level: number): Frame | null {
    this.#compressed ??= new Map();
    const key = windowBits * 16 + level;
    let frame = this.#compressed.get(key);
    if (frame === undefined) {
      const deflated = deflateAlone(this.payload, windowBits, level);
      frame = deflated && encodeShared(this.opcode, deflated, true);
      this.#compressed.set(key, frame);
    }
    return frame;
  }
}
