// JSON-RPC by vscode-jsonrpc, as language servers speak it: clients connect to ws://127.0.0.1:8000/rpc.
import { createServer as createHttpServer } from 'node:http';
import rpc from 'vscode-jsonrpc/node';
import { createServer, requireWebSocket } from 'twobyte';

class Reader extends rpc.AbstractMessageReader {
  constructor(connection) {
    super();
    this.listen = (callback) => {
      const run = async () => {
        for await (const message of connection) callback(JSON.parse(message));
      };
      run().catch((error) => this.fireError(error)).then(() => this.fireClose());
      return { dispose: () => connection.discardMessages() };
    };
  }
}

class Writer extends rpc.AbstractMessageWriter {
  constructor(connection) {
    super();
    this.write = (message) => connection.send(JSON.stringify(message));
    this.end = () => connection.close();
  }
}

const server = createServer();
server.route('/rpc', requireWebSocket(async ({ webSocket }) => {
  const peer = rpc.createMessageConnection(new Reader(webSocket), new Writer(webSocket));
  peer.onRequest('add', (a, b) => a + b);
  peer.onNotification('hello', (name) => peer.sendNotification('greeting', `Hello, ${name}!`));
  peer.listen();
  await new Promise((resolve) => peer.onClose(resolve));
}));

const httpServer = createHttpServer((request, response) => void response.end('the app'));
server.attach(httpServer);
httpServer.listen(process.env.PORT ?? 8000, '127.0.0.1', () => console.log('port', httpServer.address().port));
