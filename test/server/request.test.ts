// A request: what of the head a handler sees, and what changes when it is upgraded.
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/connection/connection.js';
import { RequestHeadParser, type RequestHead } from '../../src/http/request-head.js';
import { Request, type Exchange, type WebSocketRequest } from '../../src/server/request.js';
import { suite } from '../runner/suite.js';

const test = suite('request');

const exchange: Exchange = {
  remoteAddress: '192.0.2.1',
  signal: new AbortController().signal,
  readBody: () => Promise.resolve(Buffer.from('body')),
  leave: () => {},
  traffic: { bytesRead: 120, bytesWritten: 65, isFinal: true },
};

function headOf(target: string, method = 'GET'): RequestHead {
  const text = `${method} ${target} HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\n\r\n`;
  return new RequestHeadParser().push(Buffer.from(text))!;
}

test('what was sent is passed on', async () => {
  const request = new Request(headOf('/a%20b/?c', 'POST'), { name: 'x' }, exchange);
  assert.is(request.method, 'POST');
  assert.is(request.path, '/a%20b/');
  assert.equal(request.params, { name: 'x' });
  assert.is(request.headers.get('X-A'), '1, 2');
  assert.is(request.headers.get('Content-Length'), null);
  assert.is(request.remoteAddress, '192.0.2.1');
  assert.is(request.signal, exchange.signal);
  assert.equal(request.traffic, { bytesRead: 120, bytesWritten: 65, isFinal: true });
  assert.is((await request.body()).toString(), 'body');
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
    const { query } = new Request(headOf(target), {}, exchange);
    assert.equal([...query], entries);
  });
}

test('the query is the same object each time', () => {
  const request = new Request(headOf('/?a=1'), {}, exchange);
  request.query.append('b', '2');
  assert.is(request.query.get('b'), '2');
});

test('plain HTTP has no WebSocket', () => {
  const request = new Request(headOf('/'), {}, exchange);
  assert.is(request.isWebSocket(), false);
  assert.is(request.webSocket, null);
  assert.is(request.authorized, undefined);
});

test('an upgraded request has its connection and what authorize has returned, and tells when that has ended', () => {
  interface User {
    readonly name: string;
  }
  let hasLeft = false;
  const leave = (): void => void (hasLeft = true);
  const request = new Request<User | null>(headOf('/'), {}, { ...exchange, leave });
  const connection = { subprotocol: 'chat' } as Connection;
  request.upgrade(connection, { name: 'Ada' });
  assert.ok(request.isWebSocket());
  // These lines are as much for the compiler: neither may be null here.
  const { webSocket, authorized }: { webSocket: Connection; authorized: User } = request;
  const upgraded: WebSocketRequest<User | null> = request;
  assert.is(webSocket, connection);
  assert.equal(authorized, { name: 'Ada' });
  assert.is(upgraded.authorized.name, 'Ada');
  assert.is(hasLeft, false);
  request.leave();
  assert.is(hasLeft, true);
});

test.run();
