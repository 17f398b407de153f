// The raw server accepts, reads requests to the byte, and answers the handshake of RFC 6455 §1.3.
import * as assert from 'uvu/assert';
import { suite } from '../../runner/suite.js';
import { RawClient, SAMPLE_ACCEPT, SAMPLE_KEY, upgradeRequest } from './raw-client.js';
import { acceptOf, RawServer, readRequest, switchingProtocols } from './raw-server.js';

const rawServer = suite('raw-server');

rawServer('the answers of RFC 6455 §1.3 and of the key in §4.1 item 7', () => {
  assert.is(acceptOf(SAMPLE_KEY), SAMPLE_ACCEPT);
  assert.is(acceptOf('AQIDBAUGBwgJCgsMDQ4PEC=='), 'OfS0wDaT5NoxF2gqm7Zj2YtetzM=');
});

rawServer('a 101 to the byte, with fields left out, replaced and added', () => {
  assert.is(
    switchingProtocols(SAMPLE_KEY, { Upgrade: null, Connection: 'close', 'X-Field': '1' }),
    'HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' +
      'X-Field: 1\r\n\r\n',
  );
});

rawServer('an upgrade, and bytes both ways', async () => {
  await using server = await RawServer.listen();
  await using client = await RawClient.connect(server.port);
  const [{ peer, request }] = await Promise.all([server.acceptUpgrade(), client.upgrade('/path')]);
  assert.is(request.requestLine, 'GET /path HTTP/1.1');
  assert.is(request.headers.get('sec-websocket-key'), SAMPLE_KEY);
  assert.is(request.head, upgradeRequest('/path'));
  client.write('to the server');
  assert.is((await peer.readBytes(13)).toString(), 'to the server');
  peer.write('to the client');
  assert.is((await client.readBytes(13)).toString(), 'to the client');
  assert.is(server.count, 1);
});

rawServer('repeated fields are joined, and what is no field fails', async () => {
  await using server = await RawServer.listen();
  await using client = await RawClient.connect(server.port);
  const peer = await server.accept();
  client.write('GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n');
  assert.is((await readRequest(peer)).headers.get('a'), '1, 2');
  client.write('GET / HTTP/1.1\r\nno field\r\n\r\n');
  assert.match(await readRequest(peer).then(String, String), /no header field/);
});

rawServer.run();
