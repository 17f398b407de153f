// Prepared messages: their frames, made once, and what of them depends on the agreement of a connection.
import * as assert from 'uvu/assert';
import type { Frame } from '../../src/frame/encode.js';
import { PreparedMessage } from '../../src/connection/prepared.js';
import { hex } from '../support/codec/cuts.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';
import { suite } from '../runner/suite.js';

const test = suite('connection/prepared');

function bytesOf({ bytes, start, end }: Frame): Buffer {
  return bytes.subarray(start, end);
}

test('text and binary, as they are', () => {
  assert.equal(bytesOf(new PreparedMessage('Hello').plain), hex('81 05 48656c6c6f'));
  assert.equal(bytesOf(new PreparedMessage(Uint8Array.of(1, 2)).plain), hex('82 02 0102'));
  assert.equal(bytesOf(new PreparedMessage('').plain), hex('81 00'));
});

test('it keeps a copy of the bytes', () => {
  const bytes = Buffer.from('abc');
  const prepared = new PreparedMessage(bytes);
  bytes.fill(0);
  assert.equal(bytesOf(prepared.plain), hex('82 03 616263'));
});

test('each frame is made once', () => {
  const prepared = new PreparedMessage('a'.repeat(100));
  assert.is(prepared.plain, prepared.plain);
  assert.is(prepared.compressed(15, 6), prepared.compressed(15, 6));
  assert.is.not(prepared.compressed(15, 6), prepared.compressed(9, 6));
  assert.is.not(prepared.compressed(15, 6), prepared.compressed(15, 1));
});

test('compressed, it has RSV1 and stands alone within the window', () => {
  const text = Array.from({ length: 300 }, (_, number) => `${(number * 7) % 50} `).join('');
  for (const windowBits of [8, 9, 15]) {
    const { bytes, payloadStart, start, end } = new PreparedMessage(text).compressed(windowBits, 6)!;
    assert.is(bytes[start], 0xc1);
    const inflated = inflateNaive(Buffer.concat([bytes.subarray(payloadStart, end), hex('0000ffff')]));
    assert.is(inflated.bytes.toString(), text);
    assert.ok(inflated.maxDistance > 0 && inflated.maxDistance <= 2 ** windowBits);
  }
});

test('what would not become shorter is not compressed', () => {
  const prepared = new PreparedMessage('abc');
  assert.is(prepared.compressed(15, 6), null);
  assert.is(prepared.compressed(15, 6), null);
});

test.run();
