// Keep-alive: who counts as alive, who is asked, and who is given up.
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { ConnectionClosed, TimeoutError, WebSocketError } from '../../src/errors.js';
import { createFakePair } from '../support/peers/fake-stream.js';
import { suite } from '../runner/suite.js';
import {
  ABNORMAL, assertClosed, CLOSE_1000, isPending, nextTurn, numbered, open, peerBytes, rejectionOf, roles, smallStream,
  terminateAll, textFrames, type Opened,
} from './harness.js';

/** So many checks as an interval has: the peer and this side are silent meanwhile. */
async function pass(intervals: number, opened: Opened): Promise<void> {
  for (let check = 0; check < intervals * 4; check++) {
    opened.checkLife();
    await nextTurn();
  }
}

for (const role of roles) {
  const test = suite(`checkLife, ${role}`);
  test.after.each(terminateAll);

  test('a silent peer is asked within one interval, and given up within two', async () => {
    const opened = open({ role });
    const { connection, stream } = opened;
    await pass(3 / 4, opened);
    await opened.assertSent('');
    await pass(1 / 4, opened);
    await opened.assertSent('89 00');
    const wait = connection.wait();
    const ping = connection.ping('mine');
    await nextTurn();
    const before = stream.written.length;
    await pass(3 / 4, opened);
    assert.is(stream.written.length, before);
    assert.is(stream.destroyed, false);
    await pass(1 / 4, opened);
    assert.is(stream.destroyed, true);
    await assertClosed(opened, ABNORMAL, TimeoutError);
    assert.match(String((await connection.closed).error), 'keepAliveInterval');
    assert.is(await wait, null);
    assert.instance(await rejectionOf(ping), ConnectionClosed);
  });

  const signs: [name: string, sign: (opened: Opened) => Promise<unknown>][] = [
    ['the pong', (opened) => opened.receive('8a 00')],
    ['a ping of its own', (opened) => opened.receive('89 00')],
    ['a message', (opened) => opened.receive(textFrames('a'))],
    ['one byte of a header', async (opened) => opened.stream.receive(peerBytes(role, '81 00').subarray(0, 1))],
  ];
  for (const [name, sign] of signs) {
    test(`${name} is a sign of life`, async () => {
      const opened = open({ role });
      const { stream } = opened;
      await pass(1, opened);
      const probe = stream.written.length;
      await sign(opened);
      await nextTurn();
      await pass(3 / 4, opened);
      const before = stream.written.length;
      // From now on it is silent again: asked once more, then given up.
      await pass(1 / 4, opened);
      assert.is(stream.written.length, before + probe);
      await pass(3 / 4, opened);
      assert.is(stream.destroyed, false);
      opened.checkLife();
      await assertClosed(opened, ABNORMAL, TimeoutError);
    });
  }

  test('a peer that speaks is asked all the same once this side has been silent for an interval', async () => {
    const opened = open({ role });
    for (let round = 0; round < 8; round++) {
      await opened.receive(textFrames('a'));
      await pass(1 / 4, opened);
    }
    await opened.assertSent('89 00  89 00');
    assert.is(opened.stream.destroyed, false);
  });

  test('where both speak in each interval nobody is asked', async () => {
    const opened = open({ role });
    for (let round = 0; round < 10; round++) {
      await opened.receive(textFrames('a'));
      void opened.connection.send('b');
      await nextTurn();
      await pass(3 / 4, opened);
    }
    await opened.assertSent(textFrames(...'b'.repeat(10)));
  });

  test('a peer that this side has stopped is not dead, and is asked as long as messages are taken', async () => {
    const opened = open({ role, limits: { maxQueuedMessages: 8 } });
    const { connection, stream } = opened;
    await opened.receive(textFrames(...numbered(8)));
    await opened.receive(textFrames('behind'));
    for (let round = 0; round < 5; round++) {
      await pass(5, opened);
      assert.is(connection.read(), `message ${round}`);
    }
    assert.is(stream.isPaused(), true);
    await opened.assertSent('89 00'.repeat(25));
    connection.read();
    await nextTurn();
    assert.is(connection.countMessages(), 3);
    // Now that it may speak again, it is given up like any other.
    await pass(2, opened);
    await assertClosed(opened, ABNORMAL, TimeoutError);
  });

  test('a full queue from which nobody takes a message for six intervals closes the connection with 1008', async () => {
    const opened = open({ role, limits: { maxQueuedMessages: 2 } });
    const { connection, stream } = opened;
    await opened.receive(textFrames('a', 'b'));
    await pass(5.75, opened);
    assert.is(connection.isClosed(), false);
    const asked = '89 00'.repeat(5);
    await pass(1 / 4, opened);
    await opened.assertSent(`${asked} 88 17 03f0 ${Buffer.from('messages are not read').toString('hex')}`);
    await opened.receive(`${textFrames('c')} 88 02 03f0`);
    await opened.receiveEnd();
    await assertClosed(opened, { code: 1008, reason: '', wasClean: true }, WebSocketError);
    assert.is(((await connection.closed).error as WebSocketError).code, 'NOT_READ');
    assert.equal([await connection.wait(), await connection.wait(), await connection.wait()], ['a', 'b', null]);
    assert.is(stream.writableEnded, true);
  });

  test('a peer that works through a backlog is not dead; one that has stopped reading is', async () => {
    const [near, far] = createFakePair({ highWaterMark: 100 });
    const opened = open({ role, stream: near });
    const { connection } = opened;
    for (const text of numbered(8)) {
      void connection.send(text.padEnd(110));
      await nextTurn();
    }
    await pass(1, opened);
    const amounts = [connection.bufferedAmount];
    for (let round = 0; round < 3; round++) {
      // The far side takes what one write brought, which makes room for the next.
      if (far.readableLength === 0) await once(far, 'readable');
      assert.ok(far.read() !== null);
      await nextTurn();
      amounts.push(connection.bufferedAmount);
      await pass(5 / 4, opened);
    }
    assert.equal(amounts, [...amounts].sort((left, right) => right - left));
    assert.is(near.destroyed, false);
    await pass(2, opened);
    assert.is(near.destroyed, true);
    assert.is((await connection.closed).error instanceof TimeoutError, true);
  });

  test('a peer that never reads is given up, whatever is sent to it', async () => {
    const opened = open({ role, stream: smallStream() });
    opened.stream.hold();
    for (let round = 0; round < 8; round++) {
      void opened.connection.send('x'.repeat(110));
      await nextTurn();
      opened.checkLife();
    }
    await assertClosed(opened, ABNORMAL, TimeoutError);
  });

  test('a closing connection is left to the time limit of the closing handshake', async () => {
    const opened = open({ role });
    void opened.connection.close();
    await pass(10, opened);
    await opened.assertSent(CLOSE_1000);
    assert.is(opened.stream.destroyed, false);
  });

  test('a connection that has ended is left alone', async () => {
    const opened = open({ role });
    await opened.reset();
    await pass(10, opened);
    await opened.assertSent('');
    assert.is(((await opened.connection.closed).error as NodeJS.ErrnoException).code, 'ECONNRESET');
  });

  test('the pong to a keep-alive ping answers no other', async () => {
    const opened = open({ role });
    const ping = opened.connection.ping('mine');
    await pass(1, opened);
    await opened.receive('8a 00');
    assert.is(await isPending(ping), true);
    await opened.receive('8a 04 6d696e65');
    assert.type(await ping, 'number');
  });

  test.run();
}
