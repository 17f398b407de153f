// One message or control frame in, the bytes of one unfragmented frame out (RFC 6455 §5.2).
import { FIN, headerLengthFor, RSV1, writeHeader } from './header.js';
import { copyMasked, createMaskingKey } from './mask.js';
import { MAX_SLAB_FRAME_BYTES, sharedFrames } from './slab.js';

/** Up to here two loops beat two calls into Node: 28 ns for 8 bytes, 64 for 20, 100 for 32; the calls 75 for each. */
const SHORT_BYTES = 24;

/** The first byte of an unfragmented frame; RSV1 says that it is compressed (RFC 7692 §6). */
export function firstByte(opcode: number, isCompressed: boolean): number {
  return isCompressed ? FIN | RSV1 | opcode : FIN | opcode;
}

/**
 * Writes a frame to where there is room for it; the payload is never changed.
 * @param first as `firstByte` makes it.
 * @param payloadLength in bytes, as `lengthOf` tells it.
 * @param maskingKey `null` for a server, which masks nothing (§5.1).
 */
export function writeFrame(
  target: Buffer,
  offset: number,
  first: number,
  payload: string | Uint8Array,
  payloadLength: number,
  maskingKey: number | null,
): void {
  const start = writeHeader(target, offset, first, payloadLength, maskingKey);
  if (typeof payload === 'string') {
    writeText(target, start, payload, payloadLength);
    if (maskingKey !== null) copyMasked(target, start, target, start, payloadLength, maskingKey);
  } else if (maskingKey === null) {
    target.set(payload, start);
  } else {
    copyMasked(payload, 0, target, start, payloadLength, maskingKey);
  }
}

/** An encoded frame, unmasked, that many connections may send; its bytes are never written again. */
export interface Frame {
  readonly bytes: Buffer;
  readonly start: number;
  readonly payloadStart: number;
  readonly end: number;
}

/** Encodes an unmasked frame for any number of connections. */
export function encodeShared(opcode: number, payload: Uint8Array, isCompressed: boolean): Frame {
  const headerLength = headerLengthFor(payload.length, false);
  const length = headerLength + payload.length;
  const isSmall = length <= MAX_SLAB_FRAME_BYTES;
  const start = isSmall ? sharedFrames.allot(length) : 0;
  const bytes = isSmall ? sharedFrames.bytes : Buffer.allocUnsafeSlow(length);
  writeFrame(bytes, start, firstByte(opcode, isCompressed), payload, payload.length, null);
  return { bytes, start, payloadStart: start + headerLength, end: start + length };
}

/** Encodes one frame into new memory. */
export function encodeAlone(first: number, payload: Uint8Array, isMasking: boolean): Buffer {
  const frame = Buffer.allocUnsafeSlow(headerLengthFor(payload.length, isMasking) + payload.length);
  writeFrame(frame, 0, first, payload, payload.length, isMasking ? createMaskingKey() : null);
  return frame;
}

/** The length of a payload in bytes; a text is sent as UTF-8. */
export function lengthOf(payload: string | Uint8Array): number {
  return typeof payload === 'string' ? utf8Length(payload) : payload.length;
}

/** The length of a text in UTF-8. */
function utf8Length(text: string): number {
  if (text.length > SHORT_BYTES) return Buffer.byteLength(text);
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) >= 0x80) return Buffer.byteLength(text);
  }
  return text.length;
}

/** UTF-8 also of ASCII: Latin-1 is hardly faster on Node.js, and a loop of JavaScript's on Deno (bench codec). */
function writeText(target: Buffer, start: number, text: string, byteLength: number): void {
  if (byteLength > SHORT_BYTES || byteLength !== text.length) {
    target.write(text, start);
  } else {
    for (let index = 0; index < byteLength; index++) target[start + index] = text.charCodeAt(index);
  }
}
