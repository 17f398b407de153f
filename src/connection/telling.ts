// Publishes what happens on connections, for those who subscribe to the channels of `src/diagnostics.ts`.
import { connectionClosed, connectionOpened, errorTold, messagePassed, slowness } from '../diagnostics.js';
import type { Close } from '../errors.js';
import type { Role } from '../frame/opcode.js';
import type { Connection, OpeningRequest } from './connection.js';

export type Direction = 'incoming' | 'outgoing';

export function tellOpened(connection: Connection, role: Role): void {
  if (connectionOpened.hasSubscribers) connectionOpened.publish({ connection, role });
}

/** A message has arrived, or was sent, whole. */
export function tellMessage(
  connection: Connection,
  role: Role,
  direction: Direction,
  isText: boolean,
  byteLength: number,
): void {
  if (!messagePassed.hasSubscribers) return;
  messagePassed.publish({ connection, role, direction, type: isText ? 'text' : 'binary', byteLength });
}

/** @param direction `'outgoing'` if the peer doesn't read, `'incoming'` if nobody does here. */
export function tellSlow(connection: Connection, role: Role, direction: Direction): void {
  if (slowness.hasSubscribers) slowness.publish({ connection, role, direction });
}

/** @param connection `null` if the request was one of plain HTTP. */
export function tellError(error: unknown, request: OpeningRequest, connection: Connection | null, role: Role): void {
  if (errorTold.hasSubscribers) errorTold.publish({ error, request, connection, role });
}

export function tellClosed(connection: Connection, role: Role, close: Close): void {
  const { error } = close;
  if (error !== undefined) tellError(error, connection.request, connection, role);
  if (connectionClosed.hasSubscribers) connectionClosed.publish({ connection, role, close });
}
