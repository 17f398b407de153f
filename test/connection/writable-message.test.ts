// A message that is written to: what leaves and when, and how each of its ends comes about.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import * as assert from 'uvu/assert';
import { ConnectionClosed } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { CLOSE_1000, isPending, nextTurn, open, rejectionOf, roles, smallStream, terminateAll } from './harness.js';

const test = suite('connection/writable-message');
test.after.each(terminateAll);

for (const role of roles) {
  test(`§5.4 ${role}: each chunk leaves as a fragment, and the end of the stream is that of the message`, async () => {
    const opened = open({ role });
    const writer = opened.connection.writable().getWriter();
    await writer.write('a');
    await opened.assertSent('01 01 61');
    await writer.write(hex('c3a4'));
    const sends = [writer.close(), opened.connection.send('after')];
    await Promise.all(sends);
    await opened.assertSent('01 01 61 00 02 c3a4 80 00 81 05 6166746572');
  });
}

test('it is where pipes end, of streams of the web\'s and of Node\'s', async () => {
  const opened = open();
  const source = new ReadableStream({
    start(controller) {
      for (const chunk of ['a', 'b']) controller.enqueue(chunk);
      controller.close();
    },
  });
  await source.pipeTo(opened.connection.writable());
  // The types of Node know of its own streams only.
  await pipeline(Readable.from([hex('01'), hex('02')]), opened.connection.writable() as never);
  await opened.connection.writable({ type: 'text' }).close();
  await opened.assertSent('01 01 61 00 01 62 80 00 02 01 01 00 01 02 80 00 81 00');
});

test('other messages wait from its beginning on, which is before its first chunk', async () => {
  const opened = open();
  const writer = opened.connection.writable({ type: 'binary' }).getWriter();
  const after = opened.connection.send('after');
  await nextTurn();
  await opened.assertSent('');
  assert.ok(await isPending(after));
  await writer.write('a');
  await writer.close();
  await after;
  await opened.assertSent('02 01 61 80 00 81 05 6166746572');
});

test('what was written is the writer\'s again', async () => {
  const opened = open();
  const writer = opened.connection.writable().getWriter();
  const chunk = Buffer.alloc(1);
  for (const value of [1, 2, 3]) await writer.write(chunk.fill(value));
  await writer.close();
  await opened.assertSent('02 01 01 00 01 02 00 01 03 80 00');
});

test('to write waits for the peer, and to close until all is sent', async () => {
  const stream = smallStream();
  const opened = open({ stream });
  stream.hold();
  const writer = opened.connection.writable().getWriter();
  const written = writer.write(Buffer.alloc(100_000));
  const closed = writer.close();
  await nextTurn();
  assert.equal([await isPending(written), await isPending(closed)], [true, true]);
  stream.release();
  await Promise.all([written, closed]);
  await nextTurn();
  assert.is(stream.written.subarray(-2).toString('hex'), '8000');
});

test('to close waits until the message has had its turn', async () => {
  const opened = open();
  let end!: () => void;
  const first = new ReadableStream({ start: (controller) => void (end = () => controller.close()) });
  const sent = opened.connection.send(first);
  const closed = opened.connection.writable().close();
  await nextTurn();
  assert.ok(await isPending(closed));
  end();
  await Promise.all([sent, closed]);
  await opened.assertSent('82 00 82 00');
});

test('to abort it changes nothing before its first chunk; later the connection is closed with 1011', async () => {
  const opened = open();
  await opened.connection.writable().abort(new Error('never mind'));
  await opened.connection.send('a');
  await opened.assertSent('81 01 61');
  const writer = opened.connection.writable().getWriter();
  await writer.write('b');
  await writer.abort(new Error('the disk is gone'));
  await opened.assertSent('81 01 61 01 01 62 88 02 03f3');
});

test('an abort does not wait for the peer', async () => {
  const stream = smallStream();
  const opened = open({ stream });
  stream.hold();
  const writer = opened.connection.writable().getWriter();
  const written = rejectionOf(writer.write(Buffer.alloc(100_000)));
  await nextTurn();
  const reason = new Error('enough');
  await writer.abort(reason);
  assert.is(await written, reason);
  stream.release();
});

test('a signal is as an abort', async () => {
  const opened = open();
  const abort = new AbortController();
  const writer = opened.connection.writable({ signal: abort.signal }).getWriter();
  await writer.write('a');
  const reason = new Error('enough');
  abort.abort(reason);
  assert.is(await rejectionOf(writer.closed), reason);
  assert.is(await rejectionOf(writer.write('b')), reason);
  await opened.assertSent('01 01 61 88 02 03f3');
});

test('the end of the connection fails it, and what is piped to it', async () => {
  const opened = open();
  let cancelled: unknown = null;
  const source = new ReadableStream({
    start: (controller) => controller.enqueue('a'),
    cancel: (reason) => void (cancelled = reason),
  });
  const piped = rejectionOf(source.pipeTo(opened.connection.writable()));
  while (opened.stream.written.length === 0) await nextTurn();
  await opened.receive(CLOSE_1000);
  assert.instance(await piped, ConnectionClosed);
  assert.instance(cancelled, ConnectionClosed);

  const late = opened.connection.writable().getWriter();
  assert.instance(await rejectionOf(late.write('a')), ConnectionClosed);
});

test('a source that fails, chunks and options that are none', async () => {
  const opened = open();
  const failure = new Error('unreadable');
  const source = new ReadableStream({ pull: (controller) => controller.error(failure) });
  assert.is(await rejectionOf(source.pipeTo(opened.connection.writable())), failure);
  const writer = opened.connection.writable().getWriter();
  const error = (await rejectionOf(writer.write(1 as never))) as TypeError;
  assert.instance(error, TypeError);
  assert.throws(() => opened.connection.writable({ type: 'json' as never }), /type is 'text' or 'binary', not json/);
  await opened.connection.send('still open');
});

test.run();
