// A process that reads a feed by all transports. Its parameters are the URL, how many readers each transport has, and
// how often those that poll ask, in milliseconds. It is told to move some of them, or to tell what they have seen.
import { follow, type Transport } from '../../src/index.js';
import { END, Seen } from './feed-seen.js';

/** What it is told to do. */
export type ReadersTask = 'move' | 'report';

/** What it tells. */
export interface ReadersReport {
  /** What each reader has seen. */
  readonly seen: readonly string[];
  /** Whether all have read to the end. */
  readonly hasEnded: boolean;
  readonly deliveries: number;
  readonly moves: number;
}

const TRANSPORTS: readonly Transport[] = ['websocket', 'streaming', 'long-polling', 'polling'];

class Reader {
  readonly seen = new Seen();
  hasEnded = false;
  moves = 0;
  #moving = new AbortController();

  /** Goes on after its last update, by another transport. */
  move(): void {
    this.#moving.abort();
  }

  /** @param first the number of its first transport */
  async read(url: string, first: number, interval: number): Promise<void> {
    let after: string | undefined;
    for (; !this.hasEnded; this.moves++) {
      this.#moving = new AbortController();
      const { signal } = this.#moving;
      const transports = [TRANSPORTS[(first + this.moves) % TRANSPORTS.length]!];
      const place = after === undefined ? {} : { after };
      const options = { transports, minDelay: 10, maxDelay: 200, interval, signal, ...place };
      try {
        for await (const update of follow<number>(url, options)) {
          after = update.id;
          this.hasEnded = update.value === END;
          if (this.hasEnded) return;
          this.seen.add(update);
        }
      } catch (error) {
        if (error !== signal.reason) throw error;
      }
    }
  }
}

function report(readers: readonly Reader[]): ReadersReport {
  return {
    seen: readers.map(({ seen }) => String(seen)),
    hasEnded: readers.every(({ hasEnded }) => hasEnded),
    deliveries: readers.reduce((sum, { seen }) => sum + seen.count, 0),
    moves: readers.reduce((sum, { moves }) => sum + moves, 0),
  };
}

const [url, perTransport, interval] = process.argv.slice(2);
const readers = Array.from({ length: Number(perTransport) * TRANSPORTS.length }, () => new Reader());
for (const [index, reader] of readers.entries()) void reader.read(url!, index, Number(interval));
process.on('message', (task: ReadersTask) => {
  if (task === 'report') return void process.send!(report(readers));
  const side = Math.round(Math.random());
  for (const [index, reader] of readers.entries()) if (index % 3 === side) reader.move();
});
process.on('disconnect', () => process.exit());
process.send!('ready');
