// One request on its way to its reply: reads the body when it is asked for, and knows when the client has gone.
import { setMaxListeners } from 'node:events';
import { quiet } from '../connection/deferred.js';
import { clientGone, HttpError } from '../errors.js';
import type { RequestHead } from '../http/request-head.js';
import { BodyDecoder } from '../http/body.js';
import type { Traffic } from './request.js';

/** Bytes over a socket since it was opened, as `net.Socket` counts them. */
type SocketBytes = Pick<Traffic, 'bytesRead' | 'bytesWritten'>;

/** What an exchange needs from the connection it runs on. */
export interface ExchangeOptions {
  readonly remoteAddress: string;
  readonly socket: SocketBytes & { readonly destroyed: boolean };
  /** How many of the bytes that came over the socket belong to the requests before. */
  readonly bytesReadBefore: number;
  readonly maxBodyBytes: number;
  /** Milliseconds for the whole body. */
  readonly bodyTimeout: number;
  /** Lets the body's bytes come: they are given to `receive`. */
  readBytes(): void;
  /** Tells a client that waits for it to send the body (RFC 9110 §10.1.1). */
  sendContinue(): void;
}

interface BodyReader {
  readonly decoder: BodyDecoder;
  readonly timer: NodeJS.Timeout;
  resolve(body: Buffer): void;
  reject(error: HttpError): void;
}

export class Exchange {
  readonly head: RequestHead;
  #options: ExchangeOptions;
  #reader: BodyReader | null = null;
  #body: Promise<Buffer> | null = null;
  /** Whether all of the body has been read, so that what follows is the next request. */
  #isBodyComplete: boolean;
  #hasLeft = false;
  readonly #bytesReadBefore: number;
  readonly #bytesWrittenBefore: number;
  /** What the socket had counted when the reply was written. */
  #after: SocketBytes | null = null;
  #abortController: AbortController | null = null;

  constructor(head: RequestHead, options: ExchangeOptions) {
    this.head = head;
    this.#options = options;
    this.#isBodyComplete = head.bodyLength === 0;
    this.#bytesReadBefore = options.bytesReadBefore;
    this.#bytesWrittenBefore = options.socket.bytesWritten;
  }

  get remoteAddress(): string {
    return this.#options.remoteAddress;
  }

  /** What was sent and received for this request so far; see `Request.traffic`. */
  get traffic(): Traffic {
    const { bytesRead, bytesWritten } = this.#after ?? this.#options.socket;
    return {
      bytesRead: bytesRead - this.#bytesReadBefore,
      bytesWritten: bytesWritten - this.#bytesWrittenBefore,
      isFinal: this.#after !== null || this.#options.socket.destroyed,
    };
  }

  /** Aborted when the client leaves before it has its reply. Made on demand: most handlers never look. */
  get signal(): AbortSignal {
    if (this.#abortController === null) {
      this.#abortController = new AbortController();
      // A handler may give it to any number of calls; Node warns of the eleventh as of a leak.
      setMaxListeners(0, this.#abortController.signal);
      if (this.#hasLeft && this.#after === null) this.#abortController.abort(clientGone());
    }
    return this.#abortController.signal;
  }

  /** Whether the bytes that arrive now belong to the body. */
  get isReadingBody(): boolean {
    return this.#reader !== null;
  }

  /** Whether the client sends the body only after `100 Continue`. */
  get #expectsContinue(): boolean {
    return this.head.httpVersion === '1.1' && this.head.headers.has('expect');
  }

  /** Whether the rest of the body, if any, can be skipped to get to the next request. */
  get canSkipBody(): boolean {
    if (this.#isBodyComplete || this.#reader !== null) return true;
    if (this.#body !== null || this.#expectsContinue) return false;
    return this.head.bodyLength === 'chunked' || this.head.bodyLength <= this.#options.maxBodyBytes;
  }

  /** The whole body; see `Request.body`. */
  readBody(): Promise<Buffer> {
    if (this.#body === null) {
      // A handler may return without looking at it.
      this.#body = quiet(this.#isBodyComplete ? Promise.resolve(Buffer.alloc(0)) : this.#startReading(false));
    }
    return this.#body;
  }

  /**
   * Reads the rest of the body, once the handler has answered; without keeping it, unless it was asked for.
   * @returns whether that worked, so that another request can follow.
   */
  async skipBody(): Promise<boolean> {
    if (this.#isBodyComplete) return true;
    const rest = this.#body ?? this.#startReading(true);
    this.#body ??= tooLate();
    try {
      await rest;
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Takes bytes of the body.
   * @returns how many of them were the body's.
   */
  receive(chunk: Buffer): number {
    const { decoder } = this.#reader!;
    try {
      const used = decoder.push(chunk);
      if (decoder.isComplete) this.#stopReading()!.resolve(decoder.bytes);
      return used;
    } catch (error) {
      this.#stopReading()!.reject(error as HttpError);
      return chunk.length;
    }
  }

  /** The reply was written: from now on the client may leave, and nobody is told. */
  answer(): void {
    const { bytesRead, bytesWritten } = this.#options.socket;
    this.#after = { bytesRead, bytesWritten };
  }

  /** The socket is a WebSocket's now, which may live for days: nothing of the HTTP connection is kept for it. */
  upgrade(): void {
    this.#options = { ...this.#options, readBytes: nothing, sendContinue: nothing };
  }

  /** The client has gone: nobody will send the rest of the body or read the reply. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#stopReading()?.reject(new HttpError('BODY_INCOMPLETE', 400, 'the request ended before its body did'));
    if (this.#after === null) this.#abortController?.abort(clientGone());
  }

  #startReading(isDiscarding: boolean): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#hasLeft) throw new HttpError('BODY_INCOMPLETE', 400, 'the request ended before its body did');
      const decoder = new BodyDecoder(this.head.bodyLength, this.#options.maxBodyBytes);
      if (isDiscarding) decoder.discard();
      else if (this.#expectsContinue) this.#options.sendContinue();
      const { bodyTimeout } = this.#options;
      const timer = setTimeout(() => {
        this.#stopReading();
        reject(new HttpError('BODY_TIMEOUT', 408, `the body took longer than bodyTimeout (${bodyTimeout} ms)`));
      }, bodyTimeout);
      this.#reader = { decoder, timer, resolve, reject };
      this.#options.readBytes();
    });
  }

  #stopReading(): BodyReader | null {
    const reader = this.#reader;
    if (reader === null) return null;
    this.#reader = null;
    this.#isBodyComplete = reader.decoder.isComplete;
    clearTimeout(reader.timer);
    return reader;
  }
}

/** A function that does nothing when it is called, as every engine has one. */
const nothing = Function.prototype as () => void;

function tooLate(): Promise<never> {
  return quiet(Promise.reject(new TypeError('the body was skipped; ask for it before the handler returns')));
}
