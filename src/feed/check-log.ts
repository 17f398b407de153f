// What every log of a feed must do, for those who write one.
import { defer } from '../connection/deferred.js';
import type { Batch, Log, Update } from './log.js';

/** More than a log keeps that keeps few. */
const MANY = 300;

/**
 * Checks that a log does what a feed expects of it, where a test can tell: what a place gives, that none is mistaken,
 * that who watches gets each update once, in the order of the calls. It appends some hundred updates, so let it keep
 * fewer, to see it trim.
 *
 * ```ts
 * await checkLog(new MyLog('a name that nothing was kept under before'));
 * ```
 * @throws Error (as rejection) that says what was expected of a log, and what came.
 */
export async function checkLog(log: Log<number | string>): Promise<void> {
  const all = await log.read('all', 10);
  const now = await log.read('now', 10);
  expect('nothing is in a new log', all.updates, []);
  expect('nothing is in a new log, from now on', now.updates, []);
  expect('a new log has no latest update', (await log.read('latest', 10)).updates, []);
  const ids = [await log.append('a'), await log.append('b'), await log.append('c')];
  expect('ids differ', new Set(ids).size, 3);
  expect('an id is 1 to 200 letters, digits or _.~:-', ids.filter((id) => !/^[\w.~:-]{1,200}$/.test(id)), []);
  const three = ids.map((id, index) => ({ id, value: 'abc'[index] }));
  const wanted: [what: string, place: string, updates: object[]][] = [
    ['all', 'all', three], ['the place of a new log', all.place, three], ['now, before the first', now.place, three],
    ['after the first', ids[0], three.slice(1)], ['the latest', 'latest', three.slice(2)],
    ['after the last', ids[2], []], ['now', 'now', []],
    ['a place of no log', 'unknown', [{ ...three[0], missed: 'unknown' }, ...three.slice(1)]],
    ['garbage', '0-0-0-x-~', [{ ...three[0], missed: 'unknown' }, ...three.slice(1)]],
  ];
  for (const [what, place, updates] of wanted) {
    expect(`place: ${what}`, await log.read(place, 10), { place: ids[2], updates });
  }
  expect('no more than wanted', await log.read('all', 2), { place: ids[1], updates: three.slice(0, 2) });
  await checkWatch(log, ids[2]);
  await checkTrimming(log, ids[0]);
}

async function checkWatch(log: Log<number | string>, last: string): Promise<void> {
  const batches: Batch<number | string>[] = [];
  let tell = (): void => {};
  const failed = defer<never>();
  const stop = log.watch((batch) => {
    batches.push(batch);
    tell();
  }, failed.reject);
  /** Waits until so many batches have come, which may be together. */
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) await Promise.race([failed.promise, new Promise<void>((resolve) => (tell = resolve))]);
  };
  await until(() => batches.length > 0);
  expect('the first batch says from which place it is', batches[0], { place: last, updates: [] });
  const given = (): Update<number | string>[] => batches.flatMap(({ updates }) => updates);
  // Nobody waits for one before the next.
  const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => log.append(index + 1)));
  await until(() => given().length >= ids.length);
  stop();
  const wanted = ids.map((id, index) => ({ id, value: index + 1 }));
  expect('who watches gets each once, in the order of the calls', given(), wanted);
  expect('each batch says its place', batches.at(-1)!.place, ids.at(-1));
  await log.append('not for who has stopped');
  expect('who has stopped gets nothing', given().length, ids.length);
}

async function checkTrimming(log: Log<number | string>, first: string): Promise<void> {
  const before = (await log.read(first, MANY)).updates.length;
  for (let number = 1; number <= MANY; number++) await log.append(number);
  let count = 0;
  for (let place = first; ; ) {
    const { updates, place: next } = await log.read(place, MANY);
    if (updates.length === 0) break;
    // A log may be unable to count, but not to tell.
    if (updates[0].missed === 'unknown') return;
    count += updates.length + (updates[0].missed ?? 0);
    place = next;
  }
  expect('what is trimmed is counted', count, before + MANY);
}

function expect(what: string, actual: unknown, expected: unknown): void {
  const [found, wanted] = [actual, expected].map((value) => JSON.stringify(value));
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`);
}
