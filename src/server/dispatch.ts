// Takes a request to its route, and makes a response of what comes of it.
import { HttpError } from '../errors.js';
import { isUpgrade } from '../handshake/server.js';
import { quote } from '../http/fields.js';
import type { RequestHead } from '../http/request-head.js';
import { withoutKnownContent } from './not-modified.js';
import type { Exchange } from './exchange.js';
import type { RunningHandlers } from './handlers.js';
import type { OnRefuse } from './refusal.js';
import { toRefusal, toResponse, type Reply, type Response } from './reply.js';
import { isAbort, Request } from './request.js';
import type { Router } from './router.js';
import { openWebSocket, type Route, type WebSocketContext } from './websocket.js';

/** The methods that a handler may be asked with; for others "the server does not recognize", RFC 9110 §9.1 has 501. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** The answer to `OPTIONS *`. */
const ALLOWED: Response = { status: 204, headers: [['Allow', METHODS.join(', ')]], body: null };

/** What the requests of a server share. */
export interface DispatchContext extends WebSocketContext {
  readonly router: Pick<Router<Route>, 'match'>;
  readonly onRefuse: OnRefuse;
}

/**
 * Serves a request, and counts as a running handler until it was answered.
 * @param reply writes the answer; it is not called if the socket is a WebSocket's now, or the client has gone.
 */
export function serveExchange(
  exchange: Exchange,
  context: DispatchContext,
  reply: (response: Response) => Promise<void>,
): void {
  const { handlers } = context;
  handlers.enter();
  let answer: ReturnType<typeof dispatch>;
  try {
    answer = dispatch(exchange, context);
  } catch (error) {
    // What `onRefuse` throws: whoever reads from the socket must not get it.
    answer = Promise.reject(error);
  }
  if (answer === null) handlers.leave();
  else void answerWith(answer, reply, handlers);
}

async function answerWith(
  answer: Response | Promise<Response | null>,
  reply: (response: Response) => Promise<void>,
  handlers: RunningHandlers,
): Promise<void> {
  try {
    const response = await answer;
    if (response !== null) await reply(response);
  } finally {
    handlers.leave();
  }
}

/**
 * Serves a request.
 * @returns what to answer, `null` for nothing: the socket is a WebSocket's now, or the client has gone.
 */
export function dispatch(exchange: Exchange, context: DispatchContext): Response | null | Promise<Response | null> {
  const { head } = exchange;
  let isHandshake = isUpgrade(head);
  const fail = (error: unknown): Response => toErrorResponse(error, exchange, isHandshake, context);
  try {
    checkSupport(head);
    // RFC 9110 §9.3.7: the asterisk asks about the server as a whole, so there is no path and no route.
    if (head.path === '*') return ALLOWED;
    const match = context.router.match(head.path);
    if (match === null) throw new HttpError('NOT_FOUND', 404, 'there is nothing at this path');
    const { target: route, params } = match;
    const request = exchange.begin(params);
    isHandshake = isOpening(route, head, isHandshake);
    const answer = isHandshake ? openWebSocket(route, request, exchange, context) : respond(route, request, head);
    return answer && answer.catch(fail);
  } catch (error) {
    return fail(error);
  }
}

async function respond({ handler }: Route, request: Request<never>, head: RequestHead): Promise<Response> {
  return withoutKnownContent(toResponse((await handler(request)) as Reply), head);
}

/**
 * Whether the request is taken for an opening handshake. RFC 9110 §7.8: "A server MUST ignore an Upgrade header field
 * that is received in an HTTP/1.0 request"; a route with WebSocket refuses it instead, as RFC 6455 §4.2.1 asks for.
 */
function isOpening({ webSocket }: Route, { httpVersion }: RequestHead, hasUpgrade: boolean): boolean {
  return webSocket === 'required' || (hasUpgrade && (webSocket === 'accepted' || httpVersion !== '1.0'));
}

function checkSupport(head: RequestHead): void {
  if (head.protocol !== null) {
    if (isUpgrade(head)) return;
    const message = `the protocol ${quote(head.protocol)} is not spoken here; use "websocket"`;
    throw new HttpError('PROTOCOL_UNKNOWN', 501, message);
  }
  if (!METHODS.includes(head.method)) {
    throw new HttpError('METHOD_UNKNOWN', 501, `this server knows ${METHODS.join(', ')}`);
  }
  const expectation = head.headers.get('expect');
  // RFC 9110 §10.1.1: an expectation other than 100-continue may be answered with 417
  if (expectation !== null && expectation.toLowerCase() !== '100-continue') {
    throw new HttpError('EXPECTATION_UNKNOWN', 417, 'the only expectation known here is 100-continue');
  }
}

function toErrorResponse(
  error: unknown,
  { head, asked, request }: Exchange,
  isHandshake: boolean,
  { onRefuse, onError }: DispatchContext,
): Response {
  if (error instanceof HttpError) {
    const { method, path, headers } = head;
    onRefuse(error, { remoteAddress: asked.remoteAddress, method, path, headers, isHandshake });
    try {
      return toRefusal(error);
    } catch (mistake) {
      error = mistake;
    }
  }
  // A handler that has passed its signal on fails by it when the client leaves.
  if (!isAbort(error, request!.signal)) onError(error, request!);
  return toRefusal(new HttpError('INTERNAL_ERROR', 500, 'internal server error'));
}
