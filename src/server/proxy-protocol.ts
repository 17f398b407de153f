// The PROXY protocol, versions 1 and 2: a proxy tells before the first byte of a client where that comes from.
import { isIPv4, isIPv6, type Socket } from 'node:net';
import { HttpError } from '../errors.js';

/** A whole header. */
export interface ProxyHeader {
  /** The client's IP address; empty if it came by a Unix socket. `null` if the connection is the proxy's own. */
  readonly address: string | null;
  readonly byteLength: number;
}

/** §2.1: a line "may be up to 107 bytes" with its CR LF. */
const MAX_LINE_BYTES = 107;
const LINE_START = Buffer.from('PROXY ');

/** §2.2, and the bytes before the addresses: the signature, version and command, family and transport, length. */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const START_BYTES = 16;
/** Addresses take at most 216 bytes, and the TLVs that proxies add hardly more: identifiers, and names of TLS. */
const MAX_REST_BYTES = 4096;

const PORT = '(0|[1-9]\\d{0,4})';
const LINE = new RegExp(`^PROXY (?:(TCP4|TCP6) ([\\da-fA-F:.]+) ([\\da-fA-F:.]+) ${PORT} ${PORT}|UNKNOWN(?: .*)?)$`);

/** Version 2, and its commands. */
const LOCAL = 0x20;
const PROXY = 0x21;

/** By family and transport, of which only streams can come over TCP: the bytes of both addresses and ports. */
const UNSPECIFIED = 0x00;
const IPV4 = 0x11;
const IPV6 = 0x21;
const UNIX = 0x31;
const ADDRESS_BYTES: Readonly<Record<number, number>> = { [UNSPECIFIED]: 0, [IPV4]: 12, [IPV6]: 36, [UNIX]: 216 };

/**
 * Parses the header at the beginning of a connection.
 * @param bytes all that have arrived; those after the header are not looked at.
 * @returns `null` as long as it is not complete.
 * @throws HttpError as soon as it can't become a valid one.
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | null {
  if (bytes.length === 0) return null;
  const isLine = bytes[0] === LINE_START[0];
  const start = isLine ? LINE_START : SIGNATURE;
  if (!start.subarray(0, bytes.length).equals(bytes.subarray(0, start.length))) {
    throw invalid('the connection does not begin with one');
  }
  return isLine ? parseLine(bytes) : parseBinary(bytes);
}

function parseLine(bytes: Buffer): ProxyHeader | null {
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf('\r\n');
  if (end === -1) {
    if (bytes.length < MAX_LINE_BYTES) return null;
    throw invalid(`its line exceeds ${MAX_LINE_BYTES} bytes`);
  }
  const line = LINE.exec(bytes.toString('latin1', 0, end));
  if (line === null) throw invalid('its line is not as in version 1');
  const [, protocol, source = '', destination = '', ...ports] = line;
  if (protocol === undefined) return { address: null, byteLength: end + 2 };
  const isAddress = protocol === 'TCP4' ? isIPv4 : isIPv6;
  if (!isAddress(source) || !isAddress(destination) || ports.some((port) => Number(port) > 65_535)) {
    throw invalid('its line has no two addresses and ports');
  }
  return { address: source, byteLength: end + 2 };
}

function parseBinary(bytes: Buffer): ProxyHeader | null {
  if (bytes.length < START_BYTES) return null;
  const command = bytes[12]!;
  const family = bytes[13]!;
  const restLength = bytes.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) throw invalid('it is neither LOCAL nor PROXY of version 2');
  if (restLength > MAX_REST_BYTES) throw invalid(`it exceeds ${START_BYTES + MAX_REST_BYTES} bytes`);
  const addressBytes = ADDRESS_BYTES[family];
  if (command === PROXY && (addressBytes === undefined || addressBytes > restLength)) {
    throw invalid('its addresses are none that a stream can come from');
  }
  const byteLength = START_BYTES + restLength;
  if (bytes.length < byteLength) return null;
  return { address: command === PROXY ? readAddress(family, bytes) : null, byteLength };
}

/** An address of IPv4 as one of IPv6 begins with it. */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

function readAddress(family: number, bytes: Buffer): string | null {
  if (family === UNSPECIFIED) return null;
  if (family === UNIX) return '';
  const address = bytes.subarray(START_BYTES);
  if (family === IPV4) return address.subarray(0, 4).join('.');
  if (address.subarray(0, MAPPED.length).equals(MAPPED)) return address.subarray(MAPPED.length, 16).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(2 * index).toString(16));
  // The shortest form of RFC 5952, as the system has it.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function invalid(problem: string): HttpError {
  const advice = 'let the proxy send the PROXY protocol, or leave out proxyProtocol';
  return new HttpError('PROXY_HEADER_INVALID', 400, `no valid PROXY protocol header: ${problem}; ${advice}`);
}

/**
 * Reads the header from a socket that nobody reads yet, and leaves what comes after it there.
 * @param timeout milliseconds for it.
 * @param take is given it.
 * @param refuse is told why there is none; `null` if there was nothing at all, as of a check whether the port is open.
 */
export function readProxyHeader(
  socket: Socket,
  timeout: number,
  take: (header: ProxyHeader) => void,
  refuse: (error: HttpError | null) => void,
): void {
  let received: Buffer = Buffer.alloc(0);
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('readable', read).off('end', fail).off('error', fail).off('close', stop);
  };
  const fail = (): void => {
    stop();
    refuse(received.length === 0 ? null : invalid('it is incomplete'));
  };
  const read = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    let header: ProxyHeader | null;
    try {
      header = parseProxyHeader(received);
    } catch (error) {
      stop();
      return refuse(error as HttpError);
    }
    if (header === null) return;
    stop();
    if (received.length > header.byteLength) socket.unshift(received.subarray(header.byteLength));
    take(header);
  };
  const timer = setTimeout(fail, timeout);
  socket.on('readable', read).on('end', fail).on('error', fail).on('close', stop);
}
