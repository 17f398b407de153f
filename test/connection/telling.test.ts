// What a connection publishes on the channels of node:diagnostics_channel, in which order, and that nobody must listen.
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/connection/connection.js';
import { ProtocolError } from '../../src/errors.js';
import { suite } from '../runner/suite.js';
import { Recorder, type Recorded } from '../support/recorder.js';
import {
  CLOSE_1000, nextTurn, open, peerBytes, request, roles, smallStream, terminateAll, textFrames,
} from './harness.js';

const NAMES = [
  'twobyte:connection:open', 'twobyte:connection:close', 'twobyte:message', 'twobyte:slow', 'twobyte:error',
] as const;

/** The same without the connection and its side, which are asserted here. */
function tell(events: readonly Recorded[], connection: Connection, role: string): unknown[] {
  return events.map(([name, { connection: told, role: side, ...rest }]) => {
    assert.is(told, connection);
    assert.is(side, role);
    return [name, rest];
  });
}

for (const role of roles) {
  const test = suite(`telling, ${role}`);
  test.after.each(terminateAll);

  test('open, messages in both directions, close', async () => {
    using recorder = new Recorder(...NAMES);
    const opened = open({ role, firstBytes: peerBytes(role, '81 02 c3a9') });
    void opened.connection.send(Buffer.alloc(3));
    await opened.receive(`82 01 00  ${CLOSE_1000}`);
    await opened.receiveEnd();
    const close = await opened.connection.closed;
    assert.equal(tell(recorder.take(), opened.connection, role), [
      ['connection:open', {}],
      ['message', { direction: 'incoming', type: 'text', byteLength: 2 }],
      ['message', { direction: 'outgoing', type: 'binary', byteLength: 3 }],
      ['message', { direction: 'incoming', type: 'binary', byteLength: 1 }],
      ['connection:close', { close }],
    ]);
  });

  test('a connection is of use to who is told that it is open', async () => {
    using recorder = new Recorder('twobyte:connection:open');
    const seen: unknown[] = [];
    Object.defineProperty(recorder.events, 'push', {
      value: ([, { connection }]: Recorded) => {
        const told = connection as Connection;
        seen.push(told.state, told.stats.received.messages, told.countMessages());
        void told.send('hello');
      },
    });
    const opened = open({ role, firstBytes: peerBytes(role, '81 00') });
    assert.equal(seen, ['open', 0, 0]);
    assert.is(opened.connection.read(), '');
    await opened.assertSent('81 05 68656c6c6f');
  });

  test('a violation', async () => {
    using recorder = new Recorder('twobyte:error');
    const opened = open({ role });
    await opened.receive('83 00');
    await opened.receiveEnd();
    await opened.connection.closed;
    const [[, { error, request: asked, ...rest }]] = recorder.take() as [Recorded];
    assert.instance(error, ProtocolError);
    assert.is(asked, request);
    assert.equal(rest, { connection: opened.connection, role });
  });

  test('who is slow: the peer, or whoever should read here', async () => {
    using recorder = new Recorder('twobyte:slow');
    const stream = smallStream();
    const opened = open({ role, stream, limits: { maxQueuedMessages: 2 } });
    stream.hold();
    void opened.connection.send(Buffer.alloc(200));
    await nextTurn();
    assert.equal(tell(recorder.take(), opened.connection, role), [['slow', { direction: 'outgoing' }]]);
    await opened.receive(textFrames('a', 'b'));
    assert.equal(tell(recorder.take(), opened.connection, role), [['slow', { direction: 'incoming' }]]);
  });

  test('one that is told of a message may cut its connection', async () => {
    using recorder = new Recorder('twobyte:message');
    const opened = open({ role });
    Object.defineProperty(recorder.events, 'push', { value: () => opened.connection.terminate() });
    await opened.receive(textFrames('a', 'b'));
    const { code } = await opened.connection.closed;
    assert.is(code, 1006);
    assert.equal([opened.connection.read(), opened.connection.read()], ['a', 'b']);
    assert.is(await opened.connection.wait(), null);
  });

  test.run();
}
