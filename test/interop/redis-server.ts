// A redis-server of the test's own, which it may kill and start again with what was kept.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireProgram } from './programs.js';

const PATH = '/usr/bin/redis-server';

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'twobyte-redis-'));
  #process: ChildProcess | null = null;

  private constructor(port: number) {
    this.port = port;
  }

  /** @param parameters after those for the port and the folder; by default every write is kept. */
  static async start(...parameters: string[]): Promise<RedisServer> {
    requireProgram(PATH, 'redis-server');
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    const server = new RedisServer(port);
    await server.run(...parameters);
    return server;
  }

  /** Starts it, again after `kill`. */
  async run(...parameters: string[]): Promise<void> {
    // With `everysec`, Redis answers before it has written while the disk is slow.
    const kept = parameters.length > 0 ? parameters : ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    const common = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder];
    this.#process = spawn(PATH, [...common, ...kept], { stdio: 'ignore' });
    while (!(await this.#isListening())) await sleep(20);
  }

  async kill(): Promise<void> {
    this.#process!.kill('SIGKILL');
    await once(this.#process!, 'exit');
  }

  async #isListening(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
    socket.write('PING\r\n');
    const isOpen = await new Promise<boolean>((resolve) => {
      // While it loads its data, it answers with an error.
      socket.on('data', (data) => resolve(String(data) === '+PONG\r\n')).on('error', () => resolve(false));
    });
    socket.destroy();
    return isOpen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process!.exitCode === null && this.#process!.signalCode === null) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
