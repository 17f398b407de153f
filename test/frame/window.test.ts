// The sliding window: always the last bytes of all that was added, against a list that keeps everything.
import * as assert from 'uvu/assert';
import { Window } from '../../src/frame/window.js';
import { suite } from '../runner/suite.js';
import { withRandom } from './random.js';

const test = suite('frame/window');

test('it begins empty, and keeps what is added in order', () => {
  const history = new Window(15);
  assert.is(history.byteLength, 0);
  assert.equal(history.last(Infinity), Buffer.alloc(0));
  history.append(Buffer.from('ab'));
  history.append(Buffer.alloc(0));
  history.append(Buffer.from('c'));
  assert.is(history.byteLength, 3);
  assert.equal(history.last(Infinity), Buffer.from('abc'));
});

test('what is added is copied', () => {
  const history = new Window(8);
  const message = Buffer.from('abc');
  history.append(message);
  message.fill(0);
  assert.equal(history.last(Infinity), Buffer.from('abc'));
});

for (const [windowBits, size] of [[8, 256], [9, 512], [15, 32_768]] as const) {
  test(`${windowBits} bits keep the last ${size} bytes`, () => {
    const history = new Window(windowBits);
    history.append(Buffer.alloc(size, 'a'));
    assert.equal(history.last(Infinity), Buffer.alloc(size, 'a'));
    history.append(Buffer.from('b'));
    assert.equal(history.last(Infinity), Buffer.concat([Buffer.alloc(size - 1, 'a'), Buffer.from('b')]));
    history.append(Buffer.concat([Buffer.alloc(size, 'c'), Buffer.from('d')]));
    assert.equal(history.last(Infinity), Buffer.concat([Buffer.alloc(size - 1, 'c'), Buffer.from('d')]));
  });
}

test('only the last of them, as many as are asked for', () => {
  const history = new Window(8);
  history.append(Buffer.from('abcdef'));
  assert.equal(history.last(2), Buffer.from('ef'));
  assert.equal(history.last(6), Buffer.from('abcdef'));
  assert.equal(history.last(7), Buffer.from('abcdef'));
  assert.equal(history.last(0), Buffer.alloc(0));
});

test('any messages', () => withRandom((random) => {
  for (let round = 0; round < 50; round++) {
    const windowBits = random.integer(8, 12);
    const history = new Window(windowBits);
    let all = Buffer.alloc(0);
    for (let count = 0; count < 40; count++) {
      const message = random.bytes(random.chance(0.1) ? random.integer(0, 10_000) : random.integer(0, 300));
      history.append(message);
      all = Buffer.concat([all, message]);
      const expected = all.subarray(-(2 ** windowBits));
      assert.is(history.byteLength, expected.length);
      assert.ok(history.last(Infinity).equals(expected), `${windowBits} bits, message ${count}`);
    }
  }
}));

test('memory grows with what is added, and never over the window', () => {
  const history = new Window(15);
  history.append(Buffer.alloc(100));
  assert.ok(history.last(Infinity).buffer.byteLength <= 1024);
  for (let count = 0; count < 1000; count++) history.append(Buffer.alloc(100));
  assert.is(history.last(Infinity).buffer.byteLength, 32_768);
});

test.run();
