// RFC 6455 §7: how a connection is closed, how it fails, which close codes are sent, and how a client comes back.
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { ConnectionClosed, HandshakeError, ProtocolError, connect, reconnect } from '../../src/index.js';
import { nextTurn, open, rejectionOf } from '../connection/harness.js';
import { serve } from '../server/harness.js';
import { RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { RawServer, readRequest, switchingProtocols } from '../support/peers/raw-server.js';
import { assertFailures, establish, requirements } from './harness.js';

const prove = requirements('7 closing');

// ── 7.1 Definitions ──

prove('7.1.1-1', 'both', 'TCP ends in an orderly way, and trailing bytes are discarded', async (role) => {
  await using session = await establish(role);
  session.send('81 01 61 88 02 03e8');
  // A whole frame, half a frame and what is none.
  session.send('81 01 62');
  session.peer.write(Buffer.alloc(300_000, 0xff));
  await session.expect('88 02 03e8');
  if (role === 'client') session.peer.socket.end();
  await session.expectEnd();
  session.peer.socket.end();
  assert.equal(await session.connection.closed, { code: 1000, reason: '', wasClean: true });
  assert.equal([await session.connection.wait(), await session.connection.wait()], ['a', null]);
});

prove('7.1.1-2', 'server', 'the server ends TCP before the client does', async (role) => {
  for (const begins of ['server', 'client']) {
    await using session = await establish(role);
    if (begins === 'server') void session.connection.close();
    else session.send('88 02 03e8');
    await session.expect('88 02 03e8');
    if (begins === 'server') session.send('88 02 03e8');
    await session.expectEnd();
    assert.is(session.peer.socket.writableEnded, false);
  }
});

prove('7.1.1-3', 'server', 'told to close, the server ends TCP in the same turn', async (role) => {
  const closed = open({ role });
  await closed.receive('88 02 03e8');
  assert.is(closed.stream.writableEnded, true);
  const failed = open({ role });
  await failed.receive('83 00');
  assert.is(failed.stream.writableEnded, true);
});

prove('7.1.1-4', 'client', 'after the closing handshake the client waits for the server to end TCP', async (role) => {
  const session = open({ role });
  await session.receive('88 02 03e8');
  await session.assertSent('88 02 03e8');
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  assert.is(session.stream.writableEnded, false);
  await session.receiveEnd();
  assert.is(session.stream.writableEnded, true);
});

prove('7.1.2-1', 'both', 'close() sends a Close frame with its code and reason', async (role) => {
  const cases: readonly (readonly [frame: string, code?: number, reason?: string])[] = [
    ['88 02 03e8'],
    ['88 02 03f3', 1011],
    ['88 07 1387 636166c3a9', 4999, 'caf\u00e9'],
    [`88 7d 0bb8 ${'78'.repeat(123)}`, 3000, 'x'.repeat(123)],
  ];
  for (const [expected, code, reason] of cases) {
    await using session = await establish(role);
    void session.connection.close(code, reason);
    void session.connection.close(4000, 'once only');
    await session.expect(expected);
    session.send('88 00');
    if (role === 'client') session.peer.socket.end();
    await session.expectEnd();
  }
});

prove('7.1.2-2', 'both', 'once a Close frame was sent and one received, the connection closes', async (role) => {
  await using session = await establish(role);
  const closing = session.connection.close(1001);
  await session.expect('88 02 03e9');
  session.send('88 02 03e9');
  if (role === 'client') session.peer.socket.end();
  await session.expectEnd();
  session.peer.socket.end();
  assert.equal(await closing, { code: 1001, reason: '', wasClean: true });
});

// ── 7.1.7 Failing ──

prove('7.1.7-1', 'client', 'failing closes the connection', async (role) => {
  await using session = await establish(role);
  session.sendRaw('83 00');
  await session.expectFailure(1002);
  assert.instance(await rejectionOf(session.connection.send('late')), ConnectionClosed);
  assert.is(await session.connection.wait(), null);
});

prove('7.1.7-2', 'server', 'failing closes the connection, and no other', async (role) => {
  await using served = await serve();
  await using session = await establish(role);
  session.sendRaw('83 00');
  await session.expectFailure(1002);
  assert.instance(await rejectionOf(session.connection.send('late')), ConnectionClosed);
  assert.is(await session.connection.wait(), null);
  await served.assertWorking();
});

prove('7.1.7-4', 'both', 'failing sends a Close frame with the code of the failure', async (role) => {
  await assertFailures(role, 1002, [['an opcode', ['83 00']]]);
  await assertFailures(role, 1007, [['a text', ['81 01', 'ff']]]);
  const limits = { maxMessageBytes: 2 };
  await assertFailures(role, 1009, [['a size', ['81 03', '616263']]], { server: limits, client: limits });
});

prove('7.1.7-5', 'both', 'nothing is processed behind the failure', async (role) => {
  await using session = await establish(role);
  session.send('81 01 61');
  session.sendRaw('83 00');
  session.send('81 01 62 89 01 70 88 02 0fa0');
  session.send('81 01 63');
  await session.expectFailure(1002);
  assert.equal([await session.connection.wait(), await session.connection.wait()], ['a', null]);

  const later = open({ role });
  await later.receive('83 00');
  const sent = later.stream.written.length;
  await later.receive('81 01 62 89 01 70');
  await later.receive('88 02 0fa0');
  assert.is(later.stream.written.length, sent);
  assert.is(later.connection.countMessages(), 0);
  await later.receiveEnd();
  assert.is((await later.connection.closed).code, 1006);
});

prove('7.1.7-6', 'client', 'nothing that a server may send makes the client close', async (role) => {
  await using session = await establish(role);
  session.send('81 00 82 00 01 00 80 00 02 00 00 00 80 00 8a 00 8a 01 61');
  session.send(`8a 7d ${'00'.repeat(125)}`);
  session.send(`81 7e 0080 ${'7f'.repeat(128)}`);
  session.send('81 04 f48fbfbf 81 03 efbfbf 81 01 00');
  await session.expectAlive();
  await session.expectCleanClose();
});

// ── 7.2 Abnormal closures ──

prove('7.2.1-1', 'client', 'a failed opening handshake ends TCP', async () => {
  await using server = await RawServer.listen();
  const attempt = rejectionOf(connect(`ws://127.0.0.1:${server.port}/`));
  const peer = await server.accept();
  await readRequest(peer);
  peer.write(switchingProtocols('another key'));
  assert.is((await peer.readToEnd()).length, 0);
  assert.instance(await attempt, HandshakeError);
});

prove('7.2.1-2', 'client', 'a lost transport ends the attempt, or the connection with 1006', async (role) => {
  await using server = await RawServer.listen();
  const attempt = rejectionOf(connect(`ws://127.0.0.1:${server.port}/`));
  const peer = await server.accept();
  await readRequest(peer);
  peer.socket.end();
  assert.is((await attempt as HandshakeError).code, 'CONNECTION_LOST');

  for (const lose of ['end', 'resetAndDestroy'] as const) {
    await using session = await establish(role);
    session.send('81 01 61 01 01 62');
    assert.is(await session.connection.wait(), 'a');
    const waiting = session.connection.wait();
    session.peer.socket[lose]();
    assert.is(await waiting, null);
    const { code, reason, wasClean } = await session.connection.closed;
    assert.equal([code, reason, wasClean], [1006, '', false]);
    assert.instance(await rejectionOf(session.connection.send('late')), ConnectionClosed);
  }
});

prove('7.2.1-3', 'client', 'the client stays while the server says nothing, and while nobody reads', async (role) => {
  const session = open({ role, limits: { maxQueuedMessages: 2 } });
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  await session.receive('81 01 61 81 01 62');
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  await session.assertSent('');
  assert.equal([session.stream.writableEnded, session.stream.destroyed], [false, false]);
  assert.equal([await session.connection.wait(), await session.connection.wait()], ['a', 'b']);
  await session.receive('89 00');
  await session.assertSent('8a 00');
});

prove('7.2.2-1', 'server', 'a refused opening handshake ends TCP', async () => {
  await using served = await serve();
  for (const [path, changes] of [['/', {}], ['/nowhere', {}], ['/', { Host: null }]] as const) {
    await using client = await RawClient.connect(served.port);
    client.write(upgradeRequest(path, changes));
    assert.ok((await client.readResponse()).status >= 400);
    assert.is((await client.readToEnd()).length, 0);
    assert.is(client.error, null);
  }
});

/** The pauses, in milliseconds, that a client makes which is cut off each time, while `Math.random` gives `random`. */
async function pausesOf(count: number, random: number, minDelay: number, maxDelay: number): Promise<number[]> {
  const { setTimeout } = timers;
  const { random: original } = Math;
  const abort = new AbortController();
  const pauses: number[] = [];
  timers.setTimeout = (async (delay: number) => {
    pauses.push(delay);
    if (pauses.length < count) return;
    abort.abort(new Error('enough'));
    throw abort.signal.reason;
  }) as typeof timers.setTimeout;
  Math.random = () => random;
  syncBuiltinESMExports();
  try {
    await using server = await RawServer.listen();
    const cutting = (async () => {
      for (let time = 0; time < count; time++) (await server.acceptUpgrade()).peer.socket.destroy();
    })();
    const options = { minDelay, maxDelay, signal: abort.signal };
    const loop = async (): Promise<void> => {
      for await (const connection of reconnect(`ws://127.0.0.1:${server.port}/`, options)) await connection.closed;
    };
    assert.is((await rejectionOf(loop())).message, 'enough');
    await cutting;
    assert.is(server.count, count);
  } finally {
    timers.setTimeout = setTimeout;
    Math.random = original;
    syncBuiltinESMExports();
  }
  return pauses;
}

// A connection of the test lasts a few milliseconds: far shorter than these pauses, which nobody really makes.
const MINUTE = 60_000;

prove('7.2.3-1', 'client', 'reconnect() pauses before each further attempt, longer each time', async () => {
  const pauses = await pausesOf(5, 0.5, MINUTE, 100 * MINUTE);
  assert.equal(pauses, [0.75, 1.5, 3, 6, 12].map((minutes) => minutes * MINUTE));
});

prove('7.2.3-2', 'client', 'the first pause is random', async () => {
  assert.equal(await pausesOf(1, 0, MINUTE, 100 * MINUTE), [0.5 * MINUTE]);
  assert.equal(await pausesOf(1, 0.5, MINUTE, 100 * MINUTE), [0.75 * MINUTE]);
  assert.equal(await pausesOf(1, 0.75, MINUTE, 100 * MINUTE), [0.875 * MINUTE]);
});

prove('7.2.3-3', 'client', 'the pauses grow by doubling, up to a limit', async () => {
  const pauses = await pausesOf(6, 0, MINUTE, 5 * MINUTE);
  assert.equal(pauses, [0.5, 1, 2, 2.5, 2.5, 2.5].map((minutes) => minutes * MINUTE));
});

// ── 7.3 Normal closure, 7.4 Close codes ──

prove('7.3-1', 'client', 'the client closes when it is told to, not when its reader stops', async (role) => {
  await using session = await establish(role);
  session.send('81 01 61 81 01 62');
  for await (const message of session.connection) {
    assert.is(message, 'a');
    break;
  }
  await session.expectAlive();
  assert.is(session.connection.isClosed(), false);
  const aborted = session.connection.wait({ signal: AbortSignal.abort(new Error('no more')) });
  assert.is((await rejectionOf(aborted)).message, 'no more');
  await session.expectAlive();
  void session.connection.close();
  await session.expect('88 02 03e8');
});

const reserved = [['7.4.1-1', 1005, '03ed'], ['7.4.1-2', 1006, '03ee'], ['7.4.1-4', 1015, '03f7']] as const;
for (const [id, code, digits] of reserved) {
  prove(id, 'both', `${code} is never sent, and fails the connection if it is received`, async (role) => {
    await assertFailures(role, 1002, [['alone', ['88 02', digits]], ['with a reason', ['88 03', `${digits} 61`]]]);
    await using session = await establish(role);
    assert.throws(() => session.connection.close(code), (error: Error) => error instanceof RangeError);
    assert.throws(() => session.connection.close(code, 'why'), (error: Error) => error instanceof RangeError);
    await session.expectAlive();
    // Where the application is told this code, it was none of the wire.
    if (code === 1005) session.send('88 00');
    else session.reset();
    session.peer.socket.end();
    const close = await session.connection.closed;
    assert.is(close.code, code === 1005 ? 1005 : 1006);
    assert.not.instance(close.error, ProtocolError);
  });
}

prove.run();
