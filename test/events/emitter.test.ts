// A connection as an event emitter: what listeners are told, and in which order.
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { ConnectionEmitter } from '../../src/events.js';
import { connectionPair, ProtocolError, type ConnectionOptions } from '../../src/index.js';
import { nextTurn, open, terminateAll } from '../connection/harness.js';
import { suite } from '../runner/suite.js';

const test = suite('ConnectionEmitter', { timeout: 20_000 });

test.after.each(terminateAll);

/** What was sent has arrived, and what follows from that is done: in memory, that takes a few turns. */
async function arrived(): Promise<void> {
  for (let count = 0; count < 4; count++) await nextTurn();
}

/** An emitter, its peer, and a list of all that the emitter tells once `listen` was called. */
function openPair(options?: ConnectionOptions) {
  const [connection, peer] = connectionPair(options);
  const socket = new ConnectionEmitter(connection);
  const told: unknown[] = [];
  const listen = (): void => {
    socket.on('message', (data, isBinary) => told.push(isBinary ? data : String(data)));
  };
  socket.on('close', (code, reason) => told.push([code, String(reason)]));
  return { socket, connection, peer, told, listen, closed: once(socket, 'close') };
}

/** The unhandled rejections while the body runs, which the runner doesn't get then. */
async function takeRejections(body: () => Promise<void>): Promise<unknown[]> {
  const taken: unknown[] = [];
  const listeners = process.rawListeners('unhandledRejection') as NodeJS.UnhandledRejectionListener[];
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', (reason) => taken.push(reason));
  try {
    await body();
    await arrived();
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
  }
  return taken;
}

test('messages are told as ws does: bytes, and whether they are binary', async () => {
  const { socket, peer } = openPair();
  const calls: unknown[][] = [];
  socket.on('message', (...values) => calls.push(values));
  await peer.send('é');
  await peer.send(Buffer.from([1, 2]));
  await arrived();
  assert.equal(calls, [[Buffer.from('é'), false], [Buffer.from([1, 2]), true]]);
});

test('messages that came before are told to the first listener, in order, after the call that adds it', async () => {
  const { peer, told, listen } = openPair();
  for (const text of ['a', 'b', 'c']) await peer.send(text);
  await arrived();
  listen();
  assert.equal(told, []);
  await peer.send('d');
  await arrived();
  assert.equal(told, ['a', 'b', 'c', 'd']);
});

for (const add of ['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'] as const) {
  test(`a listener added by ${add} gets the message that waits`, async () => {
    const { socket, peer } = openPair();
    await peer.send('a');
    await arrived();
    const data = await new Promise<unknown>((resolve) => void socket[add as 'on']('message', resolve));
    assert.equal(data, Buffer.from('a'));
  });
}

test('while nobody listens, messages wait', async () => {
  const { socket, connection, peer, told, listen } = openPair();
  await peer.send('a');
  assert.equal(await once(socket, 'message'), [Buffer.from('a'), false]);
  for (const text of ['b', 'c', 'd']) await peer.send(text);
  await arrived();
  assert.is(connection.countMessages(), 3);
  listen();
  await arrived();
  assert.equal(told, ['b', 'c', 'd']);
});

test('a message that comes when the listener has left waits for the next one', async () => {
  const { socket, peer, told, listen } = openPair();
  const leave = (): void => assert.unreachable();
  socket.on('message', leave).off('message', leave);
  for (const text of ['a', 'b']) await peer.send(text);
  await arrived();
  listen();
  await arrived();
  assert.equal(told, ['a', 'b']);
});

test('a pause begun by a listener holds back what has come with its message, and resume gives it', async () => {
  const { socket, peer, told, listen } = openPair();
  listen();
  socket.once('message', () => socket.pause());
  for (const text of ['a', 'b', 'c']) void peer.send(text);
  await arrived();
  assert.equal([told, socket.isPaused], [['a'], true]);
  socket.resume();
  await arrived();
  assert.equal([told, socket.isPaused], [['a', 'b', 'c'], false]);
});

test('pause and resume within a listener keep the order', async () => {
  const { socket, peer, told, listen } = openPair();
  listen();
  socket.on('message', () => {
    socket.pause();
    socket.resume();
  });
  const texts = Array.from({ length: 50 }, (_, number) => `${number}`);
  for (const text of texts) void peer.send(text);
  await arrived();
  await arrived();
  assert.equal(told, texts);
});

test('the rest comes before close, also during a pause', async () => {
  const { socket, peer, told, listen, closed } = openPair();
  listen();
  socket.pause();
  for (const text of ['a', 'b', 'c']) void peer.send(text);
  await peer.close(4001, 'bye');
  await closed;
  assert.equal(told, ['a', 'b', 'c', [4001, 'bye']]);
});

test('close comes although nobody listens for messages, and no message follows it', async () => {
  const { socket, peer, told, listen, closed } = openPair();
  void peer.send('a');
  await peer.close();
  await closed;
  assert.equal(told, [[1000, '']]);
  assert.is(socket.readyState, socket.CLOSED);
  listen();
  await arrived();
  assert.equal(told, [[1000, '']]);
});

test('a listener that throws loses no message but its own, and close still comes', async () => {
  const { socket, peer, told, listen, closed } = openPair();
  const thrown = await takeRejections(async () => {
    socket.once('message', () => {
      throw new Error('first');
    });
    listen();
    for (const text of ['a', 'b']) void peer.send(text);
    await arrived();
    assert.equal(told, ['b']);
    socket.pause();
    socket.prependListener('message', () => {
      throw new Error('last');
    });
    void peer.send('c');
    void peer.close();
    await closed;
  });
  assert.equal(told, ['b', [1000, '']]);
  assert.equal(thrown.map((error) => (error as Error).message), ['first', 'last']);
});

test('binaryType: an ArrayBuffer of its own, and text stays a Buffer', async () => {
  const { socket, peer } = openPair();
  assert.is(socket.binaryType, 'nodebuffer');
  socket.binaryType = 'arraybuffer';
  assert.is(socket.binaryType, 'arraybuffer');
  const received: unknown[] = [];
  socket.on('message', (data) => received.push(data));
  await peer.send('a');
  await peer.send(Buffer.from([1, 2]));
  await arrived();
  assert.equal(received[0], Buffer.from('a'));
  assert.instance(received[1], ArrayBuffer);
  assert.equal(new Uint8Array(received[1] as ArrayBuffer), new Uint8Array([1, 2]));
  assert.throws(() => (socket.binaryType = 'blob' as 'arraybuffer'), (error: Error) => error instanceof TypeError);
});

test('a peer that breaks a rule is told as error, then as close with 1006', async () => {
  const opened = open();
  const socket = new ConnectionEmitter(opened.connection);
  const told: unknown[] = [];
  socket.on('error', (error) => told.push(error));
  socket.on('close', (code) => told.push(code));
  await opened.receive('83 00');
  await opened.receiveEnd();
  assert.is((told[0] as ProtocolError).code, 'UNKNOWN_OPCODE');
  assert.instance(told[0], ProtocolError);
  assert.equal(told.slice(1), [1006]);
});

test('without a listener for error nothing is thrown', async () => {
  const opened = open();
  const socket = new ConnectionEmitter(opened.connection);
  const told: unknown[] = [];
  socket.on('close', (code) => told.push(code));
  await opened.receive('83 00');
  await opened.receiveEnd();
  assert.equal(told, [1006]);
});

test('a lost connection is no error, only close with 1006', async () => {
  const opened = open();
  const socket = new ConnectionEmitter(opened.connection);
  const told: unknown[] = [];
  socket.on('error', (error) => told.push(error));
  socket.on('close', (code, reason) => told.push([code, reason.length]));
  await opened.reset();
  assert.equal(told, [[1006, 0]]);
});

test('the constants and the state', async () => {
  const { socket, connection, peer } = openPair();
  for (const holder of [socket, ConnectionEmitter]) {
    assert.equal([holder.CONNECTING, holder.OPEN, holder.CLOSING, holder.CLOSED], [0, 1, 2, 3]);
  }
  assert.is(socket.connection, connection);
  assert.equal([socket.protocol, socket.extensions, socket.bufferedAmount], ['', '', 0]);
  assert.is(socket.readyState, 1);
  socket.send('a');
  assert.is(socket.bufferedAmount, 3);
  socket.close(4000, Buffer.from('bytes'));
  assert.is(socket.readyState, 2);
  assert.equal(await peer.closed, { code: 4000, reason: 'bytes', wasClean: true });
  await connection.closed;
  assert.is(socket.readyState, 3);
});

test('close has ws\'s defaults but for the code, and terminate cuts', async () => {
  const first = openPair();
  first.socket.close();
  assert.equal(await first.peer.closed, { code: 1000, reason: '', wasClean: true });
  const second = openPair();
  second.socket.close(1001, 'away');
  assert.equal(await second.peer.closed, { code: 1001, reason: 'away', wasClean: true });
  assert.throws(() => second.socket.close(1005), (error: Error) => error instanceof RangeError);
  const third = openPair();
  third.socket.terminate();
  assert.is((await third.peer.closed).code, 1006);
});

test('send: binary says which kind, compress is passed on, fin: false is refused', async () => {
  const opened = open({
    deflate: {
      incoming: { windowBits: 15, contextTakeover: false },
      outgoing: { windowBits: 15, contextTakeover: false },
    },
  });
  const socket = new ConnectionEmitter(opened.connection);
  socket.send('a', { binary: false });
  socket.send('b', { binary: true });
  socket.send(Buffer.from('c'), { binary: true });
  socket.send(new Uint8Array([100]).buffer, { binary: false });
  socket.send(new Uint16Array([0x6665]), { binary: false, compress: undefined });
  await opened.assertSent('81 01 61 82 01 62 82 01 63 81 01 64 81 02 65 66');
  const long = 'x'.repeat(100);
  socket.send(long, { compress: false });
  await opened.assertSent(`81 01 61 82 01 62 82 01 63 81 01 64 81 02 65 66 81 64 ${'78'.repeat(100)}`);
  assert.throws(() => socket.send('a', { fin: false }), (error: Error) => error instanceof TypeError);
  assert.throws(() => socket.send(1 as never), (error: Error) => error instanceof TypeError);
});

test('the callback of send comes once there is room, or with the error', async () => {
  const { socket, connection } = openPair();
  assert.equal(await new Promise<unknown[]>((resolve) => socket.send('a', (...values) => resolve(values))), []);
  assert.equal(await new Promise<unknown[]>((resolve) => socket.send('a', {}, (...values) => resolve(values))), []);
  socket.terminate();
  await connection.closed;
  socket.send('nobody is told');
  const error = await new Promise<unknown>((resolve) => socket.send('a', {}, resolve));
  assert.is((error as { code: string }).code, 'CONNECTION_CLOSED');
});

test('pong is told with the payload of its ping; a ping after the end does nothing', async () => {
  const { socket, connection } = openPair();
  for (const [payload, expected] of [[undefined, ''], ['text', 'text'], [Buffer.from('bytes'), 'bytes']] as const) {
    const pong = once(socket, 'pong');
    socket.ping(payload);
    assert.equal(await pong, [Buffer.from(expected)]);
  }
  assert.throws(() => socket.ping('x'.repeat(126)), (error: Error) => error instanceof RangeError);
  socket.terminate();
  await connection.closed;
  socket.on('pong', () => assert.unreachable());
  socket.ping();
  await arrived();
});

test.run();
