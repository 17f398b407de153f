// The demo's routes: a page to try WebSocket with, and two that send back what they receive.
import { acceptWebSocket, requireWebSocket, type Reply, type Server } from '../index.js';
import { addPageFiles, readPage, toReader } from './page-file.js';

/**
 * Adds the demo to a server.
 *
 * - `/home/` is the page; `/` redirects there.
 * - `/echo/` answers `?message=…` over HTTP with the message, and a request without one with the page. A WebSocket gets
 *   each message back, text as text and binary as binary.
 * - `/websocket/` is for WebSocket only: it sends one message back, then closes with 1000.
 */
export function addEchoRoutes(server: Server): void {
  server.route('/', (request) => toReader(request, { status: 302, headers: { Location: '/home/' } }));
  const files = readPage('home');
  addPageFiles(server, files);

  server.route('/echo/', acceptWebSocket(async (request) => {
    if (!request.isWebSocket()) return toReader(request, answer(request.query.get('message'), files['/home/']));
    for await (const message of request.webSocket) await request.webSocket.send(message);
  }));

  server.route('/websocket/', requireWebSocket(async ({ webSocket }) => {
    const message = await webSocket.wait();
    if (message !== null) await webSocket.send(message);
  }));
}

function answer(message: string | null, page: Reply): Reply {
  // Without `nosniff`, a browser might treat a message that looks like HTML as HTML.
  return message === null ? page : { headers: { 'X-Content-Type-Options': 'nosniff' }, body: message };
}
