// WebSocket routes over real sockets: the opening handshake to the byte, who is let in, and how a handler's end closes.
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { HandshakeError, type Close, type ConnectionClosed } from '../../src/errors.js';
import { acceptWebSocket, requireWebSocket, type WebSocketHandler } from '../../src/server/websocket.js';
import type { Request, WebSocketRequest } from '../../src/server/request.js';
import type { ServerOptions } from '../../src/server/options.js';
import { hex } from '../support/codec/cuts.js';
import { httpRequest, RawClient, SAMPLE_KEY, upgradeRequest, type FieldChanges } from '../support/peers/raw-client.js';
import { suite } from '../runner/suite.js';
import {
  assertRefusal, assertResponse, gate, get, nextTurn, PLAIN_REFUSAL, request, serve, serverSide, until, type Served,
} from './harness.js';

const echo: WebSocketHandler<unknown> = async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
};

/** RFC 6455 §5.7: "Hello", masked and not. */
const HELLO_MASKED = hex('81 85 37 fa 21 3d 7f 9f 4d 51 58').toString('latin1');
const HELLO = hex('81 05 48 65 6c 6c 6f').toString('latin1');

/** Close with 1000 from the client, masked with zeros, and the server's answer. */
const CLOSE_MASKED = hex('88 82 00 00 00 00 03 e8').toString('latin1');
const CLOSE = hex('88 02 03 e8').toString('latin1');

const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

const UPGRADE = ['Upgrade: websocket', 'Connection: Upgrade'];

/** Fails unless a message that came with these bytes is answered, and the closing handshake done. */
async function assertEchoed(client: RawClient): Promise<void> {
  const expected = SWITCHING + HELLO;
  assert.is((await client.readBytes(expected.length)).toString('latin1'), expected);
  client.write(CLOSE_MASKED);
  assert.is((await client.readToEnd()).toString('latin1'), CLOSE);
}

/** Fails unless the echo route of the server lets these fields in. */
async function assertAccepted({ port }: Served, path: string, changes: FieldChanges = {}): Promise<void> {
  await using client = await RawClient.connect(port);
  client.write(upgradeRequest(path, changes) + HELLO_MASKED);
  await assertEchoed(client);
}

async function assertRefused({ port }: Served, text: string, status: string, ...fields: string[]): Promise<void> {
  await using client = await RawClient.connect(port);
  // A client that hopes for the best sends frames already: they must not be taken for a request.
  client.write(text + HELLO_MASKED + get('/'));
  const method = text.slice(0, text.indexOf(' '));
  assertRefusal(await client.readResponse(method), status, ...fields, ...PLAIN_REFUSAL, 'Connection: close');
  assert.is((await client.readToEnd()).length, 0);
  assert.is(client.error, null);
}

const handshake = suite('websocket: the opening handshake');

handshake('RFC 6455 §1.2, §1.3: the example to the byte', async () => {
  const options = { origins: ['http://example.com'], subprotocols: ['chat'] };
  await using served = await serve({ '/chat': requireWebSocket(echo, options) });
  await using client = await RawClient.connect(served.port);
  client.write(
    'GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n' +
      'Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  const expected =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n';
  assert.is((await client.readBytes(expected.length)).toString('latin1'), expected);
  client.write(hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'));
  assert.equal(await client.readBytes(7), hex('81 05 48 65 6c 6c 6f'));
  assert.is(client.received.length, 0);
});

handshake('frames in the segment of the request are kept', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/echo/') + HELLO_MASKED.repeat(3));
  const expected = SWITCHING + HELLO.repeat(3);
  assert.is((await client.readBytes(expected.length)).toString('latin1'), expected);
});

handshake('and wherever the segments are cut', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  const text = upgradeRequest('/echo/') + HELLO_MASKED;
  for (let place = 1; place < text.length; place++) {
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    client.write(text.slice(0, place));
    await until('the first part has come', () => server.bytesRead === place);
    client.write(text.slice(place));
    await assertEchoed(client);
  }
});

handshake('behind other requests on the same connection', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  await using client = await RawClient.connect(served.port);
  client.write(get('/') + request('POST', '/', 'Content-Length: 2') + 'hi' + upgradeRequest('/echo/') + HELLO_MASKED);
  for (let count = 0; count < 2; count++) assert.is((await client.readResponse()).body.toString(), 'hello');
  const expected = SWITCHING + HELLO;
  assert.is((await client.readBytes(expected.length)).toString('latin1'), expected);
});

const accepted: readonly [name: string, changes: FieldChanges][] = [
  ['other letter case', { Upgrade: 'WebSocket', Connection: 'keep-alive, UPGRADE' }],
  ['several protocols to upgrade to', { Upgrade: 'h2c, websocket' }],
  ['extensions that nobody has heard of', { 'Sec-WebSocket-Extensions': 'foo; bar="baz", permessage-deflate' }],
  ['extensions named like properties of Object.prototype',
    { 'Sec-WebSocket-Extensions': 'constructor; __proto__, toString; valueOf=1' }],
  ['subprotocols where the route has none', { 'Sec-WebSocket-Protocol': 'chat, constructor' }],
  ['a body of no bytes', { 'Content-Length': '0' }],
];

for (const [name, changes] of accepted) {
  handshake(`accepted: ${name}`, async () => {
    await using served = await serve({ '/echo/': requireWebSocket(echo) });
    await assertAccepted(served, '/echo/', changes);
  });
}

handshake('accepted: a target in absolute form', async () => {
  await using served = await serve({ '/echo/:name': requireWebSocket(async ({ webSocket, params, query }) => {
    await webSocket.send(`${params['name']} ${query.get('b')}`);
  }) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('http://127.0.0.1/echo/a%20?b=c');
  assert.is((await client.readFrame()).payload.toString(), 'a  c');
});

const VERSION = [...UPGRADE, 'Sec-WebSocket-Version: 13'];
const BAD = '400 Bad Request';
const REQUIRED = '426 Upgrade Required';

/** Refused on a route that requires WebSocket. */
const refused: readonly [name: string, text: string, status: string, ...fields: string[]][] = [
  ['POST', upgradeRequest('/echo/').replace('GET', 'POST'), '405 Method Not Allowed', 'Allow: GET'],
  ['a method that nobody knows', upgradeRequest('/echo/').replace('GET', 'BREW'), '501 Not Implemented'],
  ['HTTP/1.0', upgradeRequest('/echo/').replace('1.1', '1.0'), '505 HTTP Version Not Supported'],
  ['Upgrade to something else, too', upgradeRequest('/echo/', { Upgrade: 'websocket', Connection: 'close' }), BAD],
  ['no Connection', upgradeRequest('/echo/', { Connection: null }), BAD],
  ['Connection without upgrade', upgradeRequest('/echo/', { Connection: 'keep-alive' }), BAD],
  ['Connection that is no list of tokens', upgradeRequest('/echo/', { Connection: 'Upgrade, a b' }), BAD],
  ['no version', upgradeRequest('/echo/', { 'Sec-WebSocket-Version': null }), REQUIRED, ...VERSION],
  ['an older version', upgradeRequest('/echo/', { 'Sec-WebSocket-Version': '8' }), REQUIRED, ...VERSION],
  ['a version like the right one', upgradeRequest('/echo/', { 'Sec-WebSocket-Version': '13.0' }), REQUIRED, ...VERSION],
  ['two versions', upgradeRequest('/echo/', { 'sec-websocket-version': '13' }), BAD],
  ['a list of versions', upgradeRequest('/echo/', { 'Sec-WebSocket-Version': '13, 8' }), REQUIRED, ...VERSION],
  ['a body by length', upgradeRequest('/echo/', { 'Content-Length': '5' }), BAD],
  ['a chunked body', upgradeRequest('/echo/', { 'Transfer-Encoding': 'chunked' }), BAD],
  ['no key', upgradeRequest('/echo/', { 'Sec-WebSocket-Key': null }), BAD],
  ['an empty key', upgradeRequest('/echo/', { 'Sec-WebSocket-Key': '' }), BAD],
  ['a key of 15 bytes', upgradeRequest('/echo/', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' }), BAD],
  ['a key of 17 bytes', upgradeRequest('/echo/', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAA=' }), BAD],
  ['a key that is no base64', upgradeRequest('/echo/', { 'Sec-WebSocket-Key': '$GhlIHNhbXBsZSBub25jZQ==' }), BAD],
  ['two keys', upgradeRequest('/echo/', { 'sec-websocket-key': SAMPLE_KEY }), BAD],
  ['no Host', upgradeRequest('/echo/', { Host: null }), BAD],
  ['two Hosts', upgradeRequest('/echo/', { host: 'b' }), BAD],
  ['an extension in open quotation marks', upgradeRequest('/echo/', { 'Sec-WebSocket-Extensions': 'a; b="c' }), BAD],
  ['quoted pairs without an end',
    upgradeRequest('/echo/', { 'Sec-WebSocket-Extensions': `a; b="${'\\c'.repeat(5000)}` }), BAD],
  ['an empty extension', upgradeRequest('/echo/', { 'Sec-WebSocket-Extensions': '' }), BAD],
  ['spaces without an end', upgradeRequest('/echo/', { 'Sec-WebSocket-Protocol': `b${' '.repeat(15_000)}x` }), BAD],
  ['a subprotocol beyond ASCII', upgradeRequest('/echo/', { 'Sec-WebSocket-Protocol': 'ch\xe4t' }), BAD],
  ['a subprotocol twice', upgradeRequest('/echo/', { 'Sec-WebSocket-Protocol': 'a, a' }), BAD],
  ['a path that has no route', upgradeRequest('/none'), '404 Not Found'],
  ['broken percent-encoding', upgradeRequest('/%zz'), BAD],
  ['an undecorated route', upgradeRequest('/'), BAD],
];

for (const [name, text, status, ...fields] of refused) {
  handshake(`refused: ${name}: ${status}`, async () => {
    await using served = await serve({ '/echo/': requireWebSocket(echo) });
    await assertRefused(served, text, status, ...fields);
    assert.is(served.server.connections.size, 0);
    await assertAccepted(served, '/echo/');
  });
}

handshake('2,000 fields, so that Upgrade is not reached: 431', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  const fields = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`A${index}`, 'b']));
  await assertRefused(served, upgradeRequest('/echo/', fields), '431 Request Header Fields Too Large');
});

handshake('a first frame that breaks the protocol closes with 1002, also in the segment of the request', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  // Unmasked; with RSV2 and RSV3; a continuation of nothing; an unknown opcode.
  for (const frame of ['81 00', 'b1 80 00 00 00 00', '80 80 00 00 00 00', '83 80 00 00 00 00']) {
    await using client = await RawClient.connect(served.port);
    client.write(Buffer.concat([Buffer.from(upgradeRequest('/echo/')), hex(frame)]));
    assert.is((await client.readResponse()).status, 101);
    const { opcode, payload } = await client.readFrame();
    assert.equal([opcode, payload.readUInt16BE()], [8, 1002]);
    await assertAccepted(served, '/echo/');
  }
});

handshake.run();

const routes = suite('websocket: routes');

routes('requireWebSocket answers plain HTTP with 426, and the connection stays open', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  await using client = await RawClient.connect(served.port);
  client.write(get('/echo/') + get('/echo/', 'Upgrade: h2c') + get('/'));
  for (let count = 0; count < 2; count++) {
    assertRefusal(await client.readResponse(), REQUIRED, ...UPGRADE, ...PLAIN_REFUSAL);
  }
  assert.is((await client.readResponse()).body.toString(), 'hello');
});

routes('requireWebSocket answers plain HTTP of other methods and versions with 426 too', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  await using client = await RawClient.connect(served.port);
  client.write(`${request('POST', '/echo/', 'Content-Length: 2')}hi${request('DELETE', '/echo/')}`);
  client.write('GET /echo/ HTTP/1.0\r\n\r\n');
  for (let count = 0; count < 2; count++) {
    assertRefusal(await client.readResponse(), REQUIRED, ...UPGRADE, ...PLAIN_REFUSAL);
  }
  assertRefusal(await client.readResponse(), REQUIRED, ...UPGRADE, ...PLAIN_REFUSAL, 'Connection: close');
});

routes('RFC 6455 §4.2.1: a route with WebSocket upgrades no other method (405), and no HTTP/1.0 (505)', async () => {
  const page = acceptWebSocket(() => 'a page');
  await using served = await serve({ '/required/': requireWebSocket(echo), '/accepted/': page });
  for (const path of ['/required/', '/accepted/']) {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const response = await httpRequest(served.port, upgradeRequest(path).replace('GET', method));
      const fields = ['Allow: GET', ...PLAIN_REFUSAL, 'Connection: close'];
      assertRefusal(response, '405 Method Not Allowed', ...fields);
    }
    const response = await httpRequest(served.port, upgradeRequest(path).replace('HTTP/1.1', 'HTTP/1.0'));
    assertRefusal(response, '505 HTTP Version Not Supported', ...PLAIN_REFUSAL, 'Connection: close');
  }
});

routes('acceptWebSocket answers both on one route', async () => {
  await using served = await serve({
    '/both/:name': acceptWebSocket(async (request) => {
      if (!request.isWebSocket()) return `${request.webSocket} ${request.params['name']}`;
      return void (await echo(request));
    }),
  });
  await assertAccepted(served, '/both/a');
  const response = await httpRequest(served.port, get('/both/b'));
  const head = ['HTTP/1.1 200 OK', 'Content-Type: text/plain; charset=utf-8', 'Content-Length: 6'];
  assertResponse(response, head, 'null b');
  assert.is((await httpRequest(served.port, get('/both/b', 'Upgrade: h2c', 'Connection: Upgrade'))).status, 200);
  await assertRefused(served, upgradeRequest('/both/b', { 'Sec-WebSocket-Key': null }), BAD);
});

routes('acceptAll lets every route accept', async () => {
  await using served = await serve({
    '/plain': async (request) => (request.isWebSocket() ? void (await echo(request)) : 'plain'),
    '/required': requireWebSocket(echo),
  }, { acceptAll: true });
  await assertAccepted(served, '/plain');
  await assertAccepted(served, '/required');
  assert.is((await httpRequest(served.port, get('/plain'))).body.toString(), 'plain');
  assert.is((await httpRequest(served.port, get('/required'))).status, 426);
});

routes('the request of a connection', async () => {
  await using served = await serve({
    '/rooms/:room': requireWebSocket(async (request) => {
      const { webSocket, params, query, headers, path } = request;
      const facts = [request.isWebSocket(), webSocket.request === request, webSocket.subprotocol, request.authorized];
      const seen = [path, params['room'], query.get('a'), headers.get('user-agent'), webSocket.remoteAddress];
      await webSocket.send(JSON.stringify([...facts, ...seen, (await request.body()).length]));
    }),
  });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/rooms/1%20?a=b', { 'User-Agent': 'test' });
  const facts = [true, true, '', null, '/rooms/1%20', '1 ', 'b', 'test', '127.0.0.1', 0];
  assert.equal(JSON.parse((await client.readFrame()).payload.toString()), facts);
});

for (const [name, serverLimit, routeLimit, longest] of [
  ["the route's", 10, 5, 5],
  ["the server's", 10, undefined, 10],
  ["the route's, though the server's is lower", 5, 10, 10],
] as const) {
  routes(`limits: ${name} hold`, async () => {
    const limits = routeLimit === undefined ? {} : { maxMessageBytes: routeLimit };
    await using served = await serve({ '/echo/': requireWebSocket(echo, limits) }, { maxMessageBytes: serverLimit });
    await using client = await RawClient.connect(served.port);
    await client.upgrade('/echo/');
    client.sendFrame(1, 'x'.repeat(longest));
    assert.is((await client.readFrame()).payload.length, longest);
    client.sendFrame(1, 'x'.repeat(longest + 1));
    const { opcode, payload } = await client.readFrame();
    assert.equal([opcode, payload.readUInt16BE()], [8, 1009]);
  });
}

routes.run();

const origins = suite('websocket: origins');

const MINE = 'http://mine.example';
type OriginCase = readonly [name: string, host: string, origin: string | null, listed: string[] | '*', passes: boolean];

const originCases: readonly OriginCase[] = [
  ['none, which no browser sends', 'a', null, [], true],
  ['the same host', 'a', 'http://a', [], true],
  ['the same host and port', '127.0.0.1:8000', 'http://127.0.0.1:8000', [], true],
  ['the same host, over TLS', 'a', 'https://a', [], true],
  ['the same host in other letter case', 'A.example', 'http://a.EXAMPLE', [], true],
  ['another host', 'a', 'http://b', [], false],
  ['another port', 'a:80', 'http://a:8080', [], false],
  ['a host that begins alike', 'a', 'http://a.evil.example', [], false],
  ['a host that ends alike', 'a.example', 'http://evil-a.example', [], false],
  ['a user name like the host', 'a', 'http://a@evil.example', [], false],
  ['null, as of a sandboxed frame', 'a', 'null', [], false],
  ['an empty one', 'a', '', [], false],
  ['no URL', 'a', 'a', [], false],
  ['another scheme', 'a', 'ftp://a', [], false],
  ['a listed one', 'a', MINE, ['http://other.example', MINE], true],
  ['one that is not among the listed', 'a', 'http://b', [MINE], false],
  ['the same host, though others are listed', 'a', 'http://a', [MINE], true],
  ['null, listed', 'a', 'null', ['null'], true],
  ['any', 'a', 'http://evil.example', '*', true],
  ['null among any', 'a', 'null', '*', true],
];

for (const [name, host, origin, listed, passes] of originCases) {
  origins(`${passes ? 'passes' : '403'}: ${name}`, async () => {
    const route = requireWebSocket(echo, { origins: listed });
    await using ofRoute = await serve({ '/echo/': route }, { origins: ['http://c'] });
    await using ofServer = await serve({ '/echo/': requireWebSocket(echo) }, { origins: listed });
    for (const served of [ofRoute, ofServer]) {
      const changes = { Host: host, Origin: origin };
      if (passes) await assertAccepted(served, '/echo/', changes);
      else await assertRefused(served, upgradeRequest('/echo/', changes), '403 Forbidden');
    }
  });
}

origins('several are refused', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo, { origins: '*' }) });
  await assertRefused(served, upgradeRequest('/echo/', { Origin: 'http://a', origin: 'http://a' }), BAD);
});

origins('plain HTTP is for everyone: browsers guard it themselves', async () => {
  await using served = await serve({ '/both': acceptWebSocket(() => 'plain') });
  assert.is((await httpRequest(served.port, get('/both', 'Origin: http://evil.example'))).body.toString(), 'plain');
});

origins.run();

const subprotocols = suite('websocket: subprotocols');

const subprotocolCases: readonly [offered: string | null, spoken: string | string[], agreed: string | null][] = [
  ['chat', ['chat'], 'chat'],
  ['chat, mqtt', 'mqtt', 'mqtt'],
  ['mqttv3.1', 'mqtt', null],
  // RFC 9110 §5.6.1.2: empty elements are ignored.
  [', chat,', ['chat'], 'chat'],
  // The server's order counts.
  ['superchat, chat', ['chat', 'superchat'], 'chat'],
  ['chat, superchat', ['superchat', 'chat'], 'superchat'],
  ['chat\r\nSec-WebSocket-Protocol: superchat', ['superchat'], 'superchat'],
  // dwebsocket never answered the offer, and browsers failed the connection; here, none is agreed on.
  ['chat', [], null],
  ['chat', ['superchat'], null],
  ['Chat', ['chat'], null],
  ['constructor', ['chat'], null],
  [null, ['chat'], null],
];

for (const [offered, spoken, agreed] of subprotocolCases) {
  subprotocols(`${JSON.stringify(offered)} offered, ${JSON.stringify(spoken)} spoken: ${agreed}`, async () => {
    const tell: WebSocketHandler = ({ webSocket }) => webSocket.send(webSocket.subprotocol);
    await using served = await serve({ '/': requireWebSocket(tell, { subprotocols: spoken }) });
    await using client = await RawClient.connect(served.port);
    const { headers } = await client.upgrade('/', { 'Sec-WebSocket-Protocol': offered });
    assert.is(headers.get('sec-websocket-protocol'), agreed ?? undefined);
    assert.is((await client.readFrame()).payload.toString(), agreed ?? '');
  });
}

subprotocols('one that is not a token, or occurs twice, is a TypeError at once', () => {
  for (const mark of [requireWebSocket<undefined>, acceptWebSocket<undefined>]) {
    for (const option of ['mqtt, chat', ['a b'], ['a', 'a']]) {
      throws(() => mark(() => {}, { subprotocols: option }), TypeError);
    }
  }
});

subprotocols.run();

const authorization = suite('websocket: authorize');

for (const granted of [{ name: 'Ada' }, 'Ada', 0, '', true, Symbol.for('Ada')]) {
  authorization(`what it returns is the handler's: ${String(granted)} (${typeof granted})`, async () => {
    for (const authorize of [() => granted, async () => granted]) {
      const seen = gate<unknown>();
      const handler: WebSocketHandler<typeof granted> = (request) => seen.open(request.authorized);
      await using served = await serve({ '/': requireWebSocket(handler, { authorize }) });
      await using client = await RawClient.connect(served.port);
      await client.upgrade('/');
      assert.is(await seen.promise, granted);
    }
  });
}

for (const refusal of [undefined, null, false]) {
  authorization(`${refusal} refuses with 403`, async () => {
    for (const authorize of [() => refusal, async () => refusal]) {
      const handler = (): never => assert.unreachable() as never;
      await using served = await serve({ '/secret': requireWebSocket(handler, { authorize }) });
      await assertRefused(served, upgradeRequest('/secret'), '403 Forbidden');
      await served.assertWorking();
    }
  });
}

authorization('a HandshakeError refuses with a reply of its own', async () => {
  const authorize = async (): Promise<true> => {
    throw new HandshakeError('NO_SESSION', 401, 'sign in first', {
      headers: { 'WWW-Authenticate': 'Basic', 'Content-Type': 'application/json' }, body: '{"error":"é"}',
    });
  };
  await using served = await serve({ '/secret': requireWebSocket(echo, { authorize }) });
  const response = await httpRequest(served.port, upgradeRequest('/secret'));
  const fields = [
    'WWW-Authenticate: Basic', 'Content-Type: application/json', 'Content-Length: 14', 'Connection: close',
  ];
  assertResponse(response, ['HTTP/1.1 401 Unauthorized', ...fields], '{"error":"é"}');
});

authorization('any other error is 500, and onError is told', async () => {
  const fail = (): never => {
    throw new Error('no database');
  };
  for (const authorize of [fail, async () => fail()]) {
    await using served = await serve({ '/secret': requireWebSocket(echo, { authorize }) });
    await assertRefused(served, upgradeRequest('/secret'), '500 Internal Server Error');
    assert.equal(served.takeErrors(), ['Error: no database']);
  }
});

authorization('it sees the request before there is a connection', async () => {
  const authorize = ({ path, params, headers, query, webSocket, signal }: Request): string =>
    JSON.stringify([path, params['id'], headers.get('cookie'), query.get('a'), webSocket, signal.aborted]);
  const handler: WebSocketHandler<string> = ({ webSocket, authorized }) => webSocket.send(authorized);
  await using served = await serve({ '/:id': requireWebSocket(handler, { authorize }) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/1?a=b', { Cookie: 'c=d' });
  assert.is((await client.readFrame()).payload.toString(), '["/1","1","c=d","b",null,false]');
});

authorization('it is asked last, and only for a WebSocket', async () => {
  const asked: string[] = [];
  const authorize = ({ path }: Request): boolean => asked.push(path) > 0;
  await using served = await serve({
    '/both': acceptWebSocket(({ authorized }) => `${authorized}`, { authorize }),
  });
  await assertRefused(served, upgradeRequest('/both', { Origin: 'http://evil.example' }), '403 Forbidden');
  await assertRefused(served, upgradeRequest('/both', { 'Sec-WebSocket-Key': 'none' }), BAD);
  assert.is((await httpRequest(served.port, get('/both'))).body.toString(), 'undefined');
  assert.equal(asked, []);
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/both');
  assert.equal(asked, ['/both']);
});

authorization('frames that come while it is pending are kept, and a flood of them is held back', async () => {
  const pending = gate<true>();
  await using served = await serve({ '/echo/': requireWebSocket(echo, { authorize: () => pending.promise }) });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.write(upgradeRequest('/echo/') + HELLO_MASKED);
  await until('all has come', () => server.bytesRead === upgradeRequest('/echo/').length + HELLO_MASKED.length);
  // 16 MiB of messages.
  const count = 1000;
  for (let sent = 0; sent < count; sent++) client.sendFrame(2, Buffer.alloc(1 << 14, sent));
  await until('the server stops reading', () => server.isPaused());
  for (let turn = 0; turn < 20; turn++) await served.assertWorking();
  assert.ok(server.bytesRead < 1 << 20, `${server.bytesRead} bytes were read`);
  assert.is(client.received.length, 0);
  pending.open(true);
  const expected = SWITCHING + HELLO;
  assert.is((await client.readBytes(expected.length)).toString('latin1'), expected);
  for (let echoed = 0; echoed < count; echoed++) {
    const { payload } = await client.readFrame();
    assert.equal([payload.length, payload[0], payload[payload.length - 1]], [1 << 14, echoed % 256, echoed % 256]);
  }
});

for (const isEnding of [false, true]) {
  const end = isEnding ? ', and the end,' : '';
  authorization(`an upgrade and frames${end} that come piece by piece while a handler works`, async () => {
    const slow = gate();
    const seen = gate<unknown[]>();
    const handler: WebSocketHandler = async ({ webSocket }) => {
      seen.open([await webSocket.wait(), await webSocket.wait(), isEnding ? await webSocket.wait() : 'open']);
      await webSocket.closed;
    };
    const slowly = (): Promise<string> => slow.promise.then(() => 'slow');
    await using served = await serve({ '/slow': slowly, '/': requireWebSocket(handler) });
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    let length = 0;
    for (const piece of [get('/slow'), upgradeRequest('/'), HELLO_MASKED, HELLO_MASKED]) {
      client.write(piece);
      length += piece.length;
      await until('it has come', () => server.bytesRead === length);
    }
    if (isEnding) {
      client.socket.end();
      await until('the end has come', () => server.readableEnded);
    }
    slow.open();
    assert.equal(await seen.promise, ['Hello', 'Hello', isEnding ? null : 'open']);
  });
}

authorization('a client that ends behind a frame while it is pending is heard, then gone', async () => {
  const pending = gate<true>();
  const seen = gate<unknown[]>();
  const handler: WebSocketHandler<true> = async ({ webSocket }) => {
    seen.open([await webSocket.wait(), await webSocket.wait(), await webSocket.closed]);
  };
  await using served = await serve({ '/': requireWebSocket(handler, { authorize: () => pending.promise }) });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  client.write(upgradeRequest('/') + HELLO_MASKED);
  client.socket.end();
  await until('the end has come', () => server.readableEnded);
  pending.open(true);
  assert.equal(await seen.promise, ['Hello', null, { code: 1006, reason: '', wasClean: false }]);
});

for (const [name, leave] of [
  ['ends', (client: RawClient) => client.socket.end()],
  ['resets', (client: RawClient) => client.socket.resetAndDestroy()],
] as const) {
  authorization(`a client that ${name} while it is pending: no handler, no connection, an aborted signal`, async () => {
    const pending = gate<true>();
    const signal = gate<AbortSignal>();
    const authorize = (request: Request): Promise<true> => {
      signal.open(request.signal);
      return pending.promise;
    };
    const handler = (): never => assert.unreachable() as never;
    await using served = await serve({ '/secret': requireWebSocket(handler, { authorize }) });
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    client.write(upgradeRequest('/secret'));
    const pendingSignal = await signal.promise;
    assert.is(pendingSignal.aborted, false);
    leave(client);
    await until('the signal is aborted', () => pendingSignal.aborted);
    pending.open(true);
    await until('the connection is gone', () => server.closed);
    assert.is(client.received.length, 0);
    assert.is(served.server.connections.size, 0);
    await served.assertWorking();
  });
}

authorization('an AbortError of its own signal is not told', async () => {
  const begun = gate();
  const ended = gate();
  const authorize = ({ signal }: Request): Promise<true> => new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
      ended.open();
    });
    begun.open();
  });
  await using served = await serve({ '/secret': requireWebSocket(echo, { authorize }) });
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/secret'));
  await begun.promise;
  client.socket.resetAndDestroy();
  await ended.promise;
  await served.assertWorking();
});

authorization.run();

const endings = suite('websocket: how a handler ends');

/** What a handler's end makes the server send behind the 101, up to the end of TCP. */
async function endingOf(handler: WebSocketHandler): Promise<{ sent: string; errors: string[] }> {
  await using served = await serve({ '/': requireWebSocket(handler) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  const close = await client.readBytes(4);
  client.write(CLOSE_MASKED);
  const rest = await client.readToEnd();
  return { sent: Buffer.concat([close, rest]).toString('hex'), errors: served.takeErrors() };
}

const endingCases: readonly [name: string, handler: WebSocketHandler, sent: string, errors: string[]][] = [
  ['it returns', () => {}, '880203e8', []],
  ['it returns later', async () => {}, '880203e8', []],
  // dwebsocket: "Bad file descriptor after view returns", as the reply was written to it.
  ['it returns a reply, for which there is no place', () => 'hello', '880203e8', []],
  ['it returns what is no reply', () => 5, '880203e8', []],
  ['it throws', () => { throw new Error('secret'); }, '880203f3', ['Error: secret']],
  ['it rejects', () => Promise.reject(new Error('secret')), '880203f3', ['Error: secret']],
  ['it throws nothing', () => { throw undefined; }, '880203f3', ['undefined']],
  ['it throws a refusal too late', () => { throw new HandshakeError('CODE', 403, 'no'); }, '880203f3',
    ['HandshakeError: no']],
  ['it closes by itself, and returns', ({ webSocket }) => void webSocket.close(4000), '88020fa0', []],
  ['it closes by itself, and throws', ({ webSocket }) => {
    void webSocket.close(4000);
    throw new Error('secret');
  }, '88020fa0', ['Error: secret']],
  ['it closes by itself, and sends', async ({ webSocket }) => {
    void webSocket.close(4000);
    await webSocket.send('late');
  }, '88020fa0', []],
];

for (const [name, handler, sent, errors] of endingCases) {
  endings(name, async () => {
    assert.equal(await endingOf(handler), { sent, errors });
  });
}

endings('RFC 6455 §7.1.1: the server ends TCP behind the Close frames, and the client sees the end', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  await assertAccepted(served, '/echo/');
  await until('the connection is gone', () => served.server.connections.size === 0);
});

endings('onError is given the error and the request', async () => {
  const told: unknown[] = [];
  const error = new Error('secret');
  const onError = (...values: [unknown, Request<unknown>]): void => {
    told.push(values[0], values[1].path, values[1].isWebSocket());
  };
  await using served = await serve({ '/:name': requireWebSocket(() => Promise.reject(error)) }, { onError });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/a');
  assert.is((await client.readFrame()).payload.readUInt16BE(), 1011);
  assert.equal(told, [error, '/a', true]);
});

for (const [name, leave] of [
  ['closes', (client: RawClient) => client.socket.end(Buffer.from(CLOSE_MASKED, 'latin1'))],
  ['ends', (client: RawClient) => client.socket.end()],
  ['resets', (client: RawClient) => client.socket.resetAndDestroy()],
] as const) {
  endings(`a peer that ${name} while the handler sends: ConnectionClosed is no fault of the handler's`, async () => {
    const thrown = gate<ConnectionClosed>();
    await using served = await serve({
      '/ticker': requireWebSocket(async ({ webSocket }) => {
        try {
          for (;;) {
            await webSocket.send('tick');
            await new Promise(setImmediate);
          }
        } catch (error) {
          thrown.open(error as ConnectionClosed);
          throw error;
        }
      }),
    });
    await using client = await RawClient.connect(served.port);
    await client.upgrade('/ticker');
    await client.readFrame();
    leave(client);
    assert.is((await thrown.promise).code, 'CONNECTION_CLOSED');
    await until('the connection is gone', () => served.server.connections.size === 0);
    await served.assertWorking();
  });
}

endings("the end aborts the request's signal, and failing by it is no fault of the handler's", async () => {
  const signals = gate<AbortSignal>();
  await using served = await serve({
    '/waiting': requireWebSocket(async ({ signal }) => {
      signals.open(signal);
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    }),
  });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/waiting');
  const signal = await signals.promise;
  assert.is(signal.aborted, false);
  client.write(CLOSE_MASKED);
  assert.is((await client.readToEnd()).toString('latin1'), CLOSE);
  client.socket.end();
  await until('the signal is aborted', () => signal.aborted);
});

endings("an AbortError on a connection that is open is the handler's fault", async () => {
  const failing = requireWebSocket(() => Promise.reject(AbortSignal.abort().reason as Error));
  await using served = await serve({ '/failing': failing });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/failing');
  assert.equal((await client.readFrame()).payload, hex('03 f3'));
  assert.equal(served.takeErrors(), ['AbortError: This operation was aborted']);
});

endings("a ConnectionClosed of another connection is the handler's fault", async () => {
  const first = gate<Request>();
  await using served = await serve({
    '/first': requireWebSocket(async (request) => {
      first.open(request);
      await request.webSocket.wait();
    }),
    '/second': requireWebSocket(async () => {
      const { webSocket } = await first.promise;
      await webSocket!.closed;
      await webSocket!.send('too late');
    }),
  });
  await using one = await RawClient.connect(served.port);
  await using two = await RawClient.connect(served.port);
  await one.upgrade('/first');
  await two.upgrade('/second');
  one.write(CLOSE_MASKED);
  one.socket.end();
  assert.equal((await two.readFrame()).payload, hex('03 f3'));
  const [error, ...more] = served.takeErrors();
  assert.match(error!, /^ConnectionClosed: the connection has ended with close code 1000/);
  assert.equal(more, []);
});

endings('messages that came before a handler ends are not answered, and do no harm', async () => {
  const come = gate();
  await using served = await serve({
    '/': requireWebSocket(async ({ webSocket }) => {
      await come.promise;
      assert.is(webSocket.countMessages(), 2);
    }),
  });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  const text = upgradeRequest('/') + HELLO_MASKED.repeat(2);
  client.write(text);
  await until('the messages have come', () => server.bytesRead === text.length);
  come.open();
  assert.is((await client.readResponse()).status, 101);
  assert.equal(await client.readBytes(4), hex('88 02 03 e8'));
});

endings.run();

const ends = suite('websocket: onClose');

/** What `onClose` is told of a connection that the client brings to its end. */
async function closeToldOf(
  act: (client: RawClient) => unknown,
  options: ServerOptions = {},
  handler: WebSocketHandler = echo,
): Promise<string> {
  const told = gate<[Close, WebSocketRequest<unknown>]>();
  let count = 0;
  await using served = await serve({ '/:name': requireWebSocket(handler) }, {
    ...options,
    onClose: (...values) => {
      count++;
      told.open(values);
    },
  });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/a');
  await act(client);
  const [close, request] = await told.promise;
  assert.is(close, await request.webSocket.closed);
  assert.equal([request.params['name'], request.remoteAddress, count], ['a', '127.0.0.1', 1]);
  const { code, reason, wasClean, error } = close;
  return [code, reason, wasClean, (error as NodeJS.ErrnoException | undefined)?.code].join(' ');
}

const endCases: readonly [name: string, told: string, ...Parameters<typeof closeToldOf>][] = [
  ['a closing handshake', '4000 bye true ', (client) => client.sendFrame(8, hex('0f a0 62 79 65'))],
  ['TCP ends without one', '1006  false ', (client) => client.socket.end()],
  ['a reset', '1006  false ECONNRESET', (client) => client.socket.resetAndDestroy()],
  ['a broken rule', '1006  false FRAME_NOT_MASKED', (client) => client.sendFrame(1, '', { maskingKey: null })],
  ['a message that is too long', '1006  false MESSAGE_TOO_LARGE', (client) => client.sendFrame(1, 'Hello'),
    { maxMessageBytes: 4 }],
  ['a peer that gives no sign of life', '1006  false TIMEOUT', () => {}, { keepAliveInterval: 20 }],
  ['a Close that is not answered', '1006  false TIMEOUT', () => {}, { closeTimeout: 20 }, () => {}],
  ['a peer that does not read', '1006  false PEER_NOT_READING', (client) => client.socket.pause(),
    { maxBufferedBytes: 1 << 20 }, async ({ webSocket }) => {
      while (!webSocket.isClosed()) {
        void webSocket.send(Buffer.alloc(1 << 20));
        await nextTurn();
      }
    }],
  ['terminate()', '1006  false ', () => {}, {}, ({ webSocket }) => webSocket.terminate()],
];

for (const [name, expected, ...how] of endCases) {
  ends(`it is told of ${name}`, async () => {
    assert.is(await closeToldOf(...how), expected);
  });
}

ends.run();

const regressions = suite('websocket: what dwebsocket got wrong');

regressions('wait() is null after the close, again and again, and iteration ends without a null', async () => {
  const seen = gate<unknown[]>();
  await using served = await serve({
    '/': requireWebSocket(async ({ webSocket }) => {
      const messages: unknown[] = [];
      for await (const message of webSocket) messages.push(message);
      messages.push(await webSocket.wait(), await webSocket.wait({ timeout: 1 }), webSocket.read());
      seen.open([...messages, webSocket.countMessages(), webSocket.isClosed()]);
    }),
  });
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/') + HELLO_MASKED + CLOSE_MASKED);
  assert.equal(await seen.promise, ['Hello', null, null, null, 0, true]);
});

regressions('the length of text counts its bytes', async () => {
  await using served = await serve({ '/': requireWebSocket(({ webSocket }) => webSocket.send('é')) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  assert.equal(await client.readBytes(4), hex('81 02 c3 a9'));
});

regressions('pings are answered while the handler reads nothing', async () => {
  const done = gate();
  await using served = await serve({ '/': requireWebSocket(() => done.promise) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  client.write(HELLO_MASKED);
  for (const payload of ['', 'one', 'x'.repeat(125)]) {
    client.sendFrame(9, payload);
    const { opcode, payload: answer } = await client.readFrame();
    assert.equal([opcode, answer.toString()], [10, payload]);
  }
  done.open();
  assert.equal(await client.readBytes(4), hex('88 02 03 e8'));
});

regressions('pongs, fragments and a close with a reason', async () => {
  await using served = await serve({
    '/': requireWebSocket(async ({ webSocket }) => {
      await webSocket.send((await webSocket.wait())!);
      void webSocket.close(1000, 'bye');
    }),
  });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/');
  client.sendFrame(10, 'unasked');
  client.sendFrame(1, 'Hel', { fin: false });
  client.sendFrame(10, 'between');
  client.sendFrame(0, 'lo');
  assert.equal(await client.readBytes(7), hex('81 05 48 65 6c 6c 6f'));
  assert.equal(await client.readBytes(7), hex('88 05 03 e8 62 79 65'));
});

regressions.run();
