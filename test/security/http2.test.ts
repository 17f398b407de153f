// What a client can do by HTTP/2 alone: streams that cost it nothing.
import { createServer as createHttp2Server } from 'node:http2';
import * as assert from 'uvu/assert';
import { createServer, requireWebSocket, type Request } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { until } from '../server/harness.js';
import { RawSession, SessionServer } from '../support/peers/raw-session.js';

const test = suite('security: HTTP/2');

const STREAMS = 500;
// RFC 9113 §7
const CANCEL = 8;

for (const isAsked of [true, false]) {
  const when = isAsked ? 'while authorize is asked' : 'as soon as they are WebSockets';
  test(`streams that are reset at once, ${when}, leave nothing behind, and another goes on`, async () => {
    const asked: Request[] = [];
    let opened = 0;
    await using host = new SessionServer(createHttp2Server());
    const server = createServer({ onRefuse: () => {} });
    server.route('/echo', requireWebSocket(async ({ webSocket }) => {
      for await (const message of webSocket) await webSocket.send(message);
    }));
    server.route('/', requireWebSocket(async ({ webSocket }) => {
      opened++;
      await webSocket.closed;
    }, {
      authorize: (request) => {
        asked.push(request);
        return isAsked ? new Promise<boolean>((resolve) => request.signal.onabort = () => resolve(true)) : true;
      },
    }));
    server.attach(host.server);
    await host.listen();
    await using session = await RawSession.connect(host.port);
    const { peer } = await session.open('/echo');
    for (let count = 0; count < STREAMS; count++) session.request('/').stream.close(CANCEL);
    await session.ping();
    await until('all were asked for', () => asked.length === STREAMS);
    await until('all are told', () => asked.every(({ signal }) => signal.aborted));
    await until('only the other is left', () => server.connections.size === 1);
    if (isAsked) assert.is(opened, 0);
    peer.sendFrame(1, 'hello');
    assert.is((await peer.readFrame()).payload.toString(), 'hello');
    // It waits for whatever is left.
    const closed = server.close();
    assert.is((await peer.readFrame()).opcode, 8);
    peer.sendFrame(8, Buffer.from('03e9', 'hex'));
    peer.socket.end();
    await closed;
  });
}

test.run();
