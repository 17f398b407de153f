// The one moment of an iteration of the event loop when connections are written.
import * as assert from 'uvu/assert';
import { flushInTick, flushSoon } from '../../src/stream/flush.js';
import { suite } from '../runner/suite.js';

const flush = suite('flush');

flush('nothing is written before the tick is over, then each connection once, in the order of asking', async () => {
  const flushed: string[] = [];
  flushSoon({ flush: () => flushed.push('first') });
  flushSoon({ flush: () => flushed.push('second') });
  await Promise.resolve();
  assert.equal(flushed, []);
  await new Promise(process.nextTick);
  assert.equal(flushed, []);
  await new Promise(setImmediate);
  assert.equal(flushed, ['first', 'second']);
  await new Promise(setImmediate);
  assert.equal(flushed, ['first', 'second']);
});

flush('one that asks while others are flushed waits for the next time', async () => {
  const flushed: string[] = [];
  flushSoon({
    flush() {
      flushed.push('first');
      flushSoon({ flush: () => flushed.push('again') });
    },
  });
  flushSoon({ flush: () => flushed.push('second') });
  await new Promise(setImmediate);
  assert.equal(flushed, ['first', 'second']);
  await new Promise(setImmediate);
  assert.equal(flushed, ['first', 'second', 'again']);
});

flush('streams of HTTP/2 are written before the event loop goes on, each once, in the order of asking', async () => {
  const flushed: string[] = [];
  flushInTick({ flush: () => flushed.push('first') });
  flushInTick({ flush: () => flushed.push('second') });
  await Promise.resolve();
  assert.equal(flushed, []);
  await new Promise(process.nextTick);
  assert.equal(flushed, ['first', 'second']);
  await new Promise(setImmediate);
  assert.equal(flushed, ['first', 'second']);
});

flush.run();
