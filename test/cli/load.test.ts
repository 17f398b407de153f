// A load: what counts as late, and that nothing that was due is left out.
import * as assert from 'uvu/assert';
import { Histogram } from '../../src/cli/histogram.js';
import { measure, type Load } from '../../src/cli/load.js';
import { connectionPair, type Connection } from '../../src/index.js';
import { suite } from '../runner/suite.js';

const test = suite('cli/load');

const load: Load = { connections: 2, rate: 1000, message: 'x', warmUp: 0, milliseconds: 100, patience: 60_000 };

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
  const message = Buffer.alloc(600_000);
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
  const onStart = (stop: () => void): void => void setImmediate(stop);
  const { sent, answered } = await measure(connections, { ...load, milliseconds: 2 ** 30 }, { onStart });
  assert.is(answered, sent);
  await closeAll(connections);
});

test('what is sent to warm up is answered, but not counted', async () => {
  for (const [rate, least] of [[1000, 150], [0, 4]] as const) {
    let received = 0;
    const connections = clients(async (connection) => {
      for await (const message of connection) {
        received++;
        void connection.send(message);
      }
    });
    const latencies = new Histogram();
    const { sent, answered, unsent } = await measure(connections, { ...load, rate, warmUp: 50 }, { latencies });
    assert.equal([answered, unsent, latencies.count], [sent, 0, sent]);
    assert.ok(received >= least && received > sent, `${received}`);
    if (rate > 0) assert.equal([sent, received], [100, 150]);
    await closeAll(connections);
  }
});

test('nor does what finds no room then, or Ctrl-C before anything counts', async () => {
  const stuck = clients(async () => {});
  const message = Buffer.alloc(600_000);
  const { sent, unsent } = await measure(stuck, { ...load, message, warmUp: 50, patience: 0 });
  assert.equal([sent, unsent], [0, 100]);
  await closeAll(stuck);

  const connections = clients(echo);
  const onStart = (stop: () => void): void => void setImmediate(stop);
  const ended = await measure(connections, { ...load, warmUp: 2 ** 30 }, { onStart });
  assert.equal([ended.sent, ended.answered, ended.unsent, ended.latency.max], [0, 0, 0, 0]);
  assert.ok(ended.perSecond === 0, `${ended.perSecond}`);
  await closeAll(connections);
});

test('who looks on is told of each step, and has all latencies at the end', async () => {
  const connections = clients(echo);
  const latencies = new Histogram();
  const times: number[] = [];
  const counts: number[] = [];
  const { latency } = await measure(connections, load, {
    latencies,
    onProgress(elapsed, answered) {
      times.push(elapsed);
      counts.push(answered);
    },
  });
  assert.equal([times[0], counts[0]], [0, 0]);
  assert.ok(times.every((time, index) => index === 0 || time >= times[index - 1]!));
  assert.ok(counts.every((count, index) => index === 0 || count >= counts[index - 1]!));
  assert.is(latencies.count, 100);
  assert.is(latencies.longest, Math.round(latency.max * 1000));
  await closeAll(connections);
});

test.run();
