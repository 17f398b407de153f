// The one timer that asks all connections whether they are alive.
import { AsyncLocalStorage } from 'node:async_hooks';
import * as assert from 'uvu/assert';
import { SilenceTimer } from '../../src/stream/silence-timer.js';
import { TimeoutError } from '../../src/errors.js';
import { createFakePair } from '../support/peers/fake-stream.js';
import { suite } from '../runner/suite.js';
import {
  ABNORMAL, assertClosed, CLOSE_1000, countTimers, nextTurn, open, terminateAll,
} from '../connection/harness.js';

/** Stands in for a timer of Node's, and fires when the test says so. */
class ManualTimer {
  isReferenced = true;
  isRunning = true;
  readonly fire: () => void;
  readonly interval: number | undefined;

  constructor(fire: () => void, interval: number | undefined) {
    this.fire = fire;
    this.interval = interval;
  }

  unref(): this {
    this.isReferenced = false;
    return this;
  }
}

const test = suite('SilenceTimer');
let timers: ManualTimer[] = [];
const { setInterval, clearInterval } = globalThis;

test.before.each(() => {
  timers = [];
  function start(fire: () => void, interval?: number): ManualTimer {
    timers.push(new ManualTimer(fire, interval));
    return timers.at(-1)!;
  }
  function stop(timer: ManualTimer): void {
    timer.isRunning = false;
  }
  Object.assign(globalThis, { setInterval: start, clearInterval: stop });
});
test.after.each(terminateAll);
test.after.each(() => void Object.assign(globalThis, { setInterval, clearInterval }));

test('many connections share one timer, four times in an interval, which keeps no process alive', () => {
  const keepAlive = new SilenceTimer(20_000);
  assert.is(timers.length, 0);
  for (let count = 0; count < 100; count++) open({ keepAlive });
  assert.equal(timers.map(({ interval, isReferenced }) => [interval, isReferenced]), [[5000, false]]);
});

test('the timer stops with the last connection, and starts again with the next', async () => {
  const keepAlive = new SilenceTimer(20_000);
  const [first, second, third] = [open({ keepAlive }), open({ keepAlive }), open({ keepAlive })];
  await first.reset();
  await second.receive(CLOSE_1000);
  await second.receiveEnd();
  assert.equal(timers.map(({ isRunning }) => isRunning), [true]);
  third.connection.terminate();
  await third.connection.closed;
  assert.equal(timers.map(({ isRunning }) => isRunning), [false]);
  const fourth = open({ keepAlive });
  assert.equal(timers.map(({ isRunning }) => isRunning), [false, true]);
  await fourth.reset();
  assert.equal(timers.map(({ isRunning }) => isRunning), [false, false]);
});

test('an interval of 0 asks nobody', async () => {
  const keepAlive = new SilenceTimer(0);
  const opened = open({ keepAlive });
  assert.is(timers.length, 0);
  await opened.reset();
  assert.is(timers.length, 0);
});

test('each tick checks all connections', async () => {
  const keepAlive = new SilenceTimer(20_000);
  const silent = [open({ keepAlive }), open({ keepAlive, role: 'client' })];
  const lively = open({ keepAlive });
  const [timer] = timers;
  for (let tick = 1; tick <= 8; tick++) {
    timer!.fire();
    for (const opened of silent) await opened.assertSent(tick < 4 ? '' : '89 00');
    await lively.receive('89 00');
  }
  for (const opened of silent) await assertClosed(opened, ABNORMAL, TimeoutError);
  await lively.assertSent('8a 00'.repeat(8));
  assert.is(lively.connection.isClosed(), false);
  assert.is(timer!.isRunning, true);
  await lively.reset();
  assert.is(timer!.isRunning, false);
});

test('a peer that only ever answers is asked in each interval, and stays', async () => {
  const [near, far] = createFakePair();
  const server = open({ stream: near, keepAlive: new SilenceTimer(20_000) }).connection;
  const client = open({ stream: far, role: 'client' }).connection;
  for (let tick = 0; tick < 40; tick++) {
    timers[0]!.fire();
    for (let turn = 0; turn < 4; turn++) await nextTurn();
  }
  assert.is(near.written.toString('hex'), '8900'.repeat(10));
  assert.equal([server.isClosed(), client.isClosed()], [false, false]);
});

test('a connection that has ended is not checked any more', async () => {
  const keepAlive = new SilenceTimer(20_000);
  const [ended, other] = [open({ keepAlive }), open({ keepAlive })];
  let checks = 0;
  keepAlive.add({ checkLife: () => void checks++ });
  await ended.reset();
  for (let tick = 1; tick <= 4; tick++) timers[0]!.fire();
  assert.is(checks, 4);
  await ended.assertSent('');
  await other.assertSent('89 00');
});

test.run();

const realTimer = suite("SilenceTimer, with a timer of Node's");
realTimer.after.each(terminateAll);

realTimer('a silent peer is asked, and given up', async () => {
  const opened = open({ keepAlive: new SilenceTimer(1) });
  await assertClosed(opened, ABNORMAL, TimeoutError);
  await opened.assertSent('89 00');
});

realTimer('it holds the async context of no connection', async () => {
  const storage = new AsyncLocalStorage<string>();
  const keepAlive = new SilenceTimer(1);
  const seen = await storage.run('the first connection', () => new Promise((resolve) => {
    const watched = {
      checkLife(): void {
        keepAlive.delete(watched);
        resolve(storage.getStore() ?? 'none');
      },
    };
    keepAlive.add(watched);
  }));
  assert.is(seen, 'none');
});

realTimer('it keeps no process alive', () => {
  const before = countTimers();
  open({ keepAlive: new SilenceTimer(60_000) });
  assert.is(countTimers(), before);
});

realTimer.run();
