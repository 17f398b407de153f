// The fake socket must count and push back as a real one does, or tests of batching and backpressure prove nothing.
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { suite } from '../../runner/suite.js';
import { hex } from '../codec/cuts.js';
import { createFakePair, FakeStream } from './fake-stream.js';

function strings(chunks: readonly Buffer[]): string[] {
  return chunks.map((chunk) => chunk.toString());
}

/** Collects what a stream reads, chunk by chunk. */
function collect(stream: FakeStream): Buffer[] {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

const single = suite('fake-stream: alone');

single('each write reaches the kernel at once and by itself', () => {
  const stream = new FakeStream();
  stream.write('a');
  stream.write('b');
  assert.equal(strings(stream.writes), ['a', 'b']);
  assert.is(stream.writableLength, 0);
});

single('corked writes reach it together', () => {
  const stream = new FakeStream();
  stream.cork();
  stream.write('a');
  stream.write(hex('62'));
  assert.equal(stream.writes, []);
  assert.is(stream.writableLength, 2);
  stream.uncork();
  assert.equal(strings(stream.writes), ['ab']);
});

single('end flushes what is corked', async () => {
  const stream = new FakeStream();
  stream.cork();
  stream.write('a');
  stream.end('b');
  await once(stream, 'finish');
  assert.equal(strings(stream.writes), ['ab']);
});

single('on hold, bytes pile up and write() says so; released, all go in one call and drain is told', async () => {
  const stream = new FakeStream({ highWaterMark: 4 });
  stream.hold();
  assert.is(stream.write('abc'), true);
  assert.is(stream.write('d'), false);
  assert.is(stream.write('e'), false);
  await nextTurn();
  assert.equal(stream.writes, []);
  assert.is(stream.writableLength, 5);
  const drained = once(stream, 'drain');
  stream.release();
  await drained;
  assert.equal(strings(stream.writes), ['abc', 'de']);
  assert.is(stream.written.toString(), 'abcde');
  assert.is(stream.writableLength, 0);
});

single('memory that changes before the kernel takes it shows', () => {
  const stream = new FakeStream();
  const bytes = hex('01');
  stream.hold();
  stream.write(bytes);
  bytes.fill(2);
  stream.release();
  bytes.fill(3);
  assert.equal(stream.writes, [hex('02')]);
});

single('received bytes come as data, unless paused, and the end as end', async () => {
  const stream = new FakeStream();
  const chunks = collect(stream);
  await nextTurn();
  stream.receive(hex('61'));
  assert.equal(strings(chunks), ['a']);
  stream.pause();
  stream.receive(hex('62'));
  await nextTurn();
  assert.equal(strings(chunks), ['a']);
  const ended = once(stream, 'end');
  stream.receiveEnd();
  stream.resume();
  await ended;
  assert.equal(strings(chunks), ['a', 'b']);
});

single('a reset is an error and closes', async () => {
  const stream = new FakeStream();
  const closed = new Promise((resolve) => stream.on('close', resolve));
  const failed = once(stream, 'error');
  stream.reset();
  const [error] = (await failed) as [NodeJS.ErrnoException];
  assert.is(error.code, 'ECONNRESET');
  await closed;
});

single.run();

const pair = suite('fake-stream: in a pair');

pair('bytes arrive in a later turn, one chunk per write, in order', async () => {
  const [left, right] = createFakePair();
  const chunks = collect(right);
  await nextTurn();
  left.write('a');
  left.write('b');
  left.cork();
  left.write('c');
  left.write('d');
  left.uncork();
  assert.equal(chunks, []);
  await nextTurn();
  assert.equal(strings(chunks), ['a', 'b', 'cd']);
});

pair('both directions are apart', async () => {
  const [left, right] = createFakePair();
  const atLeft = collect(left);
  const atRight = collect(right);
  left.write('to the right');
  right.write('to the left');
  await nextTurn();
  await nextTurn();
  assert.equal([strings(atLeft), strings(atRight)], [['to the left'], ['to the right']]);
});

pair('a reader that pauses stops the writer; nothing is lost when it resumes', async () => {
  const [left, right] = createFakePair({ highWaterMark: 10 });
  const chunks = collect(right);
  right.pause();
  let isFlowing = true;
  let sent = 0;
  for (let turn = 0; turn < 20; turn++) {
    if (isFlowing) isFlowing = left.write(`<${String(sent++).padStart(2, '0')}>`);
    await nextTurn();
  }
  assert.is(isFlowing, false);
  // Ten bytes or more at the reader, ten or more at the writer.
  assert.is(sent, 6);
  assert.equal(chunks, []);
  const drained = once(left, 'drain');
  right.resume();
  await drained;
  left.end('.');
  await once(right, 'end');
  assert.is(Buffer.concat(chunks).toString(), '<00><01><02><03><04><05>.');
});

pair('what one turn may send is bounded, too', async () => {
  const [left, right] = createFakePair({ highWaterMark: 4 });
  const chunks = collect(right);
  assert.is(left.write('abcd'), true);
  assert.is(left.write('efgh'), false);
  assert.equal([strings(left.writes), left.writableLength], [['abcd'], 4]);
  await once(left, 'drain');
  left.end();
  await once(right, 'end');
  assert.equal(strings(chunks), ['abcd', 'efgh']);
});

pair('end() ends the other side, which may still write', async () => {
  const [left, right] = createFakePair();
  const atLeft = collect(left);
  right.resume();
  left.end('bye');
  await once(right, 'end');
  right.end('good bye');
  await once(left, 'end');
  assert.equal(strings(atLeft), ['good bye']);
});

pair('destroy() ends the other side', async () => {
  const [left, right] = createFakePair();
  right.resume();
  left.destroy();
  await once(right, 'end');
  right.destroy();
  await once(right, 'close');
});

pair.run();
