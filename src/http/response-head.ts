// Parses the head of an HTTP/1.1 response (RFC 9112 §4, §5).
import { HttpError } from '../errors.js';
import { responseBodyLength } from './body-length.js';
import { FIELD_LINE_BYTES, HeadParser } from './head.js';
import { HeaderFields } from './fields.js';

/** The head of an HTTP response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderFields;
  /** The length of the body in bytes; `null` if the end of the connection ends it (RFC 9112 §6.3). */
  readonly bodyLength: number | 'chunked' | null;
}

/** The parser for the responses of a server. */
export class ResponseHeadParser extends HeadParser<ResponseHead> {
  constructor() {
    super(parseResponseHead, FIELD_LINE_BYTES);
  }
}

function parseResponseHead(text: string): ResponseHead {
  const end = text.indexOf('\r\n');
  // RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last space is often forgotten
  const [, status] = /^HTTP\/1\.[0-9] ([1-5][0-9][0-9])(?: |$)/.exec(text.slice(0, end)) ?? [];
  if (status === undefined) {
    throw new HttpError('STATUS_LINE_INVALID', 400, 'the answer does not begin with HTTP/1.1 and a status');
  }
  const headers = new HeaderFields(text, end + 2);
  return { status: Number(status), headers, bodyLength: responseBodyLength(Number(status), headers) };
}
