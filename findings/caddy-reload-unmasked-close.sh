#!/usr/bin/env bash
# Caddy 2.6.2 (Debian package caddy 2.6.2-5)
#
# Caddy proxies a WebSocket, and its configuration is reloaded. It writes a Close 1001 of its own into the tunnel, to
# the client and to the server alike; the server's has no mask, so it gets, as from its client, a frame that no client
# may send, and has to close the connection (RFC 6455 §5.1).
#
# Why nobody could have guessed: a proxy passes the bytes of an upgraded connection on and has no part in the protocol;
# and a strict server logs, at each reload, a violation of the protocol by each of its clients, which did none.
# twobyte: ends the connection with 1002, as for any frame without a mask.
#
# seen: before: 8182000000006869; after: to the server 880203e9, to the client 880203e9
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian_here caddy

node --input-type=module - << 'JS'
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { compare, serve, start } from './support/peer.mjs';

const { scratch, stated } = process.env;
const caddy = `${scratch}/usr/bin/caddy`;
Object.assign(process.env, { HOME: scratch, XDG_CONFIG_HOME: scratch, XDG_DATA_HOME: scratch });

let toServer = '';
const host = await serve({
  onSocket(socket) {
    socket.on('data', (bytes) => (toServer += bytes.toString('hex')));
  },
});
const [port, adminPort] = await freePorts();
const admin = `127.0.0.1:${adminPort}`;

configure(1);
start(caddy, 'run', '--config', `${scratch}/Caddyfile`, '--adapter', 'caddyfile');
const client = await connected();
let toClient = '';
client.on('data', (bytes) => (toClient += bytes.toString('latin1')));
client.write(
  `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
);
await until(() => toClient.endsWith('\r\n\r\n'));
toClient = '';
// "hi", masked with four zeros: how a client's frame reaches the server, unchanged.
client.write(Buffer.concat([Buffer.from('818200000000', 'hex'), Buffer.from('hi')]));
await until(() => toServer !== '');
const before = toServer;
toServer = '';

configure(2);
execFileSync(caddy, ['reload', '--config', `${scratch}/Caddyfile`, '--adapter', 'caddyfile', '--address', admin], {
  stdio: 'ignore',
});
await until(() => toServer !== '' && toClient !== '');
const after = `to the server ${toServer}, to the client ${Buffer.from(toClient, 'latin1').toString('hex')}`;
compare(`before: ${before}; after: ${after}`, stated);

/** Another value makes another configuration: an equal one isn't loaded. */
function configure(value) {
  const site = `http://127.0.0.1:${port} {\n  reverse_proxy ${host}\n  header X-Configuration ${value}\n}\n`;
  writeFileSync(`${scratch}/Caddyfile`, `{\n  admin ${admin}\n  auto_https off\n}\n${site}`);
}

async function freePorts() {
  const servers = [createServer(), createServer()];
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const ports = servers.map((server) => server.address().port);
  for (const server of servers) server.close();
  return ports;
}

async function connected() {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket.on('error', () => {});
    } catch {
      await sleep(100);
    }
  }
}

async function until(done) {
  while (!done()) await sleep(50);
}
JS
