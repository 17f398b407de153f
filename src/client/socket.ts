// Opens the byte stream for a handshake: TCP, a Unix socket or TLS, directly or through a proxy.
import { connect as connectNet, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import { credentialsOf } from '../connection/opening.js';
import { receiveBody, receiveResponse, waitFor } from '../connection/response.js';
import { HandshakeError } from '../errors.js';
import { toRecord } from '../http/fields.js';
import { serializeRequestHead } from '../http/serialize.js';

/** How to reach a server. */
export interface Destination {
  /** `ws:` or `wss:`. */
  readonly url: URL;
  /** The path of a Unix socket to use instead of the URL's host. */
  readonly socketPath?: string | undefined;
  /** An `http:` proxy to go through. */
  readonly proxy?: URL | undefined;
  readonly tls?: TlsOptions | undefined;
}

/**
 * Opens the stream to the server.
 * @returns once bytes can be written; nothing is read before somebody listens.
 * @throws the socket's or TLS's own error, `HandshakeError` if the proxy refuses, or the signal's reason.
 */
export async function openSocket(destination: Destination, signal: AbortSignal): Promise<Socket> {
  const { url, tls } = destination;
  const socket = await openTransport(destination, signal);
  if (url.protocol !== 'wss:') return socket;
  const { host } = addressOf(url);
  // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted" as server name.
  const servername = isIP(host) ? '' : host;
  try {
    const secured = guard(connectTls({ servername, ALPNProtocols: ['http/1.1'], ...tls, host, socket }));
    await waitFor<void>(secured, signal, (resolve) => ({ secureConnect: () => resolve() }));
    return secured;
  } catch (error) {
    // `connectTls` throws for an option that it can't use.
    socket.destroy();
    throw error;
  }
}

/** Where a URL points: the host's name or address, without brackets, and the port. */
export function addressOf(url: URL): { host: string; port: number } {
  const isSecure = url.protocol === 'wss:' || url.protocol === 'https:';
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || (isSecure ? 443 : 80)) };
}

async function openTransport({ url, socketPath, proxy }: Destination, signal: AbortSignal): Promise<Socket> {
  // With a path, it would connect to the Unix socket at once.
  signal.throwIfAborted();
  const address = socketPath === undefined ? { ...addressOf(proxy ?? url), noDelay: true } : { path: socketPath };
  const socket = guard(connectNet({ ...address, allowHalfOpen: true }));
  await waitFor<void>(socket, signal, (resolve, reject) => ({
    connect: () => resolve(),
    error: (error: Error) => reject(error instanceof AggregateError ? withMessage(error) : error),
  }));
  if (proxy !== undefined) await openTunnel(socket, url, proxy, signal);
  return socket;
}

/** Asks the proxy for a tunnel to the server (RFC 9110 §9.3.6). */
async function openTunnel(socket: Socket, url: URL, proxy: URL, signal: AbortSignal): Promise<void> {
  const target = `${url.hostname}:${addressOf(url).port}`;
  const headers: [string, string][] = [['Host', target]];
  const credentials = credentialsOf(proxy);
  if (credentials !== null) headers.push(['Proxy-Authorization', credentials]);
  socket.write(serializeRequestHead('CONNECT', target, headers), 'latin1');
  const received = await receiveResponse(socket, signal);
  const { status, headers: fields } = received.head;
  const isOpen = status >= 200 && status <= 299;
  // The server speaks only when spoken to, so bytes after the answer would be the proxy's own.
  if (isOpen && received.rest.length === 0) return;
  const body = isOpen ? '' : await receiveBody(socket, received, signal);
  socket.destroy();
  const problem = isOpen ? 'sent bytes after its answer' : `answered CONNECT with status ${status}`;
  const message = `the proxy ${problem}; check its address and credentials`;
  throw new HandshakeError('PROXY_REFUSED', status, message, { headers: toRecord(fields), body });
}

/** For a host with several addresses, Node's error has no message of its own, only those of the attempts. */
function withMessage({ errors, code }: AggregateError & NodeJS.ErrnoException): Error {
  const message = errors.map((error: Error) => error.message).join('; ');
  return Object.assign(new AggregateError(errors, message), { code });
}

/** An error while nobody waits must not end the process; the next to wait gets it (`waitFor`). */
function guard<T extends Socket>(socket: T): T {
  return socket.on('error', () => {});
}
