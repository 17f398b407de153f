// The log of a feed that lives as long as its process: the newest updates, in memory.
import type { Batch, Log, Update } from './log.js';

/** Digits of a random life: with 36 values each, no two lives of a feed will have the same. */
const LIFE_DIGITS = 8;

/** An id: the life of the log, and the number of the update in it. */
const ID = /^([\w-]*)-(0|[1-9]\d{0,14})$/;

export class MemoryLog<T> implements Log<T> {
  readonly #keep: number;
  readonly #life: string;
  /** A ring: each update replaces the one appended `keep` updates before it. */
  readonly #kept: Update<T>[] = [];
  readonly #watching = new Set<(batch: Batch<T>) => void>();
  /** How many updates were appended; the number of the newest. */
  #last = 0;

  /** @param life distinguishes the log from all others that a reader's place could be of. */
  constructor(keep: number, life: string = createLife()) {
    this.#keep = keep;
    this.#life = life;
  }

  append(value: T): Promise<string> {
    const update = { id: this.#idOf(++this.#last), value };
    this.#kept[(this.#last - 1) % this.#keep] = update;
    for (const take of this.#watching) take({ place: update.id, updates: [update] });
    return Promise.resolve(update.id);
  }

  read(place: string, limit: number): Batch<T> {
    const { first, missed } = this.#find(place);
    const end = Math.min(first + limit, this.#last + 1);
    if (end <= first) return { place: missed === 'unknown' ? place : this.#idOf(first - 1), updates: [] };
    const updates: Update<T>[] = [];
    for (let number = first; number < end; number++) updates.push(this.#kept[(number - 1) % this.#keep]);
    if (missed !== 0) updates[0] = { ...updates[0], missed };
    return { place: updates.at(-1)!.id, updates };
  }

  watch(take: (batch: Batch<T>) => void): () => void {
    this.#watching.add(take);
    take({ place: this.#idOf(this.#last), updates: [] });
    return () => void this.#watching.delete(take);
  }

  #idOf(number: number): string {
    return `${this.#life}-${number}`;
  }

  /** The number of the first update after a place, as far as it is kept, and what is missing before that. */
  #find(place: string): { first: number; missed: number | 'unknown' } {
    const oldest = Math.max(this.#last - this.#keep, 0) + 1;
    if (place === 'all') return { first: oldest, missed: 0 };
    if (place === 'latest') return { first: Math.max(this.#last, 1), missed: 0 };
    if (place === 'now') return { first: this.#last + 1, missed: 0 };
    const [, life, digits] = ID.exec(place) ?? [];
    if (life !== this.#life || Number(digits) > this.#last) return { first: oldest, missed: 'unknown' };
    const wanted = Number(digits) + 1;
    const first = Math.max(wanted, oldest);
    return { first, missed: first - wanted };
  }
}

/** What begins the ids of a log that begins anew: each time another. */
export function createLife(): string {
  return Math.floor(Math.random() * 36 ** LIFE_DIGITS).toString(36).padStart(LIFE_DIGITS, '0');
}
