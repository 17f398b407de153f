// RFC 6455 §9: extensions are negotiated; this library has one to negotiate, permessage-deflate of RFC 7692.
import * as assert from 'uvu/assert';
import { connect, HandshakeError, requireWebSocket } from '../../src/index.js';
import type { ConnectOptions, DeflateOptions } from '../../src/index.js';
import { serve } from '../server/harness.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';
import { establish, requirements, type Role } from './harness.js';

const prove = requirements('9 extensions');

/** The answer of a server whose client offers these extensions. */
async function answerTo(
  extensions: string | null,
  deflate: boolean | DeflateOptions = true,
): ReturnType<typeof httpRequest> {
  const route = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed), { deflate });
  await using served = await serve({ '/chat': route });
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/chat', { 'Sec-WebSocket-Extensions': extensions }));
  return await client.readResponse();
}

/** The extensions that a server agrees to; `null` if there are none. */
async function agreedTo(offer: string | null, deflate?: boolean | DeflateOptions): Promise<string | null> {
  const { status, headers } = await answerTo(offer, deflate);
  assert.is(status, 101);
  return headers.get('sec-websocket-extensions') ?? null;
}

/** The extensions that a client offers; `null` if there are none. */
async function offerOf(options: ConnectOptions = {}): Promise<string | null> {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/`, options);
  const { peer, request } = await server.acceptUpgrade();
  peer.socket.end();
  await (await attempt).closed;
  return request.headers.get('sec-websocket-extensions') ?? null;
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
    if (role === 'client') assert.is((await refusalOf(value)).code, 'EXTENSION_INVALID', JSON.stringify(value));
    else assert.is((await answerTo(value)).status, 400, JSON.stringify(value));
  }
}

/** Extensions that a client may well offer, and none that this library knows. */
const foreign = ['x-webkit-deflate-frame', 'x-a, x-b; c=d', 'permessage-deflate-2; client_max_window_bits'];

const ours = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame',
  'x-a; b="c", permessage-deflate; server_no_context_takeover; server_max_window_bits="9"',
  'permessage-deflate; client_no_context_takeover; client_max_window_bits=10',
];

const settings: readonly DeflateOptions[] = [
  {}, { contextTakeover: false }, { windowBits: 8 }, { windowBits: 14, contextTakeover: false },
];

/** All that an endpoint of that role says of extensions, with different options and to different peers. */
async function saidBy(role: Role): Promise<string[]> {
  const said: (string | null)[] = [];
  for (const deflate of settings) {
    if (role === 'client') said.push(await offerOf({ deflate }));
    else for (const offer of ours) said.push(await agreedTo(offer, deflate));
  }
  assert.not(said.includes(null));
  return said as string[];
}

prove('9-1', 'server', 'no extension is answered that was not requested', async () => {
  for (const offer of [null, ...foreign]) assert.is(await agreedTo(offer), null, `${offer}`);
  for (const offer of [null, ...foreign, ...ours]) assert.is(await agreedTo(offer, false), null, `${offer}`);
  assert.is(await agreedTo(ours[0]!), 'permessage-deflate');
});

prove('9-2', 'both', 'the parameters of permessage-deflate have values that it allows', async (role) => {
  for (const value of await saidBy(role)) {
    for (const [, name, bits] of value.matchAll(/; (\w+)(?:=([^;,]*))?/g)) {
      // RFC 7692 §7.1.2.2: an offer may name this one without a value, an answer may not.
      if (role === 'client' && name === 'client_max_window_bits' && bits === undefined) continue;
      if (name!.endsWith('_max_window_bits')) assert.match(bits ?? '', /^(?:[89]|1[0-5])$/);
      else assert.is(bits, undefined, value);
    }
  }
});

prove('9.1-1', 'both', 'a list of extensions that is none is refused', async (role) => {
  await assertMalformed(role, [
    '', ',', ', ,', ';', 'x;', 'x; ;a', 'x; =a', 'x; a=', 'x; a=,y', 'x y', 'x a=b', 'x; a=b c', 'x=y', 'x; a b', 'x/1',
    '"x"', 'x; a="b', 'x; "a"', 'x; a=b=c', '(x)', 'x\xe9', 'x; a=\xe9',
  ]);
  if (role === 'client') return;
  for (const value of ['x', ' x ;\ta = b ,, y', 'x;a="b";a;c=d, x']) {
    assert.is(await agreedTo(value), null, value);
  }
});

// §4.3 says it first.
for (const id of ['4.3-1', '9.1-2']) {
  prove(id, 'both', 'a quoted extension parameter must be a token once it is unquoted', async (role) => {
    await assertMalformed(role, [
      'x; a=""', 'x; a="b c"', 'x; a="b,c"', 'x; a="b', 'x; a="b\\', 'x; a="b" c', 'x; a="\\""', 'x; a="b\\ c"',
      'x; a="b;c"', 'x; a="\xe9"',
    ]);
    if (role === 'server') assert.is(await agreedTo('x; a="b"; c="\\d\\e"; f=g; h'), null);
  });
}

prove('9.1-3', 'both', 'no extension is named but permessage-deflate', async (role) => {
  for (const value of await saidBy(role)) {
    for (const extension of value.split(', ')) assert.match(extension, /^permessage-deflate(?:;[^,]*)?$/);
  }
});

prove('9.1-4', 'both', 'no parameter is sent but the four of RFC 7692, each once', async (role) => {
  for (const value of (await saidBy(role)).flatMap((each) => each.split(', '))) {
    const [, ...names] = value.split('; ').map((part) => part.split('=')[0]!);
    for (const name of names) assert.match(name, /^(?:server|client)_(?:no_context_takeover|max_window_bits)$/);
    assert.is(new Set(names).size, names.length, value);
  }
});

prove('9.1-5', 'client', 'no extension is used that the server has not agreed to', async (role) => {
  await using session = await establish(role);
  void session.connection.send('a'.repeat(200));
  const { rsv1, rsv2, rsv3, payload } = await session.peer.readFrame();
  assert.equal([rsv1, rsv2, rsv3, payload.toString()], [false, false, false, 'a'.repeat(200)]);
});

prove.run();
