// A connection as an event emitter: the part of the package ws's WebSocket that protocols on top of it call.
import { EventEmitter } from 'node:events';
import type { Message } from '../connection/assembler.js';
import type { Connection } from '../connection/connection.js';
import type { Sendable } from '../connection/sendable.js';
import { ProtocolError, type Close } from '../errors.js';

/** What a listener is given, as by ws. */
export interface ConnectionEvents {
  /** A message: text is given as its bytes in UTF-8. An `ArrayBuffer` only if `binaryType` asks for it. */
  message: [data: Buffer | ArrayBuffer, isBinary: boolean];
  /** The connection has ended, the last event: the close code and reason from the peer, 1006 if there was none. */
  close: [code: number, reason: Buffer];
  /** The peer broke a rule; `'close'` follows. Without a listener nothing is thrown. */
  error: [error: Error];
  /** The pong to a `ping()`. */
  pong: [payload: Buffer];
}

export interface EmitterSendOptions {
  /** Whether to send a binary message. Default: unless `data` is a string. */
  binary?: boolean | undefined;
  /** As of `connection.send`. */
  compress?: boolean | undefined;
  /** A message is sent whole: `false` is a `TypeError`. */
  fin?: boolean | undefined;
}

type Callback = (error?: Error) => void;

const STATES = { open: 1, closing: 2, closed: 3 } as const;

const ignore = (): void => {};

/**
 * Gives the messages of a connection as events, for libraries that were written for ws. It takes all messages: don't
 * pull from the connection besides.
 *
 * ```ts
 * const socket = new ConnectionEmitter(connection);
 * socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
 * ```
 */
export class ConnectionEmitter extends EventEmitter<ConnectionEvents> {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;

  /** The connection itself: how it ended, its request and its limits. */
  readonly connection: Connection;
  #binaryType: 'nodebuffer' | 'arraybuffer' = 'nodebuffer';
  #isPaused = false;
  /** Whether a message is awaited or being given out: then nobody else may take one, or their order would be lost. */
  #isTaking = false;
  /** The next message, while it is not given out: nobody listens any more, or a pause has begun. */
  #held: Message | null = null;

  constructor(connection: Connection) {
    super();
    this.connection = connection;
    void connection.closed.then((close) => this.#conclude(close));
  }

  /** One of the four constants; a connection that exists is at least `OPEN`. */
  get readyState(): 1 | 2 | 3 {
    return STATES[this.connection.state];
  }

  /** The subprotocol agreed on; empty if none was. */
  get protocol(): string {
    return this.connection.subprotocol;
  }

  /** The extensions agreed on; empty if none were. */
  get extensions(): string {
    return this.connection.extensions;
  }

  /** Bytes that were sent but not yet handed to the operating system. */
  get bufferedAmount(): number {
    return this.connection.bufferedAmount;
  }

  /** As what binary messages come. Default `'nodebuffer'`; text is always a `Buffer`. */
  get binaryType(): 'nodebuffer' | 'arraybuffer' {
    return this.#binaryType;
  }

  /** @throws TypeError for another one. */
  set binaryType(type: 'nodebuffer' | 'arraybuffer') {
    if (type !== 'nodebuffer' && type !== 'arraybuffer') {
      throw new TypeError(`binaryType is 'nodebuffer' or 'arraybuffer', not ${String(type)}`);
    }
    this.#binaryType = type;
  }

  /** Whether `pause()` was called, and `resume()` not since. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  // ── Messages in ──

  /** Messages wait until somebody listens; those that came before are given first. `once` adds by this method, too. */
  override on<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (...values: ConnectionEvents[Name]) => void,
  ): this {
    super.on(event, listener as never);
    this.#take();
    return this;
  }

  override addListener<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (...values: ConnectionEvents[Name]) => void,
  ): this {
    return this.on(event, listener);
  }

  override prependListener<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (...values: ConnectionEvents[Name]) => void,
  ): this {
    super.prependListener(event, listener as never);
    this.#take();
    return this;
  }

  /**
   * No more `'message'` until `resume()`. Messages wait in the connection's queue and, once that is full, TCP stops the
   * peer. When the connection has ended, the rest comes all the same, before `'close'`.
   */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#take();
  }

  get #isFlowing(): boolean {
    return !this.#isPaused && this.listenerCount('message') > 0;
  }

  /** Takes messages as long as somebody listens; a listener is never called within the call that adds it. */
  #take(): void {
    if (this.#isTaking || !this.#isFlowing) return;
    this.#isTaking = true;
    const taken = this.#held === null ? this.connection.wait() : Promise.resolve(null);
    void taken.then((message) => {
      this.#held ??= message;
      this.#give();
    });
  }

  /** Gives the message that is held to the listeners, and then those that wait after it. */
  #give(): void {
    const isOver = this.#held === null;
    try {
      while (this.#held !== null && this.#isFlowing) {
        const message = this.#held;
        this.#held = null;
        this.#emitMessage(message);
        this.#held = this.connection.read();
      }
    } finally {
      this.#isTaking = false;
      // A listener that throws loses no other message.
      if (!isOver) this.#take();
    }
  }

  #emitMessage(message: Message): void {
    if (typeof message === 'string') this.emit('message', Buffer.from(message), false);
    else this.emit('message', this.#binaryType === 'nodebuffer' ? message : toArrayBuffer(message), true);
  }

  // ── Out ──

  /**
   * Sends a message, as `connection.send`.
   * @param callback called without an error when there is room for more, or with a `ConnectionClosed`.
   * @throws TypeError at once for what is no message, and for `fin: false`.
   */
  send(data: Sendable, options?: EmitterSendOptions | Callback, callback?: Callback): void {
    if (typeof options === 'function') return this.send(data, undefined, options);
    const { binary, compress, fin } = options ?? {};
    if (fin === false) throw new TypeError('a message is sent whole; fin: false has no counterpart');
    const isText = typeof data === 'string';
    // As it is, mostly: another view of the bytes would be the largest part of a small echo.
    const message = binary !== isText ? data : isText ? toBytes(data) : toText(data);
    const sent = this.connection.send(message, compress === undefined ? undefined : { compress });
    if (callback !== undefined) void sent.then(() => callback(), callback);
  }

  /** Sends a ping; its pong is an event. */
  ping(payload: Sendable = ''): void {
    const bytes = toBytes(payload);
    void this.connection.ping(bytes).then(() => this.emit('pong', bytes), ignore);
  }

  /**
   * Begins the closing handshake.
   * @throws RangeError, TypeError for a code or reason that may not be sent.
   */
  close(code?: number, reason: string | Uint8Array = ''): void {
    void this.connection.close(code, typeof reason === 'string' ? reason : toText(reason));
  }

  /** Cuts the TCP connection at once. */
  terminate(): void {
    this.connection.terminate();
  }

  /** The connection has ended: what still waits comes first. */
  #conclude({ code, reason, error }: Close): void {
    this.#isPaused = false;
    this.#held ??= this.connection.read();
    try {
      this.#give();
      if (error instanceof ProtocolError && this.listenerCount('error') > 0) this.emit('error', error);
    } finally {
      // Nothing follows 'close'.
      this.#held = null;
      this.connection.discardMessages();
      this.emit('close', code, Buffer.from(reason));
    }
  }
}

function toBytes(data: Sendable): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (!ArrayBuffer.isView(data)) return Buffer.from(data);
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function toText(data: Exclude<Sendable, string>): string {
  return toBytes(data).toString();
}

function toArrayBuffer({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer {
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
}
