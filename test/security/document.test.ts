// Holds docs/security.md and the tests together: each line names tests that exist, and each security test has a line.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { listTests, suite } from '../runner/suite.js';

const HEADER = '| input | known from | answer | tests |';
const RULE = '|---|---|---|---|';
const ADVISORY = /^(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|RUSTSEC-\d{4}-\d{4}|GO-\d{4}-\d{4}|NSP \d+)$/;
const NOT_APPLICABLE = 'not applicable yet: ';

/** The names of the tests of a file, such as `frame/decode`; `null` if there is no such file. */
type TestsOf = (file: string) => readonly string[] | null;

/** Each test that a line names: `file: name`. A name that ends in `…` stands for all that begin so. */
function readTests(document: string): string[] {
  return rowsOf(document).flatMap(({ tests }) => (tests === '—' ? [] : tests.split('<br>')));
}

interface Row {
  readonly line: string;
  readonly cells: readonly string[];
  readonly tests: string;
}

function rowsOf(document: string): Row[] {
  const lines = document.split('\n').filter((line) => line.startsWith('|') && line !== HEADER && line !== RULE);
  return lines.map((line) => {
    const cells = line.split('|').slice(1, -1).map((cell) => cell.trim());
    return { line, cells, tests: cells[3] ?? '' };
  });
}

/** Everything that is wrong with the document. */
function findProblems(document: string, testsOf: TestsOf, securityFiles: readonly string[]): string[] {
  const problems: string[] = [];
  const rows = rowsOf(document);
  if (rows.length === 0) problems.push('no line');
  for (const { line, cells } of rows) {
    const [input = '', knownFrom = '', answer = '', tests = ''] = cells;
    if (cells.length !== 4 || cells.includes('')) problems.push(`malformed: ${line}`);
    const ids = knownFrom === '—' ? [] : knownFrom.split(/, | \([^)]*\)(?:, |$)/).filter((id) => id !== '');
    for (const id of ids) if (!ADVISORY.test(id)) problems.push(`${input}: "${id}" is no advisory`);
    const isExcused = answer.startsWith(NOT_APPLICABLE);
    if ((tests === '—') !== isExcused) problems.push(`${input}: no test, or no reason for none`);
  }

  const named = new Set<string>();
  for (const entry of readTests(document)) {
    const [, file = '', name = ''] = /^`([\w./-]+)`: (.+)$/.exec(entry) ?? [];
    const existing = testsOf(file) ?? [];
    const prefix = name.endsWith('…') ? name.slice(0, -1) : null;
    const found = existing.filter((test) => (prefix === null ? test === name : test.startsWith(prefix)));
    if (name === '' || found.length === 0) problems.push(`no such test: ${entry}`);
    for (const test of found) named.add(`${file}: ${test}`);
  }
  for (const file of securityFiles) {
    for (const test of testsOf(file) ?? []) {
      if (!named.has(`${file}: ${test}`)) problems.push(`no line for ${file}: ${test}`);
    }
  }
  return problems;
}

const holds = suite('security: the document');

holds('each line of docs/security.md has its tests, and each security test its line', async () => {
  const document = readFileSync(new URL('../../../docs/security.md', import.meta.url), 'utf8');
  const here = new URL('.', import.meta.url);
  const self = import.meta.url.split('/').at(-1);
  const own = readdirSync(here).filter((name) => name.endsWith('.test.js') && name !== self);
  const securityFiles = own.map((name) => `security/${name.replace('.test.js', '')}`);
  const files = new Set([...securityFiles, ...readTests(document).map((entry) => entry.split('`')[1] ?? '')]);
  const tests = new Map<string, string[]>();
  for (const file of files) {
    const url = new URL(`../${file}.test.js`, here);
    if (!existsSync(url)) continue;
    tests.set(file, await listTests([url]));
  }
  assert.ok(securityFiles.length > 0);
  assert.equal(findProblems(document, (file) => tests.get(file) ?? null, securityFiles), []);
});

holds.run();

// A check that finds nothing would hold nothing.
const checks = suite('security: the check finds breaches');

const sound = [
  '# Security', HEADER, RULE,
  '| a long field | CVE-2021-32640, GHSA-6fc8-4gx4-v693 (ws), NSP 67 (ws) | 431 | `http/request-head`: it is long |',
  '| bad frames | — | 1002 | `frame/decode`: RSV …<br>`security/frames`: it leaks not |',
  '| a bomb | CVE-2018-1000518 (websockets) | not applicable yet: nothing is inflated | — |',
].join('\n');
const existing: Readonly<Record<string, readonly string[]>> = {
  'http/request-head': ['it is long', 'it is short'],
  'frame/decode': ['RSV 1', 'RSV 2', 'opcode 3'],
  'security/frames': ['it leaks not'],
};
const problemsOf = (document: string): string[] => {
  return findProblems(document, (file) => existing[file] ?? null, ['security/frames']);
};

checks('nothing in what is sound', () => assert.equal(problemsOf(sound), []));

const breaches: readonly (readonly [name: string, find: string, replacement: string, problem: string])[] = [
  ['a test that is not there', 'it is long |', 'it is wide |', 'no such test: `http/request-head`: it is wide'],
  ['a file that is not there', '`http/request-head`', '`http/packages`', 'no such test: `http/packages`: it is long'],
  ['the beginning of a name', 'it is long |', 'it is |', 'no such test: `http/request-head`: it is'],
  ['a family that is not there', 'RSV …', 'RSV4 …', 'no such test: `frame/decode`: RSV4 …'],
  ['a test without its file', '`http/request-head`: ', '', 'no such test: it is long'],
  ['a line without a test', '`http/request-head`: it is long', '—', 'a long field: no test, or no reason for none'],
  ['a test of nothing', 'nothing is inflated | —', 'nothing is inflated | `frame/decode`: RSV …',
    'a bomb: no test, or no reason for none'],
  ['an id that is none', 'NSP 67', 'somewhere', 'a long field: "somewhere" is no advisory'],
  ['a cell too few', '| — | 1002 |', '| 1002 |',
    'malformed: | bad frames | 1002 | `frame/decode`: RSV …<br>`security/frames`: it leaks not |'],
  ['an empty cell', '| bad frames |', '|  |',
    'malformed: |  | — | 1002 | `frame/decode`: RSV …<br>`security/frames`: it leaks not |'],
  ['a security test that no line names', '<br>`security/frames`: it leaks not', '',
    'no line for security/frames: it leaks not'],
];
for (const [name, find, replacement, problem] of breaches) {
  checks(name, () => {
    assert.ok(sound.includes(find));
    const problems = problemsOf(sound.replace(find, replacement));
    assert.ok(problems.includes(problem), `found ${JSON.stringify(problems)}`);
  });
}

checks('no line at all', () => assert.ok(problemsOf('# Security').includes('no line')));

checks.run();
