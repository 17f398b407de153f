// The race: four transports carry the same ticker to one page, and the server counts what each costs.
import { HttpError, requireWebSocket, type Message, type Request, type Server } from '../index.js';
import { addPageFiles, readPage } from './page-file.js';
import { Lane } from './race-lane.js';
import { createNumberedFeed, longPolling, polling, push, streaming } from './transports.js';

/** Limits, so that nobody can keep a public demo busy. */
export interface RaceLimits {
  /** Races at a time; one more page is turned away. Default 100. */
  readonly maxRaces?: number;
  /** Milliseconds after which a race ends. Default ten minutes. */
  readonly maxDuration?: number;
}

/** Milliseconds between two reports of the counts. */
const REPORT_INTERVAL = 250;

/** Milliseconds for a page to leave after its race. */
const GRACE_TIME = 2000;

/** Milliseconds between updates, and bytes of an update: the limits for what a page may ask for, and the defaults. */
const INTERVAL = { lowest: 100, highest: 10_000, byDefault: 1000 };
const SIZE = { lowest: 50, highest: 10_000, byDefault: 50 };

/** Close codes: one of our own, and the one of RFC 6455 §7.4.1 for a message that makes no sense. */
const TOO_MANY_RACES = 4013;
const POLICY_VIOLATION = 1008;

const answers = { polling, 'long-polling': longPolling, streaming };

/** A ticker, and the lanes that carry its updates to a page. */
export class Race {
  readonly lanes = {
    polling: new Lane(), 'long-polling': new Lane(), streaming: new Lane(), websocket: new Lane(),
  };
  // The slowest lane asks every three seconds: enough for ten updates a second, with time to spare.
  readonly feed = createNumberedFeed({ keep: 100 });
  /** Milliseconds between updates, on average. */
  readonly interval: number;
  /** Bytes of an update. */
  readonly size: number;
  #price = 100;
  #timer: NodeJS.Timeout;

  constructor(query: URLSearchParams) {
    this.interval = clamp(query.get('interval'), INTERVAL);
    this.size = clamp(query.get('size'), SIZE);
    this.#timer = this.#schedule();
  }

  /** The counts of each lane. */
  report(): object {
    return Object.fromEntries(Object.entries(this.lanes).map(([name, lane]) => [name, lane.count()]));
  }

  /** Ends the updates: waiting requests are answered, and streams end. */
  end(): void {
    clearTimeout(this.#timer);
    this.feed.end();
  }

  #schedule(): NodeJS.Timeout {
    // Real news does not come in step with requests.
    return setTimeout(() => this.#tick(), this.interval * (0.5 + Math.random()));
  }

  #tick(): void {
    this.#price = Math.min(Math.max(this.#price + Math.random() - 0.5, 10), 900);
    const text = `{"at":${now().toFixed(1)},"price":${this.#price.toFixed(2)},"more":""}`;
    void this.feed.publish(text.replace('""', `"${'x'.repeat(Math.max(this.size - text.length, 0))}"`));
    this.#timer = this.#schedule();
  }
}

/**
 * Adds the race to a server: the page at `/race/`, its control connection, and the four transports of each race.
 *
 * A race lasts as long as its control connection. The server names the race in the first message, then reports the
 * counts, and says when it is over. It answers a message with the page's time by that and its own time, to compare the
 * clocks.
 * @returns the races under way, by name.
 */
export function addRaceRoutes(
  server: Server,
  { maxRaces = 100, maxDuration = 600_000 }: RaceLimits = {},
): ReadonlyMap<string, Race> {
  const races = new Map<string, Race>();
  let count = 0;

  addPageFiles(server, readPage('race'));

  server.route('/race/control', requireWebSocket(async ({ webSocket, query }) => {
    if (races.size >= maxRaces) {
      void webSocket.close(TOO_MANY_RACES, 'too many races at the moment');
      return;
    }
    const race = new Race(query);
    // The random part keeps pages out of each other's races.
    const name = `${++count}-${Math.random().toString(36).slice(2, 8)}`;
    races.set(name, race);
    const tell = (message: object): void => void webSocket.send(JSON.stringify(message));
    const reporting = setInterval(() => tell({ lanes: race.report() }), REPORT_INTERVAL);
    let limit = setTimeout(() => {
      // The page closes, after it has stopped its requests, which would get no answer any more.
      tell({ over: true });
      limit = setTimeout(() => void webSocket.close(), GRACE_TIME);
    }, maxDuration);
    try {
      tell({ race: name });
      for await (const message of webSocket) {
        const time = readTime(message);
        if (time === null) void webSocket.close(POLICY_VIOLATION, 'only {"time":NUMBER} is understood here');
        else tell({ time, now: now() });
      }
    } finally {
      clearInterval(reporting);
      clearTimeout(limit);
      races.delete(name);
      race.end();
    }
  }, { maxMessageBytes: 100, deflate: false }));

  const find = ({ params }: Request): Race => {
    const race = races.get(params['race']);
    if (race === undefined) throw new HttpError('RACE_OVER', 404, 'this race is over; start another at /race/');
    return race;
  };

  for (const name of ['polling', 'long-polling', 'streaming'] as const) {
    server.route(`/race/:race/${name}`, async (request) => {
      const { feed, lanes } = find(request);
      lanes[name].begin(request);
      const reply = await answers[name](request, feed);
      if (reply.status === 204) lanes[name].waste(request);
      return reply;
    });
  }

  // The other transports don't compress either.
  const options = { authorize: (request: Request) => find(request), deflate: false };
  server.route('/race/:race/websocket', requireWebSocket(async (request) => {
    const { feed, lanes } = request.authorized;
    lanes.websocket.begin(request);
    await push(request, feed);
  }, options));

  return races;
}

function clamp(text: string | null, { lowest, highest, byDefault }: typeof INTERVAL): number {
  // `Number` turns nothing into 0, and what is not a number into NaN.
  return Math.min(Math.max(Number(text) || byDefault, lowest), highest);
}

function readTime(message: Message): number | null {
  try {
    const { time } = JSON.parse(String(message)) as { time?: unknown };
    return typeof time === 'number' ? time : null;
  } catch {
    return null;
  }
}

/** Milliseconds since 1970, with a fraction. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
