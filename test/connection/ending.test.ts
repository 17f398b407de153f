// The end of a connection on its own: who is told, and what is made for it. How it comes about is in closing.
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { ABNORMAL, assertClosed, CLOSE_1000, countTimers, isPending, nextTurn, open, terminateAll } from './harness.js';

const test = suite('Ending');
test.after.each(terminateAll);

test('closed is one promise, whoever asks and whenever', async () => {
  const opened = open();
  const { closed } = opened.connection;
  assert.is(await isPending(closed), true);
  opened.connection.terminate();
  assert.is(opened.connection.closed, closed);
  assert.equal(await closed, ABNORMAL);
  assert.is(opened.connection.closed, closed);
});

test('closed can be asked for after the end, the first time', async () => {
  const opened = open();
  await opened.receive(CLOSE_1000);
  await nextTurn();
  opened.connection.terminate();
  await nextTurn();
  await assertClosed(opened, { code: 1000, reason: '', wasClean: true });
});

test('what broke the stream is told, and no timer is left', async () => {
  const timers = countTimers();
  const opened = open();
  void opened.connection.close();
  assert.is(countTimers(), timers + 1);
  await opened.reset();
  const { error } = await opened.connection.closed;
  assert.is((error as { code?: string }).code, 'ECONNRESET');
  assert.is(countTimers(), timers);
});

test.run();
