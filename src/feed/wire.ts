// An update as the transports carry it: encoded once, however many readers there are.
import { prepare } from '../connection/broadcast.js';
import type { PreparedMessage } from '../connection/prepared.js';
import type { Update } from './log.js';

interface Encoding {
  text?: string;
  message?: PreparedMessage;
}

/** They live as long as their updates are kept. */
const encodings = new WeakMap<Update, Encoding>();

/** The update as JSON: `{"id":…,"value":…}`, with `missed` if there is any; bytes are `base64` instead of `value`. */
export function toText(update: Update): string {
  return (encodingOf(update).text ??= encodeText(update));
}

/**
 * The update as a message: its JSON as text. Bytes make a binary message: the id, after a space `missed` if there is
 * any, LF, and the bytes.
 */
export function toMessage(update: Update): PreparedMessage {
  return (encodingOf(update).message ??= encodeMessage(update));
}

/** A place without an update, as JSON: for a reader that has nothing yet, or gets nothing of what comes. */
export function toMark({ id, missed }: Pick<Update, 'id' | 'missed'>): string {
  return JSON.stringify({ id, missed });
}

function encodingOf(update: Update): Encoding {
  let encoding = encodings.get(update);
  if (encoding === undefined) encodings.set(update, (encoding = {}));
  return encoding;
}

function encodeText({ id, missed, value }: Update): string {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
    return JSON.stringify({ id, missed, base64: bytes.toString('base64') });
  }
  // JSON has no `undefined`, and an update without a value would be a mark.
  return JSON.stringify({ id, missed, value: value === undefined ? null : value });
}

function encodeMessage(update: Update): PreparedMessage {
  const { id, missed, value } = update;
  if (!(value instanceof Uint8Array)) return prepare(toText(update));
  const line = missed === undefined ? `${id}\n` : `${id} ${missed}\n`;
  return prepare(Buffer.concat([Buffer.from(line), value]));
}
