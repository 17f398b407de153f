// A message that is compressed while it is made: what a reader has after each chunk, and what zlib leaves behind.
import { constants, DeflateRaw, inflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { Deflation } from '../../src/frame/deflation.js';
import { Window } from '../../src/frame/window.js';
import { suite } from '../runner/suite.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';
import { findFreed } from './memory.js';
import { Random } from './random.js';

const test = suite('frame/deflation');

function create(windowBits = 15, before: Buffer = Buffer.alloc(0)): Deflation {
  const window = new Window(windowBits);
  window.append(before);
  return new Deflation({ windowBits, level: 6 }, window);
}

/** Compresses them one after the other; each result is copied, as it is there until the next. */
async function deflateAll(deflation: Deflation, chunks: readonly Buffer[]): Promise<Buffer[]> {
  const results: Buffer[] = [];
  for (const chunk of chunks) results.push(Buffer.from(await deflation.push(chunk)));
  deflation.close();
  return results;
}

function inflate(deflated: Buffer): Buffer {
  return inflateRawSync(deflated, { finishFlush: constants.Z_SYNC_FLUSH });
}

test('RFC 7692 §7.2.1 all of a chunk can be read from what it and those before it have become', async () => {
  const random = new Random(1);
  // What is shorter, longer than a piece of zlib's memory, and hardly shorter than before.
  const chunks: Buffer[] = ['Hello', 'Hello'.repeat(50_000), 'x', 'Hello'].map((text) => Buffer.from(text));
  chunks.splice(1, 0, random.bytes(200_000), random.bytes(70_000));
  const deflation = create();
  const before: Buffer[] = [];
  for (const [index, chunk] of chunks.entries()) {
    before.push(Buffer.from(await deflation.push(chunk)));
    assert.is(before.at(-1)!.subarray(-4).toString('hex'), '0000ffff');
    const whole = Buffer.concat(chunks.slice(0, index + 1));
    assert.ok(inflate(Buffer.concat(before)).equals(whole), `after chunk ${index}`);
  }
  deflation.close();
});

test('§7.2.3.2 a chunk refers to what was before the message', async () => {
  const before = new Random(2).bytes(20_000);
  const [deflated] = await deflateAll(create(15, before), [before]);
  assert.ok(deflated!.length < 1000, `${deflated!.length} bytes`);
});

test('a chunk refers to all of a window within the message', async () => {
  const chunk = new Random(2).bytes(31_000);
  const [first, again] = await deflateAll(create(), [chunk, chunk]);
  assert.ok(first!.length > 30_000);
  assert.ok(again!.length < 1000, `${again!.length} bytes`);
});

for (const windowBits of [8, 9, 12]) {
  test(`§7.1.2.1 no reference leaves a window of ${windowBits} bits`, async () => {
    const size = 2 ** windowBits;
    const random = new Random(3);
    const near = random.bytes((size * 3) >> 3);
    // Repeats below, at and above the window's size.
    const chunks = [near, near, random.bytes(size), near, random.bytes(size - near.length), near];
    const before = random.bytes(size);
    const results = await deflateAll(create(windowBits, before), [before, ...chunks]);
    const { bytes, maxDistance } = inflateNaive(Buffer.concat(results), before);
    assert.ok(Buffer.from(bytes).equals(Buffer.concat([before, ...chunks])));
    assert.ok(maxDistance >= near.length && maxDistance <= size, `back ${maxDistance} bytes`);
  });
}

test('the caller may write to the window while a chunk is compressed', async () => {
  const before = new Random(4).bytes(1000);
  const window = new Window(15);
  window.append(before);
  const deflation = new Deflation({ windowBits: 15, level: 6 }, window);
  const result = deflation.push(before);
  window.last(1000).fill(0);
  const { bytes } = inflateNaive(await result, before);
  assert.ok(Buffer.from(bytes).equals(before));
  deflation.close();
});

test('memory that zlib has filled is freed once what it held was sent; the last piece is left', async () => {
  const chunk = new Random(5).bytes(40_000);
  const freed = await findFreed(async () => void (await deflateAll(create(), new Array(8).fill(chunk))));
  // Each is new to zlib, as the last one is out of the window: 320,000 bytes fill four pieces of 65,536.
  assert.equal(freed, [65_536, 65_536, 65_536, 65_536]);
});

test('after close, what comes fails', async () => {
  const deflation = create();
  deflation.push(Buffer.alloc(1 << 20)).catch(() => {});
  deflation.close();
  const failure = await deflation.push(Buffer.alloc(1)).then(() => null, (error: unknown) => error);
  assert.instance(failure, Error);
});

test('what zlib cannot do is thrown, or is why a chunk fails', async () => {
  assert.throws(() => create(99), (error: unknown) => error instanceof RangeError);
  const { prototype } = DeflateRaw as unknown as { prototype: Record<string, unknown> };
  const noMemory = new Error('Cannot allocate memory');
  prototype['_write'] = function (this: { destroy(error: Error): void }) {
    this.destroy(noMemory);
  };
  try {
    const deflation = create();
    const failure = await deflation.push(Buffer.alloc(1)).then(() => null, (error: unknown) => error);
    assert.is(failure, noMemory);
    deflation.close();
  } finally {
    delete prototype['_write'];
  }
});

test.run();
