// tRPC over its WebSocket adapter: clients connect to ws://127.0.0.1:8000/.
import { createServer as createHttpServer } from 'node:http';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocketServer } from 'twobyte/events';

const { procedure, router } = initTRPC.create();
const appRouter = router({
  hello: procedure.query(() => 'world'),
  countdown: procedure.subscription(async function* () {
    for (let number = 2; number >= 0; number--) yield number;
  }),
});

const sockets = new WebSocketServer();
applyWSSHandler({ wss: sockets, router: appRouter, keepAlive: { enabled: true } });

const httpServer = createHttpServer((request, response) => void response.end('the app'));
httpServer.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit('connection', webSocket, request));
});
httpServer.listen(process.env.PORT ?? 8000, '127.0.0.1', () => console.log('port', httpServer.address().port));
