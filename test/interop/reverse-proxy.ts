// A reverse proxy before our server: started with a configuration of ours in a temporary folder, on ports of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerOptions } from '../../src/index.js';
import { certificate, privateKey } from '../support/certificate.js';
import { requireProgram } from './programs.js';

/** How a proxy is told what to do. */
export interface ProxyProgram {
  readonly path: string;
  /** Debian's package with it. */
  readonly package: string;
  /** The arguments that make it stay in the foreground, with the configuration of a file. */
  args(folder: string, configurationPath: string, setting: ProxySetting): string[];
  configuration(setting: ProxySetting): string;
  /** Further files, by their names. */
  files?(setting: ProxySetting): Readonly<Record<string, string>>;
  /** Whether it is tried without TLS only. */
  readonly isPlainOnly?: boolean;
  /** Whether it never cuts a connection that is silent. */
  readonly hasNoIdleCut?: boolean;
  /** Where it tells who its client is, if not in all of X-Forwarded-*. */
  readonly proxyHeaders?: ServerOptions['proxyHeaders'];
  /** How it is ended, if not by SIGKILL. */
  readonly signal?: NodeJS.Signals;
}

export interface ProxySetting {
  /** Where it may write, and where `certificate.pem` holds certificate and key. */
  readonly folder: string;
  readonly plainPort: number;
  readonly tlsPort: number;
  /** Where our server listens. */
  readonly serverPort: number;
  /** Seconds of silence after which the proxy cuts a connection. */
  readonly readTimeout: number;
}

export interface ReverseProxy extends AsyncDisposable {
  /** `ws://…` and `wss://…`, without a path. */
  readonly origins: Readonly<Record<'ws' | 'wss', string>>;
  /** Makes one that knows SIGHUP read its configuration again. */
  reload(): void;
}

/** How often ports are chosen: a port that was free may be taken when the proxy gets to it. */
const ATTEMPTS = 3;

/** How often a proxy that has been started is asked whether it listens, and the milliseconds between. */
const QUESTIONS = 500;
const QUESTION_INTERVAL = 20;

/** Starts a proxy before our server; ends the test if the program is not there. */
export async function startProxy(program: ProxyProgram, serverPort: number, readTimeout = 60): Promise<ReverseProxy> {
  requireProgram(program.path, program.package);
  const folder = await mkdtemp(join(tmpdir(), 'twobyte-proxy-'));
  // Some give their rights up before they write there.
  await chmod(folder, 0o777);
  await writeFile(join(folder, 'certificate.pem'), certificate + privateKey);
  for (let attempt = 1; ; attempt++) {
    const [plainPort, tlsPort] = await findFreePorts();
    const file = join(folder, 'proxy.conf');
    const setting = { folder, plainPort, tlsPort, serverPort, readTimeout };
    await writeFile(file, program.configuration(setting));
    const files = program.files?.(setting) ?? {};
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const child = spawn(program.path, program.args(folder, file, setting), {
      cwd: folder,
      env: { ...process.env, HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const running = new ProxyProcess(child, program.signal ?? 'SIGKILL');
    if (await running.listensOn(program.isPlainOnly ? [plainPort] : [plainPort, tlsPort])) {
      return {
        origins: { ws: `ws://127.0.0.1:${plainPort}`, wss: `wss://127.0.0.1:${tlsPort}` },
        reload: () => running.signal('SIGHUP'),
        async [Symbol.asyncDispose]() {
          await running.end();
          await rm(folder, { recursive: true, force: true });
        },
      };
    }
    await running.end();
    if (attempt < ATTEMPTS) continue;
    await rm(folder, { recursive: true });
    throw new Error(`${program.path} does not listen:\n${running.complaints}`);
  }
}

class ProxyProcess {
  /** What it has printed. */
  complaints = '';
  readonly #child: ChildProcess;
  readonly #signal: NodeJS.Signals;
  readonly #ended: Promise<unknown>;

  constructor(child: ChildProcess, signal: NodeJS.Signals) {
    this.#child = child;
    this.#signal = signal;
    this.#ended = once(child, 'close');
    child.stderr!.setEncoding('utf8').on('data', (part: string) => (this.complaints += part));
    process.once('exit', this.#kill);
  }

  /** Whether it accepts connections on all ports before it ends. */
  async listensOn(ports: readonly number[]): Promise<boolean> {
    for (let question = 0; question < QUESTIONS; question++) {
      const answers = await Promise.all(ports.map(accepts));
      if (this.#child.exitCode !== null) return false;
      if (answers.every(Boolean)) return true;
      await delay(QUESTION_INTERVAL);
    }
    return false;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<void> {
    process.off('exit', this.#kill);
    this.#kill();
    await this.#ended;
  }

  readonly #kill = (): void => void this.#child.kill(this.#signal);
}

/** Whether something listens on the port. */
async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Two ports that nobody listens on; neither proxy can listen on port 0 and tell which it got. */
async function findFreePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const [first, second] = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await once(server.close(), 'close');
  return [first!, second!];
}
