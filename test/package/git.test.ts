// The package can be installed from its Git repository, where nothing is built.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { checkerPath } from './checkers.js';
import { npm } from './stranger.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

/** What no repository has. */
const ignored = ['node_modules', 'dist', '.git'];

let folder: string;

const repository = suite('package/git', { timeout: 300_000 });

repository.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twobyte-git-'));
});

repository.after(() => rm(folder, { recursive: true, force: true }));

repository('npm install git+file:', async () => {
  // It needs the network; where the packages of this folder are, there is one.
  checkerPath('publint/package.json');
  const source = join(folder, 'source');
  const project = join(folder, 'project');
  await cp(root, source, { recursive: true, filter: (path) => !ignored.includes(basename(path)) });
  const git = (...parameters: string[]) => run('git', parameters, { cwd: source });
  await git('init', '--quiet');
  await git('add', '.');
  await git('-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', 'commit', '--quiet', '--message', 'All');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true }));
  await npm(project, 'install', '--no-audit', '--no-fund', `git+${pathToFileURL(source)}`);
  const { stdout } = await run(process.execPath, ['-p', "typeof require('twobyte').createServer"], { cwd: project });
  assert.is(stdout, 'function\n');
  assert.match(readFileSync(join(project, 'node_modules/.bin/twobyte'), 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

repository.run();
