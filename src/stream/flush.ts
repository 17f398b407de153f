// Connections that have something to write, and the one moment in an iteration of the event loop when all are written.

/** What `flushSoon` takes. */
export interface Flushable {
  flush(): void;
}

/** @param later calls back at the moment when all are flushed that were given until then. */
function flusher(later: (flushAll: () => void) => void): (connection: Flushable) => void {
  let waiting: Flushable[] = [];
  const flushAll = (): void => {
    const connections = waiting;
    waiting = [];
    for (const connection of connections) connection.flush();
  };
  return (connection) => {
    if (waiting.push(connection) === 1) later(flushAll);
  };
}

/**
 * Flushes a connection once the event loop has read from all readable sockets, together with all others that asked for
 * it; to be called once for each flush. A `nextTick` would run after each socket: small echoes notice (bench echo).
 */
export const flushSoon = flusher((flushAll) => setImmediate(flushAll));

/**
 * The same for a stream of HTTP/2, before anything else happens: its session gathers what its streams write while it
 * reads, and writes all of it then. Later, it would take another iteration of the event loop (bench http2).
 */
export const flushInTick = flusher((flushAll) => process.nextTick(flushAll));
