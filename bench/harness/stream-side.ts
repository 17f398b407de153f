// One end of a way to bring many bytes to a peer, in a process of its own; bench/cases/stream.ts tells it what to do.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { Readable, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect, createServer, requireWebSocket, type Connection } from '../../src/index.js';
import { benchPath } from '../packages.js';

const MIB = 1 << 20;
const ws = createRequire(benchPath('package.json'))('ws');

/** The chunks of one message, of our own or of ws's stream, or messages. */
export type Way =
  | 'from a generator' | 'from a generator, 1 MiB each' | 'from a stream' | 'from a stream, given back'
  | 'messages of 1 MiB'
  | 'bare net' | 'ws, as a stream';

export interface Task {
  readonly what: 'send' | 'receive';
  readonly byteLength: number;
  /** What the bytes are, of which both ends tell the SHA-256; `null` for such as cost nothing. */
  readonly content: 'noise' | 'text' | null;
  /** How fast they are read, in bytes a second; `null` for as fast as they come. */
  readonly pace: number | null;
  /** Whether the memory of a chunk is given back once it was read: its garbage then waits for no collector. */
  readonly givesBack: boolean;
}

/** What an end answers. */
export interface Done {
  readonly byteLength: number;
  readonly hash: string;
}

interface Side {
  send(chunks: AsyncGenerator<Buffer>, byteLength: number): Promise<void>;
  /** @param take is to be awaited. */
  receive(byteLength: number, take: (chunk: Buffer) => Promise<void> | void): Promise<void>;
}

/** Pseudo-random bytes, the same in each process. */
function* numbers(): Generator<number> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state >>> 24;
  }
}

function firstChunk(content: Task['content']): Buffer {
  const chunk = Buffer.alloc(chunkBytes, 'bench ');
  const random = numbers();
  if (content === 'noise') for (let at = 0; at < chunkBytes; at++) chunk[at] = random.next().value;
  if (content === 'text') {
    const letters = (): string => random.next().value.toString(36);
    const words = Array.from({ length: 256 }, () => letters() + letters());
    for (let at = 0; at < chunkBytes; ) at += chunk.write(`${words[random.next().value]} `, at);
  }
  return chunk;
}

/** One buffer for all chunks, as a file is read into. */
async function* makeChunks({ byteLength, content }: Task, tell: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  const chunk = firstChunk(content);
  for (let sent = 0; sent < byteLength; sent += chunkBytes) {
    if (content !== null) chunk.writeDoubleLE(sent, 0);
    tell(chunk);
    yield chunk;
  }
}

function oneMessage(connection: Connection, isStream: boolean): Side {
  return {
    send: (chunks) => connection.send(isStream ? toReadable(chunks) : chunks),
    receive: async (_, take) => {
      for await (const chunk of (await connection.receive())!.chunks as AsyncIterable<Buffer>) {
        const taken = take(chunk);
        if (taken !== undefined) await taken;
      }
    },
  };
}

/** Not of chunks that change: a stream asks for the next before its reader has the last. */
function toReadable(chunks: AsyncGenerator<Buffer>): Readable {
  return Readable.from(chunks, { objectMode: false, highWaterMark: chunkBytes });
}

function manyMessages(connection: Connection): Side {
  return {
    send: async (_, byteLength) => {
      const message = Buffer.alloc(MIB, 'bench ');
      for (let sent = 0; sent < byteLength; sent += MIB) await connection.send(message);
    },
    receive: async (byteLength, take) => {
      for (let received = 0; received < byteLength; ) {
        const message = (await connection.wait()) as Buffer;
        received += message.length;
        await take(message);
      }
    },
  };
}

function duplexOf(stream: Duplex): Side {
  return {
    send: (chunks) => pipeline(toReadable(chunks), stream, { end: false }),
    receive: async (byteLength, take) => {
      let received = 0;
      stream.on('data', (chunk: Buffer) => {
        void take(chunk);
        received += chunk.length;
        if (received >= byteLength) stream.emit('whole');
      });
      stream.resume();
      await once(stream, 'whole');
      stream.removeAllListeners('data').pause();
    },
  };
}

async function run(side: Side, task: Task): Promise<Done> {
  const hash = createHash('sha256');
  const tell = (chunk: Buffer): void => void (task.content !== null && hash.update(chunk));
  let byteLength = 0;
  if (task.what === 'send') {
    await side.send(makeChunks(task, tell), task.byteLength);
    byteLength = task.byteLength;
  } else {
    const start = performance.now();
    await side.receive(task.byteLength, (chunk) => {
      tell(chunk);
      byteLength += chunk.length;
      if (task.givesBack) (chunk.buffer as { transfer?(length: number): unknown }).transfer?.(0);
      const early = task.pace === null ? 0 : (byteLength / task.pace) * 1000 - (performance.now() - start);
      return early < 5 ? undefined : new Promise<void>((resolve) => setTimeout(resolve, early));
    });
  }
  return { byteLength, hash: hash.digest('hex') };
}

/** The ceiling: the bytes alone. */
function bare(socket: Socket): Side {
  return {
    ...duplexOf(socket),
    send: async (chunks) => {
      for await (const chunk of chunks) if (!socket.write(chunk)) await once(socket, 'drain');
      if (socket.writableLength > 0) await once(socket, 'drain');
    },
  };
}

const [way, deflate, port] = process.argv.slice(2) as [Way, string, string | undefined];
const chunkBytes = way === 'from a generator, 1 MiB each' ? MIB : 65_536;
const options = { maxStreamedBytes: Infinity, deflate: deflate === 'true' };

function begin(side: Side): void {
  process.on('message', (task: Task) => void run(side, task).then((done) => process.send!(done)));
  process.send!('open');
}

function begins(connection: Connection): void {
  if (way === 'messages of 1 MiB') begin(manyMessages(connection));
  else begin(oneMessage(connection, !way.startsWith('from a generator')));
}

async function serve(): Promise<AddressInfo> {
  if (way === 'bare net') {
    const server = createTcpServer({ noDelay: true }, (socket) => begin(bare(socket))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server.address() as AddressInfo;
  }
  if (way === 'ws, as a stream') {
    const server = new ws.WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    server.on('connection', (socket: unknown) => begin(duplexOf(ws.createWebSocketStream(socket))));
    await once(server, 'listening');
    return server.address();
  }
  const server = createServer(options);
  server.route('/', requireWebSocket(async ({ webSocket }) => {
    begins(webSocket);
    await webSocket.closed;
  }));
  await server.listen(0, '127.0.0.1');
  return server.address() as AddressInfo;
}

async function open(port: number): Promise<void> {
  if (way === 'bare net') {
    const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return begin(bare(socket));
  }
  if (way === 'ws, as a stream') {
    const socket = new ws.WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
    const stream = ws.createWebSocketStream(socket);
    await once(socket, 'open');
    return begin(duplexOf(stream));
  }
  begins(await connect(`ws://127.0.0.1:${port}/`, options));
}

process.on('disconnect', () => process.exit());
if (port === undefined) process.send!((await serve()).port);
else await open(Number(port));
