// Which settings are measured, over how long a window, and which side by side.
import { isShortPolling, type Platform, type Setting, type Transport } from './setting.js';

export interface Round {
  readonly window: number;
  readonly settings: readonly Setting[];
}

export interface Scale {
  readonly clients: readonly number[];
  readonly updateIntervals: readonly number[];
  readonly pollIntervals: readonly number[];
  /** Milliseconds that a window lasts at least. */
  readonly window: number;
  /** So many updates at least come within it. */
  readonly updates: number;
  /** Pairs of processes that measure side by side at most. */
  readonly pairs: number;
}

export const full: Scale = {
  clients: [10, 100, 1000], updateIntervals: [100, 1000, 10_000], pollIntervals: [100, 1000, 5000],
  window: 4000, updates: 2, pairs: 8,
};
export const quick: Scale = {
  clients: [10, 100], updateIntervals: [100, 1000], pollIntervals: [100, 1000],
  window: 1000, updates: 1, pairs: 8,
};

/** Cores that settings may use together to be measured side by side: what waits for another is no delay of its own. */
const MAX_LOAD = 0.4;

/**
 * The settings. Bytes depend neither on the number of clients nor on the clock, so that all combinations are measured
 * with the fewest clients; with more, all intervals with updates of 20 B and a browser's headers, and the other
 * payload and headers at one pair of intervals. The baseline has 20 B and a browser's headers.
 */
export function settingsOf(scale: Scale): Setting[] {
  const settings: Setting[] = [];
  const [fewest] = scale.clients;
  for (const clients of scale.clients) {
    for (const updateInterval of scale.updateIntervals) {
      for (const payload of [20, 1024]) {
        for (const headers of ['minimal', 'chromium'] as const) {
          const isPlain = payload === 20 && headers === 'chromium';
          const add = (transport: Transport, platform: Platform, pollInterval: number | null = null): void => {
            const isCommon = scale !== quick && updateInterval === 1000 && (pollInterval ?? 1000) === 1000;
            if (clients !== fewest && !isPlain && !isCommon) return;
            settings.push({ transport, platform, clients, updateInterval, pollInterval, payload, headers });
          };
          const platforms: readonly Platform[] = isPlain ? ['twobyte', 'node:http'] : ['twobyte'];
          for (const platform of platforms) {
            for (const pollInterval of scale.pollIntervals) {
              add('polling', platform, pollInterval);
              // Who asks for the newest only, and less often than there is one, loses the others.
              if (pollInterval < updateInterval) add('latest', platform, pollInterval);
            }
            add('long-polling', platform);
          }
          add('streaming', 'twobyte');
          add('websocket', 'twobyte');
          // Shorter messages are not compressed.
          if (payload === 1024 && headers === 'chromium') add('websocket-deflate', 'twobyte');
        }
      }
    }
  }
  return settings;
}

/** The shortest window that is long enough and a multiple of both intervals. */
export function windowOf({ updateInterval, pollInterval }: Setting, { window: least, updates }: Scale): number {
  const short = Math.min(updateInterval, pollInterval ?? updateInterval);
  const long = Math.max(updateInterval, pollInterval ?? updateInterval);
  const common = long % short === 0 ? long : long * short;
  return common * Math.max(Math.ceil(least / common), Math.ceil((updates * updateInterval) / common));
}

/** About how many cores both processes of a setting keep busy. */
export function loadOf({ transport, clients, updateInterval, pollInterval }: Setting): number {
  const perSecond = (interval: number): number => (clients * 1000) / interval;
  if (isShortPolling(transport)) return perSecond(pollInterval!) * 120e-6;
  return perSecond(updateInterval) * (transport === 'long-polling' ? 200e-6 : 80e-6);
}

/** Puts settings together that take equally long and are light; a heavy one is alone. */
export function roundsOf(settings: readonly Setting[], scale: Scale): Round[] {
  const rounds: { window: number; lead: number; settings: Setting[]; load: number }[] = [];
  for (const setting of settings) {
    const window = windowOf(setting, scale);
    const load = loadOf(setting);
    const lead = setting.pollInterval ?? 0;
    const fitting = rounds.find((round) => {
      const hasRoom = round.settings.length < scale.pairs && round.load + load <= MAX_LOAD;
      return hasRoom && round.window === window && round.lead === lead;
    });
    if (fitting) {
      fitting.settings.push(setting);
      fitting.load += load;
    } else {
      rounds.push({ window, lead, settings: [setting], load });
    }
  }
  return rounds;
}

/** Seconds that a round takes. */
export function durationOf({ window, settings }: Round): number {
  const lead = Math.max(...settings.map(({ pollInterval, clients }) => (pollInterval ?? 0) + clients));
  return (window + lead + 800) / 1000;
}
