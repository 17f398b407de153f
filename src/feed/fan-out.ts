// Pushes a feed to WebSockets: each update to all at once while they keep up, to each at its own pace while it doesn't.
import { hasRoom, type Connection } from '../connection/connection.js';
import { prepare } from '../connection/broadcast.js';
import { feedReaderBehind } from '../diagnostics.js';
import { LogError } from '../errors.js';
import { CloseCode } from '../frame/close.js';
import { inNoContext } from '../stream/no-context.js';
import type { Feed } from './feed.js';
import type { Update } from './log.js';
import { toMark, toMessage } from './wire.js';

/** What becomes of a reader that has not read what it was sent before. */
export type Slow = 'wait' | 'latest' | 'close';

/** Decides which updates a reader gets. */
export type Filter<T> = (value: T) => boolean;

/** Milliseconds of silence after which readers are told their place: a page sees no pings, and proxies cut at 60 s. */
const SILENCE = 25_000;

/** How many updates a reader that catches up is given at a time. */
const PAGE = 100;

interface Reader<T> {
  readonly connection: Connection;
  readonly filter: Filter<T> | null;
  place: string;
  /** Whether it was sent anything, and so knows its place. */
  isTold: boolean;
  fail(error: unknown): void;
}

export class FanOut<T> {
  readonly #feed: Feed<T>;
  readonly #slow: Slow;
  readonly #page: number | undefined;
  /** Those that have every update up to `#place`. */
  readonly #live = new Set<Reader<T>>();
  /** Those that have every update of which this process knows, but are not known to be at `#place`. */
  readonly #waiting = new Set<Reader<T>>();
  /** Whose place in the tail all live readers have. */
  #number = 0;
  #place = '';
  /** Counts what the tail has told. */
  #batches = 0;
  #readers = 0;
  #hasSent = false;
  /** Why the log could not be read, as the server was told by the first reader that this has ended. */
  #told: string | null = null;
  #leave = (): void => {};

  constructor(feed: Feed<T>, slow: Slow) {
    this.#feed = feed;
    this.#slow = slow;
    this.#page = slow === 'latest' ? undefined : PAGE;
  }

  /**
   * Sends a connection all that comes after a place; what it sends is dropped. At the end of the feed it is closed.
   * @returns a promise that fulfils when it has ended, and rejects with what its filter throws; if the log can't be
   * read, with that, for the first reader: the others are closed alike, but in silence.
   */
  serve(connection: Connection, place: string, filter: Filter<T> | null): Promise<void> {
    connection.discardMessages();
    return new Promise((resolve, reject) => {
      const reader: Reader<T> = { connection, filter, place, isTold: false, fail: reject };
      if (this.#readers++ === 0) this.#enter();
      void connection.closed.then(() => {
        this.#live.delete(reader);
        this.#waiting.delete(reader);
        if (--this.#readers === 0) this.#leave();
        resolve();
      });
      void this.#catchUp(reader);
    });
  }

  #enter(): void {
    const { tail } = this.#feed;
    const leave = tail.enter();
    const unlisten = tail.listen(() => this.#deliver());
    this.#number = tail.last;
    const heartbeat = inNoContext(() => setTimeout(() => {
      this.#tellPlace();
      heartbeat.refresh();
    }, SILENCE).unref());
    this.#leave = () => {
      leave();
      unlisten();
      clearTimeout(heartbeat);
    };
  }

  /** Takes what is new in the tail to the live readers, and lets the others ask again. */
  #deliver(): void {
    const { tail } = this.#feed;
    this.#batches++;
    while (this.#number < tail.last) {
      const update = tail.get(this.#number + 1);
      // More came at once than is kept.
      if (update === undefined) break;
      this.#sendToAll(update);
      this.#number++;
      this.#place = update.id;
    }
    const mustAsk = [...this.#waiting];
    this.#waiting.clear();
    if (tail.error === null) this.#told = null;
    if (this.#number < tail.last || this.#feed.isEnded || tail.error !== null) {
      mustAsk.push(...this.#live);
      for (const reader of this.#live) reader.place = this.#place;
      this.#live.clear();
    }
    this.#number = tail.last;
    for (const reader of mustAsk) void this.#catchUp(reader);
  }

  #sendToAll(update: Update<T>): void {
    if (this.#live.size === 0) return;
    const message = toMessage(update);
    this.#hasSent = true;
    for (const reader of this.#live) {
      const { connection } = reader;
      if (reader.filter !== null) this.#sendFiltered(reader, update);
      else if (hasRoom(connection)) void connection.send(message);
      else this.#fallBehind(reader);
    }
  }

  #sendFiltered(reader: Reader<T>, update: Update<T>): void {
    try {
      const message = messageFor(reader, update);
      if (message === null) return;
      if (hasRoom(reader.connection)) void reader.connection.send(message);
      else this.#fallBehind(reader);
    } catch (error) {
      reader.fail(error);
    }
  }

  #fallBehind(reader: Reader<T>): void {
    const { connection } = reader;
    this.#live.delete(reader);
    reader.place = this.#place;
    if (feedReaderBehind.hasSubscribers) feedReaderBehind.publish({ feed: this.#feed, connection });
    if (this.#slow !== 'close') return void this.#catchUp(reader);
    // Not TRY_AGAIN_LATER, which WebKitGTK takes for a protocol error.
    void connection.close(CloseCode.POLICY_VIOLATION, 'reading too slowly');
  }

  /** Reads on for one reader, no faster than it does, until it has all there is. */
  async #catchUp(reader: Reader<T>): Promise<void> {
    const { connection } = reader;
    try {
      if (!hasRoom(connection)) await connection.flushed();
      while (!connection.isClosed()) {
        const batches = this.#batches;
        const isOver = (): boolean => connection.isClosed();
        const { place, updates } = await this.#feed.readPatiently(reader.place, isOver, this.#page);
        for (const update of this.#slow === 'latest' ? latestOf(updates) : updates) {
          const message = messageFor(reader, update);
          if (message === null) continue;
          reader.isTold = true;
          await connection.send(message);
        }
        reader.place = place;
        if (updates.length === 0 && batches === this.#batches) return this.#settle(reader);
      }
    } catch (error) {
      if (error instanceof LogError) this.#tell(reader, error);
      else if (!connection.isClosed()) reader.fail(error);
    }
  }

  /** The log can't be read: a line for each of thousands of readers would tell nobody more. */
  #tell(reader: Reader<T>, error: LogError): void {
    const { connection } = reader;
    if (connection.isClosed()) return;
    if (this.#told === error.message) return void connection.close(CloseCode.INTERNAL_ERROR);
    this.#told = error.message;
    reader.fail(error);
  }

  /** The reader has all there is. */
  #settle(reader: Reader<T>): void {
    const { connection, place } = reader;
    const { tail } = this.#feed;
    if (connection.isClosed()) return;
    if (this.#feed.isEnded) return void connection.close();
    if (tail.error !== null) return this.#tell(reader, tail.error);
    if (!reader.isTold) void connection.send(toMark({ id: place }));
    reader.isTold = true;
    if (place !== tail.place) return void this.#waiting.add(reader);
    this.#place = place;
    this.#live.add(reader);
  }

  #tellPlace(): void {
    const mark = prepare(toMark({ id: this.#place }));
    for (const { connection, filter } of this.#live) {
      // One that has a filter may have heard nothing for long.
      if ((!this.#hasSent || filter !== null) && hasRoom(connection)) void connection.send(mark);
    }
    this.#hasSent = false;
  }
}

/** What a reader is sent of an update; `null` for nothing. What was missed it is told in any case. */
function messageFor<T>({ filter }: Reader<T>, update: Update<T>): string | ReturnType<typeof toMessage> | null {
  if (filter === null || filter(update.value)) return toMessage(update);
  return update.missed === undefined ? null : toMark(update);
}

/** The last, which tells that the others are missed. */
export function latestOf<T>(updates: readonly Update<T>[]): readonly Update<T>[] {
  if (updates.length < 2) return updates;
  const { missed = 0 } = updates[0];
  return [{ ...updates.at(-1)!, missed: missed === 'unknown' ? missed : missed + updates.length - 1 }];
}
