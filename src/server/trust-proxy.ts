// Decides which proxies may tell who the client is, and what it has asked for.
import { BlockList, isIP } from 'node:net';
import { wholeNumber } from '../connection/limits.js';
import { forwardedHops, type ForwardedHeader } from '../http/forwarded.js';
import type { AskedOrigin } from '../handshake/server.js';
import type { RequestHead } from '../http/request-head.js';

/** Addresses, ranges such as `10.0.0.0/8`, and the names of `ranges`. */
export type Addresses = string | readonly string[];

/** A request as its client sees it. */
export interface Asked extends AskedOrigin {
  /** The client's IP address; empty on a Unix socket. */
  readonly remoteAddress: string;
}

/** Which proxies are believed. */
export interface ProxyTrust {
  /** @param hop how many proxies are nearer to the server. */
  trusts(address: string, hop: number): boolean;
  readonly headers: readonly ForwardedHeader[];
}

const X_FORWARDED: readonly ForwardedHeader[] = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'];

/** More proxies in a row than anybody has. */
const MAX_HOPS = 100;

const ranges: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** The name of all that come by a Unix socket, which have no address. */
const UNIX = 'unix';

/** @throws TypeError, RangeError for an option that is none. */
export function resolveProxyTrust(
  trustProxy: false | number | Addresses = false,
  headers: readonly ForwardedHeader[] = X_FORWARDED,
): ProxyTrust | null {
  const isKnown = Array.isArray(headers) && headers.every((name) => name === 'forwarded' || X_FORWARDED.includes(name));
  // Two views of one hop would have to be the same.
  if (!isKnown || (headers.length > 1 && headers.includes('forwarded'))) {
    throw new TypeError(`proxyHeaders is a list of ${X_FORWARDED.join(', ')}, or of forwarded alone`);
  }
  if (trustProxy === false) return null;
  if (typeof trustProxy !== 'number') return { trusts: addressMatcher('trustProxy', trustProxy), headers };
  const hops = wholeNumber('trustProxy', trustProxy, 0, MAX_HOPS);
  return { trusts: (_, hop) => hop < hops, headers };
}

/**
 * @returns whether an address is one of them.
 * @throws TypeError for what is no address, range or name, naming the option.
 */
export function addressMatcher(option: string, addresses: Addresses): (address: string) => boolean {
  const entries = typeof addresses === 'string' ? [addresses] : addresses;
  if (!Array.isArray(entries)) throw new TypeError(`${option} can't be ${String(addresses)}; ${ADVICE}`);
  const list = new BlockList();
  for (const entry of entries.flatMap((each: string) => ranges[each] ?? each)) {
    if (entry !== UNIX) addEntry(list, entry, option);
  }
  const hasUnix = entries.includes(UNIX);
  return (address) => {
    if (address === '') return hasUnix;
    const plain = withoutMapping(address);
    return list.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
  };
}

const ADVICE = `name the proxies: by addresses, ranges such as '10.0.0.0/8', or 'loopback', 'private', 'unix'`;

function addEntry(list: BlockList, entry: unknown, option: string): void {
  const [, address = '', prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(String(entry)) ?? [];
  const version = isIP(address);
  const longest = version === 4 ? 32 : 128;
  const bits = prefix === undefined ? longest : Number(prefix);
  if (version === 0 || bits > longest) throw new TypeError(`${option} can't be ${String(entry)}; ${ADVICE}`);
  list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
}

/** Where IPv6 is listened for, IPv4 comes as `::ffff:192.0.2.1`; link-local addresses come with their interface. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '');
}

/**
 * Walks from the nearest hop outward, and believes each only if it is trusted: what it tells of the one before it is
 * true then. It ends at what is no address.
 * @param peer the address at the other end of the connection.
 */
export function askedThrough({ trusts, headers: names }: ProxyTrust, peer: string, head: RequestHead): Asked {
  let asked: Asked = { remoteAddress: peer, host: head.host, scheme: null };
  let count = 0;
  for (const hop of forwardedHops(head.headers, names)) {
    const { remoteAddress } = asked;
    if (!trusts(remoteAddress, count++)) break;
    const isKnown = hop.address !== null && isIP(hop.address) !== 0 && !hop.address.includes('%');
    asked = {
      remoteAddress: isKnown ? hop.address : remoteAddress,
      host: hop.host ?? asked.host,
      scheme: hop.scheme ?? asked.scheme,
    };
    if (!isKnown) break;
  }
  return asked;
}
