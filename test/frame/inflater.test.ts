// Inflating messages: the examples of RFC 7692 §7.2.3, what is no DEFLATE, and messages that grow over every limit.
import { constants, createDeflateRaw, deflateRawSync, inflateRawSync, type DeflateRaw } from 'node:zlib';
import * as assert from 'uvu/assert';
import { ProtocolError } from '../../src/errors.js';
import {
  canTakeOver, heedsDictionary, Inflater, maxCompressedBytes, minInflatedBytes, TAIL,
} from '../../src/frame/inflater.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { countAllocatedBytes } from './memory.js';
import { withRandom } from './random.js';

const test = suite('frame/inflater');

const MIB = 1 << 20;
const TAKEOVER = { windowBits: 15, contextTakeover: true };
const NO_TAKEOVER = { windowBits: 15, contextTakeover: false };

function inflate(inflater: Inflater, payload: Uint8Array, maxMessageBytes = MIB): Buffer {
  const bytes = inflater.inflate(Buffer.concat([payload, TAIL]), maxMessageBytes);
  assert.ok(bytes !== null, 'it is too long');
  return bytes;
}

function isTooLong(inflater: Inflater, payload: Uint8Array, maxMessageBytes: number): boolean {
  return inflater.inflate(Buffer.concat([payload, TAIL]), maxMessageBytes) === null;
}

function failureOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, ProtocolError);
    const { code, closeCode } = error as ProtocolError;
    return `${code} ${closeCode}`;
  }
  throw new Error('it was inflated');
}

test('what follows the payload: the four bytes of §7.2.2, and a final block that is empty', () => {
  assert.equal(TAIL, hex('00 00 ff ff 03 00'));
});

const EXAMPLES: [name: string, payload: string, text: string][] = [
  ['§7.2.3.1 a fixed block', 'f2 48 cd c9 c9 07 00', 'Hello'],
  ['§7.2.3.3 a block without compression', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello'],
  ['§7.2.3.4 a block with BFINAL', 'f3 48 cd c9 c9 07 00 00', 'Hello'],
  ['§7.2.3.5 two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello'],
  ['§7.2.3.6 an empty message', '00', ''],
  ['§7.2.3.6 an empty message of a fixed block', '02 00', ''],
  ['final blocks between others', 'f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00 f2 48 cd c9 c9 07 00', 'HelloHelloHello'],
  ['nothing but an empty final block', '03 00 00', ''],
  ['a reference behind a final block to what is before it', 'f3 48 cd c9 c9 07 00 f2 00 11 00 00', 'HelloHello'],
];

for (const [name, payload, text] of EXAMPLES) {
  for (const context of [TAKEOVER, NO_TAKEOVER]) {
    test(`${name}${context.contextTakeover ? '' : ', without context takeover'}`, () => {
      assert.is(inflate(new Inflater(context), hex(payload)).toString(), text);
    });
  }
}

test('§7.2.3.2 with context takeover, a message refers to the one before', () => {
  const inflater = new Inflater(TAKEOVER);
  assert.is(inflate(inflater, hex('f2 48 cd c9 c9 07 00')).toString(), 'Hello');
  assert.is(inflate(inflater, hex('f2 00 11 00 00')).toString(), 'Hello');
});

test('§7.2.2 without context takeover, none does', () => {
  const inflater = new Inflater(NO_TAKEOVER);
  assert.is(inflate(inflater, hex('f2 48 cd c9 c9 07 00')).toString(), 'Hello');
  assert.is(failureOf(() => inflate(inflater, hex('f2 00 11 00 00'))), 'INVALID_DEFLATE 1007');
});

const INVALID: [name: string, payload: string][] = [
  ['nothing: not even the block that an empty message has', ''],
  ['a block of the type that is reserved', '06'],
  ['a stored block with two lengths', '00 05 00 fb ff 48 65 6c 6c 6f 00'],
  ['a reference before the beginning', 'f2 00 11 00 00'],
  ['a stored block that is cut', '00 ff 00 00 ff 48 65'],
  ['a fixed block that is cut behind a byte', 'f2 48 cd'],
  ['the four bytes that are to be removed, at the end', 'f2 48 cd c9 c9 07 00 00 00 ff'],
  ['bytes behind a final block', 'f3 48 cd c9 c9 07 00 ff'],
];

for (const [name, payload] of INVALID) {
  test(`no DEFLATE: ${name}`, () => {
    assert.is(failureOf(() => inflate(new Inflater(TAKEOVER), hex(payload))), 'INVALID_DEFLATE 1007');
  });
}

test('a message cut anywhere is never taken for a whole one', () => {
  const text = Array.from({ length: 300 }, (_, number) => `${number * 7919} `).join('');
  const whole = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  assert.is(inflate(new Inflater(NO_TAKEOVER), whole).toString(), text);
  // Without its last byte, which is a part of the empty block, it may be whole: that byte then is the tail's.
  for (let end = 0; end < whole.length - 1; end++) {
    const failure = failureOf(() => inflate(new Inflater(NO_TAKEOVER), whole.subarray(0, end)));
    assert.is(failure, 'INVALID_DEFLATE 1007', `${end} of ${whole.length} bytes`);
  }
});

test('the limit is that of the inflated message', () => {
  const payload = deflateRawSync(Buffer.alloc(1000), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  assert.is(inflate(new Inflater(TAKEOVER), payload, 1000).length, 1000);
  assert.ok(isTooLong(new Inflater(TAKEOVER), payload, 999));
  assert.ok(isTooLong(new Inflater(TAKEOVER), payload, 0));
  assert.is(inflate(new Inflater(TAKEOVER), hex('00'), 0).length, 0);
});

test('the limit holds over final blocks', () => {
  const payload = hex(`${'f3 48 cd c9 c9 07 00'.repeat(4)}00`);
  assert.is(inflate(new Inflater(TAKEOVER), payload, 20).length, 20);
  assert.ok(isTooLong(new Inflater(TAKEOVER), payload, 19));
});

test('a message that is too long has not been there: those after it refer to those before it', () => {
  const inflater = new Inflater(TAKEOVER);
  assert.is(inflate(inflater, hex('f2 48 cd c9 c9 07 00')).toString(), 'Hello');
  // Final blocks: the first of them is within the limit.
  assert.ok(isTooLong(inflater, hex('4b 04 00 4b 04 00 4b 04 00 00'), 2));
  assert.is(inflate(inflater, hex('f2 00 11 00 00')).toString(), 'Hello');
});

test('8 final blocks are inflated, more are refused before they cost', () => {
  const ending = (blocks: number): Buffer => hex(`${'03 00'.repeat(blocks)}00`);
  assert.is(inflate(new Inflater(TAKEOVER), ending(8)).length, 0);
  assert.is(failureOf(() => inflate(new Inflater(TAKEOVER), ending(9))), 'INVALID_DEFLATE 1007');
  assert.is(failureOf(() => inflate(new Inflater(TAKEOVER), ending(500_000))), 'INVALID_DEFLATE 1007');
});

test('a gibibyte of zeros in a mebibyte stops at the limit', () => {
  const zeros = Buffer.alloc(64 * MIB);
  const block = deflateRawSync(zeros, { finishFlush: constants.Z_SYNC_FLUSH });
  const bomb = Buffer.concat(new Array<Buffer>(16).fill(block)).subarray(0, -4);
  assert.ok(bomb.length < 1.1 * MIB);
  const payload = Buffer.concat([bomb, TAIL]);
  for (const context of [TAKEOVER, NO_TAKEOVER]) {
    const allocated = countAllocatedBytes(() => {
      assert.is(new Inflater(context).inflate(payload, MIB), null);
    });
    assert.ok(allocated < 2 * MIB, `${allocated} bytes`);
  }
});

test('how long a message is at least is told from its compressed bytes', () => {
  for (let bytes = 0; bytes < 3000; bytes++) {
    const least = minInflatedBytes(bytes);
    assert.ok(maxCompressedBytes(least) >= bytes, `${bytes}`);
    assert.ok(least === 0 || maxCompressedBytes(least - 1) < bytes, `${bytes}`);
  }
});

test('it is seen whether a zlib heeds a dictionary, without which messages can not refer to earlier ones', () => {
  assert.is(heedsDictionary(() => Buffer.from('abc')), true);
  assert.is(heedsDictionary(() => Buffer.from('xyz')), false);
  // What Deno's does.
  assert.is(heedsDictionary((bytes) => inflateRawSync(bytes)), false);
  assert.is(canTakeOver(), heedsDictionary(inflateRawSync));
});

test('a message does not hold a much larger piece', () => withRandom((random) => {
  const bytes = random.bytes(20_000);
  const payload = deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  const message = inflate(new Inflater(NO_TAKEOVER), payload);
  assert.ok(message.equals(bytes));
  assert.ok(message.buffer.byteLength <= 40_000, `${message.buffer.byteLength} bytes`);
}));

test('the longest compressed message that is read: what zlib makes of random bytes fits', () => withRandom((random) => {
  for (const size of [0, 1, 100, 16_384, 200_000]) {
    for (const memLevel of [1, 8]) {
      const bytes = random.bytes(size);
      const deflated = deflateRawSync(bytes, { memLevel, level: 1, finishFlush: constants.Z_SYNC_FLUSH });
      assert.ok(deflated.length - 4 <= maxCompressedBytes(size), `${size} bytes, memLevel ${memLevel}`);
    }
  }
}));

/** The next message of a stream of zlib's, as other libraries make it. */
function next(stream: DeflateRaw, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const listener = (chunk: Buffer): void => void chunks.push(chunk);
    stream.on('data', listener);
    stream.write(bytes);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off('data', listener);
      resolve(Buffer.concat(chunks).subarray(0, -4));
    });
  });
}

for (const windowBits of [8, 9, 12, 15]) {
  test(`a stream of zlib's with ${windowBits} bits of window is understood message by message`, async () => {
    const stream = createDeflateRaw({ windowBits });
    const inflater = new Inflater({ windowBits, contextTakeover: true });
    for (let count = 0; count < 60; count++) {
      const text = `{"number":${count * count},"text":"${'the quick brown fox '.repeat(count)}"}`;
      const message = Buffer.from(count % 20 === 19 ? text.repeat(40) : text);
      assert.ok(inflate(inflater, await next(stream, message)).equals(message), `message ${count}`);
    }
    stream.close();
  });
}

test.run();
