// Keep-alive: who counts as alive, who is asked, who is given up, and the one timer that does it.
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { KeepAlive } from '../../src/connection/keep-alive.js';
import { ConnectionClosed, TimeoutError } from '../../src/errors.js';
import { createFakePair } from '../support/fake-stream.js';
import { suite } from '../support/suite.js';
import {
  ABNORMAL, assertClosed, CLOSE_1000, countTimers, isPending, nextTurn, numbered, open, peerBytes, rejectionOf, roles,
  smallStream, terminateAll, textFrames, type Opened,
} from './harness.js';

// ── What one check finds ──

for (const role of roles) {
  const test = suite(`checkLife, ${role}`);
  test.after.each(terminateAll);

  test('a silent peer is asked once, then given up', async () => {
    const opened = open({ role });
    const { connection, stream } = opened;
    // The handshake was a sign of life.
    connection.checkLife();
    await opened.assertSent('');
    connection.checkLife();
    await opened.assertSent('89 00');
    assert.is(stream.destroyed, false);
    const wait = connection.wait();
    const ping = connection.ping('mine');
    connection.checkLife();
    assert.is(stream.destroyed, true);
    await assertClosed(opened, ABNORMAL, TimeoutError);
    assert.is(await wait, null);
    assert.instance(await rejectionOf(ping), ConnectionClosed);
  });

  const signs: [name: string, sign: (opened: Opened) => Promise<unknown>][] = [
    ['the pong', (opened) => opened.receive('8a 00')],
    ['a ping of its own', (opened) => opened.receive('89 00')],
    ['a message', (opened) => opened.receive(textFrames('a'))],
    ['one byte of a header', async (opened) => opened.stream.receive(peerBytes(role, '81 00').subarray(0, 1))],
  ];
  for (const [name, sign] of signs) {
    test(`${name} is a sign of life`, async () => {
      const opened = open({ role });
      const { connection, stream } = opened;
      connection.checkLife();
      connection.checkLife();
      await nextTurn();
      const probe = stream.written.length;
      await sign(opened);
      await nextTurn();
      const before = stream.written.length;
      connection.checkLife();
      await nextTurn();
      assert.is(stream.written.length, before);
      // From now on it is silent again: asked once more, then given up.
      connection.checkLife();
      await nextTurn();
      assert.is(stream.written.length, before + probe);
      assert.is(stream.destroyed, false);
      connection.checkLife();
      await assertClosed(opened, ABNORMAL, TimeoutError);
    });
  }

  test('a peer that says something in each interval is never asked', async () => {
    const opened = open({ role });
    for (let round = 0; round < 10; round++) {
      await opened.receive(textFrames('a'));
      opened.connection.checkLife();
    }
    await opened.assertSent('');
    assert.is(opened.stream.destroyed, false);
  });

  test('a peer that this side has stopped is not dead', async () => {
    const opened = open({ role, limits: { maxQueuedMessages: 2 } });
    const { connection, stream } = opened;
    await opened.receive(textFrames('a', 'b'));
    await opened.receive(textFrames('c'));
    for (let round = 0; round < 10; round++) connection.checkLife();
    await opened.assertSent('');
    assert.is(stream.destroyed, false);
    assert.equal([await connection.wait(), await connection.wait(), await connection.wait()], ['a', 'b', 'c']);
    // Once it may speak again, it is asked before it is given up.
    connection.checkLife();
    connection.checkLife();
    await opened.assertSent('89 00');
    assert.is(stream.destroyed, false);
    connection.checkLife();
    await assertClosed(opened, ABNORMAL, TimeoutError);
  });

  test('a peer that was asked and then stopped is not dead', async () => {
    const opened = open({ role, limits: { maxQueuedMessages: 1 } });
    opened.connection.checkLife();
    opened.connection.checkLife();
    await opened.receive(textFrames('a'));
    for (let round = 0; round < 10; round++) opened.connection.checkLife();
    await opened.assertSent('89 00');
    assert.is(opened.stream.destroyed, false);
  });

  test('a peer that works through a backlog is not dead; one that has stopped reading is', async () => {
    const [near, far] = createFakePair({ highWaterMark: 100 });
    const { connection } = open({ role, stream: near });
    for (const text of numbered(4)) {
      void connection.send(text.padEnd(110));
      await nextTurn();
    }
    connection.checkLife();
    const amounts = [connection.bufferedAmount];
    for (let round = 0; round < 2; round++) {
      // The far side takes what one write brought, which makes room for the next.
      if (far.readableLength === 0) await once(far, 'readable');
      assert.ok(far.read() !== null);
      await nextTurn();
      amounts.push(connection.bufferedAmount);
      connection.checkLife();
      assert.is(connection.bufferedAmount, amounts.at(-1), 'nothing was asked');
    }
    assert.equal(amounts, [...amounts].sort((left, right) => right - left));
    assert.is(new Set(amounts).size, 3);
    assert.is(near.destroyed, false);
    connection.checkLife();
    assert.is(near.destroyed, false);
    connection.checkLife();
    assert.is((await connection.closed).error instanceof TimeoutError, true);
  });

  test('a peer that never reads is given up, whatever is sent to it', async () => {
    const opened = open({ role, stream: smallStream() });
    opened.stream.hold();
    for (let round = 0; round < 3; round++) {
      void opened.connection.send('x'.repeat(110));
      await nextTurn();
      opened.connection.checkLife();
    }
    await assertClosed(opened, ABNORMAL, TimeoutError);
  });

  test('a closing connection is left to the time limit of the closing handshake', async () => {
    const opened = open({ role });
    void opened.connection.close();
    for (let round = 0; round < 10; round++) opened.connection.checkLife();
    await opened.assertSent(CLOSE_1000);
    assert.is(opened.stream.destroyed, false);
  });

  test('a connection that has ended is left alone', async () => {
    const opened = open({ role });
    await opened.reset();
    for (let round = 0; round < 10; round++) opened.connection.checkLife();
    await opened.assertSent('');
    assert.is(((await opened.connection.closed).error as NodeJS.ErrnoException).code, 'ECONNRESET');
  });

  test('the pong to a keep-alive ping answers no other', async () => {
    const opened = open({ role });
    const ping = opened.connection.ping('mine');
    opened.connection.checkLife();
    opened.connection.checkLife();
    await opened.receive('8a 00');
    assert.is(await isPending(ping), true);
    await opened.receive('8a 04 6d696e65');
    assert.type(await ping, 'number');
  });

  test.run();
}

// ── The timer ──

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

const test = suite('KeepAlive');
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

test('many connections share one timer of that interval, which keeps no process alive', () => {
  const keepAlive = new KeepAlive(20_000);
  assert.is(timers.length, 0);
  for (let count = 0; count < 100; count++) open({ keepAlive });
  assert.equal(timers.map(({ interval, isReferenced }) => [interval, isReferenced]), [[20_000, false]]);
});

test('the timer stops with the last connection, and starts again with the next', async () => {
  const keepAlive = new KeepAlive(20_000);
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
  const keepAlive = new KeepAlive(0);
  const opened = open({ keepAlive });
  assert.is(timers.length, 0);
  await opened.reset();
  assert.is(timers.length, 0);
});

test('each interval checks all connections', async () => {
  const keepAlive = new KeepAlive(20_000);
  const silent = [open({ keepAlive }), open({ keepAlive, role: 'client' })];
  const lively = open({ keepAlive });
  const [timer] = timers;
  for (const expected of ['', '89 00', '89 00']) {
    timer!.fire();
    for (const opened of silent) await opened.assertSent(expected);
    await lively.receive(textFrames('a'));
  }
  for (const opened of silent) await assertClosed(opened, ABNORMAL, TimeoutError);
  await lively.assertSent('');
  assert.is(lively.connection.isClosed(), false);
  assert.is(timer!.isRunning, true);
  await lively.reset();
  assert.is(timer!.isRunning, false);
});

test('a peer that only ever answers is asked each second interval, and stays', async () => {
  const [near, far] = createFakePair();
  const server = open({ stream: near, keepAlive: new KeepAlive(20_000) }).connection;
  const client = open({ stream: far, role: 'client' }).connection;
  for (let round = 0; round < 10; round++) {
    timers[0]!.fire();
    for (let turn = 0; turn < 4; turn++) await nextTurn();
  }
  assert.is(near.written.toString('hex'), '8900'.repeat(5));
  assert.equal([server.isClosed(), client.isClosed()], [false, false]);
});

test('a connection that has ended is not checked any more', async () => {
  const keepAlive = new KeepAlive(20_000);
  const [ended, other] = [open({ keepAlive }), open({ keepAlive })];
  let checks = 0;
  ended.connection.checkLife = () => void checks++;
  timers[0]!.fire();
  assert.is(checks, 1);
  await ended.reset();
  timers[0]!.fire();
  assert.is(checks, 1);
  await other.assertSent('89 00');
});

test.run();

const realTimer = suite("KeepAlive, with a timer of Node's");
realTimer.after.each(terminateAll);

realTimer('a silent peer is asked, and given up', async () => {
  const opened = open({ keepAlive: new KeepAlive(1) });
  await assertClosed(opened, ABNORMAL, TimeoutError);
  await opened.assertSent('89 00');
});

realTimer('it keeps no process alive', () => {
  const before = countTimers();
  open({ keepAlive: new KeepAlive(60_000) });
  assert.is(countTimers(), before);
});

realTimer.run();
