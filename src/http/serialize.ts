// Writes the heads of HTTP/1.1 requests and responses (RFC 9112 §3, §4).
import { serializeFields } from './fields.js';

// Those of RFC 9110 §15, and of the IANA registry the ones that are in use.
const REASON_PHRASES: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
  511: 'Network Authentication Required',
};

/**
 * The head of a response, to be written in latin1.
 *
 * @param status 100 to 599; the reason phrase of one that is not registered is empty, as RFC 9112 §4 allows
 * @param headers each line as `[name, value]`, in that order
 * @throws RangeError if the status is none; TypeError if a name is not a token or a value holds a control character
 *   or a character beyond U+00FF
 */
export function serializeResponseHead(status: number, headers: Iterable<readonly [string, string]>): string {
  if (!Number.isInteger(status) || status < 100 || status > 599) {
    throw new RangeError(`an HTTP status is an integer from 100 to 599, not ${status}`);
  }
  return `HTTP/1.1 ${status} ${REASON_PHRASES[status] ?? ''}\r\n${serializeFields(headers)}\r\n`;
}

/**
 * The head of a request, to be written in latin1.
 *
 * @throws TypeError as `serializeResponseHead`
 */
export function serializeRequestHead(
  method: string,
  target: string,
  headers: Iterable<readonly [string, string]>,
): string {
  return `${method} ${target} HTTP/1.1\r\n${serializeFields(headers)}\r\n`;
}
