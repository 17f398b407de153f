// The numbers that a reader of a feed has seen, in their order, in as few words as there are runs of them.
import type { Update } from '../../src/index.js';

/** The value of the last update. */
export const END = 0;

/** As text: `1-400 402-500`, and `1-400 (missed unknown) 401-800` where the reader was told so. */
export class Seen {
  #text = '';
  #first = 0;
  #last = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get last(): number {
    return this.#last;
  }

  add({ value, missed }: Pick<Update<number>, 'value' | 'missed'>): void {
    if (missed !== undefined || value !== this.#last + 1 || this.#count === 0) {
      this.#text = `${String(this)}${missed === undefined ? '' : ` (missed ${missed})`}`;
      this.#first = value;
    }
    this.#last = value;
    this.#count++;
  }

  toString(): string {
    if (this.#count === 0) return this.#text;
    const run = this.#first === this.#last ? this.#first : `${this.#first}-${this.#last}`;
    return `${this.#text} ${run}`.trimStart();
  }
}

export function seenOf(numbers: Iterable<number>): Seen {
  const seen = new Seen();
  for (const value of numbers) seen.add({ value });
  return seen;
}
