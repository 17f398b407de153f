// ws at its best: no compression to negotiate unless that is the question, and UTF-8 checked as the RFC asks.
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { announcement, deflate, ready, role, style, tls } from './options.mjs';

const http = tls === undefined ? createHttpServer() : createHttpsServer(tls);
const perMessageDeflate = deflate !== undefined && {
  threshold: 0,
  serverNoContextTakeover: !deflate.contextTakeover,
  clientNoContextTakeover: !deflate.contextTakeover,
};
const server = new WebSocketServer({ server: http, perMessageDeflate, skipUTF8Validation: false });
server.on('connection', (socket) => {
  const [first] = server.clients;
  socket.on('error', () => {});
  if (role === 'echo') {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  } else if (role === 'broadcast') {
    socket.on('message', (data) => {
      for (let left = Number(data); left > 0; left--) {
        for (const each of server.clients) each.send(announcement);
      }
    });
  } else if (socket !== first) {
    if (style === 'stream') createWebSocketStream(socket).pipe(createWebSocketStream(first));
    else socket.on('message', (data, isBinary) => first.send(data, { binary: isBinary }));
  }
});
http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => ready(http.address().port));
