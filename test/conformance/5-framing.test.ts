// RFC 6455 §5: masking, the frame header, fragments, control frames and text, in both roles.
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import * as assert from 'uvu/assert';
import { connect } from '../../src/index.js';
import { open } from '../connection/harness.js';
import { certificate, privateKey } from '../support/certificate.js';
import { hex } from '../support/codec/cuts.js';
import { RawServer } from '../support/peers/raw-server.js';
import { assertFailures, establish, rawFrame, requirements, Session, type Role } from './harness.js';

const prove = requirements('5 framing');

/** Has the endpoint send each kind of frame that it can, and returns the frames as they were on the wire. */
async function sendAllKinds(session: Session): Promise<Awaited<ReturnType<Session['peer']['readFrame']>>[]> {
  const { connection, peer } = session;
  session.send('89 01 70');
  const frames = [await peer.readFrame()];
  void connection.send('text');
  void connection.send(Buffer.alloc(70_000));
  void connection.ping('ping');
  void connection.close(4000, 'reason');
  for (let count = 0; count < 4; count++) frames.push(await peer.readFrame());
  assert.equal(frames.map(({ opcode }) => opcode), [0xa, 0x1, 0x2, 0x9, 0x8]);
  return frames;
}

// ── 5.1 Overview ──

prove('5.1-1', 'client', 'every frame is masked, over TLS too', async (role) => {
  await using session = await establish(role);
  for (const { maskingKey } of await sendAllKinds(session)) assert.ok(maskingKey !== null);

  await using server = await RawServer.listen({ tls: { key: privateKey, cert: certificate } });
  const attempt = connect(`wss://localhost:${server.port}/`, { tls: { ca: certificate } });
  const { peer } = await server.acceptUpgrade();
  await using secure = new Session(role, peer, await attempt, async () => {});
  for (const { maskingKey } of await sendAllKinds(secure)) assert.ok(maskingKey !== null);
});

prove('5.1-2', 'server', 'a frame without a mask closes the connection with 1002', async () => {
  const frames = ['81 05 48656c6c6f', '82 00', '01 00', '89 00', '8a 00', '88 02 03e8'];
  for (const frame of frames) {
    await using session = await establish('server');
    session.peer.write(hex(frame));
    await session.expectFailure(1002);
  }
});

prove('5.1-3', 'server', 'no frame is masked', async (role) => {
  await using session = await establish(role);
  for (const { maskingKey } of await sendAllKinds(session)) assert.is(maskingKey, null);
});

prove('5.1-4', 'client', 'a masked frame closes the connection with 1002', async () => {
  // RFC 6455 §5.7: "Hello"; the others with a key of zeros.
  const frames = ['81 85 37fa213d 7f9f4d5158', '82 80 00000000', '89 80 00000000', '88 82 00000000 03e8'];
  for (const frame of frames) {
    await using session = await establish('client');
    session.peer.write(hex(frame));
    await session.expectFailure(1002);
  }
});

// ── 5.2 Base framing ──

prove('5.2-1', 'both', 'no reserved bit is ever set', async (role) => {
  await using session = await establish(role);
  for (const { rsv1, rsv2, rsv3 } of await sendAllKinds(session)) {
    assert.equal([rsv1, rsv2, rsv3], [false, false, false]);
  }
});

prove('5.2-2', 'both', 'a reserved bit fails the connection with 1002', async (role) => {
  await assertFailures(role, 1002, [
    ['RSV1 on text', ['c1 01', '61']],
    ['RSV2 on text', ['a1 01', '61']],
    ['RSV3 on text', ['91 01', '61']],
    ['all of them on binary', ['f2 00']],
    ['RSV1 on a first fragment', ['41 01', '61']],
    ['RSV1 on a continuation', ['01 01', '61'], ['c0 01', '61']],
    ['RSV1 on a ping', ['c9 00']],
    ['RSV2 on a pong', ['aa 00']],
    ['RSV3 on a Close frame', ['98 02', '03e8']],
  ]);
});

prove('5.2-3', 'both', 'an unknown opcode fails the connection with 1002', async (role) => {
  const reserved = ['3', '4', '5', '6', '7', 'b', 'c', 'd', 'e', 'f'];
  await assertFailures(role, 1002, reserved.map((opcode) => [opcode, [`8${opcode} 00`]]));
  await assertFailures(role, 1002, reserved.map((opcode) => [`${opcode} with data`, [`8${opcode} 01`, '61']]));
});

prove('5.2-4', 'both', 'the highest bit of a length is clear, or fails the connection with 1002', async (role) => {
  await assertFailures(role, 1002, [
    ['2^63', ['82 7f 8000000000000000']],
    ['2^64 - 1', ['82 7f ffffffffffffffff']],
  ]);
  await using session = await establish(role);
  void session.connection.send(Buffer.alloc(65_536));
  const header = await session.peer.readBytes(10);
  assert.is(header.toString('hex'), role === 'client' ? '82ff0000000000010000' : '827f0000000000010000');
});

prove('5.2-5', 'both', 'lengths are in the fewest bytes, or fail the connection with 1002', async (role) => {
  const lengths = [
    [0, '00'], [1, '01'], [125, '7d'],
    [126, '7e007e'], [127, '7e007f'], [65_535, '7effff'],
    [65_536, '7f0000000000010000'],
  ] as const;
  for (const [length, digits] of lengths) {
    await using session = await establish(role);
    void session.connection.send(Buffer.alloc(length));
    const expected = rawFrame(role === 'client' ? 'server' : 'client', `82 ${digits}`);
    const size = 1 + digits.length / 2;
    const header = await session.peer.readBytes(size);
    assert.is(header.toString('hex'), expected.subarray(0, size).toString('hex'), `${length} bytes`);
  }
  await assertFailures(role, 1002, [
    ['0 in 16 bits', ['82 7e 0000']],
    ['125 in 16 bits', ['82 7e 007d', '00'.repeat(125)]],
    ['0 in 64 bits', ['82 7f 0000000000000000']],
    ['126 in 64 bits', ['82 7f 000000000000007e', '00'.repeat(126)]],
    ['65535 in 64 bits', ['81 7f 000000000000ffff']],
  ]);
});

// ── 5.3 Masking ──

prove('5.3-1', 'client', 'the mask bit, the key, and the payload changed by it', async (role) => {
  await using session = await establish(role);
  void session.connection.send('Hello');
  const bytes = await session.peer.readBytes(11);
  assert.is(bytes.subarray(0, 2).toString('hex'), '8185');
  const key = bytes.subarray(2, 6);
  const [h, e, l, m, o] = bytes.subarray(6);
  const unmasked = [h! ^ key[0]!, e! ^ key[1]!, l! ^ key[2]!, m! ^ key[3]!, o! ^ key[0]!];
  assert.equal(unmasked, [0x48, 0x65, 0x6c, 0x6c, 0x6f]);
});

/** The masking keys of so many equal messages. */
async function maskingKeys(count: number): Promise<number[]> {
  await using session = await establish('client');
  for (let sent = 0; sent < count; sent++) void session.connection.send('same');
  const keys: number[] = [];
  while (keys.length < count) keys.push((await session.peer.readFrame()).maskingKey!.readUInt32LE());
  return keys;
}

prove('5.3-2', 'client', 'each frame has a masking key of its own', async () => {
  // Sixteen random keys are all different, but once in 36 million.
  assert.is(new Set(await maskingKeys(16)).size, 16);
});

/** Runs the body while the source of randomness gives 1, 2, 3, … as words; the body is told how many it gave. */
async function withCountedRandomness(body: (given: () => number) => Promise<void>): Promise<void> {
  const { randomFillSync } = crypto;
  let word = 0;
  const fill = (target: NodeJS.ArrayBufferView): NodeJS.ArrayBufferView => {
    const words = new Uint32Array(target.buffer, target.byteOffset, target.byteLength / 4);
    for (let at = 0; at < words.length; at++) words[at] = ++word;
    return target;
  };
  crypto.randomFillSync = fill as typeof randomFillSync;
  syncBuiltinESMExports();
  try {
    await drain();
    await body(() => word);
  } finally {
    crypto.randomFillSync = randomFillSync;
    syncBuiltinESMExports();
    await drain();
  }
}

/** Uses up the keys that were drawn in advance. */
async function drain(): Promise<void> {
  await maskingKeys(2048);
}

prove('5.3-3', 'client', 'masking keys are words of the cryptographic source, each used once', async () => {
  await withCountedRandomness(async (given) => {
    const keys = [...(await maskingKeys(64)), ...(await maskingKeys(64))];
    assert.ok(keys.every((word) => word >= 1 && word <= given()), `a key that the source did not give: ${keys}`);
    assert.is(new Set(keys).size, 128);
  });
});

prove('5.3-4', 'client', 'no key follows from the one before it by a constant step', async () => {
  const keys = await maskingKeys(32);
  const steps = keys.slice(1).map((key, at) => (key - keys[at]!) >>> 0);
  const masks = keys.slice(1).map((key, at) => (key ^ keys[at]!) >>> 0);
  // Each is random: among 31 of 2^32 two are equal once in nine million.
  assert.is(new Set(steps).size, 31);
  assert.is(new Set(masks).size, 31);
});

// ── 5.4 Fragmentation ──

prove('5.4-1', 'both', 'what is received does not depend on where frames and segments were cut', async (role) => {
  const text = 'K\u00e4se \u2260 \ud83e\uddc0';
  const bytes = Buffer.from('4bc3a4736520e289a020f09fa780', 'hex');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const session = open({ role });
    const [start, end] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    const digits = (part: Buffer): string => part.length.toString(16).padStart(2, '0');
    session.stream.receive(rawFrame(role, `01 ${digits(start)}`, start.toString('hex')));
    const last = rawFrame(role, `80 ${digits(end)}`, end.toString('hex'));
    for (const byte of last) session.stream.receive(Uint8Array.of(byte));
    assert.is(await session.connection.wait(), text, `cut after byte ${cut}`);
  }
});

prove('5.4-2', 'both', 'a control frame is sent whole, or not at all', async (role) => {
  await using session = await establish(role);
  const { connection } = session;
  assert.throws(() => connection.ping(Buffer.alloc(126)), (error: Error) => error instanceof RangeError);
  void connection.ping(Buffer.alloc(125, 'a'));
  await session.expect(`89 7d ${'61'.repeat(125)}`);
  session.send(`89 7d ${'62'.repeat(125)}`);
  await session.expect(`8a 7d ${'62'.repeat(125)}`);
  void connection.close(1000, 'c'.repeat(123));
  await session.expect(`88 7d 03e8 ${'63'.repeat(123)}`);
});

prove('5.4-3', 'both', 'fragments are put together in the order they came', async (role) => {
  await using session = await establish(role);
  session.send('02 01 00');
  for (let byte = 1; byte < 255; byte++) session.send(`00 01 ${byte.toString(16).padStart(2, '0')}`);
  session.send('80 01 ff');
  assert.equal(await session.connection.wait(), Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
});

prove('5.4-4', 'both', 'messages do not interleave, sent or received', async (role) => {
  await assertFailures(role, 1002, [
    ['text within text', ['01 01', '61'], ['81 01', '62']],
    ['binary within text', ['01 01', '61'], ['82 01', '62']],
    ['a first fragment within a message', ['02 01', '61'], ['02 01', '62']],
    ['text behind an empty first fragment', ['01 00'], ['81 00']],
  ]);
  await using session = await establish(role);
  void session.connection.send('a'.repeat(200_000));
  void session.connection.send(Buffer.alloc(100_000, 'b'));
  void session.connection.send('c');
  const sizes = { a: 200_000, b: 100_000, c: 1 } as const;
  for (const [letter, size] of Object.entries(sizes)) {
    const { fin, opcode, payload } = await session.peer.readFrame();
    assert.equal([fin, opcode], [true, letter === 'b' ? 2 : 1]);
    assert.ok(payload.equals(Buffer.alloc(size, letter)), letter);
  }
});

prove('5.4-5', 'both', 'control frames within a fragmented message are handled at once', async (role) => {
  await using session = await establish(role);
  const ping = session.connection.ping('mine');
  await session.expect('89 04 6d696e65');
  session.send('01 03 48656c');
  session.send('89 01 31');
  await session.expect('8a 01 31');
  session.send('8a 04 6d696e65');
  assert.ok((await ping) >= 0);
  session.send('00 00');
  session.send('89 01 32');
  await session.expect('8a 01 32');
  session.send('80 02 6c6f');
  assert.is(await session.connection.wait(), 'Hello');
  session.send('01 01 61');
  await session.expectCleanClose();
  assert.is(await session.connection.wait(), null);
});

prove('5.4-6', 'both', 'fragmented and unfragmented messages are received', async (role) => {
  await using session = await establish(role);
  // RFC 6455 §5.7, and fragments that are empty.
  session.send('81 05 48656c6c6f');
  session.send('01 03 48656c 80 02 6c6f');
  session.send('02 00 00 00 00 01 07 80 00');
  session.send('01 00 80 00');
  session.send('82 00');
  const messages: unknown[] = [];
  while (messages.length < 5) messages.push(await session.connection.wait());
  assert.equal(messages, ['Hello', 'Hello', Buffer.from([7]), '', Buffer.alloc(0)]);
});

prove('5.4-7', 'both', 'the first fragment gives the type, and must be there', async (role) => {
  await using session = await establish(role);
  session.send('01 01 61 80 01 62');
  session.send('02 01 61 80 01 62');
  assert.is(await session.connection.wait(), 'ab');
  assert.equal(await session.connection.wait(), Buffer.from('ab'));
  await assertFailures(role, 1002, [
    ['a continuation first', ['80 01', '61']],
    ['an unfinished continuation first', ['00 00']],
    ['a continuation behind a whole message', ['81 01', '61'], ['80 01', '62']],
    ['a continuation behind a finished one', ['01 01', '61'], ['80 01', '62'], ['80 01', '63']],
    ['a first fragment of a reserved type', ['03 01', '61']],
  ]);
});

// ── 5.5 Control frames ──

prove('5.5-1', 'both', 'control frames have 125 bytes at most, sent and received', async (role) => {
  const tooLong: (readonly [string, readonly [string, string]])[] = [];
  for (const opcode of ['8', '9', 'a']) {
    tooLong.push([`126 bytes with opcode ${opcode}`, [`8${opcode} 7e 007e`, '03e8'.repeat(63)]]);
    tooLong.push([`65536 bytes with opcode ${opcode}`, [`8${opcode} 7f 0000000000010000`, '']]);
  }
  await assertFailures(role, 1002, tooLong);
  await using session = await establish(role);
  const { connection } = session;
  assert.throws(() => connection.ping('x'.repeat(126)), (error: Error) => error instanceof RangeError);
  assert.throws(() => connection.ping('\u00e9'.repeat(63)), (error: Error) => error instanceof RangeError);
  assert.throws(() => connection.close(1000, 'x'.repeat(124)), (error: Error) => error instanceof RangeError);
  assert.throws(() => connection.close(1000, '\u00e9'.repeat(62)), (error: Error) => error instanceof RangeError);
  // What was refused has changed nothing.
  await session.expectAlive();
});

prove('5.5-2', 'both', 'a fragmented control frame fails the connection with 1002', async (role) => {
  await assertFailures(role, 1002, [
    ['a Close frame', ['08 02', '03e8']],
    ['a ping', ['09 01', '61']],
    ['a pong', ['0a 00']],
    ['a ping within a message', ['01 01', '61'], ['09 00']],
  ]);
});

prove('5.5.1-1', 'both', 'a close code is two bytes, the higher one first', async (role) => {
  await assertFailures(role, 1002, [['a body of one byte', ['88 01', '03']]]);
  await using session = await establish(role);
  void session.connection.close(4000, 'x');
  await session.expect('88 03 0fa0 78');
  session.send('88 03 0bb8 79');
  if (role === 'client') session.peer.socket.end();
  assert.equal(await session.connection.closed.then(({ code, reason }) => [code, reason]), [3000, 'y']);
});

prove('5.5.1-3', 'client', 'Close frames are masked, begun and answered', async (role) => {
  await using answering = await establish(role);
  answering.send('88 02 03e8');
  const answer = await answering.peer.readBytes(8);
  assert.is(answer.subarray(0, 2).toString('hex'), '8882');
  assert.equal([answer[6]! ^ answer[2]!, answer[7]! ^ answer[3]!], [0x03, 0xe8]);
  await using closing = await establish(role);
  void closing.connection.close(4000);
  assert.is((await closing.peer.readBytes(8)).subarray(0, 2).toString('hex'), '8882');
});

prove('5.5.1-4', 'both', 'no data follows a Close frame', async (role) => {
  await using closing = await establish(role);
  void closing.connection.send('before');
  void closing.connection.close();
  const late = await closing.connection.send('late').then(() => null, (error: Error) => error.name);
  assert.is(late, 'ConnectionClosed');
  await closing.expect('81 06 6265666f7265 88 02 03e8');
  closing.send('88 02 03e8');
  if (role === 'client') closing.peer.socket.end();
  await closing.expectEnd();

  await using answering = await establish(role);
  answering.send('88 02 03e8');
  assert.is(await answering.connection.wait(), null);
  const refused = await answering.connection.send('late').then(() => null, (error: Error) => error.name);
  assert.is(refused, 'ConnectionClosed');
  await answering.expect('88 02 03e8');
  if (role === 'client') answering.peer.socket.end();
  await answering.expectEnd();
});

prove('5.5.1-5', 'both', 'a Close frame is answered with its code', async (role) => {
  for (const code of ['', '03e8', '03e9', '03f3', '0bb8', '1387']) {
    await using session = await establish(role);
    const length = (code.length / 2).toString(16).padStart(2, '0');
    session.send(`88 ${length} ${code}`);
    await session.expect(`88 ${length} ${code}`);
    if (role === 'client') session.peer.socket.end();
    await session.expectEnd();
    session.peer.socket.end();
    const expected = code === '' ? 1005 : Number.parseInt(code, 16);
    assert.equal(await session.connection.closed, { code: expected, reason: '', wasClean: true });
  }
});

prove('5.5.1-6', 'both', 'a Close frame is answered in the same turn, though nobody reads', async (role) => {
  const session = open({ role });
  await session.receive('81 01 61 81 01 62 88 05 03e9 627965');
  await session.assertSent('88 02 03e9');
  assert.is(session.connection.countMessages(), 2);
});

prove('5.5.1-7', 'both', 'after both Close frames TCP ends, at the latest after closeTimeout', async (role) => {
  await using session = await establish(role);
  await session.expectCleanClose();

  // The other endpoint never ends its side.
  const limits = { closeTimeout: 10 };
  await using stuck = await establish(role, { server: limits, client: limits });
  stuck.send('88 02 03e8');
  await stuck.expect('88 02 03e8');
  const { wasClean, code } = await stuck.connection.closed;
  assert.equal([wasClean, code], [true, 1000]);
});

prove('5.5.1-8', 'server', 'after both Close frames TCP ends at once', async () => {
  const session = open({ role: 'server' });
  await session.receive('88 02 03e8');
  await session.assertSent('88 02 03e8');
  assert.is(session.stream.writableEnded, true);
  const closing = open({ role: 'server' });
  void closing.connection.close();
  await closing.assertSent('88 02 03e8');
  assert.is(closing.stream.writableEnded, false);
  await closing.receive('88 02 03e8');
  assert.is(closing.stream.writableEnded, true);
});

prove('5.5.1-9', 'client', 'after both Close frames it waits for the server to end TCP', async () => {
  const answering = open({ role: 'client' });
  await answering.receive('88 02 03e8');
  await answering.assertSent('88 02 03e8');
  const closing = open({ role: 'client' });
  void closing.connection.close();
  await closing.receive('88 02 03e8');
  for (const { stream } of [answering, closing]) {
    assert.equal([stream.writableEnded, stream.destroyed], [false, false]);
    stream.receiveEnd();
  }
  assert.equal(await answering.connection.closed, { code: 1000, reason: '', wasClean: true });
  assert.equal(await closing.connection.closed, { code: 1000, reason: '', wasClean: true });
});

prove('5.5.1-10', 'both', 'Close frames that cross are enough', async (role) => {
  await using session = await establish(role);
  void session.connection.close(1001, 'bye');
  session.send('88 02 0fa0');
  await session.expect('88 05 03e9 627965');
  if (role === 'client') session.peer.socket.end();
  await session.expectEnd();
  session.peer.socket.end();
  assert.equal(await session.connection.closed, { code: 4000, reason: '', wasClean: true });
});

prove('5.5.2-1', 'both', 'a ping is answered, behind our own Close frame too, but not behind another', async (role) => {
  await using session = await establish(role);
  session.send('89 00');
  await session.expect('8a 00');
  void session.connection.close();
  await session.expect('88 02 03e8');
  session.send('89 02 6f6b');
  await session.expect('8a 02 6f6b');
  session.send('88 02 03e8 89 02 6e6f');
  if (role === 'client') session.peer.socket.end();
  await session.expectEnd();
});

prove('5.5.2-2', 'both', 'a ping is answered in the same turn, though nobody reads', async (role) => {
  const session = open({ role });
  await session.receive('81 01 61 89 01 31 01 01 62');
  await session.assertSent('8a 01 31');
  await session.receive('89 01 32 89 01 33');
  await session.assertSent('8a 01 31 8a 01 32 8a 01 33');
  assert.is(session.connection.countMessages(), 1);
});

prove('5.5.3-1', 'both', 'a pong has the payload of its ping', async (role) => {
  await using session = await establish(role);
  for (const payload of ['', '00', 'ff', '00ff7f80', 'c3', '48656c6c6f', '0d0a'.repeat(62), 'a5'.repeat(125)]) {
    const length = (payload.length / 2).toString(16).padStart(2, '0');
    session.send(`89 ${length} ${payload}`);
    await session.expect(`8a ${length} ${payload}`);
  }
});

// ── 5.6 Data frames, 5.8 Extensibility ──

prove('5.6-1', 'both', 'text is UTF-8, sent and received, however its characters are cut', async (role) => {
  await using session = await establish(role);
  const { connection } = session;
  void connection.send('\u00e9\u20ac\ud83d\ude00\0\ufeff');
  await session.expect('81 0d c3a9 e282ac f09f9880 00 efbbbf');
  // A lone surrogate has no UTF-8: U+FFFD stands for it.
  void connection.send('a\ud83db\ude00');
  await session.expect('81 08 61 efbfbd 62 efbfbd');
  session.send('01 01 f0 00 02 9f98 00 02 80e2 80 02 82ac');
  assert.is(await connection.wait(), '\ud83d\ude00\u20ac');
});

prove('5.8-1', 'both', 'no extension is used that was not negotiated', async (role: Role) => {
  await using session = await establish(role);
  void session.connection.send('a'.repeat(1000));
  // Compressible, and yet sent as it is.
  await session.expect(`81 7e 03e8 ${'61'.repeat(1000)}`);
  session.sendRaw('c1 03', '4a0400');
  await session.expectFailure(1002);
});

prove.run();
