// ws as it comes, without an offer to compress.
import { once } from 'node:events';
import WebSocket from 'ws';
import { drive, url } from './client.mjs';

await drive(async (receive) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('message', receive);
  await once(socket, 'open');
  return (message) => socket.send(message);
});
