// One feed over four transports, as routes: short polling, long polling, streaming and WebSocket.
import { eventStream, type ServerSentEvent } from './event-stream.js';
import type { Feed, Update } from './feed.js';
import type { Reply } from './reply.js';
import type { Request } from './request.js';
import type { Server } from './server.js';
import { requireWebSocket } from './websocket.js';

/** Milliseconds that long polling holds a request: below the 30 s after which the strictest proxies give up. */
const HOLD_TIME = 25_000;

/** Close codes: of RFC 6455 §7.4.1, for a client that sends what nobody asked for; and one of our own. */
const POLICY_VIOLATION = 1008;
const UPDATES_MISSED = 4000;

/** Finds the feed that a request is for; it throws a `HandshakeError` if there is none. */
export type FeedOf = (request: Request) => Feed<string>;

/**
 * Adds routes below `prefix` that all give the same updates, each one once and in order. The values of the feed are
 * JSON texts: made once, whatever number of clients.
 *
 * - `polling` answers `?after=NUMBER` at once with all updates since, or with 204 if there are none.
 * - `latest` answers with the newest only, and with 304 to a client that has it already.
 * - `long-polling` answers `?after=NUMBER` like `polling`, but holds the request until there is an update.
 * - `streaming` sends an event for each update after `Last-Event-ID` or `?after=NUMBER`.
 * - `websocket` sends a message for each update after `?after=NUMBER`.
 *
 * The body of the first three is `{"last":NUMBER,"updates":[…]}`, where `last` is what to ask with next. Updates that
 * are not kept any more are told by `"missed":COUNT`, an event `missed`, or close code 4000 with the count as reason.
 */
export function addTransportRoutes(server: Server, prefix: string, feed: Feed<string> | FeedOf): void {
  const feedOf = typeof feed === 'function' ? feed : (): Feed<string> => feed;

  server.route(`${prefix}polling`, (request) => {
    return batch(feedOf(request).after(cursor(request)));
  });

  server.route(`${prefix}latest`, (request) => {
    const { last } = feedOf(request);
    const updates = feedOf(request).after(last - 1);
    // Caches may keep it, if they ask each time whether it is still the newest.
    const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache', ETag: `"${last}"` };
    return updates.length === 0 ? batch(updates) : { headers, body: toJson(updates) };
  });

  server.route(`${prefix}long-polling`, async (request) => {
    const { signal } = request;
    return batch(await feedOf(request).wait(cursor(request), { timeout: HOLD_TIME, signal }));
  });

  server.route(`${prefix}streaming`, (request) => {
    const { signal } = request;
    return eventStream(toEvents(feedOf(request).from(cursor(request), { signal })));
  });

  server.route(`${prefix}websocket`, requireWebSocket(async (request) => {
    const { webSocket, signal } = request;
    void webSocket.wait().then((message) => {
      if (message !== null) void webSocket.close(POLICY_VIOLATION, 'this WebSocket takes no messages');
    });
    for await (const { value, missed } of feedOf(request).from(cursor(request), { signal })) {
      // Counting what it gets is all that tells this client where it is.
      if (missed !== undefined) {
        void webSocket.close(UPDATES_MISSED, String(missed));
        return;
      }
      await webSocket.send(value);
    }
  }));
}

/** The number of the last update that the client has; NaN and others that make no sense are for the feed to judge. */
function cursor({ headers, query }: Request): number {
  return Number(headers.get('last-event-id') ?? query.get('after'));
}

function batch(updates: readonly Update<string>[]): Reply {
  const headers = { 'Cache-Control': 'no-store' };
  if (updates.length === 0) return { status: 204, headers };
  return { headers: { 'Content-Type': 'application/json', ...headers }, body: toJson(updates) };
}

function toJson(updates: readonly Update<string>[]): string {
  const { missed } = updates[0];
  const values = updates.map(({ value }) => value).join(',');
  return `{"last":${updates.at(-1)!.number}${missed === undefined ? '' : `,"missed":${missed}`},"updates":[${values}]}`;
}

async function* toEvents(updates: AsyncIterable<Update<string>>): AsyncGenerator<ServerSentEvent> {
  for await (const { number, value, missed } of updates) {
    if (missed !== undefined) yield { event: 'missed', data: String(missed) };
    yield { id: number, data: value };
  }
}
