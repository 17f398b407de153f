// The demo on a port of its own, for the tests that talk to it: `await using demo = await startDemo()`.
import { createServer } from '../../src/index.js';
import type { Server, ServerOptions } from '../../src/index.js';
import { addEchoRoutes } from '../../src/server/echo.js';

export interface Demo extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  /** What handlers have thrown. */
  readonly errors: readonly unknown[];
}

/**
 * Serves the echo routes on 127.0.0.1, until disposed of.
 * @param port 0 for any that is free
 */
export async function startDemo(options: ServerOptions = {}, port = 0): Promise<Demo> {
  const errors: unknown[] = [];
  const server = createServer({ onError: (error) => errors.push(error), ...options });
  addEchoRoutes(server);
  await server.listen(port, '127.0.0.1');
  return {
    server,
    port: (server.address() as { port: number }).port,
    errors,
    [Symbol.asyncDispose]: () => server.close({ timeout: 0 }),
  };
}
