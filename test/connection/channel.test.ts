// What of a connection's inside its users can reach: nothing. What it does is in backpressure, closing and connection.
import * as assert from 'uvu/assert';
import { Connection } from '../../src/connection/connection.js';
import { suite } from '../runner/suite.js';
import { open, terminateAll } from './harness.js';

const test = suite('Channel');
test.after.each(terminateAll);

/** All that `docs/api.md` names, and what iteration and `await using` ask for. */
const PUBLIC = [
  'constructor', 'remoteAddress', 'closed', 'bufferedAmount', 'stats', 'wait', 'receive', 'read', 'countMessages',
  'hasMessages', 'discardMessages', 'next', 'send', 'writable', 'flushed', 'ping', 'close', 'terminate', 'state',
  'isClosed', Symbol.asyncIterator, Symbol.asyncDispose,
];

test('a connection has no method but the public ones, in JavaScript too', () => {
  assert.equal(new Set(Reflect.ownKeys(Connection.prototype)), new Set(PUBLIC));
});

test('and no properties but what the handshake left', () => {
  assert.equal(Reflect.ownKeys(open().connection).sort(), ['extensions', 'request', 'subprotocol']);
});

test.run();
