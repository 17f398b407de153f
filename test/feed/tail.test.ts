// The tail of a log: what the readers of a process share, from which place on, and until when.
import * as assert from 'uvu/assert';
import { MemoryLog } from '../../src/feed/memory-log.js';
import { Tail } from '../../src/feed/tail.js';
import { suite } from '../runner/suite.js';
import { Clock } from '../support/clock.js';
import { nextTurn } from '../server/harness.js';
import { RemoteLog, valuesOf } from './harness.js';

const tail = suite('tail');

tail('before a reader it knows nothing', () => {
  const shared = new Tail(new MemoryLog(9, 'a'), 9);
  assert.equal([shared.place, shared.last, shared.read('now', 9), shared.read('a-0', 9)], [null, 0, null, null]);
});

tail('it has what came since the first reader, and the place before that', () => {
  const log = new MemoryLog<number>(9, 'a');
  void log.append(1);
  const shared = new Tail(log, 9);
  shared.enter();
  assert.equal(shared.read('now', 9), { place: 'a-1', updates: [] });
  for (const value of [2, 3]) void log.append(value);
  assert.equal(shared.read('a-1', 9), { place: 'a-3', updates: [{ id: 'a-2', value: 2 }, { id: 'a-3', value: 3 }] });
  assert.equal(shared.read('a-1', 1), { place: 'a-2', updates: [{ id: 'a-2', value: 2 }] });
  assert.equal(shared.read('a-3', 9), { place: 'a-3', updates: [] });
  assert.equal(shared.read('now', 9), { place: 'a-3', updates: [] });
  for (const place of ['a-0', 'all', 'latest', 'b-1']) assert.is(shared.read(place, 9), null, place);
  assert.equal([shared.place, shared.last], ['a-3', 2]);
  assert.equal([0, 1, 2].map((number) => shared.get(number)?.id), [undefined, 'a-2', 'a-3']);
});

tail('what is no longer kept is asked of the log', () => {
  const log = new MemoryLog<number>(9, 'a');
  const shared = new Tail(log, 2);
  shared.enter();
  for (const value of [1, 2, 3, 4, 5]) void log.append(value);
  for (const place of ['a-0', 'a-1', 'a-2']) assert.is(shared.read(place, 9), null, place);
  assert.equal(valuesOf(shared.read('a-4', 9)!.updates), [5]);
  assert.equal([shared.get(3), shared.get(4)!.id], [undefined, 'a-4']);
});

tail('one watch serves all readers, and ends some time after the last', async () => {
  using clock = new Clock();
  const log = new RemoteLog();
  const shared = new Tail(log, 9);
  const leaves = [shared.enter(), shared.enter()];
  await nextTurn();
  await log.append('1');
  assert.equal([shared.place, log.asked], ['a-1', ['watch']]);
  leaves[0]!();
  clock.advance(100_000);
  leaves[1]!();
  clock.advance(9999);
  shared.enter()();
  clock.advance(9999);
  assert.equal([shared.place, log.asked], ['a-1', ['watch']]);
  clock.advance(1);
  assert.equal([shared.place, shared.last, shared.get(1), log.asked], [null, 0, undefined, ['watch', 'unwatch']]);
  shared.enter();
  await nextTurn();
  assert.equal(shared.read('a-1', 9), { place: 'a-1', updates: [] });
});

tail('who listens is told of each batch, also of the empty first, and of the end', async () => {
  const log = new RemoteLog();
  const shared = new Tail(log, 9);
  let told = 0;
  const stop = shared.listen(() => told++);
  shared.enter();
  await nextTurn();
  assert.is(told, 1);
  await log.append('1');
  assert.is(told, 2);
  shared.end();
  assert.is(told, 3);
  stop();
  await log.append('2');
  assert.is(told, 3);
});

tail('at the end the log is let go at once, or with the last reader', async () => {
  using clock = new Clock();
  const log = new RemoteLog();
  new Tail(log, 9).end();
  const idle = new Tail(log, 9);
  idle.enter()();
  idle.end();
  assert.equal(log.asked.splice(0), ['watch', 'unwatch']);
  const read = new Tail(log, 9);
  const leave = read.enter();
  read.end();
  assert.equal(log.asked, ['watch']);
  leave();
  assert.equal([log.asked, clock.timers], [['watch', 'unwatch'], 0]);
});

tail.run();
