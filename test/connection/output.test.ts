// The frame encoder: each frame to the byte, which payloads are copied, and that no byte is written twice.
import * as assert from 'uvu/assert';
import { Output } from '../../src/connection/output.js';
import { encodeShared } from '../../src/frame/encode.js';
import type { Role } from '../../src/frame/opcode.js';
import { ownFrames } from '../../src/frame/slab.js';
import { hex } from '../support/codec/cuts.js';
import { decodeNaive, encodeNaive, mask } from '../support/codec/naive-codec.js';
import { suite } from '../runner/suite.js';
import { MASKING_KEY } from '../frame/events.js';
import { withRandom, type Random } from '../frame/random.js';

const test = suite('connection/output');

const TEXT = 0x1;
const BINARY = 0x2;

// --- Bytes --------------------------------------------------------------------------------------------------------

/** What is sent, as a server sends it, and as a client would with the masking key of §5.7. */
const FRAMES: [name: string, opcode: number, payload: string | Uint8Array, unmasked: string, masked: string][] = [
  ['§5.7 text', TEXT, 'Hello', '81 05 48656c6c6f', '81 85 37fa213d 7f9f4d5158'],
  ['§5.7 ping', 0x9, Buffer.from('Hello'), '89 05 48656c6c6f', '89 85 37fa213d 7f9f4d5158'],
  ['§5.7 pong', 0xa, Buffer.from('Hello'), '8a 05 48656c6c6f', '8a 85 37fa213d 7f9f4d5158'],
  ['§5.5.2 empty ping', 0x9, hex(''), '89 00', '89 80 37fa213d'],
  ['§5.5.1 empty close', 0x8, hex(''), '88 00', '88 80 37fa213d'],
  ['§5.5.1 close 1000', 0x8, hex('03e8'), '88 02 03e8', '88 82 37fa213d 3412'],
  ['§5.6 empty text', TEXT, '', '81 00', '81 80 37fa213d'],
  ['§5.6 empty binary', BINARY, hex(''), '82 00', '82 80 37fa213d'],
  ['§5.6 binary', BINARY, hex('00 ff 37 fa 21 3d'), '82 06 00ff37fa213d', '82 86 37fa213d 370516c716c7'],
  ['§5.6 a Uint8Array', BINARY, Uint8Array.of(1, 2, 3), '82 03 010203', '82 83 37fa213d 36f822'],
  ['§5.6 a view', BINARY, hex('ee010203ee').subarray(1, 4), '82 03 010203', '82 83 37fa213d 36f822'],
  ['§5.2 the length is of bytes, not characters: é', TEXT, 'é', '81 02 c3a9', '81 82 37fa213d f453'],
  ['§5.6 你好', TEXT, '你好', '81 06 e4bda0e5a5bd', '81 86 37fa213d d34781d89247'],
  ['§5.6 an emoji', TEXT, '👋', '81 04 f09f918b', '81 84 37fa213d c765b0b6'],
  ['§5.6 NUL', TEXT, '\0', '81 01 00', '81 81 37fa213d 37'],
  ['§5.6 a byte order mark', TEXT, '\ufeff', '81 03 efbbbf', '81 83 37fa213d d8419e'],
  ['§8.1 a lone high surrogate becomes U+FFFD', TEXT, '\ud83d', '81 03 efbfbd', '81 83 37fa213d d8459c'],
  ['§8.1 a lone low surrogate becomes U+FFFD', TEXT, '\udc4b', '81 03 efbfbd', '81 83 37fa213d d8459c'],
  [
    '§8.1 lone surrogates among others',
    TEXT,
    'a\ud83d\ud83d\udc4b\udc4bz',
    '81 0c 61 efbfbd f09f918b efbfbd 7a',
    '81 8c 37fa213d 56 159e80 c765b0b6 d8459c 47',
  ],
];

for (const [name, opcode, payload, unmasked, masked] of FRAMES) {
  test(`${name}, from a server`, () => {
    assert.equal(encode('server', opcode, payload), hex(unmasked));
  });

  test(`${name}, from a client`, () => {
    assert.equal(withKey(encode('client', opcode, payload)), hex(masked));
  });
}

const LENGTHS: [length: number, unmasked: string, masked: string][] = [
  [0, '00', '80'],
  [1, '01', '81'],
  [125, '7d', 'fd'],
  [126, '7e 007e', 'fe 007e'],
  [127, '7e 007f', 'fe 007f'],
  [256, '7e 0100', 'fe 0100'],
  [4085, '7e 0ff5', 'fe 0ff5'],
  [4088, '7e 0ff8', 'fe 0ff8'],
  [4089, '7e 0ff9', 'fe 0ff9'],
  [4092, '7e 0ffc', 'fe 0ffc'],
  [4093, '7e 0ffd', 'fe 0ffd'],
  [4095, '7e 0fff', 'fe 0fff'],
  [4096, '7e 1000', 'fe 1000'],
  [16_384, '7e 4000', 'fe 4000'],
  [65_535, '7e ffff', 'fe ffff'],
  [65_536, '7f 0000000000010000', 'ff 0000000000010000'],
  [1_000_000, '7f 00000000000f4240', 'ff 00000000000f4240'],
];

for (const [length, unmasked, masked] of LENGTHS) {
  test(`§5.2 ${length} bytes of payload have the shortest header`, () => {
    const bytes = Buffer.from(Uint8Array.from({ length }, (_, index) => index));
    const characters = 'ä'.repeat(length >> 1) + (length % 2 === 1 ? 'z' : '');
    const payloads: [first: string, opcode: number, payload: string | Buffer][] = [
      ['81', TEXT, 'a'.repeat(length)],
      ['81', TEXT, characters],
      ['82', BINARY, bytes],
    ];
    for (const [first, opcode, payload] of payloads) {
      const expected = Buffer.from(payload);
      assertSame(encode('server', opcode, payload), Buffer.concat([hex(`${first} ${unmasked}`), expected]));
      const header = hex(`${first} ${masked} 37fa213d`);
      assertSame(
        withKey(encode('client', opcode, payload)),
        Buffer.concat([header, mask(expected, MASKING_KEY)]),
      );
    }
  });
}

test('§8.1 a lone surrogate at the end of a long text becomes U+FFFD', () => {
  for (const length of [3, 4000, 70_000]) {
    const payload = Buffer.concat([Buffer.alloc(length, 'a'), hex('efbfbd')]);
    for (const role of ['client', 'server'] as const) {
      const { frames, rest } = decodeNaive(encode(role, TEXT, `${'a'.repeat(length)}\ud800`));
      assert.is(rest.length, 0);
      assertSame(frames[0]!.payload, payload);
    }
  }
});

// --- Masking ------------------------------------------------------------------------------------------------------

test('§5.1 a client masks every frame, a server none', () => {
  for (const [role, isMasked] of [['client', true], ['server', false]] as const) {
    const encoder = new Output(role);
    for (const [, opcode, payload] of FRAMES) encoder.encode(opcode, payload);
    const { frames } = decodeNaive(Buffer.concat(encoder.take()));
    assert.is(frames.length, FRAMES.length);
    for (const { maskingKey } of frames) assert.is(maskingKey !== null, isMasked);
  }
});

test('§5.3 each frame has a fresh masking key', () => {
  const encoder = new Output('client');
  for (let count = 0; count < 5000; count++) encoder.encode(TEXT, 'a');
  const keys = decodeNaive(Buffer.concat(encoder.take())).frames.map(({ maskingKey }) => maskingKey!.readUInt32BE());
  // Among 5,000 random keys a pair is equal in one of 340 runs, and four pairs in one of 10^11.
  assert.ok(keys.length === 5000 && new Set(keys).size >= 4997, 'keys come again');
});

test("§5.3 the caller's bytes are left alone, and a client refers to none of them", () => {
  for (const size of [0, 1, 5, 255, 256, 4095, 4096, 100_000]) {
    for (const role of ['client', 'server'] as const) {
      const original = Buffer.alloc(size, 'Hello');
      const payload = Buffer.from(original);
      const encoder = new Output(role);
      encoder.encode(BINARY, payload);
      encoder.encode(0x9, payload.subarray(0, 125));
      const chunks = encoder.take();
      assertSame(payload, original);
      if (role === 'client') assert.ok(chunks.every((chunk) => chunk.buffer !== payload.buffer || size === 0));
    }
  }
});

// --- Chunks -------------------------------------------------------------------------------------------------------

test('many small frames become one chunk', () => {
  const encoder = new Output('server');
  const expected = Buffer.alloc(100 * 22, Buffer.concat([hex('81 14'), Buffer.alloc(20, 'x')]));
  // The memory that all encoders share may end within one of the rounds, which then has two chunks.
  const counts = [1, 2, 3].map(() => {
    for (let count = 0; count < 100; count++) encoder.encode(TEXT, 'x'.repeat(20));
    const chunks = encoder.take();
    assertSame(Buffer.concat(chunks), expected);
    return chunks.length;
  });
  assert.equal(counts.sort().slice(0, 2), [1, 1]);
  assert.ok(counts[2]! <= 2, `${counts[2]} chunks`);
});

test('many small frames of a client become one chunk, though each is masked', () => {
  const encoder = new Output('client');
  const counts = [1, 2, 3].map(() => {
    for (let count = 0; count < 100; count++) encoder.encode(count % 2 === 0 ? TEXT : BINARY, Buffer.alloc(20, count));
    const chunks = encoder.take();
    assert.is(decodeNaive(Buffer.concat(chunks)).frames.length, 100);
    return chunks.length;
  });
  assert.equal(counts.sort().slice(0, 2), [1, 1]);
  assert.ok(counts[2]! <= 2, `${counts[2]} chunks`);
});

test('byteLength is what take() will bring, which empties the encoder', () => {
  for (const role of ['client', 'server'] as const) {
    const encoder = new Output(role);
    assert.equal([encoder.byteLength, encoder.take()], [0, []]);
    const headers = role === 'client' ? [6, 8, 14] : [2, 4, 10];
    encoder.encode(TEXT, 'é');
    assert.is(encoder.byteLength, headers[0]! + 2);
    encoder.encode(BINARY, Buffer.alloc(126));
    assert.is(encoder.byteLength, headers[0]! + 2 + headers[1]! + 126);
    encoder.encode(BINARY, Buffer.alloc(65_536));
    const total = headers[0]! + 2 + headers[1]! + 126 + headers[2]! + 65_536;
    assert.is(encoder.byteLength, total);
    assert.is(Buffer.concat(encoder.take()).length, total);
    assert.equal([encoder.byteLength, encoder.take()], [0, []]);
    encoder.encode(TEXT, 'a');
    assert.is(Buffer.concat(encoder.take()).length, headers[0]! + 1);
  }
});

test('the server: a binary payload of 64 KiB is referred to, a smaller one copied, each in its place', () => {
  const large = Buffer.alloc(65_535, 0xaa);
  const larger = new Uint8Array(65_536).fill(0xbb);
  const originals = [Buffer.from(large), Buffer.from(larger)];
  const encoder = new Output('server');
  encoder.encode(TEXT, 'before');
  encoder.encode(BINARY, large);
  encoder.encode(TEXT, 'between');
  encoder.encode(BINARY, larger);
  encoder.encode(BINARY, larger);
  encoder.encode(TEXT, 'behind');
  const chunks = encoder.take();
  assert.is(chunks.filter((chunk) => chunk.buffer === large.buffer).length, 0);
  assert.is(chunks.filter((chunk) => chunk.buffer === larger.buffer).length, 2);
  assertSame(large, originals[0]!);
  assertSame(Buffer.from(larger), originals[1]!);
  assertSame(Buffer.concat(chunks), Buffer.concat([
    hex('81 06'), Buffer.from('before'),
    hex('82 7e ffff'), originals[0]!,
    hex('81 07'), Buffer.from('between'),
    hex('82 7f 0000000000010000'), originals[1]!,
    hex('82 7f 0000000000010000'), originals[1]!,
    hex('81 06'), Buffer.from('behind'),
  ]));
});

test('what is taken at a time is about 1 MiB; no payload is cut that is hardly larger, and no piece is small', () => {
  const MiB = 1 << 20;
  const cases: [length: number, pieces: number[]][] = [
    [MiB - 10, [MiB]], [MiB + 65_536, [MiB + 65_546]], [MiB + 65_537, [10 + MiB, 65_537]],
    [3 * MiB, [10 + MiB, MiB, MiB]], [3 * MiB + 1, [10 + MiB, MiB, MiB + 1]],
  ];
  for (const [length, pieces] of cases) {
    const payload = Buffer.alloc(length, 'abc');
    const encoder = new Output('server');
    encoder.encode(BINARY, payload);
    const taken: Buffer[] = [];
    for (let left = encoder.byteLength; left > 0; left = encoder.byteLength) {
      taken.push(Buffer.concat(encoder.take()));
      assert.is(encoder.byteLength, left - taken.at(-1)!.length);
    }
    assert.equal(taken.map((bytes) => bytes.length), pieces, `${length}`);
    assertSame(Buffer.concat(taken).subarray(10), payload);
    assert.equal(encoder.take(), []);
  }
});

test('of many frames about 1 MiB is taken at a time, in order', () => {
  const encoder = new Output('server');
  const payloads = Array.from({ length: 100 }, (_, index) => Buffer.alloc(60_000, index));
  for (const payload of payloads) encoder.encode(BINARY, payload);
  const sizes: number[] = [];
  const taken: Buffer[] = [];
  while (encoder.byteLength > 0) {
    taken.push(Buffer.concat(encoder.take()));
    sizes.push(taken.at(-1)!.length);
  }
  assert.ok(sizes.slice(0, -1).every((size) => size >= 1 << 20 && size < (1 << 20) + 262_144), `${sizes}`);
  assertSame(Buffer.concat(taken), Buffer.concat(payloads.flatMap((payload) => [hex('82 7e ea60'), payload])));
});

test('memory that was detached is an empty chunk, in place of the payload', () => {
  const encoder = new Output('server');
  const payload = new Uint8Array(2 << 20);
  encoder.encode(TEXT, 'a');
  encoder.encode(BINARY, payload);
  const first = encoder.take();
  assert.is(first.at(-1)!.length, 1 << 20);
  structuredClone(payload, { transfer: [payload.buffer] });
  assert.equal(encoder.take().map((chunk) => chunk.length), [0]);
});

test('a small binary payload is copied: what the caller does with it later does no harm', () => {
  const encoder = new Output('server');
  for (const size of [1, 125, 4000, 4095]) {
    const payload = Buffer.alloc(size, 0x61);
    encoder.encode(BINARY, payload);
    payload.fill(0x62);
    const { frames } = decodeNaive(Buffer.concat(encoder.take()));
    assertSame(frames[0]!.payload, Buffer.alloc(size, 0x61));
  }
});

test('bytes handed out are never written again, and no two encoders share any', () => {
  withRandom((random) => {
    const encoders = Array.from({ length: 8 }, (_, number) => createSender(number % 2 === 0 ? 'server' : 'client'));
    /** Every chunk of the 800 takes, with what it was when it was taken. */
    const handedOut: { chunk: Uint8Array; copy: Buffer }[] = [];
    for (let round = 0; round < 100; round++) {
      for (let count = random.integer(8, 80); count > 0; count--) {
        const { encoder, sent } = random.pick(encoders);
        const payload = createPayload(random);
        encoder.encode(typeof payload === 'string' ? TEXT : BINARY, payload);
        sent.push(payload);
      }
      for (const { encoder, received } of encoders) {
        for (const chunk of encoder.take()) {
          handedOut.push({ chunk, copy: Buffer.from(chunk) });
          received.push(chunk);
        }
      }
    }

    assert.ok(handedOut.length > 500);
    for (const { chunk, copy } of handedOut) assert.ok(copy.equals(chunk), 'a chunk has changed since it was taken');
    assertNoOverlap(handedOut.map(({ chunk }) => chunk));
    for (const { role, sent, received } of encoders) assertFrames(role, Buffer.concat(received), sent);
  });
});

test('an encoder goes on with its run only if nobody else has written behind it', () => {
  const first = new Output('server');
  const second = new Output('server');
  for (const [encoder, message] of [[first, 'a'], [second, 'b'], [first, 'c'], [first, 'd'], [second, 'e']] as const) {
    encoder.encode(TEXT, message);
  }
  const chunks = [first.take(), second.take()];
  first.encode(TEXT, 'f');
  assert.equal(chunks.map((list) => Buffer.concat(list)), [
    hex('81 01 61 81 01 63 81 01 64'), hex('81 01 62 81 01 65'),
  ]);
  assert.equal(Buffer.concat(first.take()), hex('81 01 66'));
});

// --- Random data --------------------------------------------------------------------------------------------------

for (const role of ['client', 'server'] as const) {
  test(`§5 the naive codec decodes 10,000 random frames of a ${role}, and would write them to the byte`, () => {
    withRandom((random) => {
      const { encoder, sent, received } = createSender(role);
      for (let count = 0; count < 10_000; count++) {
        const payload = createPayload(random);
        encoder.encode(typeof payload === 'string' ? TEXT : BINARY, payload);
        sent.push(payload);
        if (random.chance(0.02)) received.push(...encoder.take());
      }
      received.push(...encoder.take());
      assertFrames(role, Buffer.concat(received), sent);
    });
  });
}

// --- Helpers ------------------------------------------------------------------------------------------------------

interface Sender {
  readonly role: Role;
  readonly encoder: Output;
  readonly sent: (string | Buffer)[];
  readonly received: Uint8Array[];
}

function createSender(role: Role): Sender {
  return { role, encoder: new Output(role), sent: [], received: [] };
}

function createPayload(random: Random): string | Buffer {
  const shortest = random.pick([0, 0, 1, 20, 125, 126, 250, 256]);
  const isLong = random.chance(0.05);
  const length = isLong ? random.integer(0, 1000) * random.pick([1, 8, 70]) : shortest + random.integer(0, 3);
  if (random.chance(0.5)) return random.bytes(length);
  return random.pick(['a', 'ä', '你', '👋', 'aä你👋', '\ud800x', '\u{10ffff}\0']).repeat(length >> 1);
}

/** Asserts that the bytes are the frames of these payloads, each one as the naive codec writes it. */
function assertFrames(role: Role, bytes: Buffer, payloads: (string | Buffer)[]): void {
  const { frames, rest } = decodeNaive(bytes);
  assert.equal([frames.length, rest.length], [payloads.length, 0]);
  const expected = frames.map(({ maskingKey }, index) => {
    assert.is(maskingKey !== null, role === 'client');
    const payload = payloads[index]!;
    const opcode = typeof payload === 'string' ? TEXT : BINARY;
    return encodeNaive({ opcode, payload: Buffer.from(payload), maskingKey: maskingKey ?? undefined });
  });
  assertSame(bytes, Buffer.concat(expected));
}

function assertNoOverlap(chunks: Uint8Array[]): void {
  const byMemory = new Map<ArrayBufferLike, Uint8Array[]>();
  for (const chunk of chunks) byMemory.set(chunk.buffer, [...(byMemory.get(chunk.buffer) ?? []), chunk]);
  let shared = 0;
  for (const neighbours of byMemory.values()) {
    neighbours.sort((left, right) => left.byteOffset - right.byteOffset);
    for (let index = 1; index < neighbours.length; index++) {
      const left = neighbours[index - 1]!;
      assert.ok(left.byteOffset + left.length <= neighbours[index]!.byteOffset, 'two chunks share bytes');
      shared++;
    }
  }
  assert.ok(shared > 100, 'hardly two chunks lie in the same memory, which tests little');
}

/** The bytes of one fresh encoder's only frame. */
function encode(role: Role, opcode: number, payload: string | Uint8Array): Buffer {
  const encoder = new Output(role);
  encoder.encode(opcode, payload);
  return Buffer.concat(encoder.take());
}

/** The masked frame as it were with the masking key of §5.7: header and length stay, key and payload change. */
function withKey(frame: Buffer): Buffer {
  const payloadStart = 6 + ({ 126: 2, 127: 8 }[frame[1]! & 0x7f] ?? 0);
  const payload = mask(frame.subarray(payloadStart), frame.subarray(payloadStart - 4, payloadStart));
  return Buffer.concat([frame.subarray(0, payloadStart - 4), MASKING_KEY, mask(payload, MASKING_KEY)]);
}

/** As `assert.equal`, which is slow for long bytes. */
function assertSame(actual: Buffer, expected: Buffer): void {
  if (actual.equals(expected)) return;
  const place = actual.findIndex((byte, index) => byte !== expected[index]);
  const show = (bytes: Buffer): string => {
    const around = bytes.subarray(Math.max(0, place - 8)).subarray(0, 24);
    return `${bytes.length} bytes with ${around.toString('hex')} about byte ${place}`;
  };
  assert.unreachable(`${show(actual)}, not ${show(expected)}`);
}

// --- Compressed messages (RFC 7692 §6) -----------------------------------------------------------------------------

test('RFC 7692 §7.2.3.1 RSV1 marks a compressed message, and nothing else', () => {
  for (const role of ['server', 'client'] as const) {
    const encoder = new Output(role);
    encoder.encode(TEXT, hex('f2 48 cd c9 c9 07 00'), true);
    encoder.encode(BINARY, hex('f2 48 cd c9 c9 07 00'), true);
    encoder.encode(TEXT, 'Hello', false);
    const frames = decodeNaive(Buffer.concat(encoder.take())).frames;
    const seen = frames.map(({ rsv1, rsv2, rsv3, opcode, payload }) => {
      return [rsv1, rsv2, rsv3, opcode, payload.toString('hex')];
    });
    assert.equal(seen, [
      [true, false, false, TEXT, 'f248cdc9c90700'],
      [true, false, false, BINARY, 'f248cdc9c90700'],
      [false, false, false, TEXT, '48656c6c6f'],
    ]);
  }
  const encoder = new Output('server');
  encoder.encode(TEXT, hex('f2 48 cd c9 c9 07 00'), true);
  encoder.encode(BINARY, Buffer.alloc(5000), true);
  assert.equal(Buffer.concat(encoder.take()).subarray(0, 13), hex('c1 07 f2 48 cd c9 c9 07 00 c2 7e 13 88'));
});

test('a frame that comes later keeps its place, and holds back what is behind it', () => {
  const encoder = new Output('server');
  encoder.encode(TEXT, 'a');
  const place = encoder.encodeLater(BINARY, 100);
  encoder.encode(TEXT, 'b');
  assert.is(encoder.byteLength, 3 + 100 + 3);
  assert.is(encoder.hasGap, true);
  assert.equal(Buffer.concat(encoder.take()), hex('81 01 61'));
  assert.equal(encoder.take(), []);
  assert.is(encoder.byteLength, 100 + 3);
  place(hex('01 02'), true);
  assert.is(encoder.byteLength, 4 + 3);
  assert.equal(Buffer.concat(encoder.take()), hex('c2 02 01 02 81 01 62'));
  assert.is(encoder.byteLength, 0);
  assert.is(encoder.hasGap, false);
  encoder.encode(TEXT, 'c');
  assert.equal(Buffer.concat(encoder.take()), hex('81 01 63'));
});

test('several frames that come later leave in their order, whichever is there first', () => {
  const encoder = new Output('server');
  const first = encoder.encodeLater(TEXT, 1);
  const second = encoder.encodeLater(TEXT, 1);
  encoder.encode(0x9, hex(''));
  const third = encoder.encodeLater(BINARY, 1);
  second(hex('62'), false);
  third(hex('63'), true);
  assert.equal(encoder.take(), []);
  first(hex('61'), false);
  assert.equal(Buffer.concat(encoder.take()), hex('81 01 61 81 01 62 89 00 c2 01 63'));
  assert.is(encoder.hasGap, false);
});

test('a client masks the frame that comes later, and leaves the payload as it is', () => {
  const encoder = new Output('client');
  const payload = Buffer.from('Hello');
  encoder.encodeLater(TEXT, 5)(payload, false);
  const [frame] = decodeNaive(Buffer.concat(encoder.take())).frames;
  assert.ok(frame!.maskingKey !== null);
  assert.is(frame!.payload.toString(), 'Hello');
  assert.is(payload.toString(), 'Hello');
});

// --- Frames for many connections -----------------------------------------------------------------------------------

test('a shared frame is the same bytes for every connection, and its payload stands in it', () => {
  const frame = encodeShared(TEXT, Buffer.from('Hello'), false);
  for (let count = 0; count < 2; count++) {
    const encoder = new Output('server');
    encoder.append(frame);
    assert.is(encoder.byteLength, 7);
    assert.equal(Buffer.concat(encoder.take()), hex('81 05 48656c6c6f'));
    assert.is(encoder.byteLength, 0);
  }
  assert.is(frame.bytes.toString('latin1', frame.payloadStart, frame.end), 'Hello');
  const compressed = encodeShared(BINARY, hex('f2 48 cd c9 c9 07 00'), true);
  assert.equal(compressed.bytes.subarray(compressed.start, compressed.end), hex('c2 07 f248cdc9c90700'));
});

test('shared frames that were made one after the other are one piece of a write, and the same for all', () => {
  const frames = Array.from({ length: 16 }, (_, number) => encodeShared(TEXT, Buffer.from(`${number}`), false));
  const taken = [1, 2, 3].map(() => {
    const encoder = new Output('server');
    for (const frame of frames) encoder.append(frame);
    return encoder.take();
  });
  assert.equal(taken.map((chunks) => chunks.length), [1, 1, 1]);
  assert.is(taken[0]![0], taken[2]![0]);
  const texts = decodeNaive(taken[0]![0] as Buffer).frames.map(({ payload }) => payload.toString());
  assert.equal(texts, frames.map((_, number) => `${number}`));
});

test('shared frames among others, in any order', () => withRandom((random) => {
  const shared = Array.from({ length: 10 }, () => {
    const payload = random.bytes(random.chance(0.2) ? random.integer(4000, 9000) : random.integer(0, 200));
    return { payload, frame: encodeShared(BINARY, payload, false) };
  });
  const encoders = [new Output('server'), new Output('server')];
  const expected: Buffer[][] = [[], []];
  for (let count = 0; count < 1000; count++) {
    const which = random.integer(0, 1);
    const { payload, frame } = random.pick(shared);
    const own = random.bytes(random.integer(0, 300));
    const isShared = random.chance(0.5);
    if (isShared) encoders[which]!.append(frame);
    else encoders[which]!.encode(BINARY, own);
    expected[which]!.push(isShared ? payload : own);
  }
  for (const [which, encoder] of encoders.entries()) {
    // With many long frames it is more than one take gives.
    const chunks: Uint8Array[] = [];
    while (encoder.byteLength > 0) chunks.push(...encoder.take());
    const { frames, rest } = decodeNaive(Buffer.concat(chunks));
    assert.is(rest.length, 0);
    assert.equal(frames.map(({ payload }) => payload), expected[which]);
  }
}));

test('a large payload that lies in the memory of frames, as through a tunnel, is copied', () => {
  const output = new Output('server');
  const payload = ownFrames.bytes.subarray(0, 70_000);
  output.encode(BINARY, payload);
  const chunks = output.take();
  assert.ok(chunks.every((chunk) => chunk.length < payload.length || chunk.buffer !== payload.buffer));
  for (const chunk of chunks) ownFrames.release(chunk);
});

test.run();
