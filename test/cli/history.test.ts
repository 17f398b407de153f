// The file of what was typed: where it is, what is kept, and that nothing fails without it.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { historyPath, readHistory, writeHistory } from '../../src/cli/history.js';
import { suite } from '../runner/suite.js';
import { startDemo } from '../support/demo.js';
import { run } from './harness.js';

const test = suite('cli/history');

let folder = '';
test.before.each(() => void (folder = mkdtempSync(join(tmpdir(), 'twobyte-'))));
test.after.each(() => rmSync(folder, { recursive: true }));

test('it lies in the folder for the state of programs', () => {
  assert.is(historyPath({ XDG_STATE_HOME: '/state' }, '/home/ada'), join('/state', 'twobyte', 'history'));
  const byDefault = join('/home/ada', '.local', 'state', 'twobyte', 'history');
  // The specification: a relative path is to be ignored.
  for (const variables of [{}, { XDG_STATE_HOME: '' }, { XDG_STATE_HOME: 'state' }]) {
    assert.is(historyPath(variables, '/home/ada'), byDefault);
  }
  assert.match(historyPath({}), /twobyte.history$/);
});

test('the newest comes first, and is the last line of a file that only its owner may read', () => {
  const path = join(folder, 'a', 'b', 'history');
  writeHistory(path, ['newest', 'é', 'oldest']);
  assert.is(readFileSync(path, 'utf8'), 'oldest\né\nnewest\n');
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.is(statSync(join(folder, 'a')).mode & 0o777, 0o700);
  assert.equal(readHistory(path), ['newest', 'é', 'oldest']);
});

test('it has at most 1000 lines, and none of more than 4096 characters', () => {
  const path = join(folder, 'history');
  writeHistory(path, ['x'.repeat(4097), 'y'.repeat(4096), ...Array.from({ length: 1000 }, (_, index) => `${index}`)]);
  const lines = readHistory(path);
  assert.is(lines.length, 1000);
  assert.equal([lines[0]!.length, lines[1], lines.at(-1)], [4096, '0', '998']);
});

test('where it can be neither read nor written, there is none', () => {
  const path = join(folder, 'history');
  assert.equal(readHistory(path), []);
  mkdirSync(path);
  writeHistory(path, ['a']);
  assert.equal(readHistory(path), []);
});

test('in a pipe, nothing is read or kept', async () => {
  await using demo = await startDemo();
  const { code } = await run(['connect', `ws://127.0.0.1:${demo.port}/echo/`], { XDG_STATE_HOME: folder }, 'secret\n');
  assert.is(code, 0);
  assert.not(existsSync(join(folder, 'twobyte')));
});

test.run();
