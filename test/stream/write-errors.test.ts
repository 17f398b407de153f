// What becomes of a failed write: the stream is read on until the peer's end, or its time is up.
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { holdWriteErrors } from '../../src/stream/write-errors.js';
import { suite } from '../runner/suite.js';
import { FakeStream } from '../support/peers/fake-stream.js';

const test = suite('holdWriteErrors');
const { setTimeout, clearTimeout } = globalThis;

let timers: { fire: () => void; delay: number }[] = [];

test.before.each(() => {
  timers = [];
  function start(fire: () => void, delay: number): object {
    timers.push({ fire, delay });
    return timers.at(-1)!;
  }
  function stop(timer: never): void {
    timers = timers.filter((other) => other !== timer);
  }
  Object.assign(globalThis, { setTimeout: start, clearTimeout: stop });
});
test.after.each(() => void Object.assign(globalThis, { setTimeout, clearTimeout }));

/** A stream whose writes fail as those to a peer that has gone. */
class BrokenStream extends FakeStream {
  readonly #code: string;

  constructor(code: string) {
    super();
    this.#code = code;
    holdWriteErrors(this);
  }

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: (error: Error) => void): void {
    done(Object.assign(new Error(`write ${this.#code}`), { code: this.#code }));
  }

  override _writev(_chunks: { readonly chunk: Buffer }[], done: (error: Error) => void): void {
    this._write(Buffer.alloc(0), 'utf8', done);
  }
}

async function fail(code: string, writes = 1): Promise<{ stream: BrokenStream; seen: string[] }> {
  const stream = new BrokenStream(code);
  const seen: string[] = [];
  stream.on('data', (bytes: Buffer) => seen.push(bytes.toString()));
  stream.on('end', () => seen.push('end'));
  stream.on('error', (error) => seen.push(error.message));
  stream.on('close', () => seen.push('close'));
  stream.cork();
  for (let count = 0; count < writes; count++) stream.write('a');
  stream.uncork();
  await nextTurn();
  return { stream, seen };
}

for (const code of ['EPIPE', 'ECONNRESET']) {
  for (const writes of [1, 2]) {
    test(`${code} of ${writes} writes is told once the peer's end was read`, async () => {
      const { stream, seen } = await fail(code, writes);
      assert.is(stream.destroyed, false);
      stream.receive(Buffer.from('last words'));
      stream.receiveEnd();
      await nextTurn();
      assert.equal(seen, ['last words', 'end', `write ${code}`, 'close']);
      assert.equal(timers, []);
    });
  }
}

test('two seconds are all the time there is', async () => {
  const { stream, seen } = await fail('EPIPE');
  assert.equal(timers.map(({ delay }) => delay), [2000]);
  timers[0]!.fire();
  await nextTurn();
  assert.equal(seen, ['write EPIPE', 'close']);
  assert.is(stream.destroyed, true);
});

test('a stream that is destroyed meanwhile is not waited for', async () => {
  const { stream, seen } = await fail('EPIPE');
  stream.destroy();
  await nextTurn();
  assert.equal(seen, ['close']);
  assert.equal(timers, []);
});

test('an error that is not the going of the peer is told at once', async () => {
  const { seen } = await fail('EIO');
  assert.equal(seen, ['write EIO', 'close']);
  assert.equal(timers, []);
});

test('behind the peer\'s end there is nothing to wait for', async () => {
  const stream = new BrokenStream('EPIPE');
  const seen: string[] = [];
  stream.on('error', (error) => seen.push(error.message)).resume();
  stream.receiveEnd();
  await nextTurn();
  stream.write('a');
  await nextTurn();
  assert.equal(seen, ['write EPIPE']);
  assert.equal(timers, []);
});

test('a stream without _writev is given none', () => {
  const stream = new FakeStream();
  Object.defineProperty(stream, '_writev', { value: null, writable: true });
  holdWriteErrors(stream);
  assert.is(stream._writev, null);
});

test.run();
