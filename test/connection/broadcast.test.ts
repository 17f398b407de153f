// One message to many connections: what each gets, what becomes of the slow ones, and what is told of it.
import * as assert from 'uvu/assert';
import { broadcast, prepare } from '../../src/connection/broadcast.js';
import { Inflater, TAIL } from '../../src/frame/inflater.js';
import { suite } from '../runner/suite.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import {
  isPending, nextTurn, open, roles, smallStream, terminateAll, textFrames, unhandledRejections, type Opened,
} from './harness.js';

const test = suite('broadcast');
test.after.each(terminateAll);

function connectionsOf(opened: readonly Opened[]): Opened['connection'][] {
  return opened.map(({ connection }) => connection);
}

/** A connection whose peer has stopped reading, with more unsent than its stream wants. */
function openSlow(): Opened {
  const opened = open({ stream: smallStream() });
  opened.stream.hold();
  void opened.connection.send('x'.repeat(200));
  return opened;
}

for (const role of roles) {
  test(`${role}: everyone gets the message, in one write for all of a tick`, async () => {
    const all = Array.from({ length: 5 }, () => open({ role }));
    for (const text of ['a', 'b', 'c']) {
      const { sent, slow, ended } = broadcast(connectionsOf(all), text);
      assert.equal([sent, slow, ended], [5, [], []]);
    }
    for (const opened of all) {
      await opened.assertSent(textFrames('a', 'b', 'c'));
      assert.is(opened.stream.writes.length, 1);
    }
  });

  test(`${role}: a prepared message among others keeps its place`, async () => {
    const opened = open({ role });
    const message = prepare('b');
    void opened.connection.send('a');
    void opened.connection.send(message);
    void opened.connection.send('c');
    void opened.connection.send(message);
    await opened.assertSent(textFrames('a', 'b', 'c', 'b'));
  });
}

test('a prepared message may be broadcast again and again', async () => {
  const opened = open();
  const message = prepare('a');
  broadcast([opened.connection], message);
  broadcast([opened.connection], message);
  await opened.assertSent(textFrames('a', 'a'));
});

test('bytes are sent as binary, and may be changed afterwards', async () => {
  const opened = open();
  const bytes = Buffer.alloc(5000, 1);
  broadcast([opened.connection], bytes);
  bytes.fill(2);
  await opened.assertSent(`82 7e 1388 ${'01'.repeat(5000)}`);
});

test('no message: TypeError, and nobody is sent anything', async () => {
  const opened = open();
  for (const message of [undefined, null, 5, {}, []] as never[]) {
    assert.throws(() => broadcast([opened.connection], message), (error: unknown) => error instanceof TypeError);
    assert.throws(() => prepare(message), (error: unknown) => error instanceof TypeError);
  }
  await opened.assertSent('');
});

test('those that are closing or have ended are told, and nothing is unhandled', async () => {
  const reported = await unhandledRejections(async () => {
    const [well, closing, ended] = [open(), open(), open()];
    void closing.connection.close();
    ended.connection.terminate();
    await ended.connection.closed;
    const result = broadcast(connectionsOf([ended, well, closing]), 'a');
    assert.equal([result.sent, result.slow], [1, []]);
    assert.is(result.ended[0], ended.connection);
    assert.is(result.ended[1], closing.connection);
    await result.drained;
    await well.assertSent(textFrames('a'));
    await closing.assertSent('88 02 03e8');
  });
  assert.equal(reported, []);
});

test('wait: a slow one is sent the message too, and the others don\'t wait for it', async () => {
  const [well, slow] = [open(), openSlow()];
  const result = broadcast(connectionsOf([slow, well]), 'a');
  assert.is(result.sent, 2);
  assert.is(result.slow.length, 1);
  assert.is(result.slow[0], slow.connection);
  await well.assertSent(textFrames('a'));
  assert.is(await isPending(result.drained), true);
  slow.stream.release();
  await result.drained;
  await slow.assertSent(textFrames('x'.repeat(200), 'a'));
});

test('wait: drained does not reject when a slow one ends instead', async () => {
  const slow = openSlow();
  const { drained } = broadcast([slow.connection], 'a');
  slow.connection.terminate();
  await drained;
});

test('wait: one over maxBufferedBytes is cut, and told as ended', async () => {
  const slow = open({ stream: smallStream(), limits: { maxBufferedBytes: 150 } });
  slow.stream.hold();
  void slow.connection.send('x'.repeat(200));
  await nextTurn();
  void slow.connection.send('x'.repeat(145));
  assert.is(slow.connection.isClosed(), false);
  const result = broadcast([slow.connection], 'a');
  assert.is(result.sent, 0);
  assert.is(result.ended[0], slow.connection);
  assert.is(slow.stream.destroyed, true);
});

test('drop: a slow one is not sent this message, but the next when it has room', async () => {
  const [well, slow] = [open(), openSlow()];
  const result = broadcast(connectionsOf([slow, well]), 'a', { slow: 'drop' });
  assert.is(result.sent, 1);
  assert.is(result.slow[0], slow.connection);
  await result.drained;
  slow.stream.release();
  await nextTurn();
  assert.is(broadcast([slow.connection], 'b', { slow: 'drop' }).sent, 1);
  await slow.assertSent(textFrames('x'.repeat(200), 'b'));
});

test('close: a slow one is closed with 1008', async () => {
  const slow = openSlow();
  const result = broadcast([slow.connection], 'a', { slow: 'close' });
  assert.is(result.sent, 0);
  assert.is(result.slow[0], slow.connection);
  assert.is(slow.connection.isClosed(), true);
  slow.stream.release();
  const close = `88 14 03f0 ${Buffer.from('reading too slowly').toString('hex')}`;
  await slow.assertSent(`${textFrames('x'.repeat(200))} ${close}`);
});

// ── Compressed ──

const context = { windowBits: 15, contextTakeover: true };
const deflate = { outgoing: context, incoming: context };

for (const role of roles) {
  test(`${role}: compressed where that was agreed on, and a part of the context`, async () => {
    const takeover = open({ role, deflate });
    const alone = open({
      role, deflate: { ...deflate, outgoing: { ...deflate.outgoing, contextTakeover: false } },
    });
    const plain = open({ role });
    const text = Array.from({ length: 50 }, (_, number) => `${number * 7919}`).join(' ');
    const all = connectionsOf([takeover, alone, plain]);
    assert.is(broadcast(all, text).sent, 3);
    assert.is(broadcast(all, 'short').sent, 3);
    for (const connection of all) void connection.send(text);
    await nextTurn();
    for (const opened of [takeover, alone, plain]) {
      const { frames } = decodeNaive(opened.stream.written);
      const inflater = new Inflater(opened === takeover ? context : { ...context, contextTakeover: false });
      const isCompressed = opened !== plain;
      assert.equal(frames.map(({ rsv1 }) => rsv1), [isCompressed, false, isCompressed]);
      const texts = frames.map(({ rsv1, payload }) => {
        return (rsv1 ? inflater.inflate(Buffer.concat([payload, TAIL]), 1 << 20)! : payload).toString();
      });
      assert.equal(texts, [text, 'short', text]);
      // Only who takes the context over can refer to the broadcast.
      if (isCompressed) assert.is(frames[2]!.payload.length < frames[0]!.payload.length / 4, opened === takeover);
    }
  });

  test(`${role}: compress decides instead of the threshold`, async () => {
    const opened = open({ role, deflate });
    broadcast([opened.connection], 'a'.repeat(50), { compress: true });
    broadcast([opened.connection], 'a'.repeat(200), { compress: false });
    await nextTurn();
    assert.equal(decodeNaive(opened.stream.written).frames.map(({ rsv1 }) => rsv1), [true, false]);
  });
}

test('a policy that is none is a TypeError', () => {
  const slow = 'dorp' as 'drop';
  assert.throws(() => broadcast([], 'a', { slow }), (error: Error) => {
    return error instanceof TypeError && error.message === 'slow is one of wait, drop, close, not dorp';
  });
});

test.run();
