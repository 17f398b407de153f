// RFC 6455 §8: what is to be UTF-8 and is not fails the connection.
import * as assert from 'uvu/assert';
import { connect, HandshakeError } from '../../src/index.js';
import { nextTurn, open, rejectionOf } from '../connection/harness.js';
import { get, serve } from '../server/harness.js';
import { httpRequest, upgradeRequest } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';
import { assertFailures, rawFrame, requirements } from './harness.js';

const prove = requirements('8 errors in UTF-8');

/** RFC 3629 §3 and §4: what no UTF-8 contains, in hexadecimal. */
const invalid: readonly (readonly [name: string, bytes: string])[] = [
  ['a byte that never occurs', 'ff'],
  ['a lone continuation byte', '80'],
  ['a character of two bytes without its second', 'c328'],
  ['a character of three bytes that ends early', 'e282'],
  ['an overlong slash', 'c0af'],
  ['an overlong character of three bytes', 'e08080'],
  ['an overlong character of four bytes', 'f08fbfbf'],
  ['the first surrogate', 'eda080'],
  ['the last surrogate', 'edbfbf'],
  ['a character beyond U+10FFFF', 'f4908080'],
  ['a character of five bytes', 'f888808080'],
];

prove('8.1-1', 'both', 'text and close reasons that are not UTF-8 fail the connection with 1007', async (role) => {
  for (const [name, bytes] of invalid) {
    const length = bytes.length / 2;
    await assertFailures(role, 1007, [
      [name, [`81 0${length}`, bytes]],
      [`${name}, behind valid text`, [`81 0${length + 2}`, `c3a9${bytes}`]],
      [`${name}, in fragments`, ['01 01', bytes.slice(0, 2)], [`80 0${length - 1}`, bytes.slice(2)]],
      [`${name}, in a close reason`, [`88 0${length + 2}`, `03e8${bytes}`]],
    ]);
  }
  // It fails at the first byte that cannot be right, though the message would go on.
  const session = open({ role });
  session.stream.receive(rawFrame(role, '01 09', 'ff'));
  await nextTurn();
  assert.is(session.connection.isClosed(), true);
  // The same bytes as binary are nobody's business.
  const binary = open({ role });
  await binary.receive('82 03 eda080');
  assert.equal(binary.connection.read(), Buffer.from('eda080', 'hex'));
});

prove('8.1-2', 'server', 'a request target that is not ASCII is refused', async () => {
  await using served = await serve({ '/*': () => 'found' });
  for (const bytes of ['\xff', '\xc3\x28', '\xc3\xa9', '\xc0\xaf']) {
    assert.is((await httpRequest(served.port, upgradeRequest(`/${bytes}`))).status, 400);
    assert.is((await httpRequest(served.port, get(`/?${bytes}`))).status, 400);
  }
});

prove('8.1-2', 'client', 'a subprotocol with bytes beyond ASCII is refused', async () => {
  for (const bytes of ['\xff', '\xc3\x28', '\xc3\xa9']) {
    await using server = await RawServer.listen();
    const attempt = rejectionOf(connect(`ws://127.0.0.1:${server.port}/`, { subprotocols: ['chat'] }));
    const { peer } = await server.acceptUpgrade({ 'Sec-WebSocket-Protocol': `chat${bytes}` });
    assert.instance(await attempt, HandshakeError);
    assert.is((await peer.readToEnd()).length, 0);
  }
});

prove.run();
