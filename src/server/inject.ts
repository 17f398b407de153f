// Opens a WebSocket at a route in memory, for tests: all of a server and a client but the network.
import type { Duplex } from 'node:stream';
import type { Connection } from '../connection/connection.js';
import {
  ask, checkFields, openConnection, openingOptions, prepareOpening, resolveClientLimits, type OpeningOptions,
} from '../connection/opening.js';
import { checkNames } from '../connection/options.js';
import { SilenceTimer } from '../stream/silence-timer.js';

/** No peer can be lost. Without a timer of the client's, a test that fakes time sees those of its server only. */
const keepAlive = new SilenceTimer(0);

/** @internal See `Server.inject`. @param openStream opens a stream to the server. */
export async function inject(openStream: () => Duplex, path: string, options: OpeningOptions): Promise<Connection> {
  checkNames('server.inject', options, openingOptions);
  checkFields(options);
  const { headers = {}, signal = new AbortController().signal } = options;
  const target = { url: parsePath(path), headers: Object.entries(headers) };
  const opening = prepareOpening(target, options, resolveClientLimits(options));
  signal.throwIfAborted();
  const asked = ask({ stream: openStream(), remoteAddress: '', isSocket: false }, opening, signal);
  return await openConnection(asked, opening, keepAlive, signal);
}

function parsePath(path: string): URL {
  if (!path.startsWith('/')) throw new TypeError(`a path begins with /, and may have a query; ${path} does not`);
  const url = new URL(`ws://localhost${path}`);
  if (url.href.includes('#')) throw new TypeError('a WebSocket URL has no fragment; remove #');
  return url;
}
