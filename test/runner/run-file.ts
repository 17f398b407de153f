// Runs one compiled test file: the child process of test/run.ts, to which it reports over the IPC channel.
import { pathToFileURL } from 'node:url';

type Run = () => Promise<[errors: unknown, passed: number, skipped: number, total: number]>;

// uvu's own door for a runner: set before uvu is loaded, it queues suites here and starts nothing by itself.
const queue: Run[] = [];
Object.assign(globalThis, { UVU_DEFER: true, UVU_QUEUE: [queue] });
const { announce, describe, failRunningTest } = await import('./suite.js');

/** How long handles may take to close after the last test, in milliseconds. */
const CLOSING_TIME = 5_000;

function failOutside(test: string, text: string): void {
  announce({ event: 'failed', suite: 'outside of tests', test, text });
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    const isTold = failRunningTest(new Error(`${event} while this was running`, { cause: error }));
    if (!isTold) failOutside(event, describe(error));
  });
}

// The runner was killed. Listening would keep this process alive without `unref`.
process.on('disconnect', () => process.exit(1));
process.channel?.unref();

const [, , file = ''] = process.argv;
let total = 0;
try {
  await import(pathToFileURL(file).href);
  for (const run of queue) total += (await run())[3];
} catch (error) {
  failOutside('the file cannot be loaded', describe(error));
}
announce({ event: 'finished', total });

// This timer keeps nothing alive: it fires only if something else does.
setTimeout(() => {
  failOutside('the process does not end by itself', `still open: ${process.getActiveResourcesInfo().join(', ')}`);
  process.exit(1);
}, CLOSING_TIME).unref();
