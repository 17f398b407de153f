// One route for a feed, whatever its readers speak: WebSocket, event stream, long polling, polling.
import { readFileSync } from 'node:fs';
import { checkNames } from '../connection/options.js';
import { connectionDefaults } from '../connection/limits.js';
import { HttpError, LogError } from '../errors.js';
import type { Reply, ReplyParts } from '../server/reply.js';
import { isGranted, type Granted, type Request } from '../server/request.js';
import { acceptWebSocket, type WebSocketOptions, type WebSocketRoute } from '../server/websocket.js';
import { formatEvent, streamOf } from './event-stream.js';
import { FanOut, type Filter, type Slow } from './fan-out.js';
import { MAX_BATCH, type Feed } from './feed.js';
import type { Update } from './log.js';
import { toMark, toText } from './wire.js';

/** Who may read a feed, what of it, and from where on; and the options of a WebSocket route. */
export interface ServeFeedOptions<T, Authorized = unknown> extends WebSocketOptions<Authorized> {
  /** Where a reader begins that names no place: an id, `all`, `latest` or `now`. Default `all`. */
  start?: string;
  /**
   * Asked for each reader: returns what decides which updates it gets, or `null` for all. `authorized` is what
   * `authorize` has returned.
   */
  filter?: (request: Request<never>, authorized: Granted<Authorized> | undefined) => Filter<T> | null;
  /**
   * What becomes of a WebSocket that has not read what it was sent before: `'wait'` lets it fall behind, and tells it
   * what it missed if that is more than is kept; `'latest'` sends it the newest update once it has read; `'close'`
   * closes it with 1008. Default `'wait'`.
   */
  slow?: Slow;
  /** The longest time that long polling waits, in seconds; a reader asks for its own. Default 60. */
  maxWait?: number;
}

const SLOW: readonly Slow[] = ['wait', 'latest', 'close'];

/** What an id may look like to be looked for: nothing that would have to be escaped anywhere. */
const PLACE = /^[\w.~:-]{1,200}$/;

/** RFC 9110 §15.5.6: a 405 must list what is allowed. */
const NOT_ALLOWED: Reply = { status: 405, headers: { Allow: 'GET, HEAD' }, body: 'only GET and HEAD are allowed\n' };

/** No place of any log. */
const UNKNOWN = 'unknown';

/** Characters after which updates are sent: a slow reader must not hold a thousand of them, of any size. */
const MAX_TEXT = 262_144;

const WEEK = 7 * 24 * 3_600_000;

/**
 * A route on which a feed is read:
 *
 * - A WebSocket gets a message for each update.
 * - A GET that accepts `text/event-stream` gets an event for each, with its id.
 * - Any other GET gets `{"place":…,"updates":[…]}` at once, with an `ETag`, and `"more":true` if there may be more than
 *   fits; with `?wait=25`, it waits up to 25 seconds for an update if there is none.
 *
 * With `?module`, it is the module whose `follow` reads the feed in a browser.
 *
 * The reader's place is in `Last-Event-ID` or `?after=`. An update is the same JSON everywhere, `{"id":…,"value":…}`,
 * but bytes are binary messages.
 *
 * ```ts
 * server.route('/prices/', serveFeed(prices, { start: 'latest' }));
 * server.route('/rooms/:room', serveFeed(({ params }) => rooms.get(params.room)));
 * ```
 * @param feed a feed, or what finds the one that a request asks for
 * @throws TypeError for an option that is not known, or has another value than it may.
 */
export function serveFeed<T, Authorized = unknown>(
  feed: Feed<T> | ((request: Request<never>) => Feed<T>),
  options: ServeFeedOptions<T, Authorized> = {},
): WebSocketRoute {
  checkNames('serveFeed', options, {
    ...connectionDefaults, origins: true, subprotocols: true, authorize: true,
    start: true, filter: true, slow: true, maxWait: true,
  });
  const { start = 'all', filter, slow = 'wait', maxWait = 60, ...forWebSocket } = options;
  if (!SLOW.includes(slow)) throw new TypeError(`slow is one of ${SLOW.join(', ')}, not ${slow}`);
  const find = typeof feed === 'function' ? feed : () => feed;
  const fanOuts = new WeakMap<Feed<T>, FanOut<T>>();

  const push = (request: Request<never>, found: Feed<T>, wanted: Filter<T> | null): Promise<void> => {
    let fanOut = fanOuts.get(found);
    if (fanOut === undefined) fanOuts.set(found, (fanOut = new FanOut(found, slow)));
    return fanOut.serve(request.webSocket!, placeOf(request, start), wanted);
  };

  const answer = async (request: Request<never>): Promise<Reply> => {
    const { method, headers } = request;
    if (method !== 'GET' && method !== 'HEAD') return NOT_ALLOWED;
    if (request.query.has('module')) return readModule();
    const authorized = options.authorize && (await authorize(options.authorize, request));
    const wanted = filter?.(request, authorized) ?? null;
    const reader = { feed: find(request), place: placeOf(request, start), wanted };
    if (/\btext\/event-stream\b/i.test(headers.get('accept') ?? '')) return stream(request, reader);
    return poll(request, reader, maxWait);
  };

  return acceptWebSocket((request) => {
    if (!request.isWebSocket()) return answer(request as Request<never>);
    const reader = request as unknown as Request<never>;
    return push(reader, find(reader), filter?.(reader, request.authorized as Granted<Authorized>) ?? null);
  }, forWebSocket as WebSocketOptions);
}

let module: ReplyParts | null = null;

function readModule(): ReplyParts {
  return (module ??= {
    headers: { 'Content-Type': 'text/javascript; charset=utf-8', 'Cache-Control': 'max-age=3600' },
    body: readFileSync(new URL('browser.js', import.meta.url)),
  });
}

/** One that reads by HTTP. */
interface Reader<T> {
  readonly feed: Feed<T>;
  readonly place: string;
  readonly wanted: Filter<T> | null;
}

/** As a WebSocket route does it. */
async function authorize<Authorized>(
  ask: (request: Request) => Authorized | Promise<Authorized>,
  request: Request<never>,
): Promise<Granted<Authorized>> {
  const authorized = await ask(request as unknown as Request);
  if (!isGranted(authorized)) throw new HttpError('NOT_AUTHORIZED', 403, 'you are not authorized to read this');
  return authorized;
}

function placeOf({ headers, query }: Request<never>, start: string): string {
  const place = headers.get('last-event-id') ?? query.get('after');
  if (place === null || place === '') return start;
  return PLACE.test(place) ? place : UNKNOWN;
}

function stream<T>(request: Request<never>, reader: Reader<T>): ReplyParts {
  const reply = streamOf(toEvents(reader, request.signal), (text) => text);
  return { ...reply, headers: { ...reply.headers, Vary: 'Accept' } };
}

/** Events, as many in a text as there are, or fit into it. */
async function* toEvents<T>({ feed, place, wanted }: Reader<T>, signal: AbortSignal): AsyncGenerator<string> {
  const first = await feed.readOnce(place, signal);
  // A reader that is cut off before the first update must come back to this place. Without data, it sees no event.
  if (first.updates.length === 0) yield formatEvent({ id: first.place });
  for (let batch = first; ; batch = await feed.after(batch.place, { wait: WEEK, signal })) {
    let events = '';
    for (const update of batch.updates) {
      const text = textFor(update, wanted);
      if (text !== null) events += formatEvent({ id: update.id, data: text });
      if (events.length < MAX_TEXT) continue;
      yield events;
      events = '';
    }
    if (events !== '') yield events;
    if (batch !== first && batch.updates.length === 0 && feed.isEnded) return;
  }
}

async function poll<T>(request: Request<never>, { feed, place, wanted }: Reader<T>, maxWait: number): Promise<Reply> {
  const { query, signal } = request;
  const wait = Math.min(Number(query.get('wait')), maxWait) * 1000;
  const batch = await feed.after(place, { wait: wait > 0 ? Math.ceil(wait) : 0, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof LogError) throw error;
    throw new HttpError('LOG_AWAY', 503, 'the updates cannot be read at the moment; try again later');
  });
  const updates: string[] = [];
  let next = batch.place;
  let length = 0;
  for (const update of batch.updates) {
    const text = textFor(update, wanted);
    if (text === null) continue;
    updates.push(text);
    length += text.length;
    if (length < MAX_TEXT) continue;
    next = update.id;
    break;
  }
  const isAll = next === batch.place && batch.updates.length < MAX_BATCH;
  return {
    headers: {
      'Content-Type': 'application/json',
      // What one reader may see, another may not; whoever has it asks whether there is more.
      'Cache-Control': 'private, no-cache',
      ETag: `"${next}"`,
      Vary: 'Accept',
    },
    body: `{"place":${JSON.stringify(next)},"updates":[${updates.join(',')}]${isAll ? '' : ',"more":true'}}`,
  };
}

/** What a reader gets of an update; `null` for nothing. What was missed it is told in any case. */
function textFor<T>(update: Update<T>, wanted: Filter<T> | null): string | null {
  if (wanted === null || wanted(update.value)) return toText(update);
  return update.missed === undefined ? null : toMark(update);
}
