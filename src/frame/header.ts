// The frame header (RFC 6455 §5.2): every rule a received one must keep, and how one is written.
import { ProtocolError } from '../errors.js';
import { CloseCode } from './close.js';
import { Opcode, type Role } from './opcode.js';

/** Two bytes, eight of length, four of masking key. */
export const MAX_HEADER_BYTES = 14;
export const MAX_CONTROL_PAYLOAD_BYTES = 125;

export const FIN = 0x80;
export const MASK = 0x80;
/** Set on the first frame of a compressed message (RFC 7692 §6). */
export const RSV1 = 0x40;
const RESERVED_BITS = 0x70;
const CONTROL_BIT = 0x08;

/** With the words around it, it fits into a close reason. */
const HTTP_EXCERPT_BYTES = 64;

const LENGTH_16_BITS = 126;
const LENGTH_64_BITS = 127;

export function isControl(opcode: number): boolean {
  return (opcode & CONTROL_BIT) !== 0;
}

/** How many bytes the header has whose second byte is `second`. */
export function headerLength(second: number): number {
  const length = second & 0x7f;
  const extended = length < LENGTH_16_BITS ? 0 : length === LENGTH_16_BITS ? 2 : 8;
  return 2 + extended + (second & MASK ? 4 : 0);
}

/**
 * Checks all that the first two bytes of a frame tell.
 * @param role which side receives the frame.
 * @param inMessage whether a fragmented message is unfinished.
 * @param isDeflating whether permessage-deflate was agreed on.
 * @throws ProtocolError 1002.
 */
export function checkHeader(
  first: number,
  second: number,
  role: Role,
  inMessage: boolean,
  isDeflating: boolean,
): void {
  const opcode = first & 0x0f;
  // §5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values"
  if (first & RESERVED_BITS && !(isDeflating && startsCompressed(first))) {
    throw violation('RESERVED_BIT', 'RSV1, RSV2 or RSV3 set without an extension');
  }
  // §5.1: "The server MUST close the connection upon receiving a frame that is not masked"
  if (role === 'server' && !(second & MASK)) {
    throw violation('FRAME_NOT_MASKED', 'client frame without a mask, perhaps of a proxy');
  }
  // §5.1: "A client MUST close a connection if it detects a masked frame"
  if (role === 'client' && second & MASK) throw violation('FRAME_MASKED', 'server frame with a mask');
  if (opcode <= Opcode.BINARY) {
    // §5.4: fragments of one message must not be interleaved with those of another
    if (opcode === Opcode.CONTINUATION && !inMessage) {
      throw violation('UNEXPECTED_CONTINUATION', 'continuation frame outside a message');
    }
    if (opcode !== Opcode.CONTINUATION && inMessage) {
      throw violation('EXPECTED_CONTINUATION', 'new message inside an unfinished one');
    }
    return;
  }
  // §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_"
  if (opcode < Opcode.CLOSE || opcode > Opcode.PONG) throw violation('UNKNOWN_OPCODE', `unknown opcode ${opcode}`);
  // §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented"
  if (!(first & FIN)) throw violation('CONTROL_FRAME_FRAGMENTED', 'fragmented control frame');
  if ((second & 0x7f) > MAX_CONTROL_PAYLOAD_BYTES) {
    throw violation('CONTROL_FRAME_TOO_LONG', 'control frame of more than 125 bytes');
  }
}

/**
 * The violation that `bytes` begin with, in words that help: HTTP instead of a frame is mostly a proxy's error page.
 */
export function explainViolation(error: ProtocolError, bytes: Buffer): ProtocolError {
  const text = bytes.toString('latin1', 0, HTTP_EXCERPT_BYTES);
  const [line] = /^(?:[A-Z]+ [!-~]+ )?HTTP\/1\.[ -~]*/.exec(text) ?? [];
  return line === undefined ? error : violation(error.code, `HTTP instead of a frame, perhaps of a proxy: "${line}"`);
}

/** RFC 7692 §6.1: RSV1 stands on the first fragment of a message only, and never on a control frame. */
function startsCompressed(first: number): boolean {
  const opcode = first & 0x0f;
  return (first & RESERVED_BITS) === RSV1 && (opcode === Opcode.TEXT || opcode === Opcode.BINARY);
}

/**
 * Reads the payload length of a header that is complete at `offset`.
 * @throws ProtocolError 1002 if it is not written in the fewest bytes or has the highest bit set (§5.2).
 */
export function parsePayloadLength(bytes: Uint8Array, offset: number): number {
  const length = bytes[offset + 1] & 0x7f;
  if (length < LENGTH_16_BITS) return length;
  if (length === LENGTH_16_BITS) {
    const extended = (bytes[offset + 2] << 8) | bytes[offset + 3];
    // §5.2: "the minimal number of bytes MUST be used to encode the length"
    if (extended < LENGTH_16_BITS) throw violation('LENGTH_NOT_MINIMAL', 'payload length not in its minimal form');
    return extended;
  }
  const high = readUint32(bytes, offset + 2);
  // §5.2: "the most significant bit MUST be 0"
  if (high > 0x7fffffff) throw violation('LENGTH_OVERFLOW', 'payload length with its highest bit set');
  // Above 2^53 the sum is inexact, which no message limit lets matter.
  const extended = high * 2 ** 32 + readUint32(bytes, offset + 6);
  if (extended <= 0xffff) throw violation('LENGTH_NOT_MINIMAL', 'payload length not in its minimal form');
  return extended;
}

/** How many bytes `writeHeader` needs. */
export function headerLengthFor(payloadLength: number, masked: boolean): number {
  return (payloadLength < LENGTH_16_BITS ? 2 : payloadLength <= 0xffff ? 4 : 10) + (masked ? 4 : 0);
}

/**
 * Writes a header in its minimal form (§5.2).
 * @param first FIN, reserved bits and opcode.
 * @param maskingKey the four bytes as one number, lowest byte first; `null` writes an unmasked header.
 * @returns the offset after the header.
 */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  first: number,
  payloadLength: number,
  maskingKey: number | null,
): number {
  const mask = maskingKey === null ? 0 : MASK;
  target[offset++] = first;
  if (payloadLength < LENGTH_16_BITS) {
    target[offset++] = mask | payloadLength;
  } else if (payloadLength <= 0xffff) {
    target[offset++] = mask | LENGTH_16_BITS;
    target[offset++] = payloadLength >>> 8;
    target[offset++] = payloadLength;
  } else {
    target[offset++] = mask | LENGTH_64_BITS;
    offset = writeUint32(target, offset, Math.floor(payloadLength / 2 ** 32));
    offset = writeUint32(target, offset, payloadLength);
  }
  if (maskingKey === null) return offset;
  target[offset++] = maskingKey;
  target[offset++] = maskingKey >>> 8;
  target[offset++] = maskingKey >>> 16;
  target[offset++] = maskingKey >>> 24;
  return offset;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3]) >>> 0;
}

function writeUint32(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
  return offset + 4;
}

function violation(code: string, message: string): ProtocolError {
  return new ProtocolError(code, CloseCode.PROTOCOL_ERROR, message);
}
