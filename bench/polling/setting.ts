// One setting of the study: what is asked how often, over which transport, and the update that is carried.

/** `polling` asks with a cursor, `latest` with an entity-tag; the second list is what is pushed. */
export const transports = ['polling', 'latest', 'long-polling', 'streaming', 'websocket', 'websocket-deflate'] as const;
export type Transport = (typeof transports)[number];

/** Whose HTTP serves: ours, or `node:http` as the baseline. */
export type Platform = 'twobyte' | 'node:http';

export interface Setting {
  readonly transport: Transport;
  readonly platform: Platform;
  readonly clients: number;
  /** Milliseconds from an update to the next. */
  readonly updateInterval: number;
  /** Milliseconds from a poll to the next; `null` unless it is short polling. */
  readonly pollInterval: number | null;
  /** Bytes of an update. */
  readonly payload: number;
  readonly headers: 'minimal' | 'chromium';
}

/** The number of a study's first update is above this, so that all numbers have seven digits, which the bytes of polls
 * depend on. */
export const FIRST_NUMBER = 1_000_000;

export function isShortPolling(transport: Transport): boolean {
  return transport === 'polling' || transport === 'latest';
}

/** What one line of a setting's name tells. */
export function nameOf(setting: Setting): string {
  const { transport, platform, clients, updateInterval, pollInterval, payload, headers } = setting;
  const poll = pollInterval === null ? '' : `, a poll every ${pollInterval} ms`;
  const baseline = platform === 'twobyte' ? '' : ` on ${platform}`;
  return `${transport}${baseline}: ${clients} clients, an update of ${payload} B every ${updateInterval} ms${poll}, ` +
    `${headers} headers`;
}

const words = 'ask bid last high low open close size venue quote trade index spread volume halt'.split(' ');

/** The JSON text of an update: `{"n":1000001,"p":42}` of 20 bytes, or with a table of prices behind, up to `bytes`. */
export function makeUpdate(number: number, bytes: number): string {
  // Numbers as a ticker has them: neither all the same nor incompressible.
  let state = number;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
  const start = `{"n":${number},"p":${10 + random(90)}`;
  if (bytes <= start.length + 1) return `${start}}`;
  let text = `${start},"t":"`;
  while (text.length < bytes) text += `${words[random(words.length)]}=${random(1000)}.${10 + random(90)} `;
  return `${text.slice(0, bytes - 2)}"}`;
}

/** The number of an update, from the beginning of its text. */
export const NUMBER_OF_UPDATE = /\{"n":(\d{7}),/g;
