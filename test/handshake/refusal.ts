// What the handshake tests share: parsing one whole head, and catching the refusal of it.
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { RequestHeadParser, type RequestHead } from '../../src/http/request-head.js';

/** Parses a head given as its lines, without the empty one. */
export function parseHead(...lines: string[]): RequestHead {
  const head = new RequestHeadParser().push(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
  if (head === null) throw new Error('the head is incomplete');
  return head;
}

/**
 * Runs an action that must throw an `HttpError` with a message fit for people, and returns the error.
 * @param longest the characters that the message may have
 */
export function refusal(action: () => unknown, longest = 160): HttpError {
  try {
    action();
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    assert.match(error.message, /^[\x20-\x7e]{10,}$/, 'a message is one printable line');
    assert.ok(error.message.length <= longest, error.message);
    assert.not.match(error.message, /\.$/, 'a message has no full stop');
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Asserts code and status of the refusal that an action throws. */
export function assertRefused(action: () => unknown, code: string, status: number): void {
  const error = refusal(action);
  assert.equal({ code: error.code, status: error.status }, { code, status });
}
