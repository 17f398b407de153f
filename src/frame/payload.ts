// The payload of a frame, unmasked on its way out of the chunk, as what it stands for: bytes or text (RFC 6455 §5.6).
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from '../errors.js';
import { allocate } from './allocate.js';
import { CloseCode } from './close.js';
import { copyMasked, moveMasked, unmaskInPlace } from './mask.js';
import { allotMaskable } from './mask-memory.js';
import { decodeUtf8 } from './utf8.js';

/** Text up to this size is unmasked into one shared buffer. */
const SCRATCH_BYTES = 65_536;
const scratch = allotMaskable(SCRATCH_BYTES);

/** Up to here a loop beats a view and two calls into Node: text of 20 bytes takes two thirds (bench codec). */
const SHORT_BYTES = 64;

/** @returns bytes that nobody else holds. */
export function copyPayload(chunk: Buffer, start: number, end: number, maskingKey: number): Buffer {
  const payload = allocate(end - start);
  moveMasked(chunk, start, payload, 0, end - start, maskingKey);
  return payload;
}

/** @throws ProtocolError 1007 for bytes that are not UTF-8 (§8.1). */
export function decodeText(chunk: Buffer, start: number, end: number, maskingKey: number): string {
  if (unmaskInPlace(chunk, start, end, maskingKey)) return toText(chunk.subarray(start, end));
  const length = end - start;
  const target = length <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(length);
  copyMasked(chunk, start, target, 0, length, maskingKey);
  if (length <= SHORT_BYTES && isShortAscii(target, length)) return target.toString('latin1', 0, length);
  return toText(target.subarray(0, length));
}

function isShortAscii(bytes: Buffer, length: number): boolean {
  let all = 0;
  for (let index = 0; index < length; index++) all |= bytes[index];
  return all < 0x80;
}

/** @throws ProtocolError 1007 for bytes that are not UTF-8 (§8.1). */
export function toText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw invalidUtf8();
  return decodeUtf8(bytes);
}

export function invalidUtf8(): ProtocolError {
  return new ProtocolError('INVALID_UTF8', CloseCode.INVALID_PAYLOAD_DATA, 'text message is not UTF-8');
}

export function messageTooLarge(maxMessageBytes: number): ProtocolError {
  return new ProtocolError(
    'MESSAGE_TOO_LARGE', CloseCode.MESSAGE_TOO_BIG, `message over maxMessageBytes (${maxMessageBytes})`,
  );
}
