// What docs/polling.md says is what was measured: its tables are made of the committed results.
import { existsSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { benchPath } from '../../../bench/packages.js';
import { fillIn, type Results } from '../../../bench/polling/results.js';
import { checkModel, tablesOf } from '../../../bench/polling/tables.js';
import { suite } from '../../runner/suite.js';

const test = suite('polling study');

const results = JSON.parse(readFileSync(benchPath('results/polling.json'), 'utf8')) as Results;
const documents = ['docs/polling.md', 'README.md'].map((path) => readFileSync(benchPath(`../${path}`), 'utf8'));

test('the numbers of the documents are those of the results: npm run bench:polling -- --report', () => {
  for (const document of documents) assert.fixture(document, fillIn(document, tablesOf(results)));
});

test('every table is shown, and no other is asked for', () => {
  const shown = [...documents.join('').matchAll(/<!-- table: ([\w-]+) -->/g)].map(([, name]) => name);
  assert.equal([...shown].sort(), Object.keys(tablesOf(results)).sort());
});

test('the model holds for the committed results', () => {
  assert.equal(checkModel(results), []);
});

test('a byte more in each frame would be found', () => {
  const wrong = results.measurements.map((one) => {
    return one.transport === 'websocket' ? { ...one, bytesIn: one.bytesIn + one.updates } : one;
  });
  const failures = checkModel({ ...results, measurements: wrong });
  const small = wrong.filter(({ transport, payload }) => transport === 'websocket' && payload === 20);
  assert.is(failures.length, small.length);
});

test('every picture of the documents is there', () => {
  const links = documents.join('').matchAll(/\]\((?:\.\.\/)?bench\/results\/([\w.-]+)\)/g);
  const pictures = [...links].map(([, name]) => name!);
  assert.ok(pictures.length > 0);
  for (const picture of pictures) assert.ok(existsSync(benchPath(`results/${picture}`)), picture);
});

test.run();
