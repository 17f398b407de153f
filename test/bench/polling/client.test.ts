// The study's clients find every update that is lost, doubled or out of order: against a server that is told its bytes.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { createClient } from '../../../bench/polling/client.js';
import { makeUpdate, type Setting, type Transport } from '../../../bench/polling/setting.js';
import { suite } from '../../runner/suite.js';

const test = suite('client of the study');

const LAST = 1_000_000;

/** What a server of each transport sends: a head to open, and then the updates of these numbers. */
const servers: Partial<Record<Transport, { opening: string; updates(numbers: number[]): string }>> = {
  'long-polling': {
    opening: '',
    updates(numbers) {
      const values = numbers.map((number) => makeUpdate(number, 20)).join(',');
      const body = `{"last":${numbers.at(-1)},"updates":[${values}]}`;
      return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    },
  },
  'streaming': {
    opening: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    updates: (numbers) => numbers.map((number) => {
      return `28\r\nid: ${number}\ndata: ${makeUpdate(number, 20)}\n\n\r\n`;
    }).join(''),
  },
  'websocket': {
    opening: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
    updates: (numbers) => numbers.map((number) => `\x81\x14${makeUpdate(number, 20)}`).join(''),
  },
};

/** Lets a client of a transport receive these updates, two being all there are. */
async function receive(transport: Transport, numbers: number[], pieces = 1): Promise<ReturnType<typeof createClient>> {
  const { opening, updates } = servers[transport]!;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => void socket.write(opening, 'latin1'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const setting: Setting = {
    transport, platform: 'twobyte', clients: 1, payload: 20, headers: 'minimal',
    updateInterval: 1000, pollInterval: null,
  };
  const accepted = once(server, 'connection');
  const client = createClient(setting, (server.address() as AddressInfo).port, LAST);
  try {
    await client.open();
    const [socket] = await accepted;
    client.begin({ first: 0, firstNumber: LAST + 1, interval: 1000, lastNumber: LAST + 2, from: 0, polls: 0 }, 0.5);
    const text = updates(numbers);
    const length = Math.ceil(text.length / pieces);
    for (let start = 0; start < text.length; start += length) {
      socket.write(text.slice(start, start + length), 'latin1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.done;
    return client;
  } finally {
    client.close();
    server.close();
  }
}

async function failureOf(transport: Transport, numbers: number[]): Promise<string> {
  try {
    await receive(transport, numbers);
  } catch (error) {
    return (error as Error).message;
  }
  return 'it did not fail';
}

for (const transport of Object.keys(servers) as Transport[]) {
  test(`${transport}: each update once and in order is fine, and counted to the byte`, async () => {
    const { measured } = await receive(transport, [LAST + 1, LAST + 2]);
    assert.is(measured.updates, 2);
    assert.is(measured.bytesIn, servers[transport]!.updates([LAST + 1, LAST + 2]).length);
  });

  test(`${transport}: in small pieces too`, async () => {
    const { measured } = await receive(transport, [LAST + 1, LAST + 2], 7);
    assert.is(measured.updates, 2);
  });

  test(`${transport}: a lost one fails`, async () => {
    assert.match(await failureOf(transport, [LAST + 2]), /update 1000002 came behind 1000000/);
  });

  test(`${transport}: a doubled one fails`, async () => {
    assert.match(await failureOf(transport, [LAST + 1, LAST + 1]), /update 1000001 came behind 1000001/);
  });
}

test('updates are as long as they should be, and JSON', () => {
  for (const bytes of [20, 1024]) {
    const text = makeUpdate(LAST + 7, bytes);
    assert.is(Buffer.byteLength(text), bytes);
    assert.is((JSON.parse(text) as { n: number }).n, LAST + 7);
  }
});

test.run();
