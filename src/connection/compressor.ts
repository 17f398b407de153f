// Messages on their way out, compressed where that was agreed on and pays (RFC 7692 §7.2.1).
import { Deflater, OFF_LOOP_FROM_BYTES } from '../frame/deflater.js';
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

  /** What is still being compressed is no longer wanted. */
  abandon(): void {
    this.#deflater.abandon();
  }
}
