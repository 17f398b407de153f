// The demo on a port of its own, for the tests that talk to it: `await using demo = await startDemo()`.
import { createServer } from '../../src/index.js';
import type { Server, ServerOptions } from '../../src/index.js';
import { addEchoRoutes } from '../../src/demo/echo.js';
import { addRaceRoutes, type Race, type RaceLimits } from '../../src/demo/race.js';

export interface Demo extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  /** The races under way, by name. */
  readonly races: ReadonlyMap<string, Race>;
  /** What handlers have thrown. */
  readonly errors: readonly unknown[];
}

/**
 * Serves the routes of `twobyte serve` on 127.0.0.1, until disposed of.
 * @param port 0 for any that is free
 */
export async function startDemo(options: ServerOptions = {}, port = 0, limits: RaceLimits = {}): Promise<Demo> {
  const errors: unknown[] = [];
  const server = createServer({ onError: (error) => errors.push(error), onRefuse: () => {}, ...options });
  addEchoRoutes(server);
  const races = addRaceRoutes(server, limits);
  await server.listen(port, '127.0.0.1');
  return {
    server,
    port: (server.address() as { port: number }).port,
    races,
    errors,
    [Symbol.asyncDispose]: () => server.close({ timeout: 0 }),
  };
}
