// Bytes that arrive before their turn: held in order, copied where their memory is read into again, taken in one piece.
import * as assert from 'uvu/assert';
import { EarlyBytes } from '../../src/server/early-bytes.js';
import { suite } from '../runner/suite.js';

const test = suite('early bytes');

test('none are no bytes', () => {
  const early = new EarlyBytes();
  assert.is(early.byteLength, 0);
  assert.is(early.take().length, 0);
  assert.is(early.isEnded, false);
});

test('they are taken once, in order and in one piece', () => {
  const early = new EarlyBytes();
  early.hold(Buffer.from('GET '), true);
  early.hold(Buffer.from('/ HTTP'), false);
  assert.is(early.byteLength, 10);
  assert.is(early.take().toString(), 'GET / HTTP');
  assert.is(early.byteLength, 0);
  assert.is(early.take().length, 0);
  early.hold(Buffer.from('/1.1'), true);
  assert.is(early.take().toString(), '/1.1');
});

test('memory that is read into again is copied; other memory is not', () => {
  const early = new EarlyBytes();
  const chunk = Buffer.from('first');
  early.hold(chunk, true);
  chunk.write('other');
  assert.is(early.take().toString(), 'first');
  early.hold(chunk, false);
  assert.is(early.take(), chunk);
});

test.run();
