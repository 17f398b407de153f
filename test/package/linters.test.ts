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

for (const [name, path, parameters] of [
  ['publint', 'publint/src/cli.js', ['run', '--strict']],
  ['Are The Types Wrong', '@arethetypeswrong/cli/dist/index.js', ['--format', 'ascii']],
] as const) {
  linters(name, async () => {
    await run(process.execPath, [checkerPath(path), ...parameters, stranger.tarball]).catch(
      ({ stdout }: { readonly stdout: string }) => {
        throw new Error(stdout);
      },
    );
  });
}

linters.run();
