// The doors of HTTP/2: servers of node:http2 with ours attached, each client with a session of its own (RFC 8441).
import { once } from 'node:events';
import {
  createSecureServer, createServer as createCleartextServer, type ClientHttp2Stream, type Http2SecureServer,
  type Http2Server, type OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import { createServer } from '../../src/index.js';
import { certificate, privateKey } from '../support/certificate.js';
import { RawClient, type FieldChanges } from '../support/peers/raw-client.js';
import { RawSession, SessionServer, type Asked } from '../support/peers/raw-session.js';
import type { Answer, Door, DoorClient } from './doors.js';

// RFC 9113 §7; RFC 8441 §5: it is the reset of TCP.
const CANCEL = 8;

/** What no answer of HTTP/2 has (RFC 8441 §5, RFC 9113 §8.2.2). */
const FIELDS_OF_HTTP1 = ['connection', 'upgrade', 'sec-websocket-accept'];

/** A session, and the one WebSocket that is asked for on it. */
class SessionClient implements DoorClient {
  readonly #session: RawSession;
  readonly #scheme: 'http' | 'https';
  #asked: Pick<Asked, 'stream' | 'peer'> | null = null;
  #response: Promise<[headers: Asked['headers']]> | null = null;

  constructor(session: RawSession, scheme: 'http' | 'https') {
    this.#session = session;
    this.#scheme = scheme;
  }

  get #stream(): ClientHttp2Stream {
    return this.#asked!.stream;
  }

  get raw(): RawClient {
    return this.#asked!.peer;
  }

  request(path: string, changes: FieldChanges = {}, early?: Buffer): void {
    const fields = Object.entries(changes).map(([name, value]) => [name.toLowerCase(), value] as const);
    const { host = '127.0.0.1', ...others } = Object.fromEntries(fields);
    this.#asked = this.#session.request(path, { ':scheme': this.#scheme, ':authority': host, ...others });
    this.#response = once(this.#stream, 'response') as Promise<[Asked['headers']]>;
    // One that is not answered is cut at the end.
    this.#response.catch(() => {});
    if (early !== undefined) this.raw.write(early);
  }

  async answer(): Promise<Answer> {
    const [fields] = await this.#response!;
    const status = fields[':status']!;
    const headers = new Map(Object.entries(fields).map(([name, value]) => [name, String(value)]));
    const isOpen = status === 200 && !FIELDS_OF_HTTP1.some((name) => headers.has(name));
    return { isOpen, status, headers, body: status === 200 ? '' : String(await this.raw.readToEnd()) };
  }

  reset(): void {
    this.#stream.close(CANCEL);
  }

  async getPlain(): Promise<string> {
    const headers: OutgoingHttpHeaders = { ':path': '/plain' };
    return String(await new RawClient(this.#session.session.request(headers) as unknown as Socket).readToEnd());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#session[Symbol.asyncDispose]();
  }
}

function http2Door(name: string, start: () => Http2Server | Http2SecureServer, isSecure = false): Door {
  return {
    name,
    remoteAddress: '127.0.0.1',
    method: 'CONNECT',
    exceptions: {
      '400: no key': 'RFC 8441 §5: no key is sent, :protocol stands for it',
      '426: another version': 'HTTP/2 has no Upgrade: it is 400, with the same field (server/attach-http2.test.ts)',
    },
    async open(options) {
      const host = new SessionServer(start());
      const server = createServer(options);
      server.attach(host.server);
      await host.listen();
      const connect = async (): Promise<SessionClient> => {
        const session = await RawSession.connect(host.port, isSecure ? { ca: certificate } : {});
        return new SessionClient(session, isSecure ? 'https' : 'http');
      };
      return {
        server,
        connect,
        async getPlain() {
          await using client = await connect();
          return await client.getPlain();
        },
        async [Symbol.asyncDispose]() {
          await server.close({ timeout: 0 });
          await host[Symbol.asyncDispose]();
        },
      };
    },
  };
}

const app = (_request: unknown, response: { end(body: string): unknown }): void => void response.end('plain');

export const http2Doors: readonly Door[] = [
  http2Door('HTTP/2, cleartext', () => createCleartextServer(app)),
  http2Door('HTTP/2, secure', () => createSecureServer({ key: privateKey, cert: certificate }, app), true),
];
