// `twobyte bench`: how a load is given, and how its results are printed.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { report } from '../../src/cli/bench.js';
import type { Load } from '../../src/cli/load.js';
import { createServer, HttpError, requireWebSocket, type Connection } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { startDemo } from '../support/demo.js';
import { Run, run } from './harness.js';

const test = suite('cli/bench');

const load: Load = { connections: 2, rate: 1000, message: 'x', warmUp: 0, milliseconds: 100, patience: 60_000 };

async function echo(connection: Connection): Promise<void> {
  for await (const message of connection) void connection.send(message);
}

test('the report', () => {
  const latency = { mean: 1.5, p50: 1, p90: 2, p99: 3, 'p99.9': 4.25, max: 1234.5 };
  const results = { sent: 10, answered: 9, unsent: 0, lost: 0, perSecond: 9.5, latency };
  assert.is(report(results, load), [
    '2 connections, messages of 1 bytes, 1000 per second',
    'sent 10, answered 9, 9.5 answers per second',
    'latency in milliseconds',
    '  mean         1.500',
    '  p50          1.000',
    '  p90          2.000',
    '  p99          3.000',
    '  p99.9        4.250',
    '  max       1234.500',
  ].join('\n'));
  const lines = report({ ...results, unsent: 2, lost: 1 }, { ...load, rate: 0 }).split('\n');
  assert.equal([lines[0], ...lines.slice(2, 4)], [
    '2 connections, messages of 1 bytes, one after the other',
    'not sent, as there was no room: 2',
    'connections that were lost: 1',
  ]);
});

test('as a command: text, JSON, binary', async () => {
  await using demo = await startDemo();
  const url = `ws://127.0.0.1:${demo.port}/echo/`;
  const some = ['--connections', '3', '--rate', '300', '--duration', '0.1', '--warm-up', '0.05', '--size', '5'];
  const text = await run(['bench', url, ...some]);
  assert.equal([text.code, text.errors], [0, '']);
  assert.match(text.output, /^3 connections, messages of 5 bytes, 300 per second\nsent 30, answered 30, /);
  assert.is(demo.server.stats.received.messages, 45);
  const json = await run(['bench', url, ...some, '--json', '--binary']);
  const { sent, answered, latency } = JSON.parse(json.output) as Record<string, object>;
  assert.equal([json.code, sent, answered], [0, 30, 30]);
  assert.equal(Object.keys(latency!), ['mean', 'p50', 'p90', 'p99', 'p99.9', 'max']);
});

test('a picture of the latencies', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    await using demo = await startDemo();
    const file = join(folder, 'latencies.svg');
    const times = ['--rate', '100', '--duration', '0.1', '--warm-up', '0'];
    const args = ['bench', `ws://127.0.0.1:${demo.port}/echo/`, ...times, '--svg'];
    const { code, output, errors } = await run([...args, file]);
    assert.equal([code, errors], [0, '']);
    const svg = readFileSync(file, 'utf8');
    assert.match(svg, output.split('\n', 1)[0]!);
    assert.match(svg, ' of 10 answers ');

    // Nothing was sent for a picture that can't be drawn.
    const nowhere = join(folder, 'missing', 'latencies.svg');
    const { received } = demo.server.stats;
    const failed = await run([...args, nowhere]);
    const sentence = `twobyte: the file of --svg cannot be written: ${nowhere} (ENOENT)\n`;
    assert.equal([failed.code, failed.output, failed.errors], [1, '', sentence]);
    assert.is(demo.server.stats.received.messages, received.messages);
    assert.is(existsSync(nowhere), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a server that ends connections: exit code 1', async () => {
  await using demo = await startDemo();
  const { code, output } = await run(['bench', `ws://127.0.0.1:${demo.port}/websocket/`, '--connections', '2']);
  assert.is(code, 1);
  assert.match(output, /\nconnections that were lost: 2\n/);
});

test('a server that refuses one of the connections ends it, with none left open', async () => {
  let opened = 0;
  const server = createServer({ onRefuse: () => {} });
  server.route('/', requireWebSocket(({ webSocket }) => echo(webSocket), {
    authorize() {
      if (++opened > 2) throw new HttpError('FULL', 503, 'full');
      return true;
    },
  }));
  const { port } = (await server.listen(0, '127.0.0.1')) as { port: number };
  const ending = await run(['bench', `ws://127.0.0.1:${port}/`, '--connections', '3']);
  const errors = 'twobyte: the server answered with status 503: full\n';
  assert.equal(ending, { code: 1, signal: null, output: '', errors });
  await server.close();
});

test('Ctrl-C prints what is known so far', async () => {
  await using demo = await startDemo();
  const times = ['--duration', '86400', '--warm-up', '0'];
  await using program = new Run(['bench', `ws://127.0.0.1:${demo.port}/echo/`, ...times, '--json']);
  // It has begun to listen for signals with the first message.
  while (demo.server.stats.received.messages === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  program.child.kill('SIGINT');
  const { code, output } = await program.end();
  assert.is(code, 0);
  assert.ok((JSON.parse(output) as { answered: number }).answered > 0);
});

test('mistakes', async () => {
  for (const [args, sentence] of [
    ['', 'a URL is missing, such as ws://127.0.0.1:8000/echo/'],
    ['ws://127.0.0.1:1/ --connections 0', '--connections must be at least 1'],
    ['ws://127.0.0.1:1/ --connections 10001', '--connections must be a whole number from 0 to 10000, not "10001"'],
    ['ws://127.0.0.1:1/ --rate fast', '--rate must be a whole number from 0 to 1000000, not "fast"'],
    ['ws://127.0.0.1:1/ --warm-up soon', '--warm-up must be seconds from 0 to 2147483, not "soon"'],
    ['ws://127.0.0.1:1/', 'cannot connect to 127.0.0.1:1 (ECONNREFUSED); check the URL, and that the server runs'],
  ] as const) {
    const ending = await run(['bench', ...args.split(' ').filter(Boolean)]);
    assert.equal(ending, { code: 1, signal: null, output: '', errors: `twobyte: ${sentence}\n` });
  }
});

test.run();
