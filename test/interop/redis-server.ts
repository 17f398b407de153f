// A redis-server of the test's own.
import { findLastingPort } from '../support/lasting-port.js';
import { Broker } from './broker.js';

export class RedisServer extends Broker {
  #lives = 0;

  private constructor() {
    super('/usr/bin/redis-server', 'redis-server');
  }

  /** @param parameters after those for the port and the folder; by default every write is kept. */
  static async start(...parameters: string[]): Promise<RedisServer> {
    const server = new RedisServer();
    server.port = await findLastingPort();
    await server.run(...parameters);
    return server;
  }

  async run(...parameters: string[]): Promise<void> {
    // With `everysec`, Redis answers before it has written while the disk is slow.
    const file = ['--appendfilename', String(this.#lives)];
    const always = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', ...file];
    const kept = parameters.length > 0 ? parameters : always;
    await this.start(['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, ...kept], 'PING\r\n');
  }

  async runEmpty(): Promise<void> {
    this.#lives++;
    await this.run();
  }

  protected isReady(greeting: string): boolean {
    return greeting === '+PONG\r\n';
  }
}
