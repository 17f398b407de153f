// Compressed messages that are read while they arrive: every cut, every end, and bombs that wait for their reader.
import { constants, deflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { ConnectionClosed, ProtocolError, type StreamedMessage } from '../../src/index.js';
import { connectionDefaults } from '../../src/connection/limits.js';
import { PieceInflater } from '../../src/connection/piece-inflater.js';
import { Pieces } from '../../src/connection/pieces.js';
import { Inflater } from '../../src/frame/inflater.js';
import { suite } from '../runner/suite.js';
import { assertEveryCutLater, hex } from '../support/codec/cuts.js';
import { encodeNaive } from '../support/codec/naive-codec.js';
import {
  assertClosed, CLOSE_1000, isPending, nextTurn, open, peerBytes, rejectionOf, roles, terminateAll, textFrames,
  type Opened, type OpenOptions,
} from './harness.js';

const test = suite('connection/piece-inflater');
test.after.each(terminateAll);

const MIB = 1 << 20;
const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };
const context = { windowBits: 15, contextTakeover: true };
const deflate = { outgoing: context, incoming: context };
const UNBOUNDED = { maxStreamedBytes: Infinity };

/** `Hello`, and the same by reference to an earlier one (RFC 7692 §7.2.3.2). */
const HELLO = 'f248cdc9c90700';
const AGAIN = 'f200110000';

function openDeflating(options: OpenOptions = {}): Opened {
  return open({ deflate, ...options });
}

/** A compressed message in one frame, in hexadecimal. */
function message(bytes: Uint8Array, opcode = 2): string {
  return encodeNaive({ opcode, rsv1: true, payload: deflateRawSync(bytes, SYNC).subarray(0, -4) }).toString('hex');
}

/** What there is of a message until it ends, and the code of what has ended it early. */
async function read(streamed: StreamedMessage): Promise<string> {
  let content = '';
  try {
    for await (const chunk of streamed.chunks) {
      assert.is.not(chunk.length, 0);
      if (typeof chunk === 'string') assert.not.match(chunk, /[\ufffd]|^[\udc00-\udfff]|[\ud800-\udbff]$/);
      content += Buffer.from(chunk as string).toString('latin1');
    }
  } catch (error) {
    return `${streamed.type} ${content} ${(error as ConnectionClosed).code}`;
  }
  return `${streamed.type} ${content}`;
}

/** All messages of a connection. */
async function readAll({ connection }: Opened): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const streamed = await connection.receive();
    if (streamed === null) return all;
    all.push(await read(streamed));
  }
}

async function received({ connection }: Opened): Promise<StreamedMessage> {
  const streamed = await connection.receive();
  assert.ok(streamed !== null);
  return streamed;
}

// ── What comes out ──

/** In frames without a mask. The messages, and what was sent; `Close` stands for an answer to that frame. */
const CASES: readonly (readonly [name: string, frames: string, expected: readonly string[], sent?: string])[] = [
  ['one frame', `c2 07 ${HELLO}`, ['binary Hello']],
  ['fragments, some empty', '41 03 f248cd 00 00 00 02 c9c9 00 00 80 02 0700', ['text Hello']],
  ['the last fragment is empty', '42 06 f248cdc9c907 00 01 00 80 00', ['binary Hello']],
  ['pings in between', '42 03 f248cd 89 01 61 00 02 c9c9 89 01 62 80 02 0700', ['binary Hello'], '8a 01 61 8a 01 62'],
  ['those after it refer to it, in pieces or not; a ping, and a message that is not compressed',
    `42 03 f248cd 80 04 c9c90700 c2 05 ${AGAIN} 82 01 7a 42 02 f200 89 00 80 03 110000`,
    ['binary Hello', 'binary Hello', 'binary z', 'binary Hello'], '8a 00'],
  ['a final block', '42 05 f348cdc9c9 00 02 0700 80 01 00', ['binary Hello']],
  ['final blocks, and a reference behind them', '41 07 f348cdc9c90700 80 05 f200110000', ['text HelloHello']],
  ['no byte', '42 01 00 80 00', ['binary ']],
  // A stored block of ä, and of the first two bytes of 你, then one of the third.
  ['characters that are cut', '41 09 000400fbffc3a4e4bd 80 07 000100feffa0 00',
    ['text \xc3\xa4\xe4\xbd\xa0']],
  ['text that can\'t be UTF-8', '41 06 000100feffff 00 00 80 01 00', ['text  INVALID_UTF8']],
  ['text that ends within a character', '41 06 000100feffe4 80 01 00', ['text  INVALID_UTF8']],
  ['what is no DEFLATE', '42 07 000100feff61 06 80 00', ['binary INVALID_DEFLATE']],
  ['a message that ends within a block', '42 06 000200fdff61 80 00', ['binary INVALID_DEFLATE']],
  ['a Close frame within', `42 06 000100feff61 ${CLOSE_1000}`, ['binary a CONNECTION_CLOSED']],
  ['a message within', `42 06 000100feff61 82 01 62`, ['binary a EXPECTED_CONTINUATION']],
  ['a Close frame right after it', `42 03 f248cd 80 04 c9c90700 ${CLOSE_1000}`, ['binary Hello']],
];

for (const role of roles) {
  for (const [name, frames, expected, sent] of CASES) {
    test(`${role}: ${name}, however it is cut`, async () => {
      const parse = async (chunks: Iterable<Buffer>): Promise<string[]> => {
        const opened = openDeflating({ role });
        const reading = readAll(opened);
        for (const chunk of chunks) {
          opened.stream.receive(chunk);
          await nextTurn();
        }
        opened.stream.receiveEnd();
        // zlib gives nothing of a piece in which it finds an error.
        const all = (await reading).map((one) => one.replace(/ .*(?= INVALID_DEFLATE)/, ''));
        if (sent !== undefined) await opened.assertSent(sent);
        opened.connection.terminate();
        return all;
      };
      await assertEveryCutLater(peerBytes(role, frames), parse, [...expected]);
    });
  }

  test(`${role}: pieces are there as they come`, async () => {
    const opened = openDeflating({ role });
    const wait = opened.connection.receive();
    await opened.receive('41 06 000100feff61');
    const streamed = (await wait)!;
    assert.is(streamed.type, 'text');
    assert.equal(await streamed.chunks.next(), { value: 'a', done: false });
    const next = streamed.chunks.next();
    assert.ok(await isPending(next));
    await opened.receive('00 07 000200fdff6263');
    assert.equal(await next, { value: 'bc', done: false });
    await opened.receive('80 01 00');
    assert.equal(await streamed.chunks.next(), { value: undefined, done: true });
  });

  test(`${role}: reset after each byte: what has come is read, and nothing else`, async () => {
    // Of a stored block, each byte can be read when it is there: four after its head, and another, then the end.
    const frames = peerBytes(role, '42 09 000400fbff61626364 80 07 000100feff65 00');
    const mask = role === 'server' ? 4 : 0;
    const first = 2 + mask + 5;
    const second = first + 4 + 2 + mask + 5;
    for (let end = 2 + mask + 1; end <= frames.length; end++) {
      const opened = openDeflating({ role });
      const wait = opened.connection.receive();
      opened.stream.receive(frames.subarray(0, end));
      await nextTurn();
      await opened.reset();
      const count = Math.max(0, Math.min(4, end - first)) + (end > second ? 1 : 0);
      const isWhole = end === frames.length;
      assert.is(await read((await wait)!), `binary ${'abcde'.slice(0, count)}${isWhole ? '' : ' CONNECTION_CLOSED'}`);
    }
  });
}

test('a message may be asked for when some of it is there, and is whole for those who want it so', async () => {
  const opened = openDeflating();
  await opened.receive('42 03 f248cd');
  const streamed = await received(opened);
  await opened.receive('80 04 c9c90700');
  assert.is(await read(streamed), 'binary Hello');
  const whole = opened.connection.wait();
  await opened.receive(`42 02 f200 80 03 110000 c2 05 ${AGAIN}`);
  assert.is(String(await whole), 'Hello');
  assert.is(await read(await received(opened)), 'binary Hello');
});

test('a compressed message that is there whole is given as it always was', async () => {
  const opened = openDeflating();
  const wait = opened.connection.receive();
  await opened.receive(`c1 07 ${HELLO}`);
  // Not after a way to a thread.
  assert.is(await isPending(wait), false);
  assert.is(await (await wait)!.text(), 'Hello');
});

// ── Limits ──

test('one that is too long to be put together waits for whoever receives it, and the next refers to it', async () => {
  const zeros = Buffer.alloc(1000);
  const bytes = message(zeros);
  const rest = bytes.slice(14);
  const inTwo = `42 05 ${bytes.slice(4, 14)} 80 ${(rest.length / 2).toString(16).padStart(2, '0')} ${rest}`;
  for (const frames of [bytes, inTwo]) {
    for (const isEarly of [true, false]) {
      const opened = openDeflating({ limits: { ...UNBOUNDED, maxMessageBytes: 900 } });
      const early = isEarly ? received(opened) : null;
      await opened.receive(`c2 07 ${HELLO}`);
      if (early !== null) assert.is(await read(await early), 'binary Hello');
      else await opened.connection.wait();
      const wait = isEarly ? received(opened) : null;
      await opened.receive(`${frames}${message(Buffer.from('Hello'))}`);
      if (!isEarly) assert.is(opened.stream.isPaused(), true);
      assert.is(await read(await (wait ?? received(opened))), `binary ${zeros.toString('latin1')}`);
      assert.is(String(await opened.connection.wait()), 'Hello');
    }
  }
});

test('§10.4 whoever wants it whole is told 1009', async () => {
  for (const isEarly of [true, false]) {
    const opened = openDeflating({ limits: { ...UNBOUNDED, maxMessageBytes: 900 } });
    if (isEarly) void opened.connection.wait();
    await opened.receive(message(Buffer.alloc(1000)));
    if (!isEarly) {
      assert.is(opened.connection.state, 'open');
      void opened.connection.wait();
    }
    await nextTurn();
    assert.is(opened.stream.written.subarray(2, 4).toString('hex'), '03f1');
  }
});

test('§10.4 over maxStreamedBytes it fails: by what is inflated, or by a header that can\'t be within', async () => {
  const opened = openDeflating({ limits: { maxMessageBytes: 10, maxStreamedBytes: 100_000 } });
  const wait = received(opened);
  await opened.receive(message(Buffer.alloc(100_001)));
  const error = await rejectionOf(readPieces(await wait));
  assert.is((error as ProtocolError).code, 'MESSAGE_TOO_LARGE');
  assert.match(error.message, '(100000)');
  await nextTurn();
  assert.is(opened.stream.written.subarray(2, 4).toString('hex'), '03f1');
  opened.stream.receiveEnd();
  assert.is((await opened.connection.closed).error, error);

  // 90 bytes and what they may become: 90 / 8 and 90 / 64, rounded up, and 16.
  for (const [header, state] of [['c2 78', 'open'], ['c2 79', 'closing']] as const) {
    for (const isEarly of [true, false]) {
      const other = openDeflating({ role: 'client', limits: { maxMessageBytes: 10, maxStreamedBytes: 90 } });
      if (isEarly) void other.connection.receive();
      other.stream.receive(hex(header));
      await nextTurn();
      assert.is(other.connection.state, state, header);
    }
  }
  const third = openDeflating({ role: 'client', limits: { maxMessageBytes: 10, maxStreamedBytes: 90 } });
  void third.connection.receive();
  third.stream.receive(hex('42 01 00 00 77'));
  await nextTurn();
  assert.is(third.connection.state, 'open');
  third.stream.receive(Buffer.concat([Buffer.alloc(0x77), hex('80 01')]));
  await nextTurn();
  assert.is(third.connection.state, 'closing');
});

async function readPieces(streamed: StreamedMessage): Promise<void> {
  for await (const _ of streamed.chunks);
}

// ── Bombs, and readers that are slow ──

/** 1 GiB of zeros. */
function bomb(): Buffer {
  const zeros = deflateRawSync(Buffer.alloc(16 * MIB), { ...SYNC, level: 9 });
  return Buffer.concat([...new Array<Buffer>(64).fill(zeros), Buffer.of(0)]);
}

/** One without a connection. */
function alone(pieces: Pieces, advance: (isUnread: boolean) => void, leave: () => void): PieceInflater {
  return new PieceInflater(new Inflater(context), pieces, {
    put: () => assert.unreachable(), isFull: false, mayStream: () => false, takeSink: () => null,
    countStreamed: () => {},
    advance,
    refuse: () => assert.unreachable(),
  }, leave);
}

test('a gibibyte in a mebibyte: no more is inflated than its reader has room for', async () => {
  let isSlow = 0;
  let isDone = false;
  const pieces = new Pieces({ ...connectionDefaults, ...UNBOUNDED });
  pieces.begin(false);
  const inflater = alone(pieces, (isUnread) => void (isSlow += Number(isUnread)), () => (isDone = true));
  inflater.push(bomb());
  assert.is(inflater.isBusy, true);
  inflater.finish();
  let read = 0;
  let most = 0;
  while (read < 64 * MIB) {
    while (!pieces.isFull) await nextTurn();
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    most = Math.max(most, pieces.queue.byteLength);
    for (let piece = pieces.queue.take(); piece !== null; piece = pieces.queue.take()) read += piece.length;
    inflater.goOn();
  }
  assert.is(most, MIB);
  assert.is(isSlow, read / MIB);
  inflater.cut(null);
  assert.is(isDone, false);
});

test('while pieces are unread the socket is paused, to the end of the message, too; and it is told once', async () => {
  const opened = openDeflating({ limits: { ...UNBOUNDED, maxQueuedBytes: 100_000 } });
  const wait = received(opened);
  const payload = deflateRawSync(Buffer.alloc(8 * 65_536), SYNC).subarray(0, -4);
  const frames = [
    encodeNaive({ opcode: 2, rsv1: true, fin: false, payload: payload.subarray(0, 100) }),
    encodeNaive({ opcode: 0, payload: payload.subarray(100) }),
  ];
  await opened.receive(`${Buffer.concat(frames).toString('hex')} 89 00 ${textFrames('next')}`);
  const streamed = await wait;
  while (opened.connection.stats.pauses === 0) await nextTurn();
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.is(opened.stream.isPaused(), true);
  await opened.assertSent('');
  let byteLength = 0;
  for await (const chunk of streamed.chunks) byteLength += chunk.length;
  assert.is(byteLength, 8 * 65_536);
  assert.is(await opened.connection.wait(), 'next');
  await opened.assertSent('8a 00');
  const { pauses, received: { bytes, messages } } = opened.connection.stats;
  assert.ok(pauses >= 1 && pauses <= 4, `${pauses}`);
  assert.equal([messages, bytes], [2, 8 * 65_536 + 4]);
});

test('a socket that waits for zlib alone is not told to be slow', async () => {
  const opened = openDeflating();
  const reading = readAll(opened);
  await opened.receive(`42 03 f248cd 80 04 c9c90700 42 02 f200 80 03 110000 ${CLOSE_1000}`);
  assert.equal(await reading, ['binary Hello', 'binary Hello']);
  assert.is(opened.connection.stats.pauses, 0);
});

test('the peer has to wait for zlib with 64 KiB that it has not inflated, or 1,024 pieces', () => {
  for (const [size, count] of [[65_535, 2], [1, 1025]] as const) {
    const inflater = alone(new Pieces(connectionDefaults), () => {}, () => {});
    // The first is under way at once.
    for (let pushed = 0; pushed < count; pushed++) {
      assert.is(inflater.isBusy, false, `${pushed} of ${size}`);
      inflater.push(Buffer.alloc(size));
    }
    assert.is(inflater.isBusy, true);
    inflater.push(Buffer.alloc(0));
    inflater.cut(null);
  }
});

test('tens of thousands of fragments of a byte are inflated, and only so many wait', async () => {
  const opened = openDeflating({ role: 'client' });
  const wait = received(opened);
  const payload = Buffer.concat([...new Array<Buffer>(10_000).fill(hex('000100feff61')), Buffer.of(0)]);
  const fragments = Array.from(payload, (byte, index) => Buffer.of(
    index === 0 ? 0x42 : index === payload.length - 1 ? 0x80 : 0, 1, byte,
  ));
  opened.stream.receive(Buffer.concat(fragments));
  const content = await read(await wait);
  assert.is(content, `binary ${'a'.repeat(10_000)}`);
});

// ── Readers that leave ──

test('one who leaves a message gets the next, which may refer to it; the rest is not stored', async () => {
  const zeros = Buffer.alloc(8 * 65_536);
  const payload = deflateRawSync(Buffer.concat([zeros, Buffer.from('Hello')]), SYNC).subarray(0, -4);
  const cut = payload.length - 10;
  for (const when of ['early', 'full', 'whole'] as const) {
    const opened = openDeflating({ limits: { ...UNBOUNDED, maxMessageBytes: 100, maxQueuedBytes: 1000 } });
    const wait = received(opened);
    const first = encodeNaive({ opcode: 1, rsv1: true, fin: false, payload: payload.subarray(0, cut) });
    const last = `${encodeNaive({ opcode: 0, payload: payload.subarray(cut) }).toString('hex')} c1 05 ${AGAIN}`;
    await opened.receive(first.toString('hex') + (when === 'whole' ? last : ''));
    const streamed = await wait;
    if (when !== 'early') while (opened.connection.stats.pauses === 0) await nextTurn();
    streamed.skip();
    if (when !== 'whole') await opened.receive(last);
    assert.is(await opened.connection.wait(), 'Hello');
    assert.equal(await streamed.chunks.next(), { value: undefined, done: true });
    assert.is(opened.connection.stats.received.bytes, zeros.length + 10);
  }
});

test('a skipped message has no UTF-8 to check, but it is to be DEFLATE', async () => {
  const opened = openDeflating();
  const wait = received(opened);
  await opened.receive('41 06 000100feff61');
  (await wait).skip();
  await opened.receive(`80 07 000100feffff 00 ${textFrames('next')}`);
  assert.is(await opened.connection.wait(), 'next');
  const other = received(opened);
  await opened.receive('41 06 000100feff61');
  (await other).skip();
  await opened.receive('80 01 06');
  while (opened.connection.state === 'open') await nextTurn();
  assert.is(opened.stream.written.subarray(2, 4).toString('hex'), '03ef');
});

// ── Ends ──

test('§1.4 after our Close it is read on as it comes, cut if it isn\'t read, and their Close is found', async () => {
  for (const [isRead, isFull] of [[true, false], [false, false], [false, true]] as const) {
    const opened = openDeflating({ limits: { ...UNBOUNDED, maxQueuedBytes: isRead ? MIB : 100_000 } });
    const wait = received(opened);
    const payload = deflateRawSync(Buffer.alloc(8 * 65_536), SYNC);
    await opened.receive(encodeNaive({ opcode: 2, rsv1: true, fin: false, payload }).toString('hex'));
    const streamed = await wait;
    if (isFull) while (opened.connection.stats.pauses === 0) await nextTurn();
    const reading = isRead ? read(streamed) : null;
    const closed = opened.connection.close();
    await opened.receive(`80 01 00 ${CLOSE_1000}`);
    opened.stream.receiveEnd();
    assert.is((await closed).wasClean, true);
    const content = await (reading ?? read(streamed));
    assert.is(content.endsWith('CONNECTION_CLOSED'), !isRead);
    assert.ok(content.length > 100_000);
  }
});

test('§1.4 after our Close one that nobody has asked for is dropped, and the next refers to it', async () => {
  const opened = openDeflating({ limits: { ...UNBOUNDED, maxMessageBytes: 900 } });
  await opened.receive(message(Buffer.concat([Buffer.alloc(2 * MIB), Buffer.from('Hello')])));
  const closed = opened.connection.close();
  await opened.receive(`c1 05 ${AGAIN} ${CLOSE_1000}`);
  opened.stream.receiveEnd();
  assert.is((await closed).wasClean, true);
  assert.is(await opened.connection.wait(), 'Hello');
});

test('§1.4 after our Close the message after it waits until it is inflated', async () => {
  const opened = openDeflating();
  const wait = received(opened);
  await opened.receive('42 03 f248cd');
  const reading = read(await wait);
  const closed = opened.connection.close();
  opened.stream.receive(peerBytes('server', '80 04 c9c90700'));
  opened.stream.receive(peerBytes('server', `c1 05 ${AGAIN} ${CLOSE_1000}`));
  opened.stream.receiveEnd();
  assert.is(await reading, 'binary Hello');
  assert.is((await closed).wasClean, true);
  assert.is(await opened.connection.wait(), 'Hello');
});

test('of what has come before the end no more is inflated than the reader has room for', async () => {
  const pieces = new Pieces({ ...connectionDefaults, ...UNBOUNDED, maxQueuedBytes: 100_000 });
  pieces.begin(false);
  const inflater = alone(pieces, () => {}, () => {});
  inflater.push(bomb());
  inflater.cut(null);
  while (!pieces.isEnded) await nextTurn();
  assert.is(pieces.isCut, true);
  assert.is(pieces.queue.byteLength, 2 * 65_536);
});

test('terminate, and a violation, end it as well; what has come is read', async () => {
  const ends: readonly (readonly [act: (opened: Opened) => unknown, code: string])[] = [
    [({ connection }) => connection.terminate(), 'CONNECTION_CLOSED'],
    [(opened) => opened.receive('82 01 61'), 'EXPECTED_CONTINUATION'],
    [(opened) => opened.receive(`${CLOSE_1000}`), 'CONNECTION_CLOSED'],
  ];
  for (const [act, code] of ends) {
    const opened = openDeflating();
    const wait = received(opened);
    opened.stream.receive(peerBytes('server', '42 06 000100feff61'));
    await nextTurn();
    await act(opened);
    assert.is(await read(await wait), `binary a ${code}`);
    assert.is(await opened.connection.receive(), null);
  }
});

test('DEFLATE that is wrong is no matter any more once the connection has ended', async () => {
  const opened = openDeflating();
  const wait = received(opened);
  opened.stream.receive(peerBytes('server', `42 06 000100feff61 00 01 06 ${CLOSE_1000}`));
  await nextTurn();
  opened.stream.receiveEnd();
  assert.match(await read(await wait), /CONNECTION_CLOSED$/);
  await assertClosed(opened, { code: 1000, reason: '', wasClean: true });
});

test.run();
