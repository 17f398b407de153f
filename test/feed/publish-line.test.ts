// Publishing in line: the order of the calls is kept, whenever the broker must be prepared, and each has its time.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { defer } from '../../src/connection/deferred.js';
import { PublishLine, type Sender } from '../../src/feed/publish-line.js';
import { suite } from '../runner/suite.js';
import { nextTurn, until } from '../server/harness.js';
import { Clock } from '../support/clock.js';

const test = suite('publish line');

/** A broker that answers when the test says so, and takes nothing while it is not prepared. */
class FakeSender implements Sender<string> {
  readonly sent: string[] = [];
  readonly waits: number[] = [];
  isPrepared = false;
  /** What a send waits for, and preparing. */
  answer: (text: string) => Promise<void> = async () => {};
  preparing: () => Promise<void> = async () => {};

  async send(text: string): Promise<string | null> {
    const isTaken = this.isPrepared;
    if (isTaken) this.sent.push(text);
    await this.answer(text);
    return isTaken ? `place of ${text}` : null;
  }

  async prepare(wait: number): Promise<void> {
    this.waits.push(wait);
    await this.preparing();
    this.isPrepared = true;
  }

  refusal(): Error {
    return new Error('refused');
  }
}

test('a broker is prepared once, for the first', async () => {
  const sender = new FakeSender();
  const line = new PublishLine(sender, 0);
  assert.equal(await Promise.all(['1', '2'].map((text) => line.publish(text))), ['place of 1', 'place of 2']);
  assert.is(await line.publish('3'), 'place of 3');
  assert.equal([sender.sent, sender.waits], [['1', '2', '3'], [0]]);
});

test('who comes while the broker is prepared does not overtake those that wait', async () => {
  const sender = new FakeSender();
  const line = new PublishLine(sender, 0);
  const prepared = defer<void>();
  sender.preparing = async () => {
    sender.isPrepared = true;
    await prepared.promise;
  };
  const places = [line.publish('1')];
  await until('it is prepared', () => sender.isPrepared);
  places.push(line.publish('2'));
  await nextTurn();
  assert.equal(sender.sent, []);
  prepared.resolve();
  places.push(line.publish('3'));
  await Promise.all(places);
  assert.equal(sender.sent, ['1', '2', '3']);
});

test('those that were on their way keep their order, whenever it is known that they were not taken', async () => {
  const sender = new FakeSender();
  const line = new PublishLine(sender, 0);
  const known = defer<void>();
  sender.answer = (text) => (text === '2' ? Promise.resolve() : known.promise);
  const places = ['1', '2', '3'].map((text) => line.publish(text));
  await nextTurn();
  places.push(line.publish('4'));
  await nextTurn();
  assert.equal(sender.waits, []);
  known.resolve();
  await Promise.all(places);
  assert.equal(sender.sent, ['1', '2', '3', '4']);
});

test('what fails is told, and the others go on', async () => {
  const sender = new FakeSender();
  const line = new PublishLine(sender, 0);
  sender.answer = async (text) => {
    if (sender.isPrepared && text === '1') throw new Error('lost');
  };
  const failing = rejects(line.publish('1'), { message: 'lost' });
  assert.is(await line.publish('2'), 'place of 2');
  await failing;
});

test('a broker that takes nothing is asked again until the time is over', async () => {
  using clock = new Clock();
  const sender = new FakeSender();
  sender.prepare = async (wait) => void sender.waits.push(wait);
  await rejects(new PublishLine(sender, 0).publish('1'), { message: 'refused' });
  const waiting = new PublishLine(sender, 60_000).publish('2');
  for (let attempt = 2; attempt < 5; attempt++) {
    await until('it has tried', () => clock.timers === 1);
    assert.is(sender.waits.length, attempt);
    clock.advance(250);
  }
  await until('it has tried', () => clock.timers === 1);
  sender.isPrepared = true;
  clock.advance(250);
  assert.is(await waiting, 'place of 2');
  for (const wait of sender.waits.slice(1)) assert.ok(wait > 0 && wait <= 60_000);
});

test('a broker that cannot be prepared is told to all, or to those whose time is over', async () => {
  using clock = new Clock();
  const sender = new FakeSender();
  const failed = defer<void>();
  sender.preparing = () => failed.promise;
  const line = new PublishLine(sender, 60_000);
  const all = ['1', '2'].map((text) => rejects(line.publish(text), { message: 'no permission' }));
  await until('it is prepared', () => sender.waits.length === 1);
  failed.reject(new Error('no permission'));
  await Promise.all(all);

  const { now } = performance;
  let time = Math.ceil(now.call(performance));
  performance.now = () => time;
  try {
    const away = defer<void>();
    sender.preparing = () => away.promise;
    const late = rejects(line.publish('3'), { message: 'away' });
    await until('it is prepared', () => sender.waits.length === 2);
    time += 30_000;
    const later = line.publish('4');
    await nextTurn();
    time += 30_000;
    away.reject(new Error('away'));
    await late;
    await until('it waits', () => clock.timers === 1);
    sender.preparing = async () => {};
    clock.advance(250);
    assert.is(await later, 'place of 4');
  } finally {
    performance.now = now;
  }
});

test.run();
