// The reader of a feed, for browsers as it is: it imports nothing. Node.js gives it another WebSocket.
import type { Update } from './log.js';

/** How updates come; `polling` asks every few seconds, the others get each update at once. */
export type Transport = 'websocket' | 'streaming' | 'long-polling' | 'polling';

/** A value, or a function that is called for it before each attempt. */
type Asked<Value> = Value | (() => Value | Promise<Value>);

/** How a reader fares. */
export interface FollowState {
  /** `waiting` is the pause before the next attempt. */
  readonly state: 'connecting' | 'open' | 'waiting' | 'closed';
  readonly transport: Transport;
  /** Why the last attempt has failed; the end of a connection is no error. */
  readonly error?: unknown;
  /** Milliseconds until the next attempt. */
  readonly delay?: number;
}

export interface FollowOptions {
  /** The place to go on from. Default: where the server lets readers begin. */
  after?: string;
  /** Header fields, or a function called before each attempt, as for a token. A browser's WebSocket sends none. */
  headers?: Asked<Readonly<Record<string, string>>>;
  /** In the order in which they are tried. Default: `websocket`, `streaming`, `long-polling`. */
  transports?: readonly Transport[];
  /** Milliseconds of the first pause; it doubles with each failure. Default 500. */
  minDelay?: number;
  /** Milliseconds of the longest pause. Default 30,000. */
  maxDelay?: number;
  /** Milliseconds after which an attempt without a sign of the server has failed. Default 10,000. */
  openTimeout?: number;
  /** Milliseconds without a sign of the server after which a connection counts as lost. Default 60,000. */
  silenceTimeout?: number;
  /** Milliseconds between two requests of `polling`. Default 5,000. */
  interval?: number;
  /** Told how the reader fares. */
  onChange?: (state: FollowState) => void;
  /** Ends it: the iteration throws the signal's reason. */
  signal?: AbortSignal;
}

/** A message of the server; `null` is a mere sign of life. */
type Incoming = string | Uint8Array | ArrayBuffer | Record<string, unknown> | null;
type Headers = Readonly<Record<string, string>>;
type Open = (url: URL, headers: Headers, signal: AbortSignal, interval: number) => AsyncGenerator<Incoming>;

/** A reader that falls behind by more than this connects again when it has caught up. */
const MAX_QUEUE = 10_000;
/** How many ids are remembered, to recognize updates that come again. */
const MAX_SEEN = 1000;

/** Makes `follow` of a way to open a WebSocket. */
export function createFollow(websocket: Open) {
  const opens: Record<Transport, Open> = { websocket, streaming, 'long-polling': longPolling, polling };

  return async function* follow<T = unknown>(
    url: Asked<string | URL>,
    options: FollowOptions = {},
  ): AsyncGenerator<Update<T>, void, undefined> {
    const { transports = ['websocket', 'streaming', 'long-polling'], minDelay = 500, maxDelay = 30_000 } = options;
    const { openTimeout = 10_000, silenceTimeout = 60_000, interval = 5000, onChange, signal } = options;
    const seen = new Set<string>();
    let place = options.after;
    let missed: Update['missed'];
    let attempt = new AbortController();
    let failures = 0;
    /** The transport to begin with: those before it don't get through. */
    let first = 0;
    let transport = transports[0];
    let shown: Promise<unknown> | undefined;
    const stop = (): void => attempt.abort();
    // Chromium keeps the connections of a page that was left, and throws away what comes.
    const hide = (): void => {
      shown = new Promise((resolve) => page.addEventListener!('pageshow', resolve, { once: true }));
      stop();
    };
    signal?.addEventListener('abort', stop);
    page.addEventListener?.('pagehide', hide);
    try {
      // What is no URL now will never be one.
      if (typeof url !== 'function') new URL(url, page.location?.href);
      for (;;) {
        let error: unknown;
        let openedAt = 0;
        for (let index = first; index < transports.length && openedAt === 0; index++) {
          await shown;
          signal?.throwIfAborted();
          transport = transports[index];
          attempt = new AbortController();
          try {
            onChange?.({ state: 'connecting', transport });
            const target = new URL(await ask(url), page.location?.href);
            const headers = (await ask(options.headers)) ?? {};
            if (place !== undefined) target.searchParams.set('after', place);
            const messages = opens[transport](target, headers, attempt.signal, interval);
            for await (const message of watch(messages, attempt, openTimeout, silenceTimeout)) {
              signal?.throwIfAborted();
              if (openedAt === 0) {
                openedAt = Date.now();
                first = index;
                onChange?.({ state: 'open', transport });
              }
              if (message === null) continue;
              const update = decode<T>(message);
              place = update.id;
              missed = update.missed ?? missed;
              if (!('value' in update) || seen.has(place)) continue;
              seen.add(place);
              if (seen.size > MAX_SEEN) seen.delete(seen.values().next().value!);
              yield missed === undefined ? update : { ...update, missed };
              missed = undefined;
            }
          } catch (cause) {
            signal?.throwIfAborted();
            if (openedAt === 0 && index === transports.length - 1 && isFinal(cause)) throw cause;
            error = cause;
          } finally {
            stop();
          }
        }
        signal?.throwIfAborted();
        const longest = Math.min(minDelay * 2 ** failures, maxDelay);
        failures = openedAt > 0 && Date.now() - openedAt > longest ? 0 : failures + 1;
        if (openedAt === 0) first = 0;
        // All the readers of a restarted server must not come back at once.
        const delay = longest * (0.5 + Math.random() / 2);
        attempt = new AbortController();
        onChange?.({ state: 'waiting', transport, error, delay });
        await pause(delay, attempt.signal);
      }
    } finally {
      onChange?.({ state: 'closed', transport });
      signal?.removeEventListener('abort', stop);
      page.removeEventListener?.('pagehide', hide);
    }
  };
}

/** The messages, until the server has given no sign of itself for too long; the time of their reader doesn't count. */
async function* watch(messages: AsyncIterable<Incoming>, attempt: AbortController, time: number, nextTime: number) {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(() => attempt.abort(new Error(`no sign of the server for ${time} ms`)), time);
      const { done, value } = await iterator.next().finally(() => clearTimeout(timer));
      if (done) return;
      time = nextTime;
      yield value;
    }
  } finally {
    void iterator.return!();
  }
}

/** What a browser has, and Node.js may not. */
const page = globalThis as {
  location?: { href: string };
  addEventListener?: (type: string, listener: (event: unknown) => void, options?: object) => void;
  removeEventListener?: (type: string, listener: () => void) => void;
};

function ask<Value>(asked: Asked<Value>): Value | Promise<Value> {
  return typeof asked === 'function' ? (asked as () => Value)() : asked;
}

function pause(time: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, time);
    signal.addEventListener('abort', end);
  });
}

/** 4xx, but for those that another attempt may change: no session, too slow, too early, too many. */
function isFinal(error: unknown): boolean {
  const { status = 0 } = Object(error) as { status?: number };
  return status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);
}

function decode<T>(message: NonNullable<Incoming>): Update<T> {
  if (typeof message === 'string') message = JSON.parse(message) as Record<string, unknown>;
  if (message instanceof ArrayBuffer) message = new Uint8Array(message);
  if (message instanceof Uint8Array) {
    const end = message.indexOf(10);
    const [id, gap] = new TextDecoder().decode(message.subarray(0, end)).split(' ');
    message = { id, value: message.subarray(end + 1), ...(gap && { missed: Number(gap) || gap }) };
  }
  const { base64, ...update } = message as Record<string, unknown>;
  if (base64 !== undefined) update['value'] = Uint8Array.from(atob(String(base64)), (byte) => byte.charCodeAt(0));
  return update as unknown as Update<T>;
}

async function request(url: URL, headers: Headers, signal: AbortSignal, type: string): Promise<Response> {
  const response = await fetch(url.href.replace(/^ws/, 'http'), { headers: { ...headers, Accept: type }, signal });
  if (response.ok && response.headers.get('content-type')?.startsWith(type)) return response;
  const { status } = response;
  void response.body?.cancel();
  throw Object.assign(new Error(`the feed was answered with ${status}, not with ${type}`), { status });
}

async function* streaming(url: URL, headers: Headers, signal: AbortSignal): AsyncGenerator<Incoming> {
  const reader = (await request(url, headers, signal, 'text/event-stream')).body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (text + decoder.decode(value, { stream: true })).split('\n\n');
    text = events.pop()!;
    yield null;
    for (const event of events) {
      const [, id, data] = /^id: (.*)(?:\ndata: (.*))?/.exec(event) ?? [];
      if (id !== undefined) yield data ?? { id };
    }
  }
}

async function* poll(url: URL, headers: Headers, signal: AbortSignal, wait: number, interval: number) {
  for (;;) {
    const response = await request(url, headers, signal, 'application/json');
    const { place, updates, more } = (await response.json()) as { place: string; updates: Incoming[]; more?: true };
    yield* updates;
    yield { id: place };
    url.searchParams.set('after', place);
    url.searchParams.set('wait', String(wait));
    if (interval > 0 && !more) await pause(interval, signal);
  }
}

function longPolling(url: URL, headers: Headers, signal: AbortSignal): AsyncGenerator<Incoming> {
  return poll(url, headers, signal, 25, 0);
}

function polling(url: URL, headers: Headers, signal: AbortSignal, interval: number): AsyncGenerator<Incoming> {
  return poll(url, headers, signal, 0, interval);
}

interface Socket {
  binaryType: string;
  onmessage: (event: { data: string | ArrayBuffer }) => void;
  onclose: () => void;
  onerror: () => void;
  close(): void;
}

/** The browser's own. */
async function* webSocket(url: URL, _headers: Headers, signal: AbortSignal): AsyncGenerator<Incoming> {
  const { WebSocket } = globalThis as unknown as { WebSocket: new (url: URL) => Socket };
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = new WebSocket(url);
  const queue: Incoming[] = [];
  let isOver = false;
  let wake = (): void => {};
  const end = (): void => {
    isOver = true;
    wake();
  };
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => {
    if (queue.push(data) > MAX_QUEUE) socket.close();
    wake();
  };
  // Where a socket may not be opened, WebKit tells of an error only.
  socket.onclose = socket.onerror = end;
  signal.addEventListener('abort', end);
  try {
    while (queue.length > 0 || !isOver) {
      if (queue.length > 0) yield queue.shift()!;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    socket.close();
  }
}

/** As `follow` of `twobyte`, with the browser's WebSocket. */
export const follow = createFollow(webSocket);
