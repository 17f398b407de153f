// Slabs: what is allotted in a row lies in a row, and no byte is given twice before it was released.
import * as assert from 'uvu/assert';
import { MAX_SLAB_FRAME_BYTES, Slabs } from '../../src/frame/slab.js';
import { suite } from '../runner/suite.js';

const test = suite('frame/slab');

test('pieces follow one another, until new memory begins; none overlaps another', () => {
  const slabs = new Slabs(1);
  let [memory, end] = [slabs.bytes, slabs.allot(1) + 1];
  let changes = 0;
  for (let count = 0; count < 20_000; count++) {
    const length = 1 + ((count * 37) % 200);
    const start = slabs.allot(length);
    if (memory !== slabs.bytes) changes++;
    assert.is(start, memory === slabs.bytes ? end : 0);
    assert.ok(start + length <= slabs.bytes.length);
    [memory, end] = [slabs.bytes, start + length];
  }
  assert.ok(changes > 1, `${changes} changes`);
});

test('the largest frame fits into a slab, whatever is used of it', () => {
  const slabs = new Slabs(1);
  for (let count = 0; count < 10; count++) {
    slabs.allot(count * 100 + 1);
    assert.ok(slabs.allot(MAX_SLAB_FRAME_BYTES) + MAX_SLAB_FRAME_BYTES <= slabs.bytes.length);
  }
});

test('a slab has no part of another piece of memory', () => {
  const { bytes } = new Slabs(1);
  assert.is(bytes.buffer.byteLength, bytes.length);
});

test('the memory is used again once all was released, in whatever order and pieces', () => {
  const slabs = new Slabs(1);
  const { bytes } = slabs;
  for (let count = 0; count < 10_000; count++) {
    assert.equal([slabs.allot(100), slabs.allot(50), slabs.allot(7)], [0, 100, 150]);
    slabs.release(bytes.subarray(150, 157));
    assert.is(slabs.allot(1), 157);
    slabs.release(bytes.subarray(0, 150));
    slabs.release(bytes.subarray(157, 158));
  }
  assert.is(slabs.bytes, bytes);
});

/** Allots all of the slab of the moment, and returns its memory. */
function fill(slabs: Slabs): Buffer {
  const { bytes } = slabs;
  for (let count = 0; count < 4; count++) slabs.allot(MAX_SLAB_FRAME_BYTES);
  assert.is(slabs.bytes, bytes);
  return bytes;
}

test('memory that is full is used again once all of it was released, the oldest first', () => {
  const slabs = new Slabs(3);
  const first = fill(slabs);
  slabs.allot(1);
  const second = slabs.bytes;
  slabs.release(second.subarray(0, 1));
  fill(slabs);
  slabs.release(first.subarray(0, MAX_SLAB_FRAME_BYTES));
  slabs.release(first.subarray(MAX_SLAB_FRAME_BYTES, first.length - 1));
  slabs.allot(1);
  const third = slabs.bytes;
  assert.is(new Set([first, second, third]).size, 3);
  slabs.release(third.subarray(0, 1));
  slabs.release(first.subarray(first.length - 1));
  slabs.release(second);
  fill(slabs);
  assert.is(slabs.allot(10), 0);
  assert.is(slabs.bytes, first);
});

test('slabs may lie in one piece of memory, beside what is none', () => {
  const memory = Buffer.from(new ArrayBuffer(4 * MAX_SLAB_FRAME_BYTES * 3));
  let count = 0;
  const slabs = new Slabs(2, (length) => memory.subarray(count++ * length, count * length));
  const first = fill(slabs);
  slabs.allot(MAX_SLAB_FRAME_BYTES);
  const second = slabs.bytes;
  assert.equal([first.byteOffset, second.byteOffset], [0, first.length]);
  const end = memory.subarray(2 * first.length);
  assert.equal([slabs.has(first.subarray(-1)), slabs.has(second), slabs.has(end)], [true, true, false]);
  slabs.release(end);
  slabs.release(second.subarray(0, MAX_SLAB_FRAME_BYTES));
  assert.is(fill(slabs), second);
  slabs.release(first);
  slabs.allot(1);
  assert.is(slabs.bytes, first);
});

test('memory that is not kept, or is another\'s, is passed over', () => {
  const slabs = new Slabs(2);
  const oldest = fill(slabs);
  slabs.allot(1);
  slabs.release(slabs.bytes.subarray(0, 1));
  const kept = fill(slabs);
  slabs.allot(1);
  assert.equal([slabs.has(oldest), slabs.has(kept), slabs.has(slabs.bytes)], [false, true, true]);
  slabs.release(oldest);
  slabs.release(Buffer.alloc(MAX_SLAB_FRAME_BYTES));
  assert.is(slabs.allot(10), 1);
});

test.run();
