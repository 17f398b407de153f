// Replies for a browser's `EventSource`: Server-Sent Events (HTML Living Standard §9.2).
import { wholeNumber } from '../connection/limits.js';
import type { ReplyParts } from '../server/reply.js';

/** One event; its parts are the fields of the HTML Living Standard §9.2.6. */
export interface ServerSentEvent {
  /** The text. An event without it dispatches nothing, but its `id` and `retry` count. */
  readonly data?: string;
  /** The type to listen for; `message` if absent. */
  readonly event?: string;
  /** Sent back as the request header `Last-Event-ID` when the browser connects again. */
  readonly id?: string | number;
  /** Milliseconds until the browser connects again after the stream has ended. */
  readonly retry?: number;
}

/**
 * Milliseconds without a byte until a comment is sent. HTML §9.2.7: "authors can include a comment line [...] every 15
 * seconds or so", because proxies drop silent connections. This is a second less, as timers are late.
 */
const MAX_SILENCE = 14_000;

/** §9.2.6: a line that begins with a colon is a comment. The empty line after it dispatches nothing. */
const COMMENT = { done: false, value: ':\n\n' } as const;

/**
 * Makes a `text/event-stream` reply that sends events as they come; a string is an event with that data. It begins with
 * a comment, because some proxies hold the head back until the first byte, and sends another before 15 seconds pass
 * without a byte. Pass `request.signal` to the source, so that it stops waiting when the client leaves.
 *
 * ```ts
 * server.route('/news/', (request) => {
 *   const after = request.headers.get('last-event-id') ?? 'now';
 *   return eventStream(toEvents(feed.from(after, { signal: request.signal })));
 * });
 * ```
 * @returns parts of a reply; you may add headers. An event that can't be sent (CR, LF or NUL in `id`, CR or LF in
 * `event`, a `retry` that isn't a time) fails the stream with a TypeError or RangeError.
 */
export function eventStream(events: AsyncIterable<string | ServerSentEvent>): ReplyParts {
  return streamOf(events, formatEvent);
}

/** As `eventStream`, of anything. @param format makes text of it, which may be several events: they are one write. */
export function streamOf<T>(source: AsyncIterable<T>, format: (item: T) => string): ReplyParts {
  return {
    headers: {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      // Without it, nginx holds bytes back until a buffer is full.
      'X-Accel-Buffering': 'no',
    },
    body: { [Symbol.asyncIterator]: () => new EventStream(source[Symbol.asyncIterator](), format) },
  };
}

class EventStream<T> implements AsyncIterator<string> {
  readonly #source: AsyncIterator<T>;
  readonly #format: (item: T) => string;
  /** What was requested from the source; a comment may overtake it. */
  #upcoming: Promise<IteratorResult<string>> | null = null;
  #hasArrived = false;
  /** Resolves the reader's `next()`; `null` while nobody reads. */
  #give: ((result: IteratorResult<string> | Promise<IteratorResult<string>>) => void) | null = null;
  /** Restarts with each `next()`: by then, everything before it has been written. */
  #silence: NodeJS.Timeout | null = null;

  constructor(source: AsyncIterator<T>, format: (item: T) => string) {
    this.#source = source;
    this.#format = format;
  }

  next(): Promise<IteratorResult<string>> {
    return new Promise((resolve) => {
      this.#give = resolve;
      if (this.#silence === null) {
        // It must not keep an otherwise idle process alive.
        this.#silence = setTimeout(() => this.#comment(), MAX_SILENCE).unref();
        this.#comment();
        return;
      }
      this.#silence.refresh();
      if (this.#upcoming === null) this.#ask();
      else if (this.#hasArrived) this.#handOver();
    });
  }

  async return(): Promise<IteratorResult<string>> {
    const end = { done: true, value: undefined } as const;
    clearTimeout(this.#silence ?? undefined);
    this.#give?.(end);
    this.#give = null;
    await this.#source.return?.();
    return end;
  }

  /** Sends a comment, but only to a client that reads. */
  #comment(): void {
    this.#give?.(COMMENT);
    this.#give = null;
  }

  #ask(): void {
    const arrive = (): void => {
      this.#hasArrived = true;
      if (this.#give !== null) this.#handOver();
    };
    this.#upcoming = this.#read();
    this.#upcoming.then(arrive, arrive);
  }

  async #read(): Promise<IteratorResult<string>> {
    let hasMore = false;
    try {
      const { done, value } = await this.#source.next();
      if (done) return { done, value: undefined };
      const text = this.#format(value);
      hasMore = true;
      return { done: false, value: text };
    } finally {
      if (!hasMore) clearTimeout(this.#silence!);
    }
  }

  #handOver(): void {
    this.#give!(this.#upcoming!);
    this.#give = this.#upcoming = null;
    this.#hasArrived = false;
  }
}

/** @throws TypeError or RangeError for what can't be sent. */
export function formatEvent(event: string | ServerSentEvent): string {
  const { data, event: type, id, retry } = typeof event === 'string' ? { data: event } : event;
  let lines = '';
  if (type !== undefined) lines += field('event', type, /[\r\n]/);
  // §9.2.6: browsers ignore an id with NUL, and would resume the stream from the one before it.
  if (id !== undefined) lines += field('id', String(id), /[\0\r\n]/);
  if (retry !== undefined) lines += `retry: ${wholeNumber('retry', retry, 0, Number.MAX_SAFE_INTEGER)}\n`;
  // Each line becomes a field; the browser joins them with LF.
  if (data !== undefined) for (const line of data.split(/\r\n|\r|\n/)) lines += `data: ${line}\n`;
  return `${lines}\n`;
}

function field(name: string, value: string, forbidden: RegExp): string {
  if (forbidden.test(value)) throw new TypeError(`the ${name} of an event is one line; leave out control characters`);
  return `${name}: ${value}\n`;
}
