// The runner must fail in each case that uvu, or a hasty runner, would let pass.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { packagePath } from './interop/packages.js';
import { suite } from './runner/suite.js';

type Files = Readonly<Record<string, string>>;

interface Options {
  /** What must not stand in the output. */
  readonly hides?: readonly string[];
  readonly patterns?: readonly string[];
  /** Whether the files in `src` are to be run entirely. */
  readonly isCovering?: boolean;
  readonly environment?: Files;
}

/** Files of the folder that the runner is pointed at, its last line, and what else must stand in its output. */
type Case = readonly [
  name: string, files: Files, lastLine: string, shows?: readonly (string | RegExp)[], options?: Options,
];

const runner = fileURLToPath(new URL('./run.js', import.meta.url));
const imports = `
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import * as uvu from ${JSON.stringify(import.meta.resolve('uvu'))};
import * as assert from ${JSON.stringify(import.meta.resolve('uvu/assert'))};
import { requirePeer, skip, suite } from ${JSON.stringify(new URL('./runner/suite.js', import.meta.url).href)};
`;

/** The text of a suite of these lines. */
function suiteOf(text: string, name = 'one', timeout = 30_000): string {
  return `{ const test = suite('${name}', { timeout: ${timeout} });\n${text}\ntest.run(); }`;
}

function one(text: string, timeout?: number): Files {
  return { 'one.test.js': suiteOf(text, 'one', timeout) };
}

/** Files of which the test runs a source with some argument. */
function picking(argument: string): Files {
  const source = 'export function pick(isFirst) {\n  return isFirst ? 1 : 2;\n}';
  const test = `const { pick } = await import('./src/pick.js');\ntest('pick', () => void [${argument}].map(pick));`;
  return { 'src/pick.js': source, ...one(test) };
}

const good = "test('good', () => {});\n";

const cases: readonly Case[] = [
  [
    'what a good file prints is not shown, but its warnings are',
    one("test('good', () => { console.log('chatter'); process.emitWarning('beware'); });"),
    '1 passed, 0 failed', ['pass one.test.js', 'Warning: beware'], { hides: ['chatter'] },
  ],
  [
    'an assertion that fails is shown with file, suite, name, message, difference and place',
    one(`${good}test('bad', () => assert.equal([1, 2], [1, 3], 'unlike'));`),
    '1 passed, 1 failed',
    ['FAIL one.test.js (1)', 'one: bad\n', 'Assertion: unlike', 'Expected:', '++', 'one.test.js:11:'],
    { hides: ['node:internal', 'node_modules/uvu', 'runner/suite', 'runner/run-file'] },
  ],
  [
    'what failed is told again at the end, and how many files passed; others than tests are not run',
    {
      'a.test.js': suiteOf("test('bad', () => assert.is(1, 2));"),
      'b.test.js': suiteOf(good), 'c.test.js': suiteOf(good), 'd.js': 'throw 1',
    },
    '2 passed, 1 failed',
    ['AGAIN a.test.js\n\n  one: bad\n    Assertion: ', /\n2 of 3 files passed in \d+ s\n2 passed, 1 failed\n$/],
  ],
  [
    'whatever a test throws, late too; the next one still runs',
    one(`test('cause', () => { throw new Error('outer', { cause: new RangeError('inner') }); });
      test('later', async () => { await delay(1); throw new Error('late'); });
      for (const thrown of ['text', undefined, null, { message: 1 }]) test(String(thrown), () => { throw thrown; });
      ${good}`),
    '1 passed, 6 failed',
    [
      'one: cause\n    Error: outer', 'caused by RangeError: inner', 'one: later\n    Error: late',
      ...["text\n    'text'", 'undefined\n    undefined', 'null\n    null', '[object Object]\n    { message: 1 }']
        .map((thrown) => `one: ${thrown.replace('\n    ', '\n    threw a value that is not an Error: ')}`),
    ],
  ],
  [
    'a file without a test, and a suite without one', { 'a.test.js': '', 'b.test.js': suiteOf('') },
    '0 passed, 2 failed',
    ['FAIL a.test.js (0)\n\n  no test\n    the file has no test', 'FAIL b.test.js (0)\n\n  no test\n'],
  ],
  [
    'a suite that is not run', one(`suite('two')('forgotten', () => {});\n${good}`),
    '1 passed, 1 failed', ['tests that never ran', 'two: forgotten', 'is `.run()` missing'],
  ],
  [
    'a test that is added too late',
    one(`${good}setTimeout(() => test('late', () => {}), 1);\ntest('slow', () => delay(50));`),
    '2 passed, 1 failed', ['tests that never ran', 'one: late'],
  ],
  ['two tests of the same name', one(good + good), '0 passed, 2 failed', ['two tests named "good"']],
  [
    "a suite of uvu's own", { 'one.test.js': "const test = uvu.suite('one');\ntest('x', () => {});\ntest.run();" },
    '0 passed, 1 failed', ['made with the suite of uvu itself'],
  ],
  [
    'hooks that throw: `before` fails every test',
    {
      'one.test.js': [
        suiteOf(`test.before(() => { throw new Error('no start'); });\n${good}test('other', () => {});`, 'before'),
        suiteOf(`test.before.each(() => { throw new Error('not ready'); });\n${good}`, 'before each'),
        suiteOf(`test.after.each(() => { throw new Error('not clean'); });\n${good}`, 'after each'),
        suiteOf(`test.after(() => { throw new Error('no end'); });\n${good}`, 'after'),
      ].join('\n'),
    },
    '1 passed, 5 failed',
    [
      'before: good\n    Error: no start', 'before: other\n    Error: no start',
      'before each: good\n    Error: not ready', 'after each: good\n    Error: not clean',
      'after: after\n    Error: no end',
    ],
  ],
  [
    'the hooks run in their order, `after` too when a test fails',
    one(`for (const [name, hook] of [['B', test.before], ['b', test.before.each], ['a', test.after.each],
        ['A', test.after]]) hook(() => console.log('hook ' + name));
      test('bad', () => { console.log('hook !'); throw new Error('x'); });`),
    '0 passed, 1 failed', ['hook B\n    hook b\n    hook !\n    hook a\n', 'hook A'],
  ],
  [
    'a hook that hangs, and a test; the next one still runs',
    {
      'one.test.js': suiteOf(`test.before(() => new Promise(() => {}));\n${good}`, 'hook', 300) +
        suiteOf(`test('endless', () => new Promise(() => {}));\n${good}`, 'one', 3000),
    },
    '1 passed, 2 failed',
    ['hook: good\n    Error: still running after 300 ms', 'one: endless\n    Error: still running after 3000 ms'],
  ],
  [
    'a test that blocks its process', one("test('blocking', () => { for (;;); });", 300),
    '0 passed, 2 failed', ['one: blocking\n', 'the process died here: killed, because it told nothing for 5300 ms'],
  ],
  [
    'unhandled rejections while a test waits and at its end, and an exception in a callback',
    one(`test('waiting', async () => { Promise.reject(new Error('lost')); await delay(50); });
      test('ended', () => { Promise.reject(undefined); });
      test('calling', async () => { setTimeout(() => { throw new Error('thrown'); }); await delay(50); });`),
    '0 passed, 3 failed',
    [
      'one: waiting\n    Error: unhandledRejection while this was running', 'caused by Error: lost',
      'one: ended\n    Error: unhandledRejection while this was running',
      'one: calling\n    Error: uncaughtException while this was running', 'caused by Error: thrown',
    ],
  ],
  [
    'an exception after the last test',
    one("test('good', () => { setTimeout(() => { throw new Error('lost'); }, 50); });"),
    '1 passed, 1 failed', ['outside of tests: uncaughtException', 'Error: lost'],
  ],
  [
    'a file that cannot be loaded', { 'one.test.js': "throw new Error('no such thing');" },
    '0 passed, 1 failed', ['the file cannot be loaded', 'Error: no such thing'],
  ],
  [
    'a file that never finishes loading', { 'one.test.js': 'await new Promise(() => {});' },
    '0 passed, 1 failed', ['before the first test', 'the process died here: exit code 13'],
  ],
  [
    'a test that ends its process well', one(`test('ending', () => process.exit(0));\n${good}`),
    '0 passed, 2 failed',
    ['one: ending', 'the process died here: exit code 0', 'tests that never ran', 'one: good'],
  ],
  [
    'a test that sets an exit code', one("test('bad', () => { process.exitCode = 7; });"),
    '1 passed, 1 failed', ['exit code 7'],
  ],
  [
    'a server left open', one("test('bad', () => { createServer().listen(0, '127.0.0.1'); });"),
    '1 passed, 1 failed', ['the process does not end by itself', 'still open: ', 'TCPServerWrap'],
  ],
  [
    'a process left running',
    one(`test('bad', () => {
      spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { stdio: 'inherit' }).unref();
    });`),
    '1 passed, 1 failed', ['a process that the file started has outlived it'],
  ],
  [
    'skips pass, and are told once for each reason; a missing peer is one at home, in a `before` hook of every test',
    {
      'a.test.js': suiteOf("test('a', () => skip('no moon')); test('b', () => skip('no sun'));"),
      'b.test.js': suiteOf("test('c', () => skip('no moon'));"),
      'c.test.js': suiteOf("test('peer', () => requirePeer(undefined, 'chromium is missing'));"),
      'd.test.js': suiteOf(`test.before(() => requirePeer(false, 'no nginx'));\n${good}test('other', () => {});`),
    },
    '0 passed, 0 failed, 6 skipped',
    [
      'SKIPPED 2: no moon\n', 'SKIPPED 1: no sun\n', 'skip c.test.js (0)', 'SKIPPED 1: chromium is missing\n',
      'SKIPPED 2: no nginx\n',
    ],
  ],
  [
    'a missing peer fails in CI; one that is there does not, nor a skip',
    one(`test('peer', () => requirePeer('', 'chromium is missing'));
      test('other', () => requirePeer('/bin/sh', 'no shell'));
      test('skip', () => skip('no such system'));`),
    '1 passed, 1 failed, 1 skipped',
    ['one: peer\n', 'CI has all peers, but chromium is missing', 'SKIPPED 1: no such system'],
    { environment: { CI: 'true' } },
  ],
  [
    'a pattern, which may be the path of a source file, chooses files', { ...one(good), 'two.test.js': 'throw 1' },
    '1 passed, 0 failed', [], { patterns: ['test/one.test.ts'], hides: ['two'] },
  ],
  [
    'a pattern that matches nothing, beside one that does', { ...one(good), 'two.test.js': 'throw 1' },
    '1 passed, 1 failed', ['matches "three"'], { patterns: ['one', 'three'], hides: ['two.test'] },
  ],
  ['a folder without a test file', { 'one.js': '' }, '0 passed, 1 failed'],
  [
    'tests that run all of the sources', picking('true, false'),
    '1 passed, 0 failed', ['pass coverage of src (files 1, lines '], { isCovering: true },
  ],
  [
    'tests that do not', picking('true'),
    '1 passed, 1 failed',
    ['FAIL coverage of src (files 1, lines ', '  src/pick.js:10 has a branch that is not taken'], { isCovering: true },
  ],
  [
    'coverage of nothing', one(good),
    '1 passed, 1 failed', ['FAIL coverage of src\n    Error: ENOENT'], { isCovering: true },
  ],
];

async function writeFolder(files: Files): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'twobyte-run-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), imports + text);
  }
  return folder;
}

interface Result {
  readonly exitCode: number | null;
  readonly output: string;
}

async function runRunner([, files, , , options = {}]: Case): Promise<Result> {
  const { patterns = [], isCovering = false, environment = {} } = options;
  const folder = await writeFolder(files);
  try {
    return await new Promise((resolve) => {
      const env = { ...process.env, CI: '', ...environment };
      const args = [runner, '--folder', folder, ...patterns, ...(isCovering ? ['--coverage', 'src'] : [])];
      const child = execFile(process.execPath, args, { cwd: folder, env }, (_error, output) => {
        resolve({ exitCode: child.exitCode, output });
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const test = suite('run');

for (const [signal, body] of [
  ['SIGTERM', 'for (;;);'],
  ['SIGINT', 'for (;;);'],
  ['SIGKILL', 'await new Promise(() => {});'],
] as const) {
  test(`no test outlives a runner that is ended by ${signal}`, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const started = once(server, 'connection') as Promise<[Socket]>;
    const text = `test('endless', async () => { await once(connect(${port}, '127.0.0.1'), 'connect'); ${body} });`;
    const folder = await writeFolder(one(text, 60_000));
    try {
      const child = spawn(process.execPath, [runner, '--folder', folder], { stdio: 'ignore' });
      const [socket] = await started;
      // The system closes the connection when the process of the test is gone.
      const gone = once(socket.on('error', () => {}).resume(), 'close');
      child.kill(signal);
      await Promise.all([once(child, 'exit'), gone]);
    } finally {
      server.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** Some of them wait for something that never comes, and would hold the others up; all at once would be a load. */
const LANES = 6;
const results = new Map<Case, Promise<Result>>();
test.before(() => {
  const lanes = Array.from({ length: LANES }, () => Promise.resolve() as Promise<unknown>);
  for (const [number, each] of cases.entries()) {
    const result = lanes[number % LANES]!.then(() => runRunner(each));
    lanes[number % LANES] = result;
    results.set(each, result);
  }
});

for (const each of cases) {
  const [name, , lastLine, shows = [], { isCovering = false, hides = [] } = {}] = each;
  test(name, async () => {
    if (isCovering) packagePath('c8');
    const { exitCode, output } = (await results.get(each))!;
    assert.is(output.trimEnd().split('\n').at(-1), lastLine, `the last line of:\n${output}`);
    assert.is(exitCode, lastLine.includes(' 0 failed') ? 0 : 1);
    for (const text of shows) assert.match(output, text);
    for (const text of hides) assert.not.match(output, text);
  });
}

test.run();
