// Takes extended CONNECTs for WebSocket from a server of `node:http2`, and leaves everything else to it (RFC 8441).
import type { ServerHttp2Stream } from 'node:http2';
import { isUpgrade } from '../handshake/server.js';
import { toExtendedConnectHead, type RequestHead } from '../http/request-head.js';
import { ConnectStream } from './connect-stream.js';
import type { HttpContext } from './http-connection.js';

/** A server of `node:http2`, or one like it. */
export interface Http2Server {
  emit(event: string, ...values: any[]): boolean;
  listenerCount(event: string): number;
  /** What new sessions announce. */
  updateSettings(settings: { enableConnectProtocol: boolean }): void;
}

/** Whose routes take the streams of a server. */
const takers = new WeakMap<Http2Server, Set<HttpContext>>();

/** @internal @returns a function that ends it; connections that were taken stay open. */
export function attachToHttp2(server: Http2Server, context: HttpContext): () => void {
  const contexts = takers.get(server) ?? intercept(server);
  contexts.add(context);
  // RFC 8441 §3: clients ask for a WebSocket only where this is announced, and it is never taken back.
  server.updateSettings({ enableConnectProtocol: true });
  return () => void contexts.delete(context);
}

/**
 * Looks at each stream before any listener: there is no other way to keep one from them. Each listener of `'stream'`
 * gets all streams, most answer whatever it is, and a second answer throws; `node:http2` itself answers with 405.
 */
function intercept(server: Http2Server): Set<HttpContext> {
  const contexts = new Set<HttpContext>();
  const { emit } = server;
  server.emit = function (event, ...values) {
    if (event === 'stream' && take(server, contexts, values as StreamValues)) return true;
    return Reflect.apply(emit, this, [event, ...values]) as boolean;
  };
  takers.set(server, contexts);
  return contexts;
}

/** @param rawHeaders names and values in turn. */
export function pairs(rawHeaders: readonly string[]): [name: string, value: string][] {
  const fields: [string, string][] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) fields.push([rawHeaders[index]!, rawHeaders[index + 1]!]);
  return fields;
}

type StreamValues = [
  stream: ServerHttp2Stream,
  headers: Readonly<Record<string, unknown>>,
  flags: number,
  rawHeaders: string[],
];

/** @returns whether the stream is ours. */
function take(server: Http2Server, contexts: Set<HttpContext>, values: StreamValues): boolean {
  const [stream, headers, , rawHeaders] = values;
  if (contexts.size === 0 || headers[':protocol'] === undefined || stream.destroyed) return false;
  const parse = (): RequestHead => toExtendedConnectHead(pairs(rawHeaders));
  const context = findRoute(contexts, parse) ?? (isHeard(server) ? undefined : [...contexts].at(-1));
  if (context !== undefined) new ConnectStream(stream, context, parse);
  return context !== undefined;
}

/** Who has a route for the request, if it asks for a WebSocket. A broken one is left to others. */
function findRoute(contexts: Set<HttpContext>, parse: () => RequestHead): HttpContext | undefined {
  try {
    const head = parse();
    return isUpgrade(head) ? [...contexts].find(({ router }) => router.match(head.path) !== null) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether somebody else listens who may answer an extended CONNECT. Where there is a listener of `'request'`, one of
 * `'stream'` is `node:http2`'s own, which gives CONNECT to those of `'connect'`.
 */
function isHeard(server: Http2Server): boolean {
  const own = server.listenerCount('request') > 0 ? 1 : 0;
  return server.listenerCount('connect') > 0 || server.listenerCount('stream') > own;
}
