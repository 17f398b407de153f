// Next 16 with a custom server, and a WebSocket beside that of its hot reload: http://127.0.0.1:8000/ and ws://…/live/.
import { createServer as createHttpServer } from 'node:http';
import next from 'next';
import { createServer, requireWebSocket } from 'twobyte';

const server = createServer();
server.route('/live/', requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
}));

const httpServer = createHttpServer();
const app = next({ dir: import.meta.dirname, dev: process.env.NODE_ENV !== 'production', httpServer });
await app.prepare();
httpServer.on('request', app.getRequestHandler());
server.attach(httpServer);
httpServer.listen(process.env.PORT ?? 8000, '127.0.0.1', () => console.log('port', httpServer.address().port));
