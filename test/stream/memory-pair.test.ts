// Streams in memory must behave as sockets do, or what is tested over them would break on a network.
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { memoryPair } from '../../src/stream/memory-pair.js';
import { suite } from '../runner/suite.js';

const test = suite('stream/memory-pair');

/** Collects what a stream reads, chunk by chunk. */
function collect(stream: Duplex): string[] {
  const chunks: string[] = [];
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk.toString()));
  return chunks;
}

test('bytes go both ways, in order and in a later turn; corked writes go together', async () => {
  const [near, far] = memoryPair();
  const [atNear, atFar] = [collect(near), collect(far)];
  near.write('a');
  near.cork();
  near.write('b');
  near.write('c');
  near.uncork();
  far.write('d');
  assert.equal([atNear, atFar], [[], []]);
  while (atFar.length < 2) await nextTurn();
  assert.equal([atNear, atFar], [['d'], ['a', 'bc']]);
  const counts = [near, far].map((stream) => {
    const { bytesRead, bytesWritten } = stream as Duplex & Record<'bytesRead' | 'bytesWritten', number>;
    return [bytesRead, bytesWritten];
  });
  assert.equal(counts, [[1, 3], [3, 1]]);
});

test('a reader that pauses stops the writer, and loses nothing', async () => {
  const [near, far] = memoryPair();
  const chunk = Buffer.alloc(near.writableHighWaterMark, 'x');
  let writes = 0;
  let isFlowing = true;
  while (isFlowing && writes < 100) {
    isFlowing = near.write(chunk);
    writes++;
    for (let turn = 0; turn < 3; turn++) await nextTurn();
  }
  assert.is(isFlowing, false);
  let length = 0;
  far.on('data', ({ length: more }: Buffer) => void (length += more));
  await once(near, 'drain');
  near.end();
  await once(far, 'end');
  assert.is(length, writes * chunk.length);
});

test('an end ends one direction, and both ends close', async () => {
  const [near, far] = memoryPair();
  const closed = Promise.all([once(near, 'close'), once(far, 'close')]);
  const [atNear, atFar] = [collect(near), collect(far)];
  near.end('bye');
  await once(far, 'end');
  assert.equal(atFar, ['bye']);
  far.end('good bye');
  await closed;
  assert.equal(atNear, ['good bye']);
});

test('of a stream that was destroyed the other reads the rest and the end, and what it writes vanishes', async () => {
  const [near, far] = memoryPair();
  near.write('last');
  await nextTurn();
  near.destroy();
  await nextTurn();
  const atFar = collect(far);
  await once(far, 'end');
  assert.equal(atFar, ['last']);
  const chunk = Buffer.alloc(100_000);
  far.write(chunk);
  far.end(chunk);
  await once(far, 'close');
  assert.is(far.errored, null);
});

test('a write that waits for a reader ends when that is destroyed', async () => {
  const [near, far] = memoryPair();
  near.write(Buffer.alloc(100_000));
  await nextTurn();
  assert.is(near.writableLength, 100_000);
  far.destroy();
  near.end();
  await once(near, 'finish');
  assert.is(near.writableLength, 0);
});

test.run();
