// The dashboard: what the server has counted, each second, as a feed that a page draws.
import { createFeed, serveFeed, type Server, type ServerStats } from '../index.js';
import { addPageFiles, readPage } from './page-file.js';

/** Milliseconds between two samples. */
const INTERVAL = 1000;

/** Samples that are kept for who comes later: two minutes. */
const KEPT = 120;

/** A connection with more than this unsent is slow: its peer doesn't read as fast as it is sent to. */
const SLOW_BYTES = 65_536;

/** The upper ends of the parts of the histogram, in milliseconds; the last part has none. */
const ROUND_TRIPS = [1, 3, 10, 30, 100, 300];

/** One second of a server. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** WebSockets that are open, and those of them whose peer doesn't read as fast as it is sent to. */
  readonly open: number;
  readonly slow: number;
  /** In this second: WebSockets that were opened, handshakes that were refused, messages, and bytes of frames. */
  readonly opened: number;
  readonly refused: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How many open WebSockets had their latest round trip within 1, 3, 10, 30, 100, 300 ms, and above. */
  readonly roundTrips: readonly number[];
}

/** What a server does now, and what it has done since `before`. */
export function takeSample(server: Pick<Server, 'stats' | 'connections'>, before: ServerStats, time: number): Sample {
  const { open, opened, refused, received, sent } = server.stats;
  const roundTrips = [...ROUND_TRIPS, Infinity].map(() => 0);
  let slow = 0;
  for (const { bufferedAmount, stats: { roundTrip } } of server.connections) {
    if (bufferedAmount > SLOW_BYTES) slow++;
    if (roundTrip === null) continue;
    const part = ROUND_TRIPS.findIndex((end) => roundTrip <= end);
    roundTrips[part === -1 ? ROUND_TRIPS.length : part]!++;
  }
  return {
    time,
    open,
    slow,
    opened: opened - before.opened,
    refused: refused - before.refused,
    messagesIn: received.messages - before.received.messages,
    messagesOut: sent.messages - before.sent.messages,
    bytesIn: received.wireBytes - before.received.wireBytes,
    bytesOut: sent.wireBytes - before.sent.wireBytes,
    roundTrips,
  };
}

/**
 * Adds the dashboard to a server: the page at `/dashboard/`, and its feed.
 * @returns a function that ends the feed, to be called before the server closes.
 */
export function addDashboardRoutes(server: Server): () => void {
  const feed = createFeed<Sample>({ keep: KEPT });
  addPageFiles(server, readPage('dashboard'));
  server.route('/dashboard/feed', serveFeed(feed));
  let before = server.stats;
  const timer = setInterval(() => {
    void feed.publish(takeSample(server, before, Date.now()));
    before = server.stats;
  }, INTERVAL);
  timer.unref();
  return () => {
    clearInterval(timer);
    feed.end();
  };
}
