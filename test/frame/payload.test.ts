// The payload of a frame as bytes and as text: what is copied, what is no UTF-8, and that nothing else is touched.
import * as assert from 'uvu/assert';
import type { ProtocolError } from '../../src/errors.js';
import { copyPayload, decodeText, messageTooLarge, toText } from '../../src/frame/payload.js';
import { allotMaskable } from '../../src/frame/mask-memory.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { mask } from '../support/codec/naive-codec.js';
import { MASKING_KEY } from './events.js';

const test = suite('frame/payload');

/** That of RFC 6455 §5.7, 37 fa 21 3d, as one number. */
const KEY = 0x3d21fa37;

test('§5.3 bytes are unmasked into memory of their own; the chunk is left as it was', () => {
  const chunk = hex('ee 7f 9f 4d 51 58 ee');
  const payload = copyPayload(chunk, 1, 6, KEY);
  assert.equal(payload, Buffer.from('Hello'));
  assert.is(payload.buffer.byteLength, 5);
  assert.equal(chunk, hex('ee 7f 9f 4d 51 58 ee'));
});

test('§5.6 text that lies in memory that can be masked in is decoded there, and nothing around it touched', () => {
  const memory = allotMaskable(2000);
  const text = 'é'.repeat(500);
  memory.fill(0xee);
  memory.set(mask(Buffer.from(text), MASKING_KEY), 100);
  assert.is(decodeText(memory, 100, 1100, KEY), text);
  assert.ok(memory.subarray(0, 100).every((byte) => byte === 0xee));
  assert.ok(memory.subarray(1100).every((byte) => byte === 0xee));
});

test('§5.3 a key of 0 leaves the bytes as they are', () => {
  assert.equal(copyPayload(hex('00 ff 01'), 0, 3, 0), hex('00 ff 01'));
  assert.is(decodeText(Buffer.from('Hello'), 1, 3, 0), 'el');
});

// Around the lengths at which another way is taken: 64 bytes, 1 KiB, 64 KiB.
for (const length of [0, 1, 63, 64, 65, 1023, 1024, 1025, 65_535, 65_536, 65_537]) {
  test(`§5.6 text of ${length} bytes, of ASCII and of others`, () => {
    for (const text of ['a'.repeat(length), 'ä'.repeat(length >> 1) + 'a'.repeat(length & 1)]) {
      const chunk = mask(Buffer.from(text), MASKING_KEY);
      assert.is(chunk.length, length);
      assert.ok(decodeText(chunk, 0, length, KEY) === text);
      assert.ok(toText(Buffer.from(text)) === text);
    }
  });

  test(`§8.1 ${length} bytes of text and one that is no UTF-8`, () => {
    const bytes = Buffer.concat([Buffer.alloc(length, 0x61), hex('ff')]);
    for (const decode of [() => decodeText(mask(bytes, MASKING_KEY), 0, length + 1, KEY), () => toText(bytes)]) {
      assert.throws(decode, (error: ProtocolError) => error.code === 'INVALID_UTF8' && error.closeCode === 1007);
    }
  });
}

test('a text does not change with the memory that it was decoded in', () => {
  const first = decodeText(Buffer.from('first '.repeat(100)), 0, 600, 0);
  decodeText(Buffer.alloc(600, 0x62), 0, 600, 0);
  assert.is(first, 'first '.repeat(100));
});

test('too large a message is told with the option', () => {
  const { code, closeCode, message } = messageTooLarge(1000);
  assert.equal([code, closeCode, message], ['MESSAGE_TOO_LARGE', 1009, 'message over maxMessageBytes (1000)']);
});

test.run();
