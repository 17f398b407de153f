// Vite 8's dev server, with a WebSocket beside that of its hot reload: http://127.0.0.1:8000/ and ws://…/live/.
import { createServer as createViteServer } from 'vite';
import { createServer, requireWebSocket } from 'twobyte';

const server = createServer();
server.route('/live/', requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
}));

const vite = await createViteServer({
  root: import.meta.dirname,
  server: { host: '127.0.0.1', port: Number(process.env.PORT ?? 8000) },
  plugins: [{ name: 'live', configureServer: ({ httpServer }) => server.attach(httpServer) }],
});
await vite.listen();
console.log('port', vite.httpServer.address().port);
