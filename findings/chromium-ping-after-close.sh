#!/usr/bin/env bash
# Chromium 156.0.8078.108 (Debian package chromium)
#
# A server sends Close 1000. Chromium answers with Close 1000, and the page's close event says 1000, clean. If a Ping
# comes with the Close, in the same write, Chromium still answers the Close with 1000, but the page is told 1006, not
# clean: the code and the reason that the server gave are lost.
#
# Why nobody could have guessed: what follows a Close is to be thrown away (RFC 6455 §1.4), as the clients of Node.js,
# Bun and Deno do; and what the server gets is the same both times. A heartbeat's timer turns one into the other.
# twobyte: nothing follows its Close; no ping is sent once closing has begun.
#
# seen: Close: answer 1000, page 1000 true; Close and Ping: answer 1000, page 1006 false
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian chromium

node --input-type=module - << 'JS'
import { closeFrame, compare, frame, onFrame, openChromium, serve } from './support/peer.mjs';

const pages = {
  '/': `<script>
    const closed = (path) => new Promise((resolve) => {
      connect(path).onclose = ({ code, wasClean }) => resolve(code + ' ' + wasClean);
    });
    (async () => report([await closed('/close'), await closed('/close-and-ping')]))();
  </script>`,
};
const answers = [];

const host = await serve({
  pages,
  onSocket(socket, path) {
    onFrame(socket, ({ opcode, code }) => {
      if (opcode === 0x8) answers.push(code);
      socket.end();
    });
    const after = path === '/close' ? [] : [frame(0x9)];
    socket.write(Buffer.concat([closeFrame(1000), ...after]));
  },
  onReport([alone, followed]) {
    const first = `Close: answer ${answers[0]}, page ${alone}`;
    compare(`${first}; Close and Ping: answer ${answers[1]}, page ${followed}`, process.env.stated);
  },
});
openChromium(`http://${host}/`);
JS
