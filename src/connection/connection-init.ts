// What a connection begins with: all that its opening handshake has settled, whichever side it is on.
import type { Role } from '../frame/opcode.js';
import type { DeflateAgreement } from '../handshake/deflate.js';
import type { SilenceTimer } from '../stream/silence-timer.js';
import type { OpeningRequest } from './connection.js';
import type { Connections } from './connections.js';
import type { ConnectionLimits } from './limits.js';

export interface ConnectionInit {
  readonly role: Role;
  readonly request: OpeningRequest;
  readonly subprotocol: string;
  readonly extensions: string;
  /** `null` if messages are not compressed. */
  readonly deflate: DeflateAgreement | null;
  readonly limits: ConnectionLimits;
  readonly keepAlive: SilenceTimer;
  /** Whether the stream is one of `node:net` or `node:tls`, which read and write by the system. */
  readonly isSocket: boolean;
  /** Bytes that arrived after the head: the first frames. */
  readonly firstBytes: Buffer;
  /** Those of a server, which each enters and leaves by itself. */
  readonly connections?: Connections;
}
