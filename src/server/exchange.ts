// One request on its way to its reply: reads the body when it is asked for, and knows when the client has gone.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { quiet } from '../connection/deferred.js';
import { HttpError } from '../errors.js';
import type { RequestHead } from '../http/request-head.js';
import { BodyDecoder } from '../http/body.js';
import { Request } from './request.js';
import { askedThrough, type Asked, type ProxyTrust } from './trust-proxy.js';

/** What an exchange needs from the connection it runs on. */
export interface ExchangeConnection {
  readonly remoteAddress: string;
  readonly socket: CountingSocket;
  /** How many of the bytes that came and went over the socket belong to the requests before. */
  readonly bytesReadBefore: number;
  readonly bytesWrittenBefore: number;
  readonly context: {
    readonly maxBodyBytes: number;
    /** Milliseconds for the whole body. */
    readonly bodyTimeout: number;
    /** `null` if no proxy is believed. */
    readonly proxyTrust: ProxyTrust | null;
  };
  /** Lets the body's bytes come: they are given to `receive`. */
  readBytes(): void;
  /** Tells a client that waits for it to send the body (RFC 9110 §10.1.1). */
  sendContinue(): void;
  /**
   * Accepts the opening handshake and hands the stream over; `null` if the client has gone.
   * @param key of the request, and what was chosen: see `upgradeResponse`.
   */
  accept(key: string, subprotocol: string | null, extensions: string): AcceptedStream | null;
}

/** Counts the bytes since it was opened; not where a server of `node:http` was given another stream than a socket. */
export type CountingSocket =
  Pick<Socket, 'destroyed'> & Partial<Pick<TLSSocket, 'bytesRead' | 'bytesWritten' | 'encrypted'>>;

/** A stream that HTTP gives away. */
export interface AcceptedStream {
  readonly stream: Duplex;
  /** What has arrived after the head. */
  readonly firstBytes: Buffer;
}

interface BodyReader {
  readonly decoder: BodyDecoder;
  readonly timer: NodeJS.Timeout;
  resolve(body: Buffer): void;
  reject(error: HttpError): void;
}

export class Exchange {
  readonly head: RequestHead;
  readonly asked: Asked;
  readonly connection: ExchangeConnection;
  #request: Request<never> | null = null;
  #reader: BodyReader | null = null;
  #body: Promise<Buffer> | null = null;
  /** Whether all of the body has been read, so that what follows is the next request. */
  #isBodyComplete: boolean;
  #hasLeft = false;

  constructor(head: RequestHead, connection: ExchangeConnection) {
    this.head = head;
    this.connection = connection;
    const { remoteAddress, context: { proxyTrust } } = connection;
    this.asked = proxyTrust
      ? askedThrough(proxyTrust, remoteAddress, head)
      : { remoteAddress, host: head.host, scheme: null };
    this.#isBodyComplete = head.bodyLength === 0;
  }

  /** The request as its handler sees it; `null` while it has no route. */
  get request(): Request<never> | null {
    return this.#request;
  }

  /** A route was found. @param params what its `:names` and `*` stand for. */
  begin(params: Readonly<Record<string, string>>): Request<never> {
    return (this.#request = new Request<never>(this.head, params, this));
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
    return this.head.bodyLength === 'chunked' || this.head.bodyLength <= this.connection.context.maxBodyBytes;
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

  /** The reply was written. */
  answer(): void {
    this.#request?.answer();
  }

  /** The client has gone: nobody will send the rest of the body or read the reply. */
  leave(): void {
    this.#hasLeft = true;
    this.#stopReading()?.reject(new HttpError('BODY_INCOMPLETE', 400, 'the request ended before its body did'));
    this.#request?.leave();
  }

  #startReading(isDiscarding: boolean): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#hasLeft) throw new HttpError('BODY_INCOMPLETE', 400, 'the request ended before its body did');
      const { maxBodyBytes, bodyTimeout } = this.connection.context;
      const decoder = new BodyDecoder(this.head.bodyLength, maxBodyBytes);
      if (isDiscarding) decoder.discard();
      else if (this.#expectsContinue) this.connection.sendContinue();
      const timer = setTimeout(() => {
        this.#stopReading();
        reject(new HttpError('BODY_TIMEOUT', 408, `the body took longer than bodyTimeout (${bodyTimeout} ms)`));
      }, bodyTimeout);
      this.#reader = { decoder, timer, resolve, reject };
      this.connection.readBytes();
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

function tooLate(): Promise<never> {
  return quiet(Promise.reject(new TypeError('the body was skipped; ask for it before the handler returns')));
}
