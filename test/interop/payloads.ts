// What is sent to every peer and expected back from it: texts, bytes of every length form, and Close frames.
import { createHash } from 'node:crypto';

/** Texts as what is repeated, and how often; the last is as long as the default limit allows. */
export const repeatedTexts = [['Hello, World!', 1], ['你好', 1], ['🎉', 1], ['', 1], ['🎉', 1 << 18]] as const;

export const texts: readonly string[] = repeatedTexts.map(([part, count]) => part.repeat(count));

/** On both sides of each border between the forms of the payload length (RFC 6455 §5.2), and the default limit. */
export const sizes = [0, 125, 126, 65_535, 65_536, 1 << 20] as const;

/** Bytes in which none can be lost, doubled or moved by a power of two unseen; the scripts make the same. */
export function bytesOf(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, index) => index % 251));
}

/** A message too long to be printed: its kind, its length in bytes, and which. */
export type Digest = readonly [kind: 'text' | 'binary', byteLength: number, sha256: string];

export function digest(message: string | Uint8Array): Digest {
  const bytes = typeof message === 'string' ? Buffer.from(message) : message;
  const kind = typeof message === 'string' ? 'text' : 'binary';
  return [kind, bytes.length, createHash('sha256').update(bytes).digest('hex')];
}

/** What a Close frame carries. */
export type CloseFrame = readonly [code: number, reason: string];

/** 123 bytes of UTF-8, as many as a Close frame can carry (§5.5). */
export const longestReason = '你好'.repeat(20) + 'end';

/** Close frames that every API can send, as browsers allow no other codes. */
export const closeFrames: readonly CloseFrame[] = [
  [1000, ''],
  [1000, 'done'],
  [3000, '你好 🎉'],
  [4999, longestReason],
];

/** Those that an endpoint other than a browser may send besides (§7.4.1). */
export const serverCloseFrames: readonly CloseFrame[] = [
  ...closeFrames,
  ...[1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].map((code): CloseFrame => [code, 'so']),
];
