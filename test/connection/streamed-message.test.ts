// Messages that are read while they arrive: every cut, every order of waits, every end.
import { pipeline } from 'node:stream/promises';
import { Writable } from 'node:stream';
import * as assert from 'uvu/assert';
import { ConnectionClosed, ProtocolError, TimeoutError, type StreamedMessage } from '../../src/index.js';
import { MessageAssembler } from '../../src/connection/assembler.js';
import { connectionDefaults } from '../../src/connection/limits.js';
import { Pieces } from '../../src/connection/pieces.js';
import { FrameDecoder } from '../../src/frame/decode.js';
import { MASKING_KEY } from '../frame/events.js';
import { findFreed } from '../frame/memory.js';
import { suite } from '../runner/suite.js';
import { assertEveryCut, hex } from '../support/codec/cuts.js';
import { encodeNaive } from '../support/codec/naive-codec.js';
import {
  assertClosed, CLOSE_1000, isPending, nextTurn, open, peerBytes, rejectionOf, roles, terminateAll, textFrames,
  type Opened,
} from './harness.js';

const test = suite('connection/streamed-message');
test.after.each(terminateAll);

const KIB = 1024;
const STREAMING = { limits: { maxMessageBytes: 10, maxStreamedBytes: Infinity } };

/** The chunks of a message until its end, and what ended it early. */
async function read(message: StreamedMessage): Promise<{ chunks: (string | Buffer)[]; error: Error | null }> {
  const chunks: (string | Buffer)[] = [];
  try {
    for await (const chunk of message.chunks) chunks.push(chunk);
  } catch (error) {
    return { chunks, error: error as Error };
  }
  return { chunks, error: null };
}

function join(chunks: readonly (string | Buffer)[]): string {
  return Buffer.concat(chunks.map((chunk) => Buffer.from(chunk as string))).toString('latin1');
}

async function received(opened: Opened): Promise<StreamedMessage> {
  const message = await opened.connection.receive();
  assert.ok(message !== null);
  return message;
}

for (const role of roles) {
  test(`§5.4 ${role}: a message is there with its first frame, and its chunks as they come`, async () => {
    const opened = open({ role });
    const wait = opened.connection.receive();
    await opened.receive('02 02 0102');
    const message = (await wait)!;
    assert.is(message.type, 'binary');
    assert.equal(await message.chunks.next(), { value: hex('0102'), done: false });
    const next = message.chunks.next();
    assert.ok(await isPending(next));
    await opened.receive('89 00 00 00 80 01 03');
    assert.equal(await next, { value: hex('03'), done: false });
    assert.equal(await message.chunks.next(), { value: undefined, done: true });
    assert.equal(await message.chunks.next(), { value: undefined, done: true });
    await opened.assertSent('8a 00');
  });

  test(`${role}: text, bytes, json, whether the message came in pieces or whole, before or after it was asked for`,
    async () => {
      for (const isEarly of [true, false]) {
        for (const bytes of ['81 0a 7b2261223a22c3a4227d', '01 07 7b2261223a22c3 80 03 a4227d']) {
          const opened = open({ role });
          const get = async (): Promise<StreamedMessage> => {
            const wait = isEarly ? null : received(opened);
            await opened.receive(bytes);
            return await (wait ?? received(opened));
          };
          assert.is(await (await get()).text(), '{"a":"ä"}');
          assert.equal(await (await get()).bytes(), Buffer.from('{"a":"ä"}'));
          assert.equal(await (await get()).json(), { a: 'ä' });
          const { type } = await get();
          assert.is(type, 'text');
        }
      }
    });
}

test('messages without a byte have no chunk', async () => {
  const opened = open();
  for (const frames of ['81 00', '82 00', '01 00 80 00', '02 00 00 00 80 00']) {
    const wait = received(opened);
    await opened.receive(frames);
    assert.equal(await read(await wait), { chunks: [], error: null });
    await opened.receive(frames);
    assert.is(await (await received(opened)).text(), '');
  }
});

/** Frames of messages without a mask, and what comes of them: the type, the content in Latin-1, the error's code. */
const CASES: readonly (readonly [name: string, frames: string, expected: readonly string[]])[] = [
  ['one frame', '82 05 0001ff0203', ['binary \x00\x01\xff\x02\x03']],
  ['fragments', '02 02 0001 00 01 ff 80 02 0203', ['binary \x00\x01\xff\x02\x03']],
  ['empty fragments', '02 00 00 00 00 01 61 00 00 80 00', ['binary a']],
  ['control frames in between', '02 01 61 89 02 7879 00 01 62 8a 00 80 01 63', ['binary abc']],
  ['text', '81 0a 61c3a4e4bda0f09f918b', ['text a\xc3\xa4\xe4\xbd\xa0\xf0\x9f\x91\x8b']],
  ['text cut in each character', '01 02 61c3 00 02 a4e4 00 03 bda0f0 00 01 9f 00 01 91 80 01 8b',
    ['text a\xc3\xa4\xe4\xbd\xa0\xf0\x9f\x91\x8b']],
  ['several', '81 01 61 02 01 62 80 01 63 82 00 01 00 80 01 64', ['text a', 'binary bc', 'binary ', 'text d']],
  ['text that can\'t be UTF-8', '01 03 6162ff 80 01 63', ['INVALID_UTF8']],
  ['text that ends within a character', '01 01 61 80 02 e4bd', ['INVALID_UTF8']],
  ['a message in a message', '02 01 61 82 01 62', ['EXPECTED_CONTINUATION']],
  ['Close within', '02 01 61 88 02 03e8', ['close']],
];

for (const [name, frames, expected] of CASES) {
  for (const role of roles) {
    test(`${role}: ${name}, however it is cut`, () => {
      const parse = (chunks: Iterable<Buffer>): string[] => {
        const results: string[] = [];
        let pieces: Pieces | null = null;
        const finish = (): void => {
          if (pieces === null || !pieces.hasBegun || !pieces.isEnded) return;
          let content = '';
          for (let piece = pieces.queue.take(); piece !== null; piece = pieces.queue.take()) {
            assert.is.not(piece.length, 0);
            if (typeof piece === 'string') assert.not.match(piece, /[\ufffd]|^[\udc00-\udfff]|[\ud800-\udbff]$/);
            content += Buffer.from(piece as string).toString('latin1');
          }
          if (!pieces.isCut) results.push(`${pieces.isText ? 'text' : 'binary'} ${content}`);
          pieces = null;
        };
        const assembler = new MessageAssembler(null);
        assembler.serve({
          put: (message) => {
            finish();
            pieces = new Pieces(connectionDefaults);
            pieces.fill(message);
            finish();
          },
          isFull: false,
          mayStream: () => true,
          takeSink: () => {
            finish();
            return (pieces = new Pieces(connectionDefaults));
          },
          countStreamed: () => {},
          advance: () => {},
          refuse: () => {},
        }, 1);
        const decoder = new FrameDecoder(assembler, false);
        decoder.serve(role, {
          receiveControl: (opcode) => {
            if (opcode === 0x8) {
              assembler.cut(null);
              results.push('close');
            }
          },
        });
        try {
          for (const chunk of chunks) {
            decoder.decode(chunk);
            finish();
          }
        } catch (error) {
          assembler.cut(error as Error);
          results.push((error as ProtocolError).code);
        }
        finish();
        return results;
      };
      assertEveryCut(peerBytes(role, frames), parse, [...expected]);
    });
  }
}

test('waits for whole messages and for pieces are served in their order', async () => {
  const opened = open();
  const { connection } = opened;
  const waits = [connection.wait(), connection.receive(), connection.next(), connection.receive()] as const;
  await opened.receive(textFrames('a') + '01 01 62');
  assert.is(await waits[0], 'a');
  const second = (await waits[1])!;
  await opened.receive('80 01 63 01 01 64');
  assert.is(await second.text(), 'bc');
  assert.ok(await isPending(waits[2]));
  await opened.receive('80 01 65' + textFrames('f'));
  assert.equal(await waits[2], { value: 'de', done: false });
  assert.is(await (await waits[3])!.text(), 'f');
});

test('a message that has begun is for the one who waits already', async () => {
  const opened = open();
  const whole = opened.connection.wait();
  await opened.receive('01 01 61');
  const pieces = opened.connection.receive();
  await opened.receive('80 01 62' + textFrames('c'));
  assert.is(await whole, 'ab');
  assert.is(await (await pieces)!.text(), 'c');
});

test('when that one gives up, it is for the next', async () => {
  const opened = open();
  const controller = new AbortController();
  const whole = opened.connection.wait({ signal: controller.signal });
  const pieces = opened.connection.receive();
  await opened.receive('01 01 61');
  controller.abort(new Error('enough'));
  assert.is((await rejectionOf(whole)).message, 'enough');
  await opened.receive('00 01 62');
  const message = (await pieces)!;
  assert.equal((await message.chunks.next()).value, 'a');
  assert.equal((await message.chunks.next()).value, 'b');
});

test('what has come of a message before it is asked for is handed over, whole messages before it first', async () => {
  const opened = open();
  await opened.receive(textFrames('first') + '01 03 61e4bd');
  assert.is(await (await received(opened)).text(), 'first');
  const message = await received(opened);
  assert.equal(await message.chunks.next(), { value: 'a', done: false });
  await opened.receive('80 01 a0');
  assert.equal(await read(message), { chunks: ['你'], error: null });
});

test('one that is being read is not handed over again', async () => {
  const opened = open();
  const first = received(opened);
  await opened.receive('02 01 61');
  const message = await first;
  const second = opened.connection.receive();
  await opened.receive('80 01 62 82 01 63');
  assert.is(await message.text(), 'ab');
  assert.is(await (await second)!.text(), 'c');
});

test('a wait that gives up takes nothing', async () => {
  const opened = open();
  const { connection } = opened;
  assert.instance(await rejectionOf(connection.receive({ timeout: 0 })), TimeoutError);
  assert.throws(() => void connection.receive({ timeout: -1 }), RangeError);
  await opened.receive('02 01 61');
  const reason = new Error('aborted');
  assert.is(await rejectionOf(connection.receive({ signal: AbortSignal.abort(reason) })), reason);
  await opened.receive('80 01 62');
  assert.equal(await connection.wait(), Buffer.from('ab'));
});

test('null once the connection has ended, and after discardMessages', async () => {
  const opened = open();
  await opened.receive('02 01 61');
  opened.connection.discardMessages();
  const wait = opened.connection.receive();
  await opened.receive('80 01 62' + CLOSE_1000);
  assert.is(await wait, null);
  assert.is(await opened.connection.receive(), null);
});

// ── Longer than maxMessageBytes ──

test('a long message waits for the one who receives it, with the socket paused, in any frames', async () => {
  for (const frames of ['82 0b 6162636465666768696a6b', '02 0a 6162636465666768696a 80 01 6b']) {
    const opened = open(STREAMING);
    opened.stream.receive(peerBytes('server', frames + '82 01 7a'));
    await nextTurn();
    assert.is(opened.stream.isPaused(), true);
    assert.is(opened.connection.countMessages(), 0);
    const message = await received(opened);
    await nextTurn();
    assert.is(opened.stream.isPaused(), false);
    assert.is(join((await read(message)).chunks), 'abcdefghijk');
    assert.equal(await opened.connection.wait(), Buffer.from('z'));
  }
});

test('a long message whose header alone has come waits as well', async () => {
  const opened = open(STREAMING);
  opened.stream.receive(hex('82 8b 00000000'));
  await nextTurn();
  assert.is(opened.stream.isPaused(), true);
  const message = await received(opened);
  opened.stream.receive(Buffer.from('abcdefghijk'));
  assert.is(await (async () => join((await read(message)).chunks))(), 'abcdefghijk');
});

test('§10.4 whoever wants it whole is told 1009, by each way to ask', async () => {
  const asks: ((opened: Opened) => void)[] = [
    ({ connection }) => void connection.wait(),
    ({ connection }) => void connection.next(),
    ({ connection }) => void assert.is(connection.read(), null),
    ({ connection }) => connection.discardMessages(),
  ];
  for (const ask of asks) {
    for (const isEarly of [true, false]) {
      const opened = open(STREAMING);
      const isReading = ask === asks[2];
      if (isEarly && !isReading) ask(opened);
      await opened.receive(textFrames('a') + '82 0b 6162636465666768696a6b');
      if (!isEarly || isReading) {
        assert.is(opened.connection.state, 'open');
        if (ask !== asks[3]) opened.connection.read();
        assert.is(opened.connection.state, 'open');
        ask(opened);
      } else if (ask !== asks[3]) {
        ask(opened);
      }
      await nextTurn();
      assert.is(opened.connection.state, 'closing');
      const frame = opened.stream.written.subarray(0, 4).toString('hex');
      assert.is(frame.slice(0, 2) + frame.slice(4), '8803f1');
    }
  }
});

test('§10.4 a message over maxStreamedBytes fails by the header that says so', async () => {
  const opened = open({ limits: { maxMessageBytes: 2, maxStreamedBytes: 4 } });
  const wait = received(opened);
  await opened.receive('02 03 616263');
  const message = await wait;
  await opened.receive('00 01 64');
  opened.stream.receive(hex('80 81 00000000'));
  const { chunks, error } = await read(message);
  assert.is(join(chunks), 'abcd');
  assert.is((error as ProtocolError).code, 'MESSAGE_TOO_LARGE');
  assert.match(error!.message, '(4)');
  for (const limits of [{ maxMessageBytes: 2, maxStreamedBytes: 4 }, { maxMessageBytes: 4 }]) {
    const other = open({ limits });
    other.stream.receive(hex('82 85 00000000'));
    await nextTurn();
    assert.is(other.connection.state, 'closing');
  }
});

test('text, bytes and json take no more than maxMessageBytes', async () => {
  for (const method of ['text', 'bytes', 'json'] as const) {
    const opened = open(STREAMING);
    const wait = received(opened);
    await opened.receive('01 0a 6162636465666768696a 00 01 6b');
    const error = await rejectionOf((await wait)[method]());
    assert.is((error as ProtocolError).code, 'MESSAGE_TOO_LARGE');
    await nextTurn();
    assert.is(opened.connection.state, 'closing');
    opened.stream.receiveEnd();
    assert.is((await opened.connection.closed).error, error);
  }
});

test('more than they take is told after the end of the connection, too', async () => {
  const opened = open(STREAMING);
  const wait = received(opened);
  await opened.receive('02 0a 6162636465666768696a 80 01 6b' + CLOSE_1000);
  const error = await rejectionOf((await wait).bytes());
  assert.is((error as ProtocolError).code, 'MESSAGE_TOO_LARGE');
  opened.stream.destroy();
  await assertClosed(opened, { code: 1000, reason: '', wasClean: true });
});

// ── Backpressure ──

test('while chunks are unread the socket is paused, and resumed when they are read', async () => {
  const opened = open({ limits: { maxQueuedBytes: 1000 } });
  const wait = received(opened);
  await opened.receive('02 01 61');
  const message = await wait;
  const chunk = `00 7e 0200 ${'62'.repeat(512)}`;
  await opened.receive(chunk);
  assert.is(opened.stream.isPaused(), false);
  await opened.receive(chunk);
  assert.is(opened.stream.isPaused(), true);
  await message.chunks.next();
  await message.chunks.next();
  assert.is(opened.stream.isPaused(), true);
  await message.chunks.next();
  assert.is(opened.stream.isPaused(), false);
});

test('of a million tiny fragments in one chunk only so many are taken, and none is lost', async () => {
  const opened = open({ limits: { maxQueuedMessages: 10 } });
  const wait = received(opened);
  const byte = (number: number): string => (number + 16).toString(16);
  const fragments = Array.from({ length: 100 }, (_, number) => `0${number === 0 ? 2 : 0} 01 ${byte(number)}`);
  await opened.receive(`${fragments.join(' ')} 80 01 ff`);
  const message = await wait;
  assert.is(opened.stream.isPaused(), true);
  const { chunks, error } = await read(message);
  assert.is(error, null);
  assert.equal(Buffer.concat(chunks as Buffer[]), Buffer.from([...Array(100).keys()].map((n) => n + 16).concat(255)));
});

test('one who leaves a message half-read gets the next; the rest is not stored, nor looked at', async () => {
  const leave: ((message: StreamedMessage) => Promise<unknown> | void)[] = [
    (message) => message.skip(),
    async (message) => {
      for await (const _ of message.chunks) break;
    },
    (message) => message.stream().cancel(),
    (message) => void message.readable().destroy(),
  ];
  for (const leaveIt of leave) {
    const opened = open({ limits: { maxQueuedBytes: 4, maxMessageBytes: 4, maxStreamedBytes: 1000 } });
    const wait = received(opened);
    await opened.receive('01 04 61626364 00 04 61626364 00 04 65666768');
    const message = await wait;
    assert.is(opened.stream.isPaused(), true);
    await leaveIt(message);
    await nextTurn();
    assert.is(opened.stream.isPaused(), false);
    await opened.receive('00 02 ffff 80 00' + textFrames('next'));
    assert.is(await opened.connection.wait(), 'next');
    assert.equal(await read(message), { chunks: [], error: null });
  }
});

test('a skipped message has no UTF-8 to check at its end, either', async () => {
  const opened = open();
  const wait = received(opened);
  await opened.receive('01 02 61e4');
  (await wait).skip();
  await opened.receive('80 00' + textFrames('next'));
  assert.is(await opened.connection.wait(), 'next');
});

// ── The end within a message ──

test('what came before the end is read, and then the end is told', async () => {
  const ends: readonly (readonly [name: string, act: (opened: Opened) => Promise<unknown> | void, code: number])[] = [
    ['Close', (opened) => opened.receive(CLOSE_1000), 1000],
    ['reset', (opened) => opened.reset(), 1006],
    ['the end of the stream', (opened) => opened.receiveEnd(), 1006],
    ['terminate', ({ connection }) => connection.terminate(), 1006],
  ];
  for (const [name, act, code] of ends) {
    for (const isWaiting of [true, false]) {
      const opened = open();
      const wait = received(opened);
      await opened.receive('02 01 61');
      const message = await wait;
      const reading = isWaiting ? read(message) : null;
      await act(opened);
      opened.stream.destroy();
      assert.is((await opened.connection.closed).code, code, name);
      const { chunks, error } = await (reading ?? read(message));
      assert.is(join(chunks), 'a', name);
      assert.instance(error, ConnectionClosed, name);
      if (!isWaiting) assert.is((error as ConnectionClosed).close!.code, code, name);
    }
  }
});

test('reset after each byte: what has come is read, and nothing else', async () => {
  const bytes = hex('02 02 0102 89 00 00 02 0304 80 01 05');
  const payloads = ['', '', '', '01', ...Array<string>(5).fill('0102'), '010203', ...Array<string>(3).fill('01020304')];
  for (let end = 2; end < bytes.length; end++) {
    const opened = open({ role: 'client' });
    const wait = opened.connection.receive();
    opened.stream.receive(bytes.subarray(0, end));
    await nextTurn();
    await opened.reset();
    const message = (await wait)!;
    const { chunks, error } = await read(message);
    assert.is(Buffer.concat(chunks as Buffer[]).toString('hex'), payloads[end], `${end} bytes`);
    assert.instance(error, ConnectionClosed);
  }
});

for (const role of roles) {
  test(`§7.1.7 ${role}: a violation within a message is told to its reader, and fails the connection`, async () => {
    for (const [frames, code, closeCode] of [
      ['01 01 61 00 01 ff', 'INVALID_UTF8', '03ef'],
      ['01 01 61 81 01 61', 'EXPECTED_CONTINUATION', '03ea'],
    ] as const) {
      const opened = open({ role });
      const wait = received(opened);
      await opened.receive(frames);
      const { error } = await read(await wait);
      assert.instance(error, ProtocolError);
      assert.is((error as ProtocolError).code, code);
      await nextTurn();
      assert.is(opened.connection.state, 'closing');
      const sent = opened.stream.written;
      if (role === 'server') assert.is(sent.subarray(2, 4).toString('hex'), closeCode);
      opened.stream.receiveEnd();
      assert.is((await opened.connection.closed).error, error);
    }
  });
}

test('§1.4 after our Close a message is read on as it comes, and cut if it isn\'t read', async () => {
  const opened = open({ limits: { maxQueuedBytes: 3 } });
  const wait = received(opened);
  await opened.receive('02 01 61');
  const message = await wait;
  const closed = opened.connection.close();
  await opened.receive('00 01 62');
  assert.is(join([(await message.chunks.next()).value!, (await message.chunks.next()).value!]), 'ab');
  await opened.receive('00 03 636465 00 01 66 80 01 67' + CLOSE_1000);
  opened.stream.destroy();
  assert.is((await closed).code, 1000);
  const { chunks, error } = await read(message);
  assert.is(join(chunks), 'cde');
  assert.instance(error, ConnectionClosed);
});

test('§1.4 after our Close a full reader stops nothing: the peer\'s Close is found', async () => {
  const opened = open({ limits: { maxQueuedBytes: 1 } });
  const wait = received(opened);
  await opened.receive('02 01 61 00 01 62');
  const message = await wait;
  assert.is(opened.stream.isPaused(), true);
  const closed = opened.connection.close();
  await opened.receive('80 01 63' + CLOSE_1000);
  opened.stream.destroy();
  assert.is((await closed).wasClean, true);
  assert.is((await read(message)).chunks.length, 1);
});

test('§1.4 after our Close a long message that nobody has asked for is dropped', async () => {
  const opened = open(STREAMING);
  await opened.receive('82 0b 6162636465666768696a6b');
  const closed = opened.connection.close();
  await opened.receive(textFrames('a') + CLOSE_1000);
  opened.stream.destroy();
  assert.is((await closed).wasClean, true);
  assert.is(await opened.connection.wait(), 'a');
});

test('a chunk that brings a message in pieces and much more, after our Close, is read to its end', async () => {
  const opened = open({ limits: { maxQueuedBytes: 1 } });
  const wait = opened.connection.receive();
  const closed = opened.connection.close();
  await opened.receive('02 01 61 00 01 62 00 01 63 80 01 64' + CLOSE_1000);
  const message = (await wait)!;
  await nextTurn();
  await nextTurn();
  opened.stream.destroy();
  assert.is((await closed).wasClean, true);
  const { error } = await read(message);
  assert.instance(error, ConnectionClosed);
});

test('a message that nobody reads on ends the connection after a time', async () => {
  const opened = open(STREAMING);
  await opened.receive('82 0b 6162636465666768696a6b');
  for (let check = 0; check < 24; check++) opened.checkLife();
  opened.stream.receiveEnd();
  const { error } = await opened.connection.closed;
  assert.is((error as ConnectionClosed).code, 'NOT_READ');
  assert.match(error!.message, 'skip()');
});

// ── As streams ──

test('as a stream of Node\'s and of the web\'s', async () => {
  for (const kind of ['Node', 'web'] as const) {
    for (const [frames, expected] of [['02 01 61 00 01 62', '6162'], ['01 02 61c3 00 01 a4', '61c3a4']] as const) {
      const opened = open();
      const wait = received(opened);
      await opened.receive(frames);
      const message = await wait;
      const parts: Buffer[] = [];
      const done = kind === 'web'
        ? message.stream().pipeTo(new WritableStream({ write: (part) => void parts.push(Buffer.from(part as string)) }))
        : pipeline(message.readable(), new Writable({
          write: (part: Buffer, _, next) => {
            parts.push(part);
            next();
          },
        }));
      await opened.receive('80 00');
      await done;
      assert.is(Buffer.concat(parts).toString('hex'), expected);
    }
  }
});

test('a stream fails as the message does', async () => {
  const opened = open();
  for (const isWeb of [true, false]) {
    const other = isWeb ? opened : open();
    const wait = received(other);
    await other.receive('02 01 61');
    const message = await wait;
    const ignore = async (all: AsyncIterable<unknown>): Promise<void> => {
      for await (const _ of all);
    };
    const reading = isWeb ? message.stream().pipeTo(new WritableStream()) : pipeline(message.readable(), ignore);
    const rejection = rejectionOf(reading);
    await other.reset();
    assert.instance(await rejection, ConnectionClosed);
  }
});

test('a large frame is read in chunks as they come, without memory for all of it', async () => {
  const opened = open({ role: 'client', limits: { maxStreamedBytes: Infinity, maxQueuedBytes: 64 * KIB } });
  const wait = opened.connection.receive();
  opened.stream.receive(hex('82 7f 0000 0000 8000 0000'));
  await nextTurn();
  const message = (await wait)!;
  for (let count = 0; count < 10; count++) {
    opened.stream.receive(Buffer.alloc(16 * KIB, count));
    await nextTurn();
    const { value } = await message.chunks.next();
    assert.ok(Buffer.alloc(16 * KIB, count).equals(value as Buffer));
    assert.is((value as Buffer).buffer.byteLength, 16 * KIB);
  }
});

/** A message in four fragments of 10,000 bytes. */
function fourFragments(): Buffer {
  return Buffer.concat([0x02, 0x00, 0x00, 0x80].map((first) => {
    const frame = encodeNaive({ opcode: 2, payload: Buffer.alloc(10_000, 1), maskingKey: MASKING_KEY });
    frame[0] = first;
    return frame;
  }));
}

test('what was held until there was room is freed', async () => {
  const opened = open({ limits: { maxQueuedBytes: 10_000, maxStreamedBytes: Infinity } });
  const freed = await findFreed(async () => {
    const message = opened.connection.receive();
    opened.stream.receive(fourFragments());
    for await (const _ of (await message)!.chunks) await nextTurn();
  });
  assert.ok(freed.length > 0 && freed.every((length) => length >= 10_000), `${freed}`);
});

test('the parts of what is read in one piece are freed', async () => {
  const opened = open();
  const freed = await findFreed(async () => {
    const message = opened.connection.receive();
    opened.stream.receive(fourFragments());
    assert.ok((await (await message)!.bytes()).equals(Buffer.alloc(40_000, 1)));
  });
  assert.equal(freed, [10_000, 10_000, 10_000, 10_000]);
});

test.run();
