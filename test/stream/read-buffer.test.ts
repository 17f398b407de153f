// Sockets that share one read buffer: where their bytes lie, what still works on them, and which are left alone.
import { once } from 'node:events';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { connect as connectWebSocket, createServer, requireWebSocket, type Message } from '../../src/index.js';
import { readNextInto, shareReadBuffer } from '../../src/stream/read-buffer.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { FakeStream } from '../support/peers/fake-stream.js';

const test = suite('the shared read buffer');

interface Pair extends AsyncDisposable {
  readonly client: Socket;
  /** The server's. */
  readonly socket: Socket;
}

async function open(prepare: (socket: Socket) => unknown = shareReadBuffer): Promise<Pair> {
  const server = createTcpServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = new Promise<Socket>((resolve) => {
    server.once('connection', (socket) => {
      prepare(socket);
      resolve(socket);
    });
  });
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const socket = await accepted;
  return {
    client, socket,
    async [Symbol.asyncDispose]() {
      client.destroy();
      socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The next chunk as text, and the memory it lies in. */
async function nextChunk(socket: Socket): Promise<[text: string, memory: ArrayBufferLike]> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return [chunk.toString(), chunk.buffer];
}

/** What the client sends, as the socket hears it. */
async function exchange({ client, socket }: Pair, text: string): Promise<[text: string, memory: ArrayBufferLike]> {
  client.write(text);
  return await nextChunk(socket);
}

test('chunks of all sockets, whichever side they are, lie in the same memory', async () => {
  await using one = await open();
  await using other = await open();
  shareReadBuffer(other.client);
  const seen: [text: string, memory: ArrayBufferLike][] = [];
  const ways = [[one.client, one.socket], [other.client, other.socket], [other.socket, other.client]];
  for (const [from, to] of [...ways, ...ways]) {
    from.write(`chunk ${seen.length}`);
    seen.push(await nextChunk(to));
  }
  assert.equal(seen.map(([text]) => text), ['chunk 0', 'chunk 1', 'chunk 2', 'chunk 3', 'chunk 4', 'chunk 5']);
  assert.is(new Set(seen.map(([, memory]) => memory)).size, 1);
});

test('many bytes come in several chunks of different lengths', async () => {
  await using pair = await open();
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  const received: Buffer[] = [];
  pair.socket.on('data', (chunk: Buffer) => received.push(Buffer.from(chunk)));
  pair.client.end(sent);
  await once(pair.socket, 'end');
  assert.ok(received.length > 1);
  assert.ok(Buffer.concat(received).equals(sent));
});

test('the next read of a socket fills the memory that it was given, and the one after the shared memory', async () => {
  await using one = await open();
  await using other = await open();
  const [, shared] = await exchange(one, 'first');
  await exchange(other, 'first');
  const memory = Buffer.alloc(6, '.');
  one.socket.once('data', () => readNextInto(one.socket, memory));
  assert.is((await exchange(one, 'second'))[1], shared);
  // Another socket reads where it always does.
  assert.equal(await exchange(other, 'between'), ['between', shared]);
  assert.equal(await exchange(one, 'third'), ['third', memory.buffer]);
  assert.is(memory.toString(), 'third.');
  assert.equal(await exchange(one, 'fourth'), ['fourth', shared]);
  assert.is(memory.toString(), 'third.');
});

test('no more is read into that memory than it holds; several in a row are filled one after the other', async () => {
  await using pair = await open();
  const memories = [Buffer.alloc(3), Buffer.alloc(2)];
  const chunks: string[] = [];
  let given = 0;
  pair.socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk.toString());
    if (given < memories.length) readNextInto(pair.socket, memories[given++]!);
  });
  await exchange(pair, 'x');
  pair.client.write('abcdefg');
  while (chunks.join('').length < 8) await once(pair.socket, 'data');
  assert.equal(chunks, ['x', 'abc', 'de', 'fg']);
  assert.equal(memories.map(String), ['abc', 'de']);
});

test('asked for while no chunk is heard, it changes nothing', async () => {
  await using pair = await open();
  const [, shared] = await exchange(pair, 'first');
  readNextInto(pair.socket, Buffer.alloc(10));
  assert.equal(await exchange(pair, 'second'), ['second', shared]);
  assert.equal(await exchange(pair, 'third'), ['third', shared]);
});

test('what asks for another stream, while a chunk is heard, does not change where this one reads', async () => {
  await using pair = await open();
  const [, shared] = await exchange(pair, 'first');
  const others = Buffer.alloc(10, '.');
  pair.socket.on('data', () => readNextInto(new FakeStream(), others));
  assert.equal(await exchange(pair, 'second'), ['second', shared]);
  assert.equal(await exchange(pair, 'third'), ['third', shared]);
  await exchange(pair, 'fourth');
  assert.is(others.toString(), '..........');
});

test('a paused socket reads nothing until it is resumed', async () => {
  await using pair = await open();
  let length = 0;
  pair.socket.on('data', (chunk: Buffer) => (length += chunk.length));
  pair.socket.pause();
  pair.client.write('abc');
  // The client's bytes have come when an answer to them could have.
  pair.socket.write('x');
  await once(pair.client, 'data');
  await new Promise(setImmediate);
  assert.equal([length, pair.socket.readableLength], [0, 0]);
  pair.socket.resume();
  await once(pair.socket, 'data');
  assert.is(length, 3);
});

test('the peer may end its side first, and still gets an answer', async () => {
  await using pair = await open();
  pair.socket.resume();
  pair.client.end();
  await once(pair.socket, 'end');
  pair.socket.end('answer');
  assert.is((await nextChunk(pair.client))[0], 'answer');
  await once(pair.client, 'end');
});

test('a reset is an error of the socket', async () => {
  await using pair = await open();
  pair.client.resetAndDestroy();
  const [error] = (await once(pair.socket.resume(), 'error')) as [NodeJS.ErrnoException];
  assert.is(error.code, 'ECONNRESET');
});

test('a socket in which bytes wait is left alone: they are older than those to come', async () => {
  await using pair = await open(() => {});
  pair.client.write('old');
  await once(pair.socket, 'readable');
  shareReadBuffer(pair.socket);
  const [, memory] = await nextChunk(pair.socket);
  pair.client.write('new');
  const [text, next] = await nextChunk(pair.socket);
  assert.is(text, 'new');
  assert.is.not(next, memory);
});

test('without what it needs of the internals, a socket is left alone', async () => {
  await using pair = await open((socket) => {
    const { _handle: handle } = socket as unknown as { _handle: object };
    Object.defineProperty(handle, 'useUserBuffer', { value: undefined });
    shareReadBuffer(socket);
  });
  const memories = new Set<ArrayBufferLike>();
  for (const text of ['abc', 'def']) {
    pair.client.write(text);
    const [received, memory] = await nextChunk(pair.socket);
    assert.is(received, text);
    memories.add(memory);
  }
  assert.is(memories.size, 2);
});

interface FakeHandle {
  useUserBuffer(): void;
  onread(memory?: ArrayBuffer): void;
}

/**
 * A stream with a handle that ignores the memory it is given.
 * @param symbols where Node's sockets keep memory and callback
 */
function openIgnoring(handle: FakeHandle, symbols: readonly symbol[]): FakeStream {
  const stream = new FakeStream();
  for (const symbol of symbols) Object.assign(stream, { [symbol]: null });
  return Object.assign(stream, { _handle: handle });
}

test('a handle that reads elsewhere all the same loses nothing, and the next of its kind is left alone', async () => {
  await using pair = await open(() => {});
  const isOnRead = ({ description }: symbol): boolean => ['kBuffer', 'kBufferCb'].includes(description!);
  const symbols = Object.getOwnPropertySymbols(pair.socket).filter(isOnRead);
  assert.is(symbols.length, 2);
  const stateOf = (stream: FakeStream): unknown[] => symbols.map((symbol) => Reflect.get(stream, symbol));
  const reads: [memory: ArrayBuffer | undefined, isOurs: boolean][] = [];
  let asked = 0;
  class Handle {
    useUserBuffer(): void {
      asked++;
    }
  }
  // As with Node's handles, it is not the handle's own property.
  const onread = (memory?: ArrayBuffer): void => void reads.push([memory, stateOf(stream)[0] !== null]);
  Object.defineProperty(Handle.prototype, 'onread', { value: onread, writable: true });
  const stream = openIgnoring(new Handle() as FakeHandle, symbols);
  shareReadBuffer(stream);
  const { _handle: handle } = stream as unknown as { _handle: FakeHandle };
  // A read without bytes proves nothing.
  handle.onread();
  const memory = new ArrayBuffer(3);
  handle.onread(memory);
  assert.equal(reads, [[undefined, true], [memory, false]]);
  const next = openIgnoring(new Handle() as FakeHandle, symbols);
  shareReadBuffer(next);
  assert.equal([asked, ...stateOf(next)], [1, null, null]);
});

test('a handle that keeps its callback to itself, as in Deno, is left alone', async () => {
  await using pair = await open(() => {});
  let asked = 0;
  const handle: FakeHandle = { useUserBuffer: () => void asked++, onread() {} };
  shareReadBuffer(openIgnoring(handle, Object.getOwnPropertySymbols(pair.socket)));
  assert.is(asked, 0);
});

test('a stream that is no socket is left alone', async () => {
  const stream = new FakeStream();
  shareReadBuffer(stream);
  stream.receive(Buffer.from('abc'));
  assert.is(((await once(stream, 'data')) as [Buffer])[0].toString(), 'abc');
});

/** Around the lengths from which on a payload has a place to be read into, and around a read's. */
const SIZES = [3 << 20, 131_071, 1 << 20, (1 << 20) + 1, 262_144, 10, 400_000, 2 << 20];

for (const scheme of ['ws', 'wss']) {
  test(`${scheme}: large messages of several connections, both ways: each is whole, and stays as it is`, async () => {
    const isSecure = scheme === 'wss';
    const limits = { maxMessageBytes: 4 << 20, maxQueuedBytes: 4 << 20 };
    const server = createServer({ ...limits, ...(isSecure && { tls: { key: privateKey, cert: certificate } }) });
    // They are kept until all have come: memory that is read into again would show.
    server.route('/', requireWebSocket(async ({ webSocket }) => {
      const kept: Message[] = [];
      while (kept.length < SIZES.length) kept.push((await webSocket.wait())!);
      for (const message of kept) await webSocket.send(message);
    }));
    await server.listen(0, '127.0.0.1');
    const { port } = server.address() as AddressInfo;
    await Promise.all(Array.from({ length: 3 }, async (_, number) => {
      const socket = await connectWebSocket(`${scheme}://127.0.0.1:${port}/`, {
        ...limits, deflate: false, ...(isSecure && { tls: { ca: certificate } }),
      });
      const sent = SIZES.map((size, index) => Buffer.alloc(size, `${number} ${index} `));
      for (const message of sent) await socket.send(message);
      const received: Message[] = [];
      for await (const message of socket) received.push(message);
      assert.equal(received.map(({ length }) => length), SIZES);
      for (const [index, message] of received.entries()) assert.ok(sent[index]!.equals(message as Buffer), `${index}`);
    }));
    await server.close({ timeout: 0 });
  });
}

test.run();
