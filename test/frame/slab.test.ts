// The slab: what is allotted in a row lies in a row, and no byte is given twice before it was released.
import * as assert from 'uvu/assert';
import { MAX_SLAB_FRAME_BYTES, Slab } from '../../src/frame/slab.js';
import { suite } from '../runner/suite.js';

const test = suite('frame/slab');

test('pieces follow one another, until new memory begins; none overlaps another', () => {
  const slab = new Slab();
  let [memory, end] = [slab.bytes, slab.allot(1) + 1];
  let slabs = 0;
  for (let count = 0; count < 20_000; count++) {
    const length = 1 + ((count * 37) % 200);
    const start = slab.allot(length);
    if (memory !== slab.bytes) slabs++;
    assert.is(start, memory === slab.bytes ? end : 0);
    assert.ok(start + length <= slab.bytes.length);
    [memory, end] = [slab.bytes, start + length];
  }
  assert.ok(slabs > 1, `${slabs} slabs`);
});

test('the largest frame fits into a slab, whatever is used of it', () => {
  const slab = new Slab();
  for (let count = 0; count < 10; count++) {
    slab.allot(count * 100 + 1);
    assert.ok(slab.allot(MAX_SLAB_FRAME_BYTES) + MAX_SLAB_FRAME_BYTES <= slab.bytes.length);
  }
});

test('a slab has no part of another piece of memory', () => {
  const { bytes } = new Slab();
  assert.is(bytes.buffer.byteLength, bytes.length);
});

test('the memory is used again once all was released, in whatever order and pieces', () => {
  const slab = new Slab();
  const { bytes } = slab;
  for (let count = 0; count < 10_000; count++) {
    assert.equal([slab.allot(100), slab.allot(50), slab.allot(7)], [0, 100, 150]);
    slab.release(bytes.subarray(150, 157));
    assert.is(slab.allot(1), 157);
    slab.release(bytes.subarray(0, 150));
    slab.release(bytes.subarray(157, 158));
  }
  assert.is(slab.bytes, bytes);
});

test('what is released of memory that is full, or not the slab\'s, counts for nothing', () => {
  const slab = new Slab();
  const old = slab.bytes;
  slab.allot(MAX_SLAB_FRAME_BYTES);
  for (let count = 0; count < 4; count++) slab.allot(MAX_SLAB_FRAME_BYTES);
  assert.is.not(slab.bytes, old);
  slab.release(old.subarray(0, MAX_SLAB_FRAME_BYTES));
  slab.release(Buffer.alloc(MAX_SLAB_FRAME_BYTES));
  assert.is(slab.allot(10), MAX_SLAB_FRAME_BYTES);
});

test.run();
