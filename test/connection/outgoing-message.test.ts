// Messages that are sent while they are made: what leaves, in which order, and what each end of a source costs.
import { Readable } from 'node:stream';
import * as assert from 'uvu/assert';
import { broadcast, ConnectionClosed, connectionPair, type Connection, type MessageSource } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import {
  CLOSE_1000, isPending, nextTurn, open, rejectionOf, roles, smallStream, terminateAll, unhandledRejections,
} from './harness.js';

const test = suite('connection/outgoing-message');
test.after.each(terminateAll);

/** A source whose chunks come when the test says so. */
class Source implements AsyncIterable<string | Uint8Array> {
  /** What has been asked of it. */
  readonly asked: string[] = [];
  #settle: ((result: IteratorResult<string | Uint8Array>) => void) | null = null;
  #fail: ((error: unknown) => void) | null = null;

  [Symbol.asyncIterator](): AsyncIterator<string | Uint8Array> {
    return {
      next: () => {
        this.asked.push('next');
        return new Promise((resolve, reject) => {
          this.#settle = resolve;
          this.#fail = reject;
        });
      },
      return: () => {
        this.asked.push('return');
        return Promise.reject(new Error('nobody listens'));
      },
    };
  }

  async give(value: string | Uint8Array): Promise<void> {
    await nextTurn();
    this.#settle!({ value, done: false });
    await nextTurn();
  }

  async end(): Promise<void> {
    await nextTurn();
    this.#settle!({ value: undefined, done: true });
    await nextTurn();
  }

  async fail(error: unknown): Promise<void> {
    await nextTurn();
    this.#fail!(error);
    await nextTurn();
  }
}

async function* of(...chunks: unknown[]): AsyncGenerator<never> {
  for (const chunk of chunks) yield chunk as never;
}

/** What a connection sends for a source, in hexadecimal. */
async function sentFor(source: MessageSource, options?: { type?: 'text' | 'binary' }): Promise<string> {
  const opened = open();
  await opened.connection.send(source, options);
  await nextTurn();
  return opened.stream.written.toString('hex');
}

function compact(digits: string): string {
  return hex(digits).toString('hex');
}

for (const role of roles) {
  test(`§5.4 ${role}: each chunk leaves as a fragment when it is there; the last one is empty`, async () => {
    const opened = open({ role });
    const source = new Source();
    const sent = opened.connection.send(source);
    await source.give('a');
    await opened.assertSent('01 01 61');
    await source.give(hex('c3a4'));
    await opened.assertSent('01 01 61 00 02 c3a4');
    assert.ok(await isPending(sent));
    await source.end();
    await opened.assertSent('01 01 61 00 02 c3a4 80 00');
    await sent;
    assert.equal(source.asked, ['next', 'next', 'next']);
  });

  test(`§5.4 ${role}: pings and pongs go between the fragments, other messages after the last`, async () => {
    const opened = open({ role });
    const { connection } = opened;
    const source = new Source();
    const sends = [connection.send(source), connection.send('after'), connection.send(of('x'))];
    await source.give('a');
    void connection.ping('');
    await opened.receive('89 01 70');
    assert.ok(await isPending(sends[1]!));
    assert.is(connection.bufferedAmount, 5);
    await source.end();
    await Promise.all(sends);
    await opened.assertSent('01 01 61 89 00 8a 01 70 80 00 81 05 6166746572 01 01 78 80 00');
    await connection.send('directly');
    await opened.assertSent('01 01 61 89 00 8a 01 70 80 00 81 05 6166746572 01 01 78 80 00 81 08 6469726563746c79');
  });
}

test('every kind of source, and what its first chunk or the option makes of it', async () => {
  assert.is(await sentFor(of(hex('01'), 'a')), compact('02 01 01 00 01 61 80 00'));
  assert.is(await sentFor(of('a'), { type: 'binary' }), compact('02 01 61 80 00'));
  assert.is(await sentFor(of(hex('c3'), hex('a4')), { type: 'text' }), compact('01 01 c3 00 01 a4 80 00'));
  assert.is(await sentFor(of()), compact('82 00'));
  assert.is(await sentFor(of(), { type: 'text' }), compact('81 00'));
  assert.is(await sentFor(of('', 'a', Buffer.alloc(0))), compact('01 01 61 80 00'));
  assert.is(await sentFor(of(new Uint8Array([1]).buffer, new Uint16Array([2]))), compact('02 01 01 00 02 0200 80 00'));
  assert.is(await sentFor(Readable.from(['a', 'b'])), compact('01 01 61 00 01 62 80 00'));
  assert.is(await sentFor(new Blob(['ab'])), compact('02 02 6162 80 00'));
  assert.is(await sentFor(new Blob(['ab']), { type: 'text' }), compact('01 02 6162 80 00'));
  assert.is(await sentFor(new Blob(['ab']).stream()), compact('02 02 6162 80 00'));
});

test('a character that two strings share is sent whole', async () => {
  assert.is(await sentFor(of('a\ud83d', '\udc4b')), compact('01 01 61 00 04 f09f918b 80 00'));
  // Alone it is what `send` makes of it, too.
  assert.is(await sentFor(of('\ud83d')), compact('01 03 efbfbd 80 00'));
  assert.is(await sentFor(of('\ud83d', hex('61'))), compact('01 04 efbfbd61 80 00'));
});

test('a large chunk leaves in several fragments, masked ones in the memory of small frames', async () => {
  for (const [role, most] of [['server', 1 << 20], ['client', (1 << 16) - 14]] as const) {
    const [server, client] = connectionPair({ maxMessageBytes: 1 << 24 });
    const [from, to] = role === 'server' ? [server, client] : [client, server];
    const large = Buffer.alloc(most + 1, 'large ');
    const sent = from.send(of(large));
    assert.ok(large.equals((await to.wait()) as Buffer));
    await sent;
  }
});

test('a source is asked for more only when there is room', async () => {
  const stream = smallStream();
  const opened = open({ stream });
  const source = new Source();
  const sent = opened.connection.send(source);
  stream.hold();
  await source.give(Buffer.alloc(200));
  assert.equal(source.asked, ['next', 'next']);
  await source.give(Buffer.alloc(200));
  assert.equal(source.asked, ['next', 'next']);
  stream.release();
  await nextTurn();
  assert.equal(source.asked, ['next', 'next', 'next']);
  await source.end();
  await sent;
});

// ── Its end ──

test('§7.4.1 a source that fails closes with 1011 once its message has begun', async () => {
  const opened = open();
  const source = new Source();
  const error = new Error('no more');
  const rejection = rejectionOf(opened.connection.send(source));
  await source.give('a');
  const after = rejectionOf(opened.connection.send('after'));
  await source.fail(error);
  await opened.assertSent('01 01 61 88 02 03f3');
  assert.is(await rejection, error);
  assert.instance(await after, ConnectionClosed);
  await opened.receive('88 02 03f3');
  await opened.receiveEnd();
  assert.is((await opened.connection.closed).error, error);
});

test('before its first chunk nothing has happened', async () => {
  const opened = open();
  const error = new Error('no such file');
  const source = new Source();
  const rejection = rejectionOf(opened.connection.send(source));
  await source.fail(error);
  assert.is(await rejection, error);
  await opened.connection.send('a');
  await opened.assertSent('81 01 61');
});

test('a source may fail with anything', async () => {
  for (const reason of ['text', undefined, null]) {
    const opened = open();
    const source = new Source();
    const rejection = opened.connection.send(source).then(() => assert.unreachable(), (error: unknown) => error);
    await source.give('a');
    await source.fail(reason);
    await rejection;
    await opened.receive('88 02 03f3');
    await opened.receiveEnd();
    assert.instance((await opened.connection.closed).error, Error);
  }
});

test('a chunk of another type is a TypeError that says what is one', async () => {
  for (const chunk of [7, null, undefined, {}, ['a']]) {
    const opened = open();
    const error = await rejectionOf(opened.connection.send(of(chunk)));
    assert.instance(error, TypeError);
    assert.match(error.message, 'a chunk of a message is a string, an ArrayBuffer or a view of one');
    assert.is(opened.connection.state, 'open');
  }
});

test('§8.1 bytes of a text that are not UTF-8 are not sent', async () => {
  for (const [chunks, isBegun] of [[[hex('ff')], false], [['a', hex('c3')], true]] as const) {
    const opened = open();
    const error = await rejectionOf(opened.connection.send(of(...chunks), { type: 'text' }));
    assert.instance(error, TypeError);
    assert.match(error.message, 'UTF-8');
    assert.is(opened.connection.state, isBegun ? 'closing' : 'open');
  }
});

test('an unknown type is a TypeError at once', () => {
  const { connection } = open();
  assert.throws(() => void connection.send(of('a'), { type: 'json' as 'text' }), TypeError);
  assert.throws(() => void connection.send({} as never), TypeError);
});

test('a signal: before the message, while it waits in line, before its first chunk, within it', async () => {
  const reason = new Error('cancelled');
  const early = open();
  assert.is(await rejectionOf(early.connection.send(of('a'), { signal: AbortSignal.abort(reason) })), reason);
  await early.assertSent('');

  for (const given of [0, 1]) {
    const opened = open();
    const controllers = [new AbortController(), new AbortController()];
    const sources = [new Source(), Readable.from(['b'])] as const;
    const rejections = sources.map((source, index) => (
      rejectionOf(opened.connection.send(source, { signal: controllers[index]!.signal }))
    ));
    if (given === 1) await sources[0].give('a');
    await nextTurn();
    controllers[1]!.abort(reason);
    assert.is(await rejections[1], reason);
    assert.is(sources[1].destroyed, true);
    controllers[0]!.abort(reason);
    assert.is(await rejections[0], reason);
    assert.equal(sources[0].asked.at(-1), 'return');
    assert.is(opened.connection.state, given === 1 ? 'closing' : 'open');
    // Once more changes nothing.
    controllers[0]!.abort();
  }
});

test('a signal that is aborted after the message was sent changes nothing', async () => {
  const opened = open();
  const controller = new AbortController();
  await opened.connection.send(of('a'), { signal: controller.signal });
  controller.abort();
  assert.is(opened.connection.state, 'open');
});

test('an abort is heard between what is waited for and the next fragment', async () => {
  const opened = open();
  const reason = new Error('now');
  const controller = new AbortController();
  async function* source(): AsyncGenerator<string> {
    yield 'a';
    // After this chunk is there and before it is sent.
    queueMicrotask(() => queueMicrotask(() => controller.abort(reason)));
    yield 'b';
    yield 'c';
  }
  assert.is(await rejectionOf(opened.connection.send(source(), { signal: controller.signal })), reason);
  await nextTurn();
  assert.match(opened.stream.written.toString('hex'), /^010161(000162)?880203f3$/);
});

const ends: readonly (readonly [name: string, act: (connection: Connection) => void])[] = [
  ['close', (connection) => void connection.close()],
  ['terminate', (connection) => connection.terminate()],
];

for (const [name, act] of ends) {
  test(`after ${name} the source is left, and all that waited is rejected, never unhandled`, async () => {
    const reported = await unhandledRejections(async () => {
      const opened = open();
      const { connection } = opened;
      const source = new Source();
      const waiting = new Source();
      void connection.send(source);
      void connection.send(waiting);
      void connection.send('whole');
      await source.give('a');
      await nextTurn();
      act(connection);
      await nextTurn();
      assert.equal(source.asked, ['next', 'next', 'return']);
      assert.equal(waiting.asked, []);
      assert.instance(await rejectionOf(connection.send(of('late'))), ConnectionClosed);
      const sent = name === 'close' ? `01 01 61 ${CLOSE_1000}` : '01 01 61';
      assert.is(opened.stream.written.toString('hex'), compact(sent));
    });
    assert.equal(reported, []);
  });
}

for (const [name, act] of ends) {
  test(`a source that calls ${name} itself gets nothing sent after that, not even the last frame`, async () => {
    for (const chunks of [['b'], []]) {
      const opened = open();
      async function* source(): AsyncGenerator<string> {
        yield 'a';
        act(opened.connection);
        yield* chunks;
      }
      assert.instance(await rejectionOf(opened.connection.send(source())), ConnectionClosed);
      await nextTurn();
      assert.not.match(opened.stream.written.toString('hex'), /^010161[08]0/);
    }
  });
}

test('the peer\'s Close ends it as well', async () => {
  const opened = open();
  const source = new Source();
  const rejection = rejectionOf(opened.connection.send(source));
  await source.give('a');
  await opened.receive(CLOSE_1000);
  assert.instance(await rejection, ConnectionClosed);
  await opened.assertSent(`01 01 61 ${CLOSE_1000}`);
});

test('flushed waits for the whole of it', async () => {
  const opened = open();
  const source = new Source();
  void opened.connection.send(source);
  await source.give('a');
  const flushed = opened.connection.flushed();
  assert.ok(await isPending(flushed));
  await source.end();
  await flushed;
});

test('to a broadcast such a connection has no room', async () => {
  const opened = open();
  const source = new Source();
  void opened.connection.send(source);
  await source.give('a');
  const { slow } = broadcast([opened.connection], 'news', { slow: 'drop' });
  assert.equal(slow, [opened.connection]);
  const { sent, drained } = broadcast([opened.connection], 'late');
  assert.is(sent, 1);
  await source.end();
  await drained;
  await opened.assertSent('01 01 61 80 00 81 04 6c617465');
});

test('one who goes on sending meanwhile, and doesn\'t wait, is cut at maxBufferedBytes', async () => {
  const opened = open({ limits: { maxBufferedBytes: 100 } });
  const { connection } = opened;
  const source = new Source();
  void connection.send(source);
  await source.give('a');
  for (let count = 0; count < 11; count++) void connection.send(Buffer.alloc(10));
  assert.is(connection.state, 'open');
  assert.instance(await rejectionOf(connection.send('one more')), ConnectionClosed);
  const { error } = await connection.closed;
  assert.is((error as ConnectionClosed).code, 'PEER_NOT_READING');
});

test('messages without a byte take memory, too: so many may wait, and no more', async () => {
  for (const isSource of [false, true]) {
    const opened = open();
    const { connection } = opened;
    const source = new Source();
    void connection.send(source);
    await source.give('a');
    for (let count = 0; count < 32_768; count++) void connection.send('');
    assert.is(connection.state, 'open');
    const readable = Readable.from(['one more']);
    const sent = isSource ? connection.send(readable) : connection.send('');
    assert.instance(await rejectionOf(sent), ConnectionClosed);
    assert.is(readable.destroyed, isSource);
    const { error } = await connection.closed;
    assert.is((error as ConnectionClosed).code, 'PEER_NOT_READING');
    assert.match(error!.message, 'very many messages');
  }
});

test('an echo in pieces, both ways at once', async () => {
  const [server, client] = connectionPair({ maxStreamedBytes: Infinity });
  const echo = (async () => {
    for (let message = await server.receive(); message !== null; message = await server.receive()) {
      await server.send(message.chunks, { type: message.type });
    }
  })();
  async function* large(): AsyncGenerator<Buffer> {
    for (let count = 0; count < 100; count++) yield Buffer.alloc(65_536, count);
  }
  const sent = client.send(large());
  let byteLength = 0;
  for await (const chunk of (await client.receive())!.chunks) {
    const bytes = chunk as Buffer;
    for (let at = 0; at < bytes.length; at += 4096) assert.is(bytes[at], Math.floor((byteLength + at) / 65_536));
    byteLength += bytes.length;
  }
  await sent;
  assert.is(byteLength, 6_553_600);
  await client.send(of('text ', '你'));
  assert.is(await (await client.receive())!.text(), 'text 你');
  await client.close();
  await echo;
});

test.run();
