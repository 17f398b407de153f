// The WebSocket that a runtime brings along: of Bun, of Deno, and of Node from 22 on.
import { drive, url } from './client.mjs';

await drive(async (receive) => {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => receive(data);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return (message) => socket.send(message);
});
