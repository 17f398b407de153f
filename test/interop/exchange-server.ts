// Our server, with a route for each exchange that another's client has with it.
import { readFileSync } from 'node:fs';
import {
  createServer, requireWebSocket, type Close, type Connection, type Server, type ServerOptions,
} from '../../src/index.js';
import { sourcePath } from './packages.js';

export interface ExchangeServer extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  /** `ws://…`, without a path. */
  readonly origin: string;
  /** How the connections to `/echo/` have ended, in the order in which they were opened. */
  readonly closes: readonly Promise<Close>[];
  /** What handlers have thrown. */
  readonly errors: readonly unknown[];
}

/**
 * Serves the exchanges on 127.0.0.1, until disposed of.
 * @param inPieces whether messages are echoed while they come.
 */
export async function startExchangeServer(options: ServerOptions = {}, inPieces = false): Promise<ExchangeServer> {
  const errors: unknown[] = [];
  const closes: Promise<Close>[] = [];
  const server = createServer({ onError: (error) => errors.push(error), onRefuse: () => {}, ...options });

  server.route('/echo/', requireWebSocket(async ({ webSocket }) => {
    closes.push(webSocket.closed);
    if (inPieces) return await echoInPieces(webSocket);
    for await (const message of webSocket) await webSocket.send(message);
  }, { subprotocols: ['chat.v1', 'chat.v2'] }));

  server.route('/ping/', requireWebSocket(async ({ webSocket }) => {
    for (const payload of ['', 'ping', Buffer.alloc(125, 255)]) await webSocket.ping(payload);
    await webSocket.send('each ping was answered');
    await webSocket.closed;
  }));

  server.route('/close/', requireWebSocket(async ({ query, webSocket }) => {
    await webSocket.close(Number(query.get('code')), query.get('reason')!);
  }));

  // What a browser performs, which gets its scripts from a server.
  const script = readFileSync(sourcePath('javascript-exchanges.mjs'));
  server.route('/javascript-exchanges.mjs', () => ({ headers: { 'Content-Type': 'text/javascript' }, body: script }));

  await server.listen(0, '127.0.0.1');
  const { port } = server.address() as { port: number };
  return {
    server,
    port,
    origin: `ws://127.0.0.1:${port}`,
    closes,
    errors,
    [Symbol.asyncDispose]: () => server.close({ timeout: 0 }),
  };
}

async function echoInPieces(connection: Connection): Promise<void> {
  for (;;) {
    const message = await connection.receive();
    if (message === null) return;
    await connection.send(message.chunks, { type: message.type });
  }
}
