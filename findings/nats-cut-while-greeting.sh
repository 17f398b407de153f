#!/usr/bin/env bash
# @nats-io/transport-node 3.4.0 and nats 2.29.3 (npm), on Node.js
#
# A client that is to connect again for ever (`maxReconnectAttempts: -1`, `reconnectTimeWait: 20`) loses its connection.
# If the next one is cut after the server's INFO, before the first PONG, as by a server that is killed while it starts,
# the client tells `disconnect` at once, but tries again only when its `timeout` for connecting is over, 20 s by default.
# A connection that is refused, or cut before INFO or after PONG, is followed by another within the 20 ms.
#
# Why nobody could have guessed: the client knows and tells that the connection is lost; `timeout` is for one that never
# opens; and the same loss a moment sooner or later is followed by an attempt at once.
# twobyte: the how-to of natsLog says to choose a short `timeout`.
#
# seen: @nats-io/transport-node: tried again: cut before INFO at once, after INFO no, after PONG at once, with timeout 500 at once. nats: tried again: cut before INFO at once, after INFO no, after PONG at once, with timeout 500 at once.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm @nats-io/transport-node@3.4.0 nats@2.29.3

cat > "$scratch/cut.cjs" << 'JS'
const { createServer } = require('node:net');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const INFO = 'INFO {"server_id":"x","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576}\r\n';

/** Whether there is a third connection within five seconds, when the second is cut at that moment. */
async function triesAgain({ connect }, moment, timeout) {
  const sockets = [];
  const server = createServer((socket) => {
    const isSecond = sockets.push(socket) === 2;
    socket.on('error', () => {});
    if (isSecond && moment === 'before INFO') return socket.destroy();
    socket.write(INFO);
    socket.on('data', (data) => {
      if (isSecond && moment === 'after INFO') return socket.destroy();
      if (!String(data).includes('PING')) return;
      socket.write('PONG\r\n');
      if (isSecond) setTimeout(() => socket.destroy(), 50);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const servers = `127.0.0.1:${server.address().port}`;
  const connection = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 20, ...timeout });
  sockets[0].destroy();
  for (let waited = 0; waited < 5000 && sockets.length < 3; waited += 50) await sleep(50);
  const again = sockets.length > 2 ? 'at once' : 'no';
  connection.close().catch(() => {});
  server.close();
  for (const socket of sockets) socket.destroy();
  return again;
}

async function main() {
  const seen = [];
  for (const name of ['@nats-io/transport-node', 'nats']) {
    const client = require(name);
    const moments = [];
    for (const moment of ['before INFO', 'after INFO', 'after PONG']) {
      moments.push(`${moment} ${await triesAgain(client, moment)}`);
    }
    moments.push(`with timeout 500 ${await triesAgain(client, 'after INFO', { timeout: 500 })}`);
    seen.push(`${name}: tried again: cut ${moments.join(', ')}.`);
  }
  console.log(seen.join(' '));
  process.exit();
}
void main();
JS
compare "$(NODE_PATH="$scratch/node_modules" timeout 80 node "$scratch/cut.cjs")"
