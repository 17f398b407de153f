// A server of Bun's: prints its port, then code and reason of each Close frame received on `/report/`.
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,

  fetch(request, server) {
    const { pathname, searchParams } = new URL(request.url);
    const isOffered = request.headers.get('Sec-WebSocket-Protocol')?.includes('chat.v2');
    const headers = isOffered ? { 'Sec-WebSocket-Protocol': 'chat.v2' } : {};
    server.upgrade(request, { data: { pathname, searchParams }, headers });
  },

  websocket: {
    perMessageDeflate: true,

    open(socket) {
      const { pathname, searchParams } = socket.data;
      if (pathname === '/close/') socket.close(Number(searchParams.get('code')), searchParams.get('reason'));
      if (pathname !== '/ping/') return;
      socket.ping('');
      socket.ping('payload');
    },

    message(socket, message) {
      // Without the second it would send it as it is.
      socket.send(message, true);
    },

    pong(socket, payload) {
      if (socket.data.pathname === '/ping/') socket.send(`pong: ${payload}`);
    },

    close(socket, code, reason) {
      if (socket.data.pathname === '/report/') console.log(JSON.stringify([code, reason]));
    },
  },
});
console.log(server.port);
