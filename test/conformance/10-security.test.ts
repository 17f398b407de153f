// RFC 6455 §10: origins, masking against proxies, limits, TLS, and input that nobody should trust.
import { once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import * as assert from 'uvu/assert';
import { connect, requireWebSocket } from '../../src/index.js';
import { serve } from '../server/harness.js';
import { certificate, privateKey } from '../support/certificate.js';
import { hex } from '../support/codec/cuts.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';
import { assertFailures, establish, requirements } from './harness.js';

const prove = requirements('10 security');

const idle = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed));
const secure = { key: privateKey, cert: certificate };

prove('10.1-1', 'server', 'whatever bytes come, there is an HTTP error or the end, and others are served', async () => {
  await using served = await serve({ '/chat': idle });
  const inputs = [
    '', '\r\n', '\0'.repeat(1000), '\xff'.repeat(1000), 'a'.repeat(100_000), 'GET', 'GET /chat HTTP/1.1\r\nHost: x',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\x81\x85\x37\xfa\x21\x3d',
    `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(1000)}\r\n`, upgradeRequest('/chat').replace('GET', 'GET\0'),
    'SELECT * FROM users; --\r\n\r\n', 'GET /../../etc/passwd HTTP/1.1\r\n\r\n',
  ];
  for (const input of inputs) {
    await using client = await RawClient.connect(served.port);
    client.write(input);
    client.socket.end();
    assert.match((await client.readToEnd()).toString('latin1'), /^$|^HTTP\/1\.1 [45]\d\d /, JSON.stringify(input));
    assert.is(client.error, null);
  }
  await served.assertWorking();
});

prove('10.2-1', 'server', 'the origin is verified: the own host and the ones that are listed', async () => {
  const options = { origins: ['https://example.com', 'http://other.example:8080', 'null'] };
  await using served = await serve({ '/chat': requireWebSocket(({ webSocket }) => void webSocket, options) });
  const Host = 'server.example';
  const cases: readonly (readonly [status: number, origin: string])[] = [
    [101, 'http://server.example'], [101, 'https://server.example'], [101, 'https://example.com'],
    [101, 'HTTPS://EXAMPLE.COM'], [101, 'http://other.example:8080'], [101, 'null'],
    [403, 'http://example.com'], [403, 'https://example.com:444'], [403, 'https://example.com.evil.example'],
    [403, 'https://evil.example'], [403, 'https://server.example.evil.example'], [403, 'http://server.example:81'],
    [403, 'https://sub.example.com'], [403, 'file://'], [403, ''], [403, 'server.example'],
  ];
  for (const [status, origin] of cases) {
    await using client = await RawClient.connect(served.port);
    client.write(upgradeRequest('/chat', { Host, Origin: origin }));
    assert.is((await client.readResponse()).status, status, origin);
  }
});

prove('10.2-2', 'server', 'an origin that is not accepted gets 403 before the route is asked anything', async () => {
  let asked = 0;
  const route = requireWebSocket(() => void asked++, { authorize: () => (asked++, true) });
  await using served = await serve({ '/chat': route });
  const fields = { Host: 'server.example', Origin: 'https://evil.example' };
  assert.is((await httpRequest(served.port, upgradeRequest('/chat', fields))).status, 403);
  assert.is(asked, 0);
});

prove('10.3-1', 'client', 'the same message never looks the same, and never like a request', async (role) => {
  await using session = await establish(role);
  const request = 'GET /script.js HTTP/1.1\r\nHost: example.com\r\n\r\n';
  const seen = new Set<string>();
  for (let time = 0; time < 16; time++) {
    void session.connection.send(request);
    const bytes = await session.peer.readBytes(6 + request.length);
    assert.is(bytes.includes('HTTP'), false);
    seen.add(bytes.subarray(6).toString('hex'));
  }
  assert.is(seen.size, 16);
});

prove('10.3-2', 'client', 'bytes changed after send() are sent as they were', async (role) => {
  for (const size of [5, 5000, 500_000]) {
    await using session = await establish(role);
    const message = Buffer.alloc(size, 'a');
    void session.connection.send(message);
    message.fill('b');
    assert.ok((await session.peer.readFrame()).payload.equals(Buffer.alloc(size, 'a')), `${size} bytes`);
    assert.ok(message.equals(Buffer.alloc(size, 'b')), 'the message of the caller was changed');
  }
});

prove('10.3-3', 'client', 'changed data goes in a new frame with a new key', async (role) => {
  await using session = await establish(role);
  const message = Buffer.alloc(300_000, 'a');
  void session.connection.send(message);
  message.fill('b');
  void session.connection.send(message);
  const [first, second] = [await session.peer.readFrame(), await session.peer.readFrame()];
  assert.ok(first.payload.equals(Buffer.alloc(300_000, 'a')) && second.payload.equals(Buffer.alloc(300_000, 'b')));
  assert.is.not(first.maskingKey!.toString('hex'), second.maskingKey!.toString('hex'));
});

prove('10.4-1', 'both', 'a message over the limit fails the connection with 1009 at its header', async (role) => {
  const limits = { maxMessageBytes: 1000 };
  const tenth: readonly [string, string] = ['00 64', '61'.repeat(100)];
  await assertFailures(role, 1009, [
    ['1001 bytes that never come', ['81 7e 03e9']],
    ['2^60 bytes', ['82 7f 1000000000000000']],
    ['2^63 - 1 bytes', ['82 7f 7fffffffffffffff']],
    ['a fragment of 1001 bytes', ['01 7e 03e9']],
    ['many small fragments', ['01 64', '61'.repeat(100)], ...Array.from({ length: 9 }, () => tenth), ['80 01', '61']],
    ['a last fragment of 2^40 bytes', ['01 01', '61'], ['80 7f 0000010000000000']],
  ], { server: limits, client: limits });
  await using session = await establish(role, { server: limits, client: limits });
  session.sendRaw('81 7e 03e8', '61'.repeat(1000));
  assert.is(await session.connection.wait(), 'a'.repeat(1000));
  session.sendRaw('01 64', '61'.repeat(100));
  for (let count = 0; count < 9; count++) session.sendRaw(...tenth);
  session.sendRaw('80 00');
  assert.is(await session.connection.wait(), 'a'.repeat(1000));
});

prove('10.4-2', 'both', 'without an option the limit is 1 MiB, in one frame and in several', async (role) => {
  await assertFailures(role, 1009, [
    ['one byte more', ['82 7f 0000000000100001']],
    ['one byte more in a second frame', ['02 01', '00'], ['80 7f 0000000000100000']],
  ]);
  await using session = await establish(role);
  session.sendRaw('82 7f 0000000000100000', '00'.repeat(1_048_576));
  assert.is((await session.connection.wait())!.length, 1_048_576);
});

prove('10.6-1', 'server', 'wss: is served', async () => {
  await using served = await serve({ '/chat': idle }, { tls: secure });
  const socket = connectTls({ port: served.port, host: '127.0.0.1', ca: certificate, servername: 'localhost' });
  await once(socket, 'secureConnect');
  await using client = new RawClient(socket);
  await client.upgrade('/chat');
  client.write(hex('89 82 00000000 6f6b'));
  assert.is((await client.readBytes(4)).toString('hex'), '8a026f6b');
  client.write(hex('88 82 00000000 03e8'));
  assert.is((await client.readToEnd()).toString('hex'), '880203e8');
  assert.is(client.error, null);
});

prove('10.6-1', 'client', 'wss: is spoken', async () => {
  await using server = await RawServer.listen({ tls: secure });
  const attempt = connect(`wss://localhost:${server.port}/`, { tls: { ca: certificate } });
  const { peer } = await server.acceptUpgrade();
  const connection = await attempt;
  assert.is((peer.socket as TLSSocket).encrypted, true);
  peer.write(hex('81 02 6f6b 88 02 03e8'));
  assert.is(await connection.wait(), 'ok');
  assert.is((await peer.readFrame()).opcode, 8);
  peer.socket.end();
  assert.equal(await connection.closed, { code: 1000, reason: '', wasClean: true });
  assert.is((await peer.readToEnd()).length, 0);
  assert.is(peer.error, null);
});

prove('10.7-1', 'both', 'close codes that nobody may send fail the connection with 1002', async (role) => {
  const codes = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
  await assertFailures(role, 1002, codes.map((code) => [`${code}`, ['88 02', code.toString(16).padStart(4, '0')]]));
  for (const code of [1000, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999]) {
    await using session = await establish(role);
    session.send(`88 02 ${code.toString(16).padStart(4, '0')}`);
    if (role === 'client') session.peer.socket.end();
    await session.peer.readToEnd();
    session.peer.socket.end();
    assert.equal(await session.connection.closed, { code, reason: '', wasClean: true });
  }
});

prove('10.7-2', 'both', 'invalid data gets a Close frame that says of which kind it was', async (role) => {
  await assertFailures(role, 1002, [['a reserved bit', ['f1 00']], ['half a close code', ['88 01', '03']]]);
  await assertFailures(role, 1007, [['text that is none', ['81 02', 'c328']], ['such a reason', ['88 03', '03e8ff']]]);
  await assertFailures(role, 1009, [['a gigabyte', ['82 7f 0000000040000000']]]);
});

prove('10.7-3', 'server', 'an invalid handshake gets an HTTP status that says of which kind it was', async () => {
  await using served = await serve({ '/chat': idle });
  const foreign = { Host: 'server.example', Origin: 'https://evil.example' };
  const cases = [
    [400, upgradeRequest('/chat', { 'Sec-WebSocket-Key': null })],
    [403, upgradeRequest('/chat', foreign)],
    [404, upgradeRequest('/nowhere')],
    [405, upgradeRequest('/chat').replace('GET', 'PUT')],
    [426, upgradeRequest('/chat', { 'Sec-WebSocket-Version': '8' })],
    [431, upgradeRequest('/chat', { Cookie: 'a'.repeat(20_000) })],
    [505, upgradeRequest('/chat').replace('HTTP/1.1', 'HTTP/1.0')],
  ] as const;
  for (const [status, request] of cases) {
    const response = await httpRequest(served.port, request);
    assert.is(response.status, status);
    assert.ok(response.body.length > 10, 'the body says what was wrong');
  }
});

prove.run();
