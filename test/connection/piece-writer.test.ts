// How the fragments of a message in pieces are written: how many at once, and from whose memory.
import { Readable } from 'node:stream';
import * as assert from 'uvu/assert';
import type { MessageSource } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { decodeNaive, encodeNaive } from '../support/codec/naive-codec.js';
import { FakeStream } from '../support/peers/fake-stream.js';
import { MASKING_KEY } from '../frame/events.js';
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
    assert.ok(frames.every(({ payload }, index) => payload.length === (index === 40 ? 0 : 65_536)));
    const expected = Buffer.concat(Array.from({ length: 40 }, (_, number) => Buffer.alloc(65_536, number)));
    assert.ok(Buffer.concat(frames.map(({ payload }) => payload)).equals(expected));
  });
}

const given: readonly [name: string, source: (chunks: Buffer[]) => MessageSource][] = [
  ['a stream of Node\'s', (chunks) => Readable.from(chunks, { objectMode: false })],
  ['a stream of the web\'s', (chunks) => new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  })],
];

for (const [name, source] of given) {
  test(`a server sends the chunks of ${name} from where they lie, as one write`, async () => {
    const stream = new FakeStream();
    const opened = open({ stream });
    const chunks = Array.from({ length: 10 }, (_, number) => Buffer.alloc(65_536, number));
    const all = [...chunks];
    stream.hold();
    const sent = opened.connection.send(source(chunks));
    while (stream.writableLength === 0) await nextTurn();
    for (const chunk of all) chunk[0] = 0xff;
    stream.release();
    await sent;
    assert.is(stream.writes.length, 1);
    const { frames } = decodeNaive(stream.written);
    const expected = all.map((_, number) => [65_536, 0xff, number]);
    assert.equal(frames.map(({ payload }) => [payload.length, payload[0], payload[1]]).slice(0, 10), expected);
  });
}

test('a server sends what it receives from where it lies', async () => {
  const [from, to] = [open({ limits: { maxMessageBytes: 1 << 20 } }), open()];
  const bytes = Buffer.alloc(65_536, 1);
  from.stream.receive(encodeNaive({ opcode: 2, payload: bytes, maskingKey: MASKING_KEY }));
  const message = (await from.connection.receive())!;
  const chunks: Uint8Array[] = [];
  const { next } = message.chunks;
  message.chunks.next = async () => {
    const result = await next();
    if (!result.done) chunks.push(result.value as Buffer);
    return result;
  };
  to.stream.hold();
  const sent = to.connection.send(message.chunks);
  while (to.stream.writableLength === 0) await nextTurn();
  for (const chunk of chunks) chunk.fill(2);
  to.stream.release();
  await sent;
  await nextTurn();
  const { frames } = decodeNaive(to.stream.written);
  assert.ok(Buffer.concat(frames.map(({ payload }) => payload)).equals(Buffer.alloc(65_536, 2)));
});

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
