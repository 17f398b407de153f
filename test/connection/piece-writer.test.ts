// How the fragments of a message in pieces are written: how many at once, and from whose memory.
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import { FakeStream } from '../support/peers/fake-stream.js';
import { nextTurn, open, roles, terminateAll } from './harness.js';

const test = suite('connection/piece-writer');
test.after.each(terminateAll);

for (const role of roles) {
  test(`${role}: what a source has at once is one write, up to 1 MiB; it may use its memory again`, async () => {
    const opened = open({ role, stream: new FakeStream({ writableHighWaterMark: 4 << 20 }) });
    const chunk = Buffer.alloc(65_536);
    let given = 0;
    await opened.connection.send((async function* () {
      for (; given < 40; given++) {
        chunk.fill(given);
        yield chunk;
        if (given % 16 < 15) assert.is(opened.stream.writes.length, given >> 4, `${given}`);
      }
    })());
    await nextTurn();
    assert.is(opened.stream.writes.length, 3);
    const { frames } = decodeNaive(opened.stream.written);
    // A half of a chunk and its header lie in memory that is used again.
    assert.ok(frames.every(({ payload }, index) => payload.length === (index === 80 ? 0 : 32_768)));
    const expected = Buffer.concat(Array.from({ length: 40 }, (_, number) => Buffer.alloc(65_536, number)));
    assert.ok(Buffer.concat(frames.map(({ payload }) => payload)).equals(expected));
  });
}

test('a server refers to longer chunks, which are the source\'s again once they are written', async () => {
  const stream = new FakeStream();
  const opened = open({ stream });
  const chunk = Buffer.alloc(65_537, 1);
  let isAskedAgain = false;
  stream.hold();
  const sent = opened.connection.send((async function* () {
    yield chunk;
    isAskedAgain = true;
    chunk.fill(2);
  })());
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  assert.is(isAskedAgain, false);
  stream.release();
  await sent;
  await nextTurn();
  const { frames } = decodeNaive(stream.written);
  assert.equal(frames.map(({ payload }) => payload.length), [65_537, 0]);
});

test.run();
