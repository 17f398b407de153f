// Runs an example as a process on a free port, and knows what its `/live/` has to do in every server alike.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { requirePeer, suite, type Suite } from '../runner/suite.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';

/** The path of a file of `examples/`, seen from the compiled file. */
export function examplePath(path: string): string {
  return fileURLToPath(new URL(`../../../examples/${path}`, import.meta.url));
}

/** Ends the test if the packages of the examples are not installed. */
export function requireExamples(): void {
  requirePeer(existsSync(examplePath('node_modules/twobyte')), 'examples need packages: npm ci --prefix examples');
}

export interface ExampleOptions {
  readonly parameters?: readonly string[];
  /** The signal by which it is ended when its test is over. */
  readonly ending?: NodeJS.Signals;
}

/** A running example. */
export class Example implements AsyncDisposable {
  port = 0;
  /** All that it has printed. */
  printed = '';
  readonly #child: ChildProcess;
  readonly #ending: NodeJS.Signals;
  readonly #closed: Promise<unknown>;
  #isClosed = false;

  private constructor(child: ChildProcess, ending: NodeJS.Signals) {
    this.#child = child;
    this.#ending = ending;
    this.#closed = once(child, 'close').then(() => (this.#isClosed = true));
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (part: string) => void (this.printed += part));
    }
    // It never outlives its test.
    const end = (): void => this.signal(ending);
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
  }

  /** Starts `examples/…`, and waits until it tells its port. */
  static async start(path: string, { parameters = [], ending = 'SIGKILL' }: ExampleOptions = {}): Promise<Example> {
    requireExamples();
    const child = spawn(process.execPath, [examplePath(path), ...parameters], {
      env: { ...process.env, PORT: '0', NEXT_TELEMETRY_DISABLED: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const example = new Example(child, ending);
    const [, port] = await example.prints(/^port (\d+)$/m);
    example.port = Number(port);
    return example;
  }

  /** Waits until what it has printed matches. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.printed);
      if (found !== null) return found;
      if (this.#isClosed) throw new Error(`the example has ended without ${pattern}:\n${this.printed}`);
      await Promise.race([once(this.#child.stdout!, 'data'), this.#closed]);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, and waits until it has. */
  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.signal('SIGTERM');
    assert.equal(await ended, [0, null]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal(this.#ending);
    await this.#closed;
  }
}

/** What a server is that has the app at `/` and echoes at `/live/`. */
export interface ServerExample {
  /** Of `examples/`. */
  readonly path: string;
  /** What makes the file, if it has to be made. */
  readonly make?: () => Promise<unknown>;
  /** What answers an upgrade to a path that nobody has: a status, or nobody at all. */
  readonly unknownPath: number | 'nobody';
}

/** A suite with the tests that hold for each server; `port` gives where it listens. */
export function serverSuite(name: string, { path, make, unknownPath }: ServerExample): [Suite, () => number] {
  const test = suite(`examples/${name}`, { timeout: 120_000 });
  let example: Example | null = null;
  const port = (): number => example!.port;

  test.before(async () => {
    requireExamples();
    await make?.();
    example = await Example.start(path);
  });
  test.after(() => example?.[Symbol.asyncDispose]());

  test('its page is there, before and while a WebSocket is open', async () => {
    const readPage = async (): Promise<void> => {
      const text = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port()}\r\nAccept: text/html\r\nConnection: close\r\n\r\n`;
      const { status, body } = await httpRequest(port(), text);
      assert.is(status, 200);
      assert.match(body.toString(), 'the app');
    };
    await readPage();
    await using client = await open(port());
    await readPage();
    await exchange(client, 1, 'still here');
  });

  test('text and binary, small and large', async () => {
    await using client = await open(port());
    for (const length of [0, 1, 125, 65_536]) {
      for (const opcode of [1, 2]) await exchange(client, opcode, 'é'.repeat(length));
    }
  });

  test('a close with a code is answered with it, and TCP ends', async () => {
    await using client = await open(port());
    client.sendFrame(8, Buffer.from([0x0f, 0xa1]));
    const { opcode, payload } = await client.readFrame();
    assert.equal([opcode, payload], [8, Buffer.from([0x0f, 0xa1])]);
    assert.is((await client.readToEnd()).length, 0);
  });

  test('an origin of another host is refused', async () => {
    const text = upgradeRequest('/live/', { Origin: 'https://other.example' });
    assert.is((await httpRequest(port(), text)).status, 403);
  });

  test(`an upgrade to another path is answered by ${unknownPath}`, async () => {
    await using client = await RawClient.connect(port());
    client.write(upgradeRequest('/nowhere/'));
    if (unknownPath === 'nobody') {
      await using other = await open(port());
      await exchange(other, 1, 'whoever would answer has had a turn');
      assert.is(client.received.length, 0);
    } else {
      assert.is((await client.readResponse()).status, unknownPath);
    }
  });

  return [test, port];
}

async function open(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.upgrade('/live/');
  return client;
}

/** Sends a message, and expects it back. */
async function exchange(client: RawClient, opcode: number, text: string): Promise<void> {
  client.sendFrame(opcode, text);
  const frame = await client.readFrame();
  assert.is(frame.opcode, opcode);
  assert.is(frame.payload.toString(), text);
}
