// Hono 4 on Node.js, with a WebSocket on its port: http://127.0.0.1:8000/ and ws://127.0.0.1:8000/live/.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createServer, requireWebSocket } from 'twobyte';

const app = new Hono();
app.get('/', (context) => context.text('the app'));

const server = createServer();
server.route('/live/', requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
}));

const options = { fetch: app.fetch, port: Number(process.env.PORT ?? 8000), hostname: '127.0.0.1' };
const httpServer = serve(options, ({ port }) => console.log('port', port));
server.attach(httpServer);
