// One WebSocket connection as its users see it: a queue that is pulled, and what may be asked of it.
import type { Duplex } from 'node:stream';
import type { WritableStream } from 'node:stream/web';
import type { Close } from '../errors.js';
import { CloseCode } from '../frame/close.js';
import { MAX_CONTROL_PAYLOAD_BYTES } from '../frame/header.js';
import type { HeaderFields } from '../http/fields.js';
import type { Message } from './assembler.js';
import { Channel } from './channel.js';
import type { ConnectionInit } from './connection-init.js';
import { Counters, type ConnectionStats } from './counters.js';
import { isSource, type MessageSource, type SourceOptions } from './outgoing-message.js';
import type { Pieces } from './pieces.js';
import { PreparedMessage } from './prepared.js';
import type { ConnectionState } from './protocol.js';
import { toPayload, type Sendable } from './sendable.js';
import { receive, type StreamedMessage } from './streamed-message.js';
import type { WaitOptions, WaitQueue } from './wait-queue.js';
import { writableMessage } from './writable-message.js';

export interface SendOptions {
  /**
   * Whether to compress the message, if compression was agreed on. By default those of at least `deflate.threshold`
   * bytes are. One that would not become shorter is sent as it is.
   */
  compress?: boolean;
}

/** The HTTP request that opened a connection. */
export interface OpeningRequest {
  /** The path of the request target as it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** What the `:names` and the `*` of the route stood for. */
  readonly params: Readonly<Record<string, string>>;
  readonly headers: HeaderFields;
  /** The peer's IP address; empty on a Unix socket, and in memory. */
  readonly remoteAddress: string;
  /** @internal The connection has ended. */
  leave?(): void;
}

/** Whether the connection takes another message at once: for `broadcast`. Users would see a method. */
export let hasRoom: (connection: Connection) => boolean;

/** What a connection has counted: for the sum of a server. */
export let countersOf: (connection: Connection) => Counters;

const nothingCounted = new Counters();

/**
 * A WebSocket connection that is pulled like a queue: messages wait in it, from the handshake on, until they are
 * taken. While too many wait, the peer is stopped.
 *
 * ```ts
 * for await (const message of connection) await connection.send(message);
 * ```
 */
export class Connection implements AsyncIterable<Message>, AsyncDisposable {
  /** The subprotocol agreed on in the opening handshake; empty if none was (RFC 6455 §1.9). */
  readonly subprotocol: string;
  /** The extension agreed on, with its parameters; empty if none was (§9.1). */
  readonly extensions: string;
  /** The HTTP request that opened the connection. */
  readonly request: OpeningRequest;

  readonly #channel: Channel;
  readonly #queue: WaitQueue<Message, Pieces>;

  static {
    hasRoom = (connection) => connection.#channel.writer.hasRoom;
    countersOf = (connection) => connection.#channel.counted ?? nothingCounted;
  }

  /** @internal */
  constructor(stream: Duplex, init: ConnectionInit) {
    this.subprotocol = init.subprotocol;
    this.extensions = init.extensions;
    this.request = init.request;
    this.#channel = new Channel(stream, this, init);
    this.#queue = this.#channel.queue;
    this.#channel.start(init.firstBytes);
  }

  /** The peer's IP address; empty on a Unix socket, and in memory. */
  get remoteAddress(): string {
    return this.request.remoteAddress;
  }

  /** Fulfils with how the connection ended, once its TCP connection has; never rejects. */
  get closed(): Promise<Close> {
    return this.#channel.ending.closed;
  }

  /** Bytes that were sent but not yet handed to the operating system. */
  get bufferedAmount(): number {
    return this.#channel.writer.bufferedAmount;
  }

  /** What the connection has counted so far: messages, bytes, pings, pauses; also after its end. */
  get stats(): ConnectionStats {
    return countersOf(this).stats;
  }

  /**
   * Waits for the oldest unread message. Several waiters are served first come, first served.
   * @returns a `string` for a text message, a `Buffer` for a binary one; `null` once the connection has ended and every
   * message was taken, however often it is asked.
   * @throws TimeoutError (as rejection) after `timeout` milliseconds, or the signal's reason after an abort. Neither
   * takes a message nor harms the connection.
   */
  wait(options?: WaitOptions): Promise<Message | null> {
    const message = this.#queue.wait(options);
    this.#channel.resumeIfLow();
    return message;
  }

  /** The oldest unread message, or `null` if there is none now; it never waits. */
  read(): Message | null {
    const message = this.#queue.take();
    this.#channel.resumeIfLow(message === null);
    return message;
  }

  /**
   * Waits for the oldest unread message as `wait` does, but not for its end: it is read while it arrives, and may be
   * longer than memory (`maxStreamedBytes`). Calls of both may be mixed, and are served first come, first served.
   * @returns `null` once the connection has ended and every message was taken.
   * @throws as `wait`; RangeError at once for an invalid timeout.
   */
  receive(options: WaitOptions = {}): Promise<StreamedMessage | null> {
    return receive(this.#channel, options);
  }

  /** How many messages have arrived and not been taken. */
  countMessages(): number {
    return this.#queue.count;
  }

  /** Whether a message can be read now. */
  hasMessages(): boolean {
    return this.#queue.count > 0;
  }

  /**
   * Drops the messages that wait, and all that will come: for handlers that only send. Unread messages would fill the
   * queue and pause the socket, and the peer could leave unnoticed. Control frames count as before; `wait()` and
   * iterations give nothing more, and end with the connection.
   */
  discardMessages(): void {
    this.#queue.discard();
    this.#channel.resumeIfLow();
  }

  /** Iterates over the messages until the connection has ended; leaving the loop early leaves the connection open. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** A step of an iteration: the connection is its own iterator. */
  next(): Promise<IteratorResult<Message, undefined>> {
    const result = this.#queue.next();
    this.#channel.resumeIfLow();
    return result;
  }

  /**
   * Sends a message: a string as text, bytes as binary, or what `prepare` has made of either. All that one iteration of
   * the event loop sends leaves in one write.
   * @returns a promise that fulfils once the bytes are the caller's again and there is room, which mostly is at once;
   * awaiting it keeps memory flat. Bytes may be sent from where they lie: don't change them before. It rejects with
   * `ConnectionClosed` if the connection is closing or has ended; that rejection is never reported as unhandled.
   * @throws TypeError at once for anything else than a string, an `ArrayBuffer`, a `SharedArrayBuffer` or a view, and
   * for one whose memory was detached.
   */
  send(message: Sendable | PreparedMessage, options?: SendOptions): Promise<void>;
  /**
   * Sends a message while it is made: each chunk of an async iterable, a `Readable`, a `ReadableStream` or a `Blob` is
   * a fragment of it (§5.4), and the next is asked for once the peer has room. What is sent meanwhile follows after it;
   * pings and the Close frame go between the fragments.
   * @returns a promise that fulfils as that of any message, and rejects with the error of the source, or the reason of
   * the signal: before the first chunk that changes nothing, after it the connection is closed with 1011.
   * @throws TypeError (as rejection, likewise) for a chunk that is neither text nor bytes.
   */
  send(source: MessageSource, options?: SourceOptions): Promise<void>;
  send(
    message: Sendable | PreparedMessage | MessageSource,
    options?: SendOptions & SourceOptions,
  ): Promise<void> {
    if (typeof message === 'object' && !ArrayBuffer.isView(message) && message !== null && isSource(message)) {
      return this.#channel.writer.sendSource(message, options ?? {});
    }
    const payload = message instanceof PreparedMessage ? message : toPayload(message);
    return this.#channel.writer.send(payload, options?.compress);
  }

  /**
   * A message that is written while it is made, for what wants a destination: `source.pipeTo(connection.writable())`.
   * It is as that of `send(source)`, and has its place in line from this call on.
   * @returns a stream of strings or bytes. A chunk is the writer's again when its `write` is fulfilled. To close the
   * stream ends the message, and waits until it is sent; to abort it is as an abort of the signal.
   */
  writable(options: SourceOptions = {}): WritableStream<Sendable> {
    return writableMessage((source, signal) => {
      const signals = options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]);
      return this.send(source, { ...options, signal: signals });
    });
  }

  /**
   * Waits until all that was sent so far has been handed to the operating system: then neither `terminate()` nor the
   * end of the process keeps any of it back.
   * @returns a promise that rejects with `ConnectionClosed` (never unhandled) if the connection ends before.
   */
  flushed(): Promise<void> {
    return this.#channel.writer.flushed();
  }

  /**
   * Sends a ping and waits for its pong (§5.5.2).
   * @param payload at most 125 bytes; by default each ping has a different one.
   * @returns the round trip in milliseconds; rejects with `ConnectionClosed` (never unhandled) if the pong can't come.
   * @throws RangeError at once for a longer payload, TypeError for one that is neither text nor bytes.
   */
  ping(payload?: Sendable): Promise<number> {
    const { counters, pings, protocol, writer } = this.#channel;
    const bytes = Buffer.from(payload === undefined ? pings.createPayload() : toPayload(payload));
    if (bytes.length > MAX_CONTROL_PAYLOAD_BYTES) {
      throw new RangeError(`a ping carries at most ${MAX_CONTROL_PAYLOAD_BYTES} bytes, not ${bytes.length}`);
    }
    if (!protocol.isOpen) return writer.rejectClosed();
    protocol.ping(bytes);
    counters.pings++;
    writer.schedule();
    return pings.send(bytes);
  }

  /**
   * Begins the closing handshake (§7.1.2). Messages that still arrive can be read, those beyond the queue's limits are
   * dropped; nothing can be sent any more. If the peer doesn't answer within `closeTimeout`, TCP is cut.
   * @param code 1000 (the default), another of §7.4.1 that may be sent, or 3000–4999.
   * @param reason at most 123 bytes of UTF-8.
   * @returns `closed`; calling it again changes nothing.
   * @throws RangeError, TypeError at once for a code or reason that may not be sent.
   */
  close(code: number = CloseCode.NORMAL_CLOSURE, reason = ''): Promise<Close> {
    this.#channel.protocol.close(code, reason);
    this.#channel.afterProtocol();
    return this.closed;
  }

  /** Cuts the TCP connection at once, without a closing handshake; unread messages can still be read. */
  terminate(): void {
    this.#channel.destroy(null);
  }

  /**
   * `'open'`; `'closing'` from the Close frame of this side on, or the end of the peer's; `'closed'` once the TCP
   * connection has ended (RFC 6455 §7.1.3, §7.1.4).
   */
  get state(): ConnectionState {
    return this.#channel.protocol.state;
  }

  /** Whether the connection is closing or has ended: nothing more can be sent. */
  isClosed(): boolean {
    return !this.#channel.protocol.isOpen;
  }

  /** Closes with 1000 and waits until the connection has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
