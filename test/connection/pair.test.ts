// Two connections in memory: all that connections do, without a network.
import { mock } from 'node:test';
import * as assert from 'uvu/assert';
import { connectionPair, ProtocolError, TimeoutError } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { collect, isPending, nextTurn, rejectionOf } from './harness.js';

const test = suite('connectionPair');

test('what one sends the other receives, both ways, in order', async () => {
  const [server, client] = connectionPair();
  const large = Buffer.alloc(300_000, 'large ');
  for (const [from, to] of [[server, client], [client, server]] as const) {
    void from.send('text');
    void from.send(Buffer.from('bytes'));
    await from.send(large);
    assert.is(await to.wait(), 'text');
    assert.equal(await to.wait(), Buffer.from('bytes'));
    assert.ok(large.equals((await to.wait()) as Buffer));
  }
});

test('a message that is kept does not change with those after it', async () => {
  const [server, client] = connectionPair();
  const sent = Array.from({ length: 1000 }, (_, number) => Buffer.alloc(1 + (number % 700), `${number} `));
  for (const message of sent) void server.send(message);
  void server.close();
  const received = await collect(client);
  assert.is(received.length, 1000);
  for (const [index, message] of received.entries()) assert.ok(sent[index]!.equals(message as Buffer), `${index}`);
});

for (const closer of [0, 1]) {
  test(`the closing handshake, begun by the ${closer === 0 ? 'server' : 'client'}`, async () => {
    const pair = connectionPair();
    const [near, far] = [pair[closer]!, pair[1 - closer]!];
    void near.send('last');
    // The answer has the code only.
    assert.equal(await near.close(3000, 'bye'), { code: 3000, reason: '', wasClean: true });
    assert.equal(await far.closed, { code: 3000, reason: 'bye', wasClean: true });
    assert.is(await far.wait(), 'last');
    assert.is(await far.wait(), null);
  });

  test(`cut by the ${closer === 0 ? 'server' : 'client'}, the other learns of it`, async () => {
    const pair = connectionPair();
    pair[closer]!.terminate();
    for (const connection of pair) assert.is((await connection.closed).code, 1006);
  });
}

test('pings, and backpressure: a full queue stops the other side', async () => {
  const [server, client] = connectionPair({ maxQueuedMessages: 1 });
  assert.type(await client.ping('hello'), 'number');
  const chunk = Buffer.alloc(60_000);
  let sends = 0;
  let wait: Promise<void>;
  do {
    wait = server.send(chunk);
    sends++;
    await nextTurn();
  } while (sends < 1000 && !(await isPending(wait)));
  assert.ok(sends < 1000, 'it never stopped');
  for (let received = 0; received < sends; received++) assert.is(((await client.wait()) as Buffer).length, 60_000);
  await wait;
});

test('limits and compression are those of the options, on both sides', async () => {
  const [server, client] = connectionPair({ maxMessageBytes: 5000, deflate: { threshold: 0, windowBits: 9 } });
  assert.equal([server, client].map(({ extensions }) => extensions), ['permessage-deflate', 'permessage-deflate']);
  const text = 'compressible '.repeat(300);
  await client.send(text);
  assert.is(await server.wait(), text);
  void client.send(Buffer.alloc(5001));
  assert.instance((await server.closed).error, ProtocolError);
  assert.is((await client.closed).code, 1009);
});

test('faked time: a wait takes as long as the test says', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const [server, client] = connectionPair();
    const wait = client.wait({ timeout: 60_000 });
    mock.timers.tick(60_000);
    assert.instance(await rejectionOf(wait), TimeoutError);
    void client.send('a');
    await nextTurn();
    assert.is(await server.wait(), 'a');
  } finally {
    mock.timers.reset();
  }
});

test('it has an empty request, and a wrong option is a TypeError', () => {
  const [{ request, remoteAddress, subprotocol }] = connectionPair();
  const { path, query, headers } = request;
  assert.equal([path, [...query], [...headers], remoteAddress, subprotocol], ['/', [], [], '', '']);
  assert.throws(() => connectionPair({ maxMessages: 1 } as object), /maxMessages/);
});

test.run();
