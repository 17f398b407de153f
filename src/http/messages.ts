// HTTP/1.1 heads: the bytes of a request into its head, and the head of a response into its bytes (RFC 9112).
import { HandshakeError } from '../errors.js';
import { requestBodyLength, responseBodyLength } from './body-length.js';
import { FIELD_LINE_BYTES, HeadParser, REQUEST_LINE_BYTES, type HeadLimits } from './head.js';
import { HeaderFields, isToken, singleValue } from './fields.js';

// Longer than all methods in the IANA registry (the longest has 17 letters), short enough for any message.
const MAX_METHOD_LENGTH = 32;

/** The line of version 1 of the PROXY protocol, and the beginning of version 2. */
const PROXY_LINE = /^PROXY (?:TCP4|TCP6|UNKNOWN)(?: |$)/;
const PROXY_SIGNATURE = '\r\n\r\n\0';

/** The head of an HTTP request: all that comes before its body. */
export interface RequestHead {
  /** A token such as `GET`, as sent: letter case counts (RFC 9110 §9.1). It may be a method that nobody knows. */
  readonly method: string;
  /** The request target as sent, in origin form, absolute form or asterisk form (RFC 9112 §3.2). */
  readonly target: string;
  /** The path of the target, still percent-encoded; it begins with `/`, or is `*`. */
  readonly path: string;
  /** What follows the first `?` of the target, still percent-encoded; empty if there is none. */
  readonly query: string;
  /** `1.1` for higher minor versions too. */
  readonly httpVersion: '1.0' | '1.1';
  /** The header fields as sent. */
  readonly headers: HeaderFields;
  /** The `host[:port]` that is asked: the target's in absolute form, else Host's; `null` in HTTP/1.0 without either. */
  readonly host: string | null;
  /** The length of the body in bytes, 0 if there is none (RFC 9112 §6.3). */
  readonly bodyLength: number | 'chunked';
}

/** The parser for the requests of a client. */
export class RequestHeadParser extends HeadParser<RequestHead> {
  constructor(limits?: HeadLimits) {
    super(parseRequestHead, REQUEST_LINE_BYTES, limits);
  }

  protected override explain(beginning: string): HandshakeError | null {
    if (beginning === PROXY_SIGNATURE) return proxyProtocol();
    const start = beginning.search(/[^\r\n]/);
    return start !== -1 && isToken(beginning, start, start + MAX_METHOD_LENGTH + 1) ? methodTooLong() : null;
  }
}

/** The head of an HTTP response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderFields;
  /** The length of the body in bytes; `null` if the end of the connection ends it (RFC 9112 §6.3). */
  readonly bodyLength: number | 'chunked' | null;
}

/** The parser for the responses of a server. */
export class ResponseHeadParser extends HeadParser<ResponseHead> {
  constructor(limits?: HeadLimits) {
    super(parseResponseHead, FIELD_LINE_BYTES, limits);
  }
}

/** Parses a whole head, of which only the bytes and the line endings have been checked. */
function parseRequestHead(text: string): RequestHead {
  let start = 0;
  while (text.startsWith('\r\n', start)) start += 2;
  const end = text.indexOf('\r\n', start);
  const { method, target, httpVersion } = parseRequestLine(text.slice(start, end));
  const { path, query, authority } = parseTarget(method, target);
  const headers = new HeaderFields(text, end + 2);
  // Host is checked even if the target replaces it (RFC 9112 §3.2.2): two views of one request are how it is smuggled.
  const hostField = parseHost(headers, httpVersion);
  const bodyLength = requestBodyLength(headers, httpVersion);
  return { method, target, path, query, httpVersion, headers, host: authority ?? hostField, bodyLength };
}

function parseResponseHead(text: string): ResponseHead {
  const end = text.indexOf('\r\n');
  // RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last space is often forgotten
  const [, status] = /^HTTP\/1\.[0-9] ([1-5][0-9][0-9])(?: |$)/.exec(text.slice(0, end)) ?? [];
  if (status === undefined) {
    throw new HandshakeError('STATUS_LINE_INVALID', 400, 'the answer does not begin with HTTP/1.1 and a status');
  }
  const headers = new HeaderFields(text, end + 2);
  return { status: Number(status), headers, bodyLength: responseBodyLength(Number(status), headers) };
}

function parseRequestLine(line: string): Pick<RequestHead, 'method' | 'target' | 'httpVersion'> {
  // RFC 9112 §3: request-line = method SP request-target SP HTTP-version
  const parts = line.split(' ', 4);
  if (parts.length !== 3 || parts[1] === '') {
    if (PROXY_LINE.test(line)) throw proxyProtocol();
    const message = 'a request line is a method, a target and HTTP/1.1 with one space in between; send that';
    throw new HandshakeError('REQUEST_LINE_INVALID', 400, message);
  }
  const [method, target, version] = parts;
  if (!isToken(method)) throw new HandshakeError('METHOD_INVALID', 400, 'the method is not a token; use GET');
  if (method.length > MAX_METHOD_LENGTH) throw methodTooLong();
  return { method, target, httpVersion: parseVersion(version) };
}

// RFC 9112 §3: "a server that receives a method longer than any that it implements SHOULD respond with a 501"
function methodTooLong(): HandshakeError {
  const message = `no method has more than ${MAX_METHOD_LENGTH} letters; use GET`;
  return new HandshakeError('METHOD_TOO_LONG', 501, message);
}

function proxyProtocol(): HandshakeError {
  const message = 'the PROXY protocol comes before the request and is not spoken here; turn it off at the proxy';
  return new HandshakeError('PROXY_PROTOCOL_UNEXPECTED', 400, message);
}

function parseVersion(version: string): '1.0' | '1.1' {
  if (version === 'HTTP/1.0') return '1.0';
  // RFC 9110 §2.5: a higher minor version is processed as "the highest minor version within that major version"
  if (/^HTTP\/1\.[1-9]$/.test(version)) return '1.1';
  if (/^HTTP\/[0-9]\.[0-9]$/.test(version)) {
    throw new HandshakeError('HTTP_VERSION_UNSUPPORTED', 505, `${version} is not spoken here; use HTTP/1.1`);
  }
  throw new HandshakeError('HTTP_VERSION_INVALID', 400, 'the request line does not end with HTTP/1.1; add it');
}

interface Target {
  readonly path: string;
  readonly query: string;
  /** The `host[:port]` of a target in absolute form. */
  readonly authority: string | null;
}

/** Any visible ASCII but `#` is accepted: browsers leave `[ ] ^ |` and others as they are, against RFC 3986. */
function parseTarget(method: string, target: string): Target {
  if (method === 'CONNECT') {
    throw new HandshakeError('CONNECT_UNSUPPORTED', 501, 'this server is no proxy; send GET to it directly');
  }
  if (target.includes('#')) throw targetInvalid('has a fragment; leave # and what follows to the client');
  if (target.startsWith('/')) return splitQuery(target, null);
  if (target === '*') {
    if (method !== 'OPTIONS') throw targetInvalid('* is for OPTIONS only; name a path');
    return { path: target, query: '', authority: null };
  }
  return parseAbsoluteTarget(target);
}

function parseAbsoluteTarget(target: string): Target {
  const scheme = /^https?:\/\//i.exec(target);
  // RFC 6455 §4.1 item 3: the request-URI is a path or "an absolute http/https URI", never ws: or wss:
  if (scheme === null) throw targetInvalid('is neither a path nor an http or https URL; begin it with /');
  const rest = target.slice(scheme[0].length);
  const end = rest.search(/[/?]/);
  const authority = end === -1 ? rest : rest.slice(0, end);
  if (!isAuthority(authority)) throw targetInvalid('has no valid host[:port]; leave out user name and password');
  const resource = end === -1 ? '' : rest.slice(end);
  // RFC 9112 §3.2.1: "If the target URI's path component is empty, the client MUST send '/' as the path"
  return splitQuery(resource.startsWith('/') ? resource : `/${resource}`, authority);
}

function splitQuery(resource: string, authority: string | null): Target {
  const mark = resource.indexOf('?');
  if (mark === -1) return { path: resource, query: '', authority };
  return { path: resource.slice(0, mark), query: resource.slice(mark + 1), authority };
}

function targetInvalid(problem: string): HandshakeError {
  return new HandshakeError('TARGET_INVALID', 400, `the request target ${problem}`);
}

function parseHost(headers: HeaderFields, httpVersion: '1.0' | '1.1'): string | null {
  const host = singleValue(headers, 'host', 'HOST_DUPLICATE');
  if (host === null && httpVersion === '1.1') {
    throw new HandshakeError('HOST_MISSING', 400, 'an HTTP/1.1 request needs a Host header; send one');
  }
  if (host !== null && !isAuthority(host)) {
    throw new HandshakeError('HOST_INVALID', 400, 'the Host header is not of the form host[:port]; correct it');
  }
  return host;
}

/**
 * Whether `value` is `uri-host [":" port]` (RFC 9110 §7.2). An empty host is refused although RFC 3986 has it:
 * "A recipient that processes such a URI reference MUST reject it as invalid" (RFC 9110 §4.2.1).
 */
function isAuthority(value: string): boolean {
  const isLiteral = value.startsWith('[');
  const colon = value.indexOf(':', isLiteral ? value.indexOf(']') : 0);
  const host = colon === -1 ? value : value.slice(0, colon);
  const port = colon === -1 ? '' : value.slice(colon + 1);
  if (/[^0-9]/.test(port)) return false;
  if (isLiteral) return host.length > 2 && host.endsWith(']') && !/[^0-9A-Fa-f:.]/.test(host.slice(1, -1));
  return host !== '' && !/[^\w.~!$&'()*+,;=%-]/.test(host);
}

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

// RFC 9110 §5.5: anything else would end the line, and what follows would be read as another header or the body.
const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

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

function serializeFields(headers: Iterable<readonly [string, string]>): string {
  let fields = '';
  for (const [name, value] of headers) {
    checkField(name, value);
    fields += `${name}: ${value}\r\n`;
  }
  return fields;
}

/**
 * Checks that a header field may be written.
 *
 * @throws TypeError if the name is not a token, or the value is missing, or holds a control character or one beyond
 *   U+00FF
 */
export function checkField(name: string, value: string): void {
  if (!isToken(name)) throw new TypeError(`${JSON.stringify(name)} is not a header name; use letters and hyphens`);
  // To a template string they are text.
  if (value === undefined || value === null) {
    throw new TypeError(`the value of ${name} is ${String(value)}; give it one, or leave the field out`);
  }
  if (FORBIDDEN_IN_VALUE.test(value)) {
    throw new TypeError(`the value of ${name} holds a character that no header may hold; percent-encode it`);
  }
}
