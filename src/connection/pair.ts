// Two connections that talk to each other in memory, for tests of what is written for a connection.
import type { Role } from '../frame/opcode.js';
import { EXTENSION } from '../handshake/deflate.js';
import { HeaderFields } from '../http/fields.js';
import { memoryPair } from '../stream/memory-pair.js';
import { SilenceTimer } from '../stream/silence-timer.js';
import { Connection, type OpeningRequest } from './connection.js';
import { connectionDefaults, resolveLimits, type ConnectionOptions } from './limits.js';
import { checkNames } from './options.js';

const request: OpeningRequest = {
  path: '/',
  query: new URLSearchParams(),
  params: {},
  headers: HeaderFields.from([]),
  remoteAddress: '',
};

/** There is no proxy in between, and no peer that could be lost. */
const keepAlive = new SilenceTimer(0);

/**
 * Makes two connections that talk to each other, without a network and a handshake. They are as any others: frames,
 * limits, backpressure, pings, the closing handshake; only keep-alive is off.
 *
 * ```ts
 * const [server, client] = connectionPair();
 * void echo(server);
 * await client.send('hello');
 * console.log(await client.wait());
 * ```
 * @param options of both.
 * @throws TypeError for an option that is not known, RangeError for one out of its range.
 */
export function connectionPair(options: ConnectionOptions = {}): [server: Connection, client: Connection] {
  checkNames('connectionPair', options, connectionDefaults);
  const limits = resolveLimits(options);
  const { deflate } = limits;
  const streams = memoryPair();
  const open = (role: Role, near: number): Connection => {
    return new Connection(streams[near]!, {
      role,
      request,
      subprotocol: '',
      extensions: deflate === null ? '' : EXTENSION,
      deflate: deflate && { incoming: deflate, outgoing: deflate },
      limits,
      keepAlive,
      isSocket: false,
      firstBytes: Buffer.alloc(0),
    });
  };
  return [open('server', 0), open('client', 1)];
}
