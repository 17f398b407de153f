// The ceiling: bytes back as they came, without any WebSocket; an empty head tells that the socket is accepted.
import { createServer } from 'node:net';
import { announcement, ready, role } from './options.mjs';

const sockets = new Set();
const server = createServer({ noDelay: true }, (socket) => {
  sockets.add(socket);
  socket.write('\r\n\r\n');
  const [first] = sockets;
  socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  if (role === 'echo') {
    socket.on('data', (chunk) => {
      if (!socket.write(chunk)) {
        socket.pause();
        socket.once('drain', () => socket.resume());
      }
    });
  } else if (role === 'broadcast') {
    socket.on('data', (chunk) => {
      const bytes = Buffer.concat(new Array(Number(chunk)).fill(Buffer.concat([Buffer.from([0x82, 32]), announcement])));
      for (const each of sockets) each.write(bytes);
    });
  } else if (socket !== first) {
    socket.pipe(first);
  }
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => ready(server.address().port));
