// Bytes that arrive before their turn: they wait until the request before them is done.
import { copyOf } from '../frame/allocate.js';

const NOTHING = Buffer.alloc(0);

export class EarlyBytes {
  /** Whether the client has ended its side after them. */
  isEnded = false;
  #chunks: Buffer[] = [];
  #byteLength = 0;

  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * Copies no byte twice: each of thousands of pipelined requests would copy all that follow it.
   * @param isShared whether the memory of the bytes may be read into again.
   */
  hold(bytes: Buffer, isShared: boolean): void {
    this.#chunks.push(isShared ? copyOf(bytes) : bytes);
    this.#byteLength += bytes.length;
  }

  /** All of them in one piece; none wait any more. */
  take(): Buffer {
    if (this.#byteLength === 0) return NOTHING;
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#byteLength = 0;
    return bytes;
  }
}
