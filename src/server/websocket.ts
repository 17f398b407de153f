// Marks routes that speak WebSocket, and takes a request through the opening handshake to its handler (RFC 6455 §4.2).
import { Socket } from 'node:net';
import { Connection } from '../connection/connection.js';
import type { Connections } from '../connection/connections.js';
import type { SilenceTimer } from '../stream/silence-timer.js';
import { connectionDefaults, type ConnectionLimits, type ConnectionOptions } from '../connection/limits.js';
import { checkNames, type OptionNames } from '../connection/options.js';
import { ConnectionClosed, HandshakeError, type Close } from '../errors.js';
import { CloseCode } from '../frame/close.js';
import { acceptDeflate } from '../handshake/deflate.js';
import { resolveSubprotocols, selectSubprotocol } from '../handshake/subprotocols.js';
import { checkOrigin, validateUpgrade, type UpgradeOffer } from '../handshake/server.js';
import type { Exchange, ExchangeConnection } from './exchange.js';
import type { RunningHandlers } from './handlers.js';
import type { Reply } from './reply.js';
import { isAbort, isGranted, type Granted, type Request, type WebSocketRequest } from './request.js';

/** Serves a request: returns the reply or, on a WebSocket, talks over `request.webSocket` until it returns. */
export type Handler<Authorized = undefined> = (request: Request<Authorized>) => Reply | Promise<Reply>;

/** Serves a WebSocket; what it returns is ignored. */
export type WebSocketHandler<Authorized = undefined> = (request: WebSocketRequest<Authorized>) => unknown;

/** Who may open a WebSocket, and within which limits; the limits are the server's where they are absent. */
export interface WebSocketOptions<Authorized = undefined> extends ConnectionOptions {
  /**
   * Origins that may connect besides the server's own host, as browsers send them (`https://example.com`, `null`);
   * `'*'` lets all. A request without `Origin`, which no browser sends, passes (RFC 6455 §10.2).
   */
  origins?: readonly string[] | '*';
  /** The subprotocols of the route, or the only one: the first that the client offers too is agreed on (§1.9). */
  subprotocols?: string | readonly string[];
  /**
   * Asked before the connection is accepted. What it returns is the handler's `request.authorized`; `undefined`, `null`
   * and `false` refuse with 403. To refuse with a reply of its own it throws a `HandshakeError`, but no redirect:
   * WebKit follows it to whatever route takes WebSockets there. Write the type of its parameter, `(request: Request)`:
   * TypeScript needs that to find the type of `request.authorized`; before 6, it finds the type of an arrow function
   * only, and that of a method is `any`.
   */
  authorize?: (request: Request) => Authorized | Promise<Authorized>;
}

const webSocketOptions: OptionNames<WebSocketOptions> = {
  ...connectionDefaults,
  origins: true,
  subprotocols: true,
  authorize: true,
};

/** An overload of its own: with `authorize`, the type it returns is `any` where TypeScript can't infer it. */
type WithoutAuthorize = WebSocketOptions & { authorize?: never };

/** A handler that `acceptWebSocket` or `requireWebSocket` has marked; for `server.route`. */
export class WebSocketRoute {
  readonly #route: Omit<Route, 'origins' | 'limits'>;
  readonly #options: WebSocketOptions<unknown>;

  /** @internal */
  constructor(handler: Route['handler'], webSocket: Route['webSocket'], options: WebSocketOptions<unknown>) {
    if (typeof handler !== 'function') {
      throw new TypeError(`the handler of a route is a function, not ${typeof handler}`);
    }
    const subprotocols = resolveSubprotocols(options.subprotocols);
    this.#route = { handler, webSocket, subprotocols, authorize: options.authorize };
    this.#options = options;
  }

  /** @internal The route with what the server has for the options that are absent. */
  resolve(server: { origins: Route['origins']; limits(options: ConnectionOptions): ConnectionLimits }): Route {
    const { origins = server.origins } = this.#options;
    return { ...this.#route, origins, limits: server.limits(this.#options) };
  }
}

/** @internal What the server knows of a route. */
export interface Route {
  readonly handler: (request: Request<never>) => unknown;
  readonly webSocket: 'refused' | 'accepted' | 'required';
  readonly subprotocols: readonly string[];
  readonly authorize: WebSocketOptions<unknown>['authorize'];
  readonly origins: readonly string[] | '*';
  readonly limits: ConnectionLimits;
}

/**
 * A route that answers both plain HTTP and WebSocket, told apart by `request.isWebSocket()`.
 *
 * ```ts
 * server.route('/echo/', acceptWebSocket(async (request) => {
 *   if (!request.isWebSocket()) return 'connect with a WebSocket';
 *   for await (const message of request.webSocket) await request.webSocket.send(message);
 * }));
 * ```
 * @throws TypeError for a handler that is no function, an option that is not known, and a subprotocol that is not a
 * token, or occurs twice.
 */
export function acceptWebSocket(handler: Handler, options?: WithoutAuthorize): WebSocketRoute;
export function acceptWebSocket<Authorized = any>(
  handler: Handler<Authorized>,
  options?: WebSocketOptions<Authorized>,
): WebSocketRoute;
export function acceptWebSocket(handler: Route['handler'], options: WebSocketOptions<unknown> = {}): WebSocketRoute {
  checkNames('acceptWebSocket', options, webSocketOptions);
  return new WebSocketRoute(handler, 'accepted', options);
}

/**
 * A route for WebSocket only: plain HTTP of any method and version is answered with 426 and `Upgrade: websocket` (RFC
 * 9110 §15.5.22).
 * @throws TypeError for a handler that is no function, an option that is not known, and a subprotocol that is not a
 * token, or occurs twice.
 */
export function requireWebSocket(handler: WebSocketHandler, options?: WithoutAuthorize): WebSocketRoute;
export function requireWebSocket<Authorized = any>(
  handler: WebSocketHandler<Authorized>,
  options?: WebSocketOptions<Authorized>,
): WebSocketRoute;
export function requireWebSocket(
  handler: WebSocketHandler<never>,
  options: WebSocketOptions<unknown> = {},
): WebSocketRoute {
  checkNames('requireWebSocket', options, webSocketOptions);
  return new WebSocketRoute(handler as Route['handler'], 'required', options);
}

/** @internal What the WebSocket routes of a server share. */
export interface WebSocketContext {
  readonly keepAlive: SilenceTimer;
  readonly connections: Connections;
  /** Whether the server is closing: no WebSocket is opened, and each reply is its connection's last. */
  readonly isClosing: boolean;
  /** All that are running, for WebSocket and HTTP. */
  readonly handlers: RunningHandlers;
  onError(error: unknown, request: Request<never>): void;
  readonly onClose: ((close: Close, request: WebSocketRequest<unknown>) => void) | undefined;
}

/**
 * @internal
 * Takes a request through the opening handshake, and starts its handler on the connection, unless the client has gone.
 * @returns a promise while it is asked who may connect.
 * @throws HandshakeError, also as rejection, if the handshake is refused; nothing was written then.
 */
export function openWebSocket(
  route: Route,
  request: Request<never>,
  { head, asked, connection }: Exchange,
  context: WebSocketContext,
): Promise<null> | null {
  if (route.webSocket === 'refused') {
    throw new HandshakeError('ROUTE_WITHOUT_WEBSOCKET', 400, 'this path has no WebSocket; use plain HTTP');
  }
  const offer = validateUpgrade(head);
  checkOrigin(head, route.origins, asked);
  const open = (authorized: Granted<never> | undefined): null => {
    if (context.isClosing) throw new HandshakeError('SERVER_CLOSING', 503, 'the server is closing; try again later');
    const accepted = accept(route, offer, request, context, connection);
    if (accepted !== null) serve(route, request, accepted, authorized, context);
    return null;
  };
  return route.authorize === undefined ? open(undefined) : authorize(route.authorize, request).then(open);
}

async function authorize(ask: Route['authorize'] & {}, request: Request<never>): Promise<Granted<never>> {
  const authorized = await ask(request);
  if (!isGranted(authorized)) throw new HandshakeError('NOT_AUTHORIZED', 403, 'you are not authorized to connect here');
  return authorized as Granted<never>;
}

/** Answers the handshake: from here on the stream is a connection's. `null` if the client has gone. */
function accept(
  { limits, subprotocols }: Route,
  offer: UpgradeOffer,
  request: Request<never>,
  { connections, keepAlive }: WebSocketContext,
  connection: ExchangeConnection,
): Connection | null {
  const subprotocol = selectSubprotocol(offer.subprotocols, subprotocols);
  const deflate = limits.deflate && acceptDeflate(offer.extensions, limits.deflate);
  const extensions = deflate?.value ?? '';
  const accepted = connection.accept(offer.key, subprotocol, extensions);
  return accepted && new Connection(accepted.stream, {
    role: 'server',
    request,
    subprotocol: subprotocol ?? '',
    extensions,
    deflate: deflate && deflate.agreement,
    limits,
    keepAlive,
    isSocket: accepted.stream instanceof Socket,
    firstBytes: accepted.firstBytes,
    connections,
  });
}

/** Runs the handler: when it returns, the connection is closed with 1000, when it throws, with 1011. */
function serve(
  { handler }: Route,
  request: Request<never>,
  connection: Connection,
  authorized: Granted<never> | undefined,
  context: WebSocketContext,
): void {
  const finish = (): void => {
    if (!connection.isClosed()) void connection.close(CloseCode.NORMAL_CLOSURE);
    context.handlers.leave();
  };
  const fail = (error: unknown): void => {
    // If the peer leaves while the handler sends or waits, that is not the handler's fault.
    const isConsequence = error instanceof ConnectionClosed ? connection.isClosed() : isAbort(error, request.signal);
    void connection.close(CloseCode.INTERNAL_ERROR);
    context.handlers.leave();
    if (!isConsequence) context.onError(error, request);
  };
  request.upgrade(connection, authorized);
  const { onClose } = context;
  if (onClose !== undefined) {
    void connection.closed.then((close) => onClose(close, request as WebSocketRequest<unknown>));
  }
  context.handlers.enter();
  // An async function around the handler would live as long as the connection, and be larger (bench memory).
  call(handler, request).then(finish, fail);
}

function call(handler: Route['handler'], request: Request<never>): Promise<unknown> {
  try {
    return Promise.resolve(handler(request));
  } catch (error) {
    return Promise.reject(error);
  }
}
