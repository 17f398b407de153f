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

interface Result {
  readonly exitCode: number;
  readonly output: string;
  readonly lastLine: string | undefined;
}

interface Case {
  readonly name: string;
  /** The files of the folder that the runner is pointed at. */
  readonly files: Readonly<Record<string, string>>;
  readonly patterns?: readonly string[];
  /** Whether the files in `src` are to be run entirely. */
  readonly isCovering?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly exitCode: number;
  readonly lastLine: string;
  /** What must stand in the output. */
  readonly shows?: readonly (string | RegExp)[];
  /** What must not. */
  readonly hides?: readonly string[];
}

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

/** A file with one suite of these lines. */
function one(lines: string, timeout = 30_000): Readonly<Record<string, string>> {
  return { 'one.test.js': `const test = suite('one', { timeout: ${timeout} });\n${lines}\ntest.run();` };
}

/** Files of which the test runs a source with some argument. */
function picking(argument: string): Readonly<Record<string, string>> {
  const source = "export function pick(isFirst) {\n  return isFirst ? 1 : 2;\n}";
  const test = `const { pick } = await import('./src/pick.js');\ntest('pick', () => void [${argument}].map(pick));`;
  return { 'src/pick.js': source, ...one(test) };
}

const good = "test('good', () => {});\n";

const cases: readonly Case[] = [
  { name: 'a good file', files: one(good), exitCode: 0, lastLine: '1 passed, 0 failed', shows: ['pass one.test.js'] },
  {
    name: 'two good files in folders of their own',
    files: { 'a.test.js': one(good)['one.test.js']!, 'b.test.js': one(good)['one.test.js']!, 'c.js': 'throw 1' },
    exitCode: 0,
    lastLine: '2 passed, 0 failed',
  },
  {
    name: 'an assertion that fails is shown with file, suite, name, message, difference and place',
    files: one(`${good}test('bad', () => assert.equal([1, 2], [1, 3], 'unlike'));`),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['FAIL one.test.js (1)', 'one: bad\n', 'Assertion: unlike', 'Expected:', '++', 'one.test.js:11:'],
    hides: ['node:internal', 'node_modules/uvu', 'runner/suite', 'runner/run-file'],
  },
  {
    name: 'what failed is told again at the end, and how many files passed',
    files: {
      'a.test.js': one("test('bad', () => assert.is(1, 2));")['one.test.js']!,
      'b.test.js': one(good)['one.test.js']!,
      'c.test.js': one(good)['one.test.js']!,
    },
    exitCode: 1,
    lastLine: '2 passed, 1 failed',
    shows: ['AGAIN a.test.js\n\n  one: bad\n    Assertion: ', /\n2 of 3 files passed in \d+ s\n2 passed, 1 failed\n$/],
  },
  {
    name: 'the cause of an error',
    files: one("test('bad', () => { throw new Error('outer', { cause: new RangeError('inner') }); });"),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['Error: outer', 'caused by RangeError: inner'],
  },
  {
    name: 'an asynchronous failure',
    files: one("test('bad', async () => { await delay(1); throw new Error('late'); });"),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['Error: late'],
  },
  ...["'a string'", 'undefined', 'null', '{ message: 1 }'].map((thrown) => ({
    name: `a test that throws ${thrown}`,
    files: one(`test('bad', () => { throw ${thrown}; });\n${good}`),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['one: bad', `threw a value that is not an Error: ${thrown}`],
  })),
  {
    name: 'a file without a test',
    files: { 'one.test.js': '' },
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['the file has no test'],
  },
  { name: 'a suite without a test', files: one(''), exitCode: 1, lastLine: '0 passed, 1 failed', shows: ['no test'] },
  {
    name: 'a suite that is not run',
    files: { 'one.test.js': `const test = suite('one'); ${good}` },
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['one: good', 'is `.run()` missing'],
  },
  {
    name: 'a second suite that is not run',
    files: one("suite('two')('forgotten', () => {});\n" + good),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['two: forgotten'],
  },
  {
    name: 'a test that is added too late',
    files: one(`${good}setTimeout(() => test('late', () => {}), 1);\ntest('slow', () => delay(50));`),
    exitCode: 1,
    lastLine: '2 passed, 1 failed',
    shows: ['tests that never ran', 'one: late'],
  },
  {
    name: 'two tests of the same name',
    files: one(good + good),
    exitCode: 1,
    lastLine: '0 passed, 2 failed',
    shows: ['two tests named "good"'],
  },
  {
    name: "a suite of uvu's own",
    files: { 'one.test.js': "const test = uvu.suite('one');\ntest('x', () => {});\ntest.run();" },
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['made with the suite of uvu itself'],
  },
  {
    name: 'a `before` hook that throws fails every test',
    files: one(`test.before(() => { throw new Error('no start'); });\n${good}test('other', () => {});`),
    exitCode: 1,
    lastLine: '0 passed, 2 failed',
    shows: ['Error: no start'],
  },
  {
    name: 'a `before.each` hook that throws',
    files: one(`test.before.each(() => { throw new Error('no start'); });\n${good}`),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['Error: no start'],
  },
  {
    name: 'an `after.each` hook that throws',
    files: one(`test.after.each(() => { throw new Error('no end'); });\n${good}`),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['Error: no end'],
  },
  {
    name: 'an `after` hook that throws',
    files: one(`test.after(() => { throw new Error('no end'); });\n${good}`),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['one: after', 'Error: no end'],
  },
  {
    name: 'the hooks run in their order, `after` too when a test fails',
    files: one(
      `for (const [name, hook] of [['B', test.before], ['b', test.before.each], ['a', test.after.each],
         ['A', test.after]]) hook(() => console.log('hook ' + name));
       test('bad', () => { console.log('hook !'); throw new Error('x'); });`,
    ),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['hook B\n    hook b\n    hook !\n    hook a\n', 'hook A'],
  },
  {
    name: 'a test that hangs; the next one still runs',
    files: one(`test('endless', () => new Promise(() => {}));\n${good}`, 3000),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['one: endless', 'still running after 3000 ms'],
  },
  {
    name: 'a hook that hangs',
    files: one(`test.before(() => new Promise(() => {}));\n${good}`, 300),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['one: good', 'still running after 300 ms'],
  },
  {
    name: 'a test that blocks its process',
    files: one("test('blocking', () => { for (;;); });", 300),
    exitCode: 1,
    lastLine: '0 passed, 2 failed',
    shows: ['one: blocking\n', 'the process died here: killed, because it told nothing for 5300 ms'],
  },
  {
    name: 'an unhandled rejection while the test waits',
    files: one("test('bad', async () => { Promise.reject(new Error('lost')); await delay(50); });"),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['one: bad', 'unhandledRejection while this was running', 'caused by Error: lost'],
  },
  {
    name: 'an unhandled rejection at the end of the test',
    files: one("test('bad', () => { Promise.reject(undefined); });"),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['one: bad', 'unhandledRejection while this was running'],
  },
  {
    name: 'an exception in a callback',
    files: one("test('bad', async () => { setTimeout(() => { throw new Error('lost'); }); await delay(50); });"),
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['one: bad', 'uncaughtException while this was running', 'caused by Error: lost'],
  },
  {
    name: 'an exception after the last test',
    files: one(`test('good', () => { setTimeout(() => { throw new Error('lost'); }, 50); });`),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['outside of tests: uncaughtException', 'Error: lost'],
  },
  {
    name: 'a file that cannot be loaded',
    files: { 'one.test.js': "throw new Error('no such thing');" },
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['the file cannot be loaded', 'Error: no such thing'],
  },
  {
    name: 'a file that never finishes loading',
    files: { 'one.test.js': 'await new Promise(() => {});' },
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['before the first test', 'the process died here: exit code 13'],
  },
  {
    name: 'a test that ends its process well',
    files: one("test('ending', () => process.exit(0));\n" + good),
    exitCode: 1,
    lastLine: '0 passed, 2 failed',
    shows: ['one: ending', 'the process died here: exit code 0', 'tests that never ran', 'one: good'],
  },
  {
    name: 'a test that sets an exit code',
    files: one("test('bad', () => { process.exitCode = 7; });"),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['exit code 7'],
  },
  {
    name: 'a server left open',
    files: one("test('bad', () => { createServer().listen(0, '127.0.0.1'); });"),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['the process does not end by itself', 'still open: ', 'TCPServerWrap'],
  },
  {
    name: 'a process left running',
    files: one(
      `test('bad', () => {
         spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { stdio: 'inherit' }).unref();
       });`,
    ),
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['a process that the file started has outlived it'],
  },
  {
    name: 'a skip is told, and passes',
    files: one(`${good}test('other', () => skip('no such system'));`),
    environment: { CI: 'true' },
    exitCode: 0,
    lastLine: '1 passed, 0 failed, 1 skipped',
    shows: ['SKIPPED 1: no such system'],
  },
  {
    name: 'skips are told once for each reason',
    files: {
      'a.test.js': one(`test('a', () => skip('no moon')); test('b', () => skip('no sun'));`)['one.test.js']!,
      'b.test.js': one(`test('c', () => skip('no moon'));`)['one.test.js']!,
    },
    exitCode: 0,
    lastLine: '0 passed, 0 failed, 3 skipped',
    shows: ['SKIPPED 2: no moon\n', 'SKIPPED 1: no sun\n'],
  },
  {
    name: 'a missing peer is a loud skip at home',
    files: one("test('peer', () => requirePeer(undefined, 'chromium is missing'));"),
    exitCode: 0,
    lastLine: '0 passed, 0 failed, 1 skipped',
    shows: ['skip one.test.js (0)', 'SKIPPED 1: chromium is missing'],
  },
  {
    name: 'a missing peer fails in CI',
    files: one("test('peer', () => requirePeer('', 'chromium is missing'));"),
    environment: { CI: 'true' },
    exitCode: 1,
    lastLine: '0 passed, 1 failed',
    shows: ['CI has all peers, but chromium is missing'],
  },
  {
    name: 'a missing peer in a `before` hook skips every test',
    files: one(`test.before(() => requirePeer(false, 'no chromium'));\n${good}test('other', () => {});`),
    exitCode: 0,
    lastLine: '0 passed, 0 failed, 2 skipped',
  },
  {
    name: 'a peer that is there',
    files: one("test('peer', () => requirePeer('/bin/sh', 'no shell'));"),
    environment: { CI: 'true' },
    exitCode: 0,
    lastLine: '1 passed, 0 failed',
  },
  {
    name: 'patterns choose files',
    files: { ...one(good), 'two.test.js': 'throw 1' },
    patterns: ['one'],
    exitCode: 0,
    lastLine: '1 passed, 0 failed',
    hides: ['two'],
  },
  {
    name: 'a pattern may be the path of a source file',
    files: { ...one(good), 'two.test.js': 'throw 1' },
    patterns: ['test/one.test.ts'],
    exitCode: 0,
    lastLine: '1 passed, 0 failed',
  },
  {
    name: 'a pattern that matches nothing, beside one that does',
    files: one(good),
    patterns: ['one', 'three'],
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['matches "three"'],
  },
  { name: 'a folder without a test file', files: { 'one.js': '' }, exitCode: 1, lastLine: '0 passed, 1 failed' },
  {
    name: 'what a good file prints is not shown, but its warnings are',
    files: one("test('good', () => { console.log('chatter'); process.emitWarning('beware'); });"),
    exitCode: 0,
    lastLine: '1 passed, 0 failed',
    shows: ['Warning: beware'],
    hides: ['chatter'],
  },
  {
    name: 'tests that run all of the sources',
    files: picking('true, false'),
    isCovering: true,
    exitCode: 0,
    lastLine: '1 passed, 0 failed',
    shows: ['pass coverage of src (files 1, lines '],
  },
  {
    name: 'tests that do not',
    files: picking('true'),
    isCovering: true,
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['FAIL coverage of src (files 1, lines ', '  src/pick.js:10 has a branch that is not taken'],
  },
  {
    name: 'coverage of nothing',
    files: one(good),
    isCovering: true,
    exitCode: 1,
    lastLine: '1 passed, 1 failed',
    shows: ['FAIL coverage of src\n    Error: ENOENT'],
  },
];

async function writeFolder(files: Case['files']): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'twobyte-run-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), imports + text);
  }
  return folder;
}

async function runRunner({ files, patterns = [], isCovering, environment = {} }: Case): Promise<Result> {
  const folder = await writeFolder(files);
  try {
    return await new Promise((resolve) => {
      const env = { ...process.env, CI: '', ...environment };
      const args = ['--folder', folder, ...patterns, ...(isCovering ? ['--coverage', 'src'] : [])];
      const child = execFile(process.execPath, [runner, ...args], { cwd: folder, env }, (_error, output) => {
        resolve({ exitCode: child.exitCode ?? -1, output, lastLine: output.trimEnd().split('\n').at(-1) });
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
    const lines = `test('endless', async () => { await once(connect(${port}, '127.0.0.1'), 'connect'); ${body} });`;
    const folder = await writeFolder(one(lines, 60_000));
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
  test(each.name, async () => {
    if (each.isCovering) packagePath('c8');
    const { exitCode, output, lastLine } = (await results.get(each))!;
    assert.is(lastLine, each.lastLine, `the last line of:\n${output}`);
    assert.is(exitCode, each.exitCode);
    for (const text of each.shows ?? []) assert.match(output, text);
    for (const text of each.hides ?? []) assert.not.match(output, text);
  });
}

test.run();
