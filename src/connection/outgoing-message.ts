// A message that is sent while it is made: the chunks of its source become fragments (RFC 6455 §5.4).
import { ConnectionClosed } from '../errors.js';
import { FIN, RSV1 } from '../frame/header.js';
import { Opcode } from '../frame/opcode.js';
import { Utf8Validator } from '../frame/utf8.js';
import type { ChunkCompressor } from './compressor.js';
import { toPayload, type Sendable } from './sendable.js';
import { whenAborted } from './wait-limits.js';

/**
 * What is sent while it is made: an async iterable such as a `Readable`, a `ReadableStream`, or a `Blob`. A chunk of a
 * generator, or of another iterable of the caller's, is its own again once it is asked for the next: it may fill one
 * buffer time and again. What a stream has given is sent from where it lies; as ever, nobody may write to that.
 */
export type MessageSource = AsyncIterable<Sendable> | { getReader(): unknown } | { stream(): unknown };

export interface SourceOptions {
  /** Without it the first chunk decides: a string makes it a text message, anything else, or no chunk, a binary one. */
  type?: 'text' | 'binary';
  /**
   * Whether to compress the message, if compression was agreed on; each of its chunks then is a fragment as before. By
   * default it is compressed if its first chunk has at least `deflate.threshold` bytes.
   */
  compress?: boolean;
  /** Stops the source. A message that has begun can't be taken back: the connection is closed with 1011. */
  signal?: AbortSignal;
}

/** What writes the fragments. */
export interface FragmentWriter {
  /**
   * @param first FIN, RSV1 and the opcode.
   * @param isLent whether the payload may be written to later.
   * @returns a promise that fulfils once there is room for more, and what was lent is the source's again; `null` if it
   * has fulfilled already.
   */
  writeFragment(first: number, payload: Uint8Array, isLent: boolean): Promise<void> | null;
  /** What compresses the chunks of a message; `null` if it is to be sent as it is. */
  compressChunks(firstBytes: number, compress: boolean | undefined): ChunkCompressor | null;
  /** The last fragment was written. */
  countStreamed(isText: boolean, byteLength: number): void;
  /** The message that has begun can't be sent to its end. */
  fail(error: unknown): void;
  /** How long the fragments of a chunk are to be. */
  fragmentBytes(chunkBytes: number): number;
}

/** Marks sources of ours whose chunks nobody writes to, once they are given. */
export const GIVEN = Symbol('given');

const NOTHING = Buffer.alloc(0);

/** A longer chunk is compressed piece by piece: so much of one waits for the peer at a time. */
const MAX_COMPRESSED_BYTES = 1 << 20;

export function isSource(message: object): message is MessageSource {
  return Symbol.asyncIterator in message || message instanceof Blob;
}

export class OutgoingMessage {
  /** Settles once the message was sent, or can't be. */
  readonly done: Promise<void>;
  readonly #source: MessageSource;
  readonly #compress: boolean | undefined;
  #isText: boolean | null;
  /** Whether the source may write to a chunk once it is asked for the next. */
  readonly #isLending: boolean;
  #isRunning = false;
  /** Whether some of it was sent. */
  #hasBegun = false;
  #isSettled = false;
  /** What was sent so far, before compression. */
  #byteLength = 0;
  /** Decided by the first chunk that isn't empty. */
  #compressor: ChunkCompressor | null = null;
  #settle!: (error?: unknown) => void;
  #stopped: { readonly error: unknown } | null = null;
  #ignoreSignal: () => void = () => {};
  /** Ends what is being waited for. */
  #interrupt: (error: unknown) => void = () => {};
  /** Checks the bytes of a text. */
  readonly #validator = new Utf8Validator();
  /** The first half of a character at the end of the last string. */
  #half = '';

  constructor(source: MessageSource, { type, compress, signal }: SourceOptions) {
    if (type !== undefined && type !== 'text' && type !== 'binary') {
      throw new TypeError(`type is 'text' or 'binary', not ${String(type)}`);
    }
    this.#source = source;
    this.#isLending = isLending(source);
    this.#compress = compress;
    this.#isText = type === undefined ? null : type === 'text';
    this.done = new Promise((resolve, reject) => {
      this.#settle = (error) => {
        this.#isSettled = true;
        this.#ignoreSignal();
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    if (signal?.aborted) this.stop(signal.reason);
    else if (signal !== undefined) this.#ignoreSignal = whenAborted(signal, () => this.stop(signal.reason));
  }

  /** The message will not be sent, or not to its end. */
  stop(error: unknown): void {
    if (this.#isSettled) return;
    // As every rejection of `send` for this reason.
    if (error instanceof ConnectionClosed) this.done.catch(() => {});
    this.#stopped ??= { error };
    if (this.#isRunning) return this.#interrupt(error);
    (this.#source as { destroy?(): void }).destroy?.();
    this.#settle(error);
  }

  /** Sends it; the promise is fulfilled when `done` is settled. */
  async run(writer: FragmentWriter): Promise<void> {
    if (this.#isSettled) return;
    this.#isRunning = true;
    let iterator: AsyncIterator<Sendable> | null = null;
    try {
      iterator = iterate(this.#source);
      for (;;) {
        const { value, done } = await this.#unlessStopped(iterator.next());
        if (done) break;
        const sending = this.#send(writer, this.#toBytes(value));
        if (sending !== null) await sending;
      }
      iterator = null;
      if (this.#half !== '') await this.#send(writer, Buffer.from(this.#half));
      if (this.#isText && !this.#validator.isComplete) throw notUtf8();
      const sent = this.#write(writer, this.#compressor?.lastChunk ?? NOTHING, true);
      writer.countStreamed(this.#isText === true, this.#byteLength);
      // There is nothing left to stop.
      this.#ignoreSignal();
      await sent;
      this.#settle();
    } catch (error) {
      // It may never answer.
      iterator?.return?.().catch(() => {});
      this.#isSettled = true;
      if (this.#hasBegun) writer.fail(error);
      this.#settle(error ?? new Error('the source has failed without an error'));
    } finally {
      this.#compressor?.close();
    }
  }

  #unlessStopped<T>(step: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#interrupt = reject;
      step.then(resolve, reject);
    });
  }

  #toBytes(chunk: Sendable): Uint8Array {
    const payload = toPayload(chunk, 'a chunk of a message');
    this.#isText ??= typeof payload === 'string';
    if (typeof payload !== 'string') {
      if (this.#half === '') return payload;
      const half = Buffer.from(this.#half);
      this.#half = '';
      return Buffer.concat([half, payload]);
    }
    const text = this.#half + payload;
    this.#half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? '';
    return Buffer.from(text.slice(0, text.length - this.#half.length));
  }

  /** @returns when the next chunk may be asked for; `null` if that is at once. */
  #send(writer: FragmentWriter, bytes: Uint8Array): Promise<void> | null {
    // A text that isn't UTF-8 would fail at the peer, for a reason that it can't tell.
    if (this.#isText && !this.#validator.push(bytes, 0, bytes.length)) throw notUtf8();
    if (bytes.length === 0) return null;
    if (!this.#hasBegun) this.#compressor = writer.compressChunks(bytes.length, this.#compress);
    this.#byteLength += bytes.length;
    if (this.#compressor !== null) return this.#deflate(writer, bytes, this.#compressor);
    const maxBytes = writer.fragmentBytes(bytes.length);
    return maxBytes < bytes.length ? this.#cut(writer, bytes, maxBytes) : this.#write(writer, bytes, false);
  }

  async #cut(writer: FragmentWriter, bytes: Uint8Array, maxBytes: number): Promise<void> {
    for (let start = 0; start < bytes.length; start += maxBytes) {
      await this.#write(writer, bytes.subarray(start, start + maxBytes), false);
    }
  }

  async #deflate(writer: FragmentWriter, bytes: Uint8Array, compressor: ChunkCompressor): Promise<void> {
    for (let start = 0; start < bytes.length; start += MAX_COMPRESSED_BYTES) {
      const chunk = bytes.subarray(start, start + MAX_COMPRESSED_BYTES);
      const deflated = compressor.deflate(chunk);
      const payload = deflated instanceof Promise ? await this.#unlessStopped(deflated) : deflated;
      // The compressor uses its memory again.
      const sent = this.#write(writer, payload, false, true);
      compressor.take(chunk);
      await sent;
    }
  }

  #write(writer: FragmentWriter, bytes: Uint8Array, isFinal: boolean, isLent = this.#isLending): Promise<void> | null {
    // It may have been stopped since what it has waited for was there.
    if (this.#stopped !== null) throw this.#stopped.error;
    const opcode = this.#hasBegun ? Opcode.CONTINUATION : this.#firstOpcode;
    this.#hasBegun = true;
    const room = writer.writeFragment(isFinal ? FIN | opcode : opcode, bytes, isLent);
    return room === null ? null : this.#unlessStopped(room);
  }

  /** RFC 7692 §6: RSV1 is set on the first fragment of a compressed message alone. */
  get #firstOpcode(): number {
    return (this.#compressor === null ? 0 : RSV1) | (this.#isText ? Opcode.TEXT : Opcode.BINARY);
  }
}

function iterate(source: MessageSource): AsyncIterator<Sendable> {
  const chunks = Symbol.asyncIterator in source || !('stream' in source) ? source : source.stream();
  return (chunks as AsyncIterable<Sendable>)[Symbol.asyncIterator]();
}

/** Streams keep chunks until they are read, so that nobody may write to them; a generator may have but one buffer. */
function isLending(source: MessageSource): boolean {
  return !(source instanceof Blob || 'pipe' in source || 'getReader' in source || GIVEN in source);
}

function notUtf8(): TypeError {
  return new TypeError('the source of a text message gave bytes that are not UTF-8; send it with type: \'binary\'');
}
