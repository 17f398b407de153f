// The connections to NATS that the tests have: of the packages @nats-io/transport-node and nats, which connect again
// quickly.
import { createRequire } from 'node:module';
import type { NatsConnection } from '../../src/feed/nats.js';
import { packagePath } from './packages.js';

interface Connection extends NatsConnection {
  close(): Promise<void>;
}

/** What the tests need beyond the log. */
export interface NatsClient extends AsyncDisposable {
  readonly connection: NatsConnection;
  /** Publishes past the log, or asks the server. */
  request(subject: string, payload?: string): Promise<string>;
}

const require = createRequire(import.meta.url);

async function open(path: string, port: number, options: object): Promise<NatsClient> {
  const { connect } = require(packagePath(path)) as { connect(options: object): Promise<Connection> };
  const connection = await connect({
    servers: `127.0.0.1:${port}`, maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 10,
    // After a server that is killed during its greeting, both clients wait so long before they try again.
    timeout: 1000, ...options,
  });
  return {
    connection,
    request: async (subject, payload = '') => (await connection.request(subject, payload, { timeout: 5000 })).string(),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** Opens one, by the package that the client is of. */
export const natsClients: Readonly<Record<string, (port: number, options?: object) => Promise<NatsClient>>> = {
  '@nats-io/transport-node': (port, options = {}) => open('@nats-io/transport-node/lib/mod.js', port, options),
  nats: (port, options = {}) => open('nats/index.js', port, options),
};
