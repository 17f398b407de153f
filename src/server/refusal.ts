// What a server tells of the requests that it refuses: whose they were and, unless it is told otherwise, the first few.
import { handshakeRefused } from '../diagnostics.js';
import type { HttpError } from '../errors.js';
import { HeaderFields, quote } from '../http/fields.js';

/** What is known of a request that was refused: if its head can't be read, only where it came from. */
export interface RefusedRequest {
  /**
   * The client's IP address, behind a trusted proxy as that tells it if the head was read; empty on a Unix socket, and
   * in memory.
   */
  readonly remoteAddress: string;
  /** The method as sent; empty if the head could not be read. */
  readonly method: string;
  /** The path of the target as sent, without the query, which may hold secrets; empty if the head could not be read. */
  readonly path: string;
  readonly headers: HeaderFields;
  /** Whether it was an opening handshake (RFC 6455 §4.1): it asked for a WebSocket, or its route requires one. */
  readonly isHandshake: boolean;
}

/** Told what was refused, and why. */
export type OnRefuse = (error: HttpError, request: RefusedRequest) => void;

const NO_FIELDS = HeaderFields.from([]);

/** What is known of a request whose head was not read. */
export function unreadRequest(remoteAddress: string): RefusedRequest {
  return { remoteAddress, method: '', path: '', headers: NO_FIELDS, isHandshake: false };
}

/** The refusal in one line of printable text. */
export function describeRefusal(error: HttpError, { remoteAddress, method, path }: RefusedRequest): string {
  const what = method === '' ? 'a connection' : `${method} ${quote(path)}`;
  const where = remoteAddress === '' ? '' : ` from ${remoteAddress}`;
  return `refused ${what}${where} with ${error.status} ${error.code}: ${error.message}`;
}

/** Makes what tells those who subscribe, too. */
export function publishHandshakes(onRefuse: OnRefuse): OnRefuse {
  return (error, request) => {
    if (request.isHandshake && handshakeRefused.hasSubscribers) handshakeRefused.publish({ error, request });
    onRefuse(error, request);
  };
}

/** The codes of the library's own are fewer; an `authorize` may make up any number. */
const MAX_CODES = 64;

/** Makes what `onRefuse` is by default: a line for the first refused handshake of each code. */
export function warnOfHandshakes(): OnRefuse {
  const told = new Set<string>();
  return (error, request) => {
    if (!request.isHandshake || told.has(error.code) || told.size >= MAX_CODES) return;
    told.add(error.code);
    console.warn(`${describeRefusal(error, request)} (the only line about this code; onRefuse is told of all)`);
  };
}
