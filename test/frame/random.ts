// Random test data that can be made again from its seed.
import { randomInt } from 'node:crypto';

/**
 * Runs a test on random data. If it fails, the error names the seed; `SEED=… npm test -- PATTERN` makes the same data.
 */
export function withRandom(body: (random: Random) => void): void {
  const seed = Number(process.env['SEED'] ?? randomInt(2 ** 32));
  try {
    body(new Random(seed));
  } catch (error) {
    throw new Error(`on random data; run again with SEED=${seed}`, { cause: error });
  }
}

/** A generator of the same numbers for the same seed: a linear congruence, its low bits stirred by the high ones. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to 2^32 − 1. */
  word(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    const stirred = Math.imul(this.#state ^ (this.#state >>> 16), 0x45d9f3b);
    return (stirred ^ (stirred >>> 15)) >>> 0;
  }

  /** A whole number from `lowest` to `highest`. */
  integer(lowest: number, highest: number): number {
    return lowest + Math.floor((this.word() / 2 ** 32) * (highest - lowest + 1));
  }

  /** @param probability from 0 to 1 */
  chance(probability: number): boolean {
    return this.word() < probability * 2 ** 32;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.integer(0, items.length - 1)] as Item;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let index = 0; index < length; index++) bytes[index] = this.word() >>> 8;
    return bytes;
  }
}
