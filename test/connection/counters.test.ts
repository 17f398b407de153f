// What a connection counts: messages and bytes before and after compression, pings, pauses, and the most that waited.
import * as assert from 'uvu/assert';
import type { ConnectionStats } from '../../src/connection/counters.js';
import { suite } from '../runner/suite.js';
import {
  CLOSE_1000, nextTurn, open, roles, smallStream, terminateAll, textFrames, type Opened,
} from './harness.js';

/** Fails unless the figures that are named are these. */
function assertStats({ connection }: Opened, expected: Partial<ConnectionStats>): void {
  const stats = connection.stats as unknown as Record<string, unknown>;
  assert.equal(Object.fromEntries(Object.keys(expected).map((name) => [name, stats[name]])), expected);
}

const NOTHING = { messages: 0, bytes: 0, wireBytes: 0 };
const NONE = { queuedMessages: 0, queuedBytes: 0, bufferedBytes: 0 };
const DEFLATE = { windowBits: 15, contextTakeover: false };

for (const role of roles) {
  /** The bytes of a masking key, in frames of a client. */
  const [inMask, outMask] = role === 'server' ? [4, 0] : [0, 4];
  const test = suite(`counters, ${role}`);
  test.after.each(terminateAll);

  test('an idle connection has counted nothing', () => {
    const peak = NONE;
    assert.equal(open({ role }).connection.stats, {
      received: NOTHING, sent: NOTHING, pings: 0, roundTrip: null, pauses: 0, peak,
    });
  });

  test('messages, their bytes, and those of the wire', async () => {
    const opened = open({ role });
    await opened.receive('81 03 68c3a9  82 01 00');
    assertStats(opened, { received: { messages: 2, bytes: 4, wireBytes: 8 + 2 * inMask }, sent: NOTHING });
    void opened.connection.send('hé');
    void opened.connection.send(Buffer.alloc(200));
    assertStats(opened, { sent: { messages: 2, bytes: 203, wireBytes: 0 } });
    await nextTurn();
    assertStats(opened, { sent: { messages: 2, bytes: 203, wireBytes: 5 + 204 + 2 * outMask } });
  });

  test('control frames are bytes of the wire, and no messages', async () => {
    const opened = open({ role });
    await opened.receive(`89 01 61  ${CLOSE_1000}`);
    await opened.connection.closed.catch(() => {});
    assertStats(opened, {
      received: { messages: 0, bytes: 0, wireBytes: 7 + 2 * inMask },
      sent: { messages: 0, bytes: 0, wireBytes: 7 + 2 * outMask },
    });
  });

  test('a message counts once all of it is there, however it is cut', async () => {
    const opened = open({ role });
    await opened.receive('01 02 6161');
    assertStats(opened, { received: { messages: 0, bytes: 0, wireBytes: 4 + inMask } });
    await opened.receive('80 01 61');
    assertStats(opened, { received: { messages: 1, bytes: 3, wireBytes: 7 + 2 * inMask } });
  });

  test('one that is read, or sent, in pieces counts once it is whole', async () => {
    const opened = open({ role });
    const reading = opened.connection.receive();
    await opened.receive('01 02 6161');
    assertStats(opened, { received: { messages: 0, bytes: 0, wireBytes: 4 + inMask } });
    await opened.receive('80 01 61');
    assert.is(await (await reading)!.text(), 'aaa');
    assertStats(opened, { received: { messages: 1, bytes: 3, wireBytes: 7 + 2 * inMask } });
    await opened.connection.send((async function* () {
      yield 'é';
      assertStats(opened, { sent: { messages: 0, bytes: 0, wireBytes: 0 } });
      yield 'a';
    })());
    await nextTurn();
    assertStats(opened, { sent: { messages: 1, bytes: 3, wireBytes: 4 + 3 + 2 + 3 * outMask } });
  });

  test('with compression, the bytes of messages are those before it', async () => {
    const opened = open({ role, deflate: { incoming: DEFLATE, outgoing: DEFLATE } });
    // RFC 7692 §7.2.3.1
    await opened.receive('c1 07 f248cdc9c90700');
    assertStats(opened, { received: { messages: 1, bytes: 5, wireBytes: 9 + inMask } });
    await opened.connection.send('a'.repeat(1000));
    await nextTurn();
    const { sent } = opened.connection.stats;
    assert.equal([sent.messages, sent.bytes], [1, 1000]);
    assert.ok(sent.wireBytes < 50, `${sent.wireBytes}`);
    assert.is(sent.wireBytes, opened.stream.written.length);
  });

  test('with compression in pieces, too', async () => {
    const opened = open({ role, deflate: { incoming: DEFLATE, outgoing: DEFLATE } });
    const reading = opened.connection.receive();
    await opened.receive('41 03 f248cd');
    const message = (await reading)!;
    await opened.receive('80 04 c9c90700');
    assert.is(await message.text(), 'Hello');
    assertStats(opened, { received: { messages: 1, bytes: 5, wireBytes: 5 + 6 + 2 * inMask }, pauses: 0 });
    await opened.connection.send((async function* () {
      yield 'a'.repeat(500);
      yield 'a'.repeat(500);
    })());
    await nextTurn();
    const { sent } = opened.connection.stats;
    assert.equal([sent.messages, sent.bytes], [1, 1000]);
    assert.ok(sent.wireBytes < 60 + 3 * outMask, `${sent.wireBytes}`);
    assert.is(sent.wireBytes, opened.stream.written.length);
  });

  test('pings, and the round trip of the last that was answered', async () => {
    const opened = open({ role });
    await opened.receive('8a 00  8a 01 61');
    assertStats(opened, { pings: 0, roundTrip: null });
    const ping = opened.connection.ping('a');
    assertStats(opened, { pings: 1, roundTrip: null });
    await opened.receive('8a 01 61');
    assertStats(opened, { pings: 1, roundTrip: await ping });
  });

  test('also of keep-alive', async () => {
    const opened = open({ role });
    for (let check = 0; check < 4; check++) opened.checkLife();
    assertStats(opened, { pings: 1, roundTrip: null });
    await opened.receive('8a 00');
    const { roundTrip } = opened.connection.stats;
    assert.ok(roundTrip !== null && roundTrip >= 0);
    // Nobody has asked for another.
    await opened.receive('8a 00');
    assertStats(opened, { pings: 1, roundTrip });
  });

  test('how often the peer was stopped, and the most that was unread', async () => {
    const opened = open({ role, limits: { maxQueuedMessages: 3 } });
    await opened.receive(textFrames('a', 'bb'));
    assertStats(opened, { pauses: 0, peak: { ...NONE, queuedMessages: 2, queuedBytes: 3 } });
    await opened.receive(textFrames('c', 'd'));
    while (opened.connection.read() !== null);
    await opened.receive(textFrames('e'.repeat(100)));
    assertStats(opened, { pauses: 1, peak: { ...NONE, queuedMessages: 4, queuedBytes: 100 } });
  });

  test('the most that the system did not take', async () => {
    const stream = smallStream();
    const opened = open({ role, stream });
    stream.hold();
    void opened.connection.send(Buffer.alloc(98));
    await nextTurn();
    assertStats(opened, { peak: { ...NONE, bufferedBytes: 100 + outMask } });
    void opened.connection.send(Buffer.alloc(8));
    await nextTurn();
    assertStats(opened, { peak: { ...NONE, bufferedBytes: 110 + 2 * outMask } });
    stream.release();
    await nextTurn();
    assertStats(opened, { peak: { ...NONE, bufferedBytes: 110 + 2 * outMask } });
  });

  test.run();
}
