// The end of a connection: what it waits for, for how long, and who is told of it.
import type { Duplex } from 'node:stream';
import { TimeoutError, type Close } from '../errors.js';
import { cut, isOfHttp2, NO_ERROR } from '../stream/cut.js';
import type { Channel } from './channel.js';

/**
 * Milliseconds that a server has to end TCP after both Close frames (§7.1.1). If it doesn't "after a reasonable time
 * period", the client may. As long has the client of a stream of HTTP/2 after the server has ended it.
 */
const ENDING_TIME = 1000;

/** Made once a connection begins to end, or once somebody asks for `closed`. */
export class Ending {
  /** What has broken the stream. */
  error: Error | null = null;
  readonly #channel: Channel;
  readonly #stream: Duplex;
  readonly #closeTimeout: number;
  #timer: NodeJS.Timeout | null = null;
  #isFinishScheduled = false;
  /** How many messages before a Close frame or a violation were unread when a reader of them last waited for room. */
  #unreadBefore = Infinity;
  #closed: Promise<Close> | null = null;
  #settleClosed: ((close: Close) => void) | null = null;

  constructor(channel: Channel, stream: Duplex, closeTimeout: number) {
    this.#channel = channel;
    this.#stream = stream;
    this.#closeTimeout = closeTimeout;
  }

  /** @returns as `Connection.closed`. */
  get closed(): Promise<Close> {
    const { close } = this.#channel;
    return (this.#closed ??= close === null
      ? new Promise((resolve) => (this.#settleClosed = resolve))
      : Promise.resolve(close));
  }

  /** Whether a violation or a Close frame waits for a reader that waits for room itself. */
  get isAwaitingReader(): boolean {
    return this.#unreadBefore !== Infinity;
  }

  /** Answers a violation or a Close frame once readers had their turn; also called when one of them is given room. */
  scheduleFinish(): void {
    if (this.#isFinishScheduled) return;
    this.#isFinishScheduled = true;
    setImmediate(() => this.#finishAfterReaders());
  }

  #finishAfterReaders(): void {
    this.#isFinishScheduled = false;
    const { protocol, queue, writer } = this.#channel;
    // The end of the stream may have come meanwhile.
    if (!protocol.mustFinish) return;
    const unread = queue.count;
    // A reader whose answer waits for room goes on once there is some; one that has taken nothing since is none.
    if (writer.isAwaited && unread > 0 && unread < this.#unreadBefore) {
      this.#unreadBefore = unread;
      this.#timer ??= setTimeout(() => this.#finish(), this.#closeTimeout);
    } else {
      this.#finish();
    }
  }

  #finish(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#channel.protocol.finish();
    this.#channel.afterProtocol();
  }

  /** Nothing may be sent any more: ends the stream if that is this endpoint's part, and limits the wait for it. */
  begin(): void {
    const { protocol, queue, writer } = this.#channel;
    this.#timer ??= setTimeout(
      () => this.#channel.destroy(new TimeoutError('the closing handshake was not answered')),
      this.#closeTimeout,
    );
    if (protocol.isReceiving || queue.isEnded) return;
    queue.end();
    if (protocol.endsStream) {
      if (protocol.error === null && isOfHttp2(this.#stream)) this.#stream.once('finish', () => this.#limitEnd());
      writer.end();
    } else if (!this.#stream.readableEnded) {
      this.#awaitEnd();
    }
  }

  /**
   * The stream has ended on this side, and some proxies never end it on theirs. RFC 9113 §8.1: a server may reset it
   * "with an error code of NO_ERROR after sending a complete response", which loses nothing of that.
   */
  #limitEnd(): void {
    clearTimeout(this.#timer!);
    this.#timer = setTimeout(() => cut(this.#stream, NO_ERROR), Math.min(ENDING_TIME, this.#closeTimeout));
  }

  /** The server is to end TCP now (§7.1.1); if it doesn't, the client does. */
  #awaitEnd(): void {
    const end = (): void => {
      this.#stream.once('finish', () => cut(this.#stream));
      this.#channel.writer.end();
      this.#timer = setTimeout(() => cut(this.#stream), this.#closeTimeout);
    };
    clearTimeout(this.#timer!);
    this.#timer = setTimeout(end, Math.min(ENDING_TIME, this.#closeTimeout));
  }

  /** The TCP connection has ended. */
  conclude(close: Close): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#settleClosed?.(close);
  }
}
