// The options of permessage-deflate: names, defaults, and the check that a given one makes sense.
import type { Role } from '../frame/opcode.js';
import type { DeflateAgreement } from '../handshake/deflate.js';
import { wholeNumber } from './limits.js';
import type { Deflate } from './protocol.js';

/** How messages are compressed (RFC 7692) where both sides agree to it. */
export interface DeflateOptions {
  /** Messages of fewer bytes are sent as they are. Default 1,024. */
  threshold?: number;
  /** Of zlib's levels, from 1, the fastest, to 9, the smallest. Default 6, as in zlib. */
  level?: number;
  /**
   * The base-2 logarithm of how many bytes back a message may refer, 8 to 15. Default 15: 32 KiB. A connection keeps as
   * many bytes of what it has sent and of what it has received. A client that can't be limited may still use 15.
   */
  windowBits?: number;
  /** Whether messages may refer to earlier ones, which pays if they are alike; without, nothing is kept. Default `true`. */
  contextTakeover?: boolean;
}

export type ResolvedDeflateOptions = Required<DeflateOptions>;

const defaults: ResolvedDeflateOptions = { threshold: 1024, level: 6, windowBits: 15, contextTakeover: true };

/**
 * @returns `null` for no compression.
 * @throws RangeError naming the option that is no whole number in its range.
 */
export function resolveDeflate(option: boolean | DeflateOptions): ResolvedDeflateOptions | null {
  if (option === false) return null;
  const given = option === true ? {} : option;
  const number = (name: 'threshold' | 'level' | 'windowBits', lowest: number, highest: number): number =>
    wholeNumber(`deflate.${name}`, given[name] ?? defaults[name], lowest, highest);
  return {
    threshold: number('threshold', 0, Number.MAX_SAFE_INTEGER),
    level: number('level', 1, 9),
    windowBits: number('windowBits', 8, 15),
    contextTakeover: given.contextTakeover ?? defaults.contextTakeover,
  };
}

/** What follows for this endpoint from what both have agreed on. */
export function toDeflate(role: Role, agreement: DeflateAgreement, options: ResolvedDeflateOptions): Deflate {
  const { level, threshold } = options;
  const server = { windowBits: agreement.serverMaxWindowBits, contextTakeover: agreement.serverContextTakeover };
  const client = { windowBits: agreement.clientMaxWindowBits, contextTakeover: agreement.clientContextTakeover };
  const [outgoing, incoming] = role === 'server' ? [server, client] : [client, server];
  return { outgoing: { ...outgoing, level, threshold }, incoming };
}
