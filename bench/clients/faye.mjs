// The client of faye-websocket.
import { once } from 'node:events';
import WebSocket from 'faye-websocket';
import { drive, url } from './client.mjs';

await drive(async (receive) => {
  const socket = new WebSocket.Client(url);
  socket.on('message', ({ data }) => receive(data));
  await once(socket, 'open');
  return (message) => socket.send(message);
});
