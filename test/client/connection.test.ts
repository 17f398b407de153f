// A client's connection end to end: both sides close, ping and press back, on loopback sockets (RFC 6455 §5.5, §7).
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/connect.js';
import type { Connection } from '../../src/connection/connection.js';
import { ConnectionClosed, ProtocolError, TimeoutError, WebSocketError } from '../../src/errors.js';
import { requireWebSocket } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { gate, nextTurn, serve, until, type Gate, type Served } from '../server/harness.js';
import { assertClosed, assertEnded, collect, failure, openPair } from './harness.js';

const closing = suite('client/connection: closing');

const codes: [code: number | undefined, reason: string, payload: string][] = [
  [undefined, '', '03e8'],
  [1000, 'done', '03e8646f6e65'],
  [1001, '', '03e9'],
  [3000, 'é', '0bb8c3a9'],
  [4999, 'x'.repeat(123), `1387${'78'.repeat(123)}`],
];
for (const [code, reason, payload] of codes) {
  closing(`§7.1.1, §7.1.2: the client closes with ${code ?? 'nothing'}, and the server ends TCP`, async () => {
    await using pair = await openPair();
    const closed = pair.connection.close(code, reason);
    const frame = await pair.peer.readFrame();
    assert.equal([frame.opcode, frame.payload.toString('hex')], [8, payload]);
    pair.peer.sendFrame(8, frame.payload, { maskingKey: null });
    await nextTurn();
    assert.not.ok(pair.connection.isClosed() === false, 'nothing can be sent');
    assert.is(pair.peer.socket.readableEnded, false, 'the server is to end TCP first');
    pair.peer.socket.end();
    await assertEnded(pair.peer);
    assert.equal(await closed, { code: code ?? 1000, reason, wasClean: true });
  });

  closing(`§5.5.1: the server closes with ${code ?? 'nothing'}, and the client echoes the code`, async () => {
    await using pair = await openPair();
    const bytes = Buffer.from(code === undefined ? '' : payload, 'hex');
    pair.peer.sendFrame(8, bytes, { maskingKey: null });
    const echoed = await pair.peer.readFrame();
    assert.equal([echoed.opcode, echoed.payload.toString('hex')], [8, bytes.toString('hex', 0, 2)]);
    pair.peer.socket.end();
    assert.equal(await pair.connection.closed, { code: code ?? 1005, reason, wasClean: true });
    await assertEnded(pair.peer);
  });
}

closing('messages that come after close() can be read', async () => {
  await using pair = await openPair();
  const closed = pair.connection.close();
  await pair.peer.readFrame();
  pair.peer.sendFrame(1, 'late', { maskingKey: null });
  pair.peer.sendFrame(8, Buffer.of(0x03, 0xe8), { maskingKey: null });
  pair.peer.socket.end();
  assert.is((await closed).wasClean, true);
  assert.equal(await collect(pair.connection), ['late']);
  const error = await failure(pair.connection.send('too late'));
  assert.instance(error, ConnectionClosed);
});

closing('§7.1.5: a server that ends TCP without a Close frame leaves 1006', async () => {
  await using pair = await openPair();
  pair.peer.sendFrame(1, 'last', { maskingKey: null });
  pair.peer.socket.end();
  assert.equal(await collect(pair.connection), ['last']);
  assert.is(await assertClosed(pair.connection, 1006, false), undefined);
  await assertEnded(pair.peer);
});

closing('a server that ends TCP on the client\'s Close frame without one of its own leaves 1006', async () => {
  await using pair = await openPair();
  const closed = pair.connection.close();
  await pair.peer.readFrame();
  pair.peer.socket.end();
  const { error, ...close } = await closed;
  assert.equal(close, { code: 1006, reason: '', wasClean: false });
  assert.is((error as WebSocketError).code, 'CLOSE_NOT_ANSWERED');
});

closing('a server that answers nothing, or its Close frame but no end, is cut after closeTimeout', async () => {
  for (const answers of [false, true]) {
    await using pair = await openPair({ closeTimeout: 30 });
    const closed = pair.connection.close();
    const { payload } = await pair.peer.readFrame();
    if (answers) pair.peer.sendFrame(8, payload, { maskingKey: null });
    const { code, wasClean, error } = await closed;
    assert.equal([code, wasClean], answers ? [1000, true] : [1006, false]);
    if (!answers) assert.instance(error, TimeoutError);
    await assertEnded(pair.peer);
  }
});

closing('a reset wakes everyone who waits', async () => {
  await using pair = await openPair();
  const waiting = pair.connection.wait();
  const ping = failure(pair.connection.ping());
  await pair.peer.readFrame();
  pair.peer.socket.resetAndDestroy();
  assert.is(await waiting, null);
  assert.instance(await ping, ConnectionClosed);
  const error = await assertClosed(pair.connection, 1006, false);
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET');
});

closing('terminate cuts without a Close frame', async () => {
  await using pair = await openPair();
  pair.connection.terminate();
  await assertClosed(pair.connection, 1006, false);
  await assertEnded(pair.peer);
});

const violations: [name: string, bytes: string, code: number][] = [
  ['§5.2: RSV1', '\xc1\x00', 1002],
  ['§5.2: an unknown opcode', '\x83\x00', 1002],
  ['§5.1: a mask', '\x81\x80\0\0\0\0', 1002],
  ['§5.5: a long ping', '\x89\x7e\x00\x7e', 1002],
  ['§5.4: a continuation of nothing', '\x80\x00', 1002],
  ['§7.4.1: close code 1006', '\x88\x02\x03\xee', 1002],
  ['§8.1: bad UTF-8', '\x81\x01\xff', 1007],
  ['a length over the limit', '\x82\x7f\0\0\0\0\x7f\xff\xff\xff', 1009],
];
for (const [name, bytes, code] of violations) {
  closing(`§7.1.7: ${name} fails the connection with ${code}`, async () => {
    await using pair = await openPair();
    pair.peer.write(bytes);
    const frame = await pair.peer.readFrame();
    assert.equal([frame.opcode, frame.payload.readUInt16BE()], [8, code]);
    assert.is(frame.maskingKey?.length, 4);
    await assertEnded(pair.peer);
    pair.peer.socket.end();
    assert.instance(await assertClosed(pair.connection, 1006, false), ProtocolError);
  });
}

closing.run();

const pinging = suite('client/connection: pings');

pinging('§5.5.3: a pong carries the payload of the ping, masked', async () => {
  await using pair = await openPair();
  pair.peer.sendFrame(9, 'payload', { maskingKey: null });
  const { opcode, payload, maskingKey } = await pair.peer.readFrame();
  assert.equal([opcode, payload.toString(), maskingKey?.length], [10, 'payload', 4]);
});

pinging('ping() settles with its pong only', async () => {
  await using pair = await openPair();
  const ping = pair.connection.ping('mine');
  assert.is((await pair.peer.readFrame()).payload.toString(), 'mine');
  pair.peer.sendFrame(10, 'other', { maskingKey: null });
  pair.peer.sendFrame(10, 'mine', { maskingKey: null });
  assert.type(await ping, 'number');
});

pinging.run();

const both = suite('client/connection: a client and a server of ours');

/** A server whose handler hands its side of the first connection to the test and lasts as long as it. */
async function serveOne(): Promise<{ served: Served; side: Gate<Connection> }> {
  const side = gate<Connection>();
  const served = await serve({ '/one/': requireWebSocket(async ({ webSocket }) => {
    side.open(webSocket);
    await webSocket.closed;
  }) });
  return { served, side };
}

both('either side closes with code and reason', async () => {
  for (const who of ['client', 'server']) {
    const { served, side } = await serveOne();
    await using _ = served;
    const client = await connect(`ws://127.0.0.1:${served.port}/one/`);
    const server = await side.promise;
    void (who === 'client' ? client : server).close(4001, 'reason');
    const expected = { code: 4001, reason: 'reason', wasClean: true };
    // Whoever closes first is told the code that came back, and no reason with it.
    const echoed = { code: 4001, reason: '', wasClean: true };
    assert.equal(await client.closed, who === 'client' ? echoed : expected);
    assert.equal(await server.closed, who === 'client' ? expected : echoed);
  }
});

both('both sides close at the same time', async () => {
  const { served, side } = await serveOne();
  await using _ = served;
  const client = await connect(`ws://127.0.0.1:${served.port}/one/`);
  const server = await side.promise;
  void client.close(4001);
  void server.close(4002);
  assert.equal([(await client.closed).code, (await server.closed).code], [4002, 4001]);
  assert.ok((await client.closed).wasClean && (await server.closed).wasClean);
});

both('pings cross', async () => {
  const { served, side } = await serveOne();
  await using _ = served;
  await using client = await connect(`ws://127.0.0.1:${served.port}/one/`);
  const server = await side.promise;
  for (const time of await Promise.all([client.ping(), server.ping(), client.ping('x'), server.ping('x')])) {
    assert.ok(time >= 0);
  }
});

const COUNT = 200;

for (const direction of ['from the client', 'from the server']) {
  both(`back pressure ${direction}: send waits for a reader, and nothing is lost or reordered`, async () => {
    const { served, side } = await serveOne();
    await using _ = served;
    await using client = await connect(`ws://127.0.0.1:${served.port}/one/`);
    const server = await side.promise;
    const [sender, reader] = direction === 'from the client' ? [client, server] : [server, client];
    let sent = 0;
    const sending = (async () => {
      for (; sent < COUNT; sent++) await sender.send(Buffer.alloc(100_000, sent));
    })();
    // The reader's queue has its limit of 1 MiB, give or take a chunk; the rest stays in the sockets and the sender.
    await until('the sender is stopped', () => sender.bufferedAmount > 0 && reader.countMessages() >= 10);
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    assert.ok(reader.countMessages() < 20, `${reader.countMessages()} messages wait`);
    assert.ok(sent < COUNT);
    for (let number = 0; number < COUNT; number++) {
      assert.ok(Buffer.alloc(100_000, number).equals(await reader.wait() as Buffer), `message ${number}`);
    }
    await sending;
  });
}

both('a sender that never waits is cut at maxBufferedBytes', async () => {
  await using pair = await openPair({ maxBufferedBytes: 1 << 20 });
  pair.peer.socket.pause();
  const message = Buffer.alloc(1 << 20);
  for (let count = 0; count < 100 && !pair.connection.isClosed(); count++) {
    void pair.connection.send(message);
    await nextTurn();
  }
  const error = await assertClosed(pair.connection, 1006, false);
  assert.is((error as WebSocketError).code, 'PEER_NOT_READING');
});

both.run();
