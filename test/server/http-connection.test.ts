// HTTP/1.1 over real sockets: replies to the byte, bodies, keep-alive, pipelining, every bad input, and slow clients.
import { rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { RunningHandlers } from '../../src/server/handlers.js';
import { HttpConnection, type HttpContext } from '../../src/server/http-connection.js';
import type { Request } from '../../src/server/request.js';
import { Router } from '../../src/server/router.js';
import type { Handler, Route } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { Clock } from '../support/clock.js';
import { hex } from '../support/codec/cuts.js';
import { httpRequest, RawClient } from '../support/peers/raw-client.js';
import {
  assertRefusal, assertResponse, countTimers, FakeSocket, gate, get, nextTurn, PLAIN_REFUSAL, request, serve,
  serverSide,
  until, wrongly,
} from './harness.js';

const TEXT = 'Content-Type: text/plain; charset=utf-8';
const BYTES = 'Content-Type: application/octet-stream';

/** The response of `/` to a connection that stays open. */
const HELLO = ['HTTP/1.1 200 OK', TEXT, 'Content-Length: 5'];

async function* stream(...parts: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  for (const part of parts) yield part;
}

const nameOf: Handler = ({ params }) => params['name']!;
const bodyOf: Handler = (request) => request.body();

/** Fails unless the next request on the connection is answered. */
async function assertOpen(client: RawClient): Promise<void> {
  client.write(get('/'));
  assertResponse(await client.readResponse(), HELLO, 'hello');
}

/** Fails unless the server ends the connection without another byte. */
async function assertEnd(client: RawClient): Promise<void> {
  assert.is((await client.readToEnd()).toString('latin1'), '');
  assert.is(client.error, null);
}

/** The test says when it is over. */
const HEAD_TIMEOUT = 3_600_001;

const replies = suite('http: replies');

const replyCases: readonly [name: string, handler: Handler, lines: string[], body: string][] = [
  ['text', () => 'hello', ['HTTP/1.1 200 OK', TEXT, 'Content-Length: 5'], 'hello'],
  ['a promise of text', async () => 'hello', ['HTTP/1.1 200 OK', TEXT, 'Content-Length: 5'], 'hello'],
  ['text beyond ASCII', () => '你好', ['HTTP/1.1 200 OK', TEXT, 'Content-Length: 6'], '你好'],
  ['no text', () => '', ['HTTP/1.1 200 OK', TEXT, 'Content-Length: 0'], ''],
  ['bytes', () => Uint8Array.of(104, 105), ['HTTP/1.1 200 OK', BYTES, 'Content-Length: 2'], 'hi'],
  ['undefined', () => {}, ['HTTP/1.1 204 No Content'], ''],
  ['null', () => null, ['HTTP/1.1 204 No Content'], ''],
  ['parts', () => ({ status: 201, headers: { Location: '/1' }, body: 'made' }),
    ['HTTP/1.1 201 Created', 'Location: /1', TEXT, 'Content-Length: 4'], 'made'],
  ['a status without a registered phrase', () => ({ status: 299 }), ['HTTP/1.1 299 ', 'Content-Length: 0'], ''],
  ['several lines of a field', () => ({ headers: { 'Set-Cookie': ['a=1; Path=/', 'b=2'] }, body: 'x' }),
    ['HTTP/1.1 200 OK', 'Set-Cookie: a=1; Path=/', 'Set-Cookie: b=2', TEXT, 'Content-Length: 1'], 'x'],
  ['a type of its own', () => ({ headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: '<p>' }),
    ['HTTP/1.1 200 OK', 'Content-Type: text/html; charset=utf-8', 'Content-Length: 3'], '<p>'],
  ['304', () => ({ status: 304, headers: { ETag: '"1"' } }), ['HTTP/1.1 304 Not Modified', 'ETag: "1"'], ''],
  ['a stream', () => ({ headers: { 'Content-Type': 'text/event-stream' }, body: stream('a', '', Buffer.from('bc')) }),
    ['HTTP/1.1 200 OK', 'Content-Type: text/event-stream', 'Transfer-Encoding: chunked'], 'abc'],
  ['a refusal', () => { throw new HttpError('CODE', 409, 'busy', { headers: { 'Retry-After': '1' } }); },
    ['HTTP/1.1 409 Conflict', 'Retry-After: 1', TEXT, 'Content-Length: 5'], 'busy\n'],
];

for (const [name, handler, lines, body] of replyCases) {
  replies(`${name}: to GET, and the same head to HEAD`, async () => {
    await using served = await serve({ '/reply': handler });
    await using client = await RawClient.connect(served.port);
    client.write(get('/reply') + request('HEAD', '/reply') + get('/'));
    assertResponse(await client.readResponse(), lines, body);
    assertResponse(await client.readResponse('HEAD'), lines, '');
    // Whatever was one byte too many or too few would show here.
    assertResponse(await client.readResponse(), HELLO, 'hello');
  });
}

replies('all bytes of a response', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  client.write(get('/', 'Connection: close'));
  const date = /^Date: .{29}\r\n/m;
  assert.is(
    (await client.readToEnd()).toString().replace(date, ''),
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello',
  );
});

replies('all bytes of a chunked response', async () => {
  const parts = ['hello', Buffer.from('é'), '', 'x'.repeat(26)];
  await using served = await serve({ '/stream': () => ({ body: stream(...parts) }) });
  await using client = await RawClient.connect(served.port);
  client.write(get('/stream'));
  await client.readUntil('\r\n\r\n');
  const expected = `5\r\nhello\r\n2\r\n\xc3\xa9\r\n1a\r\n${'x'.repeat(26)}\r\n0\r\n\r\n`;
  assert.is((await client.readBytes(expected.length)).toString('latin1'), expected);
  await assertOpen(client);
});

replies('a chunk arrives when it is yielded, not when the next is', async () => {
  const rest = gate();
  async function* parts(): AsyncGenerator<string> {
    yield 'first';
    await rest.promise;
    yield 'second';
  }
  await using served = await serve({ '/stream': () => ({ body: parts() }) });
  await using client = await RawClient.connect(served.port);
  client.write(get('/stream'));
  await client.readUntil('\r\n\r\n5\r\nfirst\r\n');
  rest.open();
  await client.readUntil('6\r\nsecond\r\n0\r\n\r\n');
});

replies('a large body arrives whole', async () => {
  const bytes = Buffer.alloc(5_000_000);
  for (let index = 0; index < bytes.length; index++) bytes[index] = index % 251;
  await using served = await serve({ '/bytes': () => bytes });
  await using client = await RawClient.connect(served.port);
  client.write(get('/bytes') + get('/'));
  assert.ok((await client.readResponse()).body.equals(bytes));
  assertResponse(await client.readResponse(), HELLO, 'hello');
});

replies('RFC 9112 §9.3: to HTTP/1.0 the connection ends, and ends a stream', async () => {
  await using served = await serve({ '/stream': () => ({ body: stream('hello', '', ' ', 'world') }) });
  for (const fields of ['', 'Connection: keep-alive\r\n']) {
    await using client = await RawClient.connect(served.port);
    client.write(`GET /stream HTTP/1.0\r\n${fields}\r\n`);
    assertResponse(await client.readResponse(), ['HTTP/1.1 200 OK', 'Connection: close'], 'hello world');
  }
  await using client = await RawClient.connect(served.port);
  client.write('GET / HTTP/1.0\r\n\r\n');
  assertResponse(await client.readResponse(), [...HELLO, 'Connection: close'], 'hello');
  await assertEnd(client);
});

replies.run();

const faults = suite('http: faults of a handler');

const faultCases: readonly [name: string, handler: Handler, error: RegExp][] = [
  ['it throws', () => { throw new Error('secret'); }, /^Error: secret$/],
  ['it rejects', () => Promise.reject(new Error('secret')), /^Error: secret$/],
  ['it throws nothing', () => { throw undefined; }, /^undefined$/],
  ['it throws a text', () => { throw 'text'; }, /^text$/],
  ['it returns a number', () => wrongly(200), /^TypeError: a handler returns text, bytes or an object, not number$/],
  ['it returns a promise of a number', async () => wrongly(200), /^TypeError: a handler returns text, bytes/],
  ['a body that is a number', () => wrongly({ body: 5 }), /^TypeError: the body of a reply is/],
  ['status 101', () => ({ status: 101 }), /^RangeError: the status of a reply is 200 to 599, not 101$/],
  ['status 999', () => ({ status: 999 }), /^RangeError: the status of a reply is 200 to 599, not 999$/],
  ['CR LF in a value', () => ({ headers: { A: 'b\r\nSet-Cookie: c' } }), /^TypeError: the value of A holds/],
  ['CR LF in a name', () => ({ headers: { 'A: b\r\nC': 'd' } }), /^TypeError: "A: b\\r\\nC" is not a header name/],
  ['a value beyond latin1', () => ({ headers: { A: '你' } }), /^TypeError: the value of A holds/],
  [
    'a length of its own', () => ({ headers: { 'content-length': '0' }, body: 'x' }),
    /^TypeError: content-length is set/,
  ],
  ['a coding of its own', () => ({ headers: { 'Transfer-Encoding': 'chunked' } }), /^TypeError: Transfer-Encoding is/],
  ['Connection', () => ({ headers: { Connection: 'close' } }), /^TypeError: Connection is set by the server/],
  ['CR LF in a refusal', () => { throw new HttpError('CODE', 403, 'no', { headers: { A: '\r\n' } }); },
    /^TypeError: the value of A holds/],
  ['a refusal with status 101', () => { throw new HttpError('CODE', 101, 'no'); }, /^RangeError: .* not 101$/],
];

for (const [name, handler, error] of faultCases) {
  faults(`${name}: 500, and onError is told`, async () => {
    await using served = await serve({ '/fault': handler });
    await using client = await RawClient.connect(served.port);
    client.write(get('/fault'));
    const lines = ['HTTP/1.1 500 Internal Server Error', TEXT, 'Content-Length: 22'];
    assertResponse(await client.readResponse(), lines, 'internal server error\n');
    const errors = served.takeErrors();
    assert.is(errors.length, 1);
    assert.match(errors[0]!, error);
    await assertOpen(client);
  });
}

faults('onError is given the error itself, and its request', async () => {
  const told: unknown[] = [];
  const error = new Error('secret');
  const onError = (...values: [unknown, { path: string }]): void => void told.push(values[0], values[1].path);
  await using served = await serve({ '/fault/:name': () => Promise.reject(error) }, { onError });
  assert.is((await httpRequest(served.port, get('/fault/1'))).status, 500);
  assert.equal(told, [error, '/fault/1']);
});

faults('a stream that throws midway: the end of the body is missing, and onError is told', async () => {
  async function* failing(): AsyncGenerator<string> {
    yield 'a';
    throw new Error('no more');
  }
  await using served = await serve({ '/stream': () => ({ body: failing() }) });
  await using client = await RawClient.connect(served.port);
  client.write(get('/stream') + get('/'));
  await client.readUntil('\r\n\r\n1\r\na\r\n');
  assert.is((await client.readToEnd()).length, 0);
  assert.equal(served.takeErrors(), ['Error: no more']);
  await served.assertWorking();
});

faults('a stream that yields a number, likewise', async () => {
  await using served = await serve({ '/stream': () => ({ body: stream(wrongly(5) as string) }) });
  await using client = await RawClient.connect(served.port);
  client.write(get('/stream'));
  await client.readUntil('\r\n\r\n');
  assert.is((await client.readToEnd()).length, 0);
  assert.equal(served.takeErrors(), ['TypeError: a streamed body yields text or bytes, not number']);
  await served.assertWorking();
});

faults('a file that is not there: GET is cut, HEAD never looks', async () => {
  await using served = await serve({ '/file': () => ({ body: createReadStream('/nowhere/at/all') }) });
  await using client = await RawClient.connect(served.port);
  client.write(request('HEAD', '/file'));
  assertResponse(await client.readResponse('HEAD'), ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'], '');
  client.write(get('/file'));
  await client.readUntil('\r\n\r\n');
  assert.is((await client.readToEnd()).length, 0);
  assert.match(served.takeErrors().join(), /^Error: ENOENT: [^,]*, open '\/nowhere\/at\/all'$/);
});

faults.run();

const persistence = suite('http: keep-alive and pipelining');

persistence('one request after the other', async () => {
  await using served = await serve({ '/name/:name': nameOf });
  await using client = await RawClient.connect(served.port);
  for (const name of ['a', 'b', 'c']) {
    client.write(get(`/name/${name}`));
    assert.is((await client.readResponse()).body.toString(), name);
  }
});

const pipelined = [
  get('/name/a'),
  request('POST', '/body', 'Content-Length: 5'), 'hello',
  request('POST', '/name/b', 'Content-Length: 5'), 'GET /',
  request('HEAD', '/name/c'),
  '\r\n',
  request('POST', '/body', 'Transfer-Encoding: chunked'), '3\r\nhel\r\n2;x=1\r\nlo\r\n0\r\nA: 1\r\n\r\n',
  request('POST', '/name/d', 'Transfer-Encoding: chunked'), '7\r\nGET / H\r\n0\r\n\r\n',
  get('/none'),
  get('/name/e', 'Connection: close'),
  get('/name/f'),
].join('');

const answers = ['200 a', '200 hello', '200 b', '200 ', '200 hello', '200 d', '404 ', '200 e'];

async function assertAnswers(client: RawClient): Promise<void> {
  const received: string[] = [];
  for (const method of ['GET', 'POST', 'POST', 'HEAD', 'POST', 'POST', 'GET', 'GET']) {
    const { status, body } = await client.readResponse(method);
    received.push(`${status} ${status === 404 ? '' : body.toString()}`);
  }
  assert.equal(received, answers);
  await assertEnd(client);
}

persistence('RFC 9112 §9.3.2: pipelined requests in one segment are answered in order', async () => {
  await using served = await serve({ '/name/:name': nameOf, '/body': bodyOf });
  await using client = await RawClient.connect(served.port);
  client.write(pipelined);
  await assertAnswers(client);
});

persistence('and so are they byte by byte', async () => {
  await using served = await serve({ '/name/:name': nameOf, '/body': bodyOf });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  let count = 0;
  for (const character of pipelined) {
    client.write(character);
    // It ends before the last request.
    if (++count % 50 === 0) await nextTurn();
    else await until('the byte has come', () => server.bytesRead === count || server.writableEnded);
  }
  await assertAnswers(client);
});

persistence('a request that comes while a handler works waits for its turn', async () => {
  const slow = gate();
  await using served = await serve({ '/slow': () => slow.promise.then(() => 'slow'), '/name/:name': nameOf });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  const first = get('/slow');
  client.write(first);
  await until('the first has come', () => server.bytesRead === first.length);
  const second = get('/name/a');
  client.write(second);
  await until('the second has come', () => server.bytesRead === first.length + second.length);
  client.write(get('/name/b'));
  slow.open();
  for (const body of ['slow', 'a', 'b']) assert.is((await client.readResponse()).body.toString(), body);
});

persistence('once as much waits as the buffer of a socket takes, nothing more is read', async () => {
  const slow = gate();
  await using served = await serve({ '/slow': () => slow.promise.then(() => 'slow'), '/body': bodyOf });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.write(get('/slow'));
  const bodies = Array.from({ length: 100 }, (_, index) => String(index % 10).repeat(65_536));
  for (const body of bodies) client.write(request('POST', '/body', `Content-Length: ${body.length}`) + body);
  await until('it is paused', () => server.isPaused());
  assert.ok(server.bytesRead < 20 * 65_536, `${server.bytesRead} bytes were read`);
  slow.open();
  for (const body of ['slow', ...bodies]) assert.is((await client.readResponse()).body.toString(), body);
});

for (const ending of ['', get('/slow/again')]) {
  const rest = ending === '' ? 'a body' : 'a body and another request';
  persistence(`a client that ends its side behind ${rest} is served all the same`, async () => {
    const slow = gate();
    const handler = (asked: Request): Promise<Buffer> => slow.promise.then(() => asked.body());
    await using served = await serve({ '/slow': handler, '/slow/again': () => slow.promise.then(() => 'again') });
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    client.write(request('POST', '/slow', 'Content-Length: 5'));
    client.write(`hello${ending}`);
    client.socket.end();
    await until('the end has come', () => server.readableEnded);
    slow.open();
    assert.is((await client.readResponse()).body.toString(), 'hello');
    if (ending !== '') assert.is((await client.readResponse()).body.toString(), 'again');
    await assertEnd(client);
  });
}

persistence('a body that comes before its handler asks for it is there when it does', async () => {
  const slow = gate();
  const handler = (asked: Request): Promise<Buffer> => slow.promise.then(() => asked.body());
  await using served = await serve({ '/slow': handler });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  const head = request('POST', '/slow', 'Content-Length: 5');
  client.write(head);
  await until('the head has come', () => server.bytesRead === head.length);
  client.write('hel');
  await until('its beginning has come', () => server.bytesRead === head.length + 3);
  client.write('lo');
  slow.open();
  assert.is((await client.readResponse()).body.toString(), 'hello');
});

persistence('cut in two at every place', async () => {
  const text = request('POST', '/body', 'Content-Length: 2') + 'hi' + get('/name/a', 'Connection: close');
  await using served = await serve({ '/name/:name': nameOf, '/body': bodyOf });
  for (let place = 1; place < text.length; place++) {
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    client.write(text.slice(0, place));
    await until('the first part has come', () => server.bytesRead === place);
    client.write(text.slice(place));
    assert.is((await client.readResponse()).body.toString(), 'hi');
    assert.is((await client.readResponse()).body.toString(), 'a');
    await assertEnd(client);
  }
});

persistence('a slow handler holds back the replies behind it, and their handlers', async () => {
  const slow = gate();
  const begun: string[] = [];
  await using served = await serve({
    '/slow': async () => {
      begun.push('slow');
      await slow.promise;
      return 'slow';
    },
    '/name/:name': (request) => {
      begun.push(request.params['name']!);
      return nameOf(request);
    },
  });
  await using client = await RawClient.connect(served.port);
  client.write(get('/slow') + get('/name/a') + get('/name/b'));
  await until('the first is served', () => begun.length > 0);
  await served.assertWorking();
  assert.equal(begun, ['slow']);
  assert.is(client.received.length, 0);
  slow.open();
  const bodies = [await client.readResponse(), await client.readResponse(), await client.readResponse()];
  assert.equal(bodies.map(({ body }) => body.toString()), ['slow', 'a', 'b']);
  assert.equal(begun, ['slow', 'a', 'b']);
});

const closings = ['close', 'Close', 'CLOSE', 'keep-alive, close', 'close,foo', ' ,\tclose ,', 'a\r\nConnection: close'];
for (const value of closings) {
  persistence(`Connection: ${JSON.stringify(value)} is the last request`, async () => {
    await using served = await serve();
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    client.write(get('/', `Connection: ${value}`) + get('/'));
    assertResponse(await client.readResponse(), [...HELLO, 'Connection: close'], 'hello');
    await assertEnd(client);
    // Bytes that nobody reads would make the system reset the connection, and lose the reply.
    assert.is(server.isPaused(), false);
  });
}

for (const value of ['keep-alive', 'closed', 'not-close', '"close"', '']) {
  persistence(`Connection: ${JSON.stringify(value)} is not`, async () => {
    await using served = await serve();
    await using client = await RawClient.connect(served.port);
    client.write(get('/', `Connection: ${value}`));
    assertResponse(await client.readResponse(), HELLO, 'hello');
    await assertOpen(client);
  });
}

persistence('a client that has ended its side still gets its replies', async () => {
  await using served = await serve({ '/name/:name': nameOf });
  await using client = await RawClient.connect(served.port);
  client.socket.end(get('/name/a') + get('/name/b'));
  assert.is((await client.readResponse()).body.toString(), 'a');
  assert.is((await client.readResponse()).body.toString(), 'b');
  await assertEnd(client);
});

persistence('a client that ends before, within or between requests is let go without a word', async () => {
  await using served = await serve();
  for (const text of ['', 'GET / HT', '\r\n']) {
    await using client = await RawClient.connect(served.port);
    client.socket.end(text);
    await assertEnd(client);
  }
});

persistence.run();

const targets = suite('http: targets and methods');

for (const [target, expected] of [
  ['http://127.0.0.1/name/a?b=c', 'a'],
  ['HTTP://other.example:8080/name/a', 'a'],
  ['https://127.0.0.1/name/%41%2Fb', 'A/b'],
  ['/name/a?b=%zz', 'a'],
  ['/name/%E4%BD%A0', '你'],
] as const) {
  targets(`${target} is served`, async () => {
    await using served = await serve({ '/name/:name': nameOf });
    const response = await httpRequest(served.port, get(target));
    assert.equal([response.status, response.body.toString()], [200, expected]);
  });
}

targets('a handler is asked with every method that the server knows', async () => {
  await using served = await serve({ '/method': ({ method }) => ({ headers: { 'X-Method': method } }) });
  await using client = await RawClient.connect(served.port);
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    client.write(request(method, '/method'));
    assert.is((await client.readResponse(method)).headers.get('x-method'), method);
  }
});

targets('RFC 9110 §9.3.7: OPTIONS * asks what the server as a whole can do', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  const allow = 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
  for (const fields of [[], ['Upgrade: websocket', 'Connection: Upgrade']]) {
    client.write(request('OPTIONS', '*', ...fields));
    assertResponse(await client.readResponse('OPTIONS'), ['HTTP/1.1 204 No Content', allow], '');
  }
});

targets('RFC 9110 §2.5: HTTP/1.2 is served as HTTP/1.1', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  client.write('GET / HTTP/1.2\r\nHost: a\r\n\r\n');
  assertResponse(await client.readResponse(), HELLO, 'hello');
  await assertOpen(client);
});

targets('RFC 9110 §7.8: Upgrade is ignored in HTTP/1.0', async () => {
  await using served = await serve();
  const fields = 'Upgrade: websocket\r\nConnection: Upgrade';
  const response = await httpRequest(served.port, `GET / HTTP/1.0\r\n${fields}\r\n\r\n`);
  assertResponse(response, [...HELLO, 'Connection: close'], 'hello');
});

targets('RFC 9112 §3.2.2: request.host is of the target in absolute form, else of Host', async () => {
  await using served = await serve({ '/host': ({ host, headers }) => `${host} ${headers.get('host')}` });
  for (const [text, expected] of [
    [get('http://other.example:81/host'), 'other.example:81 127.0.0.1'],
    [get('/host'), '127.0.0.1 127.0.0.1'],
    ['GET /host HTTP/1.0\r\n\r\n', 'null null'],
  ] as const) {
    assert.is((await httpRequest(served.port, text)).body.toString(), expected);
  }
});

const refusedButOpen: readonly [name: string, text: string, status: string][] = [
  ['no such path', get('/none'), '404 Not Found'],
  ['a path that only begins like a route', get('//'), '404 Not Found'],
  ['a name of Object.prototype', get('/constructor'), '404 Not Found'],
  ['broken percent-encoding', get('/%zz'), '400 Bad Request'],
  ['percent-encoding that is no UTF-8', get('/%ff'), '400 Bad Request'],
  ['RFC 9110 §9.1: a method that nobody knows', request('BREW', '/'), '501 Not Implemented'],
  ['a method in lower case', request('get', '/'), '501 Not Implemented'],
  ['TRACE', request('TRACE', '/'), '501 Not Implemented'],
  ['RFC 9110 §10.1.1: an unknown expectation', get('/', 'Expect: the-unexpected'), '417 Expectation Failed'],
];

for (const [name, text, status] of refusedButOpen) {
  targets(`${name}: ${status}, and the connection stays open`, async () => {
    await using served = await serve();
    await using client = await RawClient.connect(served.port);
    client.write(text);
    assertRefusal(await client.readResponse(), status, ...PLAIN_REFUSAL);
    await assertOpen(client);
  });
}

targets('a refused request with a body: the body is skipped, unless the client holds it back', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  client.write(`${request('BREW', '/', 'Content-Length: 5')}GET /`);
  assertRefusal(await client.readResponse(), '501 Not Implemented', ...PLAIN_REFUSAL);
  await assertOpen(client);
  client.write(request('POST', '/', 'Content-Length: 5', 'Expect: a-miracle'));
  assertRefusal(await client.readResponse(), '417 Expectation Failed', ...PLAIN_REFUSAL, 'Connection: close');
  await assertEnd(client);
});

targets.run();

const badInputs = suite('http: bad input');

/** A TLS 1.2 ClientHello, as a browser sends it that was told https:// instead of http://. */
const clientHello = hex('16 03 01 02 00 01 00 01 fc 03 03').toString('latin1');

const badHeads: readonly [name: string, text: string, status: string][] = [
  ['no request line', 'hello\r\n\r\n', '400 Bad Request'],
  ['a ClientHello of TLS', clientHello, '400 Bad Request'],
  ['bytes of zero', '\0\0\0\0', '400 Bad Request'],
  ['no version (HTTP/0.9)', 'GET /\r\n\r\n', '400 Bad Request'],
  ['two spaces', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', '400 Bad Request'],
  ['two Hosts', get('/', 'Host: b'), '400 Bad Request'],
  ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', '400 Bad Request'],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', '400 Bad Request'],
  ['a bare LF', 'GET / HTTP/1.1\nHost: a\n\n', '400 Bad Request'],
  ['a bare CR', 'GET / HTTP/1.1\rHost: a\r\n\r\n', '400 Bad Request'],
  ['a space before the colon', get('/', 'A : b'), '400 Bad Request'],
  ['obsolete folding', get('/', 'A: b\r\n c'), '400 Bad Request'],
  ['a field without a colon', get('/', 'A'), '400 Bad Request'],
  ['a field without a name', get('/', ': b'), '400 Bad Request'],
  ['NUL in a field', get('/', 'A: \0'), '400 Bad Request'],
  ['a target that is no path', get('name'), '400 Bad Request'],
  ['a target of another scheme', get('ftp://a/'), '400 Bad Request'],
  ['a target beyond ASCII', get('/\xe9'), '400 Bad Request'],
  ['a fragment', get('/#a'), '400 Bad Request'],
  ['both framings of a body', get('/', 'Content-Length: 1', 'Transfer-Encoding: chunked'), '400 Bad Request'],
  ['two lengths', get('/', 'Content-Length: 1', 'Content-Length: 2'), '400 Bad Request'],
  ['a negative length', get('/', 'Content-Length: -1'), '400 Bad Request'],
  ['a length of 2^64', get('/', 'Content-Length: 18446744073709551616'), '400 Bad Request'],
  ['an unknown transfer coding', get('/', 'Transfer-Encoding: gzip, chunked'), '501 Not Implemented'],
  ['RFC 9112 §6.3: a final coding that is not chunked', get('/', 'Transfer-Encoding: chunked, gzip'),
    '400 Bad Request'],
  ['a transfer coding in HTTP/1.0', 'GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', '400 Bad Request'],
  ['CONNECT', request('CONNECT', 'a:80'), '501 Not Implemented'],
  ['a method of 10,000 letters', request('A'.repeat(10_000), '/'), '501 Not Implemented'],
  ['a method without an end', 'A'.repeat(17_000), '501 Not Implemented'],
  ['the PROXY protocol, version 1', `PROXY TCP4 192.0.2.1 192.0.2.2 56324 80\r\n${get('/')}`, '400 Bad Request'],
  ['the PROXY protocol, version 2', `\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c${'\x01'.repeat(12)}`, '400 Bad Request'],
  ['HTTP/2.0, in clear text', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505 HTTP Version Not Supported'],
  ['a target without an end', `GET /${'a'.repeat(20_000)}`, '414 URI Too Long'],
  ['a field without an end', `GET / HTTP/1.1\r\nHost: a\r\nA: ${'a'.repeat(20_000)}`,
    '431 Request Header Fields Too Large'],
  ['2,000 fields', get('/', ...Array.from({ length: 2000 }, () => 'A: b')), '431 Request Header Fields Too Large'],
  ['129 fields', get('/', ...Array.from({ length: 128 }, () => 'A: b')), '431 Request Header Fields Too Large'],
  ['empty lines without an end', '\r\n'.repeat(10_000), '431 Request Header Fields Too Large'],
];

for (const [name, text, status] of badHeads) {
  badInputs(`${name}: ${status}, and the connection ends`, async () => {
    await using served = await serve();
    await using client = await RawClient.connect(served.port);
    // What follows must not be taken for a request.
    client.write(text + get('/'));
    assertRefusal(await client.readResponse(), status, ...PLAIN_REFUSAL, 'Connection: close');
    await assertEnd(client);
    await served.assertWorking();
  });
}

badInputs('128 fields, and a head of 16,383 bytes, are served', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  client.write(get('/', ...Array.from({ length: 127 }, () => 'A: b')));
  assertResponse(await client.readResponse(), HELLO, 'hello');
  client.write(get('/', `A: ${'a'.repeat(16_383 - get('/', 'A: ').length)}`));
  assertResponse(await client.readResponse(), HELLO, 'hello');
});

badInputs('maxHeadBytes and maxHeaderFields are the server\'s to set, and the refusals name them', async () => {
  await using served = await serve({}, { maxHeadBytes: 100, maxHeaderFields: 2 });
  const longest = get('/', `A: ${'a'.repeat(100 - get('/', 'A: ').length)}`);
  assert.is(longest.length, 100);
  await using client = await RawClient.connect(served.port);
  client.write(longest);
  assertResponse(await client.readResponse(), HELLO, 'hello');
  for (const [head, status, text] of [
    [longest.replace('A: ', 'A: a'), 431, 'the head exceeds 100 bytes (maxHeadBytes); shorten it\n'],
    [get(`/${'a'.repeat(100)}`), 414, 'the first line exceeds 100 bytes (maxHeadBytes); shorten it\n'],
    [get('/', 'A:', 'B:'), 431, 'the head exceeds 2 header fields (maxHeaderFields); send fewer\n'],
  ] as const) {
    const { status: actual, body } = await httpRequest(served.port, head);
    assert.equal([actual, body.toString()], [status, text]);
  }
  await using generous = await serve({}, { maxHeadBytes: 1 << 20, maxHeaderFields: 1000 });
  await using other = await RawClient.connect(generous.port);
  other.write(get('/', ...Array.from({ length: 999 }, () => `A: ${'b'.repeat(1000)}`)));
  assertResponse(await other.readResponse(), HELLO, 'hello');
});

badInputs('behind a good request: that is answered first', async () => {
  const slow = gate();
  await using served = await serve({ '/slow': () => slow.promise.then(() => 'slow') });
  await using client = await RawClient.connect(served.port);
  client.write(`${get('/slow')}nonsense\r\n\r\n`);
  slow.open();
  assertResponse(await client.readResponse(), ['HTTP/1.1 200 OK', TEXT, 'Content-Length: 4'], 'slow');
  assertRefusal(await client.readResponse(), '400 Bad Request', ...PLAIN_REFUSAL, 'Connection: close');
  await assertEnd(client);
});

badInputs('a client that goes on sending is refused once', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  client.write('nonsense\r\n\r\n');
  assertRefusal(await client.readResponse(), '400 Bad Request', ...PLAIN_REFUSAL, 'Connection: close');
  for (let count = 0; count < 100; count++) client.write(`${get('/')}nonsense\r\n\r\n`);
  await assertEnd(client);
});

badInputs('what follows a refused head is ignored, up to the end', async () => {
  const { fake, socket } = FakeSocket.create();
  const context = {
    httpConnections: new Set(), headTimeout: 60_000, idleTimeout: 60_000,
    handlers: new RunningHandlers(), onRefuse: () => {},
  } as unknown as HttpContext;
  new HttpConnection(socket, context);
  fake.receive(Buffer.from('nonsense\r\n\r\n'));
  await nextTurn();
  const refusal = fake.written.toString();
  assert.ok(refusal.startsWith('HTTP/1.1 400 Bad Request\r\n'));
  for (const more of ['more ', 'nonsense\r\n\r\n', get('/')]) fake.receive(Buffer.from(more));
  fake.receiveEnd();
  await once(fake, 'close');
  assert.is(fake.written.toString(), refusal);
});

badInputs('a client that reads slowly gets all of the last reply, if it does so within idleTimeout', async () => {
  const { fake, socket } = FakeSocket.create();
  const context = {
    httpConnections: new Set(), headTimeout: 60_000, idleTimeout: 60_000,
    handlers: new RunningHandlers(), onRefuse: () => {},
  } as unknown as HttpContext;
  new HttpConnection(socket, context);
  fake.hold();
  fake.receive(Buffer.from('nonsense\r\n\r\n'));
  fake.receiveEnd();
  await nextTurn();
  // One that has read all, and then does not end its side, is cut sooner.
  const other = FakeSocket.create();
  new HttpConnection(other.socket, context);
  other.fake.receive(Buffer.from('nonsense\r\n\r\n'));
  await once(other.fake, 'close');
  assert.is(fake.destroyed, false);
  assert.is(fake.written.length, 0);
  fake.release();
  await once(fake, 'close');
  assert.ok(fake.written.equals(other.fake.written));
});

badInputs('and also once while it reads nothing', async () => {
  const router = new Router<Route>();
  const bytes = Buffer.alloc(16_200);
  router.add('/', { handler: () => bytes, webSocket: 'refused' } as unknown as Route);
  using clock = new Clock(HEAD_TIMEOUT);
  const context = {
    router, httpConnections: new Set(), isClosing: false, handlers: new RunningHandlers(),
    headTimeout: HEAD_TIMEOUT, bodyTimeout: 60_000, idleTimeout: 60_000, maxBodyBytes: 1000, onRefuse: () => {},
  } as unknown as HttpContext;
  const { fake, socket } = FakeSocket.create();
  new HttpConnection(socket, context);
  fake.hold();
  fake.receive(Buffer.from(get('/')));
  await nextTurn();
  // With the refusal there is more unsent than a socket takes, so it waits.
  assert.is(fake.writableNeedDrain, false);
  fake.receive(Buffer.from('nonsense\r\n\r\n'));
  await nextTurn();
  assert.is(fake.writableNeedDrain, true);
  fake.receive(Buffer.from('more nonsense\r\n\r\n'));
  await nextTurn();
  // Nor is it told any more that its head takes too long.
  clock.advance(HEAD_TIMEOUT);
  fake.release();
  await once(fake, 'finish');
  assert.equal(fake.written.toString('latin1').match(/HTTP\/1\.1 ... /g), ['HTTP/1.1 200 ', 'HTTP/1.1 400 ']);
  fake.destroy();
});

badInputs.run();

const bodies = suite('http: bodies');

bodies('a body that was asked for, by length and chunked', async () => {
  await using served = await serve({ '/body': bodyOf });
  await using client = await RawClient.connect(served.port);
  for (const [field, text, expected] of [
    ['Content-Length: 0', '', ''],
    ['A: b', '', ''],
    ['Content-Length: 7', 'GET / H', 'GET / H'],
    ['Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['Transfer-Encoding: Chunked', '0\r\n\r\n', ''],
  ] as const) {
    client.write(request('POST', '/body', field) + text);
    const lines = ['HTTP/1.1 200 OK', BYTES, `Content-Length: ${expected.length}`];
    assertResponse(await client.readResponse(), lines, expected);
  }
  await assertOpen(client);
});

bodies('asked twice, it gives the same', async () => {
  await using served = await serve({
    '/body': async (request) => {
      const [first, second] = await Promise.all([request.body(), request.body()]);
      return `${first === second} ${first === (await request.body())} ${first.toString()}`;
    },
  });
  const response = await httpRequest(served.port, `${request('POST', '/body', 'Content-Length: 5')}hello`);
  assert.is(response.body.toString(), 'true true hello');
});

bodies('a body of 1 MiB, the default limit', async () => {
  await using served = await serve({ '/body': bodyOf });
  const text = 'x'.repeat(1 << 20);
  const response = await httpRequest(served.port, request('POST', '/body', 'Content-Length: 1048576') + text);
  assert.ok(response.body.equals(Buffer.from(text)));
  const refused = await httpRequest(served.port, request('POST', '/body', 'Content-Length: 1048577'));
  assertRefusal(refused, '413 Content Too Large', ...PLAIN_REFUSAL, 'Connection: close');
});

const badBodies: readonly [name: string, field: string, text: string, status: string][] = [
  ['a length over the limit', 'Content-Length: 11', '', '413 Content Too Large'],
  ['chunks over the limit', 'Transfer-Encoding: chunked', '6\r\n123456\r\n5\r\n', '413 Content Too Large'],
  ['a size of 2^48 - 1', 'Transfer-Encoding: chunked', 'ffffffffffff\r\n', '413 Content Too Large'],
  ['no size', 'Transfer-Encoding: chunked', '\r\n', '400 Bad Request'],
  ['no CR', 'Transfer-Encoding: chunked', '1\na\r\n0\r\n\r\n', '400 Bad Request'],
  ['a chunk longer than its size', 'Transfer-Encoding: chunked', '1\r\nab\r\n0\r\n\r\n', '400 Bad Request'],
];

for (const [name, field, text, status] of badBodies) {
  bodies(`${name}: ${status}, and the connection ends`, async () => {
    await using served = await serve({ '/body': bodyOf }, { maxBodyBytes: 10 });
    await using client = await RawClient.connect(served.port);
    client.write(request('POST', '/body', field) + text + get('/'));
    assertRefusal(await client.readResponse(), status, ...PLAIN_REFUSAL, 'Connection: close');
    await assertEnd(client);
    await served.assertWorking();
  });

  bodies(`${name}, not asked for: the reply is the last`, async () => {
    await using served = await serve({}, { maxBodyBytes: 10 });
    await using client = await RawClient.connect(served.port);
    client.write(request('POST', '/', field) + text + get('/'));
    const isKnown = field === 'Content-Length: 11';
    assertResponse(await client.readResponse(), isKnown ? [...HELLO, 'Connection: close'] : HELLO, 'hello');
    await assertEnd(client);
    await served.assertWorking();
  });
}

bodies('a handler may answer a refused body by itself', async () => {
  await using served = await serve({
    '/body': (request) => request.body().then(() => 'fine', (error: HttpError) => error.code),
  }, { maxBodyBytes: 10 });
  const response = await httpRequest(served.port, request('POST', '/body', 'Content-Length: 11'));
  assertResponse(response, ['HTTP/1.1 200 OK', TEXT, 'Content-Length: 14', 'Connection: close'], 'BODY_TOO_LARGE');
});

bodies('a body that comes after the reply is skipped', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  client.write(request('POST', '/', 'Content-Length: 10'));
  assertResponse(await client.readResponse(), HELLO, 'hello');
  client.write('GET / HT');
  client.write(`TP${get('/')}`);
  assertResponse(await client.readResponse(), HELLO, 'hello');
});

bodies('a handler that returns without waiting for its body still gets it', async () => {
  const body = gate<Promise<Buffer>>();
  await using served = await serve({ '/later': (request) => body.open(request.body()) });
  await using client = await RawClient.connect(served.port);
  client.write(request('POST', '/later', 'Content-Length: 5'));
  assertResponse(await client.readResponse(), ['HTTP/1.1 204 No Content'], '');
  client.write(`hello${get('/')}`);
  assert.is((await body.promise).toString(), 'hello');
  assertResponse(await client.readResponse(), HELLO, 'hello');
});

bodies('also if its reply is the last', async () => {
  const body = gate<Promise<Buffer>>();
  await using served = await serve({ '/later': (request) => body.open(request.body()) });
  await using client = await RawClient.connect(served.port);
  client.write(request('POST', '/later', 'Content-Length: 5', 'Connection: close'));
  assertResponse(await client.readResponse(), ['HTTP/1.1 204 No Content', 'Connection: close'], '');
  client.write(`hello${get('/')}`);
  assert.is((await body.promise).toString(), 'hello');
  await assertEnd(client);
});

bodies('a handler that asks for its body only after it has returned gets an error, and no timer is left', async () => {
  const requests: Request[] = [];
  await using served = await serve({ '/late': (request) => void requests.push(request) });
  const timers = countTimers();
  for (const fields of [[], ['Connection: close']]) {
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    client.write(request('POST', '/late', 'Content-Length: 5', ...fields));
    assert.is((await client.readResponse()).status, 204);
    const late = requests.pop()!.body();
    client.socket.resetAndDestroy();
    await rejects(late);
    await until('the connection is gone', () => server.closed);
  }
  assert.ok(countTimers() <= timers);
});

bodies('RFC 9110 §10.1.1: 100 Continue is sent when the body is asked for, and not before', async () => {
  const ask = gate();
  await using served = await serve({ '/body': (request) => ask.promise.then(() => request.body()) });
  await using client = await RawClient.connect(served.port);
  for (const field of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
    client.write(request('POST', '/body', field, 'Expect: 100-Continue'));
    await served.assertWorking();
    if (field === 'Content-Length: 5') assert.is(client.received.length, 0);
    ask.open();
    assert.is((await client.readBytes(25)).toString(), 'HTTP/1.1 100 Continue\r\n\r\n');
    client.write(field === 'Content-Length: 5' ? 'hello' : '5\r\nhello\r\n0\r\n\r\n');
    assertResponse(await client.readResponse(), ['HTTP/1.1 200 OK', BYTES, 'Content-Length: 5'], 'hello');
  }
});

bodies('without asking, the reply is final and the connection ends: nobody knows whether a body follows', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  client.write(`${request('POST', '/', 'Content-Length: 5', 'Expect: 100-continue')}hello`);
  assertResponse(await client.readResponse(), [...HELLO, 'Connection: close'], 'hello');
  await assertEnd(client);
});

bodies('a body over the limit is refused without 100 Continue', async () => {
  await using served = await serve({ '/body': bodyOf }, { maxBodyBytes: 4 });
  await using client = await RawClient.connect(served.port);
  client.write(request('POST', '/body', 'Content-Length: 5', 'Expect: 100-continue'));
  assertRefusal(await client.readResponse(), '413 Content Too Large', ...PLAIN_REFUSAL, 'Connection: close');
});

bodies('no 100 Continue for a request without a body, or of HTTP/1.0', async () => {
  await using served = await serve({ '/body': bodyOf });
  const response = await httpRequest(served.port, get('/body', 'Expect: 100-continue'));
  assertResponse(response, ['HTTP/1.1 200 OK', BYTES, 'Content-Length: 0'], '');
  const old = 'POST /body HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi';
  const lines = ['HTTP/1.1 200 OK', BYTES, 'Content-Length: 2', 'Connection: close'];
  assertResponse(await httpRequest(served.port, old), lines, 'hi');
});

for (const [name, leave] of [
  ['ends', (client: RawClient) => client.socket.end()],
  ['resets', (client: RawClient) => client.socket.resetAndDestroy()],
] as const) {
  bodies(`a client that ${name} within its body: body() rejects, and nobody is told`, async () => {
    const rejected = gate<HttpError>();
    await using served = await serve({
      '/body': async (request) => {
        // This one nobody waits for.
        void request.body();
        await request.body().catch((error: HttpError) => {
          rejected.open(error);
          throw error;
        });
      },
    });
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    const text = `${request('POST', '/body', 'Content-Length: 5')}hell`;
    client.write(text);
    await until('the part has come', () => server.bytesRead === text.length);
    leave(client);
    const { code, status } = await rejected.promise;
    assert.equal([code, status], ['BODY_INCOMPLETE', 400]);
    await until('the connection is gone', () => name === 'ends' || server.closed);
    if (name !== 'ends') return;
    assertRefusal(await client.readResponse(), '400 Bad Request', ...PLAIN_REFUSAL, 'Connection: close');
    await assertEnd(client);
  });
}

bodies.run();

const leaving = suite('http: a client that leaves or does not read');

/** A handler whose body never has news, and what it was told. */
function waitingStream(): { handler: Handler; told: string[] } {
  const told: string[] = [];
  const iterator = {
    next: () => new Promise<IteratorResult<string>>(() => void told.push('next')),
    return: async () => ({ done: true, value: void told.push('return') }) as IteratorResult<string>,
  };
  const handler: Handler = ({ signal }) => {
    signal.addEventListener('abort', () => told.push('abort'));
    return { body: { [Symbol.asyncIterator]: () => iterator } };
  };
  return { handler, told };
}

for (const [name, leave] of [
  ['ends', (client: RawClient) => client.socket.end()],
  ['resets', (client: RawClient) => client.socket.resetAndDestroy()],
] as const) {
  leaving(`when it ${name}, a stream that waits is told to stop, and the signal aborted`, async () => {
    const { handler, told } = waitingStream();
    await using served = await serve({ '/stream': handler });
    await using client = await RawClient.connect(served.port);
    client.write(get('/stream'));
    await client.readUntil('\r\n\r\n');
    await until('it waits', () => told.length > 0);
    leave(client);
    await until('it is told', () => told.length === 3);
    assert.equal(told.sort(), ['abort', 'next', 'return']);
    await served.assertWorking();
  });
}

leaving('a stream that yields on is stopped, and gets to its finally', async () => {
  let isFinished = false;
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) {
        yield 'x'.repeat(1000);
        await nextTurn();
      }
    } finally {
      isFinished = true;
    }
  }
  await using served = await serve({ '/stream': () => ({ body: endless() }) });
  await using client = await RawClient.connect(served.port);
  client.write(get('/stream'));
  await client.readBytes(10_000);
  client.socket.resetAndDestroy();
  await until('it is finished', () => isFinished);
});

leaving('a handler that has passed its signal on fails by it, and nobody is told', async () => {
  const begun = gate();
  const ended = gate();
  await using served = await serve({
    '/wait': async ({ signal }) => {
      begun.open();
      await delay(60_000, null, { signal }).finally(() => ended.open());
    },
    '/stream': ({ signal }) => ({
      body: (async function* () {
        yield 'a';
        await delay(60_000, null, { signal });
      })(),
    }),
  });
  await using waiting = await RawClient.connect(served.port);
  waiting.write(get('/wait'));
  await begun.promise;
  waiting.socket.resetAndDestroy();
  await ended.promise;
  await using streaming = await RawClient.connect(served.port);
  const server = await serverSide(streaming);
  streaming.write(get('/stream'));
  await streaming.readUntil('\r\na\r\n');
  streaming.socket.resetAndDestroy();
  await until('it is gone', () => server.closed);
  await served.assertWorking();
});

leaving('what it has pipelined is not served any more, and no timer is left', async () => {
  const slow = gate();
  const begun: string[] = [];
  await using served = await serve({
    '/slow/:number': async ({ params }) => {
      begun.push(params['number']!);
      await slow.promise;
    },
  });
  const timers = countTimers();
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.write(`${get('/slow/1') + get('/slow/2')}GET`);
  await until('the first is served', () => begun.length === 1);
  client.socket.resetAndDestroy();
  await until('the connection is gone', () => server.closed);
  slow.open();
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  assert.equal(begun, ['1']);
  assert.ok(countTimers() <= timers);
});

leaving('another error is told, though the client has left', async () => {
  const begun = gate();
  await using served = await serve({
    '/wait': ({ signal }) => new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('a fault')));
      begun.open();
    }),
  });
  await using client = await RawClient.connect(served.port);
  client.write(get('/wait'));
  await begun.promise;
  client.socket.resetAndDestroy();
  let errors: string[] = [];
  await until('onError is told', () => (errors = served.takeErrors()).length > 0);
  assert.equal(errors, ['Error: a fault']);
});

leaving('an AbortError is told while the client is there', async () => {
  await using served = await serve({ '/fault': () => AbortSignal.abort().throwIfAborted() });
  assert.is((await httpRequest(served.port, get('/fault'))).status, 500);
  assert.equal(served.takeErrors(), ['AbortError: This operation was aborted']);
});

for (const fields of [[], ['Connection: close']]) {
  leaving(`the signal is not aborted once the reply was read: ${fields.join() || 'not the last'}`, async () => {
    const signal = gate<AbortSignal>();
    await using served = await serve({ '/signal': (request) => signal.open(request.signal) });
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    client.write(get('/signal', ...fields));
    assert.is((await client.readResponse()).status, 204);
    client.socket.end();
    await until('the connection is gone', () => server.closed);
    assert.is((await signal.promise).aborted, false);
  });
}

const CHUNK_BYTES = 1 << 16;
const CHUNKS = 1024;

/** 64 MiB, of which each chunk begins with its number. */
function numberedStream(): { handler: Handler; countYields(): number } {
  let count = 0;
  async function* numbered(): AsyncGenerator<Buffer> {
    while (count < CHUNKS) {
      const chunk = Buffer.alloc(CHUNK_BYTES, 'x');
      chunk.writeUInt32BE(count++);
      yield chunk;
    }
  }
  return { handler: () => ({ body: numbered() }), countYields: () => count };
}

leaving('a client that reads nothing stops the stream, and gets all of it once it reads', async () => {
  const { handler, countYields } = numberedStream();
  await using served = await serve({ '/stream': handler }, { idleTimeout: 60_000 });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.socket.pause();
  client.write(get('/stream'));
  await until('the server waits', () => server.writableNeedDrain);
  for (let count = 0; count < 20; count++) await served.assertWorking();
  // The operating system buffers a few megabytes at most, of 64; Node one chunk.
  assert.ok(countYields() < CHUNKS / 2, `${countYields()} chunks were made`);
  assert.ok(server.writableLength < 2 * CHUNK_BYTES, `${server.writableLength} bytes are unsent`);
  client.socket.resume();
  await client.readUntil('\r\n\r\n');
  for (let count = 0; count < CHUNKS; count++) {
    assert.is((await client.readBytes(7)).toString(), '10000\r\n');
    assert.is((await client.readBytes(CHUNK_BYTES)).readUInt32BE(), count);
    assert.is((await client.readBytes(2)).toString(), '\r\n');
  }
  assert.is((await client.readBytes(5)).toString(), '0\r\n\r\n');
  await assertOpen(client);
});

leaving('one that reads nothing for idleTimeout is cut off', async () => {
  const { handler, countYields } = numberedStream();
  await using served = await serve({ '/stream': handler, '/bytes': () => Buffer.alloc(64 << 20) }, { idleTimeout: 50 });
  for (const path of ['/stream', '/bytes']) {
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    client.socket.pause();
    client.write(get(path));
    await until('it is cut off', () => server.closed);
  }
  assert.ok(countYields() < CHUNKS);
  await served.assertWorking();
});

leaving('without an idleTimeout between requests, one that reads slowly still gets all of a reply', async () => {
  await using served = await serve({ '/bytes': () => Buffer.alloc(8 << 20) }, { idleTimeout: 0 });
  await using client = await RawClient.connect(served.port);
  client.socket.pause();
  client.write(get('/bytes'));
  const server = await serverSide(client);
  await until('the server waits', () => server.writableNeedDrain);
  client.socket.resume();
  assert.is((await client.readResponse()).body.length, 8 << 20);
});

leaving('10,000 pipelined requests of a client that never reads: few are served, little is buffered', async () => {
  let count = 0;
  const body = Buffer.alloc(4000);
  await using served = await serve({ '/bytes': () => (count++, body) }, { idleTimeout: 60_000 });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.socket.pause();
  const text = get('/bytes', `A: ${'a'.repeat(1000)}`);
  client.write(text.repeat(10_000));
  await until('the server waits', () => server.writableNeedDrain);
  for (let turn = 0; turn < 20; turn++) await served.assertWorking();
  assert.ok(count < 5000, `${count} were served`);
  assert.ok(server.bytesRead <= count * text.length + (4 << 16), `${server.bytesRead} bytes were read`);
  assert.ok(server.writableLength < server.writableHighWaterMark + 8000, `${server.writableLength} bytes are unsent`);
  assert.ok(server.readableLength <= 2 << 16, `${server.readableLength} bytes are unread`);
  // All the same they are served, once it reads.
  client.socket.resume();
  for (let served = 0; served < 10_000; served++) assert.is((await client.readResponse()).body.length, 4000);
  assert.is(count, 10_000);
});

leaving.run();

const times = suite('http: times');

for (const [name, text] of [
  ['nothing', ''],
  ['half a request line', 'GET /'],
  ['half a field', 'GET / HTTP/1.1\r\nHost: a\r\nA: b'],
  ['empty lines', '\r\n\r\n'],
] as const) {
  times(`408 for a head that does not end: ${name}`, async () => {
    await using served = await serve({}, { headTimeout: 30 });
    await using client = await RawClient.connect(served.port);
    client.write(text);
    assertRefusal(await client.readResponse(), '408 Request Timeout', ...PLAIN_REFUSAL, 'Connection: close');
    await assertEnd(client);
    await served.assertWorking();
  });
}

times('408 for a head that comes byte by byte, and never ends', async () => {
  await using served = await serve({}, { headTimeout: 1000 });
  await using client = await RawClient.connect(served.port);
  client.write(`GET / HTTP/1.1\r\nHost: a\r\nA: `);
  // Far below the limits of a head.
  for (let count = 0; count < 10_000 && client.received.length === 0; count++) {
    client.write('a');
    await delay(5);
  }
  assertRefusal(await client.readResponse(), '408 Request Timeout', ...PLAIN_REFUSAL, 'Connection: close');
});

times('408 for the second head too, counted from its first byte', async () => {
  using clock = new Clock(HEAD_TIMEOUT);
  await using served = await serve({}, { headTimeout: HEAD_TIMEOUT, idleTimeout: 60_000 });
  await using client = await RawClient.connect(served.port);
  client.write(get('/'));
  assertResponse(await client.readResponse(), HELLO, 'hello');
  assert.is(clock.timers, 0);
  client.write('GET /');
  await until('its time runs', () => clock.timers === 1);
  clock.advance(HEAD_TIMEOUT);
  assertRefusal(await client.readResponse(), '408 Request Timeout', ...PLAIN_REFUSAL, 'Connection: close');
});

times('and for one that came behind a request', async () => {
  using clock = new Clock(HEAD_TIMEOUT);
  await using served = await serve({}, { headTimeout: HEAD_TIMEOUT, idleTimeout: 60_000 });
  await using client = await RawClient.connect(served.port);
  client.write(`${get('/')}GET /`);
  assertResponse(await client.readResponse(), HELLO, 'hello');
  await until('its time runs', () => clock.timers === 1);
  clock.advance(HEAD_TIMEOUT);
  assertRefusal(await client.readResponse(), '408 Request Timeout', ...PLAIN_REFUSAL, 'Connection: close');
});

times('no time runs for a head while its handler works', async () => {
  const slow = gate();
  const asked = gate();
  const handler = (): Promise<string> => {
    asked.open();
    return slow.promise.then(() => 'slow');
  };
  using clock = new Clock(HEAD_TIMEOUT);
  await using served = await serve({ '/slow': handler }, { headTimeout: HEAD_TIMEOUT, idleTimeout: 20 });
  await using client = await RawClient.connect(served.port);
  client.write(get('/slow'));
  await asked.promise;
  assert.is(clock.timers, 0);
  slow.open();
  assert.is((await client.readResponse()).body.toString(), 'slow');
});

for (const [name, field, text] of [
  ['by length', 'Content-Length: 5', 'hell'],
  ['chunked', 'Transfer-Encoding: chunked', '5\r\nhello\r\n'],
] as const) {
  times(`408 for a body that does not end: ${name}`, async () => {
    await using served = await serve({ '/body': bodyOf }, { bodyTimeout: 30 });
    await using client = await RawClient.connect(served.port);
    client.write(request('POST', '/body', field) + text);
    assertRefusal(await client.readResponse(), '408 Request Timeout', ...PLAIN_REFUSAL, 'Connection: close');
    await assertEnd(client);
    await served.assertWorking();
  });

  times(`one that nobody asked for ends the connection behind the reply: ${name}`, async () => {
    await using served = await serve({}, { bodyTimeout: 30, idleTimeout: 60_000 });
    await using client = await RawClient.connect(served.port);
    client.write(request('POST', '/', field) + text);
    assertResponse(await client.readResponse(), HELLO, 'hello');
    await assertEnd(client);
  });
}

times('a connection that idles between requests ends without a word', async () => {
  await using served = await serve({}, { idleTimeout: 30, headTimeout: 60_000 });
  await using client = await RawClient.connect(served.port);
  client.write(get('/'));
  assertResponse(await client.readResponse(), HELLO, 'hello');
  await assertEnd(client);
});

times('a client that never ends its side after the last reply is cut off', async () => {
  await using served = await serve();
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.write(get('/', 'Connection: close'));
  assertResponse(await client.readResponse(), [...HELLO, 'Connection: close'], 'hello');
  assert.is(client.socket.writable, true);
  await until('it is cut off', () => server.closed);
});

times.run();
