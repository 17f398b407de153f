// The masker against a loop over single bytes, at every place of memory that it treats in another way.
import * as assert from 'uvu/assert';
import { copyMasked, createMaskingKey, moveMasked, rotateKey, unmaskInPlace } from '../../src/frame/mask.js';
import { allotMaskable } from '../../src/frame/mask-memory.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { mask } from '../support/codec/naive-codec.js';
import { withRandom } from './random.js';

const test = suite('frame/mask');

/** Around each length are bytes that the masker must leave alone. */
const MARGIN = 8;
const FILLER = 0xee;

test('§5.7 the payload of the masked "Hello"', () => {
  const target = Buffer.alloc(5);
  // The key 37 fa 21 3d, its first byte lowest.
  copyMasked(hex('48656c6c6f'), 0, target, 0, 5, 0x3d21fa37);
  assert.equal(target, hex('7f9f4d5158'));
  copyMasked(target, 0, target, 0, 5, 0x3d21fa37);
  assert.equal(target, hex('48656c6c6f'));
});

test('§5.3 each byte has its own byte of the key, and a key with its highest bit set is a key like others', () => {
  const target = Buffer.alloc(8);
  copyMasked(hex('00 00 00 00 00 00 00 00'), 0, target, 0, 8, 0xfffefdfc | 0);
  assert.equal(target, hex('fc fd fe ff fc fd fe ff'));
  copyMasked(hex('00 00 00 00 00 00 00 00'), 0, target, 0, 8, 0xfffefdfc);
  assert.equal(target, hex('fc fd fe ff fc fd fe ff'));
  copyMasked(hex('01 02 03 04 05 06 07 08'), 0, target, 0, 8, 0);
  assert.equal(target, hex('01 02 03 04 05 06 07 08'));
});

test('a key of zeros, as of a frame without a mask, leaves the bytes as they are', () => {
  withRandom((random) => {
    for (const length of [5, 159, 160, 1000, 20_000]) {
      const source = random.bytes(length + 2);
      const target = Buffer.alloc(length + 2 * MARGIN, FILLER);
      copyMasked(source, 1, target, MARGIN, length, 0);
      assert.ok(target.subarray(MARGIN, -MARGIN).equals(source.subarray(1, -1)), `${length} bytes`);
      assert.equal([target[MARGIN - 1], target[MARGIN + length]], [FILLER, FILLER]);
    }
  });
});

const EVERY_LENGTH = Array.from({ length: 301 }, (_, length) => length);
const LENGTHS: [name: string, lengths: number[]][] = [
  ['0 to 300', EVERY_LENGTH],
  ['about 1,024', [1021, 1022, 1023, 1024, 1025, 1026, 1027]],
  ['about 16,384', [16382, 16383, 16384, 16385, 16386, 16415, 16416, 16417]],
  ['about 65,536', [65533, 65534, 65535, 65536, 65537]],
];

for (const [name, lengths] of LENGTHS) {
  test(`§5.3 lengths ${name}, source and target at each offset from 0 to 7`, () => {
    withRandom((random) => {
      for (const length of lengths) {
        for (let offsets = 0; offsets < 64; offsets++) {
          const sourceStart = offsets >> 3;
          const targetStart = MARGIN + (offsets & 7);
          const key = random.word() | 0;
          const source = Buffer.alloc(sourceStart + length + MARGIN, random.bytes(29));
          const original = Buffer.from(source);
          const target = Buffer.alloc(targetStart + length + MARGIN, FILLER);
          const expected = Buffer.from(target);
          expected.set(mask(source.subarray(sourceStart, sourceStart + length), keyBytes(key)), targetStart);

          copyMasked(source, sourceStart, target, targetStart, length, key);

          const place = `${length} bytes from offset ${sourceStart} to ${targetStart}`;
          assert.ok(target.equals(expected), `wrong bytes: ${place}`);
          assert.ok(source.equals(original), `the source was changed: ${place}`);
        }
      }
    });
  });
}

test('§5.3 target memory at each offset from a word', () => {
  withRandom((random) => {
    for (let offset = 0; offset < 8; offset++) {
      for (const length of [3, 255, 256, 257, 258, 259, 1000]) {
        const memory = new ArrayBuffer(offset + length);
        const target = Buffer.from(memory, offset, length);
        const source = new Uint8Array(random.bytes(length));
        const key = random.word() | 0;
        copyMasked(source, 0, target, 0, length, key);
        assert.ok(target.equals(mask(source, keyBytes(key))), `${length} bytes at offset ${offset}`);
      }
    }
  });
});

// The first has the payload masked where it lies, which the caller of copyMasked may not see.
const maskable = [allotMaskable(200_000), allotMaskable(200_000)] as const;

for (const [name, lengths] of LENGTHS) {
  test(`§5.3 lengths ${name}, in memory that can be masked in, or from it, or both`, () => {
    withRandom((random) => {
      for (const length of lengths) {
        for (const start of [0, 1, 4, 15]) {
          const key = random.word() | 0;
          const bytes = random.bytes(length + 80);
          const masked = mask(bytes.subarray(start, start + length), keyBytes(key));
          const expected = Buffer.concat([Buffer.alloc(7, FILLER), masked, Buffer.alloc(9, FILLER)]);
          for (const source of [maskable[0], Buffer.alloc(bytes.length)]) {
            for (const target of [maskable[1].subarray(3, 3 + expected.length), Buffer.alloc(expected.length)]) {
              source.set(bytes);
              target.fill(FILLER);
              copyMasked(source, start, target, 7, length, key);
              assert.ok(target.equals(expected), `copied: ${length} bytes from ${start}`);
              assert.ok(source.subarray(0, bytes.length).equals(bytes), `the source: ${length} bytes from ${start}`);
              target.fill(FILLER);
              moveMasked(source, start, target, 7, length, key);
              assert.ok(target.equals(expected), `moved: ${length} bytes from ${start}`);
              const [before, after] = [source.subarray(0, start), source.subarray(start + length, bytes.length)];
              assert.ok(before.equals(bytes.subarray(0, start)), `before ${length} bytes from ${start}`);
              assert.ok(after.equals(bytes.subarray(start + length)), `after ${length} bytes from ${start}`);
            }
          }
        }
      }
    });
  });
}

test('§5.3 bytes within memory that can be masked in may move by a few', () => {
  const [memory] = maskable;
  const source = memory.subarray(0, 500);
  source.fill('Hello');
  const expected = mask(source.subarray(1, 401), keyBytes(0x3d21fa37));
  copyMasked(source, 1, source, 4, 400, 0x3d21fa37);
  assert.ok(source.subarray(4, 404).equals(expected));
});

test('§5.3 bytes are unmasked where they lie if they are many, masked, and can be', () => {
  const [memory] = maskable;
  const key = 0x3d21fa37;
  for (const [bytes, length, maskingKey, isUnmasked] of [
    [memory, 160, key, true],
    [memory, 159, key, false],
    [memory, 160, 0, false],
    [Buffer.alloc(200), 160, key, false],
  ] as const) {
    bytes.fill(mask(Buffer.alloc(20, 'Hello'), keyBytes(key)));
    const before = Buffer.from(bytes);
    assert.is(unmaskInPlace(bytes, 20, 20 + length, maskingKey), isUnmasked);
    if (isUnmasked) before.fill('Hello', 20, 20 + length);
    assert.ok(bytes.equals(before));
  }
});

test('§5.3 in place', () => {
  withRandom((random) => {
    for (const length of [0, 1, 2, 3, 4, 5, 255, 256, 257, 4099]) {
      const bytes = random.bytes(length + 1);
      const key = random.word() | 0;
      const expected = mask(bytes.subarray(1), keyBytes(key));
      copyMasked(bytes, 1, bytes, 1, length, key);
      assert.ok(bytes.subarray(1).equals(expected), `${length} bytes`);
    }
  });
});

const ROTATIONS: [count: number, key: number][] = [
  [0, 0x84c2a1f0],
  [1, 0xf084c2a1],
  [2, 0xa1f084c2],
  [3, 0xc2a1f084],
  [4, 0x84c2a1f0],
  [5, 0xf084c2a1],
  [65_535, 0xc2a1f084],
  [65_536, 0x84c2a1f0],
  [2 ** 31 + 2, 0xa1f084c2],
  [2 ** 32 + 1, 0xf084c2a1],
];

for (const [count, key] of ROTATIONS) {
  test(`§5.3 the key behind ${count} bytes`, () => {
    assert.is(rotateKey(0x84c2a1f0, count) >>> 0, key);
    assert.is(rotateKey(0x84c2a1f0 | 0, count) >>> 0, key);
  });
}

test('§5.3 a payload that is masked in two pieces, cut at every place', () => {
  withRandom((random) => {
    const key = random.word() | 0;
    const payload = random.bytes(600);
    const expected = mask(payload, keyBytes(key));
    for (let cut = 0; cut <= payload.length; cut++) {
      const target = Buffer.alloc(payload.length);
      copyMasked(payload, 0, target, 0, cut, key);
      copyMasked(payload, cut, target, cut, payload.length - cut, rotateKey(key, cut));
      assert.ok(target.equals(expected), `cut after ${cut} bytes`);
    }
  });
});

test('§10.3 masking keys are fresh each time, and every bit of them changes', () => {
  // More than the pool of random keys holds, so that it is filled again.
  const keys = Array.from({ length: 5000 }, createMaskingKey);
  // Among 5,000 random keys a pair is equal in one of 340 runs, and four pairs in one of 10^11.
  assert.ok(new Set(keys).size >= 4997, 'keys come again');
  assert.is(keys.reduce((sum, key) => sum | key, 0), -1);
  assert.is(keys.reduce((product, key) => product & key, -1), 0);
  assert.ok(keys.every((key) => key === (key | 0)), 'a key is not a number of 32 bits');
});

function keyBytes(key: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(key | 0);
  return bytes;
}

test.run();
