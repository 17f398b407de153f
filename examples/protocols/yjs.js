// Documents of Yjs, shared through y-websocket's server: clients connect to ws://127.0.0.1:8000/NAME-OF-A-DOCUMENT.
import { createServer as createHttpServer } from 'node:http';
import { setupWSConnection } from '@y/websocket-server/utils';
import { upgrade } from 'twobyte';
import { ConnectionEmitter } from 'twobyte/events';

const httpServer = createHttpServer((request, response) => void response.end('the app'));
httpServer.on('upgrade', async (request, socket, head) => {
  const connection = await upgrade(request, socket, head);
  if (connection !== null) setupWSConnection(new ConnectionEmitter(connection), request);
});
httpServer.listen(process.env.PORT ?? 8000, '127.0.0.1', () => console.log('port', httpServer.address().port));
