// NATS by a connection: publishing while it is away, questions, subscriptions that are refused, and what it refuses.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { natsLog } from '../../src/feed/nats.js';
import { suite } from '../runner/suite.js';
import { nextTurn, until } from '../server/harness.js';
import { Clock } from '../support/clock.js';
import { FakeNats } from './fake-nats.js';

const test = suite('nats client');

/** A NATS with a stream in which there is one update. */
async function usedNats(): Promise<FakeNats> {
  const nats = new FakeNats();
  await natsLog(nats, 'a').append(1);
  return nats;
}

function published(nats: FakeNats): string[] {
  return nats.asked.filter((text) => text.startsWith('a ')).map((text) => text.slice(-2));
}

test('while NATS is away nothing is sent, and all is published in its order when it is back', async () => {
  const nats = await usedNats();
  const log = natsLog<number>(nats, 'a');
  nats.tell('disconnect');
  await nextTurn();
  const appended = [2, 3].map((value) => log.append(value));
  await nextTurn();
  await rejects(async () => log.read('now', 1), { name: 'Error', message: 'there is no connection to NATS' });
  assert.equal(published(nats), ['j1']);
  nats.tell('update');
  nats.tell('reconnect');
  const places = await Promise.all(appended);
  assert.equal(places.map((place) => place.split('-')[1]), ['2', '3']);
  assert.equal(published(nats), ['j1', 'j2', 'j3']);
});

test('a connection that was lost before there was a log is known to be away when it tries again', async () => {
  const nats = await usedNats();
  nats.tell('reconnecting');
  await nextTurn();
  await rejects(natsLog(nats, 'a', { wait: 0 }).append(2), {
    name: 'LogError', code: 'LOG_FAILED', message: 'NATS is away: it does not have the update',
  });
});

test('publishing waits as long as it may', async () => {
  const nats = await usedNats();
  nats.tell('disconnect');
  await nextTurn();
  using clock = new Clock();
  const away = rejects(natsLog(nats, 'a', { wait: 7000 }).append(2), { name: 'LogError', message: /^NATS is away/ });
  await until('it waits', () => clock.timers === 1);
  clock.advance(7000);
  await away;
});

test('what was sent when the connection was lost, or is not answered, may be there or not', async () => {
  const unanswered: [make: (nats: FakeNats) => void, message: string][] = [
    [(nats) => nats.tell('disconnect'), 'the connection to NATS is lost: it may have the update, or not'],
    [() => {}, 'NATS does not answer: it may have the update, or not'],
  ];
  const errors = [Object.assign(new Error('timeout'), { name: 'TimeoutError' }), Object.assign(new Error('TIMEOUT'),
    { code: 'TIMEOUT' })];
  for (const error of errors) {
    for (const [make, message] of unanswered) {
      const nats = await usedNats();
      let fail = (): void => {};
      nats.answer = (subject) => subject === 'a' ? new Promise((_, reject) => (fail = () => reject(error))) : undefined;
      const appended = rejects(natsLog(nats, 'a').append(2), { name: 'LogError', message });
      await nextTurn();
      make(nats);
      await nextTurn();
      fail();
      await appended;
    }
  }
  // What a client refuses itself is its own error.
  const nats = await usedNats();
  nats.answer = () => Promise.reject(new RangeError('MAX_PAYLOAD_EXCEEDED'));
  await rejects(natsLog(nats, 'a').append(2), { name: 'RangeError' });
});

test('a stream that has gone is made again, and another is waited for while it has no leader', async () => {
  const nats = await usedNats();
  const log = natsLog<number>(nats, 'a');
  nats.streams.clear();
  await log.append(2);
  assert.is(nats.asked.filter((text) => text.includes('CREATE')).length, 2);
  for (const error of [new Error("no responders: 'a'"), Object.assign(new Error('503'), { code: '503' })]) {
    using clock = new Clock(250);
    nats.answer = (subject) => subject === 'a' ? Promise.reject(error) : undefined;
    const appended = log.append(3);
    await until('it waits', () => clock.timers === 1);
    nats.answer = () => undefined;
    clock.advance(250);
    await appended;
    nats.answer = (subject) => subject === 'a' ? Promise.reject(error) : undefined;
    const missing = { name: 'LogError', message: /^no stream of NATS takes a at the moment/ };
    await rejects(natsLog(nats, 'a', { wait: 0 }).append(4), missing);
    nats.answer = () => undefined;
  }
  assert.equal(published(nats).filter((value) => value === 'j3').length, 5);
});

test('what JetStream refuses is an error that does not pass, unless it has no leader', async () => {
  const errors: [answer: unknown, name: string, message: string | RegExp][] = [
    [{ error: { code: 400, err_code: 10077, description: 'maximum messages exceeded' } }, 'LogError',
      'NATS refuses what natsLog needs: maximum messages exceeded'],
    [{ error: { code: 503, err_code: 10008, description: 'JetStream system temporarily unavailable' } }, 'Error',
      'NATS: JetStream system temporarily unavailable'],
    [Promise.reject(new Error("no responders: '$JS.API.STREAM.MSG.GET.a'")), 'LogError', /^NATS has no JetStream/],
    [Promise.reject(new Error('Permissions Violation for Publish to "x"')), 'LogError',
      'NATS refuses what natsLog needs: Permissions Violation for Publish to "x"'],
    [Promise.reject(new Error('other')), 'Error', 'other'],
  ];
  for (const [answer, name, message] of errors) {
    const nats = await usedNats();
    nats.answer = () => answer;
    await rejects(async () => natsLog(nats, 'a').read('now', 1), { name, message });
  }
  // While there is none, publishing waits for it.
  const nats = await usedNats();
  const log = natsLog<number>(nats, 'a');
  nats.tell('disconnect');
  nats.tell('reconnect');
  await nextTurn();
  using clock = new Clock(250);
  const busy = { error: { code: 503, err_code: 10008, description: 'busy' } };
  nats.answer = (subject) => subject.startsWith('$JS') ? busy : undefined;
  const appended = log.append(2);
  await until('it waits', () => clock.timers === 1);
  nats.answer = () => undefined;
  clock.advance(250);
  await appended;
});

test('a subscription that is refused is told, and tried again', async () => {
  using clock = new Clock(5000);
  const nats = await usedNats();
  const errors: string[] = [];
  const batches: unknown[] = [];
  const { subscribe } = FakeNats.prototype;
  nats.subscribe = () => {
    throw new Error('draining');
  };
  const stop = natsLog(nats, 'a').watch((batch) => batches.push(batch), ({ message }) => errors.push(message));
  assert.equal(errors, ['NATS refuses a subscription: Error: draining']);
  nats.subscribe = subscribe;
  clock.advance(5000);
  await until('it reads', () => batches.length === 1);
  nats.deliver('twobyte.a', new Error('Permissions Violation for Subscription to "twobyte.a"'));
  assert.is(errors[1], 'NATS refuses what natsLog needs: Permissions Violation for Subscription to "twobyte.a"');
  clock.advance(5000);
  await until('it reads again', () => batches.length === 2);
  nats.deliver('twobyte.a', new Error('other'));
  stop();
  assert.equal([clock.timers, errors.length], [0, 3]);
});

test('who watches is not given what comes before it is known that the connection is back', async () => {
  const nats = await usedNats();
  const log = natsLog<number>(nats, 'a');
  const batches: { updates: readonly { value: number }[] }[] = [];
  const stop = log.watch((batch) => batches.push(batch), () => {});
  await until('it has said its place', () => batches.length === 1);
  nats.tell('disconnect');
  await nextTurn();
  nats.publish('a', `${(1e12).toString(36)} tag j2`);
  await nextTurn();
  assert.is(batches.length, 1);
  // One that begins while NATS is away waits for it, too.
  const late: unknown[] = [];
  const end = log.watch((batch) => late.push(batch), () => {});
  nats.tell('reconnect');
  await until('both read', () => batches.length === 2 && late.length === 1);
  assert.equal(batches[1]!.updates.map(({ value }) => value), [2]);
  stop();
  end();
});

test('a connection that is closed is told to all', async () => {
  using clock = new Clock(5000);
  const nats = await usedNats();
  const log = natsLog<number>(nats, 'a');
  const errors: string[] = [];
  const batches: unknown[] = [];
  const stop = log.watch((batch) => batches.push(batch), ({ message }) => errors.push(message));
  await until('it has said its place', () => batches.length === 1);
  nats.tell('disconnect');
  await nextTurn();
  const closed = { name: 'LogError', message: /^the connection of natsLog is closed: connect with maxReconn/ };
  const waiting = rejects(log.append(2), closed);
  nats.close();
  await waiting;
  await rejects(log.append(3), closed);
  await rejects(async () => log.read('now', 1), closed);
  assert.equal(errors.length, 1);
  stop();
  assert.is(clock.timers, 0);
});

test('no more than a hundred questions are asked at once', async () => {
  const nats = await usedNats();
  const asked = nats.asked.length;
  const gates: (() => void)[] = [];
  nats.answer = () => new Promise<undefined>((resolve) => gates.push(() => resolve(undefined)));
  const reads = Array.from({ length: 150 }, () => natsLog(nats, 'a').read('now', 1));
  await nextTurn();
  assert.is(nats.asked.length - asked, 100);
  while (gates.length > 0) {
    for (const open of gates.splice(0)) open();
    await nextTurn();
  }
  assert.is((await Promise.all(reads)).length, 150);
  nats.answer = () => undefined;
  await natsLog(nats, 'a').read('now', 1);
});

test.run();
