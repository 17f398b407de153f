// The client's side of the opening handshake: what is asked, and what the answer must be (RFC 6455 §4.1, RFC 8441 §5).
import { HandshakeError } from '../errors.js';
import { acceptKey } from './key.js';
import { EXTENSION, offerDeflate, verifyDeflate, type DeflateAgreement, type DeflateContext } from './deflate.js';
import { parseExtensions, type Extension } from './extensions.js';
import { hasToken, quote, toRecord } from '../http/fields.js';
import type { ResponseHead } from '../http/response-head.js';
import { resolveSubprotocols } from './subprotocols.js';

/** What a client asks for. */
export interface Offer {
  /** 16 random bytes in base64, new for each handshake. */
  readonly key: string;
  readonly subprotocols: readonly string[];
  /** For permessage-deflate; `null` not to offer it. */
  readonly deflate: DeflateContext | null;
}

/** What the server has chosen of it. */
export interface Accepted {
  /** `null` if none. */
  readonly subprotocol: string | null;
  /** The value of `Sec-WebSocket-Extensions`; empty if there is none. */
  readonly extensions: string;
  readonly deflate: DeflateAgreement | null;
}

/**
 * The fields that make a request an opening handshake (§4.1 items 5 to 10).
 *
 * @throws TypeError as `resolveSubprotocols`
 */
export function offerUpgrade(offer: Offer): [name: string, value: string][] {
  const [version, ...wishes] = offerExtendedConnect(offer);
  return [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    version!,
    ['Sec-WebSocket-Key', offer.key],
    ...wishes,
  ];
}

/**
 * The fields that make an extended CONNECT of HTTP/2 an opening handshake (RFC 8441 §5): there is no key.
 *
 * @throws TypeError as `resolveSubprotocols`
 */
export function offerExtendedConnect({ subprotocols, deflate }: Offer): [name: string, value: string][] {
  resolveSubprotocols(subprotocols);
  const fields: [string, string][] = [['Sec-WebSocket-Version', '13']];
  if (subprotocols.length > 0) fields.push(['Sec-WebSocket-Protocol', subprotocols.join(', ')]);
  if (deflate !== null) fields.push(['Sec-WebSocket-Extensions', offerDeflate(deflate)]);
  return fields;
}

/**
 * Checks that a response with status 101 accepts the offer (§4.1, "the client MUST validate the server's response").
 *
 * @throws HandshakeError if it is not the answer to this offer
 */
export function verifyUpgrade(head: ResponseHead, offer: Offer): Accepted {
  const { headers } = head;
  // Items 2 and 3: "an ASCII case-insensitive match for the value 'websocket'", and a token 'Upgrade'
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    throw mismatch('UPGRADE_NOT_WEBSOCKET', 'the answer does not upgrade to websocket', head);
  }
  if (!hasToken(headers.getAll('connection'), 'upgrade')) {
    throw mismatch('CONNECTION_NOT_UPGRADE', 'the answer lacks "Connection: Upgrade"', head);
  }
  // Item 4: a server that can't make this from the key does not speak WebSocket
  if (headers.get('sec-websocket-accept') !== acceptKey(offer.key)) {
    throw mismatch('ACCEPT_INVALID', 'Sec-WebSocket-Accept does not answer the key; is a cache in between?', head);
  }
  return verifyChoice(head, offer);
}

/**
 * Checks what a response that accepts has chosen of the offer; over HTTP/2, there is nothing else to check.
 *
 * @throws HandshakeError if it is not the answer to this offer
 */
export function verifyChoice(head: ResponseHead, { subprotocols, deflate }: Offer): Accepted {
  const agreement = verifyExtensions(head, deflate);
  // Item 6: likewise. §11.3.4 allows the field once; several lines joined are no subprotocol of the offer.
  const subprotocol = head.headers.get('sec-websocket-protocol');
  if (subprotocol !== null && !subprotocols.includes(subprotocol)) {
    throw mismatch('SUBPROTOCOL_NOT_OFFERED', explainSubprotocol(subprotocol, subprotocols), head);
  }
  return { subprotocol, extensions: head.headers.get('sec-websocket-extensions') ?? '', deflate: agreement };
}

/** Item 5: the server uses nothing but what "was present in the client's handshake". */
function verifyExtensions(head: ResponseHead, deflate: DeflateContext | null): DeflateAgreement | null {
  const value = head.headers.get('sec-websocket-extensions');
  if (value === null) return null;
  const [extension, another] = parseAnswer(value, head);
  if (extension.name !== EXTENSION || deflate === null) {
    throw mismatch('EXTENSION_NOT_OFFERED', `the server uses ${quote(extension.name)}, which was not offered`, head);
  }
  const agreement = another === undefined ? verifyDeflate(extension, deflate) : null;
  if (agreement !== null) return agreement;
  throw mismatch('EXTENSION_INVALID', `${quote(value)} is no answer to the offered ${EXTENSION}`, head);
}

/** §9.1: an empty list is malformed too. */
function parseAnswer(value: string, head: ResponseHead): [Extension, ...Extension[]] {
  try {
    return parseExtensions(value) as [Extension, ...Extension[]];
  } catch (error) {
    throw mismatch('EXTENSION_INVALID', (error as Error).message, head);
  }
}

/** Some servers send the whole offer back, whatever they speak of it. */
function explainSubprotocol(answered: string, offered: readonly string[]): string {
  const offer = offered.length === 0 ? 'no subprotocol was offered' : `the offer was ${quote(offered.join(', '))}`;
  return `the server speaks ${quote(answered)}, but ${offer}; offer one name that it knows`;
}

function mismatch(code: string, message: string, head: ResponseHead): HandshakeError {
  return new HandshakeError(code, head.status, message, { headers: toRecord(head.headers), body: '' });
}
