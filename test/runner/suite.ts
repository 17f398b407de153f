// What test files need of the runner: suites, peers that may be missing, and errors as text.
import { inspect } from 'node:util';
import type { Assertion } from 'uvu/assert';

export type Body = () => void | Promise<void>;

/** What `test/runner/run-file.ts` runs of a suite. */
export interface Plan {
  readonly name: string;
  readonly timeout: number;
  readonly tests: Map<string, Body>;
  readonly hooks: Readonly<Record<'before' | 'beforeEach' | 'afterEach' | 'after', Body[]>>;
  isComplete: boolean;
}

/** The suites of all files that were loaded, in their order. */
export const plans: Plan[] = [];

/** A suite of uvu would pass if its `before` hook throws, or if `run` is forgotten. */
export type Suite = ReturnType<typeof suite>;

/** @param options.timeout how long a test or a hook may take, in milliseconds */
export function suite(name: string, { timeout = 180_000 }: { readonly timeout?: number } = {}) {
  const hooks: Plan['hooks'] = { before: [], beforeEach: [], afterEach: [], after: [] };
  const plan: Plan = { name, timeout, tests: new Map(), hooks, isComplete: false };
  plans.push(plan);
  function test(testName: string, body: Body): void {
    if (plan.isComplete) throw new Error(`test "${testName}" was added after run() of suite "${name}"`);
    // A failure must name exactly one test.
    if (plan.tests.has(testName)) throw new Error(`suite "${name}" has two tests named "${testName}"`);
    plan.tests.set(testName, body);
  }
  return Object.assign(test, {
    before: hookOf(hooks.before, hooks.beforeEach),
    after: hookOf(hooks.after, hooks.afterEach),
    /** Stands after the last test; a file with a suite that lacks it fails. */
    run: () => void (plan.isComplete = true),
  });
}

/** A hook that runs once for the suite; its `each` runs as a part of each test. */
function hookOf(once: Body[], each: Body[]) {
  return Object.assign((body: Body) => void once.push(body), { each: (body: Body) => void each.push(body) });
}

/** Loads compiled test files without running their tests, and returns the names of these. */
export async function listTests(files: readonly URL[]): Promise<string[]> {
  const first = plans.length;
  for (const file of files) await import(file.href);
  return plans.splice(first).flatMap(({ tests }) => [...tests.keys()]);
}

/** Thrown to end a test as skipped. */
export class Skip extends Error {}

/**
 * Ends the current test if a program or package that it talks to is not there: skipped, but failed if the environment
 * variable `CI` is `true`, where every peer must be installed.
 * @param isPresent anything truthy if the peer is there
 * @param reason what is missing and how to get it
 */
export function requirePeer(isPresent: unknown, reason: string): asserts isPresent {
  if (isPresent) return;
  throw process.env['CI'] === 'true' ? new Error(`CI has all peers, but ${reason}`) : new Skip(reason);
}

/** An error as text: name and message, uvu's diff, the stack inside the test and the code, and the causes. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw a value that is not an Error: ${inspect(error)}`;
  const { details, operator, actual } = error as Partial<Assertion>;
  const parts = [`${error.name}: ${error.message}`];
  if (details) parts.push(details.trimEnd());
  // uvu tells only what it looked for.
  else if (operator === 'match') parts.push(`    in ${inspect(actual)}`);
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ +at /.test(line));
  parts.push(...frames.filter((line) => !/node:internal|node_modules\/uvu\/|test\/runner\//.test(line)));
  if (error.cause !== undefined) parts.push(`caused by ${describe(error.cause)}`);
  return parts.join('\n');
}
