// Values as text: to the byte, and back.
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { deserialize, serialize } from '../../src/feed/serialize.js';
import { suite } from '../runner/suite.js';

const test = suite('serialize');

const cases: readonly [value: unknown, text: string][] = [
  [null, 'jnull'], ['b', 'j"b"'], [{ a: [1] }, 'j{"a":[1]}'], [Uint8Array.of(9, 0, 255).subarray(1), 'bAP8='],
];

for (const [value, text] of cases) {
  test(text, () => {
    assert.is(serialize(value), text);
    assert.equal(deserialize(text), value);
  });
}

test('nothing is null, and so is what JSON has nothing for', () => {
  for (const value of [undefined, () => 1, Symbol('a')]) assert.is(serialize(value), 'jnull');
});

test('what it has not made is an error', () => {
  for (const text of ['', '1', 'x1', 'j', 'j{', undefined, 1]) throws(() => deserialize(text), { name: 'SyntaxError' });
});

test.run();
