// A pair of processes, one the server and one all its clients, that measures one setting after the other.
import { Callee } from './calls.js';
import type { ClientReport, ClientsCalls } from './clients.js';
import { now, sleepUntil } from './clock.js';
import type { ServerCalls } from './server.js';
import { isShortPolling, type Setting } from './setting.js';

/** Updates come at this part of their interval: in the middle between the polls of two of ten clients. */
const OFFSET = 0.4;
/** Milliseconds from the command to begin until the first thing happens. */
const LEAD = 200;
const WARM_UP_CLIENTS = 10;

/** What one setting has cost. Counts are of the whole window and of all clients. */
export interface Measurement extends Setting, ClientReport {
  /** Milliseconds of the window, and when it began. */
  readonly window: number;
  readonly from: number;
  /** Microseconds of the server's CPU time, without what it uses while nothing happens. */
  readonly cpu: number;
}

export interface Memory {
  /** Bytes of the server's resident memory and of its heap, for each client. */
  readonly rss: number;
  readonly heap: number;
}

/** Told the server's port once all clients are connected, before anything is measured. */
export type Watch = (port: number) => Promise<void>;

export class Pair {
  readonly #server = new Callee<ServerCalls>('./server.js');
  readonly #clients = new Callee<ClientsCalls>('./clients.js');
  /** Microseconds of CPU time that the idle server uses in a millisecond. */
  #idle = 0;

  /** Runs every code path often enough to be compiled, and measures what the idle server uses. */
  async warmUp(settings: readonly Setting[], window: number): Promise<void> {
    for (const setting of settings) {
      const pollInterval = setting.pollInterval === null ? null : 5;
      await this.measure({ ...setting, clients: WARM_UP_CLIENTS, updateInterval: 5, pollInterval }, window);
    }
    // What the warm-up has left to do, such as collecting garbage, is not what idling takes.
    const from = now() + 2000;
    this.#idle = (await this.#server.call('measureCpu', { from, to: from + 1000 })) / 1000;
  }

  /** Measures a setting over so many milliseconds: a multiple of both intervals. */
  async measure(setting: Setting, window: number, watch?: Watch): Promise<Measurement> {
    const { port, last } = await this.#server.call('open', setting);
    await this.#clients.call('open', { setting, port, last });
    await watch?.(port);
    try {
      return await this.#measureOpen(setting, window, last);
    } finally {
      await this.#clients.call('close');
      await this.#server.call('close');
    }
  }

  /** Measures what each client costs in memory; the process must be new, as a heap never shrinks to what it was. */
  async measureMemory(setting: Setting, window: number): Promise<Memory> {
    const { port, last } = await this.#server.call('open', setting);
    const before = await this.#server.call('measureMemory');
    await this.#clients.call('open', { setting, port, last });
    await this.#measureOpen(setting, window, last);
    const after = await this.#server.call('measureMemory');
    await this.#clients.call('close');
    await this.#server.call('close');
    return { rss: (after.rss - before.rss) / setting.clients, heap: (after.heap - before.heap) / setting.clients };
  }

  async #measureOpen(setting: Setting, window: number, last: number): Promise<Measurement> {
    const { updateInterval, payload, clients } = setting;
    const pollInterval = isShortPolling(setting.transport) ? setting.pollInterval! : 0;
    const offset = updateInterval * OFFSET;
    // What the first measured polls find was published before the window.
    const early = pollInterval === 0 ? 0 : Math.floor((pollInterval + offset) / updateInterval);
    const count = early + window / updateInterval;
    const from = now() + LEAD + clients / 5 + pollInterval;
    const first = from + offset - early * updateInterval;
    const timetable = {
      first, firstNumber: last + 1, interval: updateInterval, lastNumber: last + count,
      from, polls: pollInterval === 0 ? 0 : window / pollInterval,
    };
    const to = from + window;
    const measuring = this.#clients.call('measure', timetable);
    const [report, cpu] = await Promise.all([
      measuring,
      this.#server.call('measureCpu', { from, to }),
      this.#server.call('publish', { first, interval: updateInterval, count, payload }),
    ]);
    await sleepUntil(to);
    return { ...setting, ...report, window, from, cpu: Math.max(0, cpu - this.#idle * window) };
  }

  end(): void {
    this.#server.end();
    this.#clients.end();
  }
}
