// Responses on a socket in memory: every byte, how many writes, and what a slow or gone client does to a stream.
import { rejects } from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import * as assert from 'uvu/assert';
import type { Response } from '../../src/server/reply.js';
import { writeResponse, type ResponseOptions } from '../../src/server/response.js';
import { suite } from '../runner/suite.js';
import { countTimers, FakeSocket, gate, nextTurn, until } from './harness.js';

const controller = new AbortController();
const options: ResponseOptions = {
  isHead: false, isChunked: true, isLast: false, stallTimeout: 5000, client: { signal: controller.signal },
};

function responseWith(body: Response['body']): Response {
  return { status: 200, headers: [['A', '1'], ['A', '2']], body };
}

/** The bytes without the line of the date. */
function dateless(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/^Date: .{29}\r\n/m, '');
}

async function* yielding(...parts: unknown[]): AsyncGenerator<string> {
  for (const part of parts) yield part as string;
}

const HEAD = 'HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\n';

const bytes = suite('response: bytes');

const cases: readonly [name: string, body: Response['body'], changes: Partial<ResponseOptions>, expected: string][] = [
  ['a body', Buffer.from('hello'), {}, 'Content-Length: 5\r\n\r\nhello'],
  ['an empty body', Buffer.alloc(0), {}, 'Content-Length: 0\r\n\r\n'],
  ['no body', null, {}, '\r\n'],
  ['no body, the last', null, { isLast: true }, 'Connection: close\r\n\r\n'],
  ['the last', Buffer.from('hi'), { isLast: true }, 'Content-Length: 2\r\nConnection: close\r\n\r\nhi'],
  ['to HTTP/1.0', Buffer.from('hi'), { isLast: true, isChunked: false },
    'Content-Length: 2\r\nConnection: close\r\n\r\nhi'],
  ['to HEAD', Buffer.from('hello'), { isHead: true }, 'Content-Length: 5\r\n\r\n'],
  ['a stream', yielding('hello', Buffer.from(' world')), {},
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'],
  ['a stream, the last', yielding('a'), { isLast: true },
    'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\n\r\n'],
  ['an empty stream', yielding(), {}, 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['empty chunks are skipped', yielding('', 'a', Buffer.alloc(0), 'b', ''), {},
    'Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n'],
  ['a size counts bytes, in hexadecimal', yielding('é'.repeat(8), 'x'.repeat(171)), {},
    `Transfer-Encoding: chunked\r\n\r\n10\r\n${'\xc3\xa9'.repeat(8)}\r\nab\r\n${'x'.repeat(171)}\r\n0\r\n\r\n`],
  ['a stream to HTTP/1.0 has no chunks', yielding('a', '', 'bc'), { isLast: true, isChunked: false },
    'Connection: close\r\n\r\nabc'],
  ['a stream to HEAD', yielding('a'), { isHead: true }, 'Transfer-Encoding: chunked\r\n\r\n'],
];

for (const [name, body, changes, expected] of cases) {
  bytes(name, async () => {
    const { fake, socket } = FakeSocket.create();
    await writeResponse(socket, responseWith(body), { ...options, ...changes });
    assert.is(dateless(fake.written), `${HEAD}${expected}`);
    assert.is(fake.writableEnded, false);
  });
}

bytes('the date is the time, between status line and fields', async () => {
  const { fake, socket } = FakeSocket.create();
  const before = Date.now();
  await writeResponse(socket, responseWith(null), options);
  const [, date] = /^HTTP\/1\.1 200 OK\r\nDate: ([^\r]{29})\r\nA: 1\r\n/.exec(fake.written.toString())!;
  const time = Date.parse(date!);
  assert.ok(time > before - 1000 && time <= Date.now(), date);
});

bytes('a value of latin1 is one byte per character', async () => {
  const { fake, socket } = FakeSocket.create();
  await writeResponse(socket, { status: 200, headers: [['A', '\xe9']], body: null }, options);
  assert.ok(fake.written.includes(Buffer.from([0x41, 0x3a, 0x20, 0xe9, 0x0d, 0x0a])));
});

bytes('head and body leave in one write, and so does each chunk', async () => {
  const { fake, socket } = FakeSocket.create();
  await writeResponse(socket, responseWith(Buffer.from('hello')), options);
  assert.is(fake.writes.length, 1);
  await writeResponse(socket, responseWith(yielding('a', 'b')), options);
  assert.equal(fake.writes.slice(2).map(String), ['1\r\na\r\n', '1\r\nb\r\n', '0\r\n\r\n']);
});

bytes.run();

/** An iterable that tells what it was asked. */
function observed(next: () => Promise<IteratorResult<string>>): { body: AsyncIterable<string>; asked: string[] } {
  const asked: string[] = [];
  const iterator = {
    next() {
      asked.push('next');
      return next();
    },
    return() {
      asked.push('return');
      return Promise.resolve({ done: true, value: undefined } as const);
    },
  };
  return { body: { [Symbol.asyncIterator]: () => iterator }, asked };
}

const streams = suite('response: streams');

streams('what the iterator throws is thrown on, and the end of the body is missing', async () => {
  const { fake, socket } = FakeSocket.create();
  async function* failing(): AsyncGenerator<string> {
    yield 'a';
    throw new Error('no more');
  }
  await rejects(writeResponse(socket, responseWith(failing()), options), { message: 'no more' });
  assert.ok(fake.written.toString().endsWith('\r\n\r\n1\r\na\r\n'));
});

for (const value of [5, null, undefined, ['a'], new ArrayBuffer(1)]) {
  streams(`yielding ${inspect(value)} is a TypeError, and ends the iterator`, async () => {
    const { fake, socket } = FakeSocket.create();
    const { body, asked } = observed(() => Promise.resolve({ done: false, value: value as unknown as string }));
    const message = `a streamed body yields text or bytes, not ${typeof value}`;
    await rejects(writeResponse(socket, responseWith(body), options), { name: 'TypeError', message });
    assert.equal(asked, ['next', 'return']);
    assert.ok(fake.written.toString().endsWith('chunked\r\n\r\n'));
  });
}

streams('a client that stops reading stops the iterator, and one that reads on resumes it', async () => {
  const { fake, socket } = FakeSocket.create();
  let count = 0;
  const { body, asked } = observed(async () => {
    return ++count > 40 ? { done: true, value: undefined } : { done: false, value: 'x'.repeat(1000) };
  });
  fake.hold();
  const written = writeResponse(socket, responseWith(body), options);
  await until('it waits', () => fake.writableNeedDrain);
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  // 16 KiB is the high-water mark of the socket: 16 chunks and the head are just below it.
  assert.is(asked.length, 17);
  fake.release();
  await written;
  assert.is(asked.length, 41);
  assert.equal(['drain', 'close'].map((name) => fake.listenerCount(name)), [0, 0]);
  const [, chunks] = fake.written.toString().split('chunked\r\n\r\n');
  assert.is(chunks, `${`3e8\r\n${'x'.repeat(1000)}\r\n`.repeat(40)}0\r\n\r\n`);
});

streams('a client that reads nothing on within the time is cut off', async () => {
  const { fake, socket } = FakeSocket.create();
  fake.hold();
  await writeResponse(socket, responseWith(Buffer.alloc(20_000)), { ...options, stallTimeout: 1 });
  assert.is(fake.destroyed, true);
});

streams('a long body is written in pieces, and a client that has read one is given time for the next', async () => {
  const { fake, socket } = FakeSocket.create();
  const body = Buffer.from(Array.from({ length: 150_000 }, (_, index) => index % 251));
  fake.hold();
  const written = writeResponse(socket, responseWith(body), options);
  await until('it waits', () => fake.writableNeedDrain);
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  const head = fake.writableLength - 65_536;
  assert.ok(head > 0 && head < 1000, `${head} bytes of head`);
  fake.release();
  await written;
  assert.ok(fake.written.subarray(head).equals(body));
});

streams('a client that goes amid a long body ends it', async () => {
  const { fake, socket } = FakeSocket.create();
  fake.on('error', () => {}).hold();
  const written = writeResponse(socket, responseWith(Buffer.alloc(150_000)), options);
  await until('it waits', () => fake.writableNeedDrain);
  fake.reset();
  await written;
  assert.is(fake.written.length, 0);
});

streams('a client that goes while it is waited for ends the wait', async () => {
  const { fake, socket } = FakeSocket.create();
  fake.on('error', () => {}).hold();
  const written = writeResponse(socket, responseWith(Buffer.alloc(20_000)), options);
  await until('it waits', () => fake.listenerCount('drain') > 0);
  const timers = countTimers();
  fake.reset();
  await written;
  assert.is(fake.listenerCount('drain'), 0);
  assert.is(countTimers(), timers - 1);
});

streams('nothing waits on a socket that is gone already', async () => {
  const { fake, socket } = FakeSocket.create();
  fake.hold();
  fake.write(Buffer.alloc(20_000));
  fake.destroy();
  await writeResponse(socket, responseWith(Buffer.alloc(20_000)), options);
  assert.is(fake.written.length, 0);
});

streams.run();

const cancelled = suite('response: cancelled streams');

cancelled('the iterator is told at once when the client leaves, and nothing more is written', async () => {
  const { fake, socket } = FakeSocket.create();
  const { signal, abort } = abortable();
  const news = gate<IteratorResult<string>>();
  const { body, asked } = observed(() => news.promise);
  const written = writeResponse(socket, responseWith(body), { ...options, client: { signal } });
  await until('it is asked', () => asked.length > 0);
  abort();
  assert.equal(asked, ['next', 'return']);
  news.open({ done: false, value: 'too late' });
  await written;
  assert.ok(fake.written.toString().endsWith('chunked\r\n\r\n'));
  assert.equal(asked, ['next', 'return']);
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

cancelled('a generator gets to its finally', async () => {
  const { socket } = FakeSocket.create();
  const { signal, abort } = abortable();
  const pulse = gate();
  let isFinished = false;
  async function* ticking(): AsyncGenerator<string> {
    try {
      await pulse.promise;
      yield 'a';
      yield 'b';
    } finally {
      isFinished = true;
    }
  }
  const written = writeResponse(socket, responseWith(ticking()), { ...options, client: { signal } });
  await nextTurn();
  abort();
  pulse.open();
  await written;
  assert.is(isFinished, true);
});

cancelled('what a body throws because its client has left is not thrown on', async () => {
  const { socket } = FakeSocket.create();
  const { signal, abort } = abortable();
  async function* waiting(): AsyncGenerator<string> {
    yield 'a';
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  }
  const written = writeResponse(socket, responseWith(waiting()), { ...options, client: { signal } });
  await nextTurn();
  abort();
  await written;
});

cancelled('an iterator whose return fails, or is missing, does no harm', async () => {
  for (const ending of [{ return: () => Promise.reject(new Error('no return')) }, {}]) {
    const { socket } = FakeSocket.create();
    const { signal, abort } = abortable();
    const news = gate<IteratorResult<string>>();
    const body = { [Symbol.asyncIterator]: () => ({ next: () => news.promise, ...ending }) };
    const written = writeResponse(socket, responseWith(body), { ...options, client: { signal } });
    await nextTurn();
    abort();
    news.open({ done: true, value: undefined });
    await written;
  }
});

cancelled('a body is not asked if the client is gone already, or wants the head only', async () => {
  for (const changes of [{ client: { signal: AbortSignal.abort() } }, { isHead: true }]) {
    const { socket } = FakeSocket.create();
    const { body, asked } = observed(() => Promise.reject(new Error('not to be asked')));
    await writeResponse(socket, responseWith(body), { ...options, ...changes });
    assert.equal(asked, ['return']);
  }
});

cancelled('a Readable is destroyed, also one that has no news', async () => {
  const { signal, abort } = abortable();
  for (const changes of [{ client: { signal } }, { client: { signal: AbortSignal.abort() } }, { isHead: true }]) {
    const { socket } = FakeSocket.create();
    const body = new Readable({ read() {} });
    const written = writeResponse(socket, responseWith(body), { ...options, ...changes });
    await nextTurn();
    abort();
    await written;
    assert.is(body.destroyed, true);
  }
});

cancelled('a Readable that fails before it is asked fails the response, not the process', async () => {
  const { fake, socket } = FakeSocket.create();
  fake.hold();
  fake.write(Buffer.alloc(20_000));
  const body = new Readable({ read() {} });
  const written = writeResponse(socket, responseWith(body), options);
  body.destroy(new Error('no such file'));
  await nextTurn();
  fake.release();
  await rejects(written, { message: 'no such file' });
});

function abortable(): { signal: AbortSignal; abort(): void } {
  const abortController = new AbortController();
  return { signal: abortController.signal, abort: () => abortController.abort() };
}

cancelled.run();
