// What may be sent as a message, and the bytes or text that it stands for.
import { isAnyArrayBuffer } from 'node:util/types';

/** What `send` takes: a text message, or the bytes of a binary one. */
export type Sendable = string | ArrayBufferLike | ArrayBufferView;

/**
 * @param name of what it is, for the message of an error.
 * @throws TypeError for anything else than a string, an `ArrayBuffer`, a `SharedArrayBuffer` or a view, of whatever
 * realm, and for one whose memory was detached.
 */
export function toPayload(message: Sendable, name = 'a message'): string | Uint8Array {
  if (typeof message === 'string') return message;
  const bytes = toBytes(message, name);
  if (bytes.length === 0) checkAttached(bytes.buffer);
  return bytes;
}

function toBytes(message: ArrayBufferLike | ArrayBufferView, name: string): Uint8Array {
  if (message instanceof Uint8Array) return message;
  // A number must never become a length of uninitialised memory.
  if (ArrayBuffer.isView(message)) return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  if (isAnyArrayBuffer(message)) return new Uint8Array(message);
  throw new TypeError(`${name} is a string, an ArrayBuffer or a view of one, not ${typeof message}`);
}

/** A view of detached memory looks empty; only a new one is refused. */
function checkAttached(buffer: ArrayBufferLike): void {
  try {
    new Uint8Array(buffer);
  } catch {
    throw new TypeError('the memory of the message was detached, as by a transfer; send a copy, or send it before');
  }
}
