// Promises that are settled from outside: by their first settling, and in silence if nobody looks.
import * as assert from 'uvu/assert';
import { defer, quiet } from '../../src/connection/deferred.js';
import { suite } from '../runner/suite.js';
import { rejectionOf, unhandledRejections } from './harness.js';

const test = suite('deferred');

test('it is settled once', async () => {
  const fulfilled = defer<number>();
  fulfilled.resolve(1);
  fulfilled.resolve(2);
  fulfilled.reject(new Error('late'));
  assert.is(await fulfilled.promise, 1);
});

test('whoever awaits it is told of a rejection', async () => {
  const { promise, reject } = defer<void>();
  reject(new Error('no'));
  assert.is((await rejectionOf(promise)).message, 'no');
  assert.is((await rejectionOf(quiet(Promise.reject(new Error('never'))))).message, 'never');
});

test('nobody has to: it is not reported as unhandled', async () => {
  assert.equal(await unhandledRejections(() => {
    defer<void>().reject(new Error('no'));
    void quiet(Promise.reject(new Error('never')));
  }), []);
});

test.run();
