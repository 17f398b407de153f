// Every way in which a connection ends: who begins, timeouts, resets, and what stays readable.
import * as assert from 'uvu/assert';
import { ConnectionClosed, ProtocolError, TimeoutError, type Close, type WebSocketError } from '../../src/errors.js';
import { suite } from '../runner/suite.js';
import { FakeStream } from '../support/peers/fake-stream.js';
import {
  ABNORMAL, assertClosed, CLOSE_1000, CLOSE_1001, CLOSE_1001_BYE, collect, countTimers, isPending, nextTurn, numbered,
  open, peerBytes, rejectionOf, roles, smallStream, terminateAll, textFrames, unhandledRejections, type Opened,
} from './harness.js';

const CLEAN_1000: Close = { code: 1000, reason: '', wasClean: true };
const CLEAN_1001_BYE: Close = { code: 1001, reason: 'bye', wasClean: true };

/** A frame with the unknown opcode 3, and the Close frame that answers it. */
const VIOLATION = '83 00';
const CLOSE_1002 = `88 12 03ea ${Buffer.from('unknown opcode 3').toString('hex')}`;

async function echo({ connection }: Opened): Promise<void> {
  for await (const message of connection) await connection.send(message);
}

// ── The table of states ──

for (const role of roles) {
  const test = suite(`Connection, closing, ${role}`);
  test.after.each(terminateAll);

  test('our close(): Close is sent, the stream stays until the peer has answered', async () => {
    const opened = open({ role });
    const { connection, stream } = opened;
    const closed = connection.close();
    assert.is(connection.isClosed(), true);
    await opened.assertSent(CLOSE_1000);
    assert.is(stream.writableEnded, false);
    assert.is(await isPending(closed), true);
    await opened.receive(CLOSE_1001_BYE);
    // §7.1.1: the server ends the TCP connection first, the client waits for that.
    assert.is(stream.writableEnded, role === 'server');
    assert.is(await isPending(closed), true);
    await opened.receiveEnd();
    assert.equal(await closed, CLEAN_1001_BYE);
    assert.is(stream.writableEnded, true);
    assert.is(stream.destroyed, true);
    await opened.assertSent(CLOSE_1000);
  });

  test('Close received: its code is echoed without its reason', async () => {
    const opened = open({ role });
    const { connection, stream } = opened;
    await opened.receive(CLOSE_1001_BYE);
    assert.is(connection.isClosed(), true);
    await opened.assertSent(CLOSE_1001);
    assert.is(stream.writableEnded, role === 'server');
    assert.is(await isPending(connection.closed), true);
    await opened.receiveEnd();
    await assertClosed(opened, CLEAN_1001_BYE);
    assert.is(stream.writableEnded, true);
    await opened.assertSent(CLOSE_1001);
  });

  test('a Close frame in single bytes is the same', async () => {
    const opened = open({ role });
    for (const byte of peerBytes(role, CLOSE_1001_BYE)) {
      await opened.assertSent('');
      opened.stream.receive(Uint8Array.of(byte));
    }
    await opened.assertSent(CLOSE_1001);
    await opened.receiveEnd();
    await assertClosed(opened, CLEAN_1001_BYE);
  });

  test('an empty Close frame is answered by one, and is 1005', async () => {
    const opened = open({ role });
    await opened.receive('88 00');
    await opened.assertSent('88 00');
    await opened.receiveEnd();
    await assertClosed(opened, { code: 1005, reason: '', wasClean: true });
  });

  test('Close frames that cross are a clean close', async () => {
    const opened = open({ role });
    void opened.connection.close(1000, 'mine');
    await opened.receive(CLOSE_1001_BYE);
    await opened.assertSent('88 06 03e8 6d696e65');
    await opened.receiveEnd();
    await assertClosed(opened, CLEAN_1001_BYE);
  });

  test('violation: Close with its code is sent, and this side ends the stream (§7.1.7)', async () => {
    const opened = open({ role });
    const { connection, stream } = opened;
    await opened.receive(VIOLATION);
    assert.is(connection.isClosed(), true);
    await opened.assertSent(CLOSE_1002);
    assert.is(stream.writableEnded, true);
    assert.is(await connection.wait(), null);
    await opened.receive(`${textFrames('ignored')} 89 00 ${CLOSE_1000}`);
    await opened.receiveEnd();
    await assertClosed(opened, ABNORMAL, ProtocolError);
    await opened.assertSent(CLOSE_1002);
  });

  test('messages in front of a violation, in the same bytes, are answered before the connection fails', async () => {
    const opened = open({ role });
    const echoed = echo(opened);
    await opened.receive(`${textFrames('a', 'b')} ${VIOLATION}`);
    await echoed;
    await opened.assertSent(`${textFrames('a', 'b')} ${CLOSE_1002}`);
    await opened.receiveEnd();
    await assertClosed(opened, ABNORMAL, ProtocolError);
  });

  /** A message that fills the small stream. */
  const LARGE = textFrames('x'.repeat(100));
  const endings: [name: string, frame: string, answer: string, close: Close, error?: typeof ProtocolError][] = [
    ['a violation', VIOLATION, CLOSE_1002, ABNORMAL, ProtocolError],
    ['a Close frame', CLOSE_1001_BYE, CLOSE_1001, CLEAN_1001_BYE],
  ];
  for (const [name, frame, answer, close, error] of endings) {
    test(`large messages in front of ${name} are answered before it, each once there is room`, async () => {
      const opened = open({ role, stream: smallStream() });
      const echoed = echo(opened);
      opened.stream.receive(peerBytes(role, LARGE));
      await Promise.resolve();
      opened.stream.receive(peerBytes(role, `${LARGE} ${LARGE} ${textFrames('a')} ${frame}`));
      // What comes after it is not read, and doesn't hasten the answer.
      opened.stream.receive(peerBytes(role, '89 00'));
      await echoed;
      await opened.assertSent(`${LARGE} ${LARGE} ${LARGE} ${textFrames('a')} ${answer}`);
      await opened.receiveEnd();
      await assertClosed(opened, close, error);
    });

    test(`a reader that waits for the peer goes on before ${name} is answered`, async () => {
      const opened = open({ role, stream: smallStream() });
      const echoed = echo(opened);
      opened.stream.hold();
      await opened.receive(`${LARGE} ${textFrames('a')} ${frame}`);
      await nextTurn();
      assert.is(opened.connection.isClosed(), false);
      opened.stream.release();
      await echoed;
      await opened.assertSent(`${LARGE} ${textFrames('a')} ${answer}`);
      await opened.receiveEnd();
      await assertClosed(opened, close, error);
    });
  }

  test('a Close frame is answered once a sender that reads nothing has had room', async () => {
    const opened = open({ role, stream: smallStream() });
    let sent = '';
    const sending = (async () => {
      for (;; sent += LARGE) await opened.connection.send('x'.repeat(100));
    })();
    await opened.receive(`${textFrames('unread')} ${CLOSE_1001}`);
    assert.instance(await rejectionOf(sending), ConnectionClosed);
    await opened.assertSent(`${sent} ${CLOSE_1001}`);
    await opened.receiveEnd();
    await assertClosed(opened, { code: 1001, reason: '', wasClean: true });
  });

  test('a peer that closes and never reads is cut', async () => {
    const opened = open({ role, stream: smallStream(), limits: { closeTimeout: 1 } });
    const echoed = echo(opened);
    opened.stream.hold();
    await opened.receive(`${LARGE} ${textFrames('a')} ${CLOSE_1001}`);
    assert.instance(await rejectionOf(echoed), ConnectionClosed);
    await assertClosed(opened, { code: 1001, reason: '', wasClean: true });
  });

  test('our close() while a reader waits in front of a Close frame is the answer to that', async () => {
    const opened = open({ role, stream: smallStream() });
    const echoed = echo(opened);
    opened.stream.hold();
    await opened.receive(`${LARGE} ${textFrames('a')} ${CLOSE_1001}`);
    void opened.connection.close();
    opened.stream.release();
    assert.instance(await rejectionOf(echoed), ConnectionClosed);
    await opened.assertSent(`${LARGE} ${CLOSE_1000}`);
    await opened.receiveEnd();
    await assertClosed(opened, { code: 1001, reason: '', wasClean: true });
  });

  test('a message, a violation and the end at once: Close with its code is sent all the same', async () => {
    const opened = open({ role });
    opened.stream.receive(peerBytes(role, `${textFrames('a')} ${VIOLATION}`));
    opened.stream.receiveEnd();
    await opened.assertSent(CLOSE_1002);
    await assertClosed(opened, ABNORMAL, ProtocolError);
  });

  test('violation after our close(): no second Close, and this side ends the stream', async () => {
    const opened = open({ role });
    void opened.connection.close();
    await opened.receive(VIOLATION);
    await opened.assertSent(CLOSE_1000);
    assert.is(opened.stream.writableEnded, true);
    await opened.receiveEnd();
    await assertClosed(opened, ABNORMAL, ProtocolError);
  });

  test('end of stream: this side ends it too, 1006, and that is no error', async () => {
    const opened = open({ role });
    await opened.receiveEnd();
    assert.is(opened.connection.isClosed(), true);
    await opened.assertSent('');
    assert.is(opened.stream.writableEnded, true);
    await assertClosed(opened, ABNORMAL);
  });

  test('end of stream inside a frame: 1006', async () => {
    const opened = open({ role });
    opened.stream.receive(peerBytes(role, textFrames('hello')).subarray(0, 6));
    await opened.receiveEnd();
    assert.is(await opened.connection.wait(), null);
    await assertClosed(opened, ABNORMAL);
  });

  test('state: open, closing from a Close frame on or the end of the peer, closed once TCP has ended', async () => {
    const begins: ((opened: Opened) => unknown)[] = [
      ({ connection }) => connection.close(),
      (opened) => opened.receive(CLOSE_1000),
      (opened) => opened.receive(VIOLATION),
      (opened) => opened.receiveEnd(),
    ];
    for (const begin of begins) {
      const opened = open({ role, stream: smallStream() });
      opened.stream.hold();
      void opened.connection.send('x'.repeat(110));
      await nextTurn();
      assert.is(opened.connection.state, 'open');
      void begin(opened);
      await nextTurn();
      assert.is(opened.connection.state, 'closing');
      await opened.reset();
      await opened.connection.closed;
      assert.is(opened.connection.state, 'closed');
    }
  });

  test('end of stream after our close(): 1006', async () => {
    const opened = open({ role });
    void opened.connection.close();
    await opened.receiveEnd();
    await opened.assertSent(CLOSE_1000);
    const { error, ...close } = await opened.connection.closed;
    assert.equal(close, ABNORMAL);
    assert.is((error as WebSocketError).code, 'CLOSE_NOT_ANSWERED');
  });

  test('who waits is told by the last frame, before the TCP connection has ended', async () => {
    for (const lastFrame of [CLOSE_1000, VIOLATION]) {
      const opened = open({ role });
      const wait = opened.connection.wait();
      await opened.receive(lastFrame);
      assert.is(await isPending(wait), false);
      assert.is(await wait, null);
      assert.is(await isPending(opened.connection.closed), true);
    }
  });

  test('what was sent before the end leaves before it', async () => {
    const opened = open({ role });
    for (const text of numbered(3)) void opened.connection.send(text);
    await opened.receive(CLOSE_1000);
    await opened.receiveEnd();
    await assertClosed(opened, CLEAN_1000);
    await opened.assertSent(`${textFrames(...numbered(3))} ${CLOSE_1000}`);

    const ended = open({ role });
    void ended.connection.send('a');
    ended.stream.receiveEnd();
    await assertClosed(ended, ABNORMAL);
    await ended.assertSent(textFrames('a'));
  });

  test('data after our close() can still be read', async () => {
    const opened = open({ role });
    const { connection } = opened;
    const first = connection.wait();
    void connection.close();
    await opened.receive(textFrames('a', 'b'));
    assert.is(await first, 'a');
    assert.is(connection.read(), 'b');
    assert.is(await isPending(connection.wait()), true);
    await opened.receive(`${textFrames('c', 'd')} ${CLOSE_1000}`);
    // The wait above was served with `c`.
    assert.equal(await collect(connection), ['d']);
    await opened.receiveEnd();
    await assertClosed(opened, CLEAN_1000);
  });

  test('what is too much after our close() is dropped, so that the Close frame gets through', async () => {
    const opened = open({ role, limits: { maxQueuedMessages: 2 } });
    const { connection, stream } = opened;
    await opened.receive(textFrames('a', 'b'));
    await opened.receive(textFrames('c', 'd'));
    assert.is(stream.isPaused(), true);
    void connection.close();
    assert.is(stream.isPaused(), false);
    await opened.receive(textFrames(...numbered(100)));
    assert.is(connection.countMessages(), 2);
    await opened.receive(CLOSE_1000);
    assert.equal(await collect(connection), ['a', 'b']);
    await opened.receiveEnd();
    await assertClosed(opened, CLEAN_1000);
  });

  test('after our close() there is room again for each message that is read', async () => {
    const opened = open({ role, limits: { maxQueuedBytes: 2 } });
    void opened.connection.close();
    await opened.receive(textFrames('ab', 'dropped'));
    assert.is(opened.connection.read(), 'ab');
    await opened.receive(textFrames('cd', 'dropped'));
    assert.is(opened.connection.read(), 'cd');
    assert.is(opened.connection.read(), null);
  });

  test('a ping is answered after our Close frame, but not after the peer\'s (§5.5.2)', async () => {
    const opened = open({ role });
    void opened.connection.close();
    await opened.receive('89 01 61');
    await opened.assertSent(`${CLOSE_1000} 8a 01 61`);
    await opened.receive(`${CLOSE_1000} 89 01 62`);
    await opened.receive('89 01 63');
    await opened.assertSent(`${CLOSE_1000} 8a 01 61`);
  });

  test('a ping that waits for the peer to read is not answered after its Close frame', async () => {
    const opened = open({ role, stream: smallStream() });
    opened.stream.hold();
    void opened.connection.send('x'.repeat(110));
    await nextTurn();
    await opened.receive('89 01 61');
    await opened.receive(CLOSE_1000);
    opened.stream.release();
    await opened.assertSent(`81 6e ${'78'.repeat(110)} ${CLOSE_1000}`);
  });

  test('close() twice is one frame and one promise', async () => {
    const opened = open({ role });
    const { connection } = opened;
    assert.is(connection.close(), connection.closed);
    assert.is(connection.close(1001, 'again'), connection.closed);
    await opened.receive(CLOSE_1000);
    assert.is(connection.close(), connection.closed);
    await opened.receiveEnd();
    assert.equal(await connection.close(), CLEAN_1000);
    await opened.assertSent(CLOSE_1000);
  });

  test('close() with what may not be sent throws at once, sends nothing and changes nothing', async () => {
    const opened = open({ role });
    const { connection } = opened;
    const refused: [kind: typeof RangeError | typeof TypeError, code: unknown, reason: unknown][] = [
      [RangeError, 1005, ''], [RangeError, 1006, ''], [RangeError, 999, ''], [RangeError, 5000, ''],
      [RangeError, 1000, 'x'.repeat(124)], [TypeError, '1000', ''], [TypeError, 1000, Buffer.from('bye')],
      [TypeError, 1000, 5], [TypeError, null, ''],
    ];
    for (const [kind, code, reason] of refused) {
      assert.throws(() => connection.close(code as never, reason as never), (error: unknown) => error instanceof kind);
    }
    await opened.assertSent('');
    assert.is(connection.isClosed(), false);
    await connection.send('a');
    void connection.close(4999, 'x'.repeat(123));
    await opened.assertSent(`81 01 61  88 7d 1387 ${'78'.repeat(123)}`);
  });

  test('what still comes behind the end of the frames is thrown away', async () => {
    const opened = open({ role });
    await opened.receive(CLOSE_1000);
    for (let round = 0; round < 10; round++) opened.stream.receive(Buffer.alloc(1000, round));
    await nextTurn();
    assert.is(opened.connection.countMessages(), 0);
    assert.is(opened.stream.readableLength, 0);
    await opened.assertSent(CLOSE_1000);
    await opened.receiveEnd();
    await assertClosed(opened, CLEAN_1000);
  });

  test('terminate(): nothing is sent, 1006, and that is no error', async () => {
    const opened = open({ role });
    void opened.connection.send('never sent');
    opened.connection.terminate();
    assert.is(opened.connection.isClosed(), true);
    assert.is(opened.stream.destroyed, true);
    await assertClosed(opened, ABNORMAL);
    await opened.assertSent('');
    opened.connection.terminate();
    assert.equal(await opened.connection.close(), ABNORMAL);
  });

  // ── Times ──

  test('without an answer to our Close TCP is cut', async () => {
    const opened = open({ role, limits: { closeTimeout: 1 } });
    const close = await opened.connection.close();
    assert.instance(close.error, TimeoutError);
    await assertClosed(opened, ABNORMAL, TimeoutError);
    assert.is(opened.stream.destroyed, true);
    await opened.assertSent(CLOSE_1000);
  });

  test('a peer that sends on without ever answering our Close is cut too', async () => {
    const opened = open({ role, limits: { closeTimeout: 1, maxQueuedMessages: 2 } });
    void opened.connection.close();
    for (let round = 0; round < 100_000 && !opened.stream.destroyed; round++) {
      await opened.receive(textFrames('a', 'b', 'c'));
    }
    await assertClosed(opened, ABNORMAL, TimeoutError);
    assert.is(opened.connection.countMessages(), 2);
  });

  test('a peer that does not end the stream after the Close frames is cut; the close was clean', async () => {
    const opened = open({ role, limits: { closeTimeout: 1 } });
    await opened.receive(CLOSE_1001_BYE);
    await assertClosed(opened, CLEAN_1001_BYE);
    assert.is(opened.stream.destroyed, true);
  });

  test('a peer that does not end the stream after a violation is cut; the violation is told', async () => {
    const opened = open({ role, limits: { closeTimeout: 1 } });
    await opened.receive(VIOLATION);
    await assertClosed(opened, ABNORMAL, ProtocolError);
    assert.is(opened.stream.destroyed, true);
  });

  test('a peer that ends its half and does not read ours is cut', async () => {
    const opened = open({ role, stream: smallStream(), limits: { closeTimeout: 1 } });
    opened.stream.hold();
    const sent = opened.connection.send('x'.repeat(110));
    await opened.receiveEnd();
    await assertClosed(opened, ABNORMAL, TimeoutError);
    assert.instance(await rejectionOf(sent), ConnectionClosed);
  });

  // ── All ends alike ──

  const ends: [name: string, end: (opened: Opened) => Promise<unknown>, close: Close][] = [
    [
      'the peer closed',
      async (opened) => {
        await opened.receive(CLOSE_1000);
        await opened.receiveEnd();
      },
      CLEAN_1000,
    ],
    [
      'we closed',
      async (opened) => {
        void opened.connection.close();
        await opened.receive(CLOSE_1000);
        await opened.receiveEnd();
      },
      CLEAN_1000,
    ],
    [
      'the peer broke a rule',
      async (opened) => {
        await opened.receive(VIOLATION);
        await opened.receiveEnd();
      },
      ABNORMAL,
    ],
    ['the stream ended', (opened) => opened.receiveEnd(), ABNORMAL],
    ['it was reset', (opened) => opened.reset(), ABNORMAL],
    ['it was terminated', async (opened) => opened.connection.terminate(), ABNORMAL],
  ];
  for (const [name, end, expected] of ends) {
    test(`${name}: the messages before it stay readable, then it is null again and again`, async () => {
      const opened = open({ role });
      const { connection } = opened;
      await opened.receive(textFrames('a', 'b', 'c'));
      await end(opened);
      const { error, ...close } = await connection.closed;
      assert.equal(close, expected);
      assert.is(connection.countMessages(), 3);
      assert.equal([await connection.wait(), connection.read()], ['a', 'b']);
      assert.equal(await collect(connection), ['c']);
      for (let round = 0; round < 3; round++) assert.is(await connection.wait(), null);
    });

    test(`${name}: a full queue stays readable`, async () => {
      const opened = open({ role, limits: { maxQueuedMessages: 2 } });
      await opened.receive(textFrames('a', 'b'));
      assert.is(opened.stream.isPaused(), true);
      const [first] = [opened.connection.read(), opened.connection.read()];
      assert.is(first, 'a');
      await opened.receive(textFrames('c', 'd'));
      assert.is(opened.stream.isPaused(), true);
      void end(opened);
      // Behind a pause the end is seen once the messages before it are taken.
      assert.equal(await collect(opened.connection), ['c', 'd']);
      const { error, ...close } = await opened.connection.closed;
      assert.equal(close, expected);
    });

    test(`${name}: everyone who waits is told, and isClosed() is true as soon as wait() is null`, async () => {
      const opened = open({ role });
      const { connection } = opened;
      let rounds = 0;
      const loop = (async () => {
        while (!connection.isClosed()) {
          assert.is(await connection.wait(), null);
          assert.is(++rounds, 1);
        }
      })();
      const waits = [connection.wait(), connection.wait({ timeout: 60_000 }), collect(connection)];
      const ping = connection.ping();
      await end(opened);
      assert.equal(await Promise.all(waits), [null, null, []]);
      await loop;
      assert.instance(await rejectionOf(ping), ConnectionClosed);
      assert.instance(await rejectionOf(connection.send('a')), ConnectionClosed);
    });

    test(`${name}: no timer is left, also when close() is called behind it`, async () => {
      const before = countTimers();
      const opened = open({ role });
      await end(opened);
      await opened.connection.closed;
      assert.is(countTimers(), before);
      void opened.connection.close();
      opened.connection.terminate();
      await opened.connection[Symbol.asyncDispose]();
      await nextTurn();
      assert.is(countTimers(), before);
    });
  }

  // ── Resets ──

  const moments: [name: string, prepare: (opened: Opened) => unknown][] = [
    ['right after the handshake', () => {}],
    ['inside a header', (opened) => opened.stream.receive(peerBytes(role, textFrames('hello')).subarray(0, 1))],
    ['inside a payload', (opened) => opened.stream.receive(peerBytes(role, textFrames('hello')).subarray(0, -1))],
    ['inside a fragmented message', (opened) => opened.receive('01 01 61')],
    ['in the tick of a send()', (opened) => void opened.connection.send('a')],
    ['while a send() waits', (opened) => {
      opened.stream.hold();
      void opened.connection.send('x'.repeat(110));
    }],
    ['while a ping is not answered', (opened) => void opened.connection.ping()],
    ['while a ping waits to be answered', async (opened) => {
      opened.stream.hold();
      void opened.connection.send('x'.repeat(110));
      await opened.receive('89 00');
    }],
    ['while it is paused', (opened) => opened.receive(textFrames(...numbered(20)))],
    ['in the tick of close()', (opened) => void opened.connection.close()],
    ['while it is closing', async (opened) => {
      void opened.connection.close();
      await nextTurn();
    }],
    ['after a violation', (opened) => opened.receive(VIOLATION)],
  ];
  for (const [name, prepare] of moments) {
    test(`a reset ${name} ends it with 1006, and never crashes`, async () => {
      const reported = await unhandledRejections(async () => {
        const opened = open({ role, stream: smallStream(), limits: { maxQueuedMessages: 10 } });
        const { connection } = opened;
        await prepare(opened);
        const rest = collect(connection);
        opened.stream.reset();
        const { error, ...close } = await connection.closed;
        assert.equal(close, ABNORMAL);
        const isViolation = name === 'after a violation';
        assert.is((error as NodeJS.ErrnoException).code, isViolation ? 'UNKNOWN_OPCODE' : 'ECONNRESET');
        await rest;
        assert.is(await connection.wait(), null);
        const sendError = await rejectionOf(connection.send('a'));
        assert.is((sendError as ConnectionClosed).close?.error, error);
        assert.ok(sendError.message.startsWith('the connection has ended with close code 1006: '));
      });
      assert.equal(reported, []);
    });
  }

  test('a reset after both Close frames changes nothing', async () => {
    const opened = open({ role });
    await opened.receive(CLOSE_1001_BYE);
    await opened.assertSent(CLOSE_1001);
    await opened.reset();
    await assertClosed(opened, CLEAN_1001_BYE);
  });

  test('a reset after terminate() is no error', async () => {
    const opened = open({ role });
    opened.connection.terminate();
    await opened.reset();
    await assertClosed(opened, ABNORMAL);
  });

  test('a stream that was closed before is a connection that has ended', async () => {
    const stream = new FakeStream();
    stream.destroy();
    await nextTurn();
    const opened = open({ role, stream });
    await assertClosed(opened, ABNORMAL);
    assert.is(await opened.connection.wait(), null);
    assert.instance(await rejectionOf(opened.connection.send('a')), ConnectionClosed);
  });

  // ── Scopes ──

  test('leaving its scope closes with 1000 and waits for the end', async () => {
    const opened = open({ role });
    const scope = (async () => {
      await using connection = opened.connection;
      await connection.send('a');
    })();
    await opened.assertSent(`81 01 61 ${CLOSE_1000}`);
    assert.is(await isPending(scope), true);
    await opened.receive(CLOSE_1000);
    await opened.receiveEnd();
    await scope;
    await assertClosed(opened, CLEAN_1000);
  });

  test('leaving its scope after the end does nothing', async () => {
    const opened = open({ role });
    await opened.reset();
    await opened.connection[Symbol.asyncDispose]();
    await opened.assertSent('');
  });

  test.run();
}
