// Connections that have something to write, and the one moment in an iteration of the event loop when all are written.

/** What `flushSoon` takes. */
export interface Flushable {
  flush(): void;
}

let waiting: Flushable[] = [];
let waitingForTick: Flushable[] = [];

/**
 * Flushes `connection` once the event loop has read from all readable sockets, together with all others that asked for
 * it; to be called once for each flush. A `nextTick` would run after each socket: small echoes notice (bench echo).
 */
export function flushSoon(connection: Flushable): void {
  if (waiting.push(connection) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const connections = waiting;
  waiting = [];
  for (const connection of connections) connection.flush();
}

/**
 * The same for a stream of HTTP/2, before anything else happens: its session gathers what its streams write while it
 * reads, and writes all of it then. Later, it would take another iteration of the event loop (bench http2).
 */
export function flushInTick(connection: Flushable): void {
  if (waitingForTick.push(connection) === 1) process.nextTick(flushTick);
}

function flushTick(): void {
  const connections = waitingForTick;
  waitingForTick = [];
  for (const connection of connections) connection.flush();
}
