// Every bench is listed by name, and the list can be read.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';

const test = suite('bench: the list');

test('without a name it is printed: each bench, all of them, and what puts their results into the document', () => {
  const folder = fileURLToPath(new URL('../../bench/', import.meta.url));
  const cases = readdirSync(`${folder}cases`).flatMap((file) => (file.endsWith('.js') ? file.slice(0, -3) : []));
  const { status, stderr } = spawnSync(process.execPath, [`${folder}run.js`], { encoding: 'utf8' });
  const listed = [...stderr.matchAll(/^ {2}(\w+) +\S/gm)].map(([, name]) => name!);
  assert.equal([...listed].sort(), [...cases, 'all', 'performance'].sort());
  assert.is(status, 1);
});

test.run();
