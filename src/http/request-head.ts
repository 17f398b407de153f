// Parses the head of an HTTP/1.1 request (RFC 9112 §3, §5), and takes those that others have parsed, also of HTTP/2.
import { HttpError } from '../errors.js';
import { requestBodyLength, type HttpVersion } from './body-length.js';
import { HeadParser, REQUEST_LINE_BYTES, type HeadLimits } from './head.js';
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
  readonly httpVersion: HttpVersion;
  /** The `:protocol` of an extended CONNECT of HTTP/2 (RFC 8441 §4); `null` in any other request. */
  readonly protocol: string | null;
  /** The header fields as sent. */
  readonly headers: HeaderFields;
  /**
   * The `host[:port]` that is asked: the target's in absolute form, `:authority` in HTTP/2, else Host's; `null` in
   * HTTP/1.0 without either.
   */
  readonly host: string | null;
  /** The length of the body in bytes, 0 if there is none (RFC 9112 §6.3). */
  readonly bodyLength: number | 'chunked';
}

/** The parser for the requests of a client. */
export class RequestHeadParser extends HeadParser<RequestHead> {
  constructor(limits?: HeadLimits) {
    super(parseRequestHead, REQUEST_LINE_BYTES, limits);
  }

  /** A server's options. */
  protected override describeLimit(name: keyof HeadLimits, text: string): string {
    return `${text} (${name})`;
  }

  protected override explain(beginning: string): HttpError | null {
    if (beginning === PROXY_SIGNATURE) return proxyProtocol();
    const start = beginning.search(/[^\r\n]/);
    return start !== -1 && isToken(beginning, start, start + MAX_METHOD_LENGTH + 1) ? methodTooLong() : null;
  }
}

/** Parses a whole head, of which only the bytes and the line endings have been checked. */
function parseRequestHead(text: string): RequestHead {
  let start = 0;
  while (text.startsWith('\r\n', start)) start += 2;
  const end = text.indexOf('\r\n', start);
  const { method, target, httpVersion } = parseRequestLine(text.slice(start, end));
  return toHead(method, target, httpVersion, new HeaderFields(text, end + 2));
}

/**
 * The head of a request that someone else has parsed, such as `node:http`.
 *
 * @param fields each as `[name, value]`, in order of arrival
 * @throws HttpError as for a request that was parsed here
 */
export function toRequestHead(
  method: string,
  target: string,
  httpVersion: '1.0' | '1.1',
  fields: Iterable<readonly [name: string, value: string]>,
): RequestHead {
  return toHead(method, target, httpVersion, HeaderFields.from(fields));
}

function toHead(method: string, target: string, httpVersion: HttpVersion, headers: HeaderFields): RequestHead {
  const { path, query, authority } = parseTarget(method, target);
  // Host is checked even if the target replaces it (RFC 9112 §3.2.2): two views of one request are how it is smuggled.
  const hostField = parseHost(headers, httpVersion);
  const bodyLength = requestBodyLength(headers, httpVersion);
  const host = authority ?? hostField;
  return { method, target, path, query, httpVersion, protocol: null, headers, host, bodyLength };
}

/**
 * The head of an extended CONNECT (RFC 8441 §4) that someone else has parsed, such as `node:http2`.
 *
 * @param lines its fields, with those that begin with a colon, each as `[name, value]`, in order of arrival
 * @throws HttpError 400 for one that is malformed
 */
export function toExtendedConnectHead(lines: Iterable<readonly [name: string, value: string]>): RequestHead {
  const pseudo = new Map<string, string>();
  const fields: (readonly [name: string, value: string])[] = [];
  const cookies: string[] = [];
  for (const line of lines) {
    const [name, value] = line;
    if (name.startsWith(':')) pseudo.set(name, value);
    else if (name === 'cookie') cookies.push(value);
    else fields.push(line);
  }
  // RFC 9113 §8.2.3: several lines of Cookie "MUST be concatenated into a single octet string using the two-octet
  // delimiter of 0x3b, 0x20"
  if (cookies.length > 0) fields.push(['cookie', cookies.join('; ')]);
  const get = (name: string): string => pseudo.get(name) ?? missing(name);
  // RFC 8441 §4: "the :scheme and :path pseudo-header fields of the target URI [...] MUST also be included"
  const [protocol, target, host] = [':protocol', ':path', ':authority'].map(get) as [string, string, string];
  get(':scheme');
  if (!/^\/[!-~]*$/.test(target)) throw targetInvalid('is no path; begin it with /, and percent-encode it');
  const { path, query } = parseTarget('GET', target);
  if (!isAuthority(host)) {
    throw new HttpError('HOST_INVALID', 400, ':authority is not of the form host[:port]; correct it');
  }
  const headers = HeaderFields.from(fields);
  parseHost(headers, '2.0');
  const bodyLength = requestBodyLength(headers, '2.0');
  return { method: 'CONNECT', target, path, query, httpVersion: '2.0', protocol, headers, host, bodyLength };
}

function missing(name: string): never {
  throw new HttpError('PSEUDO_HEADER_MISSING', 400, `an extended CONNECT needs ${name}; send it`);
}

function parseRequestLine(line: string): Pick<RequestHead, 'method' | 'target' | 'httpVersion'> {
  // RFC 9112 §3: request-line = method SP request-target SP HTTP-version
  const parts = line.split(' ', 4);
  if (parts.length !== 3 || parts[1] === '') {
    if (PROXY_LINE.test(line)) throw proxyProtocol();
    const message = 'a request line is a method, a target and HTTP/1.1 with one space in between; send that';
    throw new HttpError('REQUEST_LINE_INVALID', 400, message);
  }
  const [method, target, version] = parts;
  if (!isToken(method)) throw new HttpError('METHOD_INVALID', 400, 'the method is not a token; use GET');
  if (method.length > MAX_METHOD_LENGTH) throw methodTooLong();
  return { method, target, httpVersion: parseVersion(version) };
}

// RFC 9112 §3: "a server that receives a method longer than any that it implements SHOULD respond with a 501"
function methodTooLong(): HttpError {
  const message = `no method has more than ${MAX_METHOD_LENGTH} letters; use GET`;
  return new HttpError('METHOD_TOO_LONG', 501, message);
}

function proxyProtocol(): HttpError {
  const message = 'the PROXY protocol comes before the request; turn it off at the proxy, or on here (proxyProtocol)';
  return new HttpError('PROXY_PROTOCOL_UNEXPECTED', 400, message);
}

function parseVersion(version: string): '1.0' | '1.1' {
  if (version === 'HTTP/1.0') return '1.0';
  // RFC 9110 §2.5: a higher minor version is processed as "the highest minor version within that major version"
  if (/^HTTP\/1\.[1-9]$/.test(version)) return '1.1';
  if (/^HTTP\/[0-9]\.[0-9]$/.test(version)) {
    throw new HttpError('HTTP_VERSION_UNSUPPORTED', 505, `${version} is not spoken here; use HTTP/1.1`);
  }
  throw new HttpError('HTTP_VERSION_INVALID', 400, 'the request line does not end with HTTP/1.1; add it');
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
    throw new HttpError('CONNECT_UNSUPPORTED', 501, 'this server is no proxy; send GET to it directly');
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

function targetInvalid(problem: string): HttpError {
  return new HttpError('TARGET_INVALID', 400, `the request target ${problem}`);
}

function parseHost(headers: HeaderFields, httpVersion: HttpVersion): string | null {
  const host = singleValue(headers, 'host', 'HOST_DUPLICATE');
  if (host === null && httpVersion === '1.1') {
    throw new HttpError('HOST_MISSING', 400, 'an HTTP/1.1 request needs a Host header; send one');
  }
  if (host !== null && !isAuthority(host)) {
    throw new HttpError('HOST_INVALID', 400, 'the Host header is not of the form host[:port]; correct it');
  }
  return host;
}

/**
 * Whether `value` is `uri-host [":" port]` (RFC 9110 §7.2). An empty host is refused although RFC 3986 has it:
 * "A recipient that processes such a URI reference MUST reject it as invalid" (RFC 9110 §4.2.1).
 */
export function isAuthority(value: string): boolean {
  const isLiteral = value.startsWith('[');
  const colon = value.indexOf(':', isLiteral ? value.indexOf(']') : 0);
  const host = colon === -1 ? value : value.slice(0, colon);
  const port = colon === -1 ? '' : value.slice(colon + 1);
  if (/[^0-9]/.test(port)) return false;
  if (isLiteral) return host.length > 2 && host.endsWith(']') && !/[^0-9A-Fa-f:.]/.test(host.slice(1, -1));
  return host !== '' && !/[^\w.~!$&'()*+,;=%-]/.test(host);
}
