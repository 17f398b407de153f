// The errors that a peer's bytes may cause, as docs/api.md lists them: anything else that is thrown is a finding.
import { HttpError, ProtocolError } from '../../src/errors.js';
import { Finding } from './target.js';

/** Codes, each with its status or close code. */
export type Documented = Readonly<Record<string, number | 'any'>>;

/** The codes of an `HttpError` that header and trailer fields can cause, each with its status. */
export const fieldErrors = {
  BYTE_INVALID: 400,
  LINE_ENDING_INVALID: 400,
  HEADER_INVALID: 400,
  FOLDING_OBSOLETE: 400,
  HEAD_TOO_LARGE: 431,
  TOO_MANY_HEADER_FIELDS: 431,
} as const;

/** Those that a head or a body of either role can cause. */
export const httpErrors = {
  ...fieldErrors,
  CONTENT_LENGTH_INVALID: 400,
  CONTENT_LENGTH_DUPLICATE: 400,
  START_LINE_TOO_LONG: 414,
} as const;

export const requestErrors = {
  ...httpErrors,
  REQUEST_LINE_INVALID: 400,
  METHOD_INVALID: 400,
  TARGET_INVALID: 400,
  HTTP_VERSION_INVALID: 400,
  HOST_MISSING: 400,
  HOST_DUPLICATE: 400,
  HOST_INVALID: 400,
  BODY_FRAMING_AMBIGUOUS: 400,
  TRANSFER_ENCODING_IN_HTTP_1_0: 400,
  TRANSFER_ENCODING_INVALID: 400,
  PROXY_PROTOCOL_UNEXPECTED: 400,
  METHOD_TOO_LONG: 501,
  CONNECT_UNSUPPORTED: 501,
  TRANSFER_ENCODING_UNSUPPORTED: 501,
  HTTP_VERSION_UNSUPPORTED: 505,
} as const;

/** Of an extended CONNECT, whose fields someone else has read. */
export const connectErrors = {
  HEADER_INVALID: 400,
  FOLDING_OBSOLETE: 400,
  PSEUDO_HEADER_MISSING: 400,
  TARGET_INVALID: 400,
  HOST_DUPLICATE: 400,
  HOST_INVALID: 400,
  CONTENT_LENGTH_INVALID: 400,
  CONTENT_LENGTH_DUPLICATE: 400,
  BODY_FRAMING_AMBIGUOUS: 400,
  TRANSFER_ENCODING_INVALID: 400,
  TRANSFER_ENCODING_UNSUPPORTED: 501,
} as const;

/** A connection that is cut without an answer. */
export const proxyErrors = { PROXY_HEADER_INVALID: 400 } as const;

export const bodyErrors = { ...fieldErrors, CHUNKED_INVALID: 400, BODY_TOO_LARGE: 413 } as const;

export const upgradeErrors = {
  METHOD_NOT_GET: 405,
  UPGRADE_NEEDS_HTTP_1_1: 505,
  UPGRADE_MISSING: 426,
  TOKEN_INVALID: 400,
  CONNECTION_NOT_UPGRADE: 400,
  VERSION_DUPLICATE: 400,
  VERSION_MISSING: 426,
  VERSION_UNSUPPORTED: 426,
  UPGRADE_WITH_BODY: 400,
  KEY_MISSING: 400,
  KEY_DUPLICATE: 400,
  KEY_INVALID: 400,
  SUBPROTOCOL_INVALID: 400,
  SUBPROTOCOL_DUPLICATE: 400,
  EXTENSIONS_INVALID: 400,
  ORIGIN_DUPLICATE: 400,
  ORIGIN_REFUSED: 403,
} as const;

/** HTTP/2 has no 426, and asks for no key. */
export const upgradeErrorsOfHttp2 = {
  VERSION_DUPLICATE: 400,
  VERSION_MISSING: 400,
  VERSION_UNSUPPORTED: 400,
  UPGRADE_WITH_BODY: 400,
  SUBPROTOCOL_INVALID: 400,
  SUBPROTOCOL_DUPLICATE: 400,
  EXTENSIONS_INVALID: 400,
  ORIGIN_DUPLICATE: 400,
  ORIGIN_REFUSED: 403,
} as const;

/** With the status of the answer that was read, so any. */
export const answerErrors = {
  UPGRADE_NOT_WEBSOCKET: 'any',
  CONNECTION_NOT_UPGRADE: 'any',
  ACCEPT_INVALID: 'any',
  EXTENSION_NOT_OFFERED: 'any',
  EXTENSION_INVALID: 'any',
  SUBPROTOCOL_NOT_OFFERED: 'any',
} as const;

export const responseErrors = { ...httpErrors, STATUS_LINE_INVALID: 400 } as const;

export const clientErrors: Documented = {
  // What is no head has no status, which is told as 0.
  ...Object.fromEntries(Object.keys(responseErrors).map((code) => [code, 0])),
  ...answerErrors,
  UNEXPECTED_STATUS: 'any',
  CONNECTION_LOST: 0,
  PROXY_REFUSED: 'any',
  REDIRECT_INVALID: 'any',
};

/** The codes of a `ProtocolError`, each with its close code. */
export const frameErrors = {
  RESERVED_BIT: 1002,
  UNKNOWN_OPCODE: 1002,
  FRAME_NOT_MASKED: 1002,
  FRAME_MASKED: 1002,
  LENGTH_NOT_MINIMAL: 1002,
  LENGTH_OVERFLOW: 1002,
  CONTROL_FRAME_FRAGMENTED: 1002,
  CONTROL_FRAME_TOO_LONG: 1002,
  UNEXPECTED_CONTINUATION: 1002,
  EXPECTED_CONTINUATION: 1002,
  INVALID_CLOSE_PAYLOAD: 1002,
  INVALID_CLOSE_CODE: 1002,
  INVALID_UTF8: 1007,
  INVALID_DEFLATE: 1007,
  MESSAGE_TOO_LARGE: 1009,
} as const;

const RULE = 'a documented error or a result';

/**
 * A documented error as text.
 * @throws Finding if the error is none of these, or its message could not be shown on one line.
 */
export function describeError(error: unknown, documented: Documented): string {
  if (!(error instanceof HttpError || error instanceof ProtocolError)) {
    throw new Finding(RULE, `threw ${String(error)}`, { cause: error });
  }
  const number = error instanceof HttpError ? error.status : error.closeCode;
  const expected = Object.hasOwn(documented, error.code) ? documented[error.code] : undefined;
  if (expected !== number && expected !== 'any') {
    throw new Finding(RULE, `threw ${error.code} with ${number}, which is not documented here`, { cause: error });
  }
  if (!/^[\x20-\x7e]{1,400}$/.test(error.message)) {
    throw new Finding('messages of one printable line', JSON.stringify(error.message));
  }
  return `${error.code} ${number}`;
}
