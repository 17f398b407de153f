// The command line as a process: what it prints, how it ends, and that it serves in between.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { httpRequest, RawClient } from './support/raw-client.js';
import { suite } from './support/suite.js';

const program = fileURLToPath(new URL('../src/cli.js', import.meta.url));
const description = fileURLToPath(new URL('../../package.json', import.meta.url));

type Environment = Readonly<Record<string, string>>;

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** A run of the program, killed when the test is done with it. */
class Run implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #ended: Promise<Ending>;
  #output = '';
  #errors = '';
  #wake: () => void = () => {};

  constructor(args: readonly string[], environment: Environment = {}) {
    const { PORT, npm_lifecycle_event, ...inherited } = process.env;
    this.child = spawn(process.execPath, [program, ...args], {
      env: { ...inherited, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#wake();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
      this.#wake();
    });
    this.#ended = once(this.child, 'close').then(([code, signal]) => {
      this.#wake();
      return { code, signal, output: this.#output, errors: this.#errors };
    });
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** How it ended, once it has. */
  end(): Promise<Ending> {
    return this.#ended;
  }

  /** The first line of its output: the address it serves. */
  async address(): Promise<URL> {
    while (!this.#output.includes('\n') && this.isRunning) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const [line] = this.#output.split('\n', 1);
    if (!URL.canParse(line!)) throw new Error(`it printed ${JSON.stringify(this.#output + this.#errors)}`);
    return new URL(line!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
  }
}

async function run(args: readonly string[], environment?: Environment): Promise<Ending> {
  await using started = new Run(args, environment);
  return await started.end();
}

const told = suite('cli: what it tells');

for (const args of [['--help'], ['serve', '--help'], ['serve', '--port', '1', '--help']]) {
  told(args.join(' '), async () => {
    const { code, output, errors } = await run(args);
    assert.is(code, 0);
    assert.match(output, /^Usage: twobyte serve/);
    for (const option of ['--host', '--port', '--max-message-bytes', '--help', '--version']) {
      assert.match(output, option);
    }
    assert.is(errors, '');
  });
}

told('--version', async () => {
  const { version } = JSON.parse(readFileSync(description, 'utf8')) as { version: string };
  assert.equal(await run(['--version']), { code: 0, signal: null, output: `${version}\n`, errors: '' });
});

told('the compiled program begins with the line that finds Node', () => {
  assert.match(readFileSync(program, 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

const notPort = 'the port must be a whole number from 0 to 65535, not';
const notBytes = '--max-message-bytes must be a whole number from 0 to 536870888, not';

const mistakes: readonly [args: string, sentence: string, environment?: Environment][] = [
  ['', 'a command is missing; see twobyte --help'],
  ['server', 'there is no command "server"; see twobyte --help'],
  ['constructor', 'there is no command "constructor"; see twobyte --help'],
  ['--port 0', 'there is no command "--port"; see twobyte --help'],
  ['serve --prot 1', "Unknown option '--prot'; see twobyte --help"],
  ['serve 8000', "Unexpected argument '8000'; see twobyte --help"],
  ['serve --port', "Option '--port <value>' argument missing; see twobyte --help"],
  ['serve --port -1', "Option '--port' argument is ambiguous; see twobyte --help"],
  ['serve --port=-1', `${notPort} "-1"`],
  ['serve --port=', `${notPort} ""`],
  ['serve --port http', `${notPort} "http"`],
  ['serve --port 0x50', `${notPort} "0x50"`],
  ['serve --port 80.5', `${notPort} "80.5"`],
  ['serve --port 65536', `${notPort} "65536"`],
  ['serve --port 99999999999999999999', `${notPort} "99999999999999999999"`],
  ['serve', `${notPort} "eight"`, { PORT: 'eight' }],
  ['serve --port 0 --max-message-bytes 1MiB', `${notBytes} "1MiB"`],
  ['serve --port 0 --max-message-bytes=-1', `${notBytes} "-1"`],
  ['serve --port 0 --max-message-bytes 536870889', `${notBytes} "536870889"`],
  ['serve --port 0 --host=', 'the host must not be empty'],
  [
    // RFC 5737: an address for documentation, which no machine has.
    'serve --port 0 --host 192.0.2.1',
    'cannot listen on 192.0.2.1 (EADDRNOTAVAIL); choose an address of this machine with --host',
  ],
];

for (const [args, sentence, environment] of mistakes) {
  told(`${Object.keys(environment ?? {})} ${args}: one sentence and exit code 1`, async () => {
    const ending = await run(args.split(' ').filter(Boolean), environment);
    assert.equal(ending, { code: 1, signal: null, output: '', errors: `twobyte: ${sentence}\n` });
  });
}

for (const name of ['--port', 'PORT']) {
  told(`a busy port, by ${name}`, async () => {
    const busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const port = String((busy.address() as AddressInfo).port);
    try {
      const ending = await (name === 'PORT' ? run(['serve'], { PORT: port }) : run(['serve', '--port', port]));
      const errors = `twobyte: port ${port} on 127.0.0.1 is in use; choose another with --port\n`;
      assert.equal(ending, { code: 1, signal: null, output: '', errors });
    } finally {
      busy.close();
    }
  });
}

told.run();

const served = suite('cli: what it serves');

const hosts: readonly [args: readonly string[], environment: Environment, host: string][] = [
  [['--port', '0'], {}, '127.0.0.1'],
  [['--port', '0', '--host', 'localhost'], {}, 'localhost'],
  // The option wins over the environment.
  [['--port=0'], { PORT: 'eight' }, '127.0.0.1'],
  [[], { PORT: '0' }, '127.0.0.1'],
];

for (const [args, environment, host] of hosts) {
  served(`the page, at the address it prints: ${JSON.stringify(environment)} ${args.join(' ')}`, async () => {
    await using program = new Run(['serve', ...args], environment);
    const address = await program.address();
    assert.is(address.href, `http://${host}:${address.port}/home/`);
    const target = { host, port: Number(address.port) };
    const response = await httpRequest(target, `GET ${address.pathname} HTTP/1.1\r\nHost: ${address.host}\r\n\r\n`);
    assert.is(response.status, 200);
    assert.match(response.body.toString(), '<title>twobyte echo</title>');
  });
}

served('an IPv6 address stands in brackets', async () => {
  const hasIpv6 = Object.values(networkInterfaces()).flat().some((network) => network?.address === '::1');
  await using program = new Run(['serve', '--port', '0', '--host', '::1']);
  if (!hasIpv6) {
    assert.match((await program.end()).errors, /^twobyte: cannot listen on ::1 \(\w+\); choose an address/);
    return;
  }
  const address = await program.address();
  assert.is(address.hostname, '[::1]');
  const target = { host: '::1', port: Number(address.port) };
  assert.is((await httpRequest(target, `GET /home/ HTTP/1.1\r\nHost: ${address.host}\r\n\r\n`)).status, 200);
});

served('--max-message-bytes', async () => {
  await using program = new Run(['serve', '--port', '0', '--max-message-bytes', '5']);
  await using client = await connect(program);
  client.sendFrame(0x1, 'Hello');
  assert.is((await client.readFrame()).payload.toString(), 'Hello');
  client.sendFrame(0x1, 'Hello!');
  const { opcode, payload } = await client.readFrame();
  assert.is(opcode, 0x8);
  assert.is(payload.readUInt16BE(0), 1009);
});

served.run();

const ended = suite('cli: how it ends');

async function connect(program: Run): Promise<RawClient> {
  const client = await RawClient.connect(Number((await program.address()).port));
  await client.upgrade('/echo/');
  return client;
}

/** The Close frame of a server that closes: 1001 and a reason, as bytes. */
const goingAway = `881703e9${Buffer.from('the server is closing').toString('hex')}`;

const closing = 'closing; press Ctrl-C again to stop at once\n';

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  ended(`${signal} closes, and waits for the clients`, async () => {
    await using program = new Run(['serve', '--port', '0']);
    await using client = await connect(program);
    program.child.kill(signal);
    assert.is((await client.readBytes(25)).toString('hex'), goingAway);
    client.sendFrame(0x8, Buffer.from('03e9', 'hex'));
    assert.is((await client.readToEnd()).length, 0);
    client.socket.end();
    const { code, errors } = await program.end();
    assert.is(code, 0);
    assert.is(errors, closing);
  });

  ended(`${signal}, then Ctrl-C, stops at once`, async () => {
    await using program = new Run(['serve', '--port', '0']);
    await using client = await connect(program);
    program.child.kill(signal);
    assert.is((await client.readBytes(25)).toString('hex'), goingAway);
    program.child.kill('SIGINT');
    const { signal: last, errors } = await program.end();
    assert.is(last, 'SIGINT');
    assert.is(errors, closing);
  });
}

ended('under npm, which repeats a signal, Ctrl-C stops it too when it is pressed again', async () => {
  await using program = new Run(['serve', '--port', '0'], { npm_lifecycle_event: 'start' });
  await using client = await connect(program);
  program.child.kill('SIGINT');
  assert.is((await client.readBytes(25)).toString('hex'), goingAway);
  // The first of these may still count as npm's.
  for (let count = 0; count < 100 && program.isRunning; count++) {
    program.child.kill('SIGINT');
    await delay(20);
  }
  assert.is((await program.end()).signal, 'SIGINT');
});

ended.run();
