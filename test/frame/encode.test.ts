// One frame to the byte: alone and shared, masked and not; connection/output has the tables of all lengths.
import * as assert from 'uvu/assert';
import { encodeAlone, encodeShared, firstByte, lengthOf, writeFrame } from '../../src/frame/encode.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';

const test = suite('frame/encode');

const TEXT = 0x1;
const BINARY = 0x2;
/** The masking key of RFC 6455 §5.7, 37 fa 21 3d, as one number with the lowest byte first. */
const KEY = 0x3d21fa37;

test('§5.2, RFC 7692 §6: FIN, RSV1 for a compressed message, and the opcode', () => {
  const bytes = [firstByte(TEXT, false), firstByte(BINARY, false), firstByte(TEXT, true), firstByte(0x9, false)];
  assert.equal(bytes, [0x81, 0x82, 0xc1, 0x89]);
});

const frames: [name: string, payload: string | Uint8Array, unmasked: string, masked: string][] = [
  ['§5.7 text', 'Hello', '81 05 48656c6c6f', '81 85 37fa213d 7f9f4d5158'],
  ['§5.7 bytes', Buffer.from('Hello'), '81 05 48656c6c6f', '81 85 37fa213d 7f9f4d5158'],
  ['§5.6 text that is no ASCII', '你', '81 03 e4bda0', '81 83 37fa213d d34781'],
  ['§5.6 nothing', '', '81 00', '81 80 37fa213d'],
];
for (const [name, payload, unmasked, masked] of frames) {
  test(`${name}, where there is room for it`, () => {
    for (const [key, expected] of [[null, hex(unmasked)], [KEY, hex(masked)]] as const) {
      const target = Buffer.alloc(expected.length + 7, 0xee);
      writeFrame(target, 3, 0x81, payload, lengthOf(payload), key);
      assert.equal(target, Buffer.concat([hex('eeeeee'), expected, hex('eeeeeeee')]));
    }
  });
}

test('the length is of bytes in UTF-8', () => {
  assert.equal(['', 'abc', 'é', '你好', '👋', 'x'.repeat(100), 'é'.repeat(100)].map(lengthOf), [0, 3, 2, 6, 4, 100, 200]);
  assert.is(lengthOf(new Uint8Array(5)), 5);
});

for (const length of [5, 5000, 70_000]) {
  test(`shared: ${length} bytes, which nobody writes again`, () => {
    const payload = Buffer.alloc(length, 'abc');
    const { bytes, start, payloadStart, end } = encodeShared(BINARY, payload, false);
    const kept = Buffer.from(bytes.subarray(start, end));
    payload.fill(0);
    for (let count = 0; count < 5; count++) encodeShared(TEXT, Buffer.alloc(3000), false);
    assert.equal(bytes.subarray(start, end), kept);
    assert.equal(bytes.subarray(payloadStart, end), Buffer.alloc(length, 'abc'));
    assert.is(bytes[start], 0x82);
  });
}

test('alone: in memory of its own, which a client masks', () => {
  const plain = encodeAlone(0xc2, hex('0102'), false);
  assert.equal(plain, hex('c2 02 0102'));
  assert.is(plain.buffer.byteLength, 4);
  const masked = encodeAlone(0x82, hex('0102'), true);
  assert.is(masked[1], 0x82);
  const key = masked.subarray(2, 6);
  assert.equal([masked[6]! ^ key[0]!, masked[7]! ^ key[1]!], [1, 2]);
});

test.run();
