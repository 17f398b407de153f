// What is published on each channel of `node:diagnostics_channel` that the library has: types only.
import type { Connection, OpeningRequest } from '../connection/connection.js';
import type { Direction } from '../connection/telling.js';
import type { Close, HttpError } from '../errors.js';
import type { RefusedRequest } from '../server/refusal.js';
import type { Feed } from './feed.js';

/** Which side of a connection this process is. */
interface OfConnection {
  readonly connection: Connection;
  readonly role: 'client' | 'server';
}

/**
 * The channels by name, each with what it publishes.
 *
 * ```ts
 * subscribe('twobyte:connection:close', (event) => {
 *   const { close } = event as DiagnosticsEvents['twobyte:connection:close'];
 *   console.log(close.code);
 * });
 * ```
 */
export interface DiagnosticsEvents {
  /** A connection is open. No message has arrived yet. */
  'twobyte:connection:open': OfConnection;
  /** It has ended, and so has its TCP connection. */
  'twobyte:connection:close': OfConnection & { readonly close: Close };
  /** A server has refused an opening handshake. */
  'twobyte:handshake:refused': { readonly error: HttpError; readonly request: RefusedRequest };
  /** A message has arrived whole, or was sent whole. */
  'twobyte:message': OfConnection & {
    readonly direction: Direction;
    readonly type: 'text' | 'binary';
    /** Without compression. */
    readonly byteLength: number;
  };
  /** `'outgoing'`: the peer doesn't read, so that `send` waits. `'incoming'`: nobody reads here, so that it waits. */
  'twobyte:slow': OfConnection & { readonly direction: Direction };
  /**
   * What a handler has thrown, or why this side gave a connection up. `connection` is `null` for a request of plain
   * HTTP.
   */
  'twobyte:error': {
    readonly error: unknown;
    readonly request: OpeningRequest;
    readonly connection: Connection | null;
    readonly role: 'client' | 'server';
  };
  /** The log has an update that this process has published. */
  'twobyte:feed:publish': { readonly feed: Feed<unknown>; readonly id: string; readonly value: unknown };
  /** A WebSocket no longer reads a feed as fast as it is published. */
  'twobyte:feed:behind': { readonly feed: Feed<unknown>; readonly connection: Connection };
}
