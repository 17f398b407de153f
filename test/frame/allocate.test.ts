// What is kept holds no more memory than it needs.
import * as assert from 'uvu/assert';
import { allocate, copyOf, free } from '../../src/frame/allocate.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { canFree, findFreed } from './memory.js';

const test = suite('frame/allocate');

test('nothing else lies in the memory, whatever its length', () => {
  for (const length of [0, 1, 10, 64, 65, 1000, 20_000, 100_000]) {
    const bytes = allocate(length);
    assert.equal([bytes.length, bytes.buffer.byteLength], [length, length]);
  }
});

test('a copy has the bytes, and does not change with them', () => {
  const bytes = hex('0102030405');
  const copy = copyOf(bytes.subarray(1, 4));
  bytes.fill(0);
  assert.equal(copy, hex('020304'));
  assert.is(copy.buffer.byteLength, 3);
});

test('memory is freed at once where that can be, but for little of it, and for a pool of others', async () => {
  const bytes = allocate(10_000);
  const small = allocate(4095);
  const pooled = Buffer.from(new ArrayBuffer(6000), 0, 5000);
  const freed = await findFreed(async () => [bytes, small, pooled].forEach(free));
  assert.equal(freed, [10_000]);
  assert.equal([bytes.length, small.length, pooled.length], [canFree ? 0 : 10_000, 4095, 5000]);
  free(allocate(10_000));
});

test.run();
