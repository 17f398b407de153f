// examples/metrics: what Prometheus reads, what OpenTelemetry collects, and that the dashboard asks for what is there.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { createServer, requireWebSocket } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { Example, examplePath, requireExamples } from './example.js';

interface Family {
  readonly name: string;
  readonly type: string;
  readonly metrics: readonly { readonly value?: string; readonly labels?: Readonly<Record<string, string>> }[];
}

/** A package of the examples. */
function load(name: string): any {
  requireExamples();
  return createRequire(examplePath('package.json'))(name);
}

async function scrape(port: number): Promise<Map<string, Family>> {
  const request = 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n';
  const { status, headers, body } = await httpRequest(port, request);
  assert.is(status, 200);
  assert.match(headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  const parse = load('parse-prometheus-text-format');
  return new Map((parse(body.toString()) as Family[]).map((family) => [family.name, family]));
}

/** A message to the echo and back, and a handshake that is refused. */
async function use(port: number): Promise<RawClient> {
  const origin = upgradeRequest('/live/', { Origin: 'https://other.example' });
  assert.is((await httpRequest(port, origin)).status, 403);
  const client = await RawClient.connect(port);
  await client.upgrade('/live/');
  client.sendFrame(1, 'hello');
  assert.is((await client.readFrame()).payload.toString(), 'hello');
  return client;
}

const test = suite('examples/metrics', { timeout: 60_000 });

test('Prometheus reads what has happened', async () => {
  await using example = await Example.start('metrics/prometheus.js');
  await using client = await use(example.port);
  const families = await scrape(example.port);
  const valueOf = (name: string): unknown => {
    const { type, metrics } = families.get(name)!;
    return [type, ...metrics.map(({ value, labels }) => [Number(value), ...Object.values(labels ?? {})])];
  };
  assert.equal(valueOf('twobyte_connections'), ['GAUGE', [1]]);
  assert.equal(valueOf('twobyte_connections_total'), ['COUNTER', [1]]);
  assert.equal(valueOf('twobyte_received_messages_total'), ['COUNTER', [1]]);
  assert.equal(valueOf('twobyte_received_bytes_total'), ['COUNTER', [5]]);
  assert.equal(valueOf('twobyte_received_wire_bytes_total'), ['COUNTER', [11]]);
  assert.equal(valueOf('twobyte_sent_wire_bytes_total'), ['COUNTER', [7]]);
  assert.equal(valueOf('twobyte_refused_total'), ['COUNTER', [1, 'ORIGIN_REFUSED']]);
  assert.is(families.get('twobyte_round_trip_seconds')!.type, 'HISTOGRAM');
  client.sendFrame(8, Buffer.from([0x03, 0xe8]));
  await client.readToEnd();
});

test('the dashboard asks in PromQL for what is there', async () => {
  await using example = await Example.start('metrics/prometheus.js');
  const families = await scrape(example.port);
  const { parser } = load('@prometheus-io/lezer-promql');
  const { panels } = JSON.parse(readFileSync(examplePath('metrics/dashboard.json'), 'utf8'));
  const asked = (panels as { targets: { expr: string }[] }[]).flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert.ok(asked.length > 10);
  const names: string[] = [];
  for (const expression of asked) {
    parser.parse(expression).iterate({
      enter: ({ type, from, to }: { type: { isError: boolean; name: string }; from: number; to: number }) => {
        assert.not(type.isError, expression);
        const name = expression.slice(from, to);
        if (type.name !== 'Identifier') return;
        names.push(name);
        assert.ok(families.has(name.replace(/_bucket$/, '')), name);
      },
    });
  }
  assert.ok(names.length >= asked.length);
});

test('OpenTelemetry collects the same', async () => {
  requireExamples();
  const { observe } = await import(pathToFileURL(examplePath('metrics/opentelemetry.js')).href);
  const { MeterProvider, MetricReader } = load('@opentelemetry/sdk-metrics');
  class Reader extends MetricReader {
    onForceFlush(): Promise<void> {
      return Promise.resolve();
    }

    onShutdown(): Promise<void> {
      return Promise.resolve();
    }
  }
  const reader = new Reader();
  const provider = new MeterProvider({ readers: [reader] });
  const server = createServer({ onRefuse: () => {} });
  server.route('/live/', requireWebSocket(async ({ webSocket }) => {
    for await (const message of webSocket) await webSocket.send(message);
  }));
  observe(server, provider.getMeter('test'));
  const { port } = (await server.listen(0, '127.0.0.1')) as { port: number };
  const client = await use(port);
  const { resourceMetrics } = await reader.collect();
  const points = resourceMetrics.scopeMetrics[0].metrics.flatMap(({ descriptor, dataPoints }: any) => {
    return dataPoints.map(({ attributes, value }: any) => {
      return [descriptor.name, ...Object.values(attributes), value.sum ?? value];
    });
  });
  assert.equal(points.sort(), [
    ['websocket.connections', 1],
    ['websocket.message.size', 'incoming', 5],
    ['websocket.message.size', 'outgoing', 5],
    ['websocket.messages', 'received', 1],
    ['websocket.messages', 'sent', 1],
    ['websocket.refused', 'ORIGIN_REFUSED', 1],
    ['websocket.wire', 'received', 11],
    ['websocket.wire', 'sent', 7],
  ]);
  await client[Symbol.asyncDispose]();
  await server.close();
  await provider.shutdown();
});

test.run();
