// The command line as a process: which command it runs, and what it tells about itself.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { program, run } from './cli/harness.js';
import { suite } from './runner/suite.js';

const description = fileURLToPath(new URL('../../package.json', import.meta.url));

const told = suite('cli');

const helps: readonly [args: string, usage: string, names: readonly string[]][] = [
  ['--help', 'twobyte COMMAND', ['serve', 'connect URL', 'bench URL', '--help', '--version']],
  ['server --help', 'twobyte COMMAND', ['serve']],
  ['serve --help', 'twobyte serve', ['--host', '--port', '--max-message-bytes', '--help']],
  ['serve --port 1 --help', 'twobyte serve', ['--port']],
  [
    'connect --help',
    'twobyte connect URL',
    [
      '--subprotocol', '--header', '--origin', '--binary', '--execute', '--wait', '--timeout', '--max-message-bytes',
      '--help', '/ping', '/close', '//', 'Ctrl-C', 'Ctrl-D', '--verbose', '--reconnect', '--listen', 'XDG_STATE_HOME',
    ],
  ],
  ['bench --help', 'twobyte bench URL', ['--connections', '--rate', '--size', '--duration', '--json', '--origin']],
];

for (const [args, usage, names] of helps) {
  told(args, async () => {
    const { code, output, errors } = await run(args.split(' '));
    assert.is(code, 0);
    assert.match(output, new RegExp(`^Usage: ${usage} `));
    for (const name of names) assert.match(output, name);
    assert.ok(output.split('\n').every((line) => line.length <= 100), 'a line is too long for a terminal');
    assert.is(errors, '');
  });
}

told('--version', async () => {
  const { version } = JSON.parse(readFileSync(description, 'utf8')) as { version: string };
  assert.equal(await run(['--version']), { code: 0, signal: null, output: `${version}\n`, errors: '' });
});

told('the compiled program begins with the line that finds Node', () => {
  assert.match(readFileSync(program, 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

const mistakes: readonly [args: string, sentence: string][] = [
  ['', 'a command is missing; see twobyte --help'],
  ['server', 'there is no command "server"; see twobyte --help'],
  ['constructor', 'there is no command "constructor"; see twobyte --help'],
  ['--port 0', 'there is no command "--port"; see twobyte --help'],
];

told('an error that nobody foresaw keeps its stack', async () => {
  const fault = 'console.log = () => { throw new Error("unforeseen") }';
  const { code, errors } = await run(['--help'], { NODE_OPTIONS: `--import=data:text/javascript,${encodeURI(fault)}` });
  assert.is(code, 1);
  assert.match(errors, /Error: unforeseen\n {4}at /);
});

for (const [args, sentence] of mistakes) {
  told(`${args}: one sentence and exit code 1`, async () => {
    const ending = await run(args.split(' ').filter(Boolean));
    assert.equal(ending, { code: 1, signal: null, output: '', errors: `twobyte: ${sentence}\n` });
  });
}

told.run();
