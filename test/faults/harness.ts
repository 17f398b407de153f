// What the fault tests share: a client and a server of ours with the proxy between, and what came of it on each side.
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import {
  connect, ConnectionClosed, createServer, HandshakeError, requireWebSocket, type Close, type Connection, type Message,
  type Server, type ServerOptions, type WebSocketError,
} from '../../src/index.js';
import { countTimers, until } from '../server/harness.js';
import { certificate } from '../support/certificate.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import { FaultProxy, type Fault, type Link } from './proxy.js';

/** How a connection ends without a Close frame. */
export const ABNORMAL: Close = { code: 1006, reason: '', wasClean: false };

/** Who begins the closing handshake once the message is there. */
export type Closer = 'client' | 'server' | 'both';

/** What one side has seen. */
export interface Side {
  readonly messages: readonly Message[];
  readonly close: Close;
}

/** What came of one conversation; `null` for a side that never had a connection. */
export interface Outcome {
  readonly client: Side | null;
  readonly server: Side | null;
  readonly link: Link;
}

/** A server behind a proxy, and all that a client needs to talk to it. */
export class World implements AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly #server: Server;
  readonly #isSecure: boolean;
  readonly #timers = countTimers();
  #served: Side | null = null;
  readonly #errors: readonly unknown[];

  static async open(options: ServerOptions = {}): Promise<World> {
    const errors: unknown[] = [];
    const server = createServer({ onError: (error) => void errors.push(error), ...options });
    await server.listen(0, '127.0.0.1');
    const proxy = await FaultProxy.listen((server.address() as AddressInfo).port);
    return new World(server, proxy, options.tls !== undefined, errors);
  }

  private constructor(server: Server, proxy: FaultProxy, isSecure: boolean, errors: readonly unknown[]) {
    this.#server = server;
    this.proxy = proxy;
    this.#isSecure = isSecure;
    this.#errors = errors;
    for (const closer of ['client', 'server', 'both'] as const) {
      server.route(`/${closer}`, requireWebSocket(async ({ webSocket }) => {
        this.#served = await echo(webSocket, closer !== 'client');
      }));
    }
  }

  /** What the handler has seen that ran since the last call; `null` if there was none. */
  takeServed(): Side | null {
    const served = this.#served;
    this.#served = null;
    return served;
  }

  #connect(path: string): Promise<Connection> {
    const scheme = this.#isSecure ? 'wss' : 'ws';
    return connect(`${scheme}://127.0.0.1:${this.proxy.port}${path}`, { tls: { ca: certificate } });
  }

  /** Runs one conversation under a fault, to its end; `meanwhile` is when the fault has happened. */
  async converse(
    closer: Closer,
    faults: readonly Fault[],
    meanwhile: (link: Link, client: Promise<Side | null>) => Promise<void> = async () => {},
  ): Promise<Outcome> {
    const linking = this.proxy.expect(...faults);
    const talking = talk(this.#connect(`/${closer}`), closer !== 'server');
    const link = await linking;
    await Promise.all(faults.map(({ direction }) => link[direction].struck));
    await meanwhile(link, talking);
    const client = await talking;
    await this.assertNothingLeft(link);
    return { client, server: this.takeServed(), link };
  }

  /** Fails unless both sides let go of all sockets and timers, and nobody was told of an error. */
  async assertNothingLeft(link: Link): Promise<void> {
    await link.gone;
    await until('the server has no connection', () => this.#server.connections.size === 0);
    await until('no socket is left', () => countSockets() === 0);
    await until('no timer is left', () => countTimers() === this.#timers);
    assert.equal(this.#errors, []);
  }

  /** Fails unless the next connection is served as if nothing had happened. */
  async assertWorking(): Promise<void> {
    assertClean('client', await this.converse('client', []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.#server.close({ timeout: 0 });
  }
}

/** The client's side: a ping and a message, then all that comes, and the promise that everyone who waits is told. */
export async function talk(connecting: Promise<Connection>, closes: boolean): Promise<Side | null> {
  let connection: Connection;
  try {
    connection = await connecting;
  } catch (error) {
    assertDocumented(error);
    return null;
  }
  const waiting = [connection.ping(), connection.send('hello')];
  const messages: Message[] = [];
  for await (const message of connection) {
    messages.push(message);
    if (closes) void connection.close(1000, 'bye');
  }
  return await conclude(connection, messages, waiting);
}

/** The server's side: it sends back what comes. */
async function echo(connection: Connection, closes: boolean): Promise<Side> {
  const messages: Message[] = [];
  const waiting: Promise<unknown>[] = [];
  for await (const message of connection) {
    messages.push(message);
    waiting.push(connection.send(message));
    if (closes) void connection.close(1001, 'bye');
  }
  return await conclude(connection, messages, waiting);
}

async function conclude(
  connection: Connection,
  messages: readonly Message[],
  waiting: readonly Promise<unknown>[],
): Promise<Side> {
  assert.is(connection.isClosed(), true);
  assert.is(await connection.wait(), null);
  const { error, ...end } = await connection.closed;
  // That the peer has not answered is what a fault after close() is about; in what follows it tells nothing new.
  const isTold = error === undefined || (error as WebSocketError).code === 'CLOSE_NOT_ANSWERED';
  const close = isTold ? end : { ...end, error };
  assert.is(connection.countMessages(), 0);
  for (const result of await Promise.allSettled([...waiting, connection.send('late'), connection.ping()])) {
    if (result.status === 'rejected') assert.instance(result.reason, ConnectionClosed);
  }
  return { messages, close };
}

/** Fails unless the error is one that `connect` is documented to reject with when the network fails. */
function assertDocumented(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof HandshakeError) assert.is(code, 'CONNECTION_LOST');
  else assert.ok(['ECONNRESET', 'EPIPE'].includes(code ?? ''), `connect() rejected with ${String(error)}`);
}

/** Asserts that nothing at all went wrong. */
export function assertClean(closer: Closer, { client, server }: Outcome): void {
  const code = closer === 'client' ? 1000 : 1001;
  const told = { messages: ['hello'], close: { code, reason: 'bye', wasClean: true } };
  // §5.5.1: the answer echoes the code, and not the reason.
  const answered = { messages: ['hello'], close: { code, reason: '', wasClean: true } };
  assert.equal(client, closer === 'client' ? answered : told);
  assert.equal(server, closer === 'client' ? told : answered);
}

/** What a side must have seen of the bytes that were passed on to it: `null` if there was no whole head. */
export function expectedOf(bytes: Buffer): Side | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const messages: string[] = [];
  let text = '';
  let close = ABNORMAL;
  for (const { opcode, fin, payload } of decodeNaive(bytes.subarray(end + 4)).frames) {
    if (opcode === 8) close = { code: payload.readUInt16BE(), reason: payload.toString('utf8', 2), wasClean: true };
    if (opcode > 1) continue;
    text += payload.toString();
    if (fin) messages.push(text);
    if (fin) text = '';
  }
  return { messages, close };
}

/**
 * Asserts that a side has seen no more than it was sent, and has an end that fits: a reset may have overtaken bytes
 * that were not read yet.
 */
export function assertAtMost(side: Side | null, bytes: Buffer): void {
  const most = expectedOf(bytes);
  if (side === null) return;
  if (most === null) throw new Error('a connection without a whole head');
  assert.equal(side.messages, most.messages.slice(0, side.messages.length));
  assertEnding(side, most.close);
}

/** Asserts an end of 1006, perhaps with an error that says so, or the one that the peer's Close frame gave. */
export function assertEnding({ close }: Side, clean: Close): void {
  const { error, ...rest } = close;
  assert.equal(rest, rest.wasClean ? clean : ABNORMAL);
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  const isExpected = error === undefined || ['ECONNRESET', 'EPIPE'].includes(code);
  assert.ok(isExpected, `closed with ${String(error)}`);
}

/** How many TCP connections this process has, on either side. */
function countSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}
