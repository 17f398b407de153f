// The key of an opening handshake and the answer that proves it was understood (RFC 6455 §1.3).
import { hash, randomBytes } from 'node:crypto';

// RFC 6455 §1.3: the globally unique identifier that no server without WebSocket would append.
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const KEY_LENGTH = 24;
const NOT_BASE64 = /[^A-Za-z0-9+/]/;

/**
 * Whether `value` is 16 bytes in base64 (RFC 6455 §4.2.1 item 5).
 *
 * The four bits that the last letter has to spare may be set: item 5 asks for 16 bytes "when decoded", which they
 * are, and the key is never used decoded, so that refusing them would lose careless clients and gain nothing.
 */
export function isKey(value: string): boolean {
  return value.length === KEY_LENGTH && value.endsWith('==') && !NOT_BASE64.test(value.slice(0, -2));
}

/** The value of `Sec-WebSocket-Accept` that answers `key` (RFC 6455 §4.2.2 item 5.4). */
export function acceptKey(key: string): string {
  return hash('sha1', key + GUID, 'base64');
}

/** A key for a handshake: 16 random bytes in base64 (RFC 6455 §4.1 item 7). */
export function createKey(): string {
  return randomBytes(16).toString('base64');
}
