// What does one message of a gibibyte cost, in CPU and memory, against messages of 1 MiB, and against a stream of ws?
//
// `npm run bench -- stream [MEBIBYTES]`. Each way has two new processes; what they read they count, and throw away.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { Readable, type Duplex } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { connect, createServer, requireWebSocket, type Connection } from '../../src/index.js';
import { benchPath } from '../packages.js';

const MIB = 1 << 20;
const CHUNK_BYTES = 65_536;

/** One side of a way to bring so many bytes to the peer. */
interface Side {
  send(byteLength: number): Promise<void>;
  /** Resolves with how many bytes have come. */
  receive(byteLength: number): Promise<number>;
}

interface Way {
  readonly name: string;
  serve(use: (side: Side) => void): Promise<number>;
  open(port: number): Promise<Side>;
}

async function* chunks(byteLength: number): AsyncGenerator<Buffer> {
  const chunk = Buffer.alloc(CHUNK_BYTES, 'bench ');
  for (let sent = 0; sent < byteLength; sent += CHUNK_BYTES) yield chunk;
}

function oneMessage(connection: Connection): Side {
  return {
    send: (byteLength) => connection.send(chunks(byteLength)),
    receive: async () => {
      let received = 0;
      for await (const chunk of (await connection.receive())!.chunks) received += chunk.length;
      return received;
    },
  };
}

function manyMessages(connection: Connection): Side {
  return {
    send: async (byteLength) => {
      const message = Buffer.alloc(MIB, 'bench ');
      for (let sent = 0; sent < byteLength; sent += MIB) await connection.send(message);
    },
    receive: async (byteLength) => {
      let received = 0;
      while (received < byteLength) received += (await connection.wait())!.length;
      return received;
    },
  };
}

function ours(name: string, sideOf: (connection: Connection) => Side): Way {
  const options = { maxStreamedBytes: Infinity, deflate: false };
  return {
    name,
    serve: async (use) => {
      const server = createServer(options);
      server.route('/', requireWebSocket(async ({ webSocket }) => {
        use(sideOf(webSocket));
        await webSocket.closed;
      }));
      await server.listen(0, '127.0.0.1');
      return (server.address() as AddressInfo).port;
    },
    open: async (port) => sideOf(await connect(`ws://127.0.0.1:${port}/`, options)),
  };
}

function duplexOf(stream: Duplex): Side {
  return {
    send: (byteLength) => pipeline(Readable.from(chunks(byteLength), { objectMode: false }), stream, { end: false }),
    receive: async (byteLength) => {
      let received = 0;
      stream.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received >= byteLength) stream.emit('whole');
      });
      await Promise.race([once(stream, 'whole'), finished(stream)]);
      stream.removeAllListeners('data').pause();
      return received;
    },
  };
}

const theirs: Way = {
  name: 'ws, createWebSocketStream',
  serve: async (use) => {
    const { WebSocketServer, createWebSocketStream } = createRequire(benchPath('package.json'))('ws');
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    server.on('connection', (socket: unknown) => use(duplexOf(createWebSocketStream(socket))));
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  open: async (port) => {
    const { WebSocket, createWebSocketStream } = createRequire(benchPath('package.json'))('ws');
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
    const stream = createWebSocketStream(socket);
    await once(socket, 'open');
    return duplexOf(stream);
  },
};

const ways = [ours('one message', oneMessage), ours('messages of 1 MiB', manyMessages), theirs];

/** What one side of one direction has cost. */
interface Cost {
  readonly received: number;
  /** Microseconds of CPU for each MiB. */
  readonly cpu: number;
  /** How far the resident memory was above where it began, in MiB. */
  readonly grown: number;
  readonly seconds: number;
}

async function measure(byteLength: number, work: () => Promise<number | void>): Promise<Cost> {
  const before = process.memoryUsage.rss();
  let highest = before;
  const timer = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss())), 10);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const received = (await work()) ?? byteLength;
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(timer);
  return {
    received,
    cpu: (user + system) / (byteLength / MIB),
    grown: (highest - before) / MIB,
    seconds: (performance.now() - start) / 1000,
  };
}

const [, , first = '1024', second = ''] = process.argv.slice(1);

if (process.send !== undefined && second !== '') {
  const byteLength = Number(first) * MIB;
  const port = await ways[Number(second)]!.serve(async (side) => {
    const incoming = await measure(byteLength, () => side.receive(byteLength));
    const outgoing = await measure(byteLength, () => side.send(byteLength));
    process.send!([incoming, outgoing]);
  });
  process.send(port);
} else {
  const byteLength = Number(first) * MIB;
  for (const [number, { name, open }] of ways.entries()) {
    const child = fork(fileURLToPath(import.meta.url), ['stream', first, String(number)]);
    const [port] = (await once(child, 'message')) as [number];
    const side = await open(port);
    const outgoing = await measure(byteLength, () => side.send(byteLength));
    const incoming = await measure(byteLength, () => side.receive(byteLength));
    const [costs] = (await once(child, 'message')) as [Cost[]];
    const rows = {
      'client sends': outgoing, 'server receives': costs[0]!, 'server sends': costs[1]!, 'client receives': incoming,
    };
    console.log(`\n${name}, ${first} MiB each way\n`);
    for (const [what, { cpu, grown, seconds, received }] of Object.entries(rows)) {
      if (received !== byteLength) throw new Error(`${received} bytes have come`);
      const rate = Math.round(byteLength / MIB / seconds);
      const cost = `${Math.round(cpu)} µs of CPU per MiB, ${grown.toFixed(1)} MiB more memory`;
      console.log(`${what.padEnd(16)} ${rate} MiB/s, ${cost}`);
    }
    child.kill();
  }
  process.exit(0);
}
