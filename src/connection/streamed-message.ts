// A message that is read while it arrives: `receive`, and what its users may do with the pieces.
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { ConnectionClosed } from '../errors.js';
import { free } from '../frame/allocate.js';
import { messageTooLarge } from '../frame/payload.js';
import type { Channel } from './channel.js';
import { milliseconds } from './limits.js';
import { GIVEN } from './outgoing-message.js';
import { Pieces, type Piece } from './pieces.js';
import type { WaitOptions } from './wait-queue.js';

/** @returns as `Connection.receive`. */
export function receive(channel: Channel, options: WaitOptions): Promise<StreamedMessage | null> {
  const { timeout, signal } = options;
  if (timeout !== undefined) milliseconds('timeout', timeout);
  const pieces = new Pieces(channel.limits);
  const message = new StreamedMessage(channel, pieces);
  const { queue, protocol } = channel;
  // Those who wait already come first, and so do messages that are whole.
  const isNext = queue.count === 0 && !queue.isAwaited && !queue.isDiscarding && !signal?.aborted;
  if (isNext && protocol.arriving?.handOver(pieces)) {
    channel.resumeIfLow();
    return Promise.resolve(message);
  }
  const wait = queue.wait(options, pieces);
  channel.resumeIfLow();
  return wait.then((whole) => {
    if (whole !== null) pieces.fill(whole);
    return pieces.hasBegun ? message : null;
  });
}

/**
 * A message that is read while it arrives, whatever its size. While its pieces are not read, the peer is stopped, and
 * messages after it don't arrive either: read it to its end, or leave it with `skip()`.
 *
 * ```ts
 * const message = await connection.receive();
 * if (message !== null) for await (const chunk of message.chunks) await file.write(chunk);
 * ```
 */
export class StreamedMessage {
  /**
   * The pieces in order: strings of whole characters, or buffers that nobody else holds; none of them is empty. There
   * is one iteration; to leave it skips the rest. It throws `ConnectionClosed` if the connection ends within the
   * message, and the `ProtocolError` if the peer breaks a rule there.
   */
  readonly chunks: AsyncIterableIterator<string | Buffer>;
  readonly #channel: Channel;
  readonly #pieces: Pieces;

  /** @internal */
  constructor(channel: Channel, pieces: Pieces) {
    this.#channel = channel;
    this.#pieces = pieces;
    const chunks: StreamedMessage['chunks'] & { [GIVEN]: true } = {
      next: () => this.#next(),
      return: () => {
        this.skip();
        return Promise.resolve({ value: undefined, done: true });
      },
      [Symbol.asyncIterator]: () => chunks,
      [GIVEN]: true,
    };
    this.chunks = chunks;
  }

  get type(): 'text' | 'binary' {
    return this.#pieces.isText ? 'text' : 'binary';
  }

  async #next(): Promise<IteratorResult<Piece, undefined>> {
    const step = this.#pieces.queue.next();
    this.#channel.resumeIfLow();
    const result = await step;
    const { isCut, error } = this.#pieces;
    if (result.done && isCut) throw error ?? new ConnectionClosed(this.#channel.close);
    return result;
  }

  /** Leaves the rest unread: it is dropped as it arrives. */
  skip(): void {
    this.#pieces.skip();
    this.#channel.resumeIfLow();
  }

  /** The rest as a stream of Node's; to destroy it skips what it hasn't read. Text comes as UTF-8. */
  readable(): Readable {
    return Readable.from(this.chunks, { objectMode: false });
  }

  /** The rest as a stream of the web's, of strings or of bytes; to cancel it skips what it hasn't read. */
  stream(): ReadableStream<string | Uint8Array> {
    return new ReadableStream<string | Uint8Array>({
      pull: async (controller) => {
        const { value, done } = await this.#next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => this.skip(),
    }, { highWaterMark: 0 });
  }

  /** The rest in one piece of memory, as long as `maxMessageBytes` allows: else the connection is closed with 1009. */
  async bytes(): Promise<Buffer> {
    const { maxMessageBytes } = this.#channel.limits;
    const parts: Buffer[] = [];
    let byteLength = 0;
    for await (const chunk of this.chunks) {
      const part = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      byteLength += part.length;
      if (byteLength > maxMessageBytes) {
        const error = messageTooLarge(maxMessageBytes);
        this.#channel.refuse(error);
        throw error;
      }
      parts.push(part);
    }
    if (parts.length === 1) return parts[0]!;
    const bytes = Buffer.concat(parts, byteLength);
    for (const part of parts) free(part);
    return bytes;
  }

  /** As `bytes`, as text. */
  async text(): Promise<string> {
    return (await this.bytes()).toString();
  }

  /** What the text stands for. */
  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }
}
