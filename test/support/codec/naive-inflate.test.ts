// The judge of DEFLATE, by the examples of RFC 7692 §7.2.3 and by zlib.
import { constants, deflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { withRandom } from '../../frame/random.js';
import { suite } from '../../runner/suite.js';
import { hex } from './cuts.js';
import { inflateNaive } from './naive-inflate.js';

const test = suite('naive-inflate');

const EXAMPLES: [name: string, bytes: string, text: string, isFinal: boolean][] = [
  ['a fixed block', 'f2 48 cd c9 c9 07 00 0000ffff', 'Hello', false],
  ['a stored block', '00 05 00 fa ff 48 65 6c 6c 6f', 'Hello', false],
  ['a final block', 'f3 48 cd c9 c9 07 00', 'Hello', true],
  ['two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00 0000ffff', 'Hello', false],
  ['nothing', '', '', false],
];

for (const [name, bytes, text, isFinal] of EXAMPLES) {
  test(name, () => {
    assert.equal(inflateNaive(hex(bytes)), { bytes: Buffer.from(text), maxDistance: 0, isFinal });
  });
}

test('a reference into the history', () => {
  const history = Buffer.from('Hello');
  assert.equal(inflateNaive(hex('f2 00 11 00 00 0000ffff'), history), {
    bytes: Buffer.from('Hello'), maxDistance: 5, isFinal: false,
  });
  assert.throws(() => inflateNaive(hex('f2 00 11 00 00 0000ffff')), /before the beginning/);
});

test('what is no DEFLATE', () => {
  assert.throws(() => inflateNaive(hex('06')), /no known type/);
  assert.throws(() => inflateNaive(hex('00 05 00 fb ff')), /two lengths/);
  assert.throws(() => inflateNaive(hex('f2 48 cd')), /within a block/);
});

test('dynamic codes, as zlib writes them', () => withRandom((random) => {
  for (const level of [1, 6, 9]) {
    for (const size of [10, 1000, 20_000]) {
      const text = Buffer.from(Array.from({ length: size }, () => random.pick(['a', 'bc', 'def', '字', ' '])).join(''));
      const deflated = deflateRawSync(text, { level, finishFlush: constants.Z_SYNC_FLUSH });
      assert.ok(inflateNaive(deflated).bytes.equals(text), `level ${level}, ${size} words`);
    }
  }
}));

test.run();
