// The opcodes, by their numbers in the registry.
import * as assert from 'uvu/assert';
import { Opcode } from '../../src/frame/opcode.js';
import { suite } from '../runner/suite.js';

const test = suite('frame/opcode');

test('§11.8 the opcodes have the numbers of the registry', () => {
  assert.equal({ ...Opcode }, { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 });
});

test.run();
