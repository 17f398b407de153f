// Numbers as the updates of a feed: published in a row, and read up to one of them.
import type { Feed, Update } from '../../src/index.js';

/** Reads until an update has that value. @param read what it adds to. */
export async function readTo(
  updates: AsyncIterable<Update<number>>,
  last: number,
  read: string[] = [],
): Promise<string[]> {
  for await (const { value, missed } of updates) {
    read.push(missed === undefined ? String(value) : `${value} missed ${missed}`);
    if (value === last) break;
  }
  return read;
}

export function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
}

export async function publish(feed: Feed<number>, from: number, to: number): Promise<string> {
  let place = '';
  for (let number = from; number <= to; number++) place = await feed.publish(number);
  return place;
}
