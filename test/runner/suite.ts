// Makes uvu suites in which every test ends, throws real errors, and tells the runner what became of it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { suite as createUvuSuite } from 'uvu';
import type { Assertion } from 'uvu/assert';
import { exceptionOf } from './exceptions.js';

/** What a test file tells the runner (`test/run.ts`) while it runs. */
export type TestEvent =
  | { readonly event: 'registered'; readonly suite: string; readonly test: string }
  | { readonly event: 'started'; readonly suite: string; readonly test: string; readonly timeout: number }
  | { readonly event: 'passed'; readonly suite: string; readonly test: string }
  | { readonly event: 'failed' | 'skipped'; readonly suite: string; readonly test: string; readonly text: string }
  | { readonly event: 'finished'; readonly total: number };

type Body = () => void | Promise<void>;

interface Hook {
  /** Runs once for the suite. */
  (body: Body): void;
  /** Runs once for each test, as a part of it. */
  each(body: Body): void;
}

/** uvu's suite without `only` and `skip`: run one file with `npm test -- PATTERN`, and skip by `requirePeer`. */
export interface Suite {
  (name: string, body: Body): void;
  readonly before: Hook;
  readonly after: Hook;
  /** Hands the suite to the runner; a suite without it fails the file. */
  run(): void;
}

/** Thrown by `skip`; ends the test without a failure. */
class Skip extends Error {}

/** The tests of the files that `listTests` is loading; `null` otherwise. */
let listed: ListedTest[] | null = null;

/** A test by its names. */
export interface ListedTest {
  readonly suite: string;
  readonly test: string;
}

/** Loads compiled test files without handing their tests to the runner, and returns the tests. */
export async function listTests(files: readonly URL[]): Promise<ListedTest[]> {
  const tests: ListedTest[] = [];
  listed = tests;
  try {
    for (const file of files) await import(file.href);
  } finally {
    listed = null;
  }
  return tests;
}

/** A suite that only tells of its tests. */
function listSuite(name: string, tests: ListedTest[]): Suite {
  const hook = Object.assign(() => {}, { each: () => {} });
  const list = (test: string): void => void tests.push({ suite: name, test });
  return Object.assign(list, { before: hook, after: hook, run: () => {} });
}

/**
 * Creates a suite of tests.
 * @param name names the suite in the runner's output
 * @param options.timeout how long a test or a hook may take, in milliseconds
 */
export function suite(name: string, { timeout = 180_000 }: { readonly timeout?: number } = {}): Suite {
  if (listed !== null) return listSuite(name, listed);
  const inner = createUvuSuite(name);
  const names = new Set<string>();
  const beforeEach: Body[] = [];
  const afterEach: Body[] = [];
  // uvu swallows what a `before` hook throws and passes the suite, so each test throws it again.
  let obstacle: { readonly error: unknown } | null = null;

  async function perform(body: Body): Promise<void> {
    if (obstacle) throw obstacle.error;
    try {
      for (const hook of beforeEach) await hook();
      await body();
    } finally {
      for (const hook of afterEach) await hook();
    }
  }

  function test(testName: string, body: Body): void {
    // A failure must name exactly one test.
    if (names.has(testName)) throw new Error(`suite "${name}" has two tests named "${testName}"`);
    names.add(testName);
    const label = { suite: name, test: testName };
    announce({ event: 'registered', ...label });
    inner(testName, async () => {
      announce({ event: 'started', ...label, timeout });
      const exception = exceptionOf(name, testName);
      if (exception !== null) return announce({ event: 'skipped', ...label, text: exception });
      try {
        await limit(timeout, () => perform(body));
      } catch (error) {
        if (error instanceof Skip) return announce({ event: 'skipped', ...label, text: error.message });
        const text = describe(error);
        announce({ event: 'failed', ...label, text });
        // uvu reads `name` and `stack` of whatever was thrown.
        throw error instanceof Error ? error : new Error(text);
      }
      announce({ event: 'passed', ...label });
    });
  }

  function before(body: Body): void {
    inner.before(async () => {
      try {
        await limit(timeout, body);
      } catch (error) {
        obstacle ??= { error };
      }
    });
  }

  function after(body: Body): void {
    inner.after(async () => {
      try {
        await limit(timeout, body);
      } catch (error) {
        announce({ event: 'failed', suite: name, test: 'after', text: describe(error) });
      }
    });
  }

  return Object.assign(test, {
    before: Object.assign(before, { each: (body: Body) => void beforeEach.push(body) }),
    after: Object.assign(after, { each: (body: Body) => void afterEach.push(body) }),
    run: () => inner.run(),
  });
}

/** Ends the current test as skipped; the runner prints the reason. */
export function skip(reason: string): never {
  throw new Skip(reason);
}

/**
 * Ends the current test if a program or package that it talks to is not there: skipped, but failed if the environment
 * variable `CI` is `true`, where every peer must be installed.
 * @param isPresent anything truthy if the peer is there
 * @param reason what is missing and how to get it
 */
export function requirePeer(isPresent: unknown, reason: string): asserts isPresent {
  if (isPresent) return;
  if (process.env['CI'] === 'true') throw new Error(`CI has all peers, but ${reason}`);
  skip(reason);
}

/** Tells the runner; does nothing if the file was started without it. */
export function announce(event: TestEvent): void {
  process.send?.(event);
}

let interrupt: ((error: unknown) => void) | null = null;

/** Fails the test or hook that is running with an error thrown outside of it; `false` if none is running. */
export function failRunningTest(error: unknown): boolean {
  interrupt?.(error);
  return interrupt !== null;
}

async function limit(timeout: number, body: Body): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const interruption = new Promise<never>((_, reject) => {
    interrupt = reject;
    timer = setTimeout(() => reject(new Error(`still running after ${timeout} ms`)), timeout);
  });
  try {
    await Promise.race([settle(body), interruption]);
  } finally {
    clearTimeout(timer);
    interrupt = null;
  }
}

async function settle(body: Body): Promise<void> {
  await body();
  // A rejection that nobody handles is reported one turn later, and belongs to this test.
  await nextTurn();
}

const FOREIGN_FRAME = /node:internal|node_modules\/uvu\/|test\/runner\/(?:suite|run-file)\./;

/** An error as text: name and message, uvu's diff, the stack inside the test and the code, and the causes. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw a value that is not an Error: ${inspect(error)}`;
  const { details, operator, actual } = error as Partial<Assertion>;
  const parts = [`${error.name}: ${error.message}`];
  if (details) parts.push(details.trimEnd());
  // uvu tells only what it looked for.
  else if (operator === 'match') parts.push(`    in ${inspect(actual)}`);
  const lines = (error.stack ?? '').split('\n');
  parts.push(...lines.filter((line) => /^ +at /.test(line) && !FOREIGN_FRAME.test(line)));
  if (error.cause !== undefined) parts.push(`caused by ${describe(error.cause)}`);
  return parts.join('\n');
}
