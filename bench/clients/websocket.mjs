// The client of the package websocket, with messages of up to 2 MiB, and each of them one frame.
import { once } from 'node:events';
import websocket from 'websocket';
import { drive, MAX_BYTES, url } from './client.mjs';

await drive(async (receive) => {
  const client = new websocket.client({
    maxReceivedFrameSize: MAX_BYTES, maxReceivedMessageSize: MAX_BYTES, fragmentOutgoingMessages: false,
  });
  client.connect(url);
  const [connection] = await once(client, 'connect');
  connection.on('message', ({ binaryData }) => receive(binaryData));
  return (message) => connection.sendBytes(message);
});
