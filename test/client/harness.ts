// What the client tests share: a server whose every byte the test decides, its side of a handshake, and what failed.
import * as assert from 'uvu/assert';
import { connect, type ConnectOptions } from '../../src/client/connect.js';
import type { Connection } from '../../src/connection/connection.js';
import { HandshakeError, type Close } from '../../src/errors.js';
import { acceptWebSocket, type WebSocketRoute } from '../../src/server/websocket.js';
import type { RawClient } from '../support/peers/raw-client.js';
import { acceptOf, RawServer } from '../support/peers/raw-server.js';

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
  const accept = acceptOf(fields.get('Sec-WebSocket-Key')!);
  const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  return ['HTTP/1.1 101 Switching Protocols', ...upgrade, ...lines, '\r\n'].join('\r\n');
}

export async function acceptUpgrade(peer: RawClient, ...lines: string[]): Promise<RawRequest> {
  const request = await readRequest(peer);
  peer.write(switching(request, ...lines));
  return request;
}

/** The next connection, upgraded. */
export async function upgrade(server: RawServer, ...lines: string[]): Promise<RawClient> {
  const peer = await server.accept();
  await acceptUpgrade(peer, ...lines);
  return peer;
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
  const [connection, peer] = await Promise.all([connect(server.url, options), upgrade(server)]);
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
