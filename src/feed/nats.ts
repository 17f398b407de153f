// The log of a feed in a stream of NATS, for any number of processes, by the user's own connection.
import { milliseconds, wholeNumber } from '../connection/limits.js';
import { checkNames } from '../connection/options.js';
import { LogError } from '../errors.js';
import type { Batch, Log, Update } from './log.js';
import { natsOf } from './nats-client.js';
import type { Nats, NatsConnection, NatsMessage } from './nats-client.js';
import { NatsSender, type Place } from './nats-sender.js';
import { lifeOf, TOLD, type NatsStream, type NatsStreamConfig } from './nats-stream.js';
import type { StreamMessage, StreamQuery } from './nats-stream.js';
import { PublishLine } from './publish-line.js';
import { deserialize, serialize } from './serialize.js';
import { Watching } from './watching.js';

export type { NatsConnection, NatsMessage } from './nats-client.js';
export type { NatsStreamConfig } from './nats-stream.js';

export interface NatsLogOptions {
  /** How many updates of each feed to keep in a stream that the log makes. Default 1,000. */
  keep?: number;
  /** Milliseconds that publishing waits while NATS is away. Default 5,000. */
  wait?: number;
  /**
   * More about the stream, in NATS's own words, such as `{ name: 'ROOMS', num_replicas: 3, max_age: 3600e9 }`. Except
   * for the name, it is for a stream that the log makes.
   */
  stream?: NatsStreamConfig;
}

/** A subject of one stream: words and dots. Those that begin with `$` are of NATS itself. */
const SUBJECT = /^(?!\$)[^\s.*>\p{Cc}]+(?:\.[^\s.*>\p{Cc}]+)*$/u;

/** The life of the stream, the number of the message in it, and the tag of the update. */
const PLACE = /^([a-z0-9]{1,12})-(\d{1,15})-([a-z0-9]{1,24})$/;

/** The life, the tag and the value. */
const TEXT = /^([a-z0-9]{1,12}) ([a-z0-9]{1,24}) (.*)$/s;

interface Entry extends Place {
  readonly id: string;
  readonly text: string;
}

/** The life of a stream that there is not yet, and the tag of a place at which there is no update. */
const NONE = '0';

/** Before there was a stream. */
const BEGINNING = `${NONE}-0-${NONE}`;

/**
 * A log for `createFeed({ log })` in a stream of NATS JetStream (2.9 or later), shared by all processes that name the
 * same subject. The first update makes the stream, if there is none: `prices` is alone in a stream of that name,
 * `rooms.42` is in the stream `rooms` with all others whose subjects begin so.
 *
 * ```ts
 * const connection = await connect({ maxReconnectAttempts: -1 }); // of @nats-io/transport-node, or of nats
 * const feed = createFeed({ log: natsLog(connection, 'prices') });
 * ```
 * While NATS is away, publishing waits and then fails. What NATS refuses is a LogError, for publishers and readers.
 * @throws TypeError for something else than a connection, a subject that is none, or an unknown option; RangeError for
 * an option out of its range.
 */
export function natsLog<T>(connection: NatsConnection, subject: string, options: NatsLogOptions = {}): Log<T> {
  checkNames<NatsLogOptions>('natsLog', options, { keep: true, wait: true, stream: true });
  const { keep = 1000, wait = 5000, stream = {} } = options;
  wholeNumber('keep', keep, 1, 2 ** 31 - 1);
  milliseconds('wait', wait);
  if (!SUBJECT.test(subject)) {
    const text = JSON.stringify(subject);
    throw new TypeError(`${text} is no subject: it has words between dots, without spaces, * and >, and no $ first`);
  }
  return new NatsLog<T>(natsOf(connection), subject, keep, wait, stream);
}

class NatsLog<T> implements Log<T> {
  readonly #nats: Nats;
  readonly #subject: string;
  readonly #keep: number;
  readonly #stream: NatsStream;
  readonly #line: PublishLine<Place>;

  constructor(nats: Nats, subject: string, keep: number, wait: number, config: NatsStreamConfig) {
    this.#nats = nats;
    this.#subject = subject;
    this.#keep = keep;
    const first = firstWord(subject);
    this.#stream = nats.stream(config.name ?? first);
    const subjects = [first === subject ? first : `${first}.>`];
    const wanted = { subjects, max_msgs_per_subject: keep, ...config };
    this.#line = new PublishLine(new NatsSender(nats, this.#stream, subject, wanted), wait);
  }

  async append(value: T): Promise<string> {
    return idOf(await this.#line.publish(serialize(value)));
  }

  async read(text: string, limit: number): Promise<Batch<T>> {
    const last = await this.#get({ last_by_subj: this.#subject });
    if (last === null) return this.#readNothing(text, limit);
    if (text === 'now' || text === last.id) return { place: last.id, updates: [] };
    if (text === 'latest') return this.#batch([last], text);
    if (text === 'all') return this.#batch(await this.#from(1, last, limit), text);
    const place = parse(text);
    if (place !== null) {
      const entries = await this.#from(Math.max(place.sequence, 1), last, limit + 1);
      if (entries[0]?.id === text) return this.#batch(entries.slice(1), text);
      const missed = await this.#missed(place, entries, last);
      if (missed !== null) return this.#batch(entries.slice(0, limit), text, missed);
    }
    return this.#batch(await this.#from(1, last, limit), text, 'unknown');
  }

  /** Nothing is kept. A word becomes the place after all that there was in the stream. */
  async #readNothing(text: string, limit: number): Promise<Batch<T>> {
    if (text !== 'all' && text !== 'latest' && text !== 'now') return { place: text, updates: [] };
    const info = await this.#stream.info();
    // Something may have come meanwhile.
    if ((await this.#get({ last_by_subj: this.#subject })) !== null) return this.read(text, limit);
    const place = info && idOf({ life: lifeOf(info), sequence: info.state.last_seq, tag: NONE });
    return { place: place ?? BEGINNING, updates: [] };
  }

  /** The kept messages from a number on, without a gap. */
  async #from(sequence: number, last: Entry, limit: number): Promise<Entry[]> {
    const messages = await this.#stream.read(this.#subject, sequence, last.sequence, limit);
    const entries = messages.map((message) => this.#entryOf(message));
    const [first] = entries;
    if (first === undefined || (await this.#get({ seq: first.sequence })) !== null) return entries;
    // It was trimmed meanwhile, and maybe others after it before they were read.
    const oldest = await this.#get({ seq: 1, next_by_subj: this.#subject });
    if (oldest === null) return [];
    const kept = entries.filter((entry) => entry.sequence >= oldest.sequence);
    return kept.length > 0 ? kept : [oldest];
  }

  /** How many were trimmed after a place that is not there; `null` if it is not of this stream, or was lost. */
  async #missed(place: Place, entries: readonly Entry[], last: Entry): Promise<number | 'unknown' | null> {
    const [next] = entries;
    // JetStream counts those of a subject one by one.
    const isAll = entries.at(-1)?.id === last.id;
    const [info, oldest] = await Promise.all([
      this.#stream.info(isAll ? undefined : this.#subject), this.#get({ seq: 1, next_by_subj: this.#subject }),
    ]);
    if (info === null || next === undefined || (oldest !== null && oldest.sequence <= place.sequence)) return null;
    if (place.life !== lifeOf(info) && place.life !== NONE) return null;
    const { config: { subjects, max_msgs_per_subject: keep }, state } = info;
    const isAlone = subjects.length === 1 && subjects[0] === this.#subject;
    if (isAlone) return next.sequence - place.sequence - 1;
    // The numbers between may be those of other subjects. Nothing was there before, and nothing may be gone since.
    const count = isAll ? entries.length : state.subjects?.[this.#subject]!;
    const isWhole = state.first_seq <= place.sequence + 1 && !(keep > 0 && count >= keep);
    return place.tag === NONE && isWhole ? 0 : 'unknown';
  }

  /** What JetStream tells names the one before, so that one that was lost on the way is noticed, and read. */
  watch(take: (batch: Batch<T>) => void, fail: (error: LogError) => void): () => void {
    const read = async (place: string, limit: number): Promise<Batch<T>> => {
      await this.#stream.open();
      return this.read(place, limit);
    };
    const watching = new Watching<T>({ read }, this.#keep, take, fail);
    let last: Place | null = null;
    let lastText = '';
    const receive = (message: NatsMessage): void => watching.receive((text) => {
      if (text !== lastText) last = parse(text);
      const [sequence, previous] = ['Nats-Sequence', 'Nats-Last-Sequence'].map((name) => {
        return Number(message.headers?.get(name));
      });
      const next = this.#entryOf({ sequence, text: message.string() });
      if (last === null || !isNext(last, next, previous)) return null;
      last = next;
      lastText = next.id;
      return { id: next.id, value: deserialize(next.text) as T };
    });
    const unsubscribe = this.#nats.subscribe(TOLD + this.#subject, {
      receive, ready: () => watching.read(), fail: (error) => watching.fail(error),
    });
    return () => {
      watching.stop();
      unsubscribe();
    };
  }

  async #get(query: StreamQuery): Promise<Entry | null> {
    const message = await this.#stream.get(query);
    return message?.subject === this.#subject ? this.#entryOf(message) : null;
  }

  #entryOf({ sequence, text: all }: StreamMessage): Entry {
    const [, life, tag, text] = TEXT.exec(all) ?? [];
    if (life === undefined) throw this.#strange(sequence);
    return { life, sequence, tag, text, id: idOf({ life, sequence, tag }) };
  }

  #batch(entries: readonly Entry[], place: string, missed: number | 'unknown' = 0): Batch<T> {
    const updates = entries.map((entry): Update<T> => ({ id: entry.id, value: this.#valueOf(entry) }));
    if (updates.length === 0) return { place, updates };
    if (missed !== 0) updates[0] = { ...updates[0], missed };
    return { place: updates.at(-1)!.id, updates };
  }

  #valueOf({ sequence, text }: Entry): T {
    try {
      return deserialize(text) as T;
    } catch (error) {
      throw this.#strange(sequence, error);
    }
  }

  #strange(sequence: number, cause?: unknown): LogError {
    const subject = JSON.stringify(this.#subject);
    const message = `natsLog has not written the message ${sequence} of ${subject}: take another subject, or delete it`;
    return new LogError(message, { cause });
  }
}

function idOf({ life, sequence, tag }: Place): string {
  return `${life}-${sequence}-${tag}`;
}

function parse(text: string): Place | null {
  const [, life, sequence, tag] = PLACE.exec(text) ?? [];
  return life === undefined ? null : { life, sequence: Number(sequence), tag };
}

/** Whether JetStream gave one number after the other in the subject, in one life. */
function isNext(last: Place, next: Place, previous: number): boolean {
  if (last.tag !== NONE) return previous === last.sequence && next.life === last.life;
  return previous === 0 && next.sequence > last.sequence && (next.life === last.life || last.life === NONE);
}

function firstWord(subject: string): string {
  return subject.split('.', 1)[0];
}
