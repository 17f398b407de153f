// Messages to compressed ones: the sending half of permessage-deflate (RFC 7692 §7.2.1).
import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { Window } from './window.js';

/**
 * From this many bytes on, a message is compressed in a thread of libuv. At once, at level 6, it would block all others
 * for more than a millisecond: 19 µs for each KiB, against 50 µs for the way there and back (bench deflate).
 */
export const OFF_LOOP_FROM_BYTES = 65_536;

/**
 * So many at a time, one for each of libuv's threads. The others wait without zlib's 256 KiB of memory: thousands that
 * all begin at once fragment the heap (websockets/ws, issue 1202).
 */
const MAX_JOBS = 4;

/** §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end." */
const TAIL_BYTES = 4;

/** §7.2.3.6: what is left of an empty block without its tail; it ends a message whose chunks have kept theirs. */
export const LAST_CHUNK: Buffer = Buffer.of(0);

/**
 * How far back a message may refer, beyond an earlier one of the same size. zlib reads the dictionary for each message:
 * all 32 KiB of the window would cost one of 64 bytes 26 µs more than this, to make it 3 % shorter; half of this would
 * save 9 µs, and make it 3.5 % longer (bench deflate).
 */
const DICTIONARY_BYTES = 16_000;

/** zlib refers to nothing in the last 262 bytes of its window: the longest match and some more. */
const UNUSED_WINDOW_BYTES = 262;
/** So its smallest window, of 512 bytes, does for one of 256 too. */
export const MIN_ZLIB_WINDOW_BITS = 9;

export class Deflater {
  readonly windowBits: number;
  readonly level: number;
  /** Present while messages may refer to earlier ones. */
  readonly #window: Window | null;
  #isAbandoned = false;

  /**
   * @param outgoing the base-2 logarithm of the window's size in bytes, 8 to 15, and whether a message may refer to
   *   earlier ones (RFC 7692 §7.1).
   * @param level zlib's, from 1, the fastest, to 9, the smallest.
   */
  constructor(outgoing: { readonly windowBits: number; readonly contextTakeover: boolean }, level: number) {
    this.windowBits = outgoing.windowBits;
    this.level = level;
    this.#window = outgoing.contextTakeover ? new Window(outgoing.windowBits) : null;
  }

  /**
   * Compresses one message at once.
   * @returns the payload, or `null` if it would not be shorter than the message, which then is to be sent as it is:
   * only compressed messages become part of the context (§7.2.3.2), so that this is no harm to the following ones.
   */
  deflate(message: Uint8Array): Buffer | null {
    const deflated = withoutTail(deflateRawSync(message, this.#options(message.length, this.#window)));
    if (deflated.length >= message.length) return null;
    this.#window?.append(message);
    return deflated;
  }

  /** A message was compressed by `deflateAlone`, and is sent so: with a context, later messages may refer to it. */
  take(message: Uint8Array): void {
    this.#window?.append(message);
  }

  /**
   * Compresses one message off the event loop; the next may be compressed meanwhile. With a context it is part of that
   * from now on, so it has to be sent compressed; without one, the result is `null` if it would not be shorter.
   * @param message must not be written to before `done` is called.
   * @param done called later, unless the deflater was abandoned; the error is one of zlib's, such as no memory.
   */
  deflateLater(message: Uint8Array, done: (error: Error | null, deflated: Buffer | null) => void): void {
    const window = this.#window;
    const options = this.#options(message.length, window);
    // zlib copies the dictionary only when its turn comes.
    if (options.dictionary !== undefined) options.dictionary = Buffer.from(options.dictionary as Buffer);
    enqueue({
      message,
      options,
      isAbandoned: () => this.#isAbandoned,
      done(error, bytes) {
        if (error !== null) return done(error, null);
        const deflated = withoutTail(bytes);
        const isLonger = deflated.length >= message.length;
        done(null, isLonger && window === null ? null : deflated);
      },
    });
    window?.append(message);
  }

  /** What the chunks of the next message may refer to; for `deflateChunk`. */
  get window(): Window {
    return this.#window ?? new Window(this.windowBits);
  }

  /**
   * Compresses a chunk of a message at once, so that all of it can be read as soon as what it becomes is there.
   * `LAST_CHUNK` has to follow the last one.
   * @param window the same for all chunks of a message; each is to be added to it when it is sent.
   */
  deflateChunk(chunk: Uint8Array, window: Window): Buffer {
    return deflateRawSync(chunk, this.#options(chunk.length, window));
  }

  /** What is still being compressed is no longer wanted. */
  abandon(): void {
    this.#isAbandoned = true;
  }

  #options(messageLength: number, window: Window | null): ZlibOptions {
    const dictionary = window?.last(messageLength + DICTIONARY_BYTES) ?? null;
    const options = zlibOptions(messageLength, dictionary?.length ?? 0, this.windowBits, this.level);
    if (dictionary !== null && dictionary.length > 0) options.dictionary = dictionary;
    return options;
  }
}

/**
 * Compresses a message that refers to no other, so that it suits every connection with that window or a larger one.
 * @returns the payload, or `null` if it would not be shorter.
 */
export function deflateAlone(message: Uint8Array, windowBits: number, level: number): Buffer | null {
  const deflated = withoutTail(deflateRawSync(message, zlibOptions(message.length, 0, windowBits, level)));
  return deflated.length < message.length ? deflated : null;
}

function zlibOptions(messageLength: number, windowLength: number, windowBits: number, level: number): ZlibOptions {
  // A window that holds all there is does as well: at 64 bytes without a context it costs half as much.
  const needed = messageLength + windowLength + UNUSED_WINDOW_BYTES;
  return {
    level,
    windowBits: Math.max(MIN_ZLIB_WINDOW_BITS, Math.min(windowBits, Math.ceil(Math.log2(needed)))),
    finishFlush: constants.Z_SYNC_FLUSH,
    chunkSize: maxDeflatedBytes(messageLength),
  };
}

/** One piece for the whole result: zlib's own bound, with what a flush adds. */
function maxDeflatedBytes(messageLength: number): number {
  return messageLength + (messageLength >>> 3) + (messageLength >>> 6) + 64;
}

function withoutTail(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length - TAIL_BYTES);
}

interface Job {
  readonly message: Uint8Array;
  readonly options: ZlibOptions;
  isAbandoned(): boolean;
  done(error: Error | null, bytes: Buffer): void;
}

let runningJobs = 0;
const waitingJobs: Job[] = [];

function enqueue(job: Job): void {
  waitingJobs.push(job);
  runNext();
}

function runNext(): void {
  while (runningJobs < MAX_JOBS && waitingJobs.length > 0) {
    const job = waitingJobs.shift()!;
    if (!job.isAbandoned()) run(job);
  }
}

function run(job: Job): void {
  const settle = (error: Error | null, bytes: Buffer): void => {
    runningJobs--;
    runNext();
    if (!job.isAbandoned()) job.done(error, bytes);
  };
  runningJobs++;
  try {
    deflateRaw(job.message, job.options, settle);
  } catch (error) {
    // zlib tells at once that there is no memory for its state.
    process.nextTick(settle, error, null);
  }
}
