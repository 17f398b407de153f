// Sending updates to NATS: though there is no stream or connection at first, or the stream is gone.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { natsLog } from '../../src/feed/nats.js';
import { suite } from '../runner/suite.js';
import { nextTurn, until } from '../server/harness.js';
import { Clock } from '../support/clock.js';
import { FakeNats } from './fake-nats.js';

const test = suite('nats sender');

/** What the stream `a` has, in its order: of each a life, a tag and JSON. */
function valuesIn(nats: FakeNats): string[] {
  return nats.streams.get('a')!.messages.map(({ data }) => Buffer.from(data, 'base64').toString().split(' j').at(-1)!);
}

test('who comes while others wait for a stream does not overtake them', async () => {
  using clock = new Clock(250);
  const nats = new FakeNats();
  const log = natsLog<number>(nats, 'a');
  nats.answer = () => ({ error: { code: 503, err_code: 10008, description: 'no leader' } });
  const places = [log.append(1), log.append(2)];
  await until('they wait', () => clock.timers === 1);
  nats.answer = () => undefined;
  await natsLog<number>(nats, 'a').append(0);
  // There is a stream now.
  places.push(log.append(3));
  clock.advance(250);
  places.push(log.append(4));
  await places[0];
  places.push(log.append(5));
  await Promise.all(places);
  assert.equal(valuesIn(nats), ['0', '1', '2', '3', '4', '5']);
});

test('what a stream has not taken that is gone is in the one made anew, in order', async () => {
  const nats = new FakeNats();
  const log = natsLog<number>(nats, 'a');
  await log.append(1);
  nats.streams.delete('a');
  await Promise.all([2, 3, 4].map((value) => log.append(value)));
  assert.equal(valuesIn(nats), ['2', '3', '4']);
});

test('each waits for its own time, and is told why', async () => {
  const nats = new FakeNats();
  const away = { name: 'LogError', message: 'NATS is away: it does not have the update' };
  const log = natsLog<number>(nats, 'a', { wait: 1 });
  nats.tell('disconnect');
  await nextTurn();
  await Promise.all([1, 2].map((value) => rejects(log.append(value), away)));
  nats.tell('reconnect');
  await nextTurn();
  nats.answer = (subject) => (subject === 'a' ? Promise.reject(new Error("no responders: 'a'")) : undefined);
  const untaken = { name: 'LogError', message: 'no stream of NATS takes a at the moment: see nats stream ls' };
  await rejects(natsLog<number>(nats, 'a', { wait: 0 }).append(3), untaken);
  nats.answer = () => undefined;
  await log.append(4);
  assert.equal(valuesIn(nats), ['4']);
});

test.run();
