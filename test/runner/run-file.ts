// Runs one compiled test file, as the child process of test/run.ts, which it tells of each test.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { exceptionOf } from './exceptions.js';
import { describe, plans, Skip, type Body, type Plan } from './suite.js';

/** A test has started, or ended and why, or all have `finished`. */
export interface TestEvent {
  readonly event: 'started' | 'passed' | 'skipped' | 'failed' | 'finished';
  readonly where: string;
  readonly text: string;
}

type Outcome = readonly [event: 'passed' | 'skipped' | 'failed', text: string];

/** How long handles may take to close after the last test, in milliseconds. */
const CLOSING_TIME = 5_000;

/** Ends the test or hook that is running. */
let interrupt: ((error: Error) => void) | null = null;

function tell(where: string, event: TestEvent['event'], text = ''): void {
  process.send!({ event, where, text } satisfies TestEvent);
}

/** Runs a test or hook until it ends, its time is over, or an error is thrown elsewhere. */
async function attempt(timeout: number, body: Body): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const interruption = new Promise<never>((_, reject) => {
    interrupt = reject;
    timer = setTimeout(() => reject(new Error(`still running after ${timeout} ms`)), timeout);
  });
  // A rejection that nobody handles is reported one turn later, and belongs to this test.
  const ending = Promise.resolve().then(body).then(() => nextTurn());
  try {
    await Promise.race([ending, interruption]);
    return ['passed', ''];
  } catch (error) {
    return error instanceof Skip ? ['skipped', error.message] : ['failed', describe(error)];
  } finally {
    clearTimeout(timer);
    interrupt = null;
  }
}

async function surround({ beforeEach, afterEach }: Plan['hooks'], body: Body): Promise<void> {
  try {
    for (const part of [...beforeEach, body]) await part();
  } finally {
    for (const hook of afterEach) await hook();
  }
}

async function runSuite({ name, timeout, tests, hooks, isComplete }: Plan): Promise<void> {
  if (!isComplete) tell(name, 'failed', 'run() is missing after its last test');
  let ready: Outcome = ['passed', ''];
  for (const hook of hooks.before) if (ready[0] === 'passed') ready = await attempt(timeout, hook);
  for (const [testName, body] of tests) {
    const where = `${name}: ${testName}`;
    tell(where, 'started');
    const exception = exceptionOf(name, testName);
    if (exception !== null) tell(where, 'skipped', exception);
    else if (ready[0] !== 'passed') tell(where, ...ready);
    else tell(where, ...(await attempt(timeout, () => surround(hooks, body))));
  }
  for (const hook of hooks.after) {
    const [event, text] = await attempt(timeout, hook);
    if (event === 'failed') tell(`${name}: after`, event, text);
  }
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (cause: unknown) => {
    if (interrupt !== null) interrupt(new Error(`${event} while this was running`, { cause }));
    else tell(`outside of tests: ${event}`, 'failed', describe(cause));
  });
}
// The runner was killed. Listening would keep this process alive without `unref`.
process.on('disconnect', () => process.exit(1));
process.channel?.unref();

try {
  await import(pathToFileURL(process.argv[2]!).href);
  if (plans.every(({ tests }) => tests.size === 0)) tell('no test', 'failed', 'the file has none');
  for (const plan of plans) await runSuite(plan);
} catch (error) {
  tell('the file cannot be loaded', 'failed', describe(error));
}
tell('', 'finished');

// This timer keeps nothing alive: it fires only if something else does.
setTimeout(() => {
  tell('the process does not end by itself', 'failed', `still open: ${process.getActiveResourcesInfo().join(', ')}`);
  process.exit(1);
}, CLOSING_TIME).unref();
