// The package websocket, with messages of up to 2 MiB, and each of them one frame.
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import websocket from 'websocket';
import { announcement, ready, role, tls } from './options.mjs';

const http = tls === undefined ? createServer() : createHttpsServer(tls);
const limits = {
  maxReceivedFrameSize: 1 << 21, maxReceivedMessageSize: 1 << 21, keepalive: false, fragmentOutgoingMessages: false,
};
const server = new websocket.server({ httpServer: http, autoAcceptConnections: true, ...limits });
server.on('connect', (connection) => {
  const [first] = server.connections;
  if (role === 'echo') {
    connection.on('message', (message) => {
      if (message.type === 'utf8') connection.sendUTF(message.utf8Data);
      else connection.sendBytes(message.binaryData);
    });
  } else if (role === 'broadcast') {
    connection.on('message', ({ utf8Data }) => {
      for (let left = Number(utf8Data); left > 0; left--) server.broadcastBytes(announcement);
    });
  } else if (connection !== first) {
    connection.on('message', ({ binaryData }) => first.sendBytes(binaryData));
  }
});
http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => ready(http.address().port));
