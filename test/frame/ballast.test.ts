// Garbage beside large Buffers: only where V8 doesn't collect in time, and as much as fills its space.
import * as assert from 'uvu/assert';
import { ballast, Ballast, MIN_BALLASTED_BYTES } from '../../src/frame/ballast.js';
import { suite } from '../runner/suite.js';

const test = suite('frame/ballast');

const MIB = 1 << 20;

/** A heap of which the test says how large it is. */
class FakeHeap {
  external = 3 * MIB;
  young = 16 * MIB;
  looks = 0;

  externalBytes(): number {
    return this.external;
  }

  youngBytes(): number {
    this.looks++;
    return this.young;
  }
}

/** Makes Buffers of so many bytes in all. @returns how many bytes of garbage came with them. */
function make(some: Ballast, byteLength: number, length = 16_384): number {
  let bytes = 0;
  for (let made = 0; made < byteLength; made += length) {
    some.garbage = [];
    some.add(length);
    bytes += some.garbage.length * 8;
  }
  return bytes;
}

/** V8 doesn't collect, until there is garbage: of each Buffer, and of what is read for it. */
function need(some: Ballast, heap: FakeHeap, rate = 1): void {
  for (let count = 0; count < 12; count++) {
    make(some, 4 * MIB);
    heap.external += rate * 4 * MIB;
  }
}

test('with 40 MiB of Buffers more than after the last collection, the space is filled for each 32 MiB', () => {
  const heap = new FakeHeap();
  const some = new Ballast(heap);
  for (let count = 0; count < 10; count++) {
    assert.is(make(some, 4 * MIB), 0, `after ${count} times 4 MiB`);
    heap.external += 4 * MIB;
  }
  make(some, 4 * MIB);
  heap.external += 4 * MIB;
  make(some, 4 * MIB);
  assert.is(make(some, 32 * MIB), 16 * MIB);
});

test('where V8 collects in time, there is no garbage', () => {
  const heap = new FakeHeap();
  const some = new Ballast(heap);
  for (let count = 0; count < 100; count++) {
    assert.is(make(some, 4 * MIB), 0);
    // As on Node.js 20: each 32 MiB.
    heap.external = count % 8 === 7 ? 3 * MIB : heap.external + 4 * MIB;
  }
});

test('it follows how large the space is, up to 32 MiB', () => {
  const heap = new FakeHeap();
  const some = new Ballast(heap);
  need(some, heap);
  for (const [young, garbage] of [[1, 1], [32, 32], [33, 0], [16, 16]] as const) {
    heap.young = young * MIB;
    make(some, 4 * MIB);
    assert.is(make(some, 32 * MIB), garbage * MIB, `a space of ${young} MiB`);
  }
});

test('where memory grows by more than these Buffers, it is filled for fewer of them', () => {
  const heap = new FakeHeap();
  const some = new Ballast(heap);
  need(some, heap, 2);
  assert.is(make(some, 16 * MIB), 16 * MIB);
});

test('for a long Buffer it is many arrays, the last of what is left', () => {
  const heap = new FakeHeap();
  const some = new Ballast(heap);
  need(some, heap);
  some.add(300_000);
  assert.is(some.garbage.length, (150_000 - 2 * 65_536) / 8);
  some.add(10);
  assert.is(some.garbage.length, (150_000 - 2 * 65_536) / 8, 'less than an element');
});

test('a runtime without such a space is asked once', () => {
  const heap = new FakeHeap();
  heap.young = 0;
  const some = new Ballast(heap);
  heap.external += 100 * MIB;
  assert.is(make(some, 100 * MIB), 0);
  assert.is(heap.looks, 1);
});

test('the one of this process asks the runtime', () => {
  assert.not.throws(() => ballast.add(MIN_BALLASTED_BYTES));
});

test.run();
