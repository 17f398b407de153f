// The pieces of a message between the decoder and the reader.
import * as assert from 'uvu/assert';
import { connectionDefaults } from '../../src/connection/limits.js';
import { Pieces, type Piece } from '../../src/connection/pieces.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';

const test = suite('connection/pieces');

function create(isText: boolean, maxQueuedBytes = 100): Pieces {
  const pieces = new Pieces({ ...connectionDefaults, maxQueuedBytes });
  pieces.begin(isText);
  return pieces;
}

function taken({ queue }: Pieces): Piece[] {
  const all: Piece[] = [];
  for (let piece = queue.take(); piece !== null; piece = queue.take()) all.push(piece);
  return all;
}

test('§5.6 a character that is cut comes with its last byte', () => {
  const pieces = create(true);
  // a, then f0 9f 91 8b byte by byte, then two more of which the second is cut.
  pieces.push(hex('61 f0'), false);
  pieces.push(hex('9f'), false);
  pieces.push(hex('91'), false);
  assert.equal(taken(pieces), ['a']);
  pieces.push(hex('8b 62 c3'), false);
  pieces.push(hex('a4'), true);
  assert.equal(taken(pieces), ['👋b', 'ä']);
});

test('bytes come as they are', () => {
  const pieces = create(false);
  pieces.push(hex('00 f0'), true);
  pieces.push(hex('9f'), true);
  pieces.end();
  assert.equal(taken(pieces), [hex('00 f0'), hex('9f')]);
  assert.is(pieces.isEnded, true);
  assert.is(pieces.isCut, false);
});

test('it is full at its limit; once excess is dropped, it is cut there', () => {
  const pieces = create(false, 2);
  pieces.push(hex('01'), true);
  assert.is(pieces.isFull, false);
  pieces.push(hex('02'), true);
  assert.is(pieces.isFull, true);
  pieces.dropExcess();
  assert.is(pieces.isFull, false);
  pieces.push(hex('03'), true);
  assert.equal([pieces.isCut, pieces.error, taken(pieces)], [true, null, [hex('01'), hex('02')]]);
});

test('a cut is told once, and not after the end', () => {
  const pieces = create(false);
  const error = new Error('first');
  pieces.cut(error);
  pieces.cut(null);
  assert.is(pieces.error, error);
  const whole = create(false);
  whole.end();
  whole.cut(error);
  assert.is(whole.isCut, false);
});

test('the limit is the higher one', () => {
  assert.is(new Pieces({ ...connectionDefaults, maxStreamedBytes: 10 }).maxMessageBytes, 1 << 20);
  assert.is(new Pieces({ ...connectionDefaults, maxStreamedBytes: 1 << 21 }).maxMessageBytes, 1 << 21);
});

test('a whole message is one piece; an empty one has none', () => {
  for (const [message, expected] of [['ä', ['ä']], [hex('01'), [hex('01')]], ['', []], [hex(''), []]] as const) {
    const pieces = new Pieces(connectionDefaults);
    pieces.fill(message);
    assert.equal([pieces.isText, pieces.isEnded, taken(pieces)], [typeof message === 'string', true, expected]);
  }
});

test.run();
