// What the feed tests share: feeds with some updates, and a log that answers late, as one in another process does.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LogError } from '../../src/errors.js';
import { createFeed, type Feed } from '../../src/feed/feed.js';
import type { Batch, Log, Update } from '../../src/feed/log.js';
import { MemoryLog } from '../../src/feed/memory-log.js';

/** A feed in which `1` … `count` were published as `a-1` … */
export function feedOf(count: number, keep = 1000): Feed<string> {
  const feed = createFeed<string>({ keep, life: 'a' });
  for (let number = 1; number <= count; number++) void feed.publish(String(number));
  return feed;
}

export function valuesOf<T>(updates: readonly Update<T>[]): T[] {
  return updates.map(({ value }) => value);
}

/** A log that answers in a later turn, and says of each request what was asked. */
export class RemoteLog implements Log<string> {
  readonly asked: string[] = [];
  /** Whether reading fails. */
  isAway = false;
  /** With what it fails; one that watches is told a LogError by `fail`. */
  error: LogError | Error = new Error('the log is away');
  fail: (error: LogError) => void = () => {};
  readonly #log: MemoryLog<string>;

  constructor(keep = 1000, life = 'a') {
    this.#log = new MemoryLog(keep, life);
  }

  async append(value: string): Promise<string> {
    await nextTurn();
    return this.#log.append(value);
  }

  async read(place: string, limit: number): Promise<Batch<string>> {
    this.asked.push(place);
    await nextTurn();
    if (this.isAway) throw this.error;
    const batch = this.#log.read(place, limit);
    await nextTurn();
    return batch;
  }

  watch(take: (batch: Batch<string>) => void, fail: (error: LogError) => void): () => void {
    this.fail = fail;
    this.asked.push('watch');
    let stop: (() => void) | null = null;
    let isStopped = false;
    void nextTurn().then(() => {
      if (!isStopped) stop = this.#log.watch(take);
    });
    return () => {
      this.asked.push('unwatch');
      isStopped = true;
      stop?.();
    };
  }
}
