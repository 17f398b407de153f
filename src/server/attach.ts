// Takes upgrades from a server of `node:http`, `node:https` or `node:http2`, and leaves everything else to it.
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isUpgrade } from '../handshake/server.js';
import { hasToken } from '../http/fields.js';
import { toExtendedConnectHead, toRequestHead, type RequestHead } from '../http/request-head.js';
import { isOfHttp2 } from '../stream/cut.js';
import { attachToHttp2, pairs, type Http2Server } from './attach-http2.js';
import { ConnectStream } from './connect-stream.js';
import { HttpConnection, type HttpContext } from './http-connection.js';

/** What `node:http` or `node:http2` has parsed of a request. */
export interface ParsedRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
}

/** @param firstBytes what has arrived after the head. */
type UpgradeListener = (request: ParsedRequest, socket: Duplex, firstBytes: Buffer) => void;

/** A server of `node:http`, `node:https` or `node:http2`, or one like it. */
export interface UpgradingServer extends Partial<Http2Server> {
  on(event: 'upgrade', listener: (...parameters: any[]) => void): unknown;
  off(event: 'upgrade', listener: (...parameters: any[]) => void): unknown;
  listeners(event: 'upgrade'): unknown[];
  /** In newer versions of Node: whether a request that has `Upgrade` is one, or is answered as any other. */
  shouldUpgradeCallback?: (request: any) => boolean;
}

/** The listeners of servers of ours: several may be attached to one server. */
const ours = new WeakSet<UpgradeListener>();

/** The streams that were taken from a server. */
const given = new WeakSet<Duplex>();

/** @internal @returns a function that ends it; connections that were taken stay open. */
export function attachTo(server: UpgradingServer, context: HttpContext): () => void {
  const listenersOf = (): UpgradeListener[] => server.listeners('upgrade') as UpgradeListener[];
  const areAllOurs = (): boolean => listenersOf().every((each) => ours.has(each));
  const listener: UpgradeListener = (request, socket, firstBytes) => {
    if (isGiven(socket)) return;
    // Another library on the same server has its own paths. If there is none, the last of ours must answer.
    const isLast = listenersOf().at(-1) === listener && areAllOurs();
    if (isLast || isRouted(request, context)) giveRequest(request, socket, firstBytes, context);
  };
  ours.add(listener);
  server.on('upgrade', listener);
  const stopSparing = sparePlainRequests(server, areAllOurs);
  const stopStreams = isServerOfHttp2(server) ? attachToHttp2(server, context) : () => {};
  return () => {
    server.off('upgrade', listener);
    stopSparing();
    stopStreams();
  };
}

function isServerOfHttp2(server: UpgradingServer): server is UpgradingServer & Http2Server {
  return server.updateSettings !== undefined;
}

/** Whether the request asks for a WebSocket at a path that is routed. A broken one is left to others. */
function isRouted(request: ParsedRequest, { router }: HttpContext): boolean {
  try {
    const head = parseHead(request);
    return isUpgrade(head) && router.match(head.path) !== null;
  } catch {
    return false;
  }
}

/** @throws HttpError as for a request on a connection of our own. */
function parseHead({ method = '', url = '', httpVersion, rawHeaders }: ParsedRequest): RequestHead {
  return toRequestHead(method, url, httpVersion === '1.0' ? '1.0' : '1.1', pairs(rawHeaders));
}

/** @internal Whether the stream was taken before, for a WebSocket or a refusal. */
export function isGiven(stream: Duplex): boolean {
  return given.has(stream);
}

/** @internal Serves a request whose server gives the socket, or a stream of HTTP/2, away. */
export function giveRequest(request: ParsedRequest, stream: Duplex, firstBytes: Buffer, context: HttpContext): void {
  given.add(stream);
  // What the request says of its version is the client's word: `node:http` takes a line that ends with HTTP/2.0.
  if (isOfHttp2(stream)) {
    const parse = (): RequestHead => toExtendedConnectHead(pairs(request.rawHeaders));
    return void new ConnectStream(stream as unknown as ServerHttp2Stream, context, parse);
  }
  // Node 26 gives a plain stream where the request has a body that is still to come.
  const { setTimeout, setNoDelay }: Partial<Socket> = stream as Socket;
  // As those are that we accept ourselves.
  setTimeout?.call(stream, 0);
  setNoDelay?.call(stream, true);
  stream.allowHalfOpen = true;
  new HttpConnection(stream as Socket, context, { parse: () => parseHead(request), firstBytes });
}

/** As long as nobody else takes upgrades, a request for another protocol than WebSocket stays a plain one. */
function sparePlainRequests(server: UpgradingServer, areAllOurs: () => boolean): () => void {
  const { shouldUpgradeCallback: before } = server;
  if (before === undefined) return () => {};
  const decide = (request: { readonly headers: { readonly upgrade?: string } }): boolean => (
    before.call(server, request) && (!areAllOurs() || hasToken([request.headers.upgrade ?? ''], 'websocket'))
  );
  server.shouldUpgradeCallback = decide;
  return () => {
    if (server.shouldUpgradeCallback === decide) server.shouldUpgradeCallback = before;
  };
}
