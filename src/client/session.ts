// Asks for a WebSocket on a session of HTTP/2: an extended CONNECT, once the server allows it (RFC 8441).
import type { ClientHttp2Session, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import type { Answer, Opening } from '../connection/opening.js';
import { waitFor } from '../connection/response.js';
import { whenAborted } from '../connection/wait-limits.js';
import { HandshakeError } from '../errors.js';
import { HeaderFields } from '../http/fields.js';
import type { ResponseHead } from '../http/response-head.js';

const NOTHING = Buffer.alloc(0);

type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/**
 * Asks on a stream of its own.
 * @throws HandshakeError if the server doesn't allow it, Node's own error for a session that has ended, or the signal's
 *   reason; the session is left as it is.
 */
export async function askOnSession(
  session: ClientHttp2Session,
  { url, fields }: Opening,
  signal: AbortSignal,
): Promise<Answer> {
  await unlessAborted(receiveSettings(session), signal);
  checkSession(session, url);
  const headers: Record<string, string[]> = {};
  for (const [name, value] of fields) (headers[name.toLowerCase()] ??= []).push(value);
  const { host, ...others } = headers;
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    // §5: "The scheme of the Target URI MUST be 'https' for 'wss'-schemed WebSockets and 'http' for 'ws'"
    ':scheme': url.protocol === 'wss:' ? 'https' : 'http',
    ':path': url.pathname + url.search,
    ':authority': host![0],
    ...others,
  }, { endStream: false });
  // One while nobody waits must not end the process; the next to wait gets it.
  stream.on('error', () => {});
  const answered = await waitFor<ResponseHeaders>(stream, signal, (resolve) => ({ response: resolve }));
  return {
    stream,
    remoteAddress: session.socket.remoteAddress ?? '',
    isSocket: false,
    received: { head: toHead(answered), rest: NOTHING },
  };
}

/** The pings of `receiveSettings` that are not answered yet: many WebSockets may be asked for at once. */
const pings = new WeakMap<ClientHttp2Session, Promise<void>>();

/**
 * Waits until the server's settings are known. RFC 9113 §3.4: they are "the first frame the server sends", so that the
 * answer to a ping comes after them.
 */
function receiveSettings(session: ClientHttp2Session): Promise<void> {
  if (session.remoteSettings?.enableConnectProtocol) return Promise.resolve();
  const ping = pings.get(session) ?? sendPing(session).finally(() => pings.delete(session));
  pings.set(session, ping);
  return ping;
}

async function sendPing(session: ClientHttp2Session): Promise<void> {
  let stop = (): void => {};
  const answered = new Promise<void>((resolve, reject) => {
    const lose = (): void => {
      reject(new HandshakeError('CONNECTION_LOST', 0, 'the session ended before the answer', { body: '' }));
    };
    const ping = (): void => {
      // A session that ends cancels its pings, and then tells why it has ended.
      session.ping((error) => (error === null ? resolve() : session.destroyed || reject(error)));
    };
    stop = () => void session.off('error', reject).off('close', lose).off('connect', ping);
    session.on('error', reject).on('close', lose);
    if (session.connecting && !session.destroyed) session.on('connect', ping);
    else ping();
  });
  await answered.finally(stop);
}

/** @throws the signal's reason after an abort. */
function unlessAborted(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const ignore = whenAborted(signal, () => reject(signal.reason));
    if (signal.aborted) reject(signal.reason);
    waiting.finally(ignore).then(resolve, reject);
  });
}

function checkSession(session: ClientHttp2Session, { protocol }: URL): void {
  if (!session.remoteSettings.enableConnectProtocol) {
    const message = 'the server enables no WebSockets over HTTP/2 (RFC 8441); connect without the option http2';
    throw new HandshakeError('CONNECT_PROTOCOL_MISSING', 0, message, { body: '' });
  }
  if (protocol === 'wss:' && !session.encrypted) {
    const message = 'wss: needs a session over TLS; connect it to https:, or use ws:';
    throw new HandshakeError('SESSION_NOT_ENCRYPTED', 0, message, { body: '' });
  }
}

function toHead({ ':status': status, ...others }: ResponseHeaders): ResponseHead {
  const fields = Object.entries(others).flatMap(([name, value]) => {
    return [value as string | string[]].flat().map((line): [string, string] => [name, line]);
  });
  return { status: status!, headers: HeaderFields.from(fields), bodyLength: null };
}
