// The limits and other options of a connection: names, defaults, and the check that a given one makes sense.
import { constants } from 'node:buffer';
import { canTakeOver } from '../frame/inflater.js';
import { checkNames } from './options.js';

/** How messages are compressed (RFC 7692) where both sides agree to it. */
export interface DeflateOptions {
  /** Messages of fewer bytes are sent as they are. Default 1,024. */
  threshold?: number;
  /** Of zlib's levels, from 1, the fastest, to 9, the smallest. Default 6, as in zlib. */
  level?: number;
  /**
   * The base-2 logarithm of how many bytes back a message may refer, 8 to 15. Default 15: 32 KiB. A connection keeps as
   * many bytes of what it has sent and of what it has received. A peer that can't be limited may still use 15.
   */
  windowBits?: number;
  /** Whether messages may refer to earlier ones, which pays if they are alike. Else nothing is kept. Default `true`. */
  contextTakeover?: boolean;
}

export interface ConnectionOptions {
  /**
   * The longest message accepted, in bytes over all its fragments; a longer one closes the connection with 1009.
   * Default 1 MiB, as in Python's websockets.
   */
  maxMessageBytes?: number;
  /**
   * The longest message accepted of those that are read with `receive()`, while they arrive: one over `maxMessageBytes`
   * then waits for that. `Infinity` for any length: no more than `maxQueuedBytes` of it is in memory. By default such a
   * message may be as long as any other.
   */
  maxStreamedBytes?: number;
  /** With this many unread messages the socket is paused, so that TCP stops the peer. Default 1,024. */
  maxQueuedMessages?: number;
  /** The same for the bytes of unread messages. Default 1 MiB. */
  maxQueuedBytes?: number;
  /**
   * A `send()` that finds more than this many bytes unsent cuts the connection: the peer isn't reading, and the caller
   * isn't waiting. Default 16 MiB. µWebSockets calls it `maxBackpressure`.
   */
  maxBufferedBytes?: number;
  /** Milliseconds for the closing handshake; then TCP is cut. Default 10,000, as in Python's websockets. */
  closeTimeout?: number;
  /**
   * Compresses messages by permessage-deflate (RFC 7692) if the peer agrees; `true` for the defaults of its options.
   * Default `false` for a server, `true` for a client.
   */
  deflate?: boolean | DeflateOptions;
}

export interface ConnectionLimits extends Required<Omit<ConnectionOptions, 'deflate'>> {
  /** `null` if messages are not to be compressed. */
  readonly deflate: Required<DeflateOptions> | null;
}

/** A function that takes further options adds their names to these. */
export const connectionDefaults: ConnectionLimits = {
  maxMessageBytes: 1 << 20,
  maxStreamedBytes: 0,
  maxQueuedMessages: 1024,
  maxQueuedBytes: 1 << 20,
  maxBufferedBytes: 16 << 20,
  closeTimeout: 10_000,
  deflate: null,
};

/**
 * The given options over those of `base`.
 * @throws RangeError naming the option that is no whole number in its range, TypeError for one of another type.
 */
export function resolveLimits(options: ConnectionOptions, base = connectionDefaults): ConnectionLimits {
  const limit = (name: Exclude<keyof ConnectionLimits, 'deflate'>, lowest: number, highest: number): number =>
    wholeNumber(name, options[name] ?? base[name], lowest, highest);
  return {
    // A longer text would not fit into a string.
    maxMessageBytes: limit('maxMessageBytes', 0, constants.MAX_STRING_LENGTH),
    // One that is no higher than `maxMessageBytes` allows nothing more.
    maxStreamedBytes: options.maxStreamedBytes === Infinity
      ? Number.MAX_SAFE_INTEGER
      : limit('maxStreamedBytes', 0, Number.MAX_SAFE_INTEGER),
    maxQueuedMessages: limit('maxQueuedMessages', 1, Number.MAX_SAFE_INTEGER),
    maxQueuedBytes: limit('maxQueuedBytes', 1, Number.MAX_SAFE_INTEGER),
    maxBufferedBytes: limit('maxBufferedBytes', 0, Number.MAX_SAFE_INTEGER),
    closeTimeout: milliseconds('closeTimeout', options.closeTimeout ?? base.closeTimeout),
    deflate: options.deflate === undefined ? base.deflate : resolveDeflate(options.deflate),
  };
}

const deflateDefaults: Required<DeflateOptions> = { threshold: 1024, level: 6, windowBits: 15, contextTakeover: true };

/**
 * @returns `null` for no compression.
 * @throws TypeError for another type or name, RangeError naming the option that is no whole number in its range.
 */
function resolveDeflate(option: boolean | DeflateOptions): Required<DeflateOptions> | null {
  if (option === false) return null;
  if (option !== true && (typeof option !== 'object' || option === null)) {
    throw new TypeError('deflate is true, false, or its options');
  }
  const given = option === true ? {} : option;
  checkNames('deflate', given, deflateDefaults);
  const number = (name: 'threshold' | 'level' | 'windowBits', lowest: number, highest: number): number =>
    wholeNumber(`deflate.${name}`, given[name] ?? deflateDefaults[name], lowest, highest);
  return {
    threshold: number('threshold', 0, Number.MAX_SAFE_INTEGER),
    level: number('level', 1, 9),
    windowBits: number('windowBits', 8, 15),
    contextTakeover: (given.contextTakeover ?? deflateDefaults.contextTakeover) && canTakeOver(),
  };
}

/** @throws RangeError naming the option. */
export function wholeNumber(name: string, value: number, lowest: number, highest: number): number {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw new RangeError(`${name} must be a whole number from ${lowest} to ${highest}, not ${value}`);
}

/** A time that Node's timers keep: above 2^31-1 milliseconds they fire at once. */
export function milliseconds(name: string, value: number): number {
  return wholeNumber(name, value, 0, 2 ** 31 - 1);
}
