// Deno's own server in native code.
const { role = 'echo', tls } = JSON.parse(Deno.args[0] ?? '{}');
const announcement = new Uint8Array(32).fill(120);
const sockets = new Set();
const onListen = ({ port }) => console.log(port);
Deno.serve({ hostname: '127.0.0.1', port: 0, onListen, ...tls }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  socket.onmessage = ({ data }) => {
    if (role === 'echo') {
      socket.send(data);
    } else if (role === 'broadcast') {
      for (let left = Number(data); left > 0; left--) {
        for (const each of sockets) each.send(announcement);
      }
    } else {
      const [first] = sockets;
      first.send(data);
    }
  };
  return response;
});
