// A request on its way to its route without a socket: what is answered at once, by a promise, or not at all.
import * as assert from 'uvu/assert';
import { Connections } from '../../src/connection/connections.js';
import { connectionDefaults } from '../../src/connection/limits.js';
import { HttpError } from '../../src/errors.js';
import { RequestHeadParser } from '../../src/http/request-head.js';
import { dispatch, type DispatchContext } from '../../src/server/dispatch.js';
import { Exchange } from '../../src/server/exchange.js';
import { RunningHandlers } from '../../src/server/handlers.js';
import type { Response } from '../../src/server/reply.js';
import { Router } from '../../src/server/router.js';
import { acceptWebSocket, requireWebSocket, WebSocketRoute, type Route } from '../../src/server/websocket.js';
import { SilenceTimer } from '../../src/stream/silence-timer.js';
import { suite } from '../runner/suite.js';
import { upgradeRequest } from '../support/peers/raw-client.js';
import { get, request } from './harness.js';

const test = suite('dispatch');

const router = new Router<Route>();
const routes: Readonly<Record<string, WebSocketRoute>> = {
  '/': new WebSocketRoute(() => 'hello', 'refused', {}),
  '/fault': new WebSocketRoute(() => Promise.reject(new Error('fault')), 'refused', {}),
  '/forbidden': new WebSocketRoute(() => Promise.reject(new HttpError('FORBIDDEN', 403, 'no')), 'refused', {}),
  '/both': acceptWebSocket(() => 'http'),
  '/socket': requireWebSocket(() => {}),
  '/asked': requireWebSocket(() => {}, { authorize: () => Promise.resolve(null) }),
};
for (const [path, route] of Object.entries(routes)) {
  router.add(path, route.resolve({ origins: [], limits: () => connectionDefaults }));
}

interface Dispatched {
  readonly answer: Response | null | Promise<Response | null>;
  /** What `onError` and `onRefuse` were told, and when the socket was taken. */
  readonly told: string[];
}

function send(text: string): Dispatched {
  const told: string[] = [];
  const context: DispatchContext = {
    router,
    connections: new Connections(),
    keepAlive: new SilenceTimer(0),
    isClosing: false,
    handlers: new RunningHandlers(),
    onError: (error) => void told.push(String(error)),
    onRefuse: ({ code }, { isHandshake }) => void told.push(`${code}${isHandshake ? ' of a handshake' : ''}`),
    onClose: undefined,
  };
  const exchange = new Exchange(new RequestHeadParser().push(Buffer.from(text))!, {
    remoteAddress: '192.0.2.1',
    socket: { bytesRead: 0, bytesWritten: 0, destroyed: false },
    bytesReadBefore: 0,
    bytesWrittenBefore: 0,
    context: { maxBodyBytes: 10, bodyTimeout: 60_000, proxyTrust: null },
    readBytes: () => {},
    sendContinue: () => {},
    accept: () => (told.push('socket taken'), null),
  });
  return { answer: dispatch(exchange, context), told };
}

const answers: readonly [text: string, isPromise: boolean, status: number | null, told: string[]][] = [
  [get('/'), true, 200, []],
  [get('/both'), true, 200, []],
  [request('OPTIONS', '*'), false, 204, []],
  [get('/nowhere'), false, 404, ['NOT_FOUND']],
  [get('/%'), false, 400, ['PATH_INVALID']],
  [request('BREW', '/'), false, 501, ['METHOD_UNKNOWN']],
  [get('/', 'Expect: the-unexpected'), false, 417, ['EXPECTATION_UNKNOWN']],
  [get('/fault'), true, 500, ['Error: fault']],
  [get('/forbidden'), true, 403, ['FORBIDDEN']],
  [get('/socket'), false, 426, ['UPGRADE_MISSING of a handshake']],
  [upgradeRequest('/'), false, 400, ['ROUTE_WITHOUT_WEBSOCKET of a handshake']],
  [upgradeRequest('/nowhere'), false, 404, ['NOT_FOUND of a handshake']],
  [upgradeRequest('/asked'), true, 403, ['NOT_AUTHORIZED of a handshake']],
  [upgradeRequest('/socket'), false, null, ['socket taken']],
  [upgradeRequest('/both'), false, null, ['socket taken']],
];

for (const [text, isPromise, status, expected] of answers) {
  const [line] = text.split('\r\n');
  const kind = /upgrade/i.test(text) ? 'WebSocket' : 'HTTP';
  test(`${line} (${kind}): ${status ?? 'no answer'}${isPromise ? ', later' : ''}`, async () => {
    const { answer, told } = send(text);
    assert.is(answer instanceof Promise, isPromise);
    assert.is((await answer)?.status ?? null, status);
    assert.equal(told, expected);
  });
}

test.run();
