// Those who lint packages find nothing wrong with ours: publint, and Are The Types Wrong.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { suite } from '../runner/suite.js';
import { checkerPath } from './checkers.js';
import { Stranger } from './stranger.js';

const run = promisify(execFile);

let stranger: Stranger;

const linters = suite('package/linters');

linters.before(async () => {
  stranger = await Stranger.create();
});

linters.after(() => stranger?.[Symbol.asyncDispose]());

const TYPES = '@arethetypeswrong/cli/dist/index.js';
const PLAIN = ['--format', 'ascii'];
/** For `import` alone, in browsers and with clients that are modules too. */
const MODULES = ['./browser', './redis', './nats'];

for (const [name, path, command, parameters] of [
  ['publint', 'publint/src/cli.js', ['run', '--strict'], []],
  ['Are The Types Wrong', TYPES, PLAIN, ['--exclude-entrypoints', ...MODULES]],
  ['Are The Types Wrong: modules', TYPES, PLAIN, ['--profile', 'esm-only', '--entrypoints', ...MODULES]],
] as const) {
  linters(name, async () => {
    await run(process.execPath, [checkerPath(path), ...command, stranger.tarball, ...parameters]).catch(
      ({ stdout }: { readonly stdout: string }) => {
        throw new Error(stdout);
      },
    );
  });
}

linters.run();
