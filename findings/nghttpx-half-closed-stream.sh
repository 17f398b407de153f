#!/usr/bin/env bash
# nghttpx 1.52.0 (Debian package nghttp2-proxy 1.52.0-1+deb12u3)
#
# nghttpx takes a WebSocket over HTTP/1.1 and asks for it over HTTP/2 at a server behind it (RFC 8441). The server ends
# its side by END_STREAM, nghttpx ends TCP to the client, and the client ends TCP, too. The stream to the server stays
# open: nghttpx never sends END_STREAM, nor RST_STREAM, until the session ends.
#
# Why nobody could have guessed: RFC 8441 §5 has END_STREAM for the end of TCP, in both directions, and the end of the
# server's side was passed on at once; HAProxy 2.6 in the same place passes on both.
# twobyte: `closed` comes with the right code, a second later, by a reset of the stream without an error.
#
# seen: the client has ended: yes; the stream 5 s later: open
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian nghttp2-proxy

node --input-type=module - << 'JS'
import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { compare, start } from './support/peer.mjs';

const { scratch, stated } = process.env;
const server = createHttp2Server({ settings: { enableConnectProtocol: true } });
let stream = null;
server.on('stream', (opened) => {
  stream = opened.on('error', () => {});
  stream.respond({ ':status': 200 });
  stream.once('data', () => stream.resume().end('bye'));
});
await once(server.listen(0, '127.0.0.1'), 'listening');

const port = await freePort();
const lines = [
  `frontend=127.0.0.1,${port};no-tls`, `backend=127.0.0.1,${server.address().port};;proto=h2`,
  'workers=1', 'single-process=yes', 'no-ocsp=yes',
];
writeFileSync(`${scratch}/nghttpx.conf`, `${lines.join('\n')}\n`);
start('/usr/sbin/nghttpx', `--conf=${scratch}/nghttpx.conf`);

const client = await connected();
client.write(
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
);
await once(client, 'data');
client.write('hi');
client.resume();
await once(client, 'end');
client.end();
await once(client, 'close');
await sleep(5000);
const state = stream.readableEnded || stream.closed ? 'ended' : 'open';
compare(`the client has ended: ${client.destroyed ? 'yes' : 'no'}; the stream 5 s later: ${state}`, stated);

async function freePort() {
  const probe = createServer();
  await once(probe.listen(0, '127.0.0.1'), 'listening');
  const { port } = probe.address();
  await once(probe.close(), 'close');
  return port;
}

async function connected() {
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    try {
      await once(socket, 'connect');
      return socket.on('error', () => {});
    } catch {
      await sleep(100);
    }
  }
}
JS
