// The payload of a Close frame: a close code and a close reason (RFC 6455 §5.5.1, §7.4).
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from '../errors.js';

/** The close codes of IANA's registry (RFC 6455 §7.4.1, §11.7) but for 1004, which has no meaning. */
export const CloseCode = {
  NORMAL_CLOSURE: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** Never on the wire: the Close frame had no code. */
  NO_STATUS_RECEIVED: 1005,
  /** Never on the wire: there was no Close frame. */
  ABNORMAL_CLOSURE: 1006,
  INVALID_PAYLOAD_DATA: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG: 1009,
  MANDATORY_EXTENSION: 1010,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_GATEWAY: 1014,
  /** Never on the wire: the TLS handshake failed. */
  TLS_HANDSHAKE: 1015,
  UNAUTHORIZED: 3000,
  FORBIDDEN: 3003,
  TIMEOUT: 3008,
} as const;

/** A control frame carries at most 125 bytes (§5.5), two of which are the close code. */
const MAX_REASON_BYTES = 123;

/** Whether `code` may stand in a Close frame: defined by §7.4.1 or IANA's registry, or in the ranges of §7.4.2. */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  // 1004 is reserved; 1005, 1006 and 1015 must not be set in a Close frame (§7.4.1).
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/**
 * The payload of a Close frame.
 * @throws RangeError if the code may not be sent, or the reason is longer than 123 bytes of UTF-8 (§5.5).
 * @throws TypeError if code or reason have another type.
 */
export function serializeClosePayload(code: number, reason: string): Buffer {
  // A number or a typed array must never become a length of uninitialised memory.
  if (typeof code !== 'number') throw new TypeError(`the close code must be a number, not ${typeof code}`);
  if (typeof reason !== 'string') throw new TypeError(`the close reason must be a string, not ${typeof reason}`);
  if (!Number.isInteger(code) || !isCloseCode(code)) {
    throw new RangeError(`${code} is no close code to send; use 1000, one of 1001–1003 and 1007–1014, or 3000–4999`);
  }
  const text = Buffer.from(reason);
  if (text.length > MAX_REASON_BYTES) {
    throw new RangeError(`the close reason has ${text.length} bytes of UTF-8; shorten it to ${MAX_REASON_BYTES}`);
  }
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code);
  payload.set(text, 2);
  return payload;
}

/**
 * Reads a received Close payload; an empty one is `1005` without a reason (§7.1.5).
 * @throws ProtocolError 1002 for a lone byte or a code that may not be sent, 1007 for a reason that is not UTF-8.
 */
export function parseClosePayload(payload: Buffer): { code: number; reason: string } {
  if (payload.length === 0) return { code: CloseCode.NO_STATUS_RECEIVED, reason: '' };
  // §5.5.1: "the first two bytes of the body MUST be a 2-byte unsigned integer"
  if (payload.length === 1) {
    throw new ProtocolError('INVALID_CLOSE_PAYLOAD', CloseCode.PROTOCOL_ERROR, 'close payload of one byte');
  }
  const code = payload.readUInt16BE();
  if (!isCloseCode(code)) {
    throw new ProtocolError('INVALID_CLOSE_CODE', CloseCode.PROTOCOL_ERROR, `close code ${code} must not be sent`);
  }
  const reason = payload.subarray(2);
  if (!isUtf8(reason)) {
    throw new ProtocolError('INVALID_UTF8', CloseCode.INVALID_PAYLOAD_DATA, 'close reason is not UTF-8');
  }
  return { code, reason: reason.toString() };
}
