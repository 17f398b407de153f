// The figures of all connections of a server together: those of open ones, and of those that have ended.
import * as assert from 'uvu/assert';
import { Connections } from '../../src/connection/connections.js';
import { suite } from '../runner/suite.js';
import { open, terminateAll } from './harness.js';

const test = suite('Connections');
test.after.each(terminateAll);

test('who has left counts as before', async () => {
  const connections = new Connections();
  const [stays, leaves, idle] = [open({ connections }), open({ connections }), open({ connections })];
  await stays.receive('81 01 61');
  await leaves.receive('82 02 0000  82 01 00  89 00');
  void stays.connection.send('abc');
  void leaves.connection.ping().catch(() => {});
  await stays.assertSent('81 03 616263');
  const figures = (): unknown => {
    const { received, sent, pings, pauses } = connections.sum();
    return { received, sent, pings, pauses };
  };
  const expected = {
    received: { messages: 3, bytes: 4, wireBytes: 7 + 8 + 7 + 6 },
    sent: { messages: 1, bytes: 3, wireBytes: 5 + 2 + 3 },
    pings: 1,
    pauses: 0,
  };
  assert.equal(figures(), expected);
  leaves.connection.terminate();
  await leaves.connection.closed;
  assert.equal(figures(), expected);
  assert.equal([...connections.open], [stays.connection, idle.connection]);
  assert.is(connections.opened, 3);
});

test.run();
