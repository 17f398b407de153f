// How a message is printed: text as it is, made safe for a terminal; binary in hexadecimal, unless as it is for a pipe.
import type { Message } from '../index.js';
import { formatJson } from './json.js';
import { printable } from './printable.js';

export interface Format {
  /** Whether binary messages are written as they are, but not to a terminal. */
  readonly isBinary: boolean;
  /** Whether messages that are JSON are formatted. */
  readonly isJson: boolean;
}

export function formatMessage(message: Message, { isBinary, isJson }: Format, isTerminal: boolean): string | Buffer {
  if (typeof message === 'string') {
    const json = isJson ? formatJson(message, isTerminal) : null;
    return `${json ?? (isTerminal ? printable(message) : message)}\n`;
  }
  if (isBinary && !isTerminal) return message;
  return `[binary, length ${message.length}] ${message.toString('hex')}\n`;
}
