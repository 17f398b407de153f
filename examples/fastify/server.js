// Fastify 5, with a WebSocket on its port: http://127.0.0.1:8000/ and ws://127.0.0.1:8000/live/.
import fastify from 'fastify';
import { createServer, requireWebSocket } from 'twobyte';

const app = fastify();
app.get('/', () => 'the app');

const server = createServer();
server.route('/live/', requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
}));
server.attach(app.server);
// Fastify waits for every open socket, and would for ever; a hook has 10 s (its option pluginTimeout).
app.addHook('preClose', () => server.close({ timeout: 5000 }));

await app.listen({ port: Number(process.env.PORT ?? 8000), host: '127.0.0.1' });
console.log('port', app.server.address().port);
process.once('SIGTERM', () => app.close());
