// Results of several runtimes: what tables call them, and what goes into the file of each.
import * as assert from 'uvu/assert';
import { relate, type Outcome } from '../../../bench/harness/duel.js';
import { parseBenchOptions } from '../../../bench/harness/options.js';
import { resultsOn, titlesOf } from '../../../bench/harness/peers.js';
import type { Runtime } from '../../../bench/harness/runtimes.js';
import { suite } from '../../runner/suite.js';

const test = suite('bench: peers');

const node: Runtime = { kind: 'Node', name: 'Node 26', id: 'node-26', version: '26.0.0', command: ['node'] };

function outcome(peer: string, runtime: string | null, rounds: readonly number[]): Omit<Outcome, 'ratio'> {
  const rest = { messagesPerSecond: 1, bytesPerMessage: 0, p50: 1, p99: 1, serverShare: 1, loadShare: 1 };
  return { peer, version: '1', runtime, rounds, cpuPerMessage: rounds[0], ...rest };
}

const onNode = outcome('twobyte', 'Node 26', [2, 4, 6]);
const onBun = outcome('twobyte', 'Bun', [1, 4, 12]);
const native = outcome('Bun', null, [4, 2, 1]);

test('a name tells the runtime only where there are several', () => {
  assert.equal(titlesOf([onNode, onBun, native]), ['twobyte (Node 26) 1', 'twobyte (Bun) 1', 'Bun 1']);
  assert.equal(titlesOf([onNode, native]), ['twobyte 1', 'Bun 1']);
});

test('native servers belong to the results of every runtime', () => {
  assert.equal(resultsOn(node, [onNode, onBun, native]), [onNode, native]);
});

test('a ratio is that of the first to each, round by round', () => {
  const ratios = (outcomes: readonly Omit<Outcome, 'ratio'>[]) => relate(outcomes).map(({ ratio }) => ratio);
  assert.equal(ratios([onNode, onBun]), [
    { median: 1, lowest: 1, highest: 1 }, { median: 1, lowest: 0.5, highest: 2 },
  ]);
  assert.equal(ratios(resultsOn({ ...node, name: 'Bun' }, [onNode, onBun, native]))[1], {
    median: 2, lowest: 0.25, highest: 12,
  });
});

test('a pattern that no peer has is an error that lists them', () => {
  assert.throws(() => parseBenchOptions({}, ['--peer', '^x$']), /^--peer \^x\$ matches none of twobyte, /);
});

test('a runtime that is given twice takes part once', () => {
  const { runtimes, peers } = parseBenchOptions({}, ['--runtime', 'node', '--runtime', 'node', '--peer', '^twobyte$']);
  assert.is(runtimes.length, 1);
  assert.is(peers.length, 1);
});

test('another checkout takes part in the styles of those that are chosen', () => {
  const { peers } = parseBenchOptions({}, ['--peer', '^twobyte( read..)?$', '--base', 'some/before']);
  assert.equal(peers.map(({ name }) => name), ['twobyte', 'twobyte read()', 'base for await', 'base read()']);
  assert.equal(peers.map(({ version }) => version).slice(2), ['before', 'before']);
});

test('the library takes part once more on Node with a flag', () => {
  const { peers } = parseBenchOptions({}, ['--peer', '^twobyte$', '--flag=--jitless']);
  assert.equal(peers.map(({ name }) => name), ['twobyte', 'twobyte --jitless']);
  const [plain, flagged] = peers.map(({ command }) => command);
  assert.equal(flagged, [plain![0], '--jitless', ...plain!.slice(1)]);
});

test.run();
