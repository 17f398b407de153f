// The block that SIMD masks in, and masking without one.
import * as assert from 'uvu/assert';
import { copyMasked } from '../../src/frame/mask.js';
import { BLOCK_BYTES, createMaskBlock } from '../../src/frame/mask-block.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { mask } from '../support/codec/naive-codec.js';
import { withRandom } from './random.js';

const test = suite('frame/mask-block');

/** How far past its end a block may be masked. */
const PAST_END = 31;

test('§5.3 each byte has its own byte of the key, the lowest first', () => {
  const { bytes, mask } = createMaskBlock()!;
  bytes.fill(0);
  mask(8, 0x84030201 | 0);
  assert.equal(Buffer.from(bytes.subarray(0, 8)), hex('01020384 01020384'));
});

test('§5.3 a block is masked to its length, and at most 31 bytes more', () => {
  const block = createMaskBlock()!;
  assert.is(block.bytes.length, BLOCK_BYTES);
  withRandom((random) => {
    for (const length of [1, 15, 16, 17, 31, 32, 33, 64, 1000, BLOCK_BYTES - 33, BLOCK_BYTES - 1, BLOCK_BYTES]) {
      const key = random.bytes(4);
      const before = random.bytes(BLOCK_BYTES);
      block.bytes.set(before);
      block.mask(length, key.readInt32LE());
      const after = Buffer.from(block.bytes);
      assert.ok(after.subarray(0, length).equals(mask(before.subarray(0, length), key)), `${length} bytes`);
      const end = length + PAST_END;
      assert.ok(after.subarray(end).equals(before.subarray(end)), `what follows ${length} bytes`);
    }
  });
});

test('blocks have memory of their own', () => {
  const [one, other] = [createMaskBlock()!, createMaskBlock()!];
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
  test(`there is no block where ${name}`, () => {
    replaceWebAssembly(webAssembly, () => assert.is(createMaskBlock(), null));
  });
}

// Whether there is a block is found out once for each process, with its first long payload: this one.
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
