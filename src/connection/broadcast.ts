// One message to many connections: encoded once, and none of them waits for another.
import { CloseCode } from '../frame/close.js';
import { PreparedMessage } from './prepared.js';
import { hasRoom, type Connection, type SendOptions } from './connection.js';
import { checkNames } from './options.js';
import { toPayload, type Sendable } from './sendable.js';

const POLICIES = ['wait', 'drop', 'close'];

export interface BroadcastOptions extends SendOptions {
  /**
   * What becomes of a connection that has not read what it was sent before, so that a `send` would have to wait:
   * `'wait'` sends it the message all the same, up to its `maxBufferedBytes`; `'drop'` does not send it this one;
   * `'close'` closes it with 1008; to choose the code, drop, and close those that `slow` lists. Default `'wait'`.
   */
  slow?: 'wait' | 'drop' | 'close';
}

/** What became of each connection; those that are in none of the lists were sent the message. */
export interface BroadcastResult {
  /** How many were sent the message, slow ones included. */
  readonly sent: number;
  /** Those without room: by the option `slow`, they were sent the message, were not, or are being closed. */
  readonly slow: readonly Connection[];
  /** Those that are closing or have ended, or were cut because they had too much unsent. */
  readonly ended: readonly Connection[];
  /** Fulfils once each of those that were sent the message has room again or has ended; never rejects. */
  readonly drained: Promise<void>;
}

/**
 * Prepares a message to be sent on several connections: it is encoded once, and compressed once for each window agreed
 * on. It keeps a copy of its bytes.
 *
 * ```ts
 * const message = prepare(JSON.stringify(state));
 * for (const connection of server.connections) void connection.send(message);
 * ```
 * @throws TypeError for anything else than a string, an `ArrayBuffer` or a view.
 */
export function prepare(message: Sendable): PreparedMessage {
  return new PreparedMessage(toPayload(message));
}

/**
 * Sends one message on many connections. Like `send`, it writes when the tick of the event loop is over: several
 * broadcasts of a tick make one write for each connection.
 *
 * ```ts
 * const { slow } = broadcast(server.connections, 'news', { slow: 'drop' });
 * ```
 * @throws TypeError at once for what is not a message, and for an unknown option.
 */
export function broadcast(
  connections: Iterable<Connection>,
  message: Sendable | PreparedMessage,
  options: BroadcastOptions = {},
): BroadcastResult {
  checkNames<BroadcastOptions>('broadcast', options, { slow: true, compress: true });
  const policy = options.slow ?? 'wait';
  if (!POLICIES.includes(policy)) throw new TypeError(`slow is one of ${POLICIES.join(', ')}, not ${policy}`);
  const prepared = message instanceof PreparedMessage ? message : prepare(message);
  const slow: Connection[] = [];
  const ended: Connection[] = [];
  const waits: Promise<void>[] = [];
  let sent = 0;
  for (const connection of connections) {
    if (connection.isClosed()) {
      ended.push(connection);
      continue;
    }
    if (!hasRoom(connection)) {
      slow.push(connection);
      // Not TRY_AGAIN_LATER, which WebKitGTK takes for a protocol error.
      if (policy === 'close') void connection.close(CloseCode.POLICY_VIOLATION, 'reading too slowly');
      if (policy !== 'wait') continue;
    }
    const room = connection.send(prepared, options);
    if (connection.isClosed()) {
      ended.push(connection);
      continue;
    }
    sent++;
    if (!hasRoom(connection)) waits.push(room.catch(() => {}));
  }
  return { sent, slow, ended, drained: Promise.all(waits).then(() => {}) };
}
