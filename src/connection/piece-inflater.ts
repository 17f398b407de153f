// A compressed message that is read in pieces: inflated while it arrives, and no further ahead than it is read.
import { Inflation, type InflationReceiver } from '../frame/inflation.js';
import type { Inflater } from '../frame/inflater.js';
import { invalidUtf8, messageTooLarge } from '../frame/payload.js';
import { Utf8Validator } from '../frame/utf8.js';
import type { MessageReceiver } from './message-receiver.js';
import type { Pieces } from './pieces.js';

/** With so much that waits for zlib, the peer waits, too: one read of a socket is inflated while the next is read. */
const MAX_PENDING_BYTES = 65_536;
/** Fragments may be tiny, and a piece takes more memory than its bytes. */
const MAX_PENDING_PIECES = 1024;

export class PieceInflater implements InflationReceiver {
  /** Bytes that the message has so far, without compression. */
  byteLength = 0;
  readonly #pieces: Pieces;
  readonly #receiver: MessageReceiver;
  readonly #leave: () => void;
  readonly #inflation: Inflation;
  readonly #validator = new Utf8Validator();
  /** Whether the message has arrived whole. */
  #isWhole = false;
  /** Why no more of the message will arrive than what is still to be inflated. */
  #cut: { readonly error: Error | null } | null = null;

  /** @param leave called once the message is inflated to its end. */
  constructor(inflater: Inflater, pieces: Pieces, receiver: MessageReceiver, leave: () => void) {
    this.#pieces = pieces;
    this.#receiver = receiver;
    this.#leave = leave;
    this.#inflation = new Inflation(inflater, this);
  }

  /** Takes the next bytes of the payload. */
  push(bytes: Buffer): void {
    if (bytes.length > 0) this.#inflation.push(bytes);
  }

  /** The message has arrived whole. What comes after it has to wait: it may refer to it. */
  finish(): void {
    this.#isWhole = true;
    this.#inflation.finish();
  }

  /** Whether nothing more is to be decoded before more is inflated. */
  get isBusy(): boolean {
    const { pendingBytes, pendingPieces } = this.#inflation;
    return this.#isWhole || pendingBytes >= MAX_PENDING_BYTES || pendingPieces >= MAX_PENDING_PIECES;
  }

  /** The reader has taken pieces, or left the message. */
  goOn(): void {
    if (this.#pieces.queue.isLow) this.#inflation.resume();
  }

  /** From now on nothing waits for the reader. */
  dropExcess(): void {
    this.#pieces.dropExcess();
    this.#inflation.resume();
  }

  /** The rest of the message will not arrive. What has is still inflated, as far as the reader has room for it. */
  cut(error: Error | null): void {
    this.#cut = { error };
    if (this.#inflation.pendingBytes === 0 || this.#pieces.isEnded || this.#pieces.isFull) return this.#end();
    this.dropExcess();
  }

  #end(): void {
    this.#inflation.close();
    this.#pieces.cut(this.#cut!.error);
  }

  receiveInflated(bytes: Buffer): void {
    const pieces = this.#pieces;
    this.byteLength += bytes.length;
    if (this.byteLength > pieces.maxMessageBytes) return this.inflationFailed(messageTooLarge(pieces.maxMessageBytes));
    if (!pieces.isEnded) {
      if (pieces.isText && !this.#validator.push(bytes, 0, bytes.length)) return this.inflationFailed(invalidUtf8());
      pieces.push(bytes, !pieces.isText || this.#validator.isComplete);
    }
    if (this.#cut !== null) {
      if (pieces.isEnded) this.#end();
      return;
    }
    if (pieces.isFull) this.#inflation.pause();
    this.#receiver.advance(pieces.isFull);
  }

  inflationAdvanced(): void {
    const pieces = this.#pieces;
    if (!this.#inflation.isDone) {
      if (this.#cut === null) this.#receiver.advance(false);
      else if (this.#inflation.pendingBytes === 0) this.#end();
      return;
    }
    if (pieces.isText && !pieces.isEnded && !this.#validator.isComplete) return this.inflationFailed(invalidUtf8());
    pieces.end();
    this.#receiver.countStreamed(pieces.isText, this.byteLength);
    if (this.#cut !== null) return;
    this.#leave();
    this.#receiver.advance(false);
  }

  inflationFailed(error: Error): void {
    this.#inflation.close();
    if (this.#cut !== null) return this.#end();
    this.#receiver.refuse(error);
  }
}
