// What one transport of a race has cost so far: requests, and bytes counted at the server's sockets.
import type { Request, Traffic } from '../index.js';

/** What a lane needs of a request. */
type Counted = Pick<Request, 'traffic'>;

/** What a lane's requests have cost. */
export interface LaneCounts {
  readonly requests: number;
  /** How many of them brought no news. */
  readonly wasted: number;
  /** Bytes from the client: heads and frames. */
  readonly bytesRead: number;
  /** Bytes to the client: heads, bodies with their chunks, and frames. */
  readonly bytesWritten: number;
  /** How many of all these bytes belong to requests that brought no news. */
  readonly bytesWasted: number;
}

export class Lane {
  #counts: LaneCounts = { requests: 0, wasted: 0, bytesRead: 0, bytesWritten: 0, bytesWasted: 0 };
  /** Requests that may still send or receive, and whether they brought no news. */
  readonly #open = new Map<Counted, boolean>();

  /** Counts a request that has arrived. */
  begin(request: Counted): void {
    this.#open.set(request, false);
    this.#counts = { ...this.#counts, requests: this.#counts.requests + 1 };
  }

  /** Counts a request as one without news. */
  waste(request: Counted): void {
    this.#open.set(request, true);
    this.#counts = { ...this.#counts, wasted: this.#counts.wasted + 1 };
  }

  count(): LaneCounts {
    let live = this.#counts;
    for (const [request, isWasted] of this.#open) {
      const { traffic } = request;
      live = add(live, traffic, isWasted);
      if (!traffic.isFinal) continue;
      this.#counts = add(this.#counts, traffic, isWasted);
      this.#open.delete(request);
    }
    return live;
  }
}

function add(counts: LaneCounts, { bytesRead, bytesWritten }: Traffic, isWasted: boolean): LaneCounts {
  return {
    ...counts,
    bytesRead: counts.bytesRead + bytesRead,
    bytesWritten: counts.bytesWritten + bytesWritten,
    bytesWasted: counts.bytesWasted + (isWasted ? bytesRead + bytesWritten : 0),
  };
}
