// The runner passes what is well, and fails in each case that a hasty runner would let pass.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from './runner/suite.js';

type Texts = Readonly<Record<string, string>>;

const runner = fileURLToPath(new URL('./run.js', import.meta.url));
const imports = `
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import * as assert from ${JSON.stringify(import.meta.resolve('uvu/assert'))};
import { requirePeer, suite } from ${JSON.stringify(new URL('./runner/suite.js', import.meta.url).href)};
`;
const root = mkdtempSync(join(tmpdir(), 'twobyte-run-'));

/** The text of a suite of these lines. */
function suiteOf(lines: string, name = 'one', timeout = 30_000): string {
  return `{ const test = suite('${name}', { timeout: ${timeout} });\n${lines}\ntest.run(); }\n`;
}

function writeFolder(texts: Texts): string {
  const folder = mkdtempSync(join(root, 'folder-'));
  for (const [name, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...texts })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), name.endsWith('.test.js') ? imports + text : text);
  }
  return folder;
}

/** What the runner prints of a folder; the exit code has to fit its last line. */
async function run(texts: Texts, args: readonly string[] = [], environment: Texts = {}): Promise<string> {
  const options = { cwd: writeFolder(texts), env: { ...process.env, CI: '', ...environment } };
  const child = execFile(process.execPath, [runner, '--folder', '.', ...args], options);
  let output = '';
  child.stdout!.on('data', (part: string) => void (output += part));
  const [exitCode] = await once(child, 'close');
  assert.is(exitCode, / 0 failed(?:, \d+ skipped)?\n$/.test(output) ? 0 : 1, output);
  return output;
}

const good = "test('good', () => {});\n";
const leak = "spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { stdio: 'inherit' }).unref();";

/** Files, how many of their tests pass, the places of what fails, and what else is printed of them. */
const cases: readonly [name: string, text: string, passed: number, failed: readonly string[], ...shows: string[]][] = [
  ['printing', suiteOf("test('good', () => { console.log('chatter'); process.emitWarning('beware'); });"), 1, [],
    'Warning: beware'],
  ['assertion', suiteOf(`${good}test('bad', () => { console.log('talk'); assert.equal([1, 2], [1, 3], 'unlike'); });`),
    1, ['one: bad'], 'Assertion: unlike', 'Expected:', '++', 'assertion.test.js:9:', 'printed:\n    talk\n'],
  ['thrown', suiteOf(`test('cause', () => { throw new Error('outer', { cause: new RangeError('inner') }); });
    test('later', async () => { await delay(1); throw new Error('late'); });
    for (const thrown of ['text', null, { message: 1 }]) test(String(thrown), () => { throw thrown; });\n${good}`),
    1, ['one: cause', 'one: later', 'one: text', 'one: null', 'one: [object Object]'],
    'Error: outer', 'caused by RangeError: inner', 'Error: late', "an Error: 'text'", 'Error: null', '{ message: 1 }'],
  ['no suite', '', 0, ['no test']],
  ['no test', suiteOf(''), 0, ['no test']],
  ['no run', suiteOf(`suite('two')('other', () => {});\n${good}`), 2, ['two'], 'run() is missing'],
  ['late test', suiteOf("setTimeout(() => test('late', () => {}), 1);\ntest('slow', () => delay(50));"),
    0, ['one: slow'], 'caused by Error: test "late" was added after run()'],
  ['same name', suiteOf(good + good), 0, ['the file cannot be loaded'], 'two tests named "good"'],
  ['hooks', ['before', 'before.each', 'after.each', 'after'].map((hook) =>
    suiteOf(`test.${hook}(() => { throw new Error('in ${hook}'); });\n${good}`, hook)).join(''),
    1, ['before: good', 'before.each: good', 'after.each: good', 'after: after'],
    'in before\n', 'in before.each', 'in after.each', 'in after\n'],
  ['order', suiteOf(`for (const [name, hook] of [['B', test.before], ['b', test.before.each], ['a', test.after.each],
    ['A', test.after]]) hook(() => console.log('hook ' + name));
    test('bad', () => { console.log('hook !'); throw new Error('x'); });`),
    0, ['one: bad'], 'hook B\n    hook b\n    hook !\n    hook a\n    hook A\n'],
  ['endless', `${suiteOf(`test.before(() => new Promise(() => {}));\n${good}`, 'hook', 300)}
    ${suiteOf(`test('endless', () => new Promise(() => {}));\n${good}`, 'one', 300)}`,
    1, ['hook: good', 'one: endless'], 'still running after 300 ms'],
  ['blocking', suiteOf("test('blocking', () => { for (;;); });", 'one', 300), 0, ['one: blocking'],
    'the process died here: SIGKILL'],
  ['elsewhere', suiteOf(`test('waiting', async () => { Promise.reject(new Error('lost')); await delay(50); });
    test('ended', () => { Promise.reject(undefined); });
    test('calling', async () => { setTimeout(() => { throw new Error('thrown'); }); await delay(50); });`),
    0, ['one: waiting', 'one: ended', 'one: calling'], 'Error: unhandledRejection while', 'caused by Error: lost',
    'Error: uncaughtException while', 'caused by Error: thrown'],
  ['afterwards', suiteOf("test('good', () => { setTimeout(() => { throw new Error('lost'); }, 50); });"),
    1, ['outside of tests: uncaughtException'], 'Error: lost'],
  ['broken', "throw new Error('no such thing');", 0, ['the file cannot be loaded'], 'Error: no such thing'],
  ['unloaded', 'await new Promise(() => {});', 0, ['before the first test'], 'died here: exit code 13'],
  ['exiting', suiteOf(`test('ending', () => process.exit(0));\n${good}`), 0, ['one: ending'], 'died here: exit code 0'],
  ['exit code', suiteOf("test('bad', () => { process.exitCode = 7; });"), 1, ['at the end'], 'exit code 7'],
  ['open', suiteOf("test('bad', () => { createServer().listen(0, '127.0.0.1'); });"),
    1, ['the process does not end by itself'], 'still open: ', 'TCPServerWrap'],
  ['outlived', suiteOf(`test('bad', () => { ${leak} });`), 1, ['at the end'], 'has outlived it'],
  ['absent', suiteOf("test('a', () => requirePeer('', 'no moon')); test('b', () => requirePeer(0, 'no sun'));"), 0, []],
  ['absent too', suiteOf(`test.before(() => requirePeer(false, 'no moon'));\n${good}test('other', () => {});`), 0, []],
];

const verdicts = suite('run: what becomes of a file');
let whole: Promise<string>;
verdicts.before(() => {
  const files = cases.map(([name, text]) => [`${name}.test.js`, text] as const);
  whole = run({ ...Object.fromEntries(files), 'other.js': 'throw 1' }, ['--silence', '15000']);
});

for (const [name, , passed, failed, ...shows] of cases) {
  verdicts(name, async () => {
    const begins = new RegExp(`^(?:pass|FAIL|skip) ${name}\\.test\\.js \\(`);
    const section = (await whole).split(/^(?=(?:pass|FAIL|skip) )/m).find((each) => begins.test(each)) ?? '';
    const verdict = failed.length > 0 ? 'FAIL' : passed > 0 ? 'pass' : 'skip';
    assert.is(section.split('\n', 1)[0], `${verdict} ${name}.test.js (${passed})`, section);
    const places = [...section.matchAll(/^  (\S.*)$/gm)].map(([, place]) => place!);
    assert.equal(places.filter((place) => !place.endsWith(' printed:')), failed, section);
    for (const text of shows) assert.ok(section.includes(text), `"${text}" is missing in:\n${section}`);
    for (const text of ['chatter', 'node:internal', 'node_modules/uvu']) assert.not.match(section, text);
  });
}

verdicts('the end tells which files failed, what was skipped and why, and how much of each', async () => {
  const failed = cases.filter(([, , , places]) => places.length > 0).map(([name]) => `FAIL ${name}.test.js\n`).sort();
  const output = await whole;
  assert.equal(output.match(/^FAIL .*\.test\.js\n/gm)!.sort(), failed);
  assert.match(output, /SKIPPED 3: no moon\nSKIPPED 1: no sun\n22 files in \d+ s\n11 passed, 29 failed, 4 skipped\n$/);
});

verdicts.run();

const command = suite('run: the command');
const both = { 'one.test.js': suiteOf(good), 'two.test.js': 'throw 1' };
/** A line of the compiled file stands three lines further up in its source. */
const map = JSON.stringify({ version: 3, sources: ['../pick.ts'], names: [], mappings: 'AAGA;AACA' });
const picking = (passes: string): Texts => ({
  'src/pick.js': 'export function pick(isFirst) {\n  return isFirst ? 1 : 2;\n}\n[].map(() => { });\n',
  'src/types.js': '\nexport {};\n',
  'one.test.js': suiteOf(`test('pick', async () => void [${passes}].map((await import('./src/pick.js')).pick));`),
});

const commands: readonly [
  name: string, texts: Texts, args: readonly string[], shows: string, ends: string, environment?: Texts,
][] = [
  ['a missing peer fails in CI; one that is there does not',
    { 'a.test.js': suiteOf("test('a', () => requirePeer('', 'no moon')); test('b', () => requirePeer(1, ''));") }, [],
    'one: a\n    Error: CI has all peers, but no moon', '1 passed, 1 failed', { CI: 'true' }],
  ['a path of a source file', both, ['test/one.test.ts'], 'pass one.test.js', '\n1 passed, 0 failed'],
  ['a pattern that matches nothing', both, ['one', 'three'], 'matches "three"', '1 passed, 1 failed'],
  ['tests that run all', picking('true, false'), ['--coverage', 'src'], 'pass coverage of src\n', '1 passed, 0 failed'],
  ['tests that miss a branch', picking('true'), ['--coverage', 'src'],
    'FAIL coverage of src\n  never run: src/pick.js:2: : 2\n', '1 passed, 1 failed'],
  ['tests that miss a function, with a place in the source',
    { ...picking(''), 'pick.ts': '\n\n\n/* c8 ignore next -- why */\n', 'src/pick.js.map': map }, ['--coverage', 'src'],
    '\n  never run: pick.ts:4: function pick(isFirst) {\n', '1 passed, 1 failed'],
  ['tests that miss a file', { ...picking('true, false'), 'src/other.js': '1;\n2;\n' }, ['--coverage', 'src'],
    'never run: src/other.js:1: 1;\n  never run: src/other.js:2: 2;\n', '1 passed, 2 failed'],
];
for (const [name, texts, args, shows, ends, environment] of commands) {
  command(name, async () => {
    const output = await run(texts, args, environment);
    assert.ok(output.includes(shows), output);
    assert.ok(output.endsWith(`${ends}\n`), output);
  });
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
  const body = signal === 'SIGKILL' ? 'await new Promise(() => {});' : 'for (;;);';
  command(`no test outlives a runner that is ended by ${signal}`, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const started = once(server, 'connection') as Promise<[Socket]>;
    const text = `test('endless', async () => {
      await new Promise((done) => connect(${port}, '127.0.0.1', done));
      ${body}
    });`;
    const folder = writeFolder({ 'one.test.js': suiteOf(text, 'one', 60_000) });
    const child = spawn(process.execPath, [runner, '--folder', folder], { stdio: 'ignore' });
    const [socket] = await started;
    // The system closes the connection when the process of the test is gone.
    const gone = once(socket.on('error', () => {}).resume(), 'close');
    child.kill(signal);
    await Promise.all([once(child, 'exit'), gone]);
    server.close();
  });
}

command.after(() => rmSync(root, { recursive: true }));
command.run();
