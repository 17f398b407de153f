// What the client tests share: a server whose every byte the test decides, its side of a handshake, and what failed.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type ListenOptions, type Server } from 'node:net';
import * as assert from 'uvu/assert';
import { connect, type ConnectOptions } from '../../src/client/connect.js';
import type { Connection } from '../../src/connection/connection.js';
import { HandshakeError, type Close } from '../../src/errors.js';
import { acceptWebSocket, type WebSocketRoute } from '../../src/server/websocket.js';
import { RawClient } from '../support/raw-client.js';

/** A listening server that answers nothing by itself. Disposing of it cuts its connections. */
export class RawServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #peers: RawClient[] = [];
  #taken = 0;

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#peers.push(new RawClient(socket));
    });
  }

  /** Listens on a free port of the loopback interface, unless told otherwise. */
  static async listen(options: ListenOptions = { port: 0, host: '127.0.0.1' }): Promise<RawServer> {
    const server = new RawServer();
    server.#server.listen(options);
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** How many connections were accepted so far. */
  get count(): number {
    return this.#peers.length;
  }

  /** The next connection. */
  async accept(): Promise<RawClient> {
    if (this.#taken === this.#peers.length) await once(this.#server, 'connection');
    return this.#peers[this.#taken++]!;
  }

  /** The next connection, upgraded. */
  async upgrade(...fields: string[]): Promise<RawClient> {
    const peer = await this.accept();
    await acceptUpgrade(peer, ...fields);
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const peer of this.#peers) await peer[Symbol.asyncDispose]();
    if (this.#server.listening) await once(this.#server, 'close');
  }
}

/** A request as it came: the head, its first line, and its fields in order, names as sent. */
export interface RawRequest {
  readonly head: string;
  readonly line: string;
  readonly fields: ReadonlyMap<string, string>;
}

export async function readRequest(peer: RawClient): Promise<RawRequest> {
  const head = (await peer.readUntil('\r\n\r\n')).toString('latin1');
  const [line = '', ...lines] = head.slice(0, -4).split('\r\n');
  const fields = lines.map((field): [string, string] => {
    const colon = field.indexOf(': ');
    return [field.slice(0, colon), field.slice(colon + 2)];
  });
  assert.is(new Map(fields).size, fields.length, 'no field is sent twice');
  return { head, line, fields: new Map(fields) };
}

/** The answer of RFC 6455 §1.3 to a request, with further lines. */
export function switching({ fields }: RawRequest, ...lines: string[]): string {
  const key = fields.get('Sec-WebSocket-Key')!;
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  return ['HTTP/1.1 101 Switching Protocols', ...upgrade, ...lines, '\r\n'].join('\r\n');
}

export async function acceptUpgrade(peer: RawClient, ...lines: string[]): Promise<RawRequest> {
  const request = await readRequest(peer);
  peer.write(switching(request, ...lines));
  return request;
}

/** A client's connection and the other end of it. */
export class Pair implements AsyncDisposable {
  readonly server: RawServer;
  readonly connection: Connection;
  readonly peer: RawClient;

  constructor(server: RawServer, connection: Connection, peer: RawClient) {
    this.server = server;
    this.connection = connection;
    this.peer = peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.terminate();
    await this.connection.closed;
    await this.server[Symbol.asyncDispose]();
  }
}

export async function openPair(options: ConnectOptions = {}): Promise<Pair> {
  const server = await RawServer.listen();
  const [connection, peer] = await Promise.all([connect(server.url, options), server.upgrade()]);
  return new Pair(server, connection, peer);
}

/** What a promise rejects with; fails if it fulfils. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome.status === 'rejected') return outcome.reason as Error;
  throw new Error(`it was fulfilled with ${String(outcome.value)}`);
}

/** Asserts that an attempt is refused with that code and status, in a message that is fit for people. */
export async function assertRefused(attempt: Promise<unknown>, code: string, status: number): Promise<HandshakeError> {
  const error = await failure(attempt);
  if (!(error instanceof HandshakeError)) throw error;
  assert.equal({ code: error.code, status: error.status }, { code, status });
  assert.match(error.message, /^[\x20-\x7e]{10,200}[^.]$/);
  return error;
}

/** Waits until the client has ended or reset its side, which has sent nothing more. */
export async function assertEnded(peer: RawClient): Promise<void> {
  assert.is((await peer.readToEnd()).toString('latin1'), '');
}

/** Asserts how a connection ended, but for the error, which it returns. */
export async function assertClosed(connection: Connection, code: number, wasClean: boolean): Promise<Close['error']> {
  const { error, ...close } = await connection.closed;
  assert.equal({ code: close.code, wasClean: close.wasClean }, { code, wasClean });
  return error;
}

/** Sends each message back. */
export const echo: WebSocketRoute = acceptWebSocket(async ({ webSocket }) => {
  if (webSocket === null) return 'echo';
  for await (const message of webSocket) await webSocket.send(message);
  return undefined;
});

/** All messages until the end. */
export async function collect(connection: Connection): Promise<(string | Buffer)[]> {
  const messages: (string | Buffer)[] = [];
  for await (const message of connection) messages.push(message);
  return messages;
}
