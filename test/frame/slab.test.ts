// The slab: what is allotted in a row lies in a row, and no byte is given twice.
import * as assert from 'uvu/assert';
import { allot, MAX_SLAB_FRAME_BYTES, slab } from '../../src/frame/slab.js';
import { suite } from '../runner/suite.js';

const test = suite('frame/slab');

test('pieces follow one another, until a new slab begins; none overlaps another', () => {
  let [memory, end] = [slab, allot(1) + 1];
  let slabs = 0;
  for (let count = 0; count < 20_000; count++) {
    const length = 1 + ((count * 37) % 200);
    const start = allot(length);
    if (memory !== slab) slabs++;
    assert.is(start, memory === slab ? end : 0);
    assert.ok(start + length <= slab.length);
    [memory, end] = [slab, start + length];
  }
  assert.ok(slabs > 1, `${slabs} slabs`);
});

test('the largest frame fits into a slab, whatever is used of it', () => {
  for (let count = 0; count < 10; count++) {
    allot(count * 100 + 1);
    assert.ok(allot(MAX_SLAB_FRAME_BYTES) + MAX_SLAB_FRAME_BYTES <= slab.length);
  }
});

test('a slab has no part of another piece of memory', () => {
  assert.is(slab.buffer.byteLength, slab.length);
});

test.run();
