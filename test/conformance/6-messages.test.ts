// RFC 6455 §6: how a message is sent, and how it is received, in both roles.
import * as assert from 'uvu/assert';
import { ConnectionClosed } from '../../src/index.js';
import { nextTurn, open, rejectionOf, smallStream } from '../connection/harness.js';
import { hex } from '../support/codec/cuts.js';
import { mask } from '../support/codec/naive-codec.js';
import { establish, rawFrame, requirements } from './harness.js';

const prove = requirements('6 messages');

// ── 6.1 Sending ──

prove('6.1-1', 'both', 'a message is sent while the connection is open, and at no other time', async (role) => {
  await using session = await establish(role);
  const { connection } = session;
  await connection.send('open');
  await session.expect('81 04 6f70656e');
  void connection.close();
  await session.expect('88 02 03e8');
  assert.instance(await rejectionOf(connection.send('closing')), ConnectionClosed);
  session.send('88 02 03e8');
  if (role === 'client') session.peer.socket.end();
  await session.expectEnd();
  session.peer.socket.end();
  await connection.closed;
  assert.instance(await rejectionOf(connection.send('closed')), ConnectionClosed);
});

prove('6.1-2', 'both', 'a message that waits for room is given up when the connection ends', async (role) => {
  const session = open({ role, stream: smallStream() });
  session.stream.hold();
  const sent = session.connection.send(Buffer.alloc(1000));
  await nextTurn();
  await session.reset();
  assert.instance(await rejectionOf(sent), ConnectionClosed);
  assert.is(session.stream.written.length, 0);
});

prove('6.1-3', 'both', 'a message is one frame, whatever its size', async (role) => {
  await using session = await establish(role);
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
    void session.connection.send(Buffer.alloc(size, 'x'));
    const { fin, opcode, payload } = await session.peer.readFrame();
    assert.equal([fin, opcode, payload.length], [true, 2, size]);
    assert.ok(payload.equals(Buffer.alloc(size, 'x')));
  }
});

prove('6.1-4', 'both', 'text has opcode 1, and bytes have opcode 2', async (role) => {
  await using session = await establish(role);
  const bytes = Uint8Array.of(0, 0x61, 0x62, 0);
  for (const message of ['ab', bytes.subarray(1, 3), bytes.slice(1, 3).buffer, new DataView(bytes.buffer, 1, 2)]) {
    void session.connection.send(message);
    await session.expect(typeof message === 'string' ? '81 02 6162' : '82 02 6162');
  }
});

prove('6.1-5', 'both', 'the last frame of a message has the FIN bit', async (role) => {
  await using session = await establish(role);
  for (const message of ['', 'text', Buffer.alloc(300_000)]) {
    void session.connection.send(message);
    assert.is((await session.peer.readBytes(1))[0]! & 0x80, 0x80);
    await session.peer.readBytes(frameSize(role === 'client', message.length) - 1);
  }
});

/** RFC 6455 §5.2: two bytes, the extended length, the masking key, the payload. */
function frameSize(isMasked: boolean, length: number): number {
  return 2 + (length > 65_535 ? 8 : length > 125 ? 2 : 0) + (isMasked ? 4 : 0) + length;
}

prove('6.1-6', 'client', 'a message is masked: its bytes on the wire are its own XOR the key', async (role) => {
  await using session = await establish(role);
  for (const size of [0, 1, 2, 3, 4, 5, 255, 256, 257, 70_001]) {
    const message = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7) & 0xff));
    void session.connection.send(message);
    const header = await session.peer.readBytes(frameSize(true, size) - size);
    assert.is(header[1]! & 0x80, 0x80);
    const payload = await session.peer.readBytes(size);
    assert.ok(payload.equals(mask(message, header.subarray(-4))), `${size} bytes`);
  }
});

prove('6.1-7', 'both', 'frames are transmitted, in the order of the calls', async (role) => {
  await using session = await establish(role);
  const { connection } = session;
  void connection.send('1');
  void connection.ping('2');
  await connection.send(Uint8Array.of(3));
  await session.expect('81 01 31 89 01 32 82 01 03');
  for (let number = 0; number < 100; number++) void connection.send(String.fromCharCode(number));
  for (let number = 0; number < 100; number++) await session.expect(`81 01 ${number.toString(16).padStart(2, '0')}`);
});

// ── 6.2 Receiving ──

prove('6.2-1', 'both', 'frames are parsed, however many a segment holds, and however they are cut', async (role) => {
  await using session = await establish(role);
  const frames = Buffer.concat([
    rawFrame(role, '81 05', '48656c6c6f'),
    rawFrame(role, '82 7e 0100', '07'.repeat(256)),
    rawFrame(role, '82 7f 0000000000010000', '00'.repeat(65_536)),
    rawFrame(role, '81 00'),
  ]);
  session.peer.write(frames);
  for (let at = 0; at < 600; at++) session.peer.write(frames.subarray(at, at + 1));
  session.peer.write(frames.subarray(600));
  for (let round = 0; round < 2; round++) {
    assert.is(await session.connection.wait(), 'Hello');
    assert.equal(await session.connection.wait(), Buffer.alloc(256, 7));
    assert.equal(await session.connection.wait(), Buffer.alloc(65_536));
    assert.is(await session.connection.wait(), '');
  }
});

prove('6.2-2', 'both', 'each control frame does what §5.5 says', async (role) => {
  await using session = await establish(role);
  const pong = session.connection.ping('p');
  await session.expect('89 01 70');
  session.send('8a 02 6e6f 8a 01 70 8a 00');
  assert.ok((await pong) >= 0);
  session.send('89 01 71');
  await session.expect('8a 01 71');
  await session.expectCleanClose();
  assert.is(session.connection.countMessages(), 0);
});

prove('6.2-3', 'both', 'text becomes a string, and bytes stay bytes', async (role) => {
  await using session = await establish(role);
  session.send('81 02 6162 82 02 6162 01 01 63 80 00 02 01 63 80 00');
  assert.equal(await session.connection.wait(), 'ab');
  const binary = await session.connection.wait();
  assert.instance(binary, Buffer);
  assert.equal(binary, Buffer.from('ab'));
  assert.equal(await session.connection.wait(), 'c');
  assert.equal(await session.connection.wait(), Buffer.from('c'));
});

prove('6.2-4', 'both', 'what follows a message belongs to the next one', async (role) => {
  await using session = await establish(role);
  session.send('01 01 61 80 01 62 81 01 63 02 01 64 00 01 65 80 01 66 81 00');
  const messages: unknown[] = [];
  while (messages.length < 4) messages.push(await session.connection.wait());
  assert.equal(messages, ['ab', 'c', Buffer.from('def'), '']);
});

prove('6.2-5', 'server', 'the mask is removed, whatever key, length and type', async (role) => {
  await using session = await establish(role);
  // RFC 6455 §5.7: "Hello".
  session.peer.write(hex('81 85 37fa213d 7f9f4d5158'));
  assert.is(await session.connection.wait(), 'Hello');
  session.peer.write(hex('82 85 00000000 0102030405 82 86 ffffffff fefdfcfbfaf9 89 83 01020304 010203'));
  assert.equal(await session.connection.wait(), Buffer.from([1, 2, 3, 4, 5]));
  assert.equal(await session.connection.wait(), Buffer.from([1, 2, 3, 4, 5, 6]));
  await session.expect('8a 03 000000');
  // A fragment has a key of its own, which begins anew with it.
  session.peer.write(hex('02 83 01020304 010203 80 82 10203040 1121'));
  assert.equal(await session.connection.wait(), Buffer.from([0, 0, 0, 1, 1]));
  for (const length of [255, 256, 257, 259, 1023, 65_537]) {
    const message = Buffer.alloc(length, 0x5a);
    const digits = length > 65_535 ? '7f 0000000000010001' : length > 255 ? `7e 0${length.toString(16)}` : '7e 00ff';
    session.sendRaw(`82 ${digits}`, message.toString('hex'));
    assert.equal(await session.connection.wait(), message);
  }
});

prove.run();
