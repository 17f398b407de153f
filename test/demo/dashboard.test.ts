// What the dashboard's feed says of a server, each second.
import * as assert from 'uvu/assert';
import { addDashboardRoutes, takeSample, type Sample } from '../../src/demo/dashboard.js';
import { createServer, requireWebSocket, type Connection } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { httpRequest } from '../support/peers/raw-client.js';
import { get, until } from '../server/harness.js';

const test = suite('dashboard');

const NONE = { slow: 0, opened: 0, refused: 0, messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };

test('a sample is what has happened since the last, and how it is now', async () => {
  const server = createServer({ onRefuse: () => {} });
  server.route('/', requireWebSocket(async ({ webSocket }) => {
    for await (const message of webSocket) await webSocket.send(message);
  }, { origins: [] }));
  const before = server.stats;
  const roundTrips = [0, 0, 0, 0, 0, 0, 0];
  assert.equal(takeSample(server, before, 5), { ...NONE, time: 5, open: 0, roundTrips });
  const socket = await server.inject('/');
  await socket.send('hello');
  await socket.wait();
  await server.inject('/nothing').catch(() => {});
  const first = takeSample(server, before, 6);
  assert.equal(first, {
    time: 6, open: 1, slow: 0, opened: 1, refused: 1, messagesIn: 1, messagesOut: 1, bytesIn: 11, bytesOut: 7,
    roundTrips,
  });
  assert.equal(takeSample(server, server.stats, 7), { ...NONE, time: 7, open: 1, roundTrips });
  await socket.close();
  await server.close();
});

test('slow readers, and round trips by their length', () => {
  const { stats } = createServer();
  const connections = new Set([
    [0, null], [65_536, 0.5], [65_537, 1], [1 << 20, 1.1], [0, 300], [0, 301], [0, 1e6],
  ].map(([bufferedAmount, roundTrip]) => ({ bufferedAmount, stats: { roundTrip } }) as Connection));
  const { open, slow, roundTrips } = takeSample({ stats: { ...stats, open: 7 }, connections }, stats, 0);
  assert.equal([open, slow, roundTrips], [7, 2, [2, 1, 0, 0, 0, 1, 2]]);
});

test('the page is there, and samples come as a feed until it ends', async () => {
  const server = createServer();
  const end = addDashboardRoutes(server);
  await server.listen(0, '127.0.0.1');
  const { port } = server.address() as { port: number };
  const { status, headers } = await httpRequest(port, get('/dashboard/', 'Connection: close'));
  assert.equal([status, headers.get('content-type')], [200, 'text/html; charset=utf-8']);
  const socket = await server.inject('/dashboard/feed');
  const samples: Sample[] = [];
  while (samples.length < 2) {
    const { value } = JSON.parse(String(await socket.wait())) as { value?: Sample };
    if (value !== undefined) samples.push(value);
  }
  assert.ok(samples[1]!.open === 1 && samples[1]!.time > samples[0]!.time);
  end();
  assert.is((await socket.closed).code, 1000);
  await until('it is removed', () => server.connections.size === 0);
  await server.close();
});

test.run();
