// The header fields that Chromium sends, as `capture.ts` has written them down.
import { readFileSync } from 'node:fs';
import { benchPath } from '../packages.js';

/** The header fields of a request as they were sent, but for `Host`, whose port is another in each run. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** The requests of one browser. */
export interface CapturedHeaders {
  /** The name and version, as in `User-Agent`. */
  readonly browser: string;
  /** By `fetch`, of what may not be cached: short and long polling. */
  readonly fetch: Fields;
  /** By `fetch`, of what the browser's cache has with an `ETag`. */
  readonly conditional: Fields;
  /** By `new EventSource`. */
  readonly eventSource: Fields;
  /** By `new WebSocket`. */
  readonly webSocket: Fields;
}

export const FIXTURE = benchPath('polling/chromium-headers.json');

export const captured = JSON.parse(readFileSync(FIXTURE, 'utf8')) as CapturedHeaders;
