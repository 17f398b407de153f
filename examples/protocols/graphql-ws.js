// GraphQL subscriptions by graphql-ws: clients connect to ws://127.0.0.1:8000/graphql.
import { createServer as createHttpServer } from 'node:http';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'twobyte/events';

const schema = buildSchema('type Query { hello: String } type Subscription { countdown(from: Int!): Int }');
const roots = {
  query: { hello: () => 'world' },
  subscription: {
    async *countdown({ from }) {
      for (let countdown = from; countdown >= 0; countdown--) yield { countdown };
    },
  },
};

const sockets = new WebSocketServer();
useServer({ schema, roots }, sockets);

const httpServer = createHttpServer((request, response) => void response.end('the app'));
httpServer.on('upgrade', (request, socket, head) => {
  if (request.url !== '/graphql') return void socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
  sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit('connection', webSocket, request));
});
httpServer.listen(process.env.PORT ?? 8000, '127.0.0.1', () => console.log('port', httpServer.address().port));
