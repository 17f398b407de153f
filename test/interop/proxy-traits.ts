// What a reverse proxy does to requests and connections, measured, and compared with its row in docs/how-to/proxies.md.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { connect as connectWebSocket, createServer, requireWebSocket } from '../../src/index.js';
import type { Suite } from '../runner/suite.js';
import { upgradeRequest } from '../support/peers/raw-client.js';
import { requireProgram } from './programs.js';
import { startProxy, type ProxyProgram } from './reverse-proxy.js';

const page = readFileSync(new URL('../../../docs/how-to/proxies.md', import.meta.url), 'utf8');

/** Seconds of silence after which the proxy cuts. */
const READ_TIMEOUT = 1;

/** What a client claims, which nobody may believe. */
const CLAIMS = {
  'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'claimed', 'X-Forwarded-Host': 'claimed.example',
  Forwarded: 'for=203.0.113.9',
};

interface Row {
  /** What becomes of each of the claims. */
  readonly fields: readonly string[];
  /** What becomes of what the server sends after the client's end. */
  readonly afterEnd: string;
  /** Of the frames that a client sends before it has the answer. */
  readonly early: string;
}

/** The row of a proxy in the table of the page. */
function rowOf(name: string): Row {
  const line = page.split('\n').find((text) => text.startsWith(`| ${name} |`));
  const cells = line?.split('|').map((cell) => cell.trim()).slice(2, -1) ?? [];
  const [, forwardedFor, proto, host, forwarded, afterEnd, early] = cells;
  return { fields: [forwardedFor!, proto!, host!, forwarded!], afterEnd: afterEnd!, early: early! };
}

/** An origin server that takes each upgrade, and says what came and what became of it. */
class Origin implements AsyncDisposable {
  readonly #server = http.createServer((request, response) => this.#answer(request, response));
  readonly #sockets = new Set<Socket>();
  /** Of the last request. */
  headers: http.IncomingHttpHeaders = {};
  /** To the last request; its first part was written. */
  response!: http.ServerResponse;

  static async start(): Promise<Origin> {
    const origin = new Origin();
    origin.#server.on('upgrade', (_, socket: Socket, head) => origin.#take(socket, head));
    origin.#server.on('connection', (socket) => origin.#sockets.add(socket));
    await once(origin.#server.listen(0, '127.0.0.1'), 'listening');
    return origin;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.headers = request.headers;
    this.response = response;
    response.writeHead(200, { 'Content-Type': 'text/plain' }).write('first');
  }

  /** Repeats what comes, and says goodbye after the end. */
  #take(socket: Socket, head: Buffer): void {
    socket.on('error', () => {});
    socket.allowHalfOpen = true;
    const answer = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
    socket.write(`${answer}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`);
    socket.write(head);
    socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end('goodbye'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server.close(), 'close');
  }
}

interface ByteClient {
  readonly socket: Socket;
  /** Waits until that holds for all that has come, or until the end; returns it. */
  until(isThere: (text: string) => boolean): Promise<string>;
}

/** A client of bytes, which stays half-open. */
async function open(port: number): Promise<ByteClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  let isOver = false;
  let wake = (): void => {};
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1'), wake()));
  socket.on('error', () => {});
  for (const event of ['end', 'close']) socket.on(event, () => (isOver = true, wake()));
  await once(socket, 'connect');
  return {
    socket,
    async until(isThere) {
      while (!isOver && !isThere(text)) await new Promise<void>((resolve) => (wake = resolve));
      return text;
    },
  };
}

/** What has become of a claim on the way. */
function compare(name: string, value: string | undefined): string {
  const claim = CLAIMS[name as keyof typeof CLAIMS];
  if (value === undefined) return 'removed';
  return value === claim ? 'as it was' : value.startsWith(`${claim},`) ? 'added to' : 'set';
}

async function measure(port: number, origin: Origin): Promise<Row> {
  const request = http.get({ port, host: '127.0.0.1', agent: false, headers: { Host: 'www.example', ...CLAIMS } });
  const [response] = await once(request, 'response') as [http.IncomingMessage];
  await once(response, 'data');
  // A proxy that gathers the parts would wait for ever.
  origin.response.write('second');
  await once(response, 'data');
  origin.response.end();
  await once(response.resume(), 'end');
  const { headers } = origin;
  assert.is(headers.host, 'www.example');
  const fields = Object.keys(CLAIMS).map((name) => compare(name, headers[name.toLowerCase()] as string | undefined));

  const client = await open(port);
  client.socket.write(`${upgradeRequest('/', { Host: 'www.example' })}early`);
  await client.until((text) => text.includes('\r\n\r\n'));
  client.socket.write('later');
  const repeated = await client.until((text) => text.endsWith('later'));
  client.socket.end();
  const last = await client.until((text) => text.endsWith('goodbye'));
  client.socket.destroy();
  return {
    fields,
    early: repeated.includes('early') ? 'kept' : 'lost',
    afterEnd: last.endsWith('goodbye') ? 'passes' : 'lost',
  };
}

/** What our server is told of a client that claims to be another, and whether silence ends a connection. */
async function checkServer(program: ProxyProgram): Promise<void> {
  const server = createServer({ trustProxy: 1, ...(program.proxyHeaders && { proxyHeaders: program.proxyHeaders }) });
  server.route('/', ({ remoteAddress, scheme, host }) => `${remoteAddress} ${scheme} ${host}`);
  server.route('/silent', requireWebSocket(({ webSocket }) => webSocket.closed));
  const { port } = await server.listen(0, '127.0.0.1') as AddressInfo;
  await using proxy = await startProxy(program, port, READ_TIMEOUT);
  const silent = await connectWebSocket(`${proxy.origins.ws}/silent`, { keepAliveInterval: 0 });
  const url = new URL(proxy.origins.ws.replace('ws', 'http'));
  const headers = { Host: 'www.example', ...CLAIMS };
  const request = http.get({ port: url.port, host: '127.0.0.1', agent: false, headers });
  const [response] = await once(request, 'response') as [http.IncomingMessage];
  assert.is(String(await once(response, 'data')), '127.0.0.1 http www.example');
  if (!program.hasNoIdleCut) assert.is((await silent.closed).code, 1006);
  await server.close({ timeout: 0 });
}

/** Adds the comparison with the page to a suite. */
export function addTraits(test: Suite, name: string, program: ProxyProgram): void {
  test(`${name}: what docs/how-to/proxies.md says`, async () => {
    // Before a server is left open.
    requireProgram(program.path, program.package);
    const expected = rowOf(name);
    await Promise.all([
      checkServer(program),
      (async () => {
        await using origin = await Origin.start();
        await using proxy = await startProxy(program, origin.port, 5);
        assert.equal(await measure(Number(new URL(proxy.origins.ws).port), origin), expected);
      })(),
    ]);
  });
}
