// RFC 6455 §4.2: which requests a server accepts, what it answers to them, and how it refuses the others.
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import * as assert from 'uvu/assert';
import { requireWebSocket } from '../../src/index.js';
import { serve, type Served } from '../server/harness.js';
import { certificate, privateKey } from '../support/certificate.js';
import { hex } from '../support/codec/cuts.js';
import { httpRequest, RawClient, SAMPLE_KEY, upgradeRequest } from '../support/peers/raw-client.js';
import type { FieldChanges, RawResponse } from '../support/peers/raw-client.js';
import { requirements } from './harness.js';

const prove = requirements('4.2 server handshake');

const idle = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed));

/** Masked with zeros. */
const PING = hex('89 80 00000000');

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
/** RFC 6455 §1.3. */
const ACCEPTED = `${SWITCHING}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`;

/** Sends a request with a frame behind it; what comes back until the end must be one refusal. */
async function refusalOf({ port }: Served, text: string): Promise<RawResponse> {
  await using client = await RawClient.connect(port);
  // The frame is a ping: no server that has refused would answer it.
  client.write(text);
  client.write(PING);
  const response = await client.readResponse(text.slice(0, text.indexOf(' ')));
  assert.is((await client.readToEnd()).length, 0, 'more than a response');
  assert.is(client.error, null);
  return response;
}

type Case = readonly [status: number, request: string];

async function assertRefused(cases: readonly Case[], served?: Served): Promise<void> {
  await using own = served ?? (await serve({ '/chat': idle }));
  for (const [status, request] of cases) {
    const response = await refusalOf(own, request);
    assert.is(response.status, status, request);
    assert.not(response.headers.has('sec-websocket-accept'));
  }
}

function without(name: string): string {
  return upgradeRequest('/chat', { [name]: null });
}

/** Fails unless the server answers with exactly these bytes, and then a ping. */
async function assertAnswered({ port }: Served, request: string, expected: string): Promise<void> {
  await using client = await RawClient.connect(port);
  client.write(request);
  client.write(PING);
  assert.is((await client.readBytes(expected.length + 2)).toString('latin1'), `${expected}\x8a\x00`);
}

async function assertAccepted(changes: FieldChanges): Promise<void> {
  await using served = await serve({ '/chat': idle });
  await assertAnswered(served, upgradeRequest('/chat', changes), ACCEPTED);
}

prove('4.2.1-1', 'server', 'what breaks the grammar is refused, but no unknown field or other order', async () => {
  const request = upgradeRequest('/chat');
  await assertRefused([
    [400, request.replace('GET /chat ', 'GET  /chat ')],
    [400, request.replace('/chat', '/ch at')],
    [400, request.replace(' HTTP/1.1', '')],
    [400, request.replace('Upgrade: ', 'Upgrade : ')],
    [400, request.replace('Upgrade: ', ' Upgrade: ')],
    [400, request.replace('Upgrade: websocket', 'Upgrade: websocket\r\n folded')],
    [400, request.replace('Upgrade: websocket', 'Upgrade websocket')],
    [400, request.replace('Upgrade: websocket', 'Upgrade: websocket\0')],
    [400, request.replaceAll('\r\n', '\n')],
    [400, upgradeRequest('/chat', { 'Content-Length': '1' })],
    [400, upgradeRequest('/chat', { Connection: 'Upgrade, a b' })],
    [431, upgradeRequest('/chat', { 'X-Long': 'x'.repeat(16_384) })],
  ]);
  const [requestLine, ...fields] = request.trimEnd().split('\r\n');
  const backwards = [requestLine, 'X-Stranger: \xff', ...fields.reverse()].join('\r\n');
  await using served = await serve({ '/chat': idle });
  await assertAnswered(served, `${backwards}\r\n\r\n`, ACCEPTED);
});

prove('4.2.1-2', 'server', 'GET and HTTP/1.1 are required', async () => {
  await assertRefused([
    [405, upgradeRequest('/chat').replace('GET', 'POST')],
    [405, upgradeRequest('/chat').replace('GET', 'HEAD')],
    [501, upgradeRequest('/chat').replace('GET', 'get')],
    [505, upgradeRequest('/chat').replace('HTTP/1.1', 'HTTP/1.0')],
    [505, upgradeRequest('/chat').replace('HTTP/1.1', 'HTTP/2.0')],
    [400, upgradeRequest('/chat').replace('HTTP/1.1', 'HTTP/1')],
  ]);
});

prove('4.2.1-3', 'server', 'a target in absolute form names the same resource', async () => {
  await using served = await serve({ '/chat': idle });
  await assertAnswered(served, upgradeRequest('http://example.com/chat?a=b'), ACCEPTED);
  await assertRefused([[400, upgradeRequest('ws://example.com/chat')]], served);
});

prove('4.2.1-4', 'server', 'Host is required, once and well-formed', async () => {
  await assertRefused([
    [400, without('Host')],
    [400, upgradeRequest('/chat', { Host: '' })],
    [400, upgradeRequest('/chat', { Host: 'a b' })],
    [400, upgradeRequest('/chat', { Host: 'example.com:port' })],
    [400, upgradeRequest('/chat', { host: 'example.com' })],
  ]);
});

prove('4.2.1-5', 'server', 'Upgrade: websocket is required, in any letter case', async () => {
  // Without it, it is a plain request, which this route does not serve; and the ping behind it is no request at all.
  await using served = await serve({ '/chat': idle });
  for (const changes of [{ Upgrade: null }, { Upgrade: '' }, { Upgrade: 'h2c' }, { Upgrade: 'websocket2' }]) {
    const response = await httpRequest(served.port, upgradeRequest('/chat', changes));
    assert.is(response.status, 426);
    assert.is(response.headers.get('upgrade'), 'websocket');
  }
  await assertAccepted({ Upgrade: 'WebSocket' });
  await assertAccepted({ Upgrade: 'h2c,\tWEBSOCKET' });
});

prove('4.2.1-6', 'server', 'Connection must contain Upgrade, in any letter case', async () => {
  await assertRefused([
    [400, without('Connection')],
    [400, upgradeRequest('/chat', { Connection: '' })],
    [400, upgradeRequest('/chat', { Connection: 'keep-alive' })],
    [400, upgradeRequest('/chat', { Connection: 'upgrades' })],
  ]);
  await assertAccepted({ Connection: 'keep-alive, upgrade' });
  await assertAccepted({ Connection: 'UPGRADE' });
});

prove('4.2.1-7', 'server', 'the key must be 16 bytes in base64', async () => {
  const keys = [
    '', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZQ=', 'dGhlIHNhbXBsZSBub25jZQ===', 'dGhlIHNhbXBsZSBub25jZQA=',
    'dGhlIHNhbXBsZSBub25jZQAA', 'dGhlIHNhbXBsZSBub25j', 'dGhlIHNhbXBsZSBub25jZSE=', 'dGhl-HNhbXBsZSBub25jZQ==',
    'dGhl HNhbXBsZSBub25jZQ==', '"dGhlIHNhbXBsZSBub25jZQ=="', `${SAMPLE_KEY}, ${SAMPLE_KEY}`,
  ];
  await assertRefused([
    [400, without('Sec-WebSocket-Key')],
    ...keys.map((key): Case => [400, upgradeRequest('/chat', { 'Sec-WebSocket-Key': key })]),
    [400, upgradeRequest('/chat', { 'sec-websocket-key': SAMPLE_KEY })],
  ]);
});

prove('4.2.1-8', 'server', 'the version must be 13', async () => {
  const versions = ['', '0', '8', '12', '14', '013', '13, 13', '13, 8', '1 3', 'thirteen'];
  await assertRefused([
    [426, without('Sec-WebSocket-Version')],
    ...versions.map((version): Case => [426, upgradeRequest('/chat', { 'Sec-WebSocket-Version': version })]),
    [400, upgradeRequest('/chat', { 'sec-websocket-version': '13' })],
  ]);
});

prove('4.2.1-9', 'server', 'a request without Origin is not held to the origins of pages', async () => {
  const strict = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed), {
    origins: ['https://example.com'],
  });
  await using served = await serve({ '/chat': strict });
  await assertAnswered(served, upgradeRequest('/chat', { Host: 'server.example' }), ACCEPTED);
  const foreign = { Host: 'server.example', Origin: 'https://example.org' };
  await assertRefused([[403, upgradeRequest('/chat', foreign)]], served);
});

prove('4.2.1-10', 'server', 'a list of subprotocols that is none', async () => {
  const lists = ['', ',', 'chat soap', 'chat;a', '"chat"', 'chat/1', 'ch\xe4t', 'chat, chat'];
  await assertRefused(lists.map((list): Case => [400, upgradeRequest('/chat', { 'Sec-WebSocket-Protocol': list })]));
});

prove('4.2.2-1', 'server', 'a valid handshake opens the connection, and frames follow at once', async () => {
  const hello = requireWebSocket(async ({ webSocket }) => {
    await webSocket.send('Hello');
  });
  await using served = await serve({ '/chat': hello });
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/chat'));
  // The message, and the Close frame when the handler returns.
  const expected = `${ACCEPTED}\x81\x05Hello\x88\x02\x03\xe8`;
  assert.is((await client.readBytes(expected.length)).toString('latin1'), expected);
});

prove('4.2.2-2', 'server', 'over TLS all goes through the tunnel, and without it there is no answer', async () => {
  await using served = await serve({ '/chat': idle }, { tls: { key: privateKey, cert: certificate } });
  const socket = connectTls({ port: served.port, host: '127.0.0.1', ca: certificate, servername: 'localhost' });
  await once(socket, 'secureConnect');
  await using client = new RawClient(socket);
  client.write(upgradeRequest('/chat'));
  client.write(PING);
  assert.is((await client.readBytes(ACCEPTED.length + 2)).toString('latin1'), `${ACCEPTED}\x8a\x00`);

  await using plain = await RawClient.connect(served.port);
  plain.write(upgradeRequest('/chat'));
  assert.not.match((await plain.readToEnd()).toString('latin1'), /HTTP/);
});

prove('4.2.2-3', 'server', 'an origin that is not accepted gets 403 and no WebSocket', async () => {
  const fields = { Host: 'server.example', Origin: 'https://evil.example' };
  await assertRefused([[403, upgradeRequest('/chat', fields)]]);
});

prove('4.2.2-4', 'server', 'another version gets an error with Sec-WebSocket-Version', async () => {
  await using served = await serve({ '/chat': idle });
  const response = await refusalOf(served, upgradeRequest('/chat', { 'Sec-WebSocket-Version': '25' }));
  assert.is(response.status, 426);
  assert.is(response.headers.get('sec-websocket-version'), '13');
});

prove('4.2.2-5', 'server', 'the path chooses the service', async () => {
  const say = (text: string) => requireWebSocket(async ({ webSocket }) => void (await webSocket.send(text)));
  await using served = await serve({ '/one': say('1'), '/two': say('2') });
  for (const [path, frame] of [['/one', '\x81\x011'], ['/two', '\x81\x012'], ['/two?one', '\x81\x012']] as const) {
    await using client = await RawClient.connect(served.port);
    await client.upgrade(path);
    assert.is((await client.readBytes(3)).toString('latin1'), frame);
  }
});

prove('4.2.2-6', 'server', 'a service that does not exist gets an HTTP error', async () => {
  await using served = await serve({ '/chat': idle, '/page': () => 'no WebSocket here' });
  await assertRefused(
    [[404, upgradeRequest('/nowhere')], [404, upgradeRequest('/chat/')], [400, upgradeRequest('/page')]],
    served,
  );
});

prove('4.2.2-7', 'server', 'the subprotocol is one that the client named', async () => {
  const chat = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed), {
    subprotocols: ['superchat', 'chat', 'CHAT'],
  });
  await using served = await serve({ '/chat': chat });
  const cases = [['chat', 'chat'], ['soap, chat', 'chat'], ['chat,superchat', 'superchat'], ['CHAT', 'CHAT']] as const;
  for (const [offered, chosen] of cases) {
    const expected = ACCEPTED.replace(/\r\n$/, `Sec-WebSocket-Protocol: ${chosen}\r\n\r\n`);
    await assertAnswered(served, upgradeRequest('/chat', { 'Sec-WebSocket-Protocol': offered }), expected);
  }
});

prove('4.2.2-8', 'server', 'no subprotocol is named if none was, or none fits', async () => {
  const chat = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed), { subprotocols: ['chat'] });
  await using served = await serve({ '/chat': chat, '/plain': idle });
  await assertAnswered(served, upgradeRequest('/chat'), ACCEPTED);
  await assertAnswered(served, upgradeRequest('/chat', { 'Sec-WebSocket-Protocol': 'soap, Chat' }), ACCEPTED);
  await assertAnswered(served, upgradeRequest('/plain', { 'Sec-WebSocket-Protocol': 'chat' }), ACCEPTED);
});

prove('4.2.2-9', 'server', 'no extension is named that the client did not', async () => {
  await using served = await serve({ '/chat': idle });
  await assertAnswered(served, upgradeRequest('/chat'), ACCEPTED);
  await assertAnswered(served, upgradeRequest('/chat', { 'Sec-WebSocket-Extensions': 'x-one, x-two; a=b' }), ACCEPTED);
});

prove('4.2.2-10', 'server', 'the answer to the byte, for two keys', async () => {
  await using served = await serve({ '/chat': idle });
  await assertAnswered(served, upgradeRequest('/chat'), ACCEPTED);
  await assertAnswered(
    served,
    upgradeRequest('/chat', { 'Sec-WebSocket-Key': 'AQIDBAUGBwgJCgsMDQ4PEC==' }),
    `${SWITCHING}Sec-WebSocket-Accept: OfS0wDaT5NoxF2gqm7Zj2YtetzM=\r\n\r\n`,
  );
});

prove.run();
