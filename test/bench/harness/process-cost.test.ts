// The CPU time of a process, read from outside, never goes back.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { ProcessorClock, residentBytes } from '../../../bench/harness/process-cost.js';
import { suite } from '../../runner/suite.js';

const test = suite('process cost');
const isLinux = process.platform === 'linux';

/** Works until it has something to say, and lives on. */
const WORK = `
  const { parentPort } = require('node:worker_threads');
  let sum = 0;
  for (let index = 0; index < 3e8; index++) sum += index % 7;
  parentPort.postMessage(sum);
  setInterval(() => {}, 60_000);
`;

if (isLinux) {
  test('what a thread has used counts on when it has ended', async () => {
    const clock = new ProcessorClock(process.pid);
    const worker = new Worker(WORK, { eval: true });
    await once(worker, 'message');
    const before = clock.read();
    await worker.terminate();
    assert.ok(clock.read() >= before);
  });

  test('a process of JavaScript has a mebibyte in RAM', () => {
    assert.ok(residentBytes(process.pid) > 2 ** 20);
  });
}

test.run();
