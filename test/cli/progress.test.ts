// The line that shows how far a load is: where it is drawn, how wide, how often, and that it leaves nothing.
import * as assert from 'uvu/assert';
import { Progress, type Screen } from '../../src/cli/progress.js';
import { suite } from '../runner/suite.js';

const test = suite('cli/progress');

class Fake implements Screen {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly written: string[] = [];

  constructor(isTTY: boolean, columns: number) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(text: string): void {
    this.written.push(text);
  }
}

test('a bar that grows, drawn again in its place, ten times a second', () => {
  const screen = new Fake(true, 60);
  const progress = new Progress(screen, 10_000);
  for (const elapsed of [0, 40, 99, 2500, 2599, 9990, 10_200]) progress.show(elapsed, elapsed);
  // 60 columns, less 4 for brackets, a space and the cursor, less 27 to 30 for what follows.
  assert.equal(screen.written, [
    `\r[${'-'.repeat(29)}]   0 %, 10 s left, 0 answers\x1b[K`,
    `\r[${'#'.repeat(7)}${'-'.repeat(20)}]  25 %, 8 s left, 2500 answers\x1b[K`,
    `\r[${'#'.repeat(27)}]  99 %, 0 s left, 9990 answers\x1b[K`,
    `\r[${'#'.repeat(26)}] 100 %, 0 s left, 10200 answers\x1b[K`,
  ]);
  for (const text of screen.written) assert.ok(text.length - '\r\x1b[K'.length < 60, text);
});

test('at most 40 wide; without a bar where there is no room; 80 columns if nobody knows', () => {
  for (const [columns, length] of [[500, 40], [0, 40], [33, 3], [30, 0], [10, 0]] as const) {
    const screen = new Fake(true, columns);
    new Progress(screen, 1000).show(0, 0);
    const bar = length === 0 ? '' : `[${'-'.repeat(length)}] `;
    assert.equal(screen.written, [`\r${bar}  0 %, 1 s left, 0 answers\x1b[K`]);
  }
});

test('it leaves an empty line, and nothing where nothing was drawn', () => {
  const screen = new Fake(true, 30);
  const progress = new Progress(screen, 1000);
  progress.clear();
  progress.show(0, 0);
  progress.clear();
  progress.clear();
  assert.equal(screen.written.slice(1), ['\r\x1b[K']);
});

test('a pipe gets nothing', () => {
  const screen = new Fake(false, 80);
  const progress = new Progress(screen, 1000);
  progress.show(0, 0);
  progress.clear();
  assert.equal(screen.written, []);
});

test.run();
