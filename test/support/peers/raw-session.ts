// Peers of HTTP/2 whose every WebSocket frame the test decides: sessions of node:http2, and extended CONNECTs on them.
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import {
  connect, createSecureServer, createServer, type ClientHttp2Session, type ClientHttp2Stream,
  type ClientSessionOptions, type Http2SecureServer, type Http2Server, type IncomingHttpHeaders,
  type IncomingHttpStatusHeader, type SecureClientSessionOptions, type SecureServerOptions, type ServerHttp2Session,
  type ServerHttp2Stream,
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

/** A request as it came to a `StreamServer`. */
export interface Received {
  readonly stream: ServerHttp2Stream;
  /** Reads and writes the stream's data. */
  readonly peer: RawClient;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
}

/** A server of node:http2 that listens on a port of the loopback interface; disposing of it cuts its sessions. */
export class SessionServer implements AsyncDisposable {
  readonly sessions = new Set<ServerHttp2Session>();
  readonly server: Http2Server;

  constructor(server: Http2Server | Http2SecureServer) {
    // The types have nothing in common, the servers all that is called here.
    this.server = server as Http2Server;
    this.server.on('session', (session) => void this.sessions.add(session));
  }

  /** @param where a port, or the path of a Unix socket */
  async listen(where: number | string = 0): Promise<this> {
    await new Promise<void>((resolve) => {
      if (typeof where === 'string') this.server.listen(where, resolve);
      else this.server.listen(where, '127.0.0.1', resolve);
    });
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await new Promise<unknown>((resolve) => this.server.close(resolve));
  }
}

/** A server that announces extended CONNECT, and leaves it to the test to answer. */
export class StreamServer extends SessionServer {
  readonly #waiting: Received[] = [];
  #wake: () => void = () => {};

  private constructor(server: Http2Server | Http2SecureServer) {
    super(server);
    const receive = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]): void => {
      const peer = new RawClient(stream as unknown as Socket);
      this.#waiting.push({ stream, peer, headers, rawHeaders: raw });
      this.#wake();
    };
    this.server.on('stream', receive as () => void);
  }

  /** @param options with `key`, it speaks TLS. */
  static async listen(options: SecureServerOptions = {}, where: number | string = 0): Promise<StreamServer> {
    const all = { settings: { enableConnectProtocol: true }, ...options };
    return await new StreamServer('key' in options ? createSecureServer(all) : createServer(all)).listen(where);
  }

  /** The next request. */
  async accept(): Promise<Received> {
    while (this.#waiting.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#waiting.shift()!;
  }
}
