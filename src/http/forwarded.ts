// What proxies tell of whom they serve: Forwarded (RFC 7239), and X-Forwarded-For, -Proto and -Host.
import { isToken, listElements, trimWhitespace, type HeaderFields } from './fields.js';
import { isAuthority } from './request-head.js';

/** A header field in which a proxy may tell something. */
export type ForwardedHeader = 'forwarded' | 'x-forwarded-for' | 'x-forwarded-proto' | 'x-forwarded-host';

/** What one proxy tells of the request that it got; each is `null` where it doesn't tell, or not as it should. */
export interface ForwardedHop {
  /** Who has sent it: what is to be an IP address, without port and brackets. */
  readonly address: string | null;
  readonly scheme: 'http' | 'https' | null;
  /** Valid as `host[:port]`. */
  readonly host: string | null;
}

const NOTHING: ForwardedHop = { address: null, scheme: null, host: null };

/**
 * What the proxies have told, the nearest first.
 * @param names the fields that count: a proxy passes those that it doesn't write on as a client has made them up.
 */
export function forwardedHops(headers: HeaderFields, names: readonly ForwardedHeader[]): Iterable<ForwardedHop> {
  return names.includes('forwarded') ? hopsOfForwarded(headers) : hopsOfXForwarded(headers, names);
}

/**
 * Cuts at every comma, even within quotes: no value that is used has one, and else a quote that a client leaves open
 * would swallow what the proxies add after it.
 */
function* hopsOfForwarded(headers: HeaderFields): Generator<ForwardedHop> {
  const elements = listElements(headers.getAll('forwarded'));
  for (const element of elements.reverse()) yield parseElement(element);
}

/**
 * The last scheme and the last host only: a proxy that adds to the list of addresses mostly passes these on or replaces
 * them, so that their places in the lists tell nothing.
 */
function* hopsOfXForwarded(headers: HeaderFields, names: readonly ForwardedHeader[]): Generator<ForwardedHop> {
  const read = (name: ForwardedHeader): string[] => (names.includes(name) ? listElements(headers.getAll(name)) : []);
  const addresses = read('x-forwarded-for');
  const scheme = parseScheme(read('x-forwarded-proto').at(-1));
  const host = parseHost(read('x-forwarded-host').at(-1));
  yield { address: parseNode(addresses.at(-1)), scheme, host };
  for (const address of addresses.reverse().slice(1)) yield { ...NOTHING, address: parseNode(address) };
}

/** RFC 7239 §4: `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`, each name at most once. */
function parseElement(element: string): ForwardedHop {
  const pairs = new Map<string, string>();
  for (const pair of element.split(';')) {
    const [, name = '', token, quoted] = /^([^=]+)=(?:([^"]+)|"((?:[^"\\]|\\.)*)")$/.exec(trimWhitespace(pair)) ?? [];
    const value = token ?? quoted?.replaceAll(/\\(.)/g, '$1');
    if (value === undefined || !isToken(name) || pairs.has(name.toLowerCase())) return NOTHING;
    pairs.set(name.toLowerCase(), value);
  }
  return {
    address: parseNode(pairs.get('for')),
    scheme: parseScheme(pairs.get('proto')),
    host: parseHost(pairs.get('host')),
  };
}

/** RFC 7239 §6: an address in brackets if it is one of IPv6, and perhaps a port; some write IPv6 bare. */
function parseNode(node: string | undefined): string | null {
  const [, bracketed, bare] = /^(?:\[([^\]]+)\](?::\w+)?|([\d.]+)(?::\w+)?)$/.exec(node ?? '') ?? [];
  return bracketed ?? bare ?? (node?.includes(':') ? node : null);
}

/** Some proxies tell of WebSockets by their own schemes. */
function parseScheme(scheme: string | undefined): 'http' | 'https' | null {
  const [, secure] = /^(?:http|ws)(s?)$/i.exec(scheme ?? '') ?? [];
  return secure === undefined ? null : secure === '' ? 'http' : 'https';
}

function parseHost(host: string | undefined): string | null {
  return host !== undefined && isAuthority(host) ? host : null;
}
