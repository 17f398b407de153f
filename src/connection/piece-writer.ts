// What writes the fragments of messages that are sent in pieces, and after them the messages that have waited.
import type { Duplex } from 'node:stream';
import { CloseCode } from '../frame/close.js';
import { FIN } from '../frame/header.js';
import type { Channel } from './channel.js';
import type { ChunkCompressor } from './compressor.js';
import { MAX_COPIED_BYTES, MAX_TAKEN_BYTES } from './output.js';
import type { LineWriter, WholeMessage } from './send-line.js';

/** Made for the first message of a line. */
export class PieceWriter implements LineWriter {
  readonly #stream: Duplex;
  readonly #channel: Channel;

  constructor(stream: Duplex, channel: Channel) {
    this.#stream = stream;
    this.#channel = channel;
  }

  fragmentBytes(chunkBytes: number): number {
    return this.#channel.protocol.output.fragmentBytes(chunkBytes);
  }

  compressChunks(firstBytes: number, compress: boolean | undefined): ChunkCompressor | null {
    return this.#channel.protocol.compressChunks(firstBytes, compress);
  }

  writeFragment(first: number, payload: Uint8Array, isLent: boolean): Promise<void> | null {
    const { protocol, writer } = this.#channel;
    protocol.output.encodeFrame(first, payload, isLent);
    writer.schedule();
    const ahead = protocol.output.byteLength + this.#stream.writableLength;
    // All that a source has at once becomes one write, unless it wants its memory back.
    const mayGoOn = (first & FIN) === 0 && (!isLent || payload.length <= MAX_COPIED_BYTES);
    return mayGoOn && !protocol.isSaturated && ahead < MAX_TAKEN_BYTES ? null : writer.room();
  }

  countStreamed(isText: boolean, byteLength: number): void {
    this.#channel.countSent(isText, byteLength);
  }

  fail(error: unknown): void {
    const reason = error instanceof Error ? error : new Error(String(error));
    this.#channel.protocol.close(CloseCode.INTERNAL_ERROR, '', reason);
    this.#channel.afterProtocol();
  }

  sendNow(message: WholeMessage, compress: boolean | undefined): Promise<void> {
    return this.#channel.writer.sendNow(message, compress);
  }

  leaveLine(): void {
    this.#channel.writer.leaveLine();
  }
}
