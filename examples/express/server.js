// Express 5, with a WebSocket on its port: http://127.0.0.1:8000/ and ws://127.0.0.1:8000/live/.
import { createServer as createHttpServer } from 'node:http';
import express from 'express';
import { createServer, requireWebSocket } from 'twobyte';

const app = express();
app.get('/', (request, response) => void response.send('the app'));

const server = createServer();
server.route('/live/', requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
}));

const httpServer = createHttpServer(app);
server.attach(httpServer);
httpServer.listen(process.env.PORT ?? 8000, '127.0.0.1', () => console.log('port', httpServer.address().port));
