// One Connection in memory, in both roles, at every byte of its peer's frames: an end, a reset, silence, our own close.
import * as assert from 'uvu/assert';
import { ConnectionClosed, TimeoutError, type Close } from '../../src/errors.js';
import {
  ABNORMAL, countTimers, isPending, nextTurn, open, peerBytes, roles, smallStream, terminateAll, unmask, type Opened,
} from '../connection/harness.js';
import { suite } from '../runner/suite.js';
import { expectedOf } from './harness.js';

/** Text `one`, a ping, text `two` in two fragments, and Close with 1000 and the reason `bye`. */
const FRAMES_TO_PING = '81 03 6f6e65 89 01 70';
const FRAMES = `${FRAMES_TO_PING} 01 02 7477 80 01 6f 88 05 03e8 627965`;

const CLEAN: Close = { code: 1000, reason: 'bye', wasClean: true };

/** What must have been seen of so many bytes of the frames. */
function seenOf(bytes: Buffer): { messages: readonly unknown[]; close: Close } {
  return expectedOf(Buffer.concat([Buffer.from('\r\n\r\n'), bytes]))!;
}

/** How the connection is when the fault happens. */
const states = ['open', 'closing', 'saturated'] as const;

const endings: readonly (readonly [name: string, end: (opened: Opened) => Promise<void>])[] = [
  ['the end of the stream', (opened) => opened.receiveEnd()],
  ['a reset', (opened) => opened.reset()],
  ['terminate()', async ({ connection }) => connection.terminate()],
];

for (const role of roles) {
  const test = suite(`faults: a connection in memory, ${role}`);
  test.after.each(terminateAll);
  const bytes = peerBytes(role, FRAMES);
  const pingEnd = peerBytes(role, FRAMES_TO_PING).length;

  for (const [ending, end] of endings) {
    for (const state of states) {
      test(`${ending} at every byte, ${state}: everyone is told, and nothing is left`, async () => {
        const timers = countTimers();
        for (let place = 0; place <= bytes.length; place++) {
          const where = `behind byte ${place} of ${bytes.length}`;
          const opened = open({ role, stream: smallStream() });
          const { connection, stream } = opened;
          const waits = Array.from({ length: 4 }, () => connection.wait());
          const ping = connection.ping('ours');
          if (state === 'saturated') stream.hold();
          const sent = connection.send(Buffer.alloc(200));
          if (state === 'closing') void connection.close(1001);
          await nextTurn();
          assert.is(await isPending(sent), state === 'saturated', where);
          stream.receive(bytes.subarray(0, place));
          await nextTurn();
          await end(opened);
          stream.release();
          await nextTurn();

          const { messages, close } = seenOf(bytes.subarray(0, place));
          const nothing = Array.from({ length: 4 - messages.length }, () => null);
          assert.equal(await Promise.all(waits), [...messages, ...nothing], where);
          const { error, ...rest } = await connection.closed;
          assert.equal(rest, close, where);
          const code = (error as NodeJS.ErrnoException | undefined)?.code;
          const cause = ending === 'the end of the stream' && state === 'closing' ? 'CLOSE_NOT_ANSWERED' : undefined;
          assert.is(code, close.wasClean ? undefined : ending === 'a reset' ? 'ECONNRESET' : cause, where);
          for (const result of await Promise.allSettled([ping, sent, connection.send('late'), connection.ping()])) {
            if (result.status === 'rejected') assert.instance(result.reason, ConnectionClosed, where);
          }
          assert.instance(await ping.catch((reason: unknown) => reason), ConnectionClosed, where);
          assert.is(connection.isClosed() && stream.destroyed, true, where);
          assert.equal([await connection.wait(), connection.countMessages()], [null, 0], where);
          assert.is(countTimers(), timers, where);
        }
      });
    }
  }

  test('silence at every byte: what came whole is there, and the keep-alive gives the peer up', async () => {
    for (let place = 0; place < bytes.length; place++) {
      const opened = open({ role });
      const { connection, stream } = opened;
      const ping = connection.ping('ours');
      stream.receive(bytes.subarray(0, place));
      await nextTurn();
      const messages = [connection.read(), connection.read()].filter((message) => message !== null);
      assert.equal(messages, seenOf(bytes.subarray(0, place)).messages, `behind byte ${place}`);
      const wait = connection.wait();
      // Two intervals, each of four checks.
      for (let count = 0; count < 8; count++) {
        assert.is(connection.isClosed(), false);
        opened.checkLife();
      }
      const { error, ...close } = await connection.closed;
      assert.equal(close, ABNORMAL);
      assert.instance(error, TimeoutError);
      assert.is(await wait, null);
      assert.instance(await ping.catch((reason: unknown) => reason), ConnectionClosed);
    }
  });

  test('two segments, cut at every byte: nothing comes early, and all comes', async () => {
    for (let place = 0; place <= bytes.length; place++) {
      const opened = open({ role });
      const { connection, stream } = opened;
      stream.receive(bytes.subarray(0, place));
      await nextTurn();
      const early = [connection.read(), connection.read()].filter((message) => message !== null);
      assert.equal(early, seenOf(bytes.subarray(0, place)).messages, `behind byte ${place}`);
      // A Close frame in one chunk with a message is answered a turn later: the reader comes first.
      await nextTurn();
      assert.is(connection.isClosed(), place === bytes.length);
      stream.receive(bytes.subarray(place));
      await nextTurn();
      await nextTurn();
      const late = [connection.read(), connection.read()].filter((message) => message !== null);
      assert.equal([...early, ...late], ['one', 'two']);
      await opened.assertSent('8a 01 70 88 02 03e8');
      await opened.receiveEnd();
      assert.equal(await connection.closed, CLEAN);
    }
  });

  test('close() at every byte of the frames: they cross, our Close is sent once, and the close is clean', async () => {
    for (let place = 0; place < bytes.length; place++) {
      const opened = open({ role });
      const { connection, stream } = opened;
      const waits = Array.from({ length: 3 }, () => connection.wait());
      stream.receive(bytes.subarray(0, place));
      await nextTurn();
      void connection.close(1001, 'mine');
      await nextTurn();
      stream.receive(bytes.subarray(place));
      await opened.receiveEnd();
      assert.equal(await connection.closed, CLEAN, `behind byte ${place}`);
      assert.equal(await Promise.all(waits), ['one', 'two', null]);
      // §5.5.2: the ping is answered, before our Close frame or behind it.
      const pong = '8a0170';
      const close = '880603e96d696e65';
      const isPingBefore = place >= pingEnd;
      assert.is(unmask(role, stream.written), isPingBefore ? pong + close : close + pong, `behind byte ${place}`);
    }
  });

  test.run();
}
