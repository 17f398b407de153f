// `twobyte bench`: what counts as late, what is left out of nothing, and how it is printed.
import * as assert from 'uvu/assert';
import { measure, report, type Load } from '../../src/cli/bench.js';
import { connectionPair, createServer, HttpError, requireWebSocket, type Connection } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { startDemo } from '../support/demo.js';
import { Run, run } from './harness.js';

const test = suite('cli/bench');

const load: Load = { connections: 2, rate: 1000, message: 'x', milliseconds: 100, patience: 60_000 };

async function echo(connection: Connection): Promise<void> {
  for await (const message of connection) void connection.send(message);
}

/** Two clients, and what becomes of their servers. */
function clients(serve: (connection: Connection) => Promise<unknown>): Connection[] {
  return [0, 1].map(() => {
    const [server, client] = connectionPair();
    void serve(server).catch(() => {});
    return client;
  });
}

async function closeAll(connections: readonly Connection[]): Promise<void> {
  for (const connection of connections) connection.terminate();
  await Promise.all(connections.map(({ closed }) => closed));
}

test('all messages that are due are sent and answered, however slow the machine', async () => {
  for (const message of ['x'.repeat(10), Buffer.alloc(10)]) {
    const connections = clients(echo);
    const { sent, answered, unsent, lost, perSecond, latency } = await measure(connections, { ...load, message });
    assert.equal([sent, answered, unsent, lost], [100, 100, 0, 0]);
    assert.ok(perSecond > 0);
    const { mean, p50, p90, p99, max } = latency;
    assert.ok(p50 <= p90 && p90 <= p99 && p99 <= max && mean <= max);
    await closeAll(connections);
  }
});

test('a server that stalls makes all late that was due meanwhile', async () => {
  let release = (): void => {};
  const connections = clients(async (connection) => {
    await new Promise<void>((resolve) => (release = joined(release, resolve)));
    await echo(connection);
  });
  const measuring = measure(connections, load);
  // The last message is due before this.
  setTimeout(() => release(), load.milliseconds);
  const { sent, answered, latency } = await measuring;
  assert.equal([sent, answered], [100, 100]);
  // What was due in the first half has waited for the second, and more. A timer may be a millisecond early.
  assert.ok(latency.p50 >= load.milliseconds / 2 - 2, `${latency.p50}`);
  assert.ok(latency.max >= load.milliseconds - 2, `${latency.max}`);
  await closeAll(connections);
});

function joined(one: () => void, other: () => void): () => void {
  return () => (one(), other());
}

test('messages without room are not forgotten', async () => {
  const connections = clients(async () => {});
  const message = Buffer.alloc(2 << 20);
  const { sent, answered, unsent } = await measure(connections, { ...load, message, patience: 0 });
  assert.is(answered, 0);
  assert.ok(sent >= 2 && sent < 100, `${sent}`);
  assert.is(sent + unsent, 100);
  await closeAll(connections);
});

test('nor those of a process that stalls for all of the time', async () => {
  const connections = clients(async () => {});
  const measuring = measure(connections, { ...load, milliseconds: 20, patience: 0 });
  for (const until = performance.now() + 40; performance.now() < until; );
  const { sent, unsent } = await measuring;
  assert.equal([sent, unsent], [20, 0]);
  await closeAll(connections);
});

test('nor those that had no room for a while', async () => {
  let release = (): void => {};
  const connections = clients(async (connection) => {
    await new Promise<void>((resolve) => (release = joined(release, resolve)));
    for await (const _ of connection) void connection.send('y');
  });
  const message = Buffer.alloc(600_000);
  const measuring = measure(connections, { ...load, rate: 100, message });
  setTimeout(() => release(), load.milliseconds);
  const { sent, answered, unsent } = await measuring;
  assert.equal([sent, answered, unsent], [10, 10, 0]);
  await closeAll(connections);
});

test('without a rate, the next is sent when the last was answered', async () => {
  let inFlight = 0;
  let most = 0;
  const connections = clients(async (connection) => {
    for await (const message of connection) {
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight--;
      void connection.send(message);
    }
  });
  const { sent, answered, unsent } = await measure(connections, { ...load, rate: 0, milliseconds: 20 });
  assert.ok(sent >= 2);
  assert.equal([answered, unsent], [sent, 0]);
  assert.ok(most <= 2, `${most}`);
  await closeAll(connections);
});

test('a connection that ends is lost, and if all are it ends', async () => {
  const connections = clients(async (connection) => {
    await connection.wait();
    connection.terminate();
  });
  const { lost, answered } = await measure(connections, { ...load, milliseconds: 2 ** 30 });
  assert.equal([lost, answered], [2, 0]);
});

test('it can be ended early', async () => {
  const connections = clients(echo);
  const stop = (stopNow: () => void): void => void setImmediate(stopNow);
  const { sent, answered } = await measure(connections, { ...load, milliseconds: 2 ** 30 }, stop);
  assert.is(answered, sent);
  await closeAll(connections);
});

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
  const some = ['--connections', '3', '--rate', '300', '--duration', '0.1', '--size', '5'];
  const text = await run(['bench', url, ...some]);
  assert.equal([text.code, text.errors], [0, '']);
  assert.match(text.output, /^3 connections, messages of 5 bytes, 300 per second\nsent 30, answered 30, /);
  const json = await run(['bench', url, ...some, '--json', '--binary']);
  const { sent, answered, latency } = JSON.parse(json.output) as Record<string, object>;
  assert.equal([json.code, sent, answered], [0, 30, 30]);
  assert.equal(Object.keys(latency!), ['mean', 'p50', 'p90', 'p99', 'p99.9', 'max']);
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
  await using program = new Run(['bench', `ws://127.0.0.1:${demo.port}/echo/`, '--duration', '86400', '--json']);
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
    ['ws://127.0.0.1:1/', 'cannot connect to 127.0.0.1:1 (ECONNREFUSED); check the URL, and that the server runs'],
  ] as const) {
    const ending = await run(['bench', ...args.split(' ').filter(Boolean)]);
    assert.equal(ending, { code: 1, signal: null, output: '', errors: `twobyte: ${sentence}\n` });
  }
});

test.run();
