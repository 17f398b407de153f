// Backpressure both ways: a peer that floods is paused, a peer that doesn't read makes the sender wait.
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/connection/connection.js';
import { ConnectionClosed, WebSocketError } from '../../src/errors.js';
import { suite } from '../runner/suite.js';
import { createFakePair } from '../support/peers/fake-stream.js';
import {
  ABNORMAL, CLOSE_1000, isPending, nextTurn, numbered, open, peerBytes, rejectionOf, smallStream, terminateAll,
  textFrames, type Opened,
} from './harness.js';

// ── Backpressure against a peer that floods ──

{
  const test = suite('Connection, a flooding peer');
  test.after.each(terminateAll);

  test('with maxQueuedMessages unread the stream is paused', async () => {
    const opened = open({ limits: { maxQueuedMessages: 4 } });
    await opened.receive(textFrames('0', '1', '2'));
    assert.is(opened.stream.isPaused(), false);
    await opened.receive(textFrames('3'));
    assert.is(opened.stream.isPaused(), true);
    assert.is(opened.connection.countMessages(), 4);
  });

  test('with maxQueuedBytes unread the stream is paused', async () => {
    const opened = open({ limits: { maxQueuedBytes: 10 } });
    await opened.receive('82 09 000000000000000000');
    assert.is(opened.stream.isPaused(), false);
    await opened.receive('82 01 00');
    assert.is(opened.stream.isPaused(), true);
    assert.is(opened.connection.countMessages(), 2);
  });

  test('bytes are those of the wire, not the characters', async () => {
    const opened = open({ limits: { maxQueuedBytes: 6 } });
    await opened.receive('81 06 e4bda0 e5a5bd');
    assert.is(opened.stream.isPaused(), true);
  });

  test('what the chunk holds beyond the limit is kept; the next chunk is not looked at', async () => {
    const opened = open({ limits: { maxQueuedMessages: 4 } });
    await opened.receive(textFrames(...numbered(10)));
    assert.is(opened.connection.countMessages(), 10);
    assert.is(opened.stream.isPaused(), true);
    await opened.receive(`${textFrames('later')} 89 00`);
    assert.is(opened.connection.countMessages(), 10);
    await opened.assertSent('');
    assert.ok(opened.stream.readableLength > 0);
  });

  const ways: [name: string, take: (connection: Connection) => Promise<unknown> | unknown][] = [
    ['read()', (connection) => connection.read()],
    ['wait()', (connection) => connection.wait()],
    ['iteration', (connection) => connection[Symbol.asyncIterator]().next()],
  ];
  for (const [name, take] of ways) {
    test(`${name} resumes at a quarter of maxQueuedMessages`, async () => {
      const opened = open({ limits: { maxQueuedMessages: 8 } });
      const { connection, stream } = opened;
      await opened.receive(textFrames(...numbered(8)));
      await opened.receive(textFrames('behind'));
      while (connection.countMessages() > 3) {
        await take(connection);
        assert.is(stream.isPaused(), true, `with ${connection.countMessages()}`);
      }
      await take(connection);
      assert.is(stream.isPaused(), false);
      await nextTurn();
      assert.equal([1, 2, 3].map(() => connection.read()), ['message 6', 'message 7', 'behind']);
    });
  }

  test('it resumes at a quarter of maxQueuedBytes', async () => {
    const opened = open({ limits: { maxQueuedBytes: 8 } });
    const { connection, stream } = opened;
    await opened.receive('82 03 000000  82 03 000000  81 01 61  81 01 62');
    connection.read();
    assert.is(stream.isPaused(), true);
    connection.read();
    assert.is(stream.isPaused(), false);
  });

  test('it stays paused while either limit is above its quarter', async () => {
    const limits = { maxQueuedMessages: 8, maxQueuedBytes: 16 };
    const heavy = open({ limits });
    await heavy.receive(`${textFrames(...'abcdefg')} 82 05 0000000000`);
    for (let count = 7; count > 0; count--) heavy.connection.read();
    assert.is(heavy.connection.countMessages(), 1);
    assert.is(heavy.stream.isPaused(), true);
    heavy.connection.read();
    assert.is(heavy.stream.isPaused(), false);

    const many = open({ limits });
    await many.receive(`82 10 ${'00'.repeat(16)}  81 00  81 00  81 00`);
    many.connection.read();
    assert.is(many.connection.countMessages(), 3);
    assert.is(many.stream.isPaused(), true);
    many.connection.read();
    assert.is(many.stream.isPaused(), false);
  });

  test('a limit of one message is one at a time', async () => {
    const opened = open({ limits: { maxQueuedMessages: 1 } });
    for (const text of numbered(5)) {
      await opened.receive(textFrames(text));
      assert.is(opened.stream.isPaused(), true);
      assert.is(opened.connection.read(), text);
      assert.is(opened.stream.isPaused(), false);
    }
  });

  test('messages for those who wait are never too many', async () => {
    const opened = open({ limits: { maxQueuedMessages: 1, maxQueuedBytes: 1 } });
    const waits = numbered(100).map(() => opened.connection.wait());
    await opened.receive(textFrames(...numbered(100)));
    assert.is(opened.stream.isPaused(), false);
    assert.equal(await Promise.all(waits), numbered(100));
  });

  test('the frames behind the head can already be too many', async () => {
    const firstBytes = peerBytes('server', textFrames('a', 'b', 'c'));
    const opened = open({ limits: { maxQueuedMessages: 2 }, firstBytes });
    await opened.receive(textFrames('d'));
    assert.is(opened.stream.isPaused(), true);
    assert.is(opened.connection.countMessages(), 3);
    opened.connection.read();
    opened.connection.read();
    opened.connection.read();
    assert.is(await opened.connection.wait(), 'd');
  });

  test('a slow reader under a flood: bounded, nothing lost, in order', async () => {
    const total = 10_000;
    const limit = 16;
    const highWaterMark = 1024;
    const frameBytes = 2 + 4 + 8;
    const framesInOneWrite = 5;
    // The far side stops at its high-water mark, so this is what one read can bring.
    const bytesInOneRead = highWaterMark + framesInOneWrite * frameBytes;
    const [near, far] = createFakePair({ highWaterMark });
    const { connection } = open({ stream: near, limits: { maxQueuedMessages: limit } });
    const assertBounded = (): void => {
      assert.ok(connection.countMessages() < limit + bytesInOneRead / frameBytes, `${connection.countMessages()}`);
      assert.ok(near.readableLength < highWaterMark + bytesInOneRead, `${near.readableLength}`);
    };

    let sent = 0;
    const flood = (async () => {
      while (sent < total) {
        const texts = Array.from({ length: framesInOneWrite }, () => String(sent++).padStart(8, '0'));
        if (!far.write(peerBytes('server', textFrames(...texts)))) await once(far, 'drain');
      }
      far.write(peerBytes('server', CLOSE_1000));
    })();
    for (let turn = 0; turn < 100; turn++) {
      await nextTurn();
      assertBounded();
    }
    // Nobody reads: the flood has stopped on the far side, long before its end.
    assert.is(near.isPaused(), true);
    assert.is(far.writableNeedDrain, true);
    assert.ok(sent < 1000, `${sent} were sent`);

    let received = 0;
    for await (const message of connection) {
      if (message !== String(received).padStart(8, '0')) assert.unreachable(`message ${received} is ${message}`);
      received++;
      assertBounded();
      if (received % 100 === 0) await nextTurn();
    }
    await flood;
    assert.is(received, total);
  });

  test.run();
}

// ── A peer that doesn't read ──

{
  const test = suite('Connection, a peer that does not read');
  test.after.each(terminateAll);

  test('send() is fulfilled at once while there is room', async () => {
    const { connection, stream } = open({ stream: smallStream() });
    stream.hold();
    assert.is(await isPending(connection.send('x'.repeat(40))), false);
    assert.is(await isPending(connection.send('x'.repeat(40))), false);
  });

  test('send() waits while the peer reads nothing, and goes on when it does', async () => {
    const opened = open({ stream: smallStream() });
    const { connection, stream } = opened;
    stream.hold();
    const first = connection.send('x'.repeat(110));
    const second = connection.send('y');
    assert.is(await isPending(first), true);
    assert.is(await isPending(second), true);
    stream.release();
    await Promise.all([first, second]);
    await opened.assertSent(`81 6e ${'78'.repeat(110)}  81 01 79`);
    assert.is(await isPending(connection.send('z')), false);
  });

  test('a message of any size that the kernel takes is no reason to wait long', async () => {
    const { connection } = open({ stream: smallStream() });
    await connection.send('x'.repeat(5000));
    await connection.send(Buffer.alloc(70_000));
    assert.is(connection.bufferedAmount, 0);
  });

  test('send() waits for the next time as well', async () => {
    const { connection, stream } = open({ stream: smallStream() });
    for (let round = 0; round < 3; round++) {
      stream.hold();
      const sent = connection.send('x'.repeat(110));
      assert.is(await isPending(sent), true);
      stream.release();
      await sent;
    }
  });

  test('once send() waits, it does so until less than the high-water mark is left', async () => {
    const [near, far] = createFakePair({ highWaterMark: 100 });
    const { connection } = open({ stream: near });
    for (const length of [98, 110, 60]) {
      void connection.send('x'.repeat(length));
      await nextTurn();
    }
    assert.is(connection.bufferedAmount, 112 + 62);
    const sent = connection.send('y');
    assert.is(await isPending(sent), true);
    assert.is(far.read().length, 100);
    await sent;
    assert.is(connection.bufferedAmount, 62 + 3);
  });

  test('a loop that awaits send() stays within one message over the high-water mark', async () => {
    const { connection, stream } = open({ stream: smallStream() });
    stream.hold();
    let sent = 0;
    const loop = (async () => {
      for (; sent < 100; sent++) await connection.send('x'.repeat(48));
    })();
    await isPending(loop);
    assert.is(sent, 1);
    assert.is(connection.bufferedAmount, 100);
    stream.release();
    await loop;
    assert.is(stream.written.length, 5000);
  });

  const ends: [name: string, end: (opened: Opened) => unknown][] = [
    ['is reset', (opened) => opened.reset()],
    ['is terminated', (opened) => opened.connection.terminate()],
    ['closes in time no more', (opened) => opened.connection.close()],
  ];
  for (const [name, end] of ends) {
    test(`a send() that waits rejects when the connection ${name}`, async () => {
      const opened = open({ stream: smallStream(), limits: { closeTimeout: 1 } });
      opened.stream.hold();
      const waits = [opened.connection.send('x'.repeat(110)), opened.connection.send('y')];
      await isPending(waits[0]);
      void end(opened);
      for (const wait of waits) {
        const error = await rejectionOf(wait);
        assert.instance(error, ConnectionClosed);
        assert.is((error as ConnectionClosed).close, await opened.connection.closed);
      }
    });
  }

  for (const [role, bytes] of [['server', 7], ['client', 11]] as const) {
    test(`${role}: bufferedAmount is what the kernel has not taken, header and all`, async () => {
      const { connection, stream } = open({ role });
      assert.is(connection.bufferedAmount, 0);
      void connection.send('Hello');
      assert.is(connection.bufferedAmount, bytes);
      await nextTurn();
      assert.is(connection.bufferedAmount, 0);
      stream.hold();
      void connection.send('Hello');
      await nextTurn();
      void connection.send('Hello');
      assert.is(connection.bufferedAmount, 2 * bytes);
      stream.release();
      await nextTurn();
      assert.is(connection.bufferedAmount, 0);
    });
  }

  test('over maxBufferedBytes, as many bytes more cut the connection', async () => {
    const opened = open({ limits: { maxBufferedBytes: 1000 } });
    const { connection, stream } = opened;
    await opened.receive(textFrames('unread'));
    stream.hold();
    const wait = connection.send('x'.repeat(20_000));
    await nextTurn();
    void connection.send('x'.repeat(996));
    await nextTurn();
    assert.is(connection.bufferedAmount, 20_004 + 1000);
    assert.is(connection.isClosed(), false);

    assert.instance(await rejectionOf(connection.send('y')), ConnectionClosed);
    assert.is(connection.isClosed(), true);
    assert.is(stream.destroyed, true);
    const { error, ...close } = await connection.closed;
    assert.equal(close, ABNORMAL);
    assert.instance(error, WebSocketError);
    assert.is((error as WebSocketError).code, 'PEER_NOT_READING');
    assert.is(await isPending(wait), false);
    assert.is(await connection.wait(), 'unread');
    assert.is(await connection.wait(), null);
  });

  test('one message over maxBufferedBytes is sent if nothing waits before it', async () => {
    const opened = open({ limits: { maxBufferedBytes: 0 } });
    await opened.connection.send('Hello');
    await opened.assertSent('81 05 48656c6c6f');
  });

  test('what one turn sends cuts nobody, and counts no more once the peer has caught up', async () => {
    const opened = open({ limits: { maxBufferedBytes: 1000 } });
    const { connection, stream } = opened;
    stream.hold();
    for (let count = 0; count < 100; count++) void connection.send('x'.repeat(500));
    await nextTurn();
    void connection.send('x'.repeat(500));
    stream.release();
    await connection.flushed();
    stream.hold();
    for (let count = 0; count < 100; count++) void connection.send('x'.repeat(500));
    await nextTurn();
    void connection.send('x'.repeat(500));
    assert.is(connection.isClosed(), false);
    stream.release();
    await connection.flushed();
    assert.is(stream.written.length, 202 * 504);
  });

  test('the messages before a cut are those that the kernel has taken, whole and in order', async () => {
    const opened = open({ limits: { maxBufferedBytes: 10 } });
    await opened.connection.send('taken');
    await nextTurn();
    opened.stream.hold();
    void opened.connection.send('not taken');
    await nextTurn();
    void opened.connection.send('waits');
    void opened.connection.send('too much');
    await opened.assertSent('81 05 74616b656e');
  });

  test('a Close frame stands behind all that was sent before it', async () => {
    const opened = open({ stream: smallStream() });
    opened.stream.hold();
    void opened.connection.send('x'.repeat(110));
    await nextTurn();
    void opened.connection.close();
    await nextTurn();
    opened.stream.release();
    await opened.assertSent(`81 6e ${'78'.repeat(110)} ${CLOSE_1000}`);
  });

  test('a flood of pings grows nothing: the latest is answered when the peer reads again', async () => {
    const opened = open({ stream: smallStream() });
    const { connection, stream } = opened;
    stream.hold();
    void connection.send('x'.repeat(110));
    await nextTurn();
    const before = connection.bufferedAmount;
    for (let round = 0; round < 100; round++) {
      await opened.receive(`${'89 02 6869'.repeat(100)} 89 02 ${(0x1000 + round).toString(16)}`);
      assert.is(connection.bufferedAmount, before);
    }
    stream.release();
    await opened.assertSent(`81 6e ${'78'.repeat(110)}  8a 02 1063`);
    await opened.receive('89 01 61');
    await opened.assertSent(`81 6e ${'78'.repeat(110)}  8a 02 1063  8a 01 61`);
  });

  test('a flood of pings from the start leaves the answers of one read at most, and one more', async () => {
    const opened = open({ stream: smallStream() });
    const { connection, stream } = opened;
    stream.hold();
    for (let round = 0; round < 100; round++) {
      await opened.receive('89 02 6869'.repeat(100));
      assert.is(connection.bufferedAmount, 400);
    }
    stream.release();
    await opened.assertSent('8a 02 6869'.repeat(101));
  });

  test('messages are received while nothing can be sent', async () => {
    const opened = open({ stream: smallStream() });
    opened.stream.hold();
    void opened.connection.send('x'.repeat(110));
    await nextTurn();
    await opened.receive(textFrames('a'));
    assert.is(await opened.connection.wait(), 'a');
  });

  test('an echo over two small windows loses nothing, and the two close cleanly', async () => {
    const [left, right] = createFakePair({ highWaterMark: 64 });
    const server = open({ stream: left, limits: { maxQueuedMessages: 2 } }).connection;
    const client = open({ role: 'client', stream: right, limits: { maxQueuedMessages: 2 } }).connection;
    const texts = numbered(500);
    const echo = (async () => {
      for await (const message of server) await server.send(message);
    })();
    const answers = (async () => {
      for (const text of texts) assert.is(await client.wait(), text);
      return await client.close();
    })();
    for (const text of texts) await client.send(text);
    assert.equal(await answers, { code: 1000, reason: '', wasClean: true });
    assert.equal(await server.closed, { code: 1000, reason: '', wasClean: true });
    await echo;
  });

  test.run();
}
