// One feed over four transports, as routes: short polling, long polling, streaming and WebSocket.
import { createFeed, eventStream, requireWebSocket } from '../index.js';
import type {
  Feed, FeedOptions, OpeningRequest, ReplyParts, Request, Server, ServerSentEvent, Update, WebSocketRequest,
} from '../index.js';

/** Milliseconds that long polling holds a request: less than the 30 s after which the strictest proxies give up. */
const HOLD_TIME = 25_000;

/** Close codes: the one of RFC 6455 §7.4.1 for a client that sends what it should not, and one of our own. */
const POLICY_VIOLATION = 1008;
const UPDATES_MISSED = 4000;

/** What begins the ids: the clients count the updates, and send numbers. */
const LIFE = 'demo';

/** A request that became a WebSocket, whatever its route's `authorize` returned. */
type Pushable = Pick<WebSocketRequest, 'webSocket' | 'signal' | 'headers' | 'query'>;

/** Makes a feed for these transports. A page knows it by its address, so that no number is of another life. */
export function createNumberedFeed(options: FeedOptions<string> = {}): Feed<string> {
  return createFeed({ ...options, life: LIFE });
}

/** How many updates there were when this one was published. */
export function numberOf({ id }: { readonly id: string }): number {
  return Number(id.slice(LIFE.length + 1));
}

/**
 * Adds routes under `prefix` that all deliver the same updates, each once and in order. The values of the feed are JSON
 * texts, encoded once for any number of clients.
 *
 * - `polling` answers `?after=NUMBER` at once with all updates since, or with 204 if there are none.
 * - `latest` answers with the newest only, and with 304 to a client that has it already.
 * - `long-polling` answers `?after=NUMBER` like `polling`, but holds the request until there is an update.
 * - `streaming` sends an event for each update after `Last-Event-ID` or `?after=NUMBER`.
 * - `websocket` sends a message for each update after `?after=NUMBER`.
 *
 * The body of the first three is `{"last":NUMBER,"updates":[…]}`, where `last` is the next `after`. Updates that are no
 * longer kept show as `"missed":COUNT`, an event `missed`, or close code 4000 with the count as reason. It is
 * `unknown` if the client's number is none of the feed.
 */
export function addTransportRoutes(server: Server, prefix: string, feed: Feed<string>): void {
  for (const [name, answer] of Object.entries({ polling, latest, 'long-polling': longPolling, streaming })) {
    server.route(`${prefix}${name}`, (request) => answer(request, feed));
  }
  server.route(`${prefix}websocket`, requireWebSocket((request) => push(request, feed)));
}

/** Short polling: all that is new. */
export async function polling(request: Request, feed: Feed<string>): Promise<ReplyParts> {
  const { updates } = await feed.after(placeOf(request));
  return batch(updates);
}

/** Short polling for the newest update only. */
export async function latest(_request: Request, feed: Feed<string>): Promise<ReplyParts> {
  const { updates } = await feed.after('latest');
  if (updates.length === 0) return batch(updates);
  // Caches may keep it if they revalidate it each time.
  const tag = `"${numberOf(updates[0])}"`;
  const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache', ETag: tag };
  return { headers, body: toJson(updates) };
}

export async function longPolling(request: Request, feed: Feed<string>): Promise<ReplyParts> {
  const { updates } = await feed.after(placeOf(request), { wait: HOLD_TIME, signal: request.signal });
  return batch(updates);
}

/** Streaming by Server-Sent Events. */
export function streaming(request: Request, feed: Feed<string>): ReplyParts {
  return eventStream(toEvents(feed.from(placeOf(request), { signal: request.signal })));
}

/** Server push over a WebSocket. */
export async function push(request: Pushable, feed: Feed<string>): Promise<void> {
  const { webSocket, signal } = request;
  void webSocket.wait().then((message) => {
    if (message !== null) void webSocket.close(POLICY_VIOLATION, 'this WebSocket takes no messages');
  });
  for await (const { value, missed } of feed.from(placeOf(request), { signal })) {
    // This client knows its place only by counting.
    if (missed !== undefined) {
      void webSocket.close(UPDATES_MISSED, String(missed));
      return;
    }
    await webSocket.send(value);
  }
}

/** The place after the client's last update; the feed deals with NaN and other nonsense. */
function placeOf({ headers, query }: Pick<OpeningRequest, 'headers' | 'query'>): string {
  return `${LIFE}-${Number(headers.get('last-event-id') ?? query.get('after'))}`;
}

function batch(updates: readonly Update<string>[]): ReplyParts {
  const headers = { 'Cache-Control': 'no-store' };
  if (updates.length === 0) return { status: 204, headers };
  return { headers: { 'Content-Type': 'application/json', ...headers }, body: toJson(updates) };
}

function toJson(updates: readonly Update<string>[]): string {
  const last = numberOf(updates.at(-1)!);
  const { missed } = updates[0];
  const values = updates.map(({ value }) => value).join(',');
  const gap = missed === undefined ? '' : `,"missed":${JSON.stringify(missed)}`;
  return `{"last":${last}${gap},"updates":[${values}]}`;
}

async function* toEvents(updates: AsyncIterable<Update<string>>): AsyncGenerator<ServerSentEvent> {
  for await (const update of updates) {
    if (update.missed !== undefined) yield { event: 'missed', data: String(update.missed) };
    yield { id: numberOf(update), data: update.value };
  }
}
