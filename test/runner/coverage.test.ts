// What the tests don't run is found, whether it is a line, a branch or a file.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { packagePath } from '../interop/packages.js';
import { isOnlyTypes, readCoverage, type Coverage } from './coverage.js';
import { suite } from './suite.js';

const found = suite('coverage');

/** The coverage of a folder with these files, of which `main.js` is run once; places are without the folder's path. */
async function cover(files: Readonly<Record<string, string>>): Promise<Coverage> {
  packagePath('c8');
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  const counts = join(folder, 'counts');
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    spawnSync(process.execPath, [join(folder, 'main.js')], { env: { ...process.env, NODE_V8_COVERAGE: counts } });
    const coverage = await readCoverage(folder, counts);
    const shorten = (places: readonly string[]): string[] => places.map((place) => place.replace(/^\S*\//, ''));
    return { ...coverage, gaps: shorten(coverage.gaps), exceptions: shorten(coverage.exceptions) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const cases: readonly [name: string, files: Readonly<Record<string, string>>, gaps: readonly string[]][] = [
  ['nothing, if all was run', { 'main.js': 'const one = 1;\nif (one === 1) process.exitCode = 0;\n' }, []],
  [
    'lines',
    { 'main.js': 'const one = 1;\nif (one === 2) {\n  process.exitCode = 1;\n}\n' },
    ['main.js:2 has a branch that is not taken', 'main.js:3 is not run', 'main.js:4 is not run'],
  ],
  [
    'a branch within a line',
    { 'main.js': 'const one = 1;\nprocess.exitCode = one === 2 ? 1 : 0;\n' },
    ['main.js:2 has a branch that is not taken'],
  ],
  [
    'a function that nobody calls',
    { 'main.js': "import './other.js';\n", 'other.js': 'export const one = 1;\nexport function two() {}\n' },
    ['other.js:2 has two, which is not called'],
  ],
  [
    'a file that nobody loads, unless it has only types',
    {
      'main.js': 'process.exitCode = 0;\n',
      'other.js': 'export const one = 1;\nexport const two = 2;\n',
      'types.js': '// All about it.\nexport {};\n',
    },
    ['other.js:1 is not run', 'other.js:2 is not run'],
  ],
];

for (const [name, files, gaps] of cases) {
  found(name, async () => {
    assert.equal((await cover(files)).gaps, gaps);
  });
}

found('an exception is no gap, and is told', async () => {
  const comment = '/* c8 ignore next -- for another system */';
  const { gaps, exceptions } = await cover({ 'main.js': `${comment}\nif (process.pid === 0) process.exitCode = 1;\n` });
  assert.equal(gaps, []);
  assert.equal(exceptions, [`main.js:1 ${comment}`]);
});

found('how much there is', async () => {
  const { files, lines } = await cover({ 'main.js': "import './other.js';\n", 'other.js': '1;\n2;\n' });
  assert.equal([files, lines], [2, 3]);
});

found('a file of types only', () => {
  assert.ok(isOnlyTypes('// All.\n/** Two\nlines. */\nexport {};\n//# sourceMappingURL=types.js.map'));
  assert.not(isOnlyTypes('export const one = 1;'));
});

found.run();
