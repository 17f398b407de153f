// Holds docs/conformance.md and the tests together: each requirement has its tests, each test its requirement.
import { readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { listTests, suite } from '../runner/suite.js';

const HEADER = '| id | level | requirement | client | server |';
const REASON_HEADER = '| id | role | reason |';
const LEVELS = ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'must', 'should', 'may'];
const UNTESTED = { '**deviates**': 'Deviations', '**delegated**': 'Delegated' } as const;

/** Everything that is wrong with the document, or between it and the names of the tests. */
function findProblems(document: string, tests: readonly string[]): string[] {
  const problems: string[] = [];
  /** Names of tests that the document wants, and of roles without one: `id role` by the heading of the reasons. */
  const wanted: string[] = [];
  const excused: string[] = [];
  const reasons: string[] = [];
  const ids = new Set<string>();
  let heading = '';
  let isReasons = false;
  let previous = '';
  for (const line of document.split('\n')) {
    const above = previous;
    previous = line;
    if (line.startsWith('## ')) heading = line.slice(3);
    if (!line.startsWith('|')) continue;
    if (line === HEADER || line === REASON_HEADER) {
      isReasons = line === REASON_HEADER;
      continue;
    }
    if (line === (isReasons ? '|---|---|---|' : '|---|---|---|---|---|') && above.startsWith('| id')) continue;
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells.length !== (isReasons ? 5 : 7) || cells.slice(1, -1).includes('')) {
      problems.push(`malformed: ${line}`);
    } else if (isReasons) {
      const [, id, role, reason] = cells;
      if (reason!.length < 10) problems.push(`${id} ${role} has no reason`);
      reasons.push(`${heading}: ${id} ${role}`);
    } else {
      problems.push(...readRequirement(cells.slice(1, -1), heading));
    }
  }

  function readRequirement([id, level, , client, server]: string[], section: string): string[] {
    const found: string[] = [];
    // Those of other RFCs than 6455 begin with its number.
    const [number] = section.replace(/^RFC (\d+) §/, '$1/').split(' ');
    const place = [...ids].filter((known) => known.startsWith(`${number}-`)).length + 1;
    if (id !== `${number}-${place}`) found.push(`${id} is not ${number}-${place}, as its place under ${section} says`);
    if (ids.has(id!)) found.push(`${id} occurs twice`);
    ids.add(id!);
    if (!LEVELS.includes(level!)) found.push(`${id} has the level ${level}`);
    if (client === '—' && server === '—') found.push(`${id} binds nobody`);
    for (const [role, cell] of [['client', client!], ['server', server!]] as const) {
      if (cell in UNTESTED) excused.push(`${UNTESTED[cell as keyof typeof UNTESTED]}: ${id} ${role}`);
      else if (cell !== '—') wanted.push(`${id} ${role}: ${cell}`);
    }
    return found;
  }

  for (const name of missing(wanted, tests)) problems.push(`no such test: ${name}`);
  for (const name of missing(tests, wanted)) problems.push(`no such requirement: ${name}`);
  for (const entry of missing(excused, reasons)) problems.push(`no reason under ${entry}`);
  for (const entry of missing(reasons, excused)) problems.push(`a reason for nothing under ${entry}`);
  if (ids.size === 0) problems.push('no requirement');
  return problems;
}

/** Those of the first that the second lacks, each as often as it lacks them. */
function missing(names: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return names.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

const holds = suite('conformance: the document');

holds('each requirement of docs/conformance.md has its tests, and each test its requirement', async () => {
  const document = readFileSync(new URL('../../../docs/conformance.md', import.meta.url), 'utf8');
  const here = new URL('.', import.meta.url);
  const self = import.meta.url.split('/').at(-1);
  const files = readdirSync(here).filter((name) => name.endsWith('.test.js') && name !== self);
  assert.ok(files.length > 0);
  const tests = await listTests(files.sort().map((name) => new URL(name, here)));
  assert.equal(findProblems(document, tests), []);
});

holds.run();

// A check that finds nothing would hold nothing.
const checks = suite('conformance: the check finds breaches');

const sound = [
  '## 5.1 Overview', HEADER, '|---|---|---|---|---|',
  '| 5.1-1 | MUST | mask | it masks | — |',
  '| 5.1-2 | SHOULD NOT | fail | **deviates** | it stays |',
  '## 5.2 Framing', HEADER, '|---|---|---|---|---|',
  '| 5.2-1 | must | frame | it frames | it frames |',
  '## RFC 7692 §5.2 Examples', HEADER, '|---|---|---|---|---|',
  '| 7692/5.2-1 | MUST | agree | — | it agrees |',
  '## Deviations', REASON_HEADER, '|---|---|---|',
  '| 5.1-2 | client | it is better so |',
].join('\n');
const tests = [
  '5.1-1 client: it masks', '5.1-2 server: it stays', '5.2-1 client: it frames', '5.2-1 server: it frames',
  '7692/5.2-1 server: it agrees',
];

checks('nothing in what is sound', () => assert.equal(findProblems(sound, tests), []));

const breaches: readonly (readonly [name: string, find: string, replacement: string, problem: string])[] = [
  ['a cell too few', '| mask | it masks |', '| mask |', 'malformed: | 5.1-1 | MUST | mask | — |'],
  ['an empty cell', '| mask |', '|  |', 'malformed: | 5.1-1 | MUST |  | it masks | — |'],
  ['a line without its bar',
    '| it masks | — |', '| it masks | —', 'malformed: | 5.1-1 | MUST | mask | it masks | —'],
  ['another header', HEADER, '| id | level |', 'malformed: | id | level |'],
  ['a number that is skipped',
    '5.1-2 | SHOULD', '5.1-3 | SHOULD', '5.1-3 is not 5.1-2, as its place under 5.1 Overview says'],
  ['a number that occurs twice', '5.1-2 | SHOULD', '5.1-1 | SHOULD', '5.1-1 occurs twice'],
  ['a section that is another',
    '5.2-1 | must', '5.3-1 | must', '5.3-1 is not 5.2-1, as its place under 5.2 Framing says'],
  ['another RFC than its section is of',
    '7692/5.2-1 |', '5.2-1 |', '5.2-1 is not 7692/5.2-1, as its place under RFC 7692 §5.2 Examples says'],
  ['a test of another RFC that is not there',
    '| it agrees |', '| it declines |', 'no such test: 7692/5.2-1 server: it declines'],
  ['a level that is none', '| MUST |', '| MAY |', '5.1-1 has the level MAY'],
  ['nobody bound', '| it masks |', '| — |', '5.1-1 binds nobody'],
  ['a test that is not there', '| it masks |', '| it hides |', 'no such test: 5.1-1 client: it hides'],
  ['a test that is of no requirement', '| it stays |', '| — |', 'no such requirement: 5.1-2 server: it stays'],
  ['a role without a test', '| it masks | — |', '| it masks | it masks |', 'no such test: 5.1-1 server: it masks'],
  ['no reason', '| 5.1-2 | client | it is better so |', '', 'no reason under Deviations: 5.1-2 client'],
  ['a reason that is none', 'it is better so', 'so', '5.1-2 client has no reason'],
  ['a reason for nothing', '**deviates**', '—', 'a reason for nothing under Deviations: 5.1-2 client'],
  ['a reason of the other kind', '**deviates**', '**delegated**', 'no reason under Delegated: 5.1-2 client'],
];
for (const [name, find, replacement, problem] of breaches) {
  checks(name, () => {
    assert.ok(sound.includes(find));
    const problems = findProblems(sound.replace(find, replacement), tests);
    assert.ok(problems.includes(problem), `found ${JSON.stringify(problems)}`);
  });
}

checks('a test twice, and none at all', () => {
  assert.equal(findProblems(sound, [...tests, tests[0]!]), ['no such requirement: 5.1-1 client: it masks']);
  assert.equal(findProblems('', []), ['no requirement']);
});

checks.run();
