// What the server tests share: a server on a free port, its side of a socket, heads without date, waiting by turns.
import type { ServerOptions } from '../../src/server/options.js';
import { createServer, type Server } from '../../src/server/server.js';
import type { Reply } from '../../src/server/reply.js';
import type { Handler, WebSocketRoute } from '../../src/server/websocket.js';
import { Server as NetServer, Socket, type AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { FakeStream } from '../support/peers/fake-stream.js';
import { httpRequest, type RawClient, type RawResponse } from '../support/peers/raw-client.js';

/** How long `until` waits, in milliseconds: longer than any machine needs. */
const PATIENCE = 60_000;

/** A listening server; disposing of it cuts what is left, and fails if `onError` was told what no test looked at. */
export class Served implements AsyncDisposable {
  readonly server: Server;
  #errors: unknown[];

  constructor(server: Server, errors: unknown[]) {
    this.server = server;
    this.#errors = errors;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** What `onError` was told since the last call, as text. */
  takeErrors(): string[] {
    return this.#errors.splice(0).map(String);
  }

  /** Fails unless a new connection is served as if nothing had happened; needs the route `/` of `serve`. */
  async assertWorking(): Promise<void> {
    const response = await httpRequest(this.port, get('/'));
    assert.equal([response.status, response.body.toString()], [200, 'hello']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close({ timeout: 0 });
    assert.equal(this.takeErrors(), [], 'errors that no test has looked at');
  }
}

/** Serves these routes, and `hello` at `/`, on a free port of the loopback interface. */
export async function serve(
  routes: Readonly<Record<string, Handler | WebSocketRoute>> = {},
  options: ServerOptions = {},
): Promise<Served> {
  const errors: unknown[] = [];
  const server = createServer({ onError: (error) => void errors.push(error), onRefuse: () => {}, ...options });
  if (!('/' in routes)) server.route('/', () => 'hello');
  for (const [path, handler] of Object.entries(routes)) server.route(path, handler);
  await server.listen(0, '127.0.0.1');
  return new Served(server, errors);
}

/** A request without a body. */
export function get(path: string, ...fields: string[]): string {
  return request('GET', path, ...fields);
}

/** A request whose body, if any, is for the test to add. */
export function request(method: string, path: string, ...fields: string[]): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...fields, '\r\n'].join('\r\n');
}

/** What a test lets a handler return against its type. */
export function wrongly(reply: unknown): Reply {
  return reply as Reply;
}

/** The lines of a head without `Date`, whose form and place are asserted (RFC 9110 §5.6.7, §6.6.1). */
export function linesOf({ head }: RawResponse): string[] {
  const [statusLine, date, ...fields] = head.slice(0, -4).split('\r\n');
  const day = '(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3]\\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) 20\\d\\d';
  assert.match(date ?? '', new RegExp(`^Date: ${day} [0-2]\\d:[0-5]\\d:[0-6]\\d GMT$`));
  return [statusLine!, ...fields];
}

/** Asserts all of a response but the time in `Date`. */
export function assertResponse(response: RawResponse, lines: readonly string[], body: string): void {
  assert.equal(linesOf(response), lines);
  assert.is(response.body.toString(), body);
}

/** Asserts a refusal: its status line, its fields, and a body of one line of text that says what was wrong. */
export function assertRefusal(response: RawResponse, status: string, ...fields: string[]): void {
  const text = response.body.toString();
  const length = `Content-Length: ${text.length}`;
  assert.equal(linesOf(response), [`HTTP/1.1 ${status}`, ...fields.map((line) => (line === 'length' ? length : line))]);
  assert.match(text, /^[\x20-\x7e]{10,200}\n$/);
}

/** The chunk with which each event stream begins: a comment. */
export const FIRST_COMMENT = '3\r\n:\n\n\r\n';

/** The fields of a refusal without fields of its own. */
export const PLAIN_REFUSAL = ['Content-Type: text/plain; charset=utf-8', 'length'] as const;

/** A socket in memory, for what a real one does at no time that a test could choose. */
export class FakeSocket extends FakeStream {
  readonly remoteAddress = '192.0.2.1';

  static create(): { fake: FakeSocket; socket: Socket } {
    const fake = new FakeSocket();
    return { fake, socket: fake as unknown as Socket };
  }
}

/** How many timers keep the process alive. */
export function countTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

/** A promise that the test settles. */
export interface Gate<T = void> {
  readonly promise: Promise<T>;
  open(value: T): void;
  fail(error: unknown): void;
}

export function gate<T = void>(): Gate<T> {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** Waits, turn by turn of the event loop, until the condition holds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!condition()) {
    if (Date.now() >= deadline) throw new Error(`after ${PATIENCE} ms still not: ${what}`);
    await nextTurn();
  }
}

/** The accepted sockets by the port of their peer. */
const accepted = new Map<number, Socket>();
const { emit } = NetServer.prototype;
// Bun has no diagnostics channel that tells of them.
NetServer.prototype.emit = function (this: NetServer, event: string, ...values: unknown[]): boolean {
  const [socket] = values;
  if (event === 'connection' && socket instanceof Socket && socket.remotePort !== undefined) {
    const port = socket.remotePort;
    accepted.set(port, socket);
    // Another client may get the port.
    socket.on('close', () => accepted.delete(port));
  }
  return Reflect.apply(emit, this, [event, ...values]) as boolean;
};

/** The server's socket of that client. */
export async function serverSide(client: RawClient): Promise<Socket> {
  const port = client.socket.localPort!;
  await until('the server has accepted the client', () => accepted.has(port));
  return accepted.get(port)!;
}

export { nextTurn };
