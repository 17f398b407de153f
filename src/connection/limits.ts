// The limits and times of a connection: names, defaults, and the check that a given one makes sense.
import { constants } from 'node:buffer';
import { resolveDeflate, type DeflateOptions, type ResolvedDeflateOptions } from './deflate-options.js';

export interface ConnectionOptions {
  /**
   * The longest message accepted, in bytes over all its fragments; a longer one closes the connection with 1009.
   * Default 1 MiB, as in Python's websockets.
   */
  maxMessageBytes?: number;
  /** With this many unread messages the socket is paused, so that TCP stops the peer. Default 1,024. */
  maxQueuedMessages?: number;
  /** With this many bytes of unread messages, likewise. Default 1 MiB. */
  maxQueuedBytes?: number;
  /**
   * A `send()` that finds more than this many bytes unsent cuts the connection: the peer doesn't read, and the caller
   * doesn't wait. Default 16 MiB. µWebSockets calls it `maxBackpressure`.
   */
  maxBufferedBytes?: number;
  /** Milliseconds for the closing handshake; then TCP is cut. Default 10,000, as in Python's websockets. */
  closeTimeout?: number;
  /**
   * Compresses messages by permessage-deflate (RFC 7692) if the peer can: `true` for the defaults. Default `false` for a
   * server, `true` for a client, which only offers it.
   */
  deflate?: boolean | DeflateOptions;
}

export interface ConnectionLimits extends Required<Omit<ConnectionOptions, 'deflate'>> {
  /** `null` if messages are not to be compressed. */
  readonly deflate: ResolvedDeflateOptions | null;
}

const defaults: ConnectionLimits = {
  maxMessageBytes: 1 << 20,
  maxQueuedMessages: 1024,
  maxQueuedBytes: 1 << 20,
  maxBufferedBytes: 16 << 20,
  closeTimeout: 10_000,
  deflate: null,
};

/**
 * The given options over those of `base`.
 * @throws RangeError naming the option that is no whole number in its range.
 */
export function resolveLimits(options: ConnectionOptions, base: ConnectionLimits = defaults): ConnectionLimits {
  const limit = (name: Exclude<keyof ConnectionLimits, 'deflate'>, lowest: number, highest: number): number =>
    wholeNumber(name, options[name] ?? base[name], lowest, highest);
  return {
    // A longer text would not fit into a string.
    maxMessageBytes: limit('maxMessageBytes', 0, constants.MAX_STRING_LENGTH),
    maxQueuedMessages: limit('maxQueuedMessages', 1, Number.MAX_SAFE_INTEGER),
    maxQueuedBytes: limit('maxQueuedBytes', 1, Number.MAX_SAFE_INTEGER),
    maxBufferedBytes: limit('maxBufferedBytes', 0, Number.MAX_SAFE_INTEGER),
    closeTimeout: milliseconds('closeTimeout', options.closeTimeout ?? base.closeTimeout),
    deflate: options.deflate === undefined ? base.deflate : resolveDeflate(options.deflate),
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
