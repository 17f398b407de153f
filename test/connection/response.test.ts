// Reading an answer from a stream in memory: cut at every byte, paused behind its head, ended, broken or given up.
import type { Socket } from 'node:net';
import { getEventListeners, once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { receiveBody, receiveResponse, waitFor, type ReceivedResponse } from '../../src/connection/response.js';
import { suite } from '../runner/suite.js';
import { FakeStream } from '../support/peers/fake-stream.js';
import { assertRefused, failure } from '../client/harness.js';

const test = suite('connection/response');

const never = new AbortController().signal;

function open(): { fake: FakeStream; socket: Socket } {
  const fake = new FakeStream();
  fake.on('error', () => {});
  return { fake, socket: fake as unknown as Socket };
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Asserts that nothing of ours listens any more. */
function assertSilent(fake: FakeStream, signal: AbortSignal = never): void {
  for (const event of ['data', 'close']) assert.is(fake.listenerCount(event), 0, event);
  assert.is(getEventListeners(signal, 'abort').length, 0);
}

const HEAD = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n';
const BYTES = latin1(`HTTP/1.1 100\r\n\r\n${HEAD}\x81\x02hi\x81\x02ho`);

test('a head cut at every place: it and all bytes behind it come out', async () => {
  for (let place = 0; place <= BYTES.length; place++) {
    const { fake, socket } = open();
    const receiving = receiveResponse(socket, never);
    for (const part of [BYTES.subarray(0, place), BYTES.subarray(place)]) {
      if (part.length > 0) fake.receive(part);
      await nextTurn();
    }
    const { head, rest } = await receiving;
    assert.is(head.status, 101);
    assert.ok(socket.isPaused(), 'the socket is paused');
    const later = socket.read() as Buffer | null;
    const behind = Buffer.concat([rest, later ?? Buffer.alloc(0)]).toString('latin1');
    assert.is(behind, '\x81\x02hi\x81\x02ho', `at ${place}`);
    assertSilent(fake);
    fake.destroy();
  }
});

test('a head byte by byte', async () => {
  const { fake, socket } = open();
  const receiving = receiveResponse(socket, never);
  for (const byte of latin1(HEAD)) {
    fake.receive(Buffer.of(byte));
    await nextTurn();
  }
  assert.is((await receiving).head.headers.get('upgrade'), 'websocket');
  fake.destroy();
});

test('chunks that wait in the stream already are not lost behind the head', async () => {
  const { fake, socket } = open();
  socket.pause();
  for (const part of [HEAD.slice(0, 9), HEAD.slice(9), '\x81\x02hi', '\x81\x02ho']) fake.receive(latin1(part));
  const { rest } = await receiveResponse(socket, never);
  const later: Buffer[] = rest.length > 0 ? [rest] : [];
  socket.on('data', (chunk: Buffer) => later.push(chunk));
  socket.resume();
  await nextTurn();
  assert.is(Buffer.concat(later).toString('latin1'), '\x81\x02hi\x81\x02ho');
  fake.destroy();
});

test('a refused head destroys the stream', async () => {
  const { fake, socket } = open();
  const receiving = assertRefused(receiveResponse(socket, never), 'STATUS_LINE_INVALID', 0);
  fake.receive(latin1('GET / HTTP/1.1\r\n\r\n'));
  await receiving;
  assert.ok(fake.destroyed);
  assertSilent(fake);
});

test('an answer of nothing but interim responses costs no memory and ends with the connection', async () => {
  const { fake, socket } = open();
  const receiving = assertRefused(receiveResponse(socket, never), 'CONNECTION_LOST', 0);
  for (let count = 0; count < 1000; count++) fake.receive(latin1('HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)));
  fake.receiveEnd();
  await receiving;
  assertSilent(fake);
});

const endings: [name: string, end: (fake: FakeStream) => void, code: string][] = [
  ['the end', (fake) => fake.receiveEnd(), 'CONNECTION_LOST'],
  ['a reset', (fake) => fake.reset(), 'ECONNRESET'],
  ['destroy', (fake) => fake.destroy(), 'CONNECTION_LOST'],
];
for (const [name, end, code] of endings) {
  test(`${name} before the head is whole`, async () => {
    for (const text of ['', 'HTTP/1.1 1', HEAD.slice(0, -1)]) {
      const { fake, socket } = open();
      const receiving = failure(receiveResponse(socket, never));
      if (text !== '') fake.receive(latin1(text));
      await nextTurn();
      end(fake);
      assert.is((await receiving as NodeJS.ErrnoException).code, code);
      assert.ok(fake.destroyed);
      assertSilent(fake);
    }
  });
}

test('a stream that is destroyed already is lost', async () => {
  const { fake, socket } = open();
  fake.destroy();
  await nextTurn();
  await assertRefused(receiveResponse(socket, never), 'CONNECTION_LOST', 0);
});

test('an abort destroys the stream; an abort before does so too; an abort behind it changes nothing', async () => {
  const reason = new Error('enough');
  for (const isBefore of [true, false]) {
    const { fake, socket } = open();
    const controller = new AbortController();
    if (isBefore) controller.abort(reason);
    const receiving = failure(receiveResponse(socket, controller.signal));
    controller.abort(reason);
    assert.is(await receiving, reason);
    assert.ok(fake.destroyed);
    assertSilent(fake, controller.signal);
  }
  const { fake, socket } = open();
  const controller = new AbortController();
  const receiving = receiveResponse(socket, controller.signal);
  fake.receive(latin1(HEAD));
  await receiving;
  controller.abort(reason);
  assert.not.ok(fake.destroyed);
  assertSilent(fake, controller.signal);
  fake.destroy();
});

test('a stream that broke before anybody waited tells its error', async () => {
  const { fake, socket } = open();
  const error = new Error('no such socket');
  fake.destroy(error);
  assert.is(await failure(waitFor(socket, never, () => ({}))), error);
  await nextTurn();
  assert.is(await failure(waitFor(socket, never, () => ({}))), error);
});

test('waitFor: the first to settle wins', async () => {
  const { fake, socket } = open();
  const waiting = waitFor<string>(socket, never, (resolve, reject) => ({
    first: () => resolve('first'),
    second: () => reject(new Error('second')),
  }));
  fake.emit('first');
  fake.emit('second');
  fake.emit('end');
  assert.is(await waiting, 'first');
  assert.not.ok(fake.destroyed);
  assert.equal([fake.listenerCount('first'), fake.listenerCount('second')], [0, 0]);
  fake.destroy();
});

interface Received {
  readonly fake: FakeStream;
  readonly socket: Socket;
  readonly received: ReceivedResponse;
}

async function responseWith(fields: string, rest: string): Promise<Received> {
  const { fake, socket } = open();
  const receiving = receiveResponse(socket, never);
  fake.receive(latin1(`HTTP/1.1 400 x\r\n${fields}\r\n${rest}`));
  return { fake, socket, received: await receiving };
}

const framings: [name: string, fields: string, body: string][] = [
  ['by length', 'Content-Length: 11\r\n', 'hello world'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n06;a="b"\r\n world\r\n0\r\nA: b\r\n\r\n'],
];
for (const [name, fields, bytes] of framings) {
  test(`a body ${name}, cut at every place, ends by itself`, async () => {
    for (let place = 0; place <= bytes.length; place++) {
      const { fake, socket, received } = await responseWith(fields, bytes.slice(0, place));
      const receiving = receiveBody(socket, received, never);
      await nextTurn();
      if (place < bytes.length) fake.receive(latin1(bytes.slice(place)));
      assert.is(await receiving, 'hello world', `at ${place}`);
      assertSilent(fake);
      fake.destroy();
    }
  });
}

for (const [name, end] of endings) {
  test(`a body without length is read until ${name}`, async () => {
    const { fake, socket, received } = await responseWith('', 'hello');
    const receiving = receiveBody(socket, received, never);
    await nextTurn();
    fake.receive(latin1(' world'));
    await nextTurn();
    end(fake);
    assert.is(await receiving, 'hello world');
    fake.destroy();
  });
}

test('a body that has ended before it is asked for is there', async () => {
  const { fake, socket, received } = await responseWith('', 'hello');
  fake.receiveEnd();
  socket.resume();
  await once(fake, 'end');
  assert.is(await receiveBody(socket, received, never), 'hello');
  fake.destroy();
});

test('a body is given up by an abort', async () => {
  const { fake, socket, received } = await responseWith('', 'hello');
  const controller = new AbortController();
  const receiving = failure(receiveBody(socket, received, controller.signal));
  await nextTurn();
  controller.abort();
  assert.is((await receiving).name, 'AbortError');
  assert.ok(fake.destroyed);
  assertSilent(fake, controller.signal);
});

test.run();
