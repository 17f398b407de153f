// Where the body of a message ends: Content-Length and Transfer-Encoding (RFC 9112 §6).
import { HttpError } from '../errors.js';
import { listElements, singleValue, type HeaderFields } from './fields.js';

/** The versions of HTTP that carry WebSockets here, and HTTP/1.0, which can't. */
export type HttpVersion = '1.0' | '1.1' | '2.0';

/**
 * The length of a request's body in bytes, 0 if it has none (§6.3).
 *
 * @throws HttpError 400 if the fields leave it unclear, 501 for a transfer coding that is not known here
 */
export function requestBodyLength(headers: HeaderFields, httpVersion: HttpVersion): number | 'chunked' {
  const codings = transferCodings(headers);
  const contentLength = singleValue(headers, 'content-length', 'CONTENT_LENGTH_DUPLICATE');
  // §6.3 item 7: a request with neither has no body
  if (codings === null) return contentLength === null ? 0 : parseContentLength(contentLength);
  // §6.3 item 3: "might indicate an attempt to perform request smuggling"
  if (contentLength !== null) {
    const message = 'the request has both Content-Length and Transfer-Encoding; send one of them';
    throw new HttpError('BODY_FRAMING_AMBIGUOUS', 400, message);
  }
  // §6.1: a recipient "MUST treat the message as if the framing is faulty"
  if (httpVersion === '1.0') {
    throw new HttpError('TRANSFER_ENCODING_IN_HTTP_1_0', 400, 'HTTP/1.0 has no Transfer-Encoding; use HTTP/1.1');
  }
  if (codings.length > 1 || codings[0] !== 'chunked') throw codingRefusal(codings);
  return 'chunked';
}

/** The length of a response's body in bytes; `null` if the end of the connection ends it (§6.3). */
export function responseBodyLength(status: number, headers: HeaderFields): number | 'chunked' | null {
  if (status < 200 || status === 204 || status === 304) return 0;
  const contentLength = singleValue(headers, 'content-length', 'CONTENT_LENGTH_DUPLICATE');
  // §6.3 item 4: without chunked as the final coding, "the message body length is determined by reading the connection
  // until it is closed by the server"
  const codings = transferCodings(headers);
  if (codings !== null) return codings.at(-1) === 'chunked' ? 'chunked' : null;
  return contentLength === null ? null : parseContentLength(contentLength);
}

/** In lower case, in the order in which they were applied; `null` without the field. */
function transferCodings(headers: HeaderFields): string[] | null {
  const values = headers.getAll('transfer-encoding');
  return values.length === 0 ? null : listElements(values).map((coding) => coding.toLowerCase());
}

function codingRefusal(codings: readonly string[]): HttpError {
  // §6.3 item 4: if chunked is not the final coding, "the server MUST respond with the 400 (Bad Request) status code";
  // §7.1: it is applied once only. Empty elements of other lists are ignored, but not all would read this one alike.
  if (codings.indexOf('chunked') < codings.length - 1 || codings.at(-1) !== 'chunked' || codings.includes('')) {
    const message = 'Transfer-Encoding does not end with chunked, named once; send that alone';
    return new HttpError('TRANSFER_ENCODING_INVALID', 400, message);
  }
  // §6.1: to a transfer coding that it does not understand, a server "SHOULD respond with 501"
  const message = 'the only Transfer-Encoding known here is chunked; send that alone';
  return new HttpError('TRANSFER_ENCODING_UNSUPPORTED', 501, message);
}

function parseContentLength(value: string): number {
  const length = Number(value);
  // `Number` reads '', '1e3' and '0x10' too, and 2^53 + 1 as 2^53.
  if (value === '' || /[^0-9]/.test(value) || !Number.isSafeInteger(length)) {
    throw new HttpError('CONTENT_LENGTH_INVALID', 400, 'Content-Length is not below 2^53 in digits; correct it');
  }
  return length;
}
