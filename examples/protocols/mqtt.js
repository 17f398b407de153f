// MQTT by the broker Aedes: clients connect to ws://127.0.0.1:8000/mqtt.
import { createServer as createHttpServer } from 'node:http';
import { Duplex } from 'node:stream';
import { Aedes } from 'aedes';
import { CloseCode, createServer, requireWebSocket } from 'twobyte';

/** MQTT's packets don't keep to the borders of messages: what arrives is a stream of bytes. */
async function* bytesOf(connection) {
  for await (const message of connection) {
    // MQTT 5 §6: "If any other type of data frame is received the recipient MUST close the Network Connection"
    if (typeof message === 'string') return void connection.close(CloseCode.UNSUPPORTED_DATA, 'MQTT is binary');
    yield message;
  }
}

function toStream(connection) {
  const write = (chunk) => connection.send(chunk);
  const [close, abort] = [() => connection.close(), () => connection.terminate()];
  return Duplex.from({ readable: bytesOf(connection), writable: new WritableStream({ write, close, abort }) });
}

const broker = await Aedes.createBroker();
const server = createServer();
server.route('/mqtt', requireWebSocket(async ({ webSocket }) => {
  broker.handle(toStream(webSocket));
  await webSocket.closed;
}, { subprotocols: ['mqtt', 'mqttv3.1'] }));

const httpServer = createHttpServer((request, response) => void response.end('the app'));
server.attach(httpServer);
httpServer.listen(process.env.PORT ?? 8000, '127.0.0.1', () => console.log('port', httpServer.address().port));
