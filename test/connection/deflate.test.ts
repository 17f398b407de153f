// Compressed messages on a connection: which are, in which order they leave, and what a close waits for.
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { Deflater } from '../../src/frame/deflater.js';
import { Inflater, TAIL } from '../../src/frame/inflater.js';
import { Random } from '../frame/random.js';
import { suite } from '../runner/suite.js';
import { decodeNaive, type DecodedFrame } from '../support/codec/naive-codec.js';
import {
  assertClosed, CLOSE_1000, collect, countTimers, nextTurn, open, peerBytes, rejectionOf, roles,
  terminateAll, type Opened,
} from './harness.js';

const context = { windowBits: 15, contextTakeover: true };
const deflate = { outgoing: context, incoming: context };

/** The messages in what a connection sent: each as `compressed` or `plain`, its opcode, and its bytes as text. */
function sentBy({ stream }: Opened): string[] {
  const { frames, rest } = decodeNaive(stream.written);
  assert.is(rest.length, 0);
  const inflater = new Inflater(context);
  return frames.map(({ fin, rsv1, opcode, payload }) => {
    assert.is(fin, true);
    if (!rsv1) return `plain ${opcode} ${opcode === 0x8 ? payload.toString('hex') : payload.toString()}`;
    return `compressed ${opcode} ${inflater.inflate(Buffer.concat([payload, TAIL]), 1 << 24)!.toString()}`;
  });
}

/** Waits until a message that is compressed off the loop is there. */
async function settle(opened: Opened, count: number): Promise<void> {
  for (let turns = 0; turns < 1000; turns++) {
    if (decodeNaive(opened.stream.written).frames.length >= count) return;
    await sleep(5);
  }
  throw new Error('it never came');
}

const LARGE = 'large '.repeat(20_000);

for (const role of roles) {
  const test = suite(`Connection, deflate, ${role}`);
  test.after.each(terminateAll);

  test('a message of threshold bytes is compressed, a shorter one is not, with context takeover too', async () => {
    const opened = open({ role, deflate });
    const { connection } = opened;
    const texts = ['a'.repeat(99), 'a'.repeat(100), 'ä'.repeat(50), 'ä'.repeat(49)];
    for (const text of texts) void connection.send(text);
    void connection.send(Buffer.alloc(100, 'b'));
    await nextTurn();
    assert.equal(sentBy(opened), [
      `plain 1 ${'a'.repeat(99)}`, `compressed 1 ${'a'.repeat(100)}`, `compressed 1 ${'ä'.repeat(50)}`,
      `plain 1 ${'ä'.repeat(49)}`, `compressed 2 ${'b'.repeat(100)}`,
    ]);
  });

  test('send({ compress }) decides instead of the threshold', async () => {
    const opened = open({ role, deflate });
    const { connection } = opened;
    void connection.send('b'.repeat(50), { compress: true });
    void connection.send('a'.repeat(200), { compress: false });
    void connection.send('a'.repeat(200), {});
    await nextTurn();
    assert.equal(sentBy(opened), [
      `compressed 1 ${'b'.repeat(50)}`, `plain 1 ${'a'.repeat(200)}`, `compressed 1 ${'a'.repeat(200)}`,
    ]);
  });

  test('without an agreement nothing is compressed, asked or not', async () => {
    const opened = open({ role });
    void opened.connection.send('a'.repeat(200), { compress: true });
    await nextTurn();
    assert.equal(sentBy(opened), [`plain 1 ${'a'.repeat(200)}`]);
  });

  test('a large message that would not become shorter, alone, is sent as it is', async () => {
    const outgoing = { ...deflate.outgoing, contextTakeover: false };
    const opened = open({ role, deflate: { ...deflate, outgoing } });
    const noise = new Random(7).bytes(70_000);
    void opened.connection.send(noise);
    await settle(opened, 1);
    const [{ rsv1, payload }] = decodeNaive(opened.stream.written).frames as [DecodedFrame];
    assert.equal([rsv1, payload.compare(noise)], [false, 0]);
  });

  test('what would not become shorter is sent as it is', async () => {
    const opened = open({ role, deflate });
    void opened.connection.send('', { compress: true });
    void opened.connection.send('abc', { compress: true });
    await nextTurn();
    assert.equal(sentBy(opened), ['plain 1 ', 'plain 1 abc']);
  });

  test('compressed messages arrive, each referring to those before', async () => {
    const opened = open({ role, deflate });
    await opened.receive('c1 07 f248cdc9c90700 41 02 f200 80 03 110000');
    assert.is(await opened.connection.wait(), 'Hello');
    assert.is(await opened.connection.wait(), 'Hello');
  });

  test('the queue counts the bytes of inflated messages', async () => {
    const opened = open({ role, deflate, limits: { maxQueuedBytes: 1000 } });
    const deflated = new Deflater(context, 6).deflate(Buffer.alloc(1000))!;
    const length = deflated.length.toString(16).padStart(2, '0');
    await opened.receive(`c2 ${length} ${deflated.toString('hex')}`);
    assert.is(opened.stream.isPaused(), true);
    assert.equal(opened.connection.read(), Buffer.alloc(1000));
    assert.is(opened.stream.isPaused(), false);
  });

  test('what is no DEFLATE closes with 1007', async () => {
    const opened = open({ role, deflate });
    await opened.receive('c1 03 ffffff');
    const [close] = sentBy(opened);
    assert.match(close!, /^plain 8 03ef/);
    await opened.receiveEnd();
    assert.is(((await opened.connection.closed).error as { code?: string }).code, 'INVALID_DEFLATE');
  });

  test('a message over the limit once it is inflated closes with 1009', async () => {
    const opened = open({ role, deflate, limits: { maxMessageBytes: 4 } });
    await opened.receive('c1 07 f248cdc9c90700');
    assert.match(sentBy(opened)[0]!, /^plain 8 03f1/);
  });

  test('large messages leave in the order in which they were sent, with all behind them', async () => {
    const opened = open({ role, deflate });
    const { connection } = opened;
    void connection.send('first');
    void connection.send(LARGE);
    void connection.send('second');
    void connection.send(Buffer.from(LARGE + LARGE));
    await opened.receive('89 01 61');
    void connection.send('third '.repeat(50));
    await settle(opened, 6);
    assert.equal(sentBy(opened), [
      'plain 1 first', `compressed 1 ${LARGE}`, 'plain 1 second', `compressed 2 ${LARGE + LARGE}`, 'plain 10 a',
      `compressed 1 ${'third '.repeat(50)}`,
    ]);
  });

  test('a large message counts as unsent until it is written, and its send waits for that', async () => {
    const opened = open({ role, deflate });
    const { connection } = opened;
    const sent = connection.send(LARGE);
    assert.is(connection.bufferedAmount, LARGE.length);
    let hasRoom = false;
    void sent.then(() => (hasRoom = true));
    // Not a turn of the event loop: zlib may be done by then.
    await Promise.resolve().then(() => {});
    assert.is(hasRoom, false);
    await settle(opened, 1);
    await sent;
    assert.is(connection.bufferedAmount, 0);
  });

  test('our Close frame comes behind large messages', async () => {
    const opened = open({ role, deflate });
    void opened.connection.send(LARGE);
    void opened.connection.close();
    await settle(opened, 2);
    assert.equal(sentBy(opened), [`compressed 1 ${LARGE}`, 'plain 8 03e8']);
    assert.is(opened.stream.writableEnded, false);
    await opened.receive(CLOSE_1000);
    await opened.receiveEnd();
    await assertClosed(opened, { code: 1000, reason: '', wasClean: true });
  });

  test('a Close frame of the peer is answered behind large messages, and then the stream ends', async () => {
    const opened = open({ role, deflate });
    void opened.connection.send(LARGE);
    await opened.receive(CLOSE_1000);
    await settle(opened, 2);
    assert.equal(sentBy(opened), [`compressed 1 ${LARGE}`, 'plain 8 03e8']);
    await nextTurn();
    assert.is(opened.stream.writableEnded, role === 'server');
    await opened.receiveEnd();
    await assertClosed(opened, { code: 1000, reason: '', wasClean: true });
  });

  test('when the peer ends its side, a large message still leaves before ours ends', async () => {
    const timers = countTimers();
    const opened = open({ role, deflate });
    void opened.connection.send(LARGE);
    await opened.receiveEnd();
    await settle(opened, 1);
    assert.equal(sentBy(opened), [`compressed 1 ${LARGE}`]);
    await nextTurn();
    assert.is(opened.stream.writableEnded, true);
    assert.is((await opened.connection.closed).code, 1006);
    assert.is(countTimers(), timers);
  });

  test('terminate() while large messages are compressed: nothing more is written, and nothing stays', async () => {
    const opened = open({ role, deflate });
    const sent = Array.from({ length: 20 }, () => opened.connection.send(LARGE));
    opened.connection.terminate();
    for (const promise of sent) assert.match((await rejectionOf(promise)).name, 'ConnectionClosed');
    await opened.connection.closed;
    // A message of another connection behind them shows that theirs are done with.
    const other = open({ role, deflate });
    void other.connection.send(LARGE);
    await settle(other, 1);
    assert.equal(opened.stream.writes, []);
    assert.equal(await collect(opened.connection), []);
  });

  test('zlib fails: the connection ends with its error', async () => {
    // A window that zlib does not know stands for memory that it does not get.
    const opened = open({ role, deflate: { ...deflate, outgoing: { ...context, windowBits: 99 } } });
    const sent = opened.connection.send(LARGE);
    const close = await opened.connection.closed;
    assert.is(close.code, 1006);
    assert.is((close.error as { code?: string }).code, 'ERR_OUT_OF_RANGE');
    assert.is((await rejectionOf(sent)).name, 'ConnectionClosed');
  });

  test('messages of single bytes from the peer, compressed, cut anywhere', async () => {
    const opened = open({ role, deflate });
    for (const byte of peerBytes(role, 'c1 07 f248cdc9c90700')) opened.stream.receive(Uint8Array.of(byte));
    assert.is(await opened.connection.wait(), 'Hello');
  });

  test.run();
}
