// The ceiling of HTTP/2: the data of each stream back as it came, without any WebSocket.
import { createServer } from 'node:http2';
import { ready } from './options.mjs';

const server = createServer({ settings: { enableConnectProtocol: true } });
server.on('stream', (stream) => {
  stream.respond({ ':status': 200 });
  stream.on('error', () => {});
  stream.on('data', (chunk) => {
    if (!stream.write(chunk)) {
      stream.pause();
      stream.once('drain', () => stream.resume());
    }
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => ready(server.address().port));
