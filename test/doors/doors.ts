// The doors through which a server gets its WebSockets, each with a client whose every byte the test decides.
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTcp, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { connect as connectTls, type TlsOptions } from 'node:tls';
import type { Duplex } from 'node:stream';
import { createServer, type Server, type ServerOptions } from '../../src/index.js';
import { openStream } from '../../src/server/server.js';
import { certificate, privateKey } from '../support/certificate.js';
import { RawClient, SAMPLE_ACCEPT, upgradeRequest, type FieldChanges } from '../support/peers/raw-client.js';

/** What came of an opening handshake. */
export interface Answer {
  /** Whether a WebSocket was opened, with all that its HTTP version asks of the answer. */
  readonly isOpen: boolean;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Of a refusal. */
  readonly body: string;
}

/** A client that has connected, and has asked for nothing yet. */
export interface DoorClient extends AsyncDisposable {
  /** Reads and writes what belongs to the WebSocket. */
  readonly raw: RawClient;
  /**
   * Asks for a WebSocket, without waiting for the answer.
   * @param early goes out together with the request.
   */
  request(path: string, changes?: FieldChanges, early?: Buffer): void;
  /** Reads the answer. */
  answer(): Promise<Answer>;
  /** Breaks the connection. */
  reset(): void;
}

/** A server that can be reached. */
export interface OpenDoor extends AsyncDisposable {
  readonly server: Server;
  connect(): Promise<DoorClient>;
  /** The body of the plain page at `/plain`. */
  getPlain(): Promise<string>;
}

export interface Door {
  readonly name: string;
  readonly remoteAddress: '127.0.0.1' | '';
  /** Of the request that asks for a WebSocket. */
  readonly method: 'GET' | 'CONNECT';
  /** Makes a server with these options, and the page `plain` at `/plain` from whoever serves plain HTTP there. */
  open(options: ServerOptions): Promise<OpenDoor>;
  /** Names of exchanges that can't be had here, each with the reason. */
  readonly exceptions?: Readonly<Record<string, string>>;
}

/** A client of HTTP/1.1 on a stream that leads to the server. */
export function http1Client(stream: Duplex, reset: () => void): DoorClient {
  const raw = new RawClient(stream as Socket);
  return {
    raw,
    request: (path, changes, early = Buffer.alloc(0)) => {
      raw.write(Buffer.concat([Buffer.from(upgradeRequest(path, changes), 'latin1'), early]));
    },
    async answer() {
      const { status, headers, body } = await raw.readResponse();
      const isOpen = status === 101 && headers.get('sec-websocket-accept') === SAMPLE_ACCEPT;
      return { isOpen, status, headers, body: body.toString() };
    },
    reset,
    [Symbol.asyncDispose]: () => raw[Symbol.asyncDispose](),
  };
}

/** A client over TCP, with TLS if wished. */
async function tcpClient(port: number, isSecure: boolean): Promise<DoorClient> {
  const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(tcp, 'connect');
  const reset = (): void => void tcp.resetAndDestroy();
  if (!isSecure) return http1Client(tcp, reset);
  const secured = connectTls({ socket: tcp, ca: certificate, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
  await once(secured, 'secureConnect');
  // Node takes no `allowHalfOpen` for TLS over a socket that is there.
  secured.allowHalfOpen = true;
  return http1Client(secured, reset);
}

async function getPlain(client: DoorClient): Promise<string> {
  client.raw.write('GET /plain HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
  const { body } = await client.answer();
  await client[Symbol.asyncDispose]();
  return body;
}

export function portOf(server: NetServer | Server): number {
  return (server.address() as AddressInfo).port;
}

/** A server of ours that was opened, and what is to be done at the end. */
function openDoor(server: Server, connect: () => Promise<DoorClient>, close: () => Promise<void>): OpenDoor {
  return {
    server,
    connect,
    getPlain: async () => await getPlain(await connect()),
    async [Symbol.asyncDispose]() {
      await server.close({ timeout: 0 });
      await close();
    },
  };
}

function ownPort(name: string, tls?: TlsOptions): Door {
  return {
    name,
    remoteAddress: '127.0.0.1',
    method: 'GET',
    async open(options) {
      const server = createServer(tls === undefined ? options : { ...options, tls });
      server.route('/plain', () => 'plain');
      await server.listen(0, '127.0.0.1');
      return openDoor(server, () => tcpClient(portOf(server), tls !== undefined), async () => {});
    },
  };
}

/**
 * Attaches to a server of node:http or node:https.
 * @param start returns a server that listens on 127.0.0.1.
 */
export function attachedDoor(name: string, start: () => Promise<HttpServer>, isSecure = false): Door {
  return {
    name,
    remoteAddress: '127.0.0.1',
    method: 'GET',
    async open(options) {
      const httpServer = await start();
      const server = createServer(options);
      server.attach(httpServer);
      return openDoor(server, () => tcpClient(portOf(httpServer), isSecure), async () => {
        httpServer.closeAllConnections();
        await new Promise<unknown>((resolve) => httpServer.close(resolve));
      });
    },
  };
}

const app: RequestListener = (_request, response) => void response.end('plain');

async function listening(httpServer: HttpServer): Promise<HttpServer> {
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  return httpServer;
}

const inMemory: Door = {
  name: 'in memory',
  remoteAddress: '',
  method: 'GET',
  async open(options) {
    const server = createServer(options);
    // As `inject`, but that the test is the client.
    const connect = async (): Promise<DoorClient> => {
      const stream = openStream(server);
      return http1Client(stream, () => stream.destroy());
    };
    server.route('/plain', () => 'plain');
    return openDoor(server, connect, async () => {});
  },
};

const tls = { key: privateKey, cert: certificate };

/** Those that need nothing but Node.js. */
export const doors: readonly Door[] = [
  ownPort('own port'),
  ownPort('own port with TLS', tls),
  attachedDoor('node:http', () => listening(createHttpServer(app))),
  attachedDoor('node:https', () => listening(createHttpsServer(tls, app)), true),
  inMemory,
];
