// A nats-server of the test's own, with JetStream.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLastingPort } from '../support/lasting-port.js';
import { Broker } from './broker.js';

export class NatsServer extends Broker {
  #lives = 0;

  private constructor() {
    super('/usr/sbin/nats-server', 'nats-server');
  }

  /** @param settings in the configuration, such as users. */
  static async start(settings = ''): Promise<NatsServer> {
    const server = new NatsServer();
    server.port = await findLastingPort();
    await server.run(settings);
    return server;
  }

  async run(settings = ''): Promise<void> {
    const file = join(this.folder, 'nats.conf');
    writeFileSync(file, `${settings}\n`);
    const data = join(this.folder, `data-${this.#lives}`);
    await this.start(['-js', '-sd', data, '-p', String(this.port), '-a', '127.0.0.1', '-c', file], '');
  }

  async runEmpty(): Promise<void> {
    this.#lives++;
    await this.run();
  }

  protected isReady(greeting: string): boolean {
    return greeting.startsWith('INFO ');
  }
}
