// Where the messages of a connection go that have arrived, whole or in pieces.
import type { Message } from './assembler.js';
import type { Pieces } from './pieces.js';

export interface MessageReceiver {
  /** @param byteLength its bytes, without compression. */
  put(message: Message, byteLength: number): void;
  /** Whether that is enough for now. */
  readonly isFull: boolean;
  /** Whether a message that is too long to be put may wait for one who takes it in pieces. */
  mayStream(byteLength: number): boolean;
  /** Where the pieces of the message go that has begun to arrive; `null` if it is wanted whole, or by nobody yet. */
  takeSink(): Pieces | null;
  /** Told of a message that has gone to a sink, once it has arrived whole. */
  countStreamed(isText: boolean, byteLength: number): void;
  /**
   * A message that is inflated off the event loop has got on.
   * @param isUnread whether it now waits for its reader.
   */
  advance(isUnread: boolean): void;
  /** A message that is inflated off the event loop breaks a rule, or zlib has failed. */
  refuse(error: Error): void;
}
