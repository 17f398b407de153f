// Runs a fuzzer over many inputs, and makes of the first finding a report that can be repeated.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Random } from '../frame/random.js';
import { Finding, type Target } from './target.js';

/** When a campaign ends, unless there is a finding. */
export interface CampaignOptions {
  /** Input number n is made from this plus n. */
  readonly seed: number;
  readonly milliseconds?: number;
  readonly count?: number;
}

export interface Failure {
  readonly error: unknown;
  /** Makes the input again, as the first of a campaign; `null` if it is one of the corpus. */
  readonly seed: number | null;
  /** The shortest input found that breaks the same rule. */
  readonly input: Buffer;
  /** For the cuts of that input. */
  readonly cutSeed: number;
}

export interface CampaignResult {
  readonly inputs: number;
  readonly milliseconds: number;
  readonly failure: Failure | null;
}

/** Inputs between two looks at the clock. */
const BATCH = 256;

/** An input that takes more CPU time, in milliseconds, stalls all others; the largest takes one. */
const STALL = 2000;

/** How often the minimizer may try, and for how many milliseconds. */
const MAX_ATTEMPTS = 4000;
const MAX_MINIMIZING_TIME = 10_000;

interface Case {
  readonly seed: number | null;
  readonly cutSeed: number;
  readonly input: Buffer;
}

/** Errors that no call returned: rejections that nobody handles, and exceptions out of event listeners. */
const strays: unknown[] = [];
let isWatching = false;

/** Only once inputs are checked: a target that fails while it loads must end the process. */
function watchStrays(): void {
  if (isWatching) return;
  isWatching = true;
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    process.on(event, (error: unknown) => void strays.push(new Finding(event, String(error), { cause: error })));
  }
}

/** Checks the corpus and then new inputs until the time is over or the count is reached. */
export async function runCampaign(target: Target, options: CampaignOptions): Promise<CampaignResult> {
  const { seed, milliseconds = Infinity, count = Infinity } = options;
  watchStrays();
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  let inputs = 0;
  let failed: [Case, unknown] | null = null;
  for (const input of target.corpus) failed ??= await checkAll(target, [{ seed: null, cutSeed: seed, input }]);
  while (failed === null && inputs < count && elapsed() < milliseconds) {
    const size = Math.min(BATCH, count - inputs);
    for (let done = 0; failed === null && done < size; done += target.concurrency) {
      const width = Math.min(target.concurrency, size - done);
      const from = seed + inputs;
      failed = await checkAll(target, Array.from({ length: width }, (_, n) => createCase(target, from + n)));
      inputs += width;
    }
    // What streams have put off is done before the next inputs.
    await nextTurn();
  }
  const duration = elapsed();
  const failure = failed === null ? null : await minimize(target, ...failed);
  return { inputs: inputs + target.corpus.length, milliseconds: duration, failure };
}

/** Checks one input, again and again the same way. */
export async function checkInput(target: Target, input: Buffer, cutSeed: number): Promise<unknown> {
  watchStrays();
  try {
    const startedAt = processorTime();
    const pending = target.check(input, new Random(scramble(cutSeed)));
    const duration = processorTime() - startedAt;
    if (pending !== undefined) await pending;
    if (duration > STALL) throw new Finding('no stall', `${Math.round(duration)} ms`);
    if (pending !== undefined) await nextTurn();
    if (strays.length > 0) throw strays[0];
    return null;
  } catch (error) {
    return error;
  } finally {
    strays.length = 0;
  }
}

function createCase(target: Target, seed: number): Case {
  return { seed, cutSeed: seed, input: target.generate(new Random(scramble(~seed))) };
}

/** Neighbouring seeds become numbers far from each other. */
function scramble(seed: number): number {
  const mixed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d);
  return Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) >>> 0;
}

/** The first of the inputs that breaks the invariant, and how. */
async function checkAll(target: Target, cases: readonly Case[]): Promise<[Case, unknown] | null> {
  const errors = await check(target, cases);
  const position = errors.findIndex((error) => error !== null);
  if (position !== -1) return [cases[position]!, errors[position]];
  if (strays.length === 0) return null;
  // A stray error names no input, so each is tried alone.
  const stray = strays.splice(0)[0];
  for (const one of cases) {
    const error = await checkInput(target, one.input, one.cutSeed);
    if (error !== null) return [one, error];
  }
  const detail = `${String(stray)}, with the ${cases.length} inputs from here on together`;
  return [cases[0]!, new Finding('errors belong to an input', detail)];
}

/** Without stacks, which cost more than all the rest; the minimizer finds the error again with one. */
async function check(target: Target, cases: readonly Case[]): Promise<unknown[]> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const results = cases.map(({ input, cutSeed }) => {
    try {
      const startedAt = processorTime();
      const pending = target.check(input, new Random(scramble(cutSeed)));
      if (pending !== undefined) return pending.then(() => null, (error: unknown) => error);
      const duration = processorTime() - startedAt;
      return duration > STALL ? new Finding('no stall', `${Math.round(duration)} ms`) : null;
    } catch (error) {
      return error;
    }
  });
  const settled = await Promise.all(results);
  await nextTurn();
  Error.stackTraceLimit = stackTraceLimit;
  return settled;
}

/** Leaves out of the input whatever is not needed to break the same rule. */
async function minimize(target: Target, { seed, cutSeed, input }: Case, error: unknown): Promise<Failure> {
  const rule = ruleOf(error);
  let best = { error, input: Buffer.from(input) };
  const deadline = performance.now() + MAX_MINIMIZING_TIME;
  let attempts = 0;
  const isTired = (): boolean => attempts >= MAX_ATTEMPTS || performance.now() >= deadline;
  for (let size = Math.ceil(input.length / 2); size >= 1 && !isTired(); ) {
    let isShorter = false;
    for (let start = 0; start < best.input.length && !isTired(); ) {
      const shorter = Buffer.concat([best.input.subarray(0, start), best.input.subarray(start + size)]);
      attempts++;
      const found = await checkInput(target, shorter, cutSeed);
      if (found === null || ruleOf(found) !== rule) {
        start += size;
      } else {
        best = { error: found, input: shorter };
        isShorter = true;
      }
    }
    if (!isShorter) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return { ...best, seed, cutSeed };
}

function ruleOf(error: unknown): string {
  return error instanceof Finding ? error.rule : String(error);
}

/** Milliseconds of CPU that this process has used; unlike the clock, it stands while a busy machine runs others. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
