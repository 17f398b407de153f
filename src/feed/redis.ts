// The log of a feed in a stream of Redis, for any number of processes, by the user's own client.
import { wholeNumber } from '../connection/limits.js';
import { checkNames } from '../connection/options.js';
import { LogError } from '../errors.js';
import type { Batch, Log, Update } from './log.js';
import { createLife } from './memory-log.js';
import { redisOf, type Redis, type RedisClient } from './redis-client.js';
import { PublishLine, type Sender } from './publish-line.js';
import { deserialize, serialize } from './serialize.js';
import { Watching } from './watching.js';

export type { RedisClient } from './redis-client.js';

export interface RedisLogOptions {
  /** How many updates to keep, and up to a hundred more: Redis trims by whole pages. Default 1,000. */
  keep?: number;
}

/**
 * Appends an update and tells of it, in one step. Redis's ids grow, also after it was restarted with old data; they
 * have gaps, so the updates are counted, and a stream begun anew has another life. If the last entry is none of ours,
 * its id comes back in a list.
 */
const APPEND = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local life, number = ARGV[1], 1
if last then
  if last[2][1] ~= 'life' or not tonumber(last[2][4]) then return {last[1]} end
  life, number = last[2][2], last[2][4] + 1
end
number = string.format('%.0f', number)
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'life', life, 'number', number, 'value', ARGV[3])
local place = life .. '-' .. number .. '-' .. id
redis.call('PUBLISH', KEYS[1], place .. ' ' .. ARGV[3])
return place`;

/** Milliseconds in which Redis must know the script; it may be restarted again after it was loaded. */
const SCRIPT_TIME = 5000;

/** The life of the log, the number of the update in it, and Redis's own id, of two numbers of 64 bits. */
const PLACE = /^(\w+)-(\d{1,15})-(\d{1,19})-(\d{1,19})$/;

interface Place {
  readonly life: string;
  readonly number: number;
  /** Redis's. */
  readonly id: string;
  /** What the id consists of. */
  readonly time: number;
  readonly sequence: number;
}

/** An entry as Redis gives it: its id, and names and values in turn. */
type Entry = readonly [id: string, fields: readonly string[]];

/** Before anything was appended; the first update has the number 1. */
const BEGINNING = '0-0-0-0';

/**
 * A log for `createFeed({ log })` in a stream of Redis (5 or later), shared by all processes that name the same key.
 * All logs of a client share a second connection, on which Redis tells of news.
 *
 * ```ts
 * const client = await createClient().connect(); // of the package redis; or new Redis() of ioredis
 * const feed = createFeed({ log: redisLog(client, 'prices') });
 * ```
 * While Redis is away, publishing waits or fails as the client has it for any command. What Redis refuses is a
 * LogError, for publishers and readers alike.
 * @throws TypeError for a client of another package or an unknown option, RangeError for `keep` out of its range.
 */
export function redisLog<T>(client: RedisClient, key: string, options: RedisLogOptions = {}): Log<T> {
  checkNames<RedisLogOptions>('redisLog', options, { keep: true });
  const keep = wholeNumber('keep', options.keep ?? 1000, 1, 2 ** 32 - 1);
  return new RedisLog<T>(redisOf(client), key, keep);
}

class RedisLog<T> implements Log<T>, Sender<string> {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #keep: number;
  readonly #line = new PublishLine<string>(this, SCRIPT_TIME);

  constructor(redis: Redis, key: string, keep: number) {
    this.#redis = redis;
    this.#key = key;
    this.#keep = keep;
  }

  append(value: T): Promise<string> {
    return this.#line.publish(serialize(value));
  }

  async send(text: string): Promise<string | null> {
    const place = await this.#redis.run(APPEND, this.#key, createLife(), String(this.#keep), text);
    if (typeof place === 'string' || place === null) return place;
    throw this.#strange(String(place));
  }

  prepare(): Promise<void> {
    return this.#redis.load(APPEND);
  }

  refusal(): LogError {
    return new LogError('Redis forgets the script of redisLog as soon as it is loaded');
  }

  async read(text: string, limit: number): Promise<Batch<T>> {
    if (text === 'all') return this.#batch(await this.#range('-', limit), BEGINNING);
    if (text === 'latest' || text === 'now') {
      const [last] = await this.#last();
      if (last === undefined) return { place: BEGINNING, updates: [] };
      return text === 'latest' ? this.#batch([last], BEGINNING) : { place: this.#placeOf(last), updates: [] };
    }
    const place = parse(text);
    if (place === null) return this.#batch(await this.#range('-', limit), text, 'unknown');
    const [known, ...rest] = await this.#range(place.id, limit + 1);
    if (known?.[0] === place.id && this.#placeOf(known) === text) return this.#batch(rest, text);
    return this.#readAfterGap(place, text, known === undefined ? [] : [known, ...rest].slice(0, limit), limit);
  }

  /** The place is not in the stream: it was trimmed, or the stream has lost it. */
  async #readAfterGap(place: Place, text: string, entries: Entry[], limit: number): Promise<Batch<T>> {
    if (entries.length === 0) {
      // Nothing is newer by Redis's clock. It may have been set back, and the stream begun anew.
      const [last] = await this.#last();
      const isBehind = last === undefined || (lifeOf(last) === place.life && numberOf(last) < place.number);
      if (isBehind) return { place: text, updates: [] };
      return this.#batch(await this.#range('-', limit), text, 'unknown');
    }
    const [oldest] = await this.#range('-', 1);
    const [next] = entries;
    const isTrimmed = oldest?.[0] === next[0] && numberOf(next) > place.number;
    const isOurs = lifeOf(next) === place.life || text === BEGINNING;
    if (!isTrimmed || !isOurs) return this.#batch(entries, text, 'unknown');
    return this.#batch(entries, text, numberOf(next) - place.number - 1);
  }

  /** Each message names its place, so that one that was lost on the way is noticed, and read from the stream. */
  watch(take: (batch: Batch<T>) => void, fail: (error: LogError) => void): () => void {
    const watching = new Watching<T>(this, this.#keep, take, fail);
    let last: Place | null = null;
    let lastText = '';
    const receive = (message: string): void => watching.receive((text) => {
      if (text !== lastText) last = parse(text);
      const end = message.indexOf(' ');
      const id = message.slice(0, end);
      const next = parse(id);
      const isNext = next !== null && last !== null && next.number === last.number + 1
        && (next.life === last.life || text === BEGINNING) && isAfter(next, last);
      if (!isNext) return null;
      last = next;
      lastText = id;
      return { id, value: deserialize(message.slice(end + 1)) as T };
    });
    const unsubscribe = this.#redis.subscribe(this.#key, {
      receive, ready: () => watching.read(), fail: (error) => watching.fail(error),
    });
    return () => {
      watching.stop();
      unsubscribe();
    };
  }

  async #range(from: string, count: number): Promise<Entry[]> {
    return (await this.#redis.ask('XRANGE', this.#key, from, '+', 'COUNT', String(count))) as Entry[];
  }

  async #last(): Promise<Entry[]> {
    return (await this.#redis.ask('XREVRANGE', this.#key, '+', '-', 'COUNT', '1')) as Entry[];
  }

  #batch(entries: readonly Entry[], place: string, missed: number | 'unknown' = 0): Batch<T> {
    const updates = entries.map((entry): Update<T> => ({ id: this.#placeOf(entry), value: this.#valueOf(entry) }));
    if (updates.length === 0) return { place, updates };
    if (missed !== 0) updates[0] = { ...updates[0], missed };
    return { place: updates.at(-1)!.id, updates };
  }

  #placeOf(entry: Entry): string {
    const text = `${lifeOf(entry)}-${numberOf(entry)}-${entry[0]}`;
    if (parse(text) === null) throw this.#strange(entry[0]);
    return text;
  }

  #valueOf([id, [, , , , , text]]: Entry): T {
    try {
      return deserialize(text) as T;
    } catch (error) {
      throw this.#strange(id, error);
    }
  }

  #strange(id: string, cause?: unknown): LogError {
    const key = JSON.stringify(this.#key);
    return new LogError(`redisLog has not written the entry ${id} of ${key}: take another key, or XDEL it`, { cause });
  }
}

function parse(text: string): Place | null {
  const [, life, number, time, sequence] = PLACE.exec(text) ?? [];
  if (life === undefined) return null;
  return { life, number: Number(number), id: `${time}-${sequence}`, time: Number(time), sequence: Number(sequence) };
}

function lifeOf([, [, life]]: Entry): string {
  return life;
}

function numberOf([, [, , , number]]: Entry): number {
  return Number(number);
}

/** Whether Redis has given one id after the other. */
function isAfter(one: Place, other: Place): boolean {
  return one.time > other.time || (one.time === other.time && one.sequence > other.sequence);
}
