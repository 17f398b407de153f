// What a promise of `send` and of `flushed` stands for, and what becomes of bytes that change or go away.
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { ConnectionClosed, WebSocketError } from '../../src/errors.js';
import { ownFrames } from '../../src/frame/slab.js';
import { connect, createServer, requireWebSocket, type Connection } from '../../src/index.js';
import { findFreed } from '../frame/memory.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { createFakePair, FakeStream } from '../support/peers/fake-stream.js';
import {
  ABNORMAL, assertClosed, CLOSE_1000, collect, isPending, nextTurn, open, rejectionOf, smallStream, terminateAll,
} from './harness.js';

/** From here on bytes are sent from where they lie. */
const LARGE = 65_536;

/** An `ArrayBuffer` that can be resized, which the types of this language level don't know. */
function resizable(length: number, maxByteLength: number): ArrayBuffer & { resize(length: number): void } {
  return Reflect.construct(ArrayBuffer, [length, { maxByteLength }]);
}

function detach(bytes: Uint8Array): void {
  structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
}

{
  const test = suite('send, whose bytes they are');
  test.after.each(terminateAll);

  for (const length of [1, 4096, LARGE - 1, LARGE, 3 << 20]) {
    test(`${length} bytes are the caller's again once send() is fulfilled`, async () => {
      const [near, far] = createFakePair();
      const server = open({ stream: near });
      const client = open({ role: 'client', stream: far, limits: { maxMessageBytes: 4 << 20 } });
      const bytes = Buffer.alloc(length);
      const received = collect(client.connection);
      for (const value of [1, 2, 3]) {
        await server.connection.send(bytes.fill(value));
        bytes.fill(0xff);
      }
      await server.connection.close();
      const messages = await received;
      assert.is(messages.length, 3);
      for (const [index, message] of messages.entries()) {
        assert.ok((message as Buffer).equals(Buffer.alloc(length, index + 1)), `message ${index}`);
      }
    });
  }

  test('large bytes are not the caller\'s while the peer does not read, however much room there is', async () => {
    const { connection, stream } = open({ stream: smallStream() });
    stream.hold();
    const sent = connection.send(Buffer.alloc(LARGE));
    assert.is(await isPending(sent), true);
    stream.release();
    await sent;
  });

  test('large bytes are the caller\'s once they are written, though the stream wants more', async () => {
    const { connection, stream } = open({ stream: new FakeStream({ writableHighWaterMark: 4 * LARGE }) });
    stream.hold();
    const sent = connection.send(Buffer.alloc(LARGE));
    assert.is(await isPending(sent), true);
    stream.release();
    await sent;
  });

  for (const length of [8192, LARGE - 1]) {
    test(`${length} bytes may go away in the same turn`, async () => {
      const opened = open();
      const bytes = new Uint8Array(length).fill(0x61);
      await opened.connection.send(bytes);
      detach(bytes);
      await opened.connection.send('b');
      await nextTurn();
      assert.is(opened.stream.written.length, 4 + length + 3);
      assert.is(opened.connection.isClosed(), false);
    });
  }

  test('memory that goes away unsent ends this connection only, within the frame', async () => {
    const [victim, before, after] = [open(), open(), open()];
    const bytes = new Uint8Array(LARGE);
    void before.connection.send('a');
    void victim.connection.send('a');
    void victim.connection.send(bytes);
    void after.connection.send('a');
    detach(bytes);
    await nextTurn();
    assert.is(victim.stream.written.toString('hex'), '810161' + '827f0000000000010000');
    await assertClosed(victim, ABNORMAL, WebSocketError);
    assert.is(((await victim.connection.closed).error as WebSocketError).code, 'PAYLOAD_LOST');
    for (const opened of [before, after]) {
      await opened.connection.send('b');
      await opened.assertSent('81 01 61  81 01 62');
    }
  });

  test('memory that has grown after send() is sent as it was', async () => {
    const opened = open();
    const memory = resizable(LARGE, 2 * LARGE);
    void opened.connection.send(new Uint8Array(memory));
    memory.resize(2 * LARGE);
    await nextTurn();
    assert.is(opened.stream.written.length, 10 + LARGE);
  });

  test('memory that has shrunk after send() ends the connection', async () => {
    const opened = open();
    const memory = resizable(LARGE, LARGE);
    void opened.connection.send(new Uint8Array(memory));
    memory.resize(10);
    await assertClosed(opened, ABNORMAL, WebSocketError);
  });

  test('bytes are the caller\'s while they are being compressed', async () => {
    const settings = { windowBits: 15, contextTakeover: false };
    const [near, far] = createFakePair();
    const deflate = { outgoing: { ...settings, level: 6, threshold: 0 }, incoming: settings };
    const server = open({ stream: near, deflate });
    const client = open({ role: 'client', stream: far, deflate });
    const bytes = Buffer.alloc(2 * LARGE, 'abc');
    void server.connection.send(bytes);
    bytes.fill(0);
    assert.ok((await client.connection.wait() as Buffer).equals(Buffer.alloc(2 * LARGE, 'abc')));
  });

  test.run();
}

{
  const test = suite('flushed');
  test.after.each(terminateAll);

  test('it is fulfilled at once where nothing waits', async () => {
    assert.is(await isPending(open().connection.flushed()), false);
  });

  test('it waits for the flush', async () => {
    const opened = open();
    void opened.connection.send('a');
    await opened.connection.flushed();
    await opened.assertSent('81 01 61');
  });

  for (const count of [1, 30]) {
    test(`it waits for the peer to take all, ${count * 50} bytes`, async () => {
      const { connection, stream } = open({ stream: smallStream() });
      stream.hold();
      for (let number = 0; number < count; number++) void connection.send('x'.repeat(48));
      const early = connection.flushed();
      await nextTurn();
      const late = connection.flushed();
      assert.equal([await isPending(early), await isPending(late)], [true, true]);
      stream.release();
      await Promise.all([early, late]);
      assert.is(stream.written.length, count * 50);
    });
  }

  test('what was flushed has left, when terminate() is called', async () => {
    const opened = open();
    void opened.connection.send(Buffer.alloc(5 << 20));
    await opened.connection.flushed();
    opened.connection.terminate();
    assert.is(opened.stream.written.length, (5 << 20) + 10);
  });

  test('it waits for what is being compressed', async () => {
    const settings = { windowBits: 15, contextTakeover: false };
    const opened = open({ deflate: { outgoing: settings, incoming: settings } });
    void opened.connection.send('a');
    void opened.connection.send(Buffer.alloc(LARGE));
    void opened.connection.send('b');
    await opened.connection.flushed();
    assert.is(opened.stream.written.subarray(-3).toString('hex'), '810162');
    assert.is(opened.connection.bufferedAmount, 0);
  });

  test('after close() it waits for the Close frame', async () => {
    const { connection, stream } = open({ stream: smallStream() });
    stream.hold();
    void connection.send('x'.repeat(110));
    void connection.close();
    const flushed = connection.flushed();
    assert.is(await isPending(flushed), true);
    stream.release();
    await flushed;
    assert.is(stream.written.subarray(-4).toString('hex'), CLOSE_1000.replaceAll(' ', ''));
  });

  test('after the stream has been ended too', async () => {
    const opened = open({ stream: smallStream() });
    opened.stream.hold();
    void opened.connection.send('x'.repeat(90));
    await nextTurn();
    await opened.receive(CLOSE_1000);
    assert.is(opened.stream.writableEnded, true);
    const flushed = opened.connection.flushed();
    assert.is(await isPending(flushed), true);
    opened.stream.release();
    await flushed;
    await opened.receiveEnd();
    await opened.connection.closed;
    await opened.connection.flushed();
  });

  const ends: [name: string, cut: (opened: ReturnType<typeof open>) => unknown][] = [
    ['before the flush', ({ connection }) => connection.terminate()],
    ['after it', async ({ connection }) => {
      await nextTurn();
      connection.terminate();
    }],
  ];
  for (const [name, cut] of ends) {
    test(`it rejects if the connection ends ${name}`, async () => {
      const opened = open({ stream: smallStream() });
      opened.stream.hold();
      void opened.connection.send('x'.repeat(110));
      const flushed = opened.connection.flushed();
      await cut(opened);
      const error = await rejectionOf(flushed);
      assert.instance(error, ConnectionClosed);
      await opened.connection.closed;
      assert.instance(await rejectionOf(opened.connection.flushed()), ConnectionClosed);
    });
  }

  test('it rejects if the connection breaks after the stream has been ended', async () => {
    const opened = open({ stream: smallStream() });
    opened.stream.hold();
    void opened.connection.send('x'.repeat(90));
    await nextTurn();
    await opened.receive(CLOSE_1000);
    const flushed = opened.connection.flushed();
    await opened.reset();
    assert.instance(await rejectionOf(flushed), ConnectionClosed);
  });

  test.run();
}

{
  const test = suite('discardMessages');
  test.after.each(terminateAll);

  test('what waits and what comes is dropped, control frames count, and the end is told', async () => {
    const opened = open({ limits: { maxQueuedMessages: 2 } });
    const { connection, stream } = opened;
    await opened.receive('81 01 61  81 01 62');
    assert.is(stream.isPaused(), true);
    connection.discardMessages();
    assert.is(stream.isPaused(), false);
    assert.is(connection.countMessages(), 0);
    const wait = connection.wait();
    for (let count = 0; count < 10; count++) await opened.receive('81 01 63  82 01 00  89 01 70');
    await opened.assertSent('8a 01 70'.repeat(10));
    assert.equal([connection.hasMessages(), connection.read(), await isPending(wait)], [false, null, true]);
    await opened.receive(`81 01 64 ${CLOSE_1000}`);
    await opened.receiveEnd();
    assert.is(await wait, null);
    assert.equal(await connection.closed, { code: 1000, reason: '', wasClean: true });
  });

  test('the rules hold for messages that nobody wants', async () => {
    const opened = open({ limits: { maxMessageBytes: 3 } });
    opened.connection.discardMessages();
    await opened.receive('81 04 61616161');
    assert.is(opened.connection.isClosed(), true);
  });

  test.run();
}

{
  const test = suite('send, the memory of frames');
  test.after.each(terminateAll);

  /** Tells in which memory lies what it writes. */
  class Recording extends FakeStream {
    readonly memories = new Set<ArrayBufferLike>();

    override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
      this.memories.add(chunk.buffer);
      super._write(chunk, encoding, done);
    }
  }

  for (const isHeld of [false, true]) {
    test(`a socket's is used again once it is written${isHeld ? ', however late' : ''}`, async () => {
      const stream = new Recording();
      const { connection } = open({ stream, isSocket: true });
      for (let count = 0; count < 200; count++) {
        if (isHeld) stream.hold();
        const sent = connection.send(Buffer.alloc(32_768, count));
        await nextTurn();
        stream.release();
        await sent;
      }
      assert.is(stream.writes.length, 200);
      assert.ok(stream.memories.size < 4, `${stream.memories.size} pieces`);
    });
  }

  for (const isHeld of [false, true]) {
    test(`that of a client's long frame is freed once it is written${isHeld ? ', however late' : ''}`, async () => {
      const { connection, stream } = open({ role: 'client', isSocket: true });
      const payload = Buffer.alloc(100_000, 1);
      const freed = await findFreed(async () => {
        if (isHeld) stream.hold();
        const sent = connection.send(payload);
        await nextTurn();
        stream.release();
        await sent;
      });
      // The header of a client has 14 bytes (§5.2).
      assert.equal(freed, [100_014]);
      assert.ok(payload.equals(Buffer.alloc(100_000, 1)));
    });
  }

  test('what a server refers to is not its own to free, nor what waits in memory', async () => {
    const payload = Buffer.alloc(100_000, 1);
    const freed = await findFreed(async () => {
      for (const options of [{ isSocket: true }, { role: 'client' as const }]) {
        await open(options).connection.send(payload);
        await nextTurn();
      }
    });
    assert.equal(freed, []);
    assert.ok(payload.equals(Buffer.alloc(100_000, 1)));
  });

  test('it is released once, though a socket that has written more than it wants tells of that later', async () => {
    const [late, quick] = [open({ isSocket: true }), open({ isSocket: true })];
    // In memory of which nothing is held.
    while (ownFrames.allot(1) !== 0);
    ownFrames.release(ownFrames.bytes.subarray(0, 1));
    late.stream.hold();
    // As many bytes as the frame and the header of both below.
    void late.connection.send(Buffer.alloc(20_010, 'a'));
    void quick.connection.send(Buffer.alloc(20_000, 'b'));
    await quick.connection.send(Buffer.alloc(LARGE));
    await nextTurn();
    await quick.connection.send(Buffer.alloc(20_000, 'c'));
    late.stream.release();
    assert.ok(late.stream.written.subarray(4).equals(Buffer.alloc(20_010, 'a')));
  });

  test.run();
}

{
  const test = suite('send, on sockets');

  /** A message that no other is like. */
  const numbered = (name: string, number: number): Buffer => Buffer.alloc(16_384, `${name} ${number}, `);

  for (const scheme of ['ws', 'wss']) {
    test(`${scheme}: what waits for a peer that doesn't read is not written over by what others are sent`, async () => {
      const isSecure = scheme === 'wss';
      const server = createServer({ ...(isSecure && { tls: { key: privateKey, cert: certificate } }) });
      let count = 0;
      server.route('/unread', requireWebSocket(async ({ webSocket }) => {
        // More than the system's buffers take.
        while (webSocket.bufferedAmount < 1 << 20) {
          for (let frames = 0; frames < 8; frames++) void webSocket.send(numbered('unread', count++));
          await nextTurn();
        }
        await webSocket.wait();
      }));
      server.route('/read', requireWebSocket(async ({ webSocket }) => {
        for await (const _ of webSocket) {
          for (let frames = 0; frames < 8; frames++) await webSocket.send(numbered('read', frames));
        }
      }));
      await server.listen(0, '127.0.0.1');
      const { port } = server.address() as AddressInfo;
      const open = (path: string): Promise<Connection> => connect(`${scheme}://127.0.0.1:${port}${path}`, {
        maxQueuedMessages: 1, deflate: false, ...(isSecure && { tls: { ca: certificate } }),
      });
      await using unread = await open('/unread');
      await using read = await open('/read');
      for (let rounds = 0; rounds < 50; rounds++) {
        void read.send('more');
        for (let frames = 0; frames < 8; frames++) {
          assert.ok(numbered('read', frames).equals((await read.wait()) as Buffer), `${rounds} ${frames}`);
        }
      }
      for (let number = 0; number < count; number++) {
        assert.ok(numbered('unread', number).equals((await unread.wait()) as Buffer), `${number} of ${count}`);
      }
      void server.close({ timeout: 0 });
    });
  }

  test.run();
}
