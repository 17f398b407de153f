// Watching a log that tells of news: what comes next is given, all else is read, and errors are told.
import * as assert from 'uvu/assert';
import { LogError } from '../../src/errors.js';
import type { Batch, Update } from '../../src/feed/log.js';
import { Watching } from '../../src/feed/watching.js';
import { suite } from '../runner/suite.js';
import { nextTurn } from '../server/harness.js';
import { Clock } from '../support/clock.js';

const test = suite('watching');

const empty: Batch<string> = { place: '0', updates: [] };

function batchOf(...ids: string[]): Batch<string> {
  return { place: ids.at(-1)!, updates: ids.map((id) => ({ id, value: `value ${id}` })) };
}

/** A watch of a log that answers so, an error by rejection; `asked` are the places, `given` what came of it. */
function watch(...answers: (Batch<string> | Error)[]) {
  const asked: string[] = [];
  const given: string[] = [];
  const read = async (place: string): Promise<Batch<string>> => {
    asked.push(place);
    const answer = answers.shift()!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const take = ({ place, updates }: Batch<string>): void => {
    given.push(`${updates.map(({ id }) => id).join(' ')}@${place}`);
  };
  const watching = new Watching<string>({ read }, 9, take, ({ message }) => given.push(message));
  return { watching, asked, given };
}

/** What makes an update of that id, if it is the one after that place. */
function next(id: string, after: string): (place: string) => Update<string> | null {
  return (place) => (place === after ? { id, value: `value ${id}` } : null);
}

test('it begins with a place, gives what is told next, and reads whatever is not', async () => {
  const { watching, asked, given } = watch(empty, batchOf('2', '3'), empty, empty);
  watching.read();
  await nextTurn();
  watching.receive(next('1', '0'));
  watching.receive(next('3', '2'));
  // While it reads, what is told may be in what is read.
  watching.receive(next('2', '1'));
  await nextTurn();
  watching.receive(() => {
    throw new Error('this is no update');
  });
  await nextTurn();
  assert.equal([asked, given], [['now', '1', '3', '3'], ['@0', '1@1', '2 3@3']]);
});

test('what can not be read is read later: soon if the log is away, else it is told', async () => {
  const error = new LogError('no permission');
  const { watching, asked, given } = watch(new Error('away'), error, empty, batchOf('1'), empty);
  using clock = new Clock();
  watching.read();
  await nextTurn();
  clock.advance(499);
  assert.equal([asked.length, given], [1, []]);
  clock.advance(1);
  await nextTurn();
  assert.equal([asked.length, given], [2, ['no permission']]);
  clock.advance(4999);
  assert.is(asked.length, 2);
  clock.advance(1);
  await nextTurn();
  assert.equal(given, ['no permission', '@0']);
  watching.fail(new LogError('no channel'));
  watching.read();
  await nextTurn();
  assert.equal(given, ['no permission', '@0', 'no channel', '1@1']);
});

test('after an error, the next batch is given even if it is empty', async () => {
  const { watching, given } = watch(empty, empty, empty);
  watching.read();
  await nextTurn();
  watching.fail(new LogError('no channel'));
  watching.read();
  await nextTurn();
  watching.read();
  await nextTurn();
  assert.equal(given, ['@0', 'no channel', '@0']);
});

test('one that was stopped gives and asks for nothing', async () => {
  const { watching, asked, given } = watch(empty);
  watching.read();
  watching.stop();
  await nextTurn();
  watching.read();
  watching.fail(new LogError('no channel'));
  assert.equal([asked, given], [['now'], []]);
});

test.run();
