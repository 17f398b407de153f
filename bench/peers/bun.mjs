// Bun's own server in native code, without compression; a broadcast is one call of its publish.
import { announcement, ready, role, tls } from './options.mjs';

let first = null;
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  ...(tls && { tls }),
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response('', { status: 400 })),
  websocket: {
    perMessageDeflate: false,
    maxPayloadLength: 1 << 21,
    backpressureLimit: 1 << 30,
    idleTimeout: 0,
    open(socket) {
      first ??= socket;
      if (role === 'broadcast') socket.subscribe('all');
    },
    message(socket, message) {
      if (role === 'echo') {
        socket.send(message);
      } else if (role === 'broadcast') {
        for (let left = Number(message); left > 0; left--) server.publish('all', announcement);
      } else {
        first.send(message);
      }
    },
  },
});
ready(server.port);
