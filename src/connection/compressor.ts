// Messages on their way out, compressed where that was agreed on and pays (RFC 7692 §7.2.1).
import { Deflation } from '../frame/deflation.js';
import { Deflater, LAST_CHUNK, OFF_LOOP_FROM_BYTES } from '../frame/deflater.js';
import type { Frame } from '../frame/encode.js';
import type { DeflateAgreement } from '../handshake/deflate.js';
import type { DeflateOptions } from './limits.js';
import type { Output } from './output.js';
import type { PreparedMessage } from './prepared.js';

/** What is told of messages that are compressed off the event loop. */
export interface CompressorReceiver {
  /** A message that was being compressed is done: there is output. */
  outputReady(): void;
  /** A message could not be compressed. */
  outputFailed(error: Error): void;
}

/** Present where permessage-deflate was agreed on. */
export class Compressor {
  readonly #output: Output;
  readonly #receiver: CompressorReceiver;
  readonly #deflater: Deflater;
  /** Messages of fewer bytes are sent as they are. */
  readonly #threshold: number;

  constructor(
    output: Output,
    receiver: CompressorReceiver,
    outgoing: DeflateAgreement['outgoing'],
    { threshold, level }: Required<DeflateOptions>,
  ) {
    this.#output = output;
    this.#receiver = receiver;
    this.#deflater = new Deflater(outgoing, level);
    this.#threshold = threshold;
  }

  /**
   * @param isAsked whether to compress it however short it is.
   * @returns how many bytes the message has, without compression.
   */
  send(opcode: number, message: string | Uint8Array, isAsked: boolean): number {
    const bytes = typeof message === 'string' ? Buffer.from(message) : message;
    if (!isAsked && bytes.length < this.#threshold) {
      this.#output.encode(opcode, bytes);
    } else if (bytes.length < OFF_LOOP_FROM_BYTES) {
      const deflated = this.#deflater.deflate(bytes);
      this.#output.encode(opcode, deflated ?? bytes, deflated !== null);
    } else {
      // The caller may write to its bytes while they are being compressed.
      const copy = bytes === message ? Buffer.from(bytes) : bytes;
      const place = this.#output.encodeLater(opcode, copy.length);
      this.#deflater.deflateLater(copy, (error, deflated) => {
        if (error !== null) return this.#receiver.outputFailed(error);
        place(deflated ?? copy, deflated !== null);
        this.#receiver.outputReady();
      });
    }
    return bytes.length;
  }

  /** The frame of a prepared message that is to be sent compressed; `null` if it is to be sent as it is. */
  compressed(prepared: PreparedMessage, compress: boolean | undefined): Frame | null {
    if (compress === false) return null;
    if (compress === undefined && prepared.payload.length < this.#threshold) return null;
    const frame = prepared.compressed(this.#deflater.windowBits, this.#deflater.level);
    if (frame !== null) this.#deflater.take(prepared.payload);
    return frame;
  }

  /**
   * For a message that is sent in pieces; `null` if it is to be sent as it is.
   * @param firstBytes how long its first chunk is.
   */
  begin(firstBytes: number, compress: boolean | undefined): ChunkCompressor | null {
    return (compress ?? firstBytes >= this.#threshold) ? new ChunkCompressor(this.#deflater) : null;
  }

  /** What is still being compressed is no longer wanted. */
  abandon(): void {
    this.#deflater.abandon();
  }
}

/** Compresses one message while it is made. */
export class ChunkCompressor {
  /** What the last fragment has. */
  readonly lastChunk: Buffer = LAST_CHUNK;
  readonly #deflater: Deflater;
  readonly #window: Deflater['window'];
  #deflation: Deflation | null = null;

  constructor(deflater: Deflater) {
    this.#deflater = deflater;
    this.#window = deflater.window;
  }

  /**
   * @param chunk must not be written to before `take`.
   * @returns bytes that are there until the next call.
   */
  deflate(chunk: Uint8Array): Buffer | Promise<Buffer> {
    if (this.#deflation === null) {
      // Without a long chunk nothing is kept between them: zlib's state is 256 KiB.
      if (chunk.length < OFF_LOOP_FROM_BYTES) return this.#deflater.deflateChunk(chunk, this.#window);
      this.#deflation = new Deflation(this.#deflater, this.#window);
    }
    return this.#deflation.push(chunk);
  }

  /** The chunk is sent: later ones may refer to it. */
  take(chunk: Uint8Array): void {
    this.#window.append(chunk);
  }

  /** The message was sent, or will not be. */
  close(): void {
    this.#deflation?.close();
  }
}
