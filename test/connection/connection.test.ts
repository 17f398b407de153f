// A connection on a stream in memory: what it receives and sends, its pings, and the defects of dwebsocket.
import * as assert from 'uvu/assert';
import type { Sendable } from '../../src/connection/sendable.js';
import { ConnectionClosed, ProtocolError, TimeoutError } from '../../src/errors.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import {
  ABNORMAL, assertClosed, CLOSE_1000, CLOSE_1001_BYE, collect, isPending, nextTurn, numbered, open, peerBytes,
  rejectionOf, request, roles, smallStream, terminateAll, textFrames, unhandledRejections,
} from './harness.js';

// ── What dwebsocket got wrong ──

{
  const test = suite("dwebsocket's defects");
  test.after.each(terminateAll);

  test('1: iteration yields the messages and no null behind them', async () => {
    const opened = open();
    await opened.receive(`${textFrames('a', 'b')} ${CLOSE_1000}`);
    assert.equal(await collect(opened.connection), ['a', 'b']);
  });

  test('1: iteration does not end while the connection is idle', async () => {
    const opened = open();
    const next = opened.connection[Symbol.asyncIterator]().next();
    assert.is(await isPending(next), true);
    await opened.receive('89 00  8a 00');
    assert.is(await isPending(next), true);
    await opened.receive(textFrames('late'));
    assert.equal(await next, { value: 'late', done: false });
  });

  test('1: a timeout is a TimeoutError and no close, and the connection goes on', async () => {
    const opened = open();
    const { connection } = opened;
    assert.instance(await rejectionOf(connection.wait({ timeout: 0 })), TimeoutError);
    assert.is(connection.isClosed(), false);
    await opened.receive(textFrames('a'));
    assert.is(await connection.wait({ timeout: 0 }), 'a');
    await connection.send('b');
    await opened.assertSent('81 01 62');
    assert.is(await isPending(connection.closed), true);
  });

  test('2: after the end wait() is null again and again, and the counters still answer', async () => {
    const opened = open();
    const { connection } = opened;
    await opened.receive(CLOSE_1000);
    for (let round = 0; round < 3; round++) {
      assert.is(await connection.wait(), null);
      assert.is(await connection.wait({ timeout: 0 }), null);
      assert.is(connection.read(), null);
      assert.is(connection.countMessages(), 0);
      assert.is(connection.hasMessages(), false);
      assert.is(connection.isClosed(), true);
      assert.equal(await collect(connection), []);
      if (round === 1) await opened.receiveEnd();
    }
  });

  test('3: the length of a text is that of its UTF-8', async () => {
    const opened = open();
    void opened.connection.send('你好');
    void opened.connection.send('é');
    await opened.assertSent('81 06 e4 bd a0 e5 a5 bd  81 02 c3 a9');
  });

  test('4: a pong and a continuation frame are accepted', async () => {
    const opened = open();
    await opened.receive('8a 02 6869  01 01 61  80 01 62');
    assert.is(opened.connection.isClosed(), false);
    assert.is(opened.connection.read(), 'ab');
  });

  test('5: fragments make one message, which comes with the last of them', async () => {
    const opened = open();
    await opened.receive('01 03 e4bda0  00 02 e5a5');
    assert.is(opened.connection.countMessages(), 0);
    await opened.receive('80 01 bd');
    assert.is(opened.connection.countMessages(), 1);
    assert.is(opened.connection.read(), '你好');
  });

  test('7: text is a string and binary a Buffer, in both directions', async () => {
    const opened = open();
    await opened.receive('81 01 61  82 01 61');
    assert.is(await opened.connection.wait(), 'a');
    const binary = await opened.connection.wait();
    assert.instance(binary, Buffer);
    assert.equal(binary, Buffer.from('a'));
    void opened.connection.send('a');
    void opened.connection.send(Buffer.from('a'));
    await opened.assertSent('81 01 61  82 01 61');
  });

  test('8: a length is not believed, and a message over the limit is 1009 at its header', async () => {
    const opened = open({ limits: { maxMessageBytes: 5 } });
    // A masked header that announces 2^62 bytes.
    opened.stream.receive(hex('82 ff 4000000000000000 37fa213d'));
    await opened.assertSent(`88 22 03f1 ${Buffer.from('message over maxMessageBytes (5)').toString('hex')}`);
    assert.is(await opened.connection.wait(), null);
  });

  test('9: a frame without a mask, and text that is not UTF-8, fail the connection', async () => {
    const unmasked = open();
    unmasked.stream.receive(hex('81 05 48656c6c6f'));
    const reason = 'client frame without a mask, perhaps of a proxy';
    await unmasked.assertSent(`88 31 03ea ${Buffer.from(reason).toString('hex')}`);
    const invalid = open();
    await invalid.receive('81 01 ff');
    await invalid.assertSent(`88 1b 03ef ${Buffer.from('text message is not UTF-8').toString('hex')}`);
    for (const { connection } of [unmasked, invalid]) assert.is(await connection.wait(), null);
  });

  test('11: pings are answered while nobody reads', async () => {
    const opened = open();
    await opened.receive(`${textFrames('a')} 89 02 6869`);
    await opened.assertSent('8a 02 6869');
    assert.is(opened.connection.countMessages(), 1);
  });

  test('12: close() takes a code and a text', async () => {
    const opened = open();
    void opened.connection.close(1000, 'bye');
    await opened.assertSent('88 05 03e8 627965');
  });

  test('14: a close is seen from both sides', async () => {
    const theirs = open();
    await theirs.receive(CLOSE_1000);
    assert.is(theirs.connection.isClosed(), true);
    const ours = open();
    void ours.connection.close();
    assert.is(ours.connection.isClosed(), true);
    assert.instance(await rejectionOf(ours.connection.send('a')), ConnectionClosed);
  });

  test('by running it: countMessages() and hasMessages() neither read nor change anything', async () => {
    const opened = open();
    const { connection } = opened;
    assert.equal([connection.countMessages(), connection.hasMessages()], [0, false]);
    await opened.receive(textFrames('a', 'b', 'c'));
    for (let round = 0; round < 3; round++) {
      assert.is(connection.countMessages(), 3);
      assert.is(connection.hasMessages(), true);
    }
    assert.equal([connection.read(), connection.countMessages()], ['a', 2]);
    assert.equal([await connection.wait(), connection.countMessages()], ['b', 1]);
    assert.equal([connection.read(), connection.countMessages(), connection.hasMessages()], ['c', 0, false]);
  });

  test.run();
}

// ── Receiving ──

{
  const test = suite('Connection, receiving');
  test.after.each(terminateAll);

  test('it knows its request, its subprotocol and its peer', () => {
    const { connection } = open();
    assert.is(connection.request, request);
    assert.is(connection.remoteAddress, '192.0.2.1');
    assert.is(connection.subprotocol, '');
  });

  test('messages wait from the handshake on until someone looks', async () => {
    const opened = open();
    await opened.receive(textFrames('a'));
    await opened.receive(textFrames('b'));
    assert.equal([opened.connection.read(), await opened.connection.wait()], ['a', 'b']);
    assert.is(opened.connection.read(), null);
  });

  for (const role of roles) {
    test(`${role}: the frames behind the head of the handshake are the first messages`, async () => {
      const opened = open({ role, firstBytes: peerBytes(role, `${textFrames('a', 'b')} 89 01 70`) });
      assert.is(opened.connection.countMessages(), 2);
      await opened.receive(textFrames('c'));
      await opened.assertSent('8a 01 70');
      assert.equal([1, 2, 3].map(() => opened.connection.read()), ['a', 'b', 'c']);
    });

    test(`${role}: a Close frame may be among the first frames`, async () => {
      const opened = open({ role, firstBytes: peerBytes(role, `${textFrames('a')} ${CLOSE_1001_BYE}`) });
      await opened.assertSent('88 02 03e9');
      assert.is(opened.connection.isClosed(), true);
      assert.equal(await collect(opened.connection), ['a']);
      await opened.receiveEnd();
      await assertClosed(opened, { code: 1001, reason: 'bye', wasClean: true });
    });

    test(`${role}: a violation may be among the first frames`, async () => {
      const opened = open({ role, firstBytes: peerBytes(role, `${textFrames('a')} 83 00`) });
      await nextTurn();
      assert.is(opened.connection.isClosed(), true);
      assert.equal(await collect(opened.connection), ['a']);
      await opened.receiveEnd();
      await assertClosed(opened, ABNORMAL, ProtocolError);
    });
  }

  test('half a frame behind the head is continued by what the socket brings', async () => {
    const bytes = peerBytes('server', textFrames('hello'));
    for (let place = 1; place < bytes.length; place++) {
      const opened = open({ firstBytes: bytes.subarray(0, place) });
      assert.is(opened.connection.countMessages(), 0);
      opened.stream.receive(bytes.subarray(place));
      await nextTurn();
      assert.is(opened.connection.read(), 'hello');
    }
  });

  test('a received Buffer stays as it is when the memory of the chunk is used again', async () => {
    const opened = open();
    const chunk = peerBytes('server', '82 03 010203');
    opened.stream.push(chunk);
    await nextTurn();
    chunk.fill(0xee);
    assert.equal(opened.connection.read(), Buffer.of(1, 2, 3));
  });

  test('several waiters are served first come, first served, and so are two loops', async () => {
    const opened = open();
    const { connection } = opened;
    const waits = [connection.wait(), connection.wait({ timeout: 60_000 }), connection.wait()];
    await opened.receive(textFrames('a', 'b', 'c'));
    assert.equal(await Promise.all(waits), ['a', 'b', 'c']);
    const loops = Promise.all([collect(connection), collect(connection)]);
    await opened.receive(`${textFrames(...numbered(10))} ${CLOSE_1000}`);
    const [left, right] = await loops;
    assert.equal([...left, ...right].sort(), numbered(10));
  });

  test('a timeout and an abort lose nothing', async () => {
    const opened = open();
    const { connection } = opened;
    const controller = new AbortController();
    const timedOut = connection.wait({ timeout: 0 });
    const aborted = connection.wait({ signal: controller.signal });
    const patient = connection.wait();
    assert.instance(await rejectionOf(timedOut), TimeoutError);
    const reason = new Error('enough');
    controller.abort(reason);
    assert.is(await rejectionOf(aborted), reason);
    await opened.receive(textFrames('a', 'b'));
    assert.is(await patient, 'a');
    assert.is(await connection.wait(), 'b');
  });

  test('a bad timeout is a RangeError at once', () => {
    const { connection } = open();
    assert.throws(() => connection.wait({ timeout: -1 }), (error: unknown) => error instanceof RangeError);
  });

  test('leaving a loop leaves the connection open, and the rest in the queue', async () => {
    const opened = open();
    const { connection } = opened;
    await opened.receive(textFrames('a', 'b', 'c'));
    for await (const message of connection) {
      assert.is(message, 'a');
      break;
    }
    assert.is(connection.isClosed(), false);
    await opened.assertSent('');
    assert.is(connection.countMessages(), 2);
    await opened.receive(`${textFrames('d')} ${CLOSE_1000}`);
    assert.equal(await collect(connection), ['b', 'c', 'd']);
  });

  test('a loop whose body throws leaves the connection open too', async () => {
    const opened = open();
    await opened.receive(textFrames('a', 'b'));
    const failure = new Error('in the body');
    const loop = (async () => {
      for await (const _ of opened.connection) throw failure;
    })();
    assert.is(await rejectionOf(loop), failure);
    assert.is(opened.connection.isClosed(), false);
    assert.is(opened.connection.read(), 'b');
  });

  test('empty messages are messages', async () => {
    const opened = open();
    await opened.receive(`81 00  82 00 ${CLOSE_1000}`);
    assert.equal(await collect(opened.connection), ['', Buffer.alloc(0)]);
  });

  test.run();
}

// ── Sending ──

{
  const test = suite('Connection, sending');
  test.after.each(terminateAll);

  const memory = Buffer.from('..hello...');
  const { buffer, byteOffset } = memory;
  const exact = new ArrayBuffer(5);
  Buffer.from(exact).write('hello');
  const words = new Uint16Array(exact.slice(0, 4));
  const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(0x61);
  const taken: [name: string, message: Sendable, frame: string][] = [
    ['text', 'hello', '81 05 68656c6c6f'],
    ['text beyond ASCII', '你好', '81 06 e4bda0 e5a5bd'],
    ['an emoji', '😀', '81 04 f09f9880'],
    ['a lone surrogate, which becomes U+FFFD', '\ud800', '81 03 efbfbd'],
    ['empty text', '', '81 00'],
    ['a Buffer', Buffer.from('hello'), '82 05 68656c6c6f'],
    ['a Uint8Array with an offset', new Uint8Array(buffer, byteOffset + 2, 5), '82 05 68656c6c6f'],
    ['a DataView with an offset', new DataView(buffer, byteOffset + 2, 5), '82 05 68656c6c6f'],
    ['an ArrayBuffer', exact, '82 05 68656c6c6f'],
    ['a Uint16Array, by its bytes', words, '82 04 68656c6c'],
    ['a Uint16Array with an offset', new Uint16Array(words.buffer, 2, 1), '82 02 6c6c'],
    ['a view of a SharedArrayBuffer', shared, '82 02 6161'],
    ['no bytes', new ArrayBuffer(0), '82 00'],
  ];
  for (const role of roles) {
    for (const [name, message, frame] of taken) {
      test(`${role}: ${name} is ${frame}`, async () => {
        const opened = open({ role });
        await opened.connection.send(message);
        await opened.assertSent(frame);
      });
    }

    test(`${role}: the bytes that were given stay as they are`, async () => {
      const { connection } = open({ role });
      for (const length of [5, 300, 5000, 70_000]) {
        const bytes = Buffer.alloc(length, 0x61);
        await connection.send(bytes);
        await nextTurn();
        assert.ok(bytes.every((byte) => byte === 0x61), `${length} bytes`);
      }
    });
  }

  const refused: [name: string, message: unknown][] = [
    ['a number', 1024], ['null', null], ['undefined', undefined], ['true', true], ['a bigint', 5n], ['an object', {}],
    ['an array', [1, 2, 3]], ['what looks like an array', { length: 16, 0: 1 }], ['a symbol', Symbol('a')],
    ['what looks like an ArrayBuffer', { byteLength: 16 }], ['a Date', new Date(0)], ['a String', new String('a')],
    ['a function', () => 'a'], ['a Set', new Set(['a'])],
  ];
  for (const [name, message] of refused) {
    test(`${name} is a TypeError at once, and nothing is sent`, async () => {
      const opened = open();
      assert.throws(() => opened.connection.send(message as Sendable), (error: unknown) => error instanceof TypeError);
      assert.is(opened.connection.bufferedAmount, 0);
      await opened.assertSent('');
      await opened.connection.send('a');
      await opened.assertSent('81 01 61');
    });
  }

  test('a wrong message is a TypeError after the end too', async () => {
    const opened = open();
    await opened.reset();
    assert.throws(() => opened.connection.send(5 as never), (error: unknown) => error instanceof TypeError);
  });

  for (const role of roles) {
    test(`${role}: all that one tick sends is one write, in order`, async () => {
      const opened = open({ role });
      for (const text of numbered(100)) void opened.connection.send(text);
      assert.is(opened.stream.writes.length, 0);
      await opened.assertSent(textFrames(...numbered(100)));
      assert.is(opened.stream.writes.length, 1);
      void opened.connection.send('the next tick');
      await nextTurn();
      assert.is(opened.stream.writes.length, 2);
    });

    test(`${role}: 100 messages that arrive together are echoed in one write, in order`, async () => {
      const opened = open({ role });
      const { connection } = opened;
      const echo = (async () => {
        for await (const message of connection) await connection.send(message);
      })();
      await opened.receive(textFrames(...numbered(100)));
      await opened.assertSent(textFrames(...numbered(100)));
      assert.is(opened.stream.writes.length, 1);
      await opened.receive(CLOSE_1000);
      await echo;
    });

    test(`${role}: what a tick sends of every kind and size is one write, in order`, async () => {
      const opened = open({ role });
      const { connection } = opened;
      void connection.send('a');
      void connection.send(Buffer.alloc(5000, 0x62));
      void connection.ping('p');
      void connection.send('c'.repeat(20_000));
      void connection.send(Buffer.alloc(126, 0x64));
      void connection.close();
      await opened.assertSent(`
        81 01 61
        82 7e 1388 ${'62'.repeat(5000)}
        89 01 70
        81 7e 4e20 ${'63'.repeat(20_000)}
        82 7e 007e ${'64'.repeat(126)}
        88 02 03e8
      `);
      assert.is(opened.stream.writes.length, 1);
    });
  }

  test('the answers to all pings of a chunk are one write', async () => {
    const opened = open();
    await opened.receive('89 01 61'.repeat(1000));
    await opened.assertSent('8a 01 61'.repeat(1000));
    assert.is(opened.stream.writes.length, 1);
  });

  test('connections that send in the same tick do not mix their bytes', async () => {
    const all = roles.flatMap((role) => [open({ role }), open({ role })]);
    for (const text of numbered(10)) {
      for (const [place, { connection }] of all.entries()) void connection.send(`${place} ${text}`);
    }
    for (const [place, opened] of all.entries()) {
      await opened.assertSent(textFrames(...numbered(10).map((text) => `${place} ${text}`)));
      assert.is(opened.stream.writes.length, 1);
    }
  });

  test('while it is closing send() rejects, without a close to tell', async () => {
    const opened = open();
    void opened.connection.close();
    const error = await rejectionOf(opened.connection.send('a'));
    assert.instance(error, ConnectionClosed);
    assert.is((error as ConnectionClosed).code, 'CONNECTION_CLOSED');
    assert.is((error as ConnectionClosed).close, null);
    assert.is(error.message, 'the connection is closing');
    await opened.assertSent(CLOSE_1000);
  });

  test('after the end send() rejects and tells how it ended', async () => {
    const opened = open();
    await opened.receive(CLOSE_1001_BYE);
    await opened.receiveEnd();
    const close = await opened.connection.closed;
    const error = await rejectionOf(opened.connection.send('a'));
    assert.instance(error, ConnectionClosed);
    assert.is((error as ConnectionClosed).close, close);
    assert.is(error.message, 'the connection has ended with close code 1001: bye');
    await opened.assertSent('88 02 03e9');
  });

  test('a send() that nobody awaits is never an unhandled rejection', async () => {
    const reported = await unhandledRejections(async () => {
      const opened = open({ stream: smallStream() });
      opened.stream.hold();
      void opened.connection.send('x'.repeat(200));
      await opened.reset();
      void opened.connection.send('after the end');
      const closing = open();
      void closing.connection.close();
      void closing.connection.send('while closing');
    });
    assert.equal(reported, []);
  });

  test.run();
}

// ── Pings (§5.5.2, §5.5.3) ──

{
  const test = suite('Connection, pings');
  test.after.each(terminateAll);

  for (const role of roles) {
    test(`${role}: the pong with its payload resolves a ping with the round trip`, async () => {
      const opened = open({ role });
      const ping = opened.connection.ping('abc');
      await opened.assertSent('89 03 616263');
      assert.is(await isPending(ping), true);
      await opened.receive('8a 03 616263');
      const roundTrip = await ping;
      assert.type(roundTrip, 'number');
      assert.ok(roundTrip >= 0);
    });
  }

  test('a ping without a payload has one of its own', async () => {
    const opened = open();
    const pings = [opened.connection.ping(), opened.connection.ping(), opened.connection.ping()];
    await nextTurn();
    const { frames } = decodeNaive(opened.stream.written);
    const payloads = frames.map(({ opcode, payload }) => `${opcode} ${payload.toString('hex')}`);
    assert.is(new Set(payloads).size, 3);
    assert.ok(payloads.every((text) => /^9 .+/.test(text)), payloads.join());
    for (const [place, { payload }] of frames.entries()) {
      assert.is(await isPending(pings[place]!), true);
      await opened.receive(`8a 0${payload.length} ${payload.toString('hex')}`);
      assert.is(await isPending(pings[place]!), false);
    }
  });

  test('a pong answers the pings before it, but none behind', async () => {
    const opened = open();
    const [first, second, third] = ['a', 'b', 'c'].map((payload) => opened.connection.ping(payload));
    await opened.receive('8a 01 62');
    assert.is(await isPending(first), false);
    assert.is(await isPending(second), false);
    assert.is(await isPending(third), true);
    await opened.receive('8a 01 62');
    assert.is(await isPending(third), true);
    await opened.receive('8a 01 63');
    assert.type(await third, 'number');
  });

  test('equal payloads are answered one by one', async () => {
    const opened = open();
    const [first, second] = [opened.connection.ping('a'), opened.connection.ping('a')];
    await opened.receive('8a 01 61');
    assert.is(await isPending(first), false);
    assert.is(await isPending(second), true);
    await opened.receive('8a 01 61');
    assert.is(await isPending(second), false);
  });

  test('a pong that nobody asked for is ignored', async () => {
    const opened = open();
    await opened.receive('8a 01 61  8a 00');
    const ping = opened.connection.ping('abc');
    await opened.receive('8a 02 6162  8a 03 616264  8a 00  8a 04 61626300');
    assert.is(await isPending(ping), true);
    await opened.receive('8a 03 616263');
    assert.type(await ping, 'number');
    assert.is(opened.connection.isClosed(), false);
    await opened.assertSent('89 03 616263');
  });

  test('bytes are a payload too, and may be changed afterwards', async () => {
    const opened = open();
    const bytes = Buffer.from('..abc');
    const ping = opened.connection.ping(bytes.subarray(2));
    bytes.fill(0);
    await opened.assertSent('89 03 616263');
    await opened.receive('8a 03 616263');
    assert.type(await ping, 'number');
    void opened.connection.ping(new DataView(new ArrayBuffer(2)));
    void opened.connection.ping(new ArrayBuffer(0));
    await opened.assertSent('89 03 616263  89 02 0000  89 00');
  });

  test('125 bytes are taken; 126 are a RangeError at once, and nothing is sent', async () => {
    const opened = open();
    void opened.connection.ping('x'.repeat(125));
    await opened.assertSent(`89 7d ${'78'.repeat(125)}`);
    for (const payload of ['x'.repeat(126), '€'.repeat(42), Buffer.alloc(126), new ArrayBuffer(70_000)]) {
      assert.throws(() => opened.connection.ping(payload), (error: unknown) => error instanceof RangeError);
    }
    await opened.assertSent(`89 7d ${'78'.repeat(125)}`);
  });

  test('a number or anything else is a TypeError at once, and nothing is sent', async () => {
    const opened = open();
    for (const payload of [0, 16, 1e9, null, true, {}, [1, 2], { length: 100 }]) {
      assert.throws(() => opened.connection.ping(payload as never), (error: unknown) => error instanceof TypeError);
    }
    await opened.assertSent('');
  });

  test('a ping that can no longer be answered rejects, and is never an unhandled rejection', async () => {
    const opened = open();
    const reported = await unhandledRejections(async () => {
      const ignored = opened.connection.ping();
      const awaited = opened.connection.ping();
      await opened.reset();
      const error = await rejectionOf(awaited);
      assert.instance(error, ConnectionClosed);
      assert.is((error as ConnectionClosed).close, await opened.connection.closed);
      assert.instance(await rejectionOf(ignored), ConnectionClosed);
      void opened.connection.ping();
    });
    assert.equal(reported, []);
  });

  test('after close() there is no ping, but an earlier one may still be answered', async () => {
    const opened = open();
    const earlier = opened.connection.ping('a');
    void opened.connection.close();
    const error = await rejectionOf(opened.connection.ping('b'));
    assert.instance(error, ConnectionClosed);
    assert.is((error as ConnectionClosed).close, null);
    await opened.assertSent('89 01 61  88 02 03e8');
    await opened.receive('8a 01 61');
    assert.type(await earlier, 'number');
  });

  test.run();
}
