// The protocols of examples/: the real client of each talks to it.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { RawClient } from '../support/peers/raw-client.js';
import { Example, examplePath, requireExamples } from './example.js';

/** A package of the examples, such as a client. */
function load(name: string): any {
  requireExamples();
  return createRequire(examplePath('package.json'))(name);
}

const test = suite('examples/protocols', { timeout: 60_000 });

test('graphql-ws: a query, and a subscription to its end', async () => {
  await using example = await Example.start('protocols/graphql-ws.js');
  const client = load('graphql-ws').createClient({
    url: `ws://127.0.0.1:${example.port}/graphql`,
    webSocketImpl: load('ws'),
    retryAttempts: 0,
  });
  const resultsOf = async (query: string): Promise<unknown[]> => {
    const results: unknown[] = [];
    for await (const { data } of client.iterate({ query })) results.push({ ...data });
    return results;
  };
  assert.equal(await resultsOf('{ hello }'), [{ hello: 'world' }]);
  assert.equal(
    await resultsOf('subscription { countdown(from: 2) }'),
    [{ countdown: 2 }, { countdown: 1 }, { countdown: 0 }],
  );
  await client.dispose();
});

test('graphql-ws: its close codes reach the client', async () => {
  await using example = await Example.start('protocols/graphql-ws.js');
  await using client = await RawClient.connect(example.port);
  const response = await client.upgrade('/graphql', { 'Sec-WebSocket-Protocol': 'graphql-transport-ws' });
  assert.is(response.headers.get('sec-websocket-protocol'), 'graphql-transport-ws');
  client.sendFrame(1, '{"type":"subscribe","id":"1","payload":{"query":"{ hello }"}}');
  const { payload } = await client.readFrame();
  assert.is(payload.readUInt16BE(), 4401);
});

test('tRPC: a query, and a subscription to its end', async () => {
  await using example = await Example.start('protocols/trpc.js');
  const { createTRPCClient, createWSClient, wsLink } = load('@trpc/client');
  const socket = createWSClient({ url: `ws://127.0.0.1:${example.port}/`, WebSocket: load('ws') });
  const client = createTRPCClient({ links: [wsLink({ client: socket })] });
  assert.is(await client.hello.query(), 'world');
  const numbers: unknown[] = [];
  await new Promise<void>((resolve, reject) => {
    client.countdown.subscribe(undefined, {
      onData: (number: unknown) => numbers.push(number),
      onComplete: resolve,
      onError: reject,
    });
  });
  assert.equal(numbers, [2, 1, 0]);
  await socket.close();
});

test('y-websocket: what one client writes, the other reads', async () => {
  await using example = await Example.start('protocols/yjs.js');
  const { Doc } = load('yjs');
  const { WebsocketProvider } = load('y-websocket');
  const open = () => {
    const doc = new Doc();
    const options = { WebSocketPolyfill: load('ws'), disableBc: true };
    return { doc, provider: new WebsocketProvider(`ws://127.0.0.1:${example.port}`, 'notes', doc, options) };
  };
  const [one, other] = [open(), open()];
  await Promise.all([one, other].map(({ provider }) => new Promise((resolve) => provider.once('sync', resolve))));
  const text = other.doc.getText('text');
  const changed = new Promise((resolve) => text.observe(resolve));
  one.doc.getText('text').insert(0, 'hello');
  await changed;
  assert.is(String(text), 'hello');
  for (const { provider, doc } of [one, other]) {
    provider.destroy();
    doc.destroy();
  }
});

for (const transports of [['websocket'], ['polling', 'websocket']]) {
  test(`Socket.IO: text and binary, ${transports.join(', then ')}`, async () => {
    await using example = await Example.start('protocols/socket.io.js');
    const socket = load('socket.io-client').io(`http://127.0.0.1:${example.port}`, { transports });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
    const { engine } = socket.io;
    if (engine.transport.name !== 'websocket') await new Promise((resolve) => engine.once('upgrade', resolve));
    const echo = (text: string, bytes: Buffer): Promise<unknown[]> => {
      return new Promise((resolve) => socket.emit('echo', text, bytes, (...values: unknown[]) => resolve(values)));
    };
    assert.equal(await echo('é', Buffer.from([1, 2])), ['é', Buffer.from([1, 2])]);
    const large = Buffer.alloc(300_000, 'large ');
    assert.ok(large.equals((await echo('', large))[1] as Buffer));
    assert.is(await new Promise((resolve) => socket.emit('transport', resolve)), 'websocket');
    socket.close();
  });
}

test('MQTT: what one client publishes, another that subscribes gets', async () => {
  await using example = await Example.start('protocols/mqtt.js');
  const { connectAsync } = load('mqtt');
  const open = (): Promise<any> => connectAsync(`ws://127.0.0.1:${example.port}/mqtt`, { reconnectPeriod: 0 });
  const [subscriber, publisher] = await Promise.all([open(), open()]);
  await subscriber.subscribeAsync('news', { qos: 1 });
  const large = Buffer.alloc(300_000, 'large ');
  for (const payload of [Buffer.from('hello'), large]) {
    const arrived = once(subscriber, 'message');
    await publisher.publishAsync('news', payload, { qos: 1 });
    const [topic, message] = await arrived;
    assert.is(topic, 'news');
    assert.ok(payload.equals(message as Buffer));
  }
  await Promise.all([subscriber.endAsync(), publisher.endAsync()]);
});

test('MQTT: a client that sends text, and one that is cut, leave the broker as it was', async () => {
  await using example = await Example.start('protocols/mqtt.js');
  {
    await using client = await RawClient.connect(example.port);
    await client.upgrade('/mqtt', { 'Sec-WebSocket-Protocol': 'mqtt' });
    client.sendFrame(1, 'text');
    assert.is((await client.readFrame()).payload.readUInt16BE(), 1003);
  }
  const { connectAsync } = load('mqtt');
  const client = await connectAsync(`ws://127.0.0.1:${example.port}/mqtt`, { reconnectPeriod: 0 });
  await client.endAsync();
});

test('vscode-jsonrpc: requests and notifications, both ways', async () => {
  await using example = await Example.start('protocols/json-rpc.js');
  const rpc = load('vscode-jsonrpc/node');
  const WebSocket = load('ws');
  const socket = new WebSocket(`ws://127.0.0.1:${example.port}/rpc`);
  await once(socket, 'open');
  const reader = Object.assign(new rpc.AbstractMessageReader(), {
    listen: (callback: (message: unknown) => void) => {
      socket.on('message', (data: Buffer) => callback(JSON.parse(String(data))));
      return { dispose: () => {} };
    },
  });
  const writer = Object.assign(new rpc.AbstractMessageWriter(), {
    write: async (message: unknown) => socket.send(JSON.stringify(message)),
    end: () => {},
  });
  const peer = rpc.createMessageConnection(reader, writer);
  const greeted = new Promise((resolve) => peer.onNotification('greeting', resolve));
  peer.listen();
  assert.is(await peer.sendRequest('add', 1, 2), 3);
  await peer.sendNotification('hello', 'Ada');
  assert.is(await greeted, 'Hello, Ada!');
  peer.dispose();
  const closed = once(socket, 'close');
  socket.send('no JSON');
  assert.is((await closed)[0], 1000);
});

test.run();
