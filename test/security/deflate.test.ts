// Hostile compressed messages, which docs/security.md lists: bombs by what they allocate, waste by what it costs zlib.
import { syncBuiltinESMExports } from 'node:module';
import zlib, { constants, deflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { resolveLimits } from '../../src/connection/limits.js';
import { Protocol } from '../../src/connection/protocol.js';
import { ProtocolError, requireWebSocket } from '../../src/index.js';
import { Deflater } from '../../src/frame/deflater.js';
import type { Message } from '../../src/connection/assembler.js';
import { countLiveBytes } from '../frame/memory.js';
import { open, peerBytes, rejectionOf, roles, terminateAll, type Opened } from '../connection/harness.js';
import { countTimers, nextTurn, serve, serverSide, until } from '../server/harness.js';
import { hex } from '../support/codec/cuts.js';
import { encodeNaive } from '../support/codec/naive-codec.js';
import { RawClient } from '../support/peers/raw-client.js';
import { suite } from '../runner/suite.js';

const test = suite('security: deflate');
test.after.each(terminateAll);

const MEBIBYTE = 1 << 20;
const context = { windowBits: 15, contextTakeover: true };
const deflate = { outgoing: context, incoming: context };

/** 16 MiB of zeros, compressed so that more can follow. */
const zeros = deflateRawSync(Buffer.alloc(16 * MEBIBYTE), { level: 9, finishFlush: constants.Z_SYNC_FLUSH });

/** 1 GiB of zeros as the payload of one message. */
const bomb = Buffer.concat([...new Array<Buffer>(64).fill(zeros), Buffer.of(0)]);

interface Frame {
  readonly fin?: boolean;
  readonly rsv1?: boolean;
  readonly opcode?: number;
}

/** A frame as a client sends it; the first of a compressed message unless told otherwise. */
function frame(payload: Buffer, { fin = true, rsv1 = true, opcode = 2 }: Frame = {}): Buffer {
  return encodeNaive({ fin, rsv1, opcode, payload, maskingKey: Buffer.alloc(4) });
}

/** The payload in fragments of that size. */
function fragments(payload: Buffer, size: number): Buffer[] {
  const count = Math.ceil(payload.length / size);
  return Array.from({ length: count }, (_, index) => frame(payload.subarray(index * size, (index + 1) * size), {
    fin: index === count - 1,
    rsv1: index === 0,
    opcode: index === 0 ? 2 : 0,
  }));
}

/** A server's protocol, and what it received. */
function receive(chunks: readonly Buffer[], maxMessageBytes = MEBIBYTE): { sizes: number[]; error: Error | null } {
  const sizes: number[] = [];
  const ignore = (): void => {};
  const receiver = {
    put: (_: Message, byteLength: number) => void sizes.push(byteLength),
    isFull: false,
    mayStream: () => false,
    takeSink: () => null,
    countStreamed: ignore, advance: ignore, refuse: ignore,
    receivePong: ignore, outputReady: ignore, outputFailed: ignore,
  };
  const limits = resolveLimits({ maxMessageBytes, deflate: true });
  const protocol = new Protocol(receiver, { role: 'server', limits, deflate });
  for (const chunk of chunks) protocol.receive(chunk);
  protocol.finish();
  return { sizes, error: protocol.error };
}

/** The code, the close code, and the sizes of the messages before. */
function outcome(chunks: readonly Buffer[], maxMessageBytes?: number): unknown[] {
  const { sizes, error } = receive(chunks, maxMessageBytes);
  return error instanceof ProtocolError ? [error.code, error.closeCode, ...sizes] : [error, ...sizes];
}

const TOO_LARGE = ['MESSAGE_TOO_LARGE', 1009];

/** Runs with a count of what zlib is asked to do, and of what it makes. */
function counting<T>(run: () => T): { result: T; calls: number; inflated: number; allocated: number } {
  const { inflateRawSync } = zlib;
  const { allocUnsafe, allocUnsafeSlow, concat } = Buffer;
  const counts = { calls: 0, inflated: 0, allocated: 0 };
  let isInflating = false;
  let isJoining = false;
  const count = (bytes: Buffer): Buffer => {
    counts.allocated += bytes.length;
    if (isInflating && !isJoining) counts.inflated += bytes.length;
    return bytes;
  };
  Object.assign(zlib, {
    inflateRawSync(...parameters: Parameters<typeof inflateRawSync>) {
      counts.calls++;
      isInflating = true;
      try {
        return inflateRawSync(...parameters);
      } finally {
        isInflating = false;
      }
    },
  });
  Object.assign(Buffer, {
    allocUnsafe: (size: number) => count(allocUnsafe(size)),
    allocUnsafeSlow: (size: number) => count(allocUnsafeSlow(size)),
    // The pieces of an inflated message are joined, by which nothing more is inflated.
    concat(...parameters: Parameters<typeof concat>) {
      isJoining = true;
      const joined = concat(...parameters);
      isJoining = false;
      return joined;
    },
  });
  syncBuiltinESMExports();
  try {
    return { result: run(), ...counts };
  } finally {
    Object.assign(zlib, { inflateRawSync });
    Object.assign(Buffer, { allocUnsafe, allocUnsafeSlow, concat });
    syncBuiltinESMExports();
  }
}

/** Asserts that a gibibyte is inflated no further than the limit of 1 MiB, in memory that both ends bound. */
function assertDefused(chunks: readonly Buffer[], expected: readonly unknown[]): void {
  const { result, inflated, allocated } = counting(() => outcome(chunks));
  assert.equal(result, expected);
  // Two pieces of 64 KiB more, in which the end is found.
  assert.ok(inflated > 0 && inflated <= MEBIBYTE + 2 * 65_536, `${inflated} bytes were inflated`);
  const arrived = chunks.reduce((sum, { length }) => sum + length, 0);
  // All buffers that ever were: those that doubled while the payload arrived, and the pieces before they were joined.
  assert.ok(allocated <= 4 * arrived + 2 * MEBIBYTE + 65_536, `${allocated} bytes were allocated for ${arrived}`);
}

test('a gibibyte of zeros in a frame of less than a mebibyte', () => {
  assert.ok(bomb.length < MEBIBYTE, `${bomb.length} bytes`);
  assertDefused([frame(bomb)], TOO_LARGE);
});

test('a gibibyte of zeros in TCP segments of 64 KiB', () => {
  const bytes = frame(bomb);
  assertDefused(Array.from({ length: 16 }, (_, index) => bytes.subarray(index << 16, (index + 1) << 16)), TOO_LARGE);
});

test('a gibibyte of zeros in fragments', () => {
  assertDefused(fragments(bomb, 10_000), TOO_LARGE);
});

test('a gibibyte of zeros in a later message, by reference to the one before', () => {
  const first = deflateRawSync(Buffer.alloc(1000, 'a'), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  // As zeros above, but nothing of it is literal: the first reference is to the message before.
  const dictionary = Buffer.alloc(1000, 'a');
  const options = { level: 9, finishFlush: constants.Z_SYNC_FLUSH, dictionary };
  const more = deflateRawSync(Buffer.alloc(16 * MEBIBYTE, 'a'), options);
  const payload = Buffer.concat([...new Array<Buffer>(64).fill(more), Buffer.of(0)]);
  assertDefused([frame(first), frame(payload)], [...TOO_LARGE, 1000]);
});

test('a gibibyte of zeros in final blocks, each below the limit', () => {
  // 900 KiB each, and 60 of them.
  const block = deflateRawSync(Buffer.alloc(900 << 10), { level: 9 });
  assertDefused([frame(Buffer.concat([...new Array<Buffer>(60).fill(block), Buffer.of(0)]))], TOO_LARGE);
});

test('a gibibyte of zeros in messages within the limit: each is whole, and the window is all that is kept', () => {
  const payload = deflateRawSync(Buffer.alloc(MEBIBYTE), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  const { sizes, error } = receive([frame(payload)]);
  assert.equal([sizes, error], [[MEBIBYTE], null]);
  const before = countLiveBytes();
  const all = receive(new Array<Buffer>(1024).fill(frame(payload)));
  assert.is(all.sizes.length, 1024);
  const kept = countLiveBytes() - before;
  assert.ok(kept < MEBIBYTE, `${kept} bytes are kept`);
});

for (const role of roles) {
  test(`${role}: a chunk of messages that are huge together is inflated as the queue has room for them`, async () => {
    const opened = open({ role, deflate });
    const { connection, stream } = opened;
    const payload = deflateRawSync(Buffer.alloc(MEBIBYTE), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    const one = encodeNaive({ opcode: 2, rsv1: true, payload });
    const chunk = Buffer.concat([...new Array<Buffer>(60).fill(one), encodeNaive({ opcode: 9, payload: hex('ff') })]);
    stream.receive(peerBytes(role, chunk.toString('hex')));
    await nextTurn();
    // The default limit, and the message that reached it.
    assert.is(connection.countMessages(), 1);
    await opened.assertSent('');
    for (let count = 0; count < 60; count++) {
      assert.is(((await connection.wait()) as Buffer).length, MEBIBYTE);
      assert.ok(connection.countMessages() <= 1, `${connection.countMessages()} messages wait`);
    }
    await nextTurn();
    await opened.assertSent('8a 01 ff');
  });

  test(`${role}: messages that wait to be inflated do not keep a Close frame from getting through`, async () => {
    const opened = open({ role, deflate, limits: { maxQueuedMessages: 2 } });
    const { connection, stream } = opened;
    const one = 'c1 07 f248cdc9c90700';
    stream.receive(peerBytes(role, `${one.repeat(10)} 88 02 03e8`));
    await nextTurn();
    assert.is(connection.countMessages(), 2);
    void connection.close();
    await nextTurn();
    await opened.assertSent('88 02 03e8');
    stream.receiveEnd();
    assert.equal(await connection.closed, { code: 1000, reason: '', wasClean: true });
    // Those beyond the queue are dropped.
    assert.is(connection.countMessages(), 2);
  });
}

test('what waits to be inflated is gone with its connection', async () => {
  const { connection, stream } = open({ role: 'server', deflate, limits: { maxQueuedMessages: 1 } });
  stream.receive(peerBytes('server', 'c1 07 f248cdc9c90700 c1 05 f200110000'));
  await nextTurn();
  assert.is(await connection.wait(), 'Hello');
  // The next would have its turn now.
  connection.terminate();
  assert.is(await connection.wait(), null);
  assert.is((await connection.closed).code, 1006);
});

test('the limit is exact, and may be nothing at all', () => {
  const message = (length: number): Buffer => {
    return frame(deflateRawSync(Buffer.alloc(length), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4));
  };
  assert.equal(outcome([message(1000), message(1001)], 1000), [...TOO_LARGE, 1000]);
  assert.equal(outcome([message(0), message(1)], 0), [...TOO_LARGE, 0]);
});

test('a compressed payload that is longer than any message of the limit is refused by its header', () => {
  const header = hex('c2 ff 0000000000200000 00000000');
  const { result, calls } = counting(() => outcome([header]));
  assert.equal([result, calls], [TOO_LARGE, 0]);
  // Fragments add up.
  const some = frame(Buffer.alloc(65_536, 1), { fin: false });
  const more = frame(Buffer.alloc(65_536, 1), { fin: false, rsv1: false, opcode: 0 });
  assert.equal(outcome([some, ...new Array<Buffer>(40).fill(more)]), TOO_LARGE);
});

test('a message of final blocks, each of which costs zlib a call', () => {
  for (const block of ['0300', '01 0000 ffff']) {
    const payload = Buffer.concat([...new Array<Buffer>(100_000).fill(hex(block)), Buffer.of(0)]);
    const { result, calls } = counting(() => outcome([frame(payload)]));
    assert.equal(result, ['INVALID_DEFLATE', 1007]);
    assert.ok(calls > 1 && calls < 10, `${calls} calls`);
  }
});

test('text that is no UTF-8 once it is inflated', () => {
  const text = (bytes: Buffer): Buffer => {
    return frame(deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4), { opcode: 1 });
  };
  assert.equal(outcome([text(Buffer.from('é')), text(hex('c3'))]), ['INVALID_UTF8', 1007, 2]);
  assert.equal(outcome([text(hex('eda080'))]), ['INVALID_UTF8', 1007]);
  // Of a compressed message, no character can be told before it is inflated.
  assert.equal(outcome([frame(hex('f248'), { fin: false, opcode: 1 })]), [null]);
});

test('a gibibyte of zeros that is read in pieces: inflated as it is read, up to maxStreamedBytes', async () => {
  const opened = open({ role: 'server', deflate, limits: { maxStreamedBytes: 20 * MEBIBYTE } });
  const reading = opened.connection.receive();
  opened.stream.receive(frame(bomb));
  const message = (await reading)!;
  await until('the queue is full', () => opened.connection.stats.pauses === 1);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.is(opened.stream.isPaused(), true);
  assert.is(opened.connection.state, 'open');
  let byteLength = 0;
  const read = async (): Promise<void> => {
    for await (const chunk of message.chunks) byteLength += chunk.length;
  };
  assert.is((await rejectionOf(read()) as ProtocolError).code, 'MESSAGE_TOO_LARGE');
  assert.is(byteLength, 20 * MEBIBYTE);
  await opened.assertSent(`88 29 03f1 ${Buffer.from('message over maxMessageBytes (20971520)').toString('hex')}`);
});

test('zlib without memory closes with 1011, and the peer is not told why', async () => {
  const { inflateRawSync } = zlib;
  const opened = open({ role: 'server', deflate });
  const noMemory = Object.assign(new Error('Cannot allocate memory'), { code: 'Z_MEM_ERROR' });
  Object.assign(zlib, {
    inflateRawSync() {
      throw noMemory;
    },
  });
  syncBuiltinESMExports();
  try {
    await opened.receive('c1 07 f248cdc9c90700');
    await opened.assertSent('88 02 03f3');
  } finally {
    Object.assign(zlib, { inflateRawSync });
    syncBuiltinESMExports();
  }
  opened.stream.receiveEnd();
  assert.is((await opened.connection.closed).error, noMemory);
});

test('zlib without memory for a message that is read in pieces: the same', async () => {
  const { prototype } = zlib.InflateRaw as unknown as { prototype: Record<string, unknown> };
  const opened = open({ role: 'server', deflate });
  const noMemory = Object.assign(new Error('Cannot allocate memory'), { code: 'Z_MEM_ERROR' });
  prototype['_write'] = (_: unknown, __: unknown, done: (error: Error) => void) => done(noMemory);
  try {
    const reading = opened.connection.receive();
    await opened.receive('41 03 f248cd');
    assert.is(await rejectionOf((await reading)!.text()), noMemory);
    await opened.assertSent('88 02 03f3');
  } finally {
    delete prototype['_write'];
  }
});

test('a bomb closes its own connection, and nobody else\'s', async () => {
  const closes: unknown[] = [];
  const route = requireWebSocket(async ({ webSocket }) => {
    for await (const message of webSocket) await webSocket.send(message);
    const { error, ...close } = await webSocket.closed;
    closes.push([(error as ProtocolError | undefined)?.code, close.code]);
  }, { deflate: true });
  await using served = await serve({ '/echo/': route });
  const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
  await using bystander = await RawClient.connect(served.port);
  await bystander.upgrade('/echo/', offer);
  for (let count = 1; count <= 10; count++) {
    await using attacker = await RawClient.connect(served.port);
    await attacker.upgrade('/echo/', offer);
    attacker.sendFrame(2, bomb, { rsv1: true });
    const { opcode, payload } = await attacker.readFrame();
    assert.equal([opcode, payload.readUInt16BE()], [8, 1009]);
    attacker.socket.end();
    await until('the connection has ended', () => closes.length === count);
    bystander.sendFrame(1, 'Hello');
    assert.is((await bystander.readFrame()).payload.toString(), 'Hello');
  }
  assert.equal(closes, new Array<unknown>(10).fill(['MESSAGE_TOO_LARGE', 1006]));
  await served.assertWorking();
});

/** Half of a compressed message of 8 KiB, of which 4 KiB arrived. */
const half = frame(Buffer.alloc(8192)).subarray(0, 4096);

/** Opens connections and has each closed amid a compressed message; returns what stays. */
async function closeMany(count: number, end: (opened: Opened) => Promise<void> | void): Promise<number> {
  for (let done = 0; done < count; done += 100) {
    const opened = Array.from({ length: 100 }, () => open({ role: 'server', deflate }));
    for (const one of opened) await end(one);
    await nextTurn();
    await terminateAll();
    for (const { connection } of opened) assert.is((await connection.closed).code, 1006);
  }
  await idle();
  return countLiveBytes();
}

/** Waits until the threads have come to a message behind all others, and to some behind that. */
async function idle(): Promise<void> {
  for (let count = 0; count < 8; count++) {
    await new Promise<void>((resolve) => new Deflater(context, 6).deflateLater(large, () => resolve()));
  }
}

const ends: readonly (readonly [name: string, end: (opened: Opened) => Promise<void> | void])[] = [
  ['within a frame', async ({ stream }) => {
    stream.receive(half);
    await nextTurn();
    stream.reset();
  }],
  ['between its fragments, behind one that it may refer to', async ({ stream }) => {
    stream.receive(frame(zeros.subarray(0, 500), { fin: false }));
    stream.receive(frame(zeros.subarray(500, 900), { fin: false, rsv1: false, opcode: 0 }));
    await nextTurn();
    stream.receiveEnd();
  }],
  ['while it is read in pieces', async ({ connection, stream }) => {
    const reading = connection.receive();
    stream.receive(half);
    await reading;
    stream.reset();
  }],
  ['while it waits for a thread, in which it is compressed', ({ connection }) => {
    for (let count = 0; count < 3; count++) void connection.send(large, { compress: true });
  }],
];

const large = Buffer.alloc(100_000, 'a message for a thread ');

for (const [name, end] of ends) {
  test(`10,000 connections that end amid a compressed message leave nothing behind: ${name}`, async () => {
    // What is made once, such as the code of functions.
    const before = await closeMany(1000, end);
    const timers = countTimers();
    const kept = (await closeMany(10_000, end)) - before;
    // A hundred bytes for each would be a million.
    assert.ok(kept < 800_000, `${kept} bytes are kept`);
    assert.is(countTimers(), timers);
  });
}

test('sockets that break amid a compressed message, in each direction', async () => {
  let ended = 0;
  const route = requireWebSocket(async ({ webSocket }) => {
    for (let count = 0; count < 4; count++) void webSocket.send(large);
    await webSocket.closed;
    ended++;
  }, { deflate: true });
  await using served = await serve({ '/': route });
  const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
  for (let count = 1; count <= 200; count++) {
    await using client = await RawClient.connect(served.port);
    await client.upgrade('/', offer);
    client.write(half);
    if (count % 2 === 0) (await serverSide(client)).resetAndDestroy();
    else client.socket.resetAndDestroy();
    await until('the connection has ended', () => ended === count);
  }
  assert.is(served.server.connections.size, 0);
});

for (const role of roles) {
  test(`${role}: a message that waits for a thread is not sent behind a Close frame, nor after the end`, async () => {
    const opened = open({ role, deflate });
    void opened.connection.send(large);
    opened.connection.terminate();
    await opened.connection.closed;
    await idle();
    await opened.assertSent('');
  });
}

test.run();
