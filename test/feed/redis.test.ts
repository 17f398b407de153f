// The log in Redis without a server: what it asks, and whose client it is. What Redis answers is tested in interop.
import { throws } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import * as assert from 'uvu/assert';
import { redisLog } from '../../src/feed/redis.js';
import { suite } from '../runner/suite.js';
import { rejectionOf } from '../connection/harness.js';
import { nextTurn, until } from '../server/harness.js';
import { Clock } from '../support/clock.js';

const test = suite('redis log');

test('something else than a client is refused', () => {
  throws(() => redisLog({}, 'key'), { name: 'TypeError', message: /^the client of redisLog is one of/ });
});

test('options that are none, or out of range, are refused', () => {
  for (const keep of [0, 1.5, Infinity]) {
    throws(() => redisLog(new FakeClient(), 'key', { keep }), { name: 'RangeError' });
  }
  throws(() => redisLog(new FakeClient(), 'key', { kept: 1 } as object), { name: 'TypeError', message: /kept/ });
});

test('reading asks for one more than wanted, to see whether the place is there', async () => {
  const asked: string[][] = [];
  const client = {
    duplicate() {},
    async sendCommand(command: string[]) {
      asked.push(command);
      return [];
    },
  };
  const log = redisLog(client, 'key');
  assert.equal(await log.read('life-3-17-0', 10), { place: 'life-3-17-0', updates: [] });
  assert.equal(asked, [
    ['XRANGE', 'key', '17-0', '+', 'COUNT', '11'], ['XREVRANGE', 'key', '+', '-', 'COUNT', '1'],
  ]);
});

test('a place that can be none of Redis is not asked for, as that would be an error', async () => {
  const client = new FakeClient();
  const log = redisLog(client, 'key');
  for (const place of ['life-3-99999999999999999999-0', 'life-3-17-18446744073709551616']) {
    void log.read(place, 10);
    await until('it asks', () => client.asked.length === 1);
    assert.equal(client.asked.pop()!.parameters, ['key', '-', '+', 'COUNT', '10']);
  }
});

function noError(error: Error): void {
  throw error;
}

/** A client of ioredis, whose answers the test gives, and the connection for reading, which notes what it is told. */
class FakeClient extends EventEmitter {
  readonly asked: {
    command: string; parameters: string[]; answer(value: unknown): void; fail(error: Error): void;
  }[] = [];
  readonly told: string[] = [];
  status = 'ready';
  duplicates = 0;
  /** Why a channel can't be had. */
  refusal: Error | null = null;

  call(command: string, ...parameters: string[]): Promise<unknown> {
    return new Promise((resolve, reject) => this.asked.push({ command, parameters, answer: resolve, fail: reject }));
  }

  duplicate(): this {
    this.duplicates++;
    return this;
  }

  async subscribe(channel: string): Promise<void> {
    this.told.push(`subscribe ${channel}`);
    if (this.refusal !== null) throw this.refusal;
  }

  async unsubscribe(channel: string): Promise<void> {
    this.told.push(`unsubscribe ${channel}`);
  }

  disconnect(): void {
    this.told.push('disconnect');
  }
}

test('publishing fails if Redis forgets the script whenever it was loaded', async () => {
  const client = new FakeClient();
  const { now } = performance;
  const start = now.call(performance);
  try {
    performance.now = () => start;
    const error = rejectionOf(redisLog(client, 'key').append('x'));
    await until('it loads the script', () => client.asked.length === 1);
    client.asked[0]!.answer('sha');
    await until('it runs the script', () => client.asked.length === 2);
    performance.now = () => start + 5001;
    client.asked[1]!.fail(new Error('NOSCRIPT No matching script'));
    assert.is((await error).message, 'Redis forgets the script of redisLog as soon as it is loaded');
  } finally {
    performance.now = now;
  }
  assert.equal(client.asked.map(({ command }) => command), ['SCRIPT', 'EVALSHA']);
});

test('what comes after a watch was stopped is not given', async () => {
  const client = new FakeClient();
  const batches: unknown[] = [];
  const stop = redisLog(client, 'key').watch((batch) => batches.push(batch), noError);
  client.emit('ready');
  await until('it reads', () => client.asked.length === 1);
  stop();
  client.asked[0]!.answer([]);
  await nextTurn();
  assert.equal([batches, client.told], [[], ['subscribe key', 'disconnect']]);
});

test('what could not be read is read later', async () => {
  using clock = new Clock(500);
  const client = new FakeClient();
  const batches: unknown[] = [];
  const stop = redisLog(client, 'key').watch((batch) => batches.push(batch), noError);
  client.emit('ready');
  await until('it reads', () => client.asked.length === 1);
  client.asked[0]!.fail(new Error('LOADING'));
  await until('it waits', () => clock.timers === 1);
  clock.advance(500);
  await until('it reads again', () => client.asked.length === 2);
  client.asked[1]!.answer([]);
  await nextTurn();
  assert.equal(batches, [{ place: '0-0-0-0', updates: [] }]);
  stop();
});

test('a message that is not of the log makes it read, and ends nothing', async () => {
  const client = new FakeClient();
  const batches: unknown[] = [];
  const stop = redisLog(client, 'key').watch((batch) => batches.push(batch), noError);
  client.emit('ready');
  await until('it reads', () => client.asked.length === 1);
  client.asked[0]!.answer([]);
  await nextTurn();
  client.emit('message', 'key', 'hello');
  await until('it reads again', () => client.asked.length === 2);
  assert.is(batches.length, 1);
  stop();
});

test('the next place with a value that is none is no update: the stream has what counts', async () => {
  const client = new FakeClient();
  const places: string[] = [];
  const stop = redisLog(client, 'key').watch(({ place }) => places.push(place), noError);
  client.emit('ready');
  await until('it reads', () => client.asked.length === 1);
  client.asked[0]!.answer([['7-5', ['life', 'a', 'number', '1', 'value', 'j"first"']]]);
  await until('the first is given', () => places.length === 1);
  await nextTurn();
  client.emit('message', 'key', 'a-2-7-6 j{');
  await until('it reads again', () => client.asked.length === 2);
  client.asked[1]!.answer([['7-5', ['life', 'a', 'number', '1', 'value', 'j1']]]);
  await nextTurn();
  client.emit('message', 'key', 'a-2-7-6 j2');
  assert.equal(places, ['a-1-7-5', 'a-2-7-6']);
  stop();
});

test('an entry that the log has not written is an error that says which', async () => {
  const good = ['life', 'a', 'number', '1', 'value', 'j1'];
  const entries = [['name', 'x'], [], [...good.slice(0, 5), 'j{'], [...good.slice(0, 3), 'one', 'value', 'j1']];
  for (const fields of entries) {
    const client = new FakeClient();
    const read = rejectionOf(Promise.resolve(redisLog(client, 'key').read('all', 9)));
    client.asked[0]!.answer([['7-1', good], ['7-2', fields]]);
    const { name, message } = await read;
    assert.is(name, 'LogError');
    assert.match(message, 'has not written the entry 7-2 of "key"');
  }
});

test('what Redis refuses is an error that does not pass, unless it says that it does', async () => {
  const cases: [message: string, name: string][] = [
    ['WRONGTYPE Operation against a key', 'LogError'], ['NOAUTH Authentication required.', 'LogError'],
    ['LOADING Redis is loading the dataset in memory', 'Error'], ['connect ECONNREFUSED 127.0.0.1:1', 'Error'],
    ['Connection is closed.', 'Error'],
  ];
  for (const [message, name] of cases) {
    const client = new FakeClient();
    const read = rejectionOf(Promise.resolve(redisLog(client, 'key').read('all', 9)));
    client.asked[0]!.fail(new Error(message));
    const error = await read;
    assert.equal([error.name, error.message.endsWith(message)], [name, true]);
  }
  // A client that has given up never answers again; one that has not been connected, neither.
  const ended = Object.assign(new FakeClient(), { status: 'end' });
  const closed = { isOpen: false, duplicate() {}, sendCommand: () => Promise.reject(new Error('closed')) };
  const reads = [ended, closed].map((client) => rejectionOf(Promise.resolve(redisLog(client, 'key').read('all', 9))));
  ended.asked[0]!.fail(new Error('Connection is closed.'));
  for (const { message } of await Promise.all(reads)) assert.match(message, /^the client of redisLog is not connected/);
});

test('a channel that is refused is told to all who watch it, and asked for again', async () => {
  using clock = new Clock(5000);
  const client = new FakeClient();
  client.refusal = new Error("NOPERM this user has no permissions to access one of the channels used as arguments");
  const errors: string[] = [];
  const batches: unknown[] = [];
  const log = redisLog(client, 'key');
  const stops = [1, 2].map(() => log.watch((batch) => batches.push(batch), ({ message }) => errors.push(message)));
  client.emit('ready');
  await until('it is refused', () => errors.length === 2);
  assert.match(errors[0]!, 'Redis refuses what redisLog needs: NOPERM this user');
  await until('it waits', () => clock.timers === 1);
  client.refusal = null;
  clock.advance(5000);
  await until('both read', () => client.asked.length === 2);
  for (const { answer } of client.asked) answer([]);
  await nextTurn();
  assert.equal(batches, [{ place: '0-0-0-0', updates: [] }, { place: '0-0-0-0', updates: [] }]);
  // A lost connection is no refusal; and nobody asks for what nobody watches.
  client.refusal = new Error('Connection is closed.');
  client.emit('ready');
  await nextTurn();
  client.refusal = new Error('NOPERM');
  client.emit('ready');
  await nextTurn();
  for (const stop of stops) stop();
  const { length } = client.told;
  clock.advance(5000);
  assert.equal([errors.length, client.told.length], [2, length]);
});

test('a connection for reading that is refused is told; one that has given up is replaced', async () => {
  using clock = new Clock(5000);
  const client = new FakeClient();
  const errors: string[] = [];
  const stop = redisLog(client, 'key').watch(() => {}, ({ message }) => errors.push(message));
  client.emit('error', new Error('connect ECONNREFUSED 127.0.0.1:1'));
  assert.is(errors.length, 0);
  client.emit('error', new Error('WRONGPASS invalid username-password pair or user is disabled.'));
  assert.match(errors[0]!, 'WRONGPASS');
  client.status = 'end';
  client.emit('end');
  client.emit('end');
  assert.equal([errors.length, client.duplicates], [2, 1]);
  clock.advance(5000);
  assert.is(client.duplicates, 2);
  client.emit('end');
  stop();
  clock.advance(5000);
  assert.is(client.duplicates, 2);
});

test('a message is the next update if Redis gave it the later id', async () => {
  const cases: [id: string, isNext: boolean][] = [
    ['9-0', true], ['7-6', true], ['7-5', false], ['7-4', false], ['6-9', false],
  ];
  for (const [id, isNext] of cases) {
    const client = new FakeClient();
    const places: string[] = [];
    const stop = redisLog(client, 'key').watch(({ place }) => places.push(place), noError);
    client.emit('ready');
    await until('it reads', () => client.asked.length === 1);
    client.asked[0]!.answer([['7-5', ['life', 'a', 'number', '1', 'value', 'j"first"']]]);
    await until('the first is given', () => places.length === 1);
    await nextTurn();
    client.emit('message', 'key', `a-2-${id} j"second"`);
    await until('it is given or read', () => client.asked.length === (isNext ? 1 : 2));
    assert.equal(places, isNext ? ['a-1-7-5', `a-2-${id}`] : ['a-1-7-5'], id);
    stop();
  }
});

test.run();
