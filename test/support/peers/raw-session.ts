// A peer of HTTP/2 whose every WebSocket frame the test decides: a session of node:http2, and extended CONNECTs on it.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import {
  connect, type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionOptions, type IncomingHttpHeaders,
  type IncomingHttpStatusHeader, type SecureClientSessionOptions,
} from 'node:http2';
import { RawClient } from './raw-client.js';

/** Header fields that replace those of `RawSession.ask` or are added; `null` leaves one out. */
export type StreamFieldChanges = Readonly<Record<string, string | string[] | null>>;

/** An extended CONNECT and what came of it. */
export interface Asked {
  readonly stream: ClientHttp2Stream;
  /** Reads and writes the stream's data. */
  readonly peer: RawClient;
  readonly status: number;
  readonly headers: IncomingHttpHeaders & IncomingHttpStatusHeader;
}

export class RawSession implements AsyncDisposable {
  readonly session: ClientHttp2Session;
  readonly #closed: Promise<unknown>;

  private constructor(session: ClientHttp2Session) {
    this.session = session;
    session.on('error', () => {});
    this.#closed = new Promise((resolve) => session.once('close', resolve));
  }

  /** Connects, and waits for the server's settings. */
  static async connect(
    port: number,
    options: ClientSessionOptions | SecureClientSessionOptions = {},
  ): Promise<RawSession> {
    const raw = new RawSession(connect(`http${'ca' in options ? 's' : ''}://127.0.0.1:${port}`, options));
    await once(raw.session, 'remoteSettings');
    return raw;
  }

  /** Asks for a WebSocket (RFC 8441 §5.1), without waiting for the answer. */
  request(path: string, changes: StreamFieldChanges = {}): { stream: ClientHttp2Stream; peer: RawClient } {
    const fields: StreamFieldChanges = {
      ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': path, ':authority': '127.0.0.1',
      'sec-websocket-version': '13', ...changes,
    };
    const present = Object.entries(fields).filter((field): field is [string, string | string[]] => field[1] !== null);
    const stream = this.session.request(Object.fromEntries(present), { endStream: false });
    return { stream, peer: new RawClient(stream as unknown as Socket) };
  }

  /** Asks for a WebSocket, and waits for the answer. */
  async ask(path: string, changes?: StreamFieldChanges): Promise<Asked> {
    const { stream, peer } = this.request(path, changes);
    const [headers] = (await once(stream, 'response')) as [Asked['headers']];
    return { stream, peer, status: headers[':status']!, headers };
  }

  /** Opens a WebSocket. */
  async open(path: string, changes?: StreamFieldChanges): Promise<Asked> {
    const asked = await this.ask(path, changes);
    if (asked.status !== 200) throw new Error(`status ${asked.status}: ${String(await asked.peer.readToEnd())}`);
    return asked;
  }

  /** Resolves once the server has seen all frames that were sent before. */
  async ping(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.session.ping((error) => (error ? reject(error) : resolve()));
    });
  }

  /** Cuts the connection, and waits until nothing is left of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    await this.#closed;
  }
}
