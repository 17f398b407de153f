// faye-websocket, the server of webpack's and of many older tools.
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import WebSocket from 'faye-websocket';
import { announcement, ready, role, tls } from './options.mjs';

const http = tls === undefined ? createServer() : createHttpsServer(tls);
const sockets = new Set();
http.on('upgrade', (request, stream, head) => {
  const socket = new WebSocket(request, stream, head);
  sockets.add(socket);
  const [first] = sockets;
  socket.on('close', () => sockets.delete(socket));
  if (role === 'echo') {
    socket.on('message', ({ data }) => socket.send(data));
  } else if (role === 'broadcast') {
    socket.on('message', ({ data }) => {
      for (let left = Number(data); left > 0; left--) {
        for (const each of sockets) each.send(announcement);
      }
    });
  } else if (socket !== first) {
    socket.on('message', ({ data }) => first.send(data));
  }
});
http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => ready(http.address().port));
