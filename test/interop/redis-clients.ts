// The clients of Redis that the tests have: of the packages redis and ioredis, which connect again quickly.
import { pathToFileURL } from 'node:url';
import { packagePath } from './packages.js';

export interface RedisConnection extends AsyncDisposable {
  readonly client: object;
  command(...parameters: string[]): Promise<unknown>;
}

interface NodeRedis {
  on(event: string, listener: () => void): void;
  connect(): Promise<unknown>;
  sendCommand(command: string[]): Promise<unknown>;
  destroy(): void;
}

interface IoRedis {
  on(event: string, listener: () => void): void;
  call(...command: string[]): Promise<unknown>;
  disconnect(): void;
}

/** Opens one, by the package that the client is of. */
export const clients: Readonly<Record<string, (port: number) => Promise<RedisConnection>>> = {
  async redis(port) {
    const { createClient } = (await import(pathToFileURL(packagePath('redis/dist/index.js')).href)) as {
      createClient(options: object): NodeRedis;
    };
    const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: 20 } });
    client.on('error', () => {});
    await client.connect();
    return {
      client,
      command: (...parameters) => client.sendCommand(parameters),
      [Symbol.asyncDispose]: async () => client.destroy(),
    };
  },
  async ioredis(port) {
    const { Redis } = (await import(pathToFileURL(packagePath('ioredis/built/index.js')).href)) as {
      Redis: new (options: object) => IoRedis;
    };
    const client = new Redis({ port, retryStrategy: () => 20, maxRetriesPerRequest: null });
    client.on('error', () => {});
    return {
      client,
      command: (...parameters) => client.call(...parameters),
      [Symbol.asyncDispose]: async () => client.disconnect(),
    };
  },
};
