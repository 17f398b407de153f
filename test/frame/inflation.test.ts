// A message that is inflated while it arrives: the same as at once, however it is cut, and no further than it is read.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, deflateRawSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { copyOf } from '../../src/frame/allocate.js';
import { Inflater, TAIL } from '../../src/frame/inflater.js';
import { Inflation } from '../../src/frame/inflation.js';
import { suite } from '../runner/suite.js';
import { assertEveryCutLater, hex } from '../support/codec/cuts.js';
import { findFreed } from './memory.js';
import { Random } from './random.js';

const test = suite('frame/inflation');

const TAKEOVER = { windowBits: 15, contextTakeover: true };
const NO_TAKEOVER = { windowBits: 15, contextTakeover: false };
const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };

/** Collects what an inflation tells. */
class Reader {
  readonly inflation: Inflation;
  readonly pieces: Buffer[] = [];
  failure = '';
  /** Called for each piece. */
  onPiece: () => void = () => {};
  #wake: () => void = () => {};

  constructor(inflater: Inflater) {
    this.inflation = new Inflation(inflater, this);
  }

  receiveInflated(bytes: Buffer): void {
    assert.is.not(bytes.length, 0);
    assert.is(bytes.buffer.byteLength, bytes.length, 'memory that others may have a part of');
    this.pieces.push(bytes);
    this.onPiece();
    this.#wake();
  }

  inflationAdvanced(): void {
    this.#wake();
  }

  inflationFailed(error: Error): void {
    this.failure = (error as { code?: string }).code ?? String(error);
    this.inflation.close();
    this.#wake();
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** The message, or what is wrong with it. */
  async result(): Promise<string> {
    await this.until(() => this.inflation.isDone || this.failure !== '');
    return this.failure === '' ? this.text : this.failure;
  }
}

async function inflate(inflater: Inflater, chunks: Iterable<Buffer>): Promise<string> {
  const reader = new Reader(inflater);
  for (const chunk of chunks) {
    reader.inflation.push(Buffer.from(chunk));
    // So that each is a write of its own.
    await reader.until(() => reader.inflation.pendingBytes === 0 || reader.failure !== '' || isWaiting(reader));
    if (reader.failure !== '') break;
  }
  if (reader.failure === '') reader.inflation.finish();
  return await reader.result();
}

/** After a final block, only what follows shows that it was one. */
function isWaiting({ inflation }: Reader): boolean {
  return inflation.pendingPieces === 0;
}

const MESSAGES: readonly (readonly [name: string, payload: string, expected: string])[] = [
  ['§7.2.3.1 a fixed block', 'f2 48 cd c9 c9 07 00', 'Hello'],
  ['§7.2.3.3 a block without compression', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello'],
  ['§7.2.3.4 a block with BFINAL', 'f3 48 cd c9 c9 07 00 00', 'Hello'],
  ['§7.2.3.5 two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello'],
  ['§7.2.3.6 an empty message', '00', ''],
  ['final blocks between others', 'f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00 f2 48 cd c9 c9 07 00', 'HelloHelloHello'],
  ['nothing but an empty final block', '03 00 00', ''],
  ['a reference behind a final block to what is before it', 'f3 48 cd c9 c9 07 00 f2 00 11 00 00', 'HelloHello'],
  ['8 final blocks', `${'03 00'.repeat(8)} 00`, ''],
  ['9 final blocks', `${'03 00'.repeat(9)} 00`, 'INVALID_DEFLATE'],
  ['a block of the type that is reserved', '06', 'INVALID_DEFLATE'],
  ['a reference before the beginning', 'f2 00 11 00 00', 'INVALID_DEFLATE'],
  ['a stored block that is cut', '00 ff 00 00 ff 48 65', 'INVALID_DEFLATE'],
  ['the four bytes that are to be removed, at the end', 'f2 48 cd c9 c9 07 00 00 00 ff', 'INVALID_DEFLATE'],
  ['bytes behind a final block', 'f3 48 cd c9 c9 07 00 ff', 'INVALID_DEFLATE'],
];

for (const [name, payload, expected] of MESSAGES) {
  test(`${name}, however it is cut`, async () => {
    for (const context of [TAKEOVER, NO_TAKEOVER]) {
      await assertEveryCutLater(hex(payload), (chunks) => inflate(new Inflater(context), chunks), expected);
    }
  });
}

test('without a byte, it is no DEFLATE', async () => {
  assert.is(await inflate(new Inflater(TAKEOVER), []), 'INVALID_DEFLATE');
});

test('it is cut off at each place: no DEFLATE', async () => {
  const text = Array.from({ length: 100 }, (_, number) => `${number * 7919} `).join('');
  const whole = deflateRawSync(text, SYNC).subarray(0, -4);
  assert.is(await inflate(new Inflater(NO_TAKEOVER), [whole]), text);
  // Without its last byte, which is a part of the empty block, it may be whole: that byte then is the tail's.
  for (let end = 1; end < whole.length - 1; end++) {
    assert.is(await inflate(new Inflater(NO_TAKEOVER), [whole.subarray(0, end)]), 'INVALID_DEFLATE', `${end} bytes`);
  }
});

test('§7.2.2 with context takeover it refers to messages before it, and later ones to it; else none does', async () => {
  const inflater = new Inflater(TAKEOVER);
  const again = hex('f2 00 11 00 00');
  assert.is(inflater.inflate(hex('f2 48 cd c9 c9 07 00 00 00 ff ff 03 00'), 100)!.toString(), 'Hello');
  assert.is(await inflate(inflater, [again]), 'Hello');
  assert.is(inflater.inflate(Buffer.concat([again, TAIL]), 100)!.toString(), 'Hello');
  assert.is(await inflate(inflater, [again]), 'Hello');
  const alone = new Inflater(NO_TAKEOVER);
  assert.is(await inflate(alone, [hex('f2 48 cd c9 c9 07 00')]), 'Hello');
  assert.is(await inflate(alone, [again]), 'INVALID_DEFLATE');
});

test('while it is paused, no more is inflated than what is under way; then it goes on, over final blocks', async () => {
  const zeros = Buffer.alloc(1 << 20);
  for (const payload of [
    deflateRawSync(zeros, SYNC).subarray(0, -4),
    Buffer.concat([deflateRawSync(zeros.subarray(100)), deflateRawSync(zeros.subarray(0, 100)), Buffer.of(0)]),
  ]) {
    const reader = new Reader(new Inflater(NO_TAKEOVER));
    const { inflation, pieces } = reader;
    reader.onPiece = () => inflation.pause();
    inflation.push(payload);
    inflation.finish();
    let turns = 0;
    while (!inflation.isDone) {
      const { length } = pieces;
      await reader.until(() => inflation.isDone || pieces.length > length);
      for (let turn = 0; turn < 5; turn++) await nextTurn();
      assert.ok(pieces.length <= length + 1, `${pieces.length - length} pieces`);
      inflation.resume();
      turns++;
    }
    assert.ok(turns >= 16, `${turns} turns`);
    assert.ok(Buffer.concat(pieces).equals(zeros));
    assert.ok(Math.max(...pieces.map(({ length }) => length)) <= 65_536);
  }
});

test('it may be paused before anything of it is there', async () => {
  const reader = new Reader(new Inflater(NO_TAKEOVER));
  reader.inflation.pause();
  reader.inflation.push(hex('f2 48 cd c9 c9 07 00'));
  reader.inflation.finish();
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(reader.pieces, []);
  reader.inflation.resume();
  assert.is(await reader.result(), 'Hello');
});

test('small pieces that have piled up are inflated together; what is pending is known', async () => {
  const { inflation } = new Reader(new Inflater(NO_TAKEOVER));
  for (const byte of hex('f2 48 cd c9 c9 07 00')) inflation.push(Buffer.of(byte));
  assert.equal([inflation.pendingBytes, inflation.pendingPieces], [7, 6]);
  inflation.close();
});

test('after close nothing is told any more', async () => {
  for (const when of ['before a piece', 'before the first write ends', 'within a piece']) {
    const reader = new Reader(new Inflater(NO_TAKEOVER));
    const { inflation } = reader;
    if (when === 'before a piece') inflation.close();
    if (when === 'within a piece') reader.onPiece = () => inflation.close();
    inflation.push(deflateRawSync(Buffer.alloc(1 << 20), SYNC));
    inflation.push(hex('06'));
    if (when === 'before the first write ends') inflation.close();
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    if (when === 'within a piece') await reader.until(() => reader.pieces.length > 0);
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    assert.is(reader.pieces.length, when === 'within a piece' ? 1 : 0, when);
    assert.is(reader.failure, '');
  }
});

test('what is inflated is freed, however many pieces it came in', async () => {
  const random = new Random(1);
  const noise = Buffer.from(Array.from({ length: 12_000 }, () => random.integer(0, 255)));
  const deflated = deflateRawSync(noise, SYNC);
  assert.ok(deflated.length > 10_000);
  const reader = new Reader(new Inflater(NO_TAKEOVER));
  const freed = await findFreed(async () => {
    reader.inflation.push(copyOf(deflated.subarray(0, 4500)));
    // They wait while that is inflated, and become one.
    reader.inflation.push(copyOf(deflated.subarray(4500, 9000)));
    reader.inflation.push(copyOf(deflated.subarray(9000, -4)));
    reader.inflation.finish();
    await reader.result();
  });
  assert.ok(Buffer.concat(reader.pieces).equals(noise));
  assert.equal(freed.filter((length) => length === 4500).length, 2);
});

test.run();
