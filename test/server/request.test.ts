// A request: what of the head a handler sees, and what changes when it is upgraded.
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/connection/connection.js';
import { RequestHeadParser, type RequestHead } from '../../src/http/request-head.js';
import { Exchange, type ExchangeConnection } from '../../src/server/exchange.js';
import type { Request, WebSocketRequest } from '../../src/server/request.js';
import { suite } from '../runner/suite.js';
import { warningsOf } from '../support/warnings.js';

const test = suite('request');

function headOf(target: string, method = 'GET'): RequestHead {
  const length = method === 'POST' ? 'Content-Length: 4\r\n' : '';
  const text = `${method} ${target} HTTP/1.1\r\nHost: a\r\n${length}X-A: 1\r\nx-a: 2\r\n\r\n`;
  return new RequestHeadParser().push(Buffer.from(text))!;
}

/** Has counted 100 bytes of requests before, 20 of this one's, and 300 of replies. */
function socketOf(): { bytesRead: number; bytesWritten: number; destroyed: boolean } {
  return { bytesRead: 120, bytesWritten: 300, destroyed: false };
}

function exchangeOf(target = '/', method = 'GET', socket = socketOf()): Exchange {
  const connection: ExchangeConnection = {
    remoteAddress: '192.0.2.1',
    socket,
    bytesReadBefore: 100,
    bytesWrittenBefore: 300,
    context: { maxBodyBytes: 10, bodyTimeout: 60_000, proxyTrust: null },
    readBytes: () => {},
    sendContinue: () => {},
    accept: () => null,
  };
  return new Exchange(headOf(target, method), connection);
}

function requestOf(target = '/', socket = socketOf()): Request<never> {
  return exchangeOf(target, 'GET', socket).begin({});
}

test('what was sent is passed on', async () => {
  const exchange = exchangeOf('/a%20b/?c', 'POST');
  const request = exchange.begin({ name: 'x' });
  assert.is(request.method, 'POST');
  assert.is(request.path, '/a%20b/');
  assert.is(request.host, 'a');
  assert.equal(request.params, { name: 'x' });
  assert.is(request.headers.get('X-A'), '1, 2');
  assert.is(request.headers.get('Content-Length'), '4');
  assert.is(request.remoteAddress, '192.0.2.1');
  const body = request.body();
  exchange.receive(Buffer.from('body'));
  assert.is((await body).toString(), 'body');
});

const queries: readonly [target: string, entries: [string, string][]][] = [
  ['/', []],
  ['/?', []],
  ['/?a', [['a', '']]],
  ['/?a=1&b=2&a=3', [['a', '1'], ['b', '2'], ['a', '3']]],
  ['/?message=Hello%2C+World%21', [['message', 'Hello, World!']]],
  ['/?m=%E4%BD%A0?=/', [['m', '你?=/']]],
  ['/?broken=%&b=%zz', [['broken', '%'], ['b', '%zz']]],
  ['/?__proto__=1&constructor=2', [['__proto__', '1'], ['constructor', '2']]],
  ['http://a/?b=c', [['b', 'c']]],
];

for (const [target, entries] of queries) {
  test(`the query of ${target}`, () => {
    const { query } = requestOf(target);
    assert.equal([...query], entries);
  });
}

test('the query is the same object each time', () => {
  const request = requestOf('/?a=1');
  request.query.append('b', '2');
  assert.is(request.query.get('b'), '2');
});

test('plain HTTP has no WebSocket', () => {
  const request = requestOf();
  assert.is(request.isWebSocket(), false);
  assert.is(request.webSocket, null);
  assert.is(request.authorized, undefined);
});

test('an upgraded request has its connection and what authorize has returned, and tells when that has ended', () => {
  interface User {
    readonly name: string;
  }
  const request = exchangeOf().begin({}) as Request<User | null>;
  const { signal } = request;
  const connection = { subprotocol: 'chat' } as Connection;
  request.upgrade(connection, { name: 'Ada' });
  assert.ok(request.isWebSocket());
  // These lines are as much for the compiler: neither may be null here.
  const { webSocket, authorized }: { webSocket: Connection; authorized: User } = request;
  const upgraded: WebSocketRequest<User | null> = request;
  assert.is(webSocket, connection);
  assert.equal(authorized, { name: 'Ada' });
  assert.is(upgraded.authorized.name, 'Ada');
  assert.is(signal.aborted, false);
  request.leave();
  assert.is(signal.aborted, true);
});

test('an upgraded request has no body', async () => {
  const request = requestOf();
  request.upgrade({} as Connection, undefined);
  assert.is((await request.body()).length, 0);
});

test.run();

const leaving = suite('request: the client leaves');

leaving('the signal is aborted, once, whether it was asked for before or after', () => {
  const request = requestOf();
  const { signal } = request;
  let count = 0;
  signal.addEventListener('abort', () => count++);
  assert.is(signal.aborted, false);
  request.leave();
  request.leave();
  assert.equal([signal.aborted, count], [true, 1]);
  assert.is(request.signal, signal);
  const late = requestOf();
  late.leave();
  assert.is(late.signal.aborted, true);
});

leaving('the signal may be given to any number of calls: Node warns of no leak of listeners', async () => {
  const { signal } = requestOf();
  const warnings = await warningsOf(() => {
    for (let count = 0; count < 100; count++) signal.addEventListener('abort', () => count);
  });
  assert.equal(warnings, []);
});

leaving('once the reply was written the signal is not aborted any more', () => {
  const request = requestOf();
  const { signal } = request;
  request.answer();
  request.leave();
  assert.is(signal.aborted, false);
  const late = requestOf();
  late.answer();
  late.leave();
  assert.is(late.signal.aborted, false);
});

leaving.run();

const traffic = suite('request: bytes');

traffic('its bytes are those since the requests before, until the reply is written', () => {
  const socket = socketOf();
  const request = requestOf('/', socket);
  assert.equal(request.traffic, { bytesRead: 20, bytesWritten: 0, isFinal: false });
  socket.bytesRead += 5;
  socket.bytesWritten += 44;
  assert.equal(request.traffic, { bytesRead: 25, bytesWritten: 44, isFinal: false });
  request.answer();
  assert.equal(request.traffic, { bytesRead: 25, bytesWritten: 44, isFinal: true });
  socket.bytesRead += 1000;
  socket.bytesWritten += 1000;
  assert.equal(request.traffic, { bytesRead: 25, bytesWritten: 44, isFinal: true });
});

traffic('they are final as well when the socket is gone', () => {
  const socket = socketOf();
  const request = requestOf('/', socket);
  request.leave();
  socket.bytesWritten += 7;
  assert.equal(request.traffic, { bytesRead: 20, bytesWritten: 7, isFinal: false });
  socket.destroyed = true;
  assert.equal(request.traffic, { bytesRead: 20, bytesWritten: 7, isFinal: true });
});

traffic.run();
