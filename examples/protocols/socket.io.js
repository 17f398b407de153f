// Socket.IO, with twobyte for its WebSockets: clients connect to http://127.0.0.1:8000/.
import { createServer as createHttpServer } from 'node:http';
import { Server } from 'socket.io';
import { WebSocketServer } from 'twobyte/events';

const httpServer = createHttpServer((request, response) => void response.end('the app'));
const io = new Server(httpServer, { wsEngine: WebSocketServer });
io.on('connection', (socket) => {
  socket.on('echo', (text, bytes, answer) => answer(text, bytes));
  socket.on('transport', (answer) => answer(socket.conn.transport.name));
});
httpServer.listen(process.env.PORT ?? 8000, '127.0.0.1', () => console.log('port', httpServer.address().port));
