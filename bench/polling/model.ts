// What each transport costs by calculation: bytes, requests and delay of an update for one client. docs/polling.md has
// the derivations; the study compares each formula with what it measures.

/** Bytes of the parts that all formulas are made of. */
export interface Job {
  /** Milliseconds from an update to the next. */
  readonly updateInterval: number;
  /** Bytes of an update. */
  readonly payload: number;
  /** Bytes of a request: its line, its fields, the empty line. */
  readonly request: number;
}

/** What one update costs one client, on the average. */
export interface Cost {
  /** Bytes that the client receives and sends. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly requests: number;
  /** Requests that bring no news. */
  readonly wasted: number;
}

/** Bytes of a head: lines of text, each with CR and LF, and an empty one. */
export function headBytes(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length + 2, 2);
}

const DATE = 'Date: Thu, 01 Jan 1970 00:00:00 GMT';
const JSON_TYPE = 'Content-Type: application/json';
const NO_STORE = 'Cache-Control: no-store';
const ENTITY = ['Cache-Control: no-cache', 'ETag: "1000000"'] as const;
/** Fields that a server adds to each reply, besides `Date`: ours none. */
export const replyFields = {
  'twobyte': [],
  'node:http': ['Connection: keep-alive', 'Keep-Alive: timeout=65'],
} as const;
type Platform = keyof typeof replyFields;

/** `{"last":1000000,"updates":[…]}`: 29 bytes, the updates, and a comma between each two. */
export function bodyBytes(updates: number, payload: number): number {
  return 29 + updates * payload + (updates - 1);
}

/** Bytes of a reply with so many updates; 0 for one without. */
export function pollingReply(updates: number, payload: number, platform: Platform = 'twobyte'): number {
  const fields = [DATE, NO_STORE, ...replyFields[platform]];
  if (updates === 0) return headBytes(['HTTP/1.1 204 No Content', ...fields]);
  const body = bodyBytes(updates, payload);
  return headBytes(['HTTP/1.1 200 OK', ...fields, JSON_TYPE, `Content-Length: ${body}`]) + body;
}

/** Bytes of a reply with the newest update, or of a 304. */
export function latestReply(hasNews: boolean, payload: number, platform: Platform = 'twobyte'): number {
  const fields = [DATE, ...ENTITY, ...replyFields[platform]];
  if (!hasNews) return headBytes(['HTTP/1.1 304 Not Modified', ...fields]);
  const body = bodyBytes(1, payload);
  return headBytes(['HTTP/1.1 200 OK', ...fields, JSON_TYPE, `Content-Length: ${body}`]) + body;
}

/** `id: 1000000`, `data: …` and an empty line, in a chunk: its length in hexadecimal, and two line ends. */
export function eventBytes(payload: number): number {
  const event = 12 + 6 + payload + 2;
  return event.toString(16).length + 2 + event + 2;
}

/** A frame of a server: RFC 6455 §5.2. */
export function frameBytes(payload: number): number {
  return payload + (payload <= 125 ? 2 : payload <= 0xffff ? 4 : 10);
}

/**
 * Short polling with a cursor. If polls are more frequent than updates, one poll in `updateInterval / pollInterval`
 * brings an update and the others none; if they are rarer, each brings all that have come since.
 */
export function polling(job: Job, pollInterval: number, platform: Platform = 'twobyte'): Cost {
  const { updateInterval, payload, request } = job;
  const requests = updateInterval / pollInterval;
  const withNews = Math.min(1, requests);
  const each = 1 / withNews;
  // Between two whole numbers, some replies have one update more than the others.
  const [less, share] = [Math.floor(each), each % 1];
  const reply = (1 - share) * pollingReply(less, payload, platform) +
    (share === 0 ? 0 : share * pollingReply(less + 1, payload, platform));
  const wasted = requests - withNews;
  return {
    bytesIn: withNews * reply + wasted * pollingReply(0, payload, platform),
    bytesOut: requests * request,
    requests,
    wasted,
  };
}

/** Short polling of the newest with an entity-tag; for polls more frequent than updates, as others would lose some. */
export function latest(job: Job, pollInterval: number, platform: Platform = 'twobyte'): Cost {
  const { updateInterval, payload, request } = job;
  const requests = updateInterval / pollInterval;
  const wasted = Math.max(0, requests - 1);
  return {
    bytesIn: Math.min(1, requests) * latestReply(true, payload, platform) +
      wasted * latestReply(false, payload, platform),
    bytesOut: requests * request,
    requests,
    wasted,
  };
}

/** Long polling: a request for each update, and one for each time that the server has held one for nothing. */
export function longPolling(job: Job, holdTime = 25_000, platform: Platform = 'twobyte'): Cost {
  const { updateInterval, payload, request } = job;
  const wasted = Math.floor(updateInterval / holdTime);
  return {
    bytesIn: pollingReply(1, payload, platform) + wasted * pollingReply(0, payload, platform),
    bytesOut: (1 + wasted) * request,
    requests: 1 + wasted,
    wasted,
  };
}

export function streaming({ payload }: Job): Cost {
  return { bytesIn: eventBytes(payload), bytesOut: 0, requests: 0, wasted: 0 };
}

export function webSocket({ payload }: Job): Cost {
  return { bytesIn: frameBytes(payload), bytesOut: 0, requests: 0, wasted: 0 };
}

/** Milliseconds from the publishing of an update to its arrival, if the network takes `transit` in one direction. */
export interface Delay {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** An update waits for the next poll: for any part of the interval, one as likely as the other. */
export function pollingDelay(pollInterval: number, transit = 0): Delay {
  const at = (share: number): number => share * pollInterval + transit;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** What is pushed, or is waited for, only has to travel. */
export function pushDelay(transit = 0): Delay {
  return { p50: transit, p95: transit, p99: transit, max: transit };
}

/** IPv4 and TCP with timestamps, as Linux sends them: 20 + 20 + 12 bytes of header in each packet. */
export const PACKET_HEADER_BYTES = 52;

/**
 * Packets of an update: a poll is a request, a reply that also acknowledges it, and an acknowledgement; in long polling
 * the next request acknowledges the reply, and is itself acknowledged; what is pushed is acknowledged.
 */
export function packets(transport: 'polling' | 'long-polling' | 'streaming' | 'websocket', requests: number): number {
  return transport === 'polling' || transport === 'long-polling' ? 3 * requests : 2;
}

/** "Mbps" of 2010 have 2^20 bits. */
export const MEBIBIT = 2 ** 20;

/** Bits per second, in units of 2^20, of so many clients that each cost so many bytes a second. */
export function mebibits(clients: number, bytesPerSecond: number): number {
  return (clients * bytesPerSecond * 8) / MEBIBIT;
}

/** What Lubbers and Greco put down in 2010: bytes of HTTP headers for a poll, and of a frame's header, each second. */
export const BYTES_2010 = { polling: 871, webSocket: 2 } as const;

/**
 * How many updates a poll must bring to cost no more than pushing each: `poll / k + item = push`.
 * @param poll what a poll costs whatever it brings, `item` what each update adds, `push` what pushing one costs, in any
 * one unit.
 * @returns Infinity if pushing is always cheaper.
 */
export function crossover({ poll, item, push }: { poll: number; item: number; push: number }): number {
  return push > item ? poll / (push - item) : Infinity;
}
