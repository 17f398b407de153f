// What `--runtime` may be, and what is said to whoever asks for something else.
import * as assert from 'uvu/assert';
import { checkRuntime } from '../../../bench/harness/options.js';
import { findRuntime, ownRuntime, type Runtime } from '../../../bench/harness/runtimes.js';
import { suite } from '../../runner/suite.js';

const test = suite('bench: runtimes');

const bun: Runtime = { kind: 'Bun', name: 'Bun', id: 'bun', version: '1.2.3', command: ['bun'] };
const otherNode: Runtime = { kind: 'Node', name: 'Node 99', id: 'node-99', version: '99.0.0', command: ['other/node'] };

test('node is the one that runs the bench, with its version or without', () => {
  assert.is(findRuntime('node'), ownRuntime);
  assert.is(findRuntime(`node@${process.versions.node.split('.')[0]}`), ownRuntime);
  assert.is(ownRuntime.version, process.versions.node);
  assert.is(ownRuntime.command[0], process.execPath);
});

test('the others are those of bench/package.json: each is there, or it is said how to install it', () => {
  for (const name of ['node@22', 'node@24', 'node@26', 'bun', 'deno']) {
    try {
      const runtime = findRuntime(name);
      assert.is(runtime.id, name.replace('@', '-'));
      if (runtime.kind === 'Node') assert.ok(`node-${runtime.version}`.startsWith(`${runtime.id}.`));
    } catch (error) {
      assert.is((error as Error).message, `--runtime ${name} is not installed: npm ci --prefix bench`);
    }
  }
});

test('an unknown one is an error that lists those there are', () => {
  for (const name of ['nodejs', 'node@8', 'bun@1', 'constructor']) {
    assert.throws(() => findRuntime(name), (error: Error) => {
      return error.message === `--runtime ${name} is unknown: it may be node, node@22, node@24, node@26, bun, deno`;
    });
  }
});

test('a bench that needs Node says so', () => {
  checkRuntime(otherNode, 'any Node');
  checkRuntime(bun, 'any');
  assert.throws(() => checkRuntime(bun, 'any Node'), /can't run on Bun: --runtime node@…$/);
});

test('a bench that measures itself says with which program to run it', () => {
  checkRuntime(ownRuntime, 'this Node');
  assert.throws(() => checkRuntime(otherNode, 'this Node'), /can't run on Node 99 by --runtime: run other\/node /);
  assert.throws(() => checkRuntime(bun, 'this Node'), /can't run on Bun by --runtime$/);
});

test.run();
