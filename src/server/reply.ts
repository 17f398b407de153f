// What a handler returns, and the HTTP response it becomes (RFC 9110 §6, RFC 9112 §6.3).
import type { HttpError } from '../errors.js';
import { checkField, quote } from '../http/fields.js';

/** The parts of a reply. */
export interface ReplyParts {
  /** 200 if absent. */
  status?: number;
  /** Header fields; a list stands for several lines. Framing (`Content-Length`, …) is added. */
  headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Text, bytes, or an async iterable of either: sent in chunks as it yields, and ended if the client goes. */
  body?: string | Uint8Array | AsyncIterable<string | Uint8Array>;
}

/** What a handler may return: text (200, UTF-8), bytes, parts, or nothing (204). */
export type Reply = string | Uint8Array | ReplyParts | null | undefined | void;

/** A reply ready to be written. */
export interface Response {
  readonly status: number;
  readonly headers: [name: string, value: string][];
  /** `null` if there is none, or the status allows none. */
  readonly body: Uint8Array | AsyncIterable<string | Uint8Array> | null;
}

/** The fields that say where a response ends; a second one would let it be read in two ways. */
const FRAMING = ['content-length', 'transfer-encoding'];
/** What becomes of the connection, and what time it is, is not for a handler to say either. */
const RESERVED = [...FRAMING, 'connection', 'upgrade', 'date'];

/** @throws TypeError or RangeError for anything other than a reply; the message says what was wrong. */
export function toResponse(reply: Reply): Response {
  if (reply === undefined || reply === null) return { status: 204, headers: [], body: null };
  if (typeof reply === 'string' || reply instanceof Uint8Array) reply = { body: reply };
  if (typeof reply !== 'object') throw new TypeError(`a handler returns text, bytes or an object, not ${typeof reply}`);
  const { status = 200, headers: fields = {}, body, ...others } = reply;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(`a reply has status, headers and body, not ${quote(unknown)}; JSON is text: JSON.stringify it`);
  }
  checkStatus(status);
  const headers = toFields(fields, RESERVED, defaultType(body));
  return { status, headers, body: hasNoBody(status) ? null : toBody(body) };
}

/**
 * The one place where an `HttpError` becomes an HTTP response.
 * @throws TypeError or RangeError if a handler has made it with a status or fields that no reply may have.
 */
export function toRefusal({ status, headers, body }: HttpError): Response {
  checkStatus(status);
  const fields = toFields(headers, FRAMING, defaultType(body));
  return { status, headers: fields, body: hasNoBody(status) ? null : Buffer.from(body) };
}

/** RFC 9110 §15.3.5, §15.4.5: these have no content, whatever the method. */
export function hasNoBody(status: number): boolean {
  return status === 204 || status === 304;
}

function checkStatus(status: number): void {
  // 1xx are no final answers, and 101 belongs to the opening handshake.
  if (Number.isInteger(status) && status >= 200 && status <= 599) return;
  throw new RangeError(`the status of a reply is 200 to 599, not ${status}`);
}

function toFields(
  headers: NonNullable<ReplyParts['headers']>,
  reserved: readonly string[],
  type: string | null,
): [string, string][] {
  const fields = Object.entries(headers).flatMap(([name, value]) => {
    if (reserved.includes(name.toLowerCase())) throw new TypeError(`${name} is set by the server; leave it out`);
    return [value].flat().map((line): [string, string] => {
      checkField(name, line);
      return [name, String(line)];
    });
  });
  const hasType = fields.some(([name]) => name.toLowerCase() === 'content-type');
  if (type !== null && !hasType) fields.push(['Content-Type', type]);
  return fields;
}

function defaultType(body: ReplyParts['body']): string | null {
  if (typeof body === 'string') return 'text/plain; charset=utf-8';
  return body instanceof Uint8Array ? 'application/octet-stream' : null;
}

function toBody(body: ReplyParts['body']): Response['body'] {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array || Symbol.asyncIterator in Object(body)) return body;
  throw new TypeError('the body of a reply is text, bytes or an async iterable of either');
}
