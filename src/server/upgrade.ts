// Takes one upgrade from a server that has read its request, for those who route themselves.
import type { Duplex } from 'node:stream';
import type { Connection } from '../connection/connection.js';
import { Connections } from '../connection/connections.js';
import { defer } from '../connection/deferred.js';
import { resolveLimits } from '../connection/limits.js';
import { SilenceTimer } from '../stream/silence-timer.js';
import { giveRequest, isGiven, type ParsedRequest } from './attach.js';
import { RunningHandlers } from './handlers.js';
import { resolveServerOptions, type ProxyOptions } from './options.js';
import type { WebSocketRequest } from './request.js';
import { resolveProxyTrust } from './trust-proxy.js';
import { requireWebSocket, type WebSocketOptions } from './websocket.js';

const NOTHING = Buffer.alloc(0);
const serverOptions = resolveServerOptions({});
const keepAlive = new SilenceTimer(serverOptions.keepAliveInterval);

/**
 * Answers an upgrade that a server of `node:http` or `node:https` has emitted, or an extended CONNECT of `node:http2`.
 * `server.attach` does that for paths that are known before, and drains them.
 *
 * ```ts
 * httpServer.on('upgrade', async (request, socket, head) => {
 *   const connection = await upgrade(request, socket, head, { origins: ['https://example.com'] });
 *   for await (const message of connection ?? []) await connection.send(message);
 * });
 * http2Server.on('connect', (request, response) => void upgrade(request, request.stream, null));
 * ```
 * @param request of `node:http` or `node:http2`; a listener of `'stream'` gives `{ httpVersion: '2.0', rawHeaders }`.
 *   A server of `node:http2` must announce `enableConnectProtocol` in its `settings` (RFC 8441 §3).
 * @param head what has arrived after the request: the first frames; `null` over HTTP/2, where they come on the stream.
 * @param options as for `requireWebSocket`, with `trustProxy` and `proxyHeaders` of `createServer`.
 * @returns the connection; `null` if the request was refused, which is logged as by a server, or the client has gone.
 * @throws TypeError, RangeError at once for a wrong option, TypeError for a socket that was taken before.
 */
export function upgrade(
  request: ParsedRequest,
  socket: Duplex,
  head: Buffer | null,
  { trustProxy, proxyHeaders, ...options }: WebSocketOptions<any> & ProxyOptions = {},
): Promise<Connection | null> {
  if (isGiven(socket)) {
    throw new TypeError('this socket was taken before, by upgrade or by a server that is attached; take each once');
  }
  const { promise, resolve } = defer<Connection | null>();
  const refuse = (): void => resolve(null);
  const marked = requireWebSocket(({ webSocket }: WebSocketRequest) => {
    socket.off('close', refuse);
    resolve(webSocket);
    return webSocket.closed;
  }, options);
  const proxyTrust = resolveProxyTrust(trustProxy, proxyHeaders);
  const route = marked.resolve({ origins: [], limits: resolveLimits });
  // The client may have gone while the caller made up its mind.
  if (socket.closed) return Promise.resolve(null);
  socket.once('close', refuse);
  giveRequest(request, socket, head ?? NOTHING, {
    ...serverOptions,
    proxyTrust,
    router: { match: () => ({ target: route, params: {} }) },
    connections: new Connections(),
    httpConnections: new Set(),
    keepAlive,
    handlers: new RunningHandlers(),
    isClosing: false,
    onRefuse(error, refused) {
      refuse();
      serverOptions.onRefuse(error, refused);
    },
    onError(error, failed) {
      refuse();
      serverOptions.onError(error, failed);
    },
  });
  return promise;
}
