// A server of Deno's: prints its port, then code and reason of each Close frame received on `/report/`.
const handlers = {
  '/echo/': (socket) => socket.addEventListener('message', ({ data }) => socket.send(data)),

  '/report/': (socket) => {
    socket.addEventListener('close', ({ code, reason }) => console.log(JSON.stringify([code, reason])));
  },

  '/close/': (socket, query) => {
    socket.addEventListener('open', () => socket.close(Number(query.get('code')), query.get('reason')));
  },

  /** Longer than a client may leave a ping unanswered. */
  '/idle/': (socket) => {
    socket.addEventListener('open', () => setTimeout(() => socket.send('still here'), 2500));
  },
};

Deno.serve({
  hostname: '127.0.0.1',
  port: 0,
  onListen: ({ port }) => console.log(port),
}, (request) => {
  const { pathname, searchParams } = new URL(request.url);
  const isOffered = request.headers.get('Sec-WebSocket-Protocol')?.includes('chat.v2');
  const { socket, response } = Deno.upgradeWebSocket(request, {
    // Seconds until a ping is sent, and again until the client counts as gone.
    idleTimeout: pathname === '/idle/' ? 1 : 0,
    ...(isOffered && { protocol: 'chat.v2' }),
  });
  socket.binaryType = 'arraybuffer';
  handlers[pathname](socket, searchParams);
  return response;
});
