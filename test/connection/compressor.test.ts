// Which messages are compressed, and which are sent as they are.
import * as assert from 'uvu/assert';
import { Compressor } from '../../src/connection/compressor.js';
import { Output } from '../../src/connection/output.js';
import { PreparedMessage } from '../../src/connection/prepared.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';

const test = suite('connection/compressor');

function create(threshold: number): { compressor: Compressor; output: Output } {
  const output = new Output('server');
  const receiver = { outputReady: assert.unreachable, outputFailed: assert.unreachable };
  const outgoing = { windowBits: 15, contextTakeover: true };
  const options = { threshold, level: 6, ...outgoing };
  return { compressor: new Compressor(output, receiver, outgoing, options), output };
}

test('RFC 7692 §7.2.3.2 the second of two equal messages refers to the first', () => {
  const { compressor, output } = create(0);
  compressor.send(0x1, 'Hello', true);
  compressor.send(0x1, 'Hello', true);
  // The first would not become shorter, by itself; so it is sent as it is, and not referred to.
  assert.equal(Buffer.concat(output.take()), hex('81 05 48656c6c6f 81 05 48656c6c6f'));
});

test('a message under the threshold is sent as it is, unless it was asked for', () => {
  const { compressor, output } = create(9);
  compressor.send(0x2, Buffer.alloc(8), false);
  assert.equal(Buffer.concat(output.take()), hex('82 08 0000000000000000'));
  compressor.send(0x2, Buffer.alloc(8), true);
  assert.equal(Buffer.concat(output.take()).subarray(0, 1), hex('c2'));
});

test('of a prepared message likewise', () => {
  const { compressor } = create(9);
  const prepared = new PreparedMessage(Buffer.alloc(8));
  assert.is(compressor.compressed(prepared, undefined), null);
  assert.is(compressor.compressed(prepared, false), null);
  assert.is(compressor.compressed(prepared, true)!.bytes[compressor.compressed(prepared, true)!.start], 0xc2);
});

test.run();
