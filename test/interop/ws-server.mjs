// A server of the package ws: prints its port, then code and reason of each Close frame received on `/report/`.
import { once } from 'node:events';
import { WebSocketServer } from 'ws';

const handlers = {
  '/echo/': (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),

  '/report/': (socket) => socket.on('close', (code, reason) => console.log(JSON.stringify([code, String(reason)]))),

  '/close/': (socket, query) => socket.close(Number(query.get('code')), query.get('reason')),

  '/ping/': (socket) => {
    socket.on('pong', (payload) => socket.send(`pong: ${payload}`));
    socket.ping('');
    socket.ping('payload');
  },

  /** Cut inside a character, with a ping between the frames. */
  '/fragments/': (socket) => {
    const bytes = Buffer.from('Hello, 世界');
    for (const [start, end] of [[0, 1], [1, 1], [1, 8], [8, bytes.length]]) {
      socket.send(bytes.subarray(start, end), { binary: false, fin: end === bytes.length });
      socket.ping();
    }
    for (let part = 0; part < 256; part++) socket.send(Buffer.alloc(1000, part), { fin: part === 255 });
  },
};

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: true,
  handleProtocols: (offered) => (offered.has('chat.v2') ? 'chat.v2' : false),
});
server.on('connection', (socket, request) => {
  const { pathname, searchParams } = new URL(request.url, 'ws://localhost');
  handlers[pathname](socket, searchParams);
});
await once(server, 'listening');
console.log(server.address().port);
