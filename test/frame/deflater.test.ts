// Compressing messages: what a reader of DEFLATE makes of them, how far they refer back, and what is done off the loop.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createInflateRaw, type InflateRaw } from 'node:zlib';
import * as assert from 'uvu/assert';
import { Deflater, OFF_LOOP_FROM_BYTES } from '../../src/frame/deflater.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';
import { withRandom } from './random.js';

const test = suite('frame/deflater');

const CONTEXT = { windowBits: 15, contextTakeover: true };
const TAIL = hex('00 00 ff ff');

/** What a reader makes of a compressed message. */
function read(deflated: Buffer | null, history?: Uint8Array): { text: string; maxDistance: number } {
  assert.ok(deflated !== null, 'it is not shorter');
  // §7.2.2: a reader puts the four bytes back.
  const { bytes, maxDistance, isFinal } = inflateNaive(Buffer.concat([deflated!, TAIL]), history);
  assert.is(isFinal, false);
  return { text: bytes.toString(), maxDistance };
}

/** A text of words, different for each number. */
function words(number: number, length: number): string {
  let text = '';
  for (let index = number * 31; text.length < length; index++) text += `${(index * 7919) % 1000} sold, `;
  return text.slice(0, length);
}

test('§7.2.1 the four bytes at the end are removed', () => {
  const deflated = new Deflater(CONTEXT, 6).deflate(Buffer.from('a'.repeat(100)))!;
  assert.is(read(deflated).text, 'a'.repeat(100));
  assert.not(deflated.subarray(-4).equals(TAIL));
});

test('§7.2.3.2 with context takeover a message refers to those before it', () => {
  const deflater = new Deflater(CONTEXT, 6);
  const message = words(0, 200);
  const first = deflater.deflate(Buffer.from(message))!;
  const second = deflater.deflate(Buffer.from(message))!;
  assert.ok(second.length <= 8 && second.length < first.length / 10, `${first.length}, then ${second.length} bytes`);
  assert.equal(read(second, Buffer.from(message)), { text: message, maxDistance: 200 });
});

test('§7.1.1.1 without context takeover each message stands alone', () => {
  const deflater = new Deflater({ ...CONTEXT, contextTakeover: false }, 6);
  const message = words(0, 200);
  const first = deflater.deflate(Buffer.from(message))!;
  const second = deflater.deflate(Buffer.from(message))!;
  assert.equal(second, first);
  assert.is(read(second).text, message);
});

for (const windowBits of [8, 9, 10, 15]) {
  for (const contextTakeover of [true, false]) {
    test(`§7.1.2.1 no reference leaves a window of ${windowBits} bits${contextTakeover ? '' : ', alone'}`, () => {
      const deflater = new Deflater({ ...CONTEXT, windowBits, contextTakeover }, 6);
      const size = 2 ** windowBits;
      // Repeats at distances below, at and above the window's size.
      const period = words(1, size - 5);
      let all = '';
      let maxDistance = 0;
      for (const message of [period, period, words(2, 100), period + period, words(3, size), words(3, size)]) {
        const deflated = deflater.deflate(Buffer.from(message))!;
        const history = contextTakeover ? Buffer.from(all).subarray(-size) : undefined;
        const reading = read(deflated, history);
        assert.is(reading.text, message);
        maxDistance = Math.max(maxDistance, reading.maxDistance);
        all += message;
      }
      assert.ok(maxDistance > size / 4 && maxDistance <= size, `back ${maxDistance} bytes`);
    });
  }
}

test('a message refers to one of its own size before it and 16,000 bytes more, whatever that is', () => {
  const deflater = new Deflater(CONTEXT, 9);
  const marker = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  for (const [distance, isNear] of [[15_800, true], [16_200, false]] as const) {
    deflater.deflate(Buffer.from(marker + words(distance, distance)));
    const deflated = deflater.deflate(Buffer.from(marker));
    assert.is(deflated !== null && deflated.length < 10, isNear, `at a distance of ${distance}`);
  }
});

test('what would not become shorter is not compressed, and is no part of the context', () => withRandom((random) => {
  const deflater = new Deflater(CONTEXT, 6);
  const noise = random.bytes(500);
  for (const message of [Buffer.alloc(0), Buffer.from('a'), Buffer.from('Hello'), noise]) {
    assert.is(deflater.deflate(message), null);
  }
  // Would the noise be a part of the context, it would be a few bytes now.
  assert.is(deflater.deflate(noise), null);
}));

test('the level is zlib\'s', () => {
  const message = Buffer.from(words(0, 60_000));
  const [fast, small] = [1, 9].map((level) => new Deflater(CONTEXT, level).deflate(message)!.length);
  assert.ok(small! < fast!, `${small} and ${fast} bytes`);
});

test('the message is left as it was', () => {
  const message = Buffer.from(words(0, 1000));
  new Deflater(CONTEXT, 6).deflate(message);
  assert.is(message.toString(), words(0, 1000));
});

/** A stream of zlib's, as other libraries inflate with it. */
function next(stream: InflateRaw, deflated: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const listener = (chunk: Buffer): void => void chunks.push(chunk);
    stream.on('data', listener).once('error', reject);
    stream.write(Buffer.concat([deflated, TAIL]));
    stream.flush(() => {
      stream.off('data', listener).off('error', reject);
      resolve(Buffer.concat(chunks).toString());
    });
  });
}

for (const windowBits of [9, 12, 15]) {
  test(`a stream of zlib's with ${windowBits} bits of window understands message by message`, async () => {
    const stream = createInflateRaw({ windowBits });
    const deflater = new Deflater({ ...CONTEXT, windowBits }, 6);
    for (let count = 0; count < 60; count++) {
      const message = words(count % 7, count % 20 === 19 ? 40_000 : 30 + count * 10);
      assert.is(await next(stream, deflater.deflate(Buffer.from(message))!), message, `message ${count}`);
    }
    stream.close();
  });
}

// ── Off the event loop ──

/** Compresses later; what came of it. */
function later(deflater: Deflater, message: Uint8Array): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    deflater.deflateLater(message, (error, deflated) => (error === null ? resolve(deflated) : reject(error)));
  });
}

test('messages of 64 KiB are large', () => {
  assert.is(OFF_LOOP_FROM_BYTES, 65_536);
});

test('off the loop: it comes later, and is what it would be at once', async () => {
  for (const contextTakeover of [true, false]) {
    const deflater = new Deflater({ ...CONTEXT, contextTakeover }, 6);
    const twin = new Deflater({ ...CONTEXT, contextTakeover }, 6);
    for (const number of [1, 1, 2]) {
      const message = Buffer.from(words(number, 70_000));
      let isDone = false;
      const result = later(deflater, message).finally(() => (isDone = true));
      await Promise.resolve();
      assert.is(isDone, false);
      assert.equal(await result, twin.deflate(message));
    }
  }
});

test('off the loop: the next message refers to it before it is there', async () => {
  const deflater = new Deflater(CONTEXT, 6);
  const message = words(1, 20_000);
  const first = later(deflater, Buffer.from(message));
  const second = deflater.deflate(Buffer.from(message))!;
  assert.is(read(second, Buffer.from(message)).text, message);
  assert.is(read(await first).text, message);
  assert.ok(second.length < (await first)!.length / 4);
});

test('off the loop: the context is that of the call, though others follow', async () => {
  const deflater = new Deflater(CONTEXT, 6);
  const messages = Array.from({ length: 12 }, (_, number) => words(number, 40_000));
  const results = messages.map((message) => later(deflater, Buffer.from(message)));
  let history = '';
  for (const [number, message] of messages.entries()) {
    const { text, maxDistance } = read(await results[number]!, Buffer.from(history).subarray(-32_768));
    assert.is(text, message);
    assert.ok(maxDistance <= 32_768);
    history += message;
  }
});

test('off the loop: what is not shorter is sent as it is, but compressed where others may refer to it', async () => {
  const noise = Buffer.alloc(1000);
  withRandom((random) => noise.set(random.bytes(1000)));
  assert.is(await later(new Deflater({ ...CONTEXT, contextTakeover: false }, 6), noise), null);
  const deflated = await later(new Deflater(CONTEXT, 6), noise);
  assert.ok(deflated!.length >= noise.length);
  assert.ok(inflateNaive(Buffer.concat([deflated!, TAIL])).bytes.equals(noise));
});

test('off the loop: nothing is told of an abandoned message, running or waiting, and others go on', async () => {
  const abandoned = new Deflater({ ...CONTEXT, contextTakeover: false }, 6);
  const other = new Deflater({ ...CONTEXT, contextTakeover: false }, 6);
  let told = 0;
  for (let count = 0; count < 50; count++) abandoned.deflateLater(Buffer.alloc(70_000), () => told++);
  const result = later(other, Buffer.alloc(70_000));
  abandoned.abandon();
  assert.ok((await result)!.length < 200);
  await nextTurn();
  assert.is(told, 0);
  assert.is(process.getActiveResourcesInfo().filter((name) => /zlib/i.test(name)).length, 0);
});

test.run();
