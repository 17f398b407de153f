// The log in Redis without a server: what it asks, and whose client it is. What Redis answers is tested in interop.
import { throws } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import * as assert from 'uvu/assert';
import { redisLog } from '../../src/feed/redis.js';
import { suite } from '../runner/suite.js';
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

/** A client of ioredis, whose answers the test gives, and the connection for reading, which notes what it is told. */
class FakeClient extends EventEmitter {
  readonly asked: { command: string; answer(value: unknown): void; fail(error: Error): void }[] = [];
  readonly told: string[] = [];

  call(command: string): Promise<unknown> {
    return new Promise((resolve, reject) => this.asked.push({ command, answer: resolve, fail: reject }));
  }

  duplicate(): this {
    return this;
  }

  async subscribe(channel: string): Promise<void> {
    this.told.push(`subscribe ${channel}`);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.told.push(`unsubscribe ${channel}`);
  }

  disconnect(): void {
    this.told.push('disconnect');
  }
}

test('what comes after a watch was stopped is not given', async () => {
  const client = new FakeClient();
  const batches: unknown[] = [];
  const stop = redisLog(client, 'key').watch((batch) => batches.push(batch));
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
  const stop = redisLog(client, 'key').watch((batch) => batches.push(batch));
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
  const stop = redisLog(client, 'key').watch((batch) => batches.push(batch));
  client.emit('ready');
  await until('it reads', () => client.asked.length === 1);
  client.asked[0]!.answer([]);
  await nextTurn();
  client.emit('message', 'key', 'hello');
  await until('it reads again', () => client.asked.length === 2);
  assert.is(batches.length, 1);
  stop();
});

test('a message is the next update if Redis gave it the later id', async () => {
  const cases: [id: string, isNext: boolean][] = [
    ['9-0', true], ['7-6', true], ['7-5', false], ['7-4', false], ['6-9', false],
  ];
  for (const [id, isNext] of cases) {
    const client = new FakeClient();
    const places: string[] = [];
    const stop = redisLog(client, 'key').watch(({ place }) => places.push(place));
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
