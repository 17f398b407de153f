// A peer that ends in the middle of a message, after a Close frame that says why: it is heard, though our write fails.
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import * as assert from 'uvu/assert';
import { connect, createServer, requireWebSocket, type Close, type Connection } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { hex } from '../support/codec/cuts.js';
import { upgradeRequest } from '../support/peers/raw-client.js';
import { acceptOf } from '../support/peers/raw-server.js';

const test = suite('faults: a write that fails');

const MESSAGE = Buffer.alloc(16 << 20);
/** What the peer reads of it. */
const TAKEN_BYTES = 1 << 20;
const ROUNDS = 10;

const tls = { key: privateKey, cert: certificate };

/** Reads a head and some of the message, sends these bytes and ends without reading the rest. */
function takeSome(socket: Socket, farewell: Buffer, answer: (head: string) => string): void {
  let head: string | null = '';
  let taken = 0;
  socket.on('error', () => {}).on('data', (bytes: Buffer) => {
    if (head !== null) {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.write(answer(head));
      head = null;
    } else if ((taken += bytes.length) >= TAKEN_BYTES) {
      socket.pause();
      socket.write(farewell, () => socket.destroy());
    }
  });
}

async function overflow(connection: Connection): Promise<Close> {
  void connection.send(MESSAGE);
  return await connection.closed;
}

async function listen(server: ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

for (const scheme of ['ws', 'wss'] as const) {
  test(`client, ${scheme}: the Close frame of a server that does not read on`, async () => {
    const accept = (socket: Socket): void => takeSome(socket, hex('88 02 03f1'), (head) => [
      'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptOf(/sec-websocket-key: (\S+)/i.exec(head)![1]!)}`, '\r\n',
    ].join('\r\n'));
    const server = scheme === 'ws' ? createTcpServer(accept) : createTlsServer(tls, accept);
    const port = await listen(server);
    for (let round = 0; round < ROUNDS; round++) {
      const connection = await connect(`${scheme}://127.0.0.1:${port}/`, { tls: { ca: certificate } });
      assert.equal(await overflow(connection), { code: 1009, reason: '', wasClean: true });
    }
    server.close();
  });

  test(`server, ${scheme}: the Close frame of a client that does not read on`, async () => {
    const closes: Promise<Close>[] = [];
    const server = createServer(scheme === 'ws' ? {} : { tls });
    server.route('/', requireWebSocket(async ({ webSocket }) => {
      closes.push(overflow(webSocket));
      await webSocket.closed;
    }));
    await server.listen(0, '127.0.0.1');
    const { port } = server.address() as AddressInfo;
    for (let round = 0; round < ROUNDS; round++) {
      const socket = scheme === 'ws'
        ? connectTcp(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ca: certificate });
      // The answer to the upgrade is the head that it waits for.
      takeSome(socket, hex('88 82 00000000 03f1'), () => '');
      socket.write(upgradeRequest('/'));
      await once(socket, 'close');
    }
    assert.equal(await Promise.all(closes), closes.map(() => ({ code: 1009, reason: '', wasClean: true })));
    assert.is(closes.length, ROUNDS);
    await server.close();
  });
}

test.run();
