// The server's side of the opening handshake: what a request must be, and the answer (RFC 6455 §4.2, RFC 8441 §5).
import { HandshakeError } from '../errors.js';
import { acceptKey, isKey } from './key.js';
import { parseExtensions, type Extension } from './extensions.js';
import {
  hasToken, isToken, listElements, parseTokenList, quote, serializeFields, singleValue, type HeaderFields,
} from '../http/fields.js';

const VERSION = '13';

// RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response to indicate the required
// protocol(s)", and §7.8: "A sender of Upgrade MUST also send an 'Upgrade' connection option".
const UPGRADE_REQUIRED = { Upgrade: 'websocket', Connection: 'Upgrade' } as const;

const SWITCHING_PROTOCOLS =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';

/** What a valid upgrade request asks for. */
export interface UpgradeOffer {
  /** `Sec-WebSocket-Key`, in base64; empty over HTTP/2, which has none. */
  readonly key: string;
  /** The subprotocols that the client speaks, the preferred one first; each is a token and occurs once. */
  readonly subprotocols: readonly string[];
  /** The extensions that the client offers, the preferred one first. */
  readonly extensions: readonly Extension[];
}

/** What the checks need of a request; a `RequestHead` has it all. */
export interface OpeningHead {
  readonly method: string;
  /** Such as `1.1`. */
  readonly httpVersion: string;
  /** The `:protocol` of an extended CONNECT of HTTP/2; `null` in a request that would upgrade. */
  readonly protocol: string | null;
  readonly headers: HeaderFields;
  /** The `host[:port]` that is asked, valid; `null` if that is unknown. */
  readonly host: string | null;
  /** 0 if there is no body. */
  readonly bodyLength: number | 'chunked';
}

/** Which origin the client has asked. */
export interface AskedOrigin {
  /** The `host[:port]`; `null` if that is unknown. */
  readonly host: string | null;
  /** `null` if no proxy has told: TLS may end at one. */
  readonly scheme: 'http' | 'https' | null;
}

/**
 * Whether the request asks for a WebSocket, validly or not: `Upgrade`, or `:protocol`, names `websocket`, in any letter
 * case.
 */
export function isUpgrade({ headers, protocol }: Pick<OpeningHead, 'headers' | 'protocol'>): boolean {
  return hasToken(protocol === null ? headers.getAll('upgrade') : [protocol], 'websocket');
}

/**
 * Checks that a request is a valid opening handshake (RFC 6455 §4.2.1), except for its origin. Any request that doesn't
 * ask for a WebSocket gets 426, whatever its method and version.
 *
 * @throws HandshakeError 426, 405, 505 or 400, with the headers that the status asks for; HttpError 400 for a field
 *   that is wrong in any request: one that may not repeat does, or `Connection` is not a list of tokens
 */
export function validateUpgrade(head: OpeningHead): UpgradeOffer {
  // RFC 8441 §5: the method and :protocol stand for the request line, Upgrade, Connection and the key
  const isOverHttp2 = head.protocol !== null;
  if (!isOverHttp2) {
    checkUpgrade(head);
    checkRequestLine(head);
    checkConnection(head);
  }
  checkVersion(head);
  checkBody(head);
  const key = isOverHttp2 ? '' : parseKey(head);
  return { key, subprotocols: parseSubprotocols(head), extensions: parseOfferedExtensions(head) };
}

// §4.2.1 item 3
function checkUpgrade(head: OpeningHead): void {
  if (isUpgrade(head)) return;
  const message = 'this is a WebSocket; send "Upgrade: websocket", or let the proxy in between pass it on';
  throw new HandshakeError('UPGRADE_MISSING', 426, message, { headers: UPGRADE_REQUIRED });
}

// §4.2.1 item 1: "An HTTP/1.1 or higher GET request"
function checkRequestLine({ method, httpVersion }: OpeningHead): void {
  if (method !== 'GET') {
    const message = 'a WebSocket is opened with GET; use that method';
    throw new HandshakeError('METHOD_NOT_GET', 405, message, { headers: { Allow: 'GET' } });
  }
  if (httpVersion !== '1.1') {
    const message = 'a WebSocket needs HTTP/1.1; if there is a proxy in between, let it speak HTTP/1.1';
    throw new HandshakeError('UPGRADE_NEEDS_HTTP_1_1', 505, message);
  }
}

// §4.2.1 item 4
function checkConnection({ headers }: OpeningHead): void {
  const options = parseTokenList(headers.getAll('connection'));
  if (!hasToken(options, 'upgrade')) {
    const message = 'send "Connection: Upgrade"; a proxy in between may have removed it, let it pass on';
    throw new HandshakeError('CONNECTION_NOT_UPGRADE', 400, message);
  }
}

// §4.4: a server without the requested version "MUST respond with a |Sec-WebSocket-Version| header field [...]
// containing all versions it is willing to use". A client that names none speaks an older draft: it gets the same.
function checkVersion(head: OpeningHead): void {
  const version = singleValue(head.headers, 'sec-websocket-version', 'VERSION_DUPLICATE');
  if (version === VERSION) return;
  // RFC 9113 §8.2.2 forbids Upgrade in HTTP/2, and without it there is no 426.
  const [status, required] = head.protocol === null ? [426, UPGRADE_REQUIRED] : [400, {}];
  const headers = { ...required, 'Sec-WebSocket-Version': VERSION };
  if (version === null) {
    throw new HandshakeError('VERSION_MISSING', status, 'send "Sec-WebSocket-Version: 13"', { headers });
  }
  const message = `WebSocket version ${quote(version)} is not spoken here; send "Sec-WebSocket-Version: 13"`;
  throw new HandshakeError('VERSION_UNSUPPORTED', status, message, { headers });
}

// To one reader those bytes are a body, to the next the first frames or a second request: that is how one is smuggled.
function checkBody({ bodyLength }: OpeningHead): void {
  if (bodyLength === 0) return;
  throw new HandshakeError('UPGRADE_WITH_BODY', 400, 'an upgrade request has no body; send the data as messages');
}

// §4.2.1 item 5
function parseKey({ headers }: OpeningHead): string {
  const key = singleValue(headers, 'sec-websocket-key', 'KEY_DUPLICATE');
  if (key === null) throw new HandshakeError('KEY_MISSING', 400, 'send a Sec-WebSocket-Key: 16 random bytes in base64');
  if (!isKey(key)) throw new HandshakeError('KEY_INVALID', 400, 'Sec-WebSocket-Key is not 16 bytes in base64; fix it');
  return key;
}

// §4.1 item 10: the elements "MUST be non-empty strings [...] and MUST all be unique strings"
function parseSubprotocols({ headers }: OpeningHead): string[] {
  const values = headers.getAll('sec-websocket-protocol');
  if (values.length === 0) return [];
  // RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list elements"
  const subprotocols = listElements(values).filter((element) => element !== '');
  const wrong = subprotocols.find((subprotocol) => !isToken(subprotocol));
  if (wrong !== undefined || subprotocols.length === 0) {
    const message = `Sec-WebSocket-Protocol offers ${quote(wrong ?? '')}; send tokens separated by commas`;
    throw new HandshakeError('SUBPROTOCOL_INVALID', 400, message);
  }
  if (new Set(subprotocols).size !== subprotocols.length) {
    const message = 'Sec-WebSocket-Protocol offers a subprotocol twice; name each once';
    throw new HandshakeError('SUBPROTOCOL_DUPLICATE', 400, message);
  }
  return subprotocols;
}

// §9.1: "If a value is received [...] that does not conform to the ABNF below, the recipient of such malformed data
// MUST immediately _Fail the WebSocket Connection_"
function parseOfferedExtensions({ headers }: OpeningHead): Extension[] {
  const value = headers.get('sec-websocket-extensions');
  return value === null ? [] : parseExtensions(value);
}

/**
 * Refuses a WebSocket that a page of another site has asked for (RFC 6455 §10.2): browsers let any page connect to
 * any host, with the cookies of that host. A request without `Origin` is not a browser's, and passes.
 *
 * @param head its host is the one that is asked, unless a proxy has told another
 * @param origins further origins to let pass, each as it is sent (`https://example.com`, `null`) in any letter case;
 *   `'*'` lets every origin pass
 * @throws HandshakeError 403 if the origin is another host's and is not listed, HttpError 400 if there are several
 */
export function checkOrigin(
  head: Pick<OpeningHead, 'headers' | 'host'>,
  origins: readonly string[] | '*',
  { host, scheme }: AskedOrigin = { host: head.host, scheme: null },
): void {
  const origin = singleValue(head.headers, 'origin', 'ORIGIN_DUPLICATE');
  if (origin === null || origins === '*' || isSameOrigin(origin, host, scheme)) return;
  const wanted = origin.toLowerCase();
  if (origins.some((listed) => listed.toLowerCase() === wanted)) return;
  const reason = origin.includes('://') ? '' : ', having no scheme';
  const problem = `the origin ${quote(origin)} is not of the host ${quote(host ?? '')}${reason}`;
  const advice = 'list it as it is in "origins" or, behind a proxy, let it pass Host on';
  // How the server is set up is for its log alone.
  const message = scheme === null
    ? `${problem}; ${advice}, or set "trustProxy" if it sends X-Forwarded-Host`
    : `${problem} over ${scheme}, which a trusted proxy tells; ${advice}`;
  throw new HandshakeError('ORIGIN_REFUSED', 403, message, { body: `${problem}; ${advice}\n` });
}

/**
 * Whether a page of that origin comes from the host that it asks. As long as the scheme is not known it may be any of
 * these, as a proxy that ends TLS changes it; some clients write `ws:`, and others must be listed. The host is valid,
 * and so is whatever equals it.
 */
function isSameOrigin(origin: string, host: string | null, scheme: AskedOrigin['scheme']): boolean {
  const [, isPlain, authority] = /^(?:(http|ws)|https|wss):\/\/(.*)$/.exec(origin.toLowerCase()) ?? [];
  if (host === null || authority === undefined) return false;
  if (scheme !== null && scheme !== (isPlain ? 'http' : 'https')) return false;
  const port = isPlain ? ':80' : ':443';
  return withoutPort(authority, port) === withoutPort(host.toLowerCase(), port);
}

function withoutPort(authority: string, port: string): string {
  return authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
}

/**
 * The fields of either answer that say what was chosen (RFC 6455 §4.2.2 items 5.5, 5.6).
 *
 * @param subprotocol one of those that the client offered, or `null`
 * @param extensions the value of `Sec-WebSocket-Extensions`; empty for none
 */
export function chosenFields(subprotocol: string | null, extensions: string): [name: string, value: string][] {
  const chosen: [string, string][] = [];
  if (subprotocol !== null) chosen.push(['Sec-WebSocket-Protocol', subprotocol]);
  if (extensions !== '') chosen.push(['Sec-WebSocket-Extensions', extensions]);
  return chosen;
}

/**
 * The head that accepts an upgrade (RFC 6455 §4.2.2 item 5), to be written in latin1.
 *
 * @param key of a valid request
 * @param subprotocol as for `chosenFields`
 * @param extensions as for `chosenFields`
 */
export function upgradeResponse(key: string, subprotocol: string | null, extensions: string): string {
  const chosen = serializeFields(chosenFields(subprotocol, extensions));
  return `${SWITCHING_PROTOCOLS}Sec-WebSocket-Accept: ${acceptKey(key)}\r\n${chosen}\r\n`;
}
