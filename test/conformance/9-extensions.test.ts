// RFC 6455 §9: extensions are negotiated, and this library has none yet to negotiate.
import * as assert from 'uvu/assert';
import { connect, HandshakeError, requireWebSocket } from '../../src/index.js';
import { serve } from '../server/harness.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/raw-client.js';
import { RawServer } from '../support/raw-server.js';
import { establish, requirements, type Role } from './harness.js';

const prove = requirements('9 extensions');

/** The answer of a server whose client offers these extensions. */
async function answerTo(extensions: string | null): ReturnType<typeof httpRequest> {
  const route = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed));
  await using served = await serve({ '/chat': route });
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/chat', { 'Sec-WebSocket-Extensions': extensions }));
  return await client.readResponse();
}

/** What a client says of an answer with these extensions; it must have ended the connection. */
async function refusalOf(extensions: string): Promise<HandshakeError> {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/`).then(
    () => new Error(`it accepted ${JSON.stringify(extensions)}`),
    (error: unknown) => error,
  );
  const { peer } = await server.acceptUpgrade({ 'Sec-WebSocket-Extensions': extensions });
  const error = await attempt;
  assert.instance(error, HandshakeError, String(error));
  assert.is((await peer.readToEnd()).length, 0);
  return error as HandshakeError;
}

async function assertMalformed(role: Role, values: readonly string[]): Promise<void> {
  for (const value of values) {
    if (role === 'client') assert.is((await refusalOf(value)).code, 'EXTENSION_NOT_OFFERED', JSON.stringify(value));
    else assert.is((await answerTo(value)).status, 400, JSON.stringify(value));
  }
}

/** Extensions that a client may well offer. */
const offers = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame',
  'x-a, x-b; c=d',
];

async function assertNoExtension(role: Role): Promise<void> {
  if (role === 'server') {
    for (const offer of offers) {
      const { status, headers } = await answerTo(offer);
      assert.equal([status, headers.has('sec-websocket-extensions')], [101, false], offer);
    }
    return;
  }
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/`);
  const { peer, request } = await server.acceptUpgrade();
  assert.not(request.headers.has('sec-websocket-extensions'));
  peer.socket.end();
  await (await attempt).closed;
}

prove('9-1', 'server', 'no extension is answered that was not requested', async () => {
  for (const offer of [null, ...offers]) {
    const { status, headers } = await answerTo(offer);
    assert.equal([status, headers.has('sec-websocket-extensions')], [101, false], `${offer}`);
  }
});

prove('9-2', 'both', 'no parameter is sent, because no extension is', assertNoExtension);

prove('9.1-1', 'both', 'a list of extensions that is none is refused', async (role) => {
  await assertMalformed(role, [
    '', ',', ', ,', ';', 'x;', 'x; ;a', 'x; =a', 'x; a=', 'x; a=,y', 'x y', 'x a=b', 'x; a=b c', 'x=y', 'x; a b', 'x/1',
    '"x"', 'x; a="b', 'x; "a"', 'x; a=b=c', '(x)', 'x\xe9', 'x; a=\xe9',
  ]);
  if (role === 'client') return;
  for (const value of ['x', ' x ;\ta = b ,, y', 'x;a="b";a;c=d, x']) {
    assert.is((await answerTo(value)).status, 101, value);
  }
});

// §4.3 says it first.
for (const id of ['4.3-1', '9.1-2']) {
  prove(id, 'both', 'a quoted extension parameter must be a token once it is unquoted', async (role) => {
    await assertMalformed(role, [
      'x; a=""', 'x; a="b c"', 'x; a="b,c"', 'x; a="b', 'x; a="b\\', 'x; a="b" c', 'x; a="\\""', 'x; a="b\\ c"',
      'x; a="b;c"', 'x; a="\xe9"',
    ]);
    if (role === 'server') assert.is((await answerTo('x; a="b"; c="\\d\\e"; f=g; h')).status, 101);
  });
}

prove('9.1-3', 'both', 'no extension is named that is not registered, because none is named', assertNoExtension);

prove('9.1-4', 'both', 'no parameter is sent that is not defined, because none is sent', assertNoExtension);

prove('9.1-5', 'client', 'no extension is used that the server has not agreed to', async (role) => {
  await using session = await establish(role);
  void session.connection.send('a'.repeat(200));
  const { rsv1, rsv2, rsv3, payload } = await session.peer.readFrame();
  assert.equal([rsv1, rsv2, rsv3, payload.toString()], [false, false, false, 'a'.repeat(200)]);
});

prove.run();
