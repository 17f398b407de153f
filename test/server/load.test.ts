// Floods, a thousand connections, and resets at every byte: nothing is lost, nothing grows, and the server goes on.
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/connection/connection.js';
import { requireWebSocket, type WebSocketHandler } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { gate, get, nextTurn, request, serve, serverSide, until, type Served } from './harness.js';

/** What Node reads from a socket at once. */
const READ_BYTES = 1 << 16;
/** And of a WebSocket, where all share a buffer. */
const SHARED_READ_BYTES = 1 << 18;

/** More than the operating system buffers for a connection within this machine. */
const FLOOD_BYTES = 40 << 20;

const echo: WebSocketHandler<unknown> = async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
};

/** A binary message of 1,000 bytes, masked with zeros, that begins with its number. */
function numbered(number: number): Buffer {
  const frame = Buffer.alloc(1008, 'x');
  hex('82 fe 03 e8 00 00 00 00').copy(frame);
  frame.writeUInt32BE(number, 8);
  return frame;
}

/** The messages from one number to before another. */
function numberedBlock(start: number, end: number): Buffer {
  return Buffer.concat(Array.from({ length: end - start }, (_, index) => numbered(start + index)));
}

/** Lets the server do all that it would do now, if it did anything. */
async function settle(served: Served): Promise<void> {
  for (let count = 0; count < 20; count++) await served.assertWorking();
}

const floods = suite('load: floods');

for (const [name, limits] of [
  ['messages', { maxQueuedMessages: 64 }],
  ['bytes', { maxQueuedBytes: 64_000 }],
] as const) {
  floods(`a slow handler under a flooding client, bounded in ${name}: flat memory, all arrives in order`, async () => {
    const start = gate();
    const opened = gate<Connection>();
    const done = gate<number[]>();
    let most = 0;
    const slow: WebSocketHandler = async ({ webSocket }) => {
      opened.open(webSocket);
      await start.promise;
      const numbers: number[] = [];
      for await (const message of webSocket) {
        most = Math.max(most, webSocket.countMessages());
        numbers.push((message as Buffer).readUInt32BE());
        if (message.length !== 1000) break;
      }
      done.open(numbers);
    };
    await using served = await serve({ '/slow': requireWebSocket(slow, limits) });
    await using client = await RawClient.connect(served.port);
    const server = await serverSide(client);
    await client.upgrade('/slow');
    const connection = await opened.promise;

    const blocks = 640;
    for (let block = 0; block < blocks; block++) client.write(numberedBlock(block * 64, (block + 1) * 64));
    await until('the queue is full', () => connection.countMessages() >= 64);
    await settle(served);
    // The limit, and what one read brought beyond it.
    const bound = 64 + Math.ceil(SHARED_READ_BYTES / 1008);
    assert.ok(connection.countMessages() <= bound, `${connection.countMessages()} messages are queued`);
    assert.is(server.isPaused(), true);
    assert.ok(server.bytesRead <= bound * 1008 + 2 * SHARED_READ_BYTES, `${server.bytesRead} bytes were read`);

    // TCP holds the client back: whatever it writes stays with it.
    const unsent = client.socket.writableLength;
    assert.ok(unsent > FLOOD_BYTES / 2, `${unsent} bytes are unsent`);
    client.write(numberedBlock(blocks * 64, (blocks + 1) * 64));
    await settle(served);
    assert.is(client.socket.writableLength, unsent + 64 * 1008);

    client.sendFrame(2, hex('ff ff ff ff'));
    start.open();
    const numbers = await done.promise;
    assert.ok(most <= bound, `${most} messages were queued`);
    assert.is(numbers.pop(), 0xffffffff);
    assert.is(numbers.length, (blocks + 1) * 64);
    assert.is(numbers.findIndex((number, index) => number !== index), -1);
  });
}

floods('pings of a client that never reads: the latest is remembered, no more', async () => {
  const read = gate<Connection>();
  const handler: WebSocketHandler = async ({ webSocket }) => {
    await webSocket.wait();
    read.open(webSocket);
    await webSocket.send('done');
    await webSocket.wait();
  };
  await using served = await serve({ '/flood': requireWebSocket(handler) });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/flood');
  client.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => {
    return Buffer.concat([hex('89 fd 00 00 00 00'), Buffer.alloc(125, 'x')]);
  }));
  const blocks = Math.ceil(FLOOD_BYTES / pings.length);
  for (let count = 0; count < blocks; count++) client.write(pings);
  client.sendFrame(9, 'last');
  client.sendFrame(1, 'all sent');
  const connection = await read.promise;
  assert.ok(connection.bufferedAmount < 4 * READ_BYTES, `${connection.bufferedAmount} bytes are unsent`);

  client.socket.resume();
  let pongs = 0;
  const seen: string[] = [];
  while (seen.length < 2) {
    const { opcode, payload } = await client.readFrame();
    if (payload.length === 125) pongs++;
    else seen.push(`${opcode} ${payload.toString()}`);
  }
  assert.equal(seen.sort(), ['1 done', '10 last']);
  assert.ok(pongs > 0 && pongs < blocks * 1000 / 2, `${pongs} pongs`);
});

floods('a handler that awaits each send to a client that does not read: all arrives, but later', async () => {
  const count = 640;
  let sent = 0;
  const opened = gate<Connection>();
  const handler: WebSocketHandler = async ({ webSocket }) => {
    opened.open(webSocket);
    const message = Buffer.alloc(READ_BYTES, 'x');
    while (sent < count) {
      message.writeUInt32BE(sent++);
      await webSocket.send(Buffer.from(message));
    }
  };
  await using served = await serve({ '/flood': requireWebSocket(handler) });
  await using client = await RawClient.connect(served.port);
  const server = await serverSide(client);
  await client.upgrade('/flood');
  client.socket.pause();
  const connection = await opened.promise;
  await until('the server waits', () => server.writableNeedDrain);
  await settle(served);
  assert.ok(sent < count / 2, `${sent} messages were sent`);
  assert.ok(connection.bufferedAmount < 2 * READ_BYTES, `${connection.bufferedAmount} bytes are unsent`);
  client.socket.resume();
  for (let number = 0; number < count; number++) {
    assert.equal(await client.readBytes(10), hex('82 7f 00 00 00 00 00 01 00 00'));
    assert.is((await client.readBytes(READ_BYTES)).readUInt32BE(), number);
  }
  assert.equal(await client.readBytes(4), hex('88 02 03 e8'));
});

floods('one that does not wait is cut off at maxBufferedBytes, and nobody else notices', async () => {
  const ended = gate<Connection>();
  const handler: WebSocketHandler = async ({ webSocket }) => {
    while (!webSocket.isClosed()) {
      void webSocket.send(Buffer.alloc(READ_BYTES));
      if (webSocket.countMessages() === 0) await nextTurn();
    }
    await webSocket.closed;
    ended.open(webSocket);
  };
  await using served = await serve({ '/flood': requireWebSocket(handler) }, { maxBufferedBytes: 1 << 20 });
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/flood');
  client.socket.pause();
  const { code, error } = await (await ended.promise).closed;
  assert.is(code, 1006);
  assert.match(String(error), /^WebSocketError: over maxBufferedBytes \(1048576\) wait for the peer; await send/);
  await until('it is removed', () => served.server.connections.size === 0);
  await served.assertWorking();
});

floods.run();

const crowds = suite('load: 1,000 connections');

crowds('each with 100 messages: nothing is lost, order is kept', async () => {
  await using served = await serve({ '/echo/': requireWebSocket(echo) });
  const clients: RawClient[] = [];
  // The queue of connections to be accepted has room for 511.
  for (let count = 0; count < 10; count++) {
    clients.push(...(await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(served.port)))));
  }
  await Promise.all(clients.map((client) => client.upgrade('/echo/')));
  assert.is(served.server.connections.size, 1000);
  await Promise.all(clients.map(async (client, index) => {
    let expected = '';
    client.socket.cork();
    for (let number = 0; number < 100; number++) {
      const text = `${index} ${number}`;
      client.sendFrame(1, text);
      expected += `\x81${String.fromCharCode(text.length)}${text}`;
    }
    client.socket.uncork();
    assert.is((await client.readBytes(expected.length)).toString('latin1'), expected);
  }));
  assert.is(served.server.connections.size, 1000);
  assert.ok(clients.every(({ received }) => received.length === 0));
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  await until('all are removed', () => served.server.connections.size === 0);
  await served.assertWorking();
});

crowds.run();

const resets = suite('load: clients that leave at every byte');

const conversations: readonly [name: string, text: string][] = [
  ['an opening handshake, a message and a Close frame',
    upgradeRequest('/echo/') + hex('81 85 37 fa 21 3d 7f 9f 4d 51 58  88 82 37 fa 21 3d 34 12').toString('latin1')],
  ['an opening handshake while it is authorized',
    upgradeRequest('/pending') + hex('81 85 37 fa 21 3d 7f 9f 4d 51 58').toString('latin1')],
  ['a message in fragments, with a ping between',
    upgradeRequest('/echo/') + hex('01 81 00 00 00 00 61  89 80 00 00 00 00  80 81 00 00 00 00 62').toString('latin1')],
  ['a request with a body by length', `${request('POST', '/body', 'Content-Length: 5')}hello`],
  ['a request with a chunked body',
    `${request('POST', '/body', 'Transfer-Encoding: chunked')}5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n`],
  ['pipelined requests, one of them with a streamed reply', get('/stream') + get('/') + get('/none')],
];

async function serveConversations(): Promise<Served> {
  async function* stream(): AsyncGenerator<string> {
    for (const part of ['a', 'b', 'c']) {
      yield part;
      await nextTurn();
    }
  }
  return await serve({
    '/echo/': requireWebSocket(echo),
    '/pending': requireWebSocket(echo, { authorize: () => nextTurn().then(nextTurn).then(() => true) }),
    '/body': (request) => request.body(),
    '/stream': () => ({ body: stream() }),
  });
}

/** Fails unless nothing is left of the clients, and others are served. */
async function assertUnharmed(served: Served): Promise<void> {
  await until('no connection is left', () => served.server.connections.size === 0);
  await served.assertWorking();
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/echo/');
  client.sendFrame(1, 'Hello');
  assert.equal(await client.readBytes(7), hex('81 05 48 65 6c 6c 6f'));
}

for (const [verb, leave] of [
  ['reset', (client: RawClient) => client.socket.resetAndDestroy()],
  ['end', (client: RawClient) => client.socket.end()],
] as const) {
  for (const [name, text] of conversations) {
    resets(`${verb} when the server has read so far: ${name}`, async () => {
      await using served = await serveConversations();
      for (let place = 0; place <= text.length; place++) {
        await using client = await RawClient.connect(served.port);
        const server = await serverSide(client);
        client.write(text.slice(0, place));
        await until('it was read', () => server.bytesRead === place);
        leave(client);
        await until('the connection is gone', () => server.closed);
      }
      await assertUnharmed(served);
    });
  }
}

resets('reset at once, all together', async () => {
  await using served = await serveConversations();
  for (const [, text] of conversations) {
    const clients: RawClient[] = [];
    for (let place = 0; place <= text.length; place++) {
      const client = await RawClient.connect(served.port);
      clients.push(client);
      client.write(text.slice(0, place));
    }
    const servers = await Promise.all(clients.map(serverSide));
    for (const client of clients) client.socket.resetAndDestroy();
    await until('all connections are gone', () => servers.every(({ closed }) => closed));
  }
  await assertUnharmed(served);
});

resets.run();
