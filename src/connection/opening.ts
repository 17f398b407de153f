// Opens a connection as a client: the request for it, and what becomes of the answer (RFC 6455 §4.1, RFC 8441 §5).
import type { Duplex } from 'node:stream';
import { HandshakeError } from '../errors.js';
import { offerExtendedConnect, offerUpgrade, verifyChoice, verifyUpgrade, type Offer } from '../handshake/client.js';
import { createKey } from '../handshake/key.js';
import { resolveSubprotocols } from '../handshake/subprotocols.js';
import { HeaderFields, quote, toRecord } from '../http/fields.js';
import { serializeRequestHead } from '../http/serialize.js';
import { cut } from '../stream/cut.js';
import type { SilenceTimer } from '../stream/silence-timer.js';
import { Connection } from './connection.js';
import { connectionDefaults, resolveLimits, type ConnectionLimits, type ConnectionOptions } from './limits.js';
import type { OptionNames } from './options.js';
import { receiveBody, receiveResponse, type ReceivedResponse } from './response.js';

/** What to ask the server for, and the limits of the connection. */
export interface OpeningOptions extends ConnectionOptions {
  /** One subprotocol to offer, or several, preferred first (RFC 6455 §1.9); `connection.subprotocol` is the choice. */
  subprotocols?: string | readonly string[];
  /** More header fields for the request, such as `Authorization` or `Cookie`. */
  headers?: Readonly<Record<string, string>>;
  /**
   * The value of `Origin`, which browsers send and other clients may omit (§10.2). Some servers require one, such as
   * Go's x/net. Others refuse any, such as the debugging ports of browsers.
   */
  origin?: string;
  /** Aborts the attempt, but not a connection that is open; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

export const openingOptions: OptionNames<OpeningOptions> = {
  ...connectionDefaults,
  subprotocols: true,
  headers: true,
  origin: true,
  signal: true,
};

/** Header fields that the handshake itself sets. */
const OWN_FIELDS = ['upgrade', 'connection', 'content-length', 'transfer-encoding', 'origin'];

/** Whom to ask, and as whom. */
export interface Target {
  readonly url: URL;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** A request that is ready to be sent. */
export interface Opening {
  readonly url: URL;
  readonly fields: readonly [name: string, value: string][];
  /** Of HTTP/1.1. */
  readonly head: string;
  readonly offer: Offer;
  readonly limits: ConnectionLimits;
  readonly isOverHttp2: boolean;
}

/** @throws TypeError for a field that the handshake itself sets, and for a value that is no text. */
export function checkFields({ headers = {}, origin }: OpeningOptions): void {
  for (const [name, value] of Object.entries(headers)) {
    if (isOwnField(name)) throw new TypeError(`${name} is the handshake's own; leave it out of headers`);
    checkText(name, value);
  }
  if (origin !== undefined) checkText('Origin', origin);
}

function isOwnField(name: string): boolean {
  return OWN_FIELDS.includes(name.toLowerCase()) || name.toLowerCase().startsWith('sec-websocket-');
}

/** A variable without a value must not be sent as the text "undefined". */
function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`the value of ${name} is ${String(value)}; give it as text`);
}

/** The limits of a client's connection: it offers compression unless it is told not to. */
export function resolveClientLimits(options: ConnectionOptions): ConnectionLimits {
  return resolveLimits({ ...options, deflate: options.deflate ?? true });
}

/** @throws TypeError for subprotocols, and fields, that can't be sent. */
export function prepareOpening(
  target: Target,
  { subprotocols, origin }: OpeningOptions,
  limits: ConnectionLimits,
  isOverHttp2: boolean = false,
): Opening {
  const { url } = target;
  const offer = { key: createKey(), subprotocols: resolveSubprotocols(subprotocols), deflate: limits.deflate };
  const offered = isOverHttp2 ? offerExtendedConnect(offer) : offerUpgrade(offer);
  const fields = [...requestFields(target, origin), ...offered];
  // It also checks what HTTP/2 doesn't: both refuse the same values.
  const head = serializeRequestHead('GET', url.pathname + url.search, fields);
  return { url, fields, head, offer, limits, isOverHttp2 };
}

function requestFields({ url, headers }: Target, origin: string | undefined): [name: string, value: string][] {
  const has = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted);
  const fields: [string, string][] = has('host') ? [] : [['Host', url.host]];
  const credentials = credentialsOf(url);
  if (credentials !== null && !has('authorization')) fields.push(['Authorization', credentials]);
  if (origin !== undefined) fields.push(['Origin', origin]);
  for (const [name, value] of headers) fields.push([name, value]);
  return fields;
}

/**
 * The value of `Authorization` for the user name and password of a URL (RFC 7617); `null` if it has none.
 * @throws TypeError if they are not percent-encoded UTF-8.
 */
export function credentialsOf({ username, password }: URL): string | null {
  if (username === '' && password === '') return null;
  try {
    return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
  } catch {
    throw new TypeError('user name and password of a URL are percent-encoded UTF-8; encode them');
  }
}

/** A stream that leads to the server. */
export interface OpenStream {
  readonly stream: Duplex;
  /** The server's IP address; empty if there is none. */
  readonly remoteAddress: string;
  /** As in `ConnectionInit`. */
  readonly isSocket: boolean;
}

/** A server's answer, and the stream on which it came. */
export interface Answer extends OpenStream {
  readonly received: ReceivedResponse;
}

/**
 * Sends the request of HTTP/1.1.
 * @throws HandshakeError (as rejection) for an answer that is none, or without one; the signal's reason.
 */
export async function ask(open: OpenStream, { head, offer }: Opening, signal: AbortSignal): Promise<Answer> {
  open.stream.write(head, 'latin1');
  const received = await receiveResponse(open.stream, signal).catch((error: unknown) => {
    throw explainLoss(error, offer.subprotocols);
  });
  return { ...open, received };
}

/**
 * Makes a connection of the answer.
 * @throws HandshakeError (as rejection) if it is another than the one that is wanted; what `asked` rejects with. The
 * stream is cut then.
 */
export async function openConnection(
  asked: Promise<Answer>,
  opening: Opening,
  keepAlive: SilenceTimer,
  signal: AbortSignal,
): Promise<Connection> {
  const { stream, remoteAddress, isSocket, received } = await asked;
  const { url, fields, offer, limits, isOverHttp2 } = opening;
  const { status } = received.head;
  try {
    // RFC 8441 §4: in HTTP/2 a status of 2xx takes the place of 101.
    const isAccepted = isOverHttp2 ? status >= 200 && status <= 299 : status === 101;
    if (!isAccepted) throw await readRefusal(stream, received, opening, signal);
    const verify = isOverHttp2 ? verifyChoice : verifyUpgrade;
    const { subprotocol, extensions, deflate } = verify(received.head, offer);
    const headers = HeaderFields.from(fields);
    headers.compact();
    return new Connection(stream, {
      role: 'client',
      request: { path: url.pathname, query: url.searchParams, params: {}, headers, remoteAddress },
      subprotocol: subprotocol ?? '',
      extensions,
      deflate,
      limits,
      keepAlive,
      isSocket,
      firstBytes: received.rest,
    });
  } catch (error) {
    cut(stream);
    throw error;
  }
}

/** Some servers end TCP instead of refusing a subprotocol. */
function explainLoss(error: unknown, offered: readonly string[]): unknown {
  if (!(error instanceof HandshakeError) || error.code !== 'CONNECTION_LOST') return error;
  const wish = offered.length === 0 ? 'a subprotocol' : `another subprotocol than ${quote(offered.join(', '))}`;
  return new HandshakeError(error.code, 0, `${error.message}; perhaps the server wants ${wish}`, error);
}

async function readRefusal(
  stream: Duplex,
  received: ReceivedResponse,
  { fields }: Opening,
  signal: AbortSignal,
): Promise<HandshakeError> {
  const { status } = received.head;
  const headers = toRecord(received.head.headers);
  const body = await receiveBody(stream, received, signal);
  const location = redirectOf({ status, headers });
  const text = location === null ? textOf(headers, body) : '';
  const hint = hintAt(status, location, fields.some(([name]) => name === 'Origin'));
  const message = `the server answered with status ${status}${text}${hint}`;
  return new HandshakeError('UNEXPECTED_STATUS', status, message, { headers, body });
}

/** What an answer says to people, in its first line. */
function textOf(headers: Readonly<Record<string, string>>, body: string): string {
  const [line = ''] = headers['content-type']?.startsWith('text/plain') ? body.trim().split('\n') : [];
  return line && `: ${quote(line)}`;
}

/** What to do about an answer. */
function hintAt(status: number, location: string | null, hasOrigin: boolean): string {
  if (location !== null) return ` to ${quote(location)}; set the option redirects to follow it`;
  if (status !== 400 && status !== 403) return '';
  return hasOrigin
    ? '; if it wants another Origin or none, change the option origin'
    : '; if it wants an Origin, set the option origin';
}

const REDIRECTS = [301, 302, 303, 307, 308];

/** Where an answer leads (RFC 9110 §15.4); `null` for one that is no redirect. */
export function redirectOf({ status, headers }: Pick<HandshakeError, 'status' | 'headers'>): string | null {
  return REDIRECTS.includes(status) ? (headers['location'] ?? null) : null;
}
