// What a fuzzer is: inputs made from a seed, and an invariant that each of them must keep.
import type { Random } from '../frame/random.js';

export interface Target {
  readonly name: string;
  /** How many inputs are begun in one turn of the event loop. */
  readonly concurrency: number;
  /** What is missing to run it, as a sentence; `null` if nothing is. */
  readonly obstacle: string | null;
  /** Inputs made by hand, each checked as it is before any other. */
  readonly corpus: readonly Buffer[];
  /** A new input. */
  generate(random: Random): Buffer;
  /**
   * Throws if the input breaks the invariant.
   * @param input is lent: it must not be kept, and is not changed
   * @param random the same numbers each time that this input is checked, to choose where to cut it
   */
  check(input: Buffer, random: Random): void | Promise<void>;
}

/** The invariant is broken. */
export class Finding extends Error {
  /** Which part of it, the same for all inputs that break it in the same way. */
  readonly rule: string;

  constructor(rule: string, detail: string, options?: ErrorOptions) {
    super(`${rule}: ${detail}`, options);
    this.name = 'Finding';
    this.rule = rule;
  }
}

/** Throws a finding unless two results are the same text. */
export function assertSame(rule: string, actual: string, expected: string): void {
  if (actual !== expected) throw new Finding(rule, `\n    ${excerpt(actual)}\n  instead of\n    ${excerpt(expected)}`);
}

export function assertHolds(rule: string, holds: boolean, detail: () => string): void {
  if (!holds) throw new Finding(rule, detail());
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 1000 ? `${text.slice(0, 1000)}…` : text);
}
