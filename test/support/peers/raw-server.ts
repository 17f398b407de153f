// A server that speaks bytes: it accepts sockets, reads requests as they came, and answers what the test has written.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer as createNetServer, type AddressInfo, type ListenOptions, type Server, type Socket,
} from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { RawClient, type FieldChanges } from './raw-client.js';

/** A request as it came. Names of header fields are in lower case, repeated fields are joined by `, `. */
export interface RawRequest {
  readonly requestLine: string;
  readonly headers: ReadonlyMap<string, string>;
  /** The head as it came, up to and with the empty line. */
  readonly head: string;
}

/** The text of the answer that RFC 6455 §4.2.2 item 5 asks for. */
export function switchingProtocols(key: string, changes: FieldChanges = {}): string {
  const fields = new Map<string, string | null>([
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', acceptOf(key)],
  ]);
  for (const [name, value] of Object.entries(changes)) fields.set(name, value);
  const lines = [...fields].filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`;
}

/** RFC 6455 §1.3, by hand. */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Reads one request without a body. */
export async function readRequest(peer: RawClient): Promise<RawRequest> {
  const head = (await peer.readUntil('\r\n\r\n')).toString('latin1');
  const [requestLine = '', ...lines] = head.slice(0, -4).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): (.*)$/.exec(line);
    if (!match) throw new Error(`this is no header field: ${JSON.stringify(line)}`);
    const [, name = '', value = ''] = match;
    const previous = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), previous === undefined ? value : `${previous}, ${value}`);
  }
  return { requestLine, headers, head };
}

/** Listens on a free port of the loopback interface, or elsewhere: `await using server = await RawServer.listen()`. */
export class RawServer implements AsyncDisposable {
  /** How many connections came so far; over TLS, those whose handshake succeeded. */
  count = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those that `accept` has not taken yet. */
  readonly #waiting: RawClient[] = [];
  #wake: () => void = () => {};

  /** @param options.tls serves TLS with these options */
  static async listen({ tls, ...where }: ListenOptions & { readonly tls?: TlsOptions } = {}): Promise<RawServer> {
    const server = new RawServer(tls);
    server.#server.listen('path' in where ? where : { port: 0, host: '127.0.0.1', ...where });
    await once(server.#server, 'listening');
    return server;
  }

  private constructor(tls: TlsOptions | undefined) {
    const options = { allowHalfOpen: true, noDelay: true };
    const serve = (socket: Socket): void => {
      this.count++;
      this.#waiting.push(new RawClient(socket));
      this.#wake();
    };
    this.#server =
      tls === undefined
        ? createNetServer(options, serve)
        : createTlsServer({ ...options, ...tls }, (socket: TLSSocket) => serve(socket));
    // Below TLS, sockets are to be cut too whose handshake fails.
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** Our end of the next connection. */
  async accept(): Promise<RawClient> {
    while (this.#waiting.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#waiting.shift()!;
  }

  /** Accepts the next connection and performs the opening handshake on it. */
  async acceptUpgrade(changes?: FieldChanges): Promise<{ readonly peer: RawClient; readonly request: RawRequest }> {
    const peer = await this.accept();
    const request = await readRequest(peer);
    peer.write(switchingProtocols(request.headers.get('sec-websocket-key') ?? '', changes));
    return { peer, request };
  }

  /** Cuts all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
