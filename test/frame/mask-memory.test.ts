// The memory that SIMD masks in, and masking without it.
import * as assert from 'uvu/assert';
import { copyMasked } from '../../src/frame/mask.js';
import { allotMaskable, createMaskMemory, isMaskable } from '../../src/frame/mask-memory.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { mask } from '../support/codec/naive-codec.js';
import { withRandom } from './random.js';

const test = suite('frame/mask-memory');

test('§5.3 each byte has its own byte of the key, the lowest first, wherever it lies', () => {
  const { bytes, mask } = createMaskMemory()!;
  bytes.fill(0);
  mask(3, 24, 0x84030201 | 0);
  assert.equal(bytes.subarray(0, 26), hex('000000 01020384 01020384 01020384 01020384 01020384 01 0000'));
});

test('§5.3 the bytes are masked from the first to the last, and no other', () => {
  const { bytes, mask: maskInMemory } = createMaskMemory()!;
  withRandom((random) => {
    for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 64, 1000, 16_384, 65_537]) {
      const key = random.bytes(4);
      const start = random.integer(0, 40);
      const before = random.bytes(length + 80);
      bytes.set(before);
      maskInMemory(start, start + length, key.readInt32LE());
      before.set(mask(before.subarray(start, start + length), key), start);
      assert.ok(bytes.subarray(0, before.length).equals(before), `${length} bytes from ${start}`);
    }
  });
});

test('memories are apart', () => {
  const [one, other] = [createMaskMemory()!, createMaskMemory()!];
  one.bytes.fill(1);
  other.bytes.fill(2);
  assert.is(one.bytes[0], 1);
});

/** What stands for WebAssembly where there is none, and where the module is refused, as without SIMD or memory. */
const WITHOUT: [name: string, webAssembly: unknown][] = [
  ['there is no WebAssembly', undefined],
  ['WebAssembly refuses the module', { Module: refuse }],
  ['WebAssembly has no memory', { Module: class {}, Instance: refuse }],
];

for (const [name, webAssembly] of WITHOUT) {
  test(`there is no such memory where ${name}`, () => {
    replaceWebAssembly(webAssembly, () => assert.is(createMaskMemory(), null));
  });
}

// Whether there is such memory is found out once for each process, with its first long payload: this one.
test('§5.3 long payloads are masked without WebAssembly too', () => {
  withRandom((random) => {
    for (const length of [159, 160, 161, 163, 5000, 40_001]) {
      const [source, key] = [random.bytes(length + 3), random.bytes(4)];
      const target = Buffer.alloc(length + 2);
      replaceWebAssembly(undefined, () => copyMasked(source, 3, target, 1, length, key.readInt32LE()));
      assert.ok(target.subarray(1, -1).equals(mask(source.subarray(3), key)), `${length} bytes`);
      assert.equal([target[0], target[length + 1]], [0, 0]);
    }
  });
});

test('what it then allots is memory of the ordinary kind', () => {
  const one = allotMaskable(1000);
  assert.is(one.length, 1000);
  assert.not(isMaskable(one));
});

function refuse(): never {
  throw new RangeError('no');
}

function replaceWebAssembly(value: unknown, run: () => void): void {
  const global = globalThis as { WebAssembly?: unknown };
  const { WebAssembly } = global;
  global.WebAssembly = value;
  try {
    run();
  } finally {
    global.WebAssembly = WebAssembly;
  }
}

test.run();
