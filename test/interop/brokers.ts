// The brokers that a feed's log can be in, by name: how to start one, and a log in it by a client of its own.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../src/index.js';
import { natsLog } from '../../src/feed/nats.js';
import { redisLog } from '../../src/feed/redis.js';
import type { Broker } from './broker.js';
import { natsClients } from './nats-clients.js';
import { NatsServer } from './nats-server.js';
import { clients as redisClients } from './redis-clients.js';
import { RedisServer } from './redis-server.js';

/** How many updates a log and a feed keep: all that a test has. */
export const KEEP = 200_000;

interface Client extends AsyncDisposable {
  readonly log: Log<number>;
  /** Waits until the client knows that the broker is away, if it matters. */
  lost(): Promise<void>;
}

interface BrokerKind {
  start(): Promise<Broker>;
  open(port: number): Promise<Client>;
}

export const brokers: Readonly<Record<string, BrokerKind>> = {
  Redis: {
    start: () => RedisServer.start(),
    async open(port) {
      const node = await redisClients['redis']!(port);
      return {
        log: redisLog(node.client, 'feed', { keep: KEEP }),
        lost: async () => {},
        [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
      };
    },
  },
  NATS: {
    start: () => NatsServer.start(),
    async open(port) {
      // On a busy machine, the greeting may take longer than the client waits for it.
      const node = await natsClients['@nats-io/transport-node']!(port, { waitOnFirstConnect: true });
      const log = natsLog<number>(node.connection, 'feed', { keep: KEEP, wait: 60_000 });
      return {
        log,
        // What is published before may have arrived or not, and is an error.
        lost: async () => {
          while (await Promise.resolve(log.read('now', 1)).then(() => true, () => false)) await sleep(1);
        },
        [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
      };
    },
  },
};
