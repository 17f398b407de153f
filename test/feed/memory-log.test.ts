// The log in memory: ids of one life, what each kind of place gives, and what it says of updates that are gone.
import * as assert from 'uvu/assert';
import type { Batch } from '../../src/feed/log.js';
import { MemoryLog } from '../../src/feed/memory-log.js';
import { suite } from '../runner/suite.js';

/** A log in which the values `1` … `count` are `a-1` …, of which `keep` are kept. */
async function logOf(count: number, keep = 1000): Promise<MemoryLog<number>> {
  const log = new MemoryLog<number>(keep, 'a');
  for (let number = 1; number <= count; number++) assert.is(await log.append(number), `a-${number}`);
  return log;
}

const memory = suite('memory log');

const cases: readonly [name: string, count: number, keep: number, place: string, expected: Batch<number>][] = [
  ['all of nothing', 0, 9, 'all', { place: 'a-0', updates: [] }],
  ['the latest of nothing', 0, 9, 'latest', { place: 'a-0', updates: [] }],
  ['now, before the first', 0, 9, 'now', { place: 'a-0', updates: [] }],
  ['the place before the first', 2, 9, 'a-0',
    { place: 'a-2', updates: [{ id: 'a-1', value: 1 }, { id: 'a-2', value: 2 }] }],
  ['all', 2, 9, 'all', { place: 'a-2', updates: [{ id: 'a-1', value: 1 }, { id: 'a-2', value: 2 }] }],
  ['the latest', 2, 9, 'latest', { place: 'a-2', updates: [{ id: 'a-2', value: 2 }] }],
  ['now', 2, 9, 'now', { place: 'a-2', updates: [] }],
  ['after the first', 2, 9, 'a-1', { place: 'a-2', updates: [{ id: 'a-2', value: 2 }] }],
  ['after the last', 2, 9, 'a-2', { place: 'a-2', updates: [] }],
  ['all that is kept: nobody has missed the rest', 5, 1, 'all', { place: 'a-5', updates: [{ id: 'a-5', value: 5 }] }],
  ['older than what is kept', 5, 2, 'a-1',
    { place: 'a-5', updates: [{ id: 'a-4', value: 4, missed: 2 }, { id: 'a-5', value: 5 }] }],
  ['the one before the oldest kept', 5, 1, 'a-4', { place: 'a-5', updates: [{ id: 'a-5', value: 5 }] }],
  ['of another life', 2, 9, 'b-1',
    { place: 'a-2', updates: [{ id: 'a-1', value: 1, missed: 'unknown' }, { id: 'a-2', value: 2 }] }],
  ['of another life, with nothing yet', 0, 9, 'b-1', { place: 'b-1', updates: [] }],
  ['beyond the last', 1, 9, 'a-2', { place: 'a-1', updates: [{ id: 'a-1', value: 1, missed: 'unknown' }] }],
];

for (const [name, count, keep, place, expected] of cases) {
  memory(`place: ${name}`, async () => {
    assert.equal((await logOf(count, keep)).read(place, 1000), expected);
  });
}

memory('garbage is a place of another life', async () => {
  const log = await logOf(1);
  const garbage = ['', 'a', '1', 'a-', 'a-x', 'a-01', 'a--1', 'a-1.5', 'a-1 ', ' a-1', 'A-1', 'a-1\n', 'a-9e9'];
  garbage.push(`a-${'9'.repeat(20)}`);
  for (const place of garbage) assert.is(log.read(place, 1).updates[0]!.missed, 'unknown', JSON.stringify(place));
});

memory('no more than wanted are given, and the place says where to go on', async () => {
  const log = await logOf(3);
  const batch = log.read('all', 2);
  assert.equal([batch.place, batch.updates.length], ['a-2', 2]);
  assert.equal(log.read(batch.place, 2), { place: 'a-3', updates: [{ id: 'a-3', value: 3 }] });
  assert.equal(log.read('all', 0), { place: 'a-0', updates: [] });
});

memory('who watches is told the place, then each update until it stops', async () => {
  const log = await logOf(1);
  const batches: Batch<number>[] = [];
  const stop = log.watch((batch) => batches.push(batch));
  await log.append(7);
  stop();
  await log.append(8);
  assert.equal(batches, [{ place: 'a-1', updates: [] }, { place: 'a-2', updates: [{ id: 'a-2', value: 7 }] }]);
});

memory('each log has a life of its own, in eight characters', async () => {
  const lives = new Set<string>();
  for (let count = 0; count < 1000; count++) {
    const id = await new MemoryLog(1).append(null);
    assert.match(id, /^[0-9a-z]{8}-1$/);
    lives.add(id);
  }
  assert.is(lives.size, 1000);
});

memory.run();
