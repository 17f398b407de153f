// What docs/performance.md says is what was measured, and the goals' tables are made as they should be.
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { MemoryOutcome } from '../../../bench/cases/memory.js';
import type { Outcome } from '../../../bench/harness/duel.js';
import { benchPath } from '../../../bench/packages.js';
import { blocksOf, fillIn } from '../../../bench/report/blocks.js';
import { loadReport, type Cases, type Load } from '../../../bench/report/results.js';
import { suite } from '../../runner/suite.js';

const test = suite('bench: report');

const documents = ['docs/performance.md', 'README.md'].map((path) => readFileSync(benchPath(`../${path}`), 'utf8'));

test('the numbers of the documents are those of the results: npm run bench -- performance', () => {
  const blocks = blocksOf(loadReport);
  for (const document of documents) assert.fixture(document, fillIn(document, blocks));
});

test('every part is shown, and no other is asked for', () => {
  const shown = [...documents.join('').matchAll(/<!-- results: ([\w-]+) -->/g)].map(([, name]) => name!);
  assert.equal([...shown].sort(), Object.keys(blocksOf(loadReport)).sort());
});

function outcome(peer: string, cpuPerMessage: number, median: number): Outcome {
  const rest = { messagesPerSecond: 1, bytesPerMessage: 0, p50: 1, p99: 1, serverShare: 1, loadShare: 1, rounds: [] };
  return { peer, version: '1', runtime: null, cpuPerMessage, ratio: { median, lowest: 0.25, highest: 4 }, ...rest };
}

function memoryOf(peer: string, resident: number, heap: number | null): MemoryOutcome {
  const usage = { resident, heap, external: null };
  const [afterBurst, afterClose] = [{ ...usage, resident: resident * 2 }, { ...usage, resident: resident / 2 }];
  return { peer, version: '1', runtime: null, before: usage, idle: usage, afterBurst, afterClose };
}

/** Finds these results, by the names of their files. */
function loading(results: Readonly<Record<string, unknown>>): Load {
  return (bench, runtime) => {
    const found = results[`${bench}.${runtime}`];
    if (found === undefined) return null;
    const [command, date] = [`npm run bench -- ${bench} --rounds 3`, '2026-01-02T03:04'];
    return { bench, command, date, runtime: `${runtime} of a test`, machine: 'a machine', results: found as never };
  };
}

const echo: Cases = [
  { name: '100 × 1, 32 B binary', outcomes: [outcome('twobyte', 2, 1), outcome('ws', 4, 0.5), outcome('Bun', 1, 2)] },
];

test('the goals of each Node: echo, handshake, the client with large messages, and memory', () => {
  const [own, bare] = [outcome('twobyte', 10, 1), outcome('bare net', 8, 1.25)];
  const { goals } = blocksOf(loading({
    'echo.node-24': echo,
    'connect.node-24': [{ name: 'TCP', outcomes: [own, bare] }, { name: 'TLS', outcomes: [own] }],
    'client.node-24': [
      { name: '1 × 1, 32 B binary', outcomes: [own] }, { name: '1 × 1, 1 MiB binary', outcomes: [own, bare] },
    ],
    'memory.node-24': [{
      name: '10 connections over TCP',
      outcomes: [memoryOf('twobyte', 6000, 3000), memoryOf('bare net', 2500, 1000), memoryOf('ws', 4000, 6000)],
    }],
  }));
  assert.is(goals, [
    '### Node 24',
    '',
    'node-24 of a test, a machine: `echo` 2026-01-02 03:04, `connect` 2026-01-02 03:04, `client` 2026-01-02 03:04, ' +
      '`memory` 2026-01-02 03:04 UTC.',
    '',
    '|  | µs of CPU | ÷ ws | ÷ bare net | ÷ Bun |',
    '| --- | --- | --- | --- | --- |',
    '| echo: 100 × 1, 32 B binary | 2.00 | 0.50 (0.25–4.00) | – | 2.00 (0.25–4.00) |',
    '| opening handshake: TCP | 10.00 | – | 1.25 (0.25–4.00) | – |',
    '| client: 1 × 1, 1 MiB binary | 10.00 | – | 1.25 (0.25–4.00) | – |',
    '',
    '| 10 connections over TCP, for each | KB | ÷ ws | − bare net, KB |',
    '| --- | --- | --- | --- |',
    '| RAM, idle | 6.0 | 1.50 | 3.5 |',
    '| heap, idle | 3.0 | 0.50 | 2.0 |',
    '| RAM after a burst | 12.0 | 1.50 | 7.0 |',
    '| RAM after all have closed | 3.0 | 1.50 | 1.8 |',
    '',
  ].join('\n'));
});

test('the newest Node comes first, and the details are of it', () => {
  const { goals, headline } = blocksOf(loading({ 'echo.node-20': echo, 'echo.node-26': echo, 'echo.node-24': echo }));
  assert.equal([...goals!.matchAll(/^### (.*)$/gm)].map(([, title]) => title), ['Node 26', 'Node 24', 'Node 20']);
  assert.match(headline!, '`npm run bench -- echo`, 2026-01-02 03:04 UTC, node-26 of a test, a machine.\n');
});

test('on Bun and on Deno ours is compared with the server of each', () => {
  const onDeno: Cases = [{ ...echo[0], outcomes: [outcome('twobyte', 2, 1), outcome('Deno', 8, 0.25)] }];
  const { goals } = blocksOf(loading({ 'echo.bun': echo, 'echo.deno': onDeno }));
  assert.match(goals!, '| echo on Bun | µs of CPU | ÷ the server of Bun | ÷ ws | ÷ bare net |');
  assert.match(goals!, '| 100 × 1, 32 B binary | 2.00 | 2.00 (0.25–4.00) | 0.50 (0.25–4.00) | – |');
  assert.match(goals!, '| echo on Deno | µs of CPU | ÷ the server of Deno | ÷ ws | ÷ bare net |');
  assert.match(goals!, '| 100 × 1, 32 B binary | 2.00 | 0.25 (0.25–4.00) | – | – |');
});

test('what was not measured has no part, and its place stays as it is', () => {
  const document = '<!-- results: echo -->\nas before\n<!-- end -->';
  assert.is(fillIn(document, blocksOf(loading({}))), document);
  assert.is(fillIn(document, { echo: 'new\n' }), '<!-- results: echo -->\n\nnew\n\n<!-- end -->');
});

test.run();
