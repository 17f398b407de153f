// Which pings a pong answers (RFC 6455 §5.5.3).
import * as assert from 'uvu/assert';
import { ConnectionClosed } from '../../src/errors.js';
import { Pings } from '../../src/connection/pings.js';
import { suite } from '../runner/suite.js';
import { isPending, rejectionOf } from './harness.js';

const test = suite('Pings');

test('a pong answers its ping and those before it, and no other', async () => {
  const pings = new Pings();
  const [first, second, third] = ['a', 'b', 'c'].map((payload) => pings.send(Buffer.from(payload)));
  const roundTrip = pings.receivePong(Buffer.from('b'));
  assert.ok((await first!) >= 0);
  assert.is(await second!, roundTrip);
  assert.is(await isPending(third!), true);
});

test('a pong that nobody asked for is ignored', async () => {
  const pings = new Pings();
  const ping = pings.send(Buffer.from('a'));
  for (const payload of ['', 'b', 'aa']) assert.is(pings.receivePong(Buffer.from(payload)), null);
  assert.is(await isPending(ping), true);
});

test('payloads differ', () => {
  const pings = new Pings();
  assert.is(new Set(Array.from({ length: 100 }, () => pings.createPayload())).size, 100);
});

test('all that wait are told of the end', async () => {
  const pings = new Pings();
  const waits = [pings.send(Buffer.from('a')), pings.send(Buffer.from('b'))];
  const close = { code: 1001, reason: 'bye', wasClean: true };
  pings.conclude(close);
  for (const wait of waits) {
    const error = await rejectionOf(wait);
    assert.instance(error, ConnectionClosed);
    assert.is((error as ConnectionClosed).close, close);
  }
});

test.run();
