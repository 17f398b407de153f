// RFC 6455 §4.4: what a server answers to a version that it does not speak.
import * as assert from 'uvu/assert';
import { acceptWebSocket, HandshakeError, requireWebSocket } from '../../src/index.js';
import { get, serve } from '../server/harness.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { requirements } from './harness.js';

const prove = requirements('4.4 versions');

prove('4.4-1', 'server', 'the answer to another version lists the ones that are spoken', async () => {
  const routes = {
    '/chat': requireWebSocket(async ({ webSocket }) => void (await webSocket.closed)),
    '/accept': acceptWebSocket(() => 'plain'),
    '/authorized': requireWebSocket(() => {}, {
      authorize() {
        throw new HandshakeError('TOO_LATE', 401, 'asked before the version was checked');
      },
    }),
  };
  await using served = await serve(routes);
  for (const version of ['0', '7', '8', '12', '14', '25', '255', '256', '', null]) {
    for (const path of Object.keys(routes)) {
      const request = upgradeRequest(path, { 'Sec-WebSocket-Version': version });
      const { status, headers } = await httpRequest(served.port, request);
      assert.equal([status, headers.get('sec-websocket-version')], [426, '13'], `${version} ${path}`);
    }
  }
  // The client repeats the handshake with a version from the list, if it likes on the next connection.
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/chat');
  assert.is((await httpRequest(served.port, get('/'))).status, 200);
});

prove.run();
