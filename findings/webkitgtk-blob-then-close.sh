#!/usr/bin/env bash
# WebKitGTK 2.50.6 (Debian package libwebkit2gtk-4.1-0)
#
# A page sends a text, a Blob and another text, and calls close(1000), all in one task. The server gets the first text
# and the Close: the Blob and all that was sent after it are gone. The page's close event says 1000, clean, and
# `bufferedAmount` is 0. With an ArrayBuffer in place of the Blob, everything arrives.
#
# Why nobody could have guessed: close() lets finish what was sent before it, by its own specification; and only one of
# the types that send() takes, the one whose bytes are read later, breaks the order, without a trace at either end.
# twobyte: a server can't see it. A page that means to keep its last words sends ArrayBuffers.
#
# seen: Blob: first, Close 1000; page 1000 true 0. ArrayBuffer: first, bytes, last, Close 1000; page 1000 true 0.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian libwebkit2gtk-4.1-0 xvfb xauth

node --input-type=module - << 'JS'
import { closeFrame, compare, onFrame, openWebKit, serve } from './support/peer.mjs';

const pages = {
  '/': `<script>
    const sent = (path, bytes) => new Promise((resolve) => {
      const socket = connect(path);
      socket.onopen = () => {
        socket.send('first');
        socket.send(bytes);
        socket.send('last');
        socket.close(1000);
      };
      socket.onclose = ({ code, wasClean }) => resolve(code + ' ' + wasClean + ' ' + socket.bufferedAmount);
    });
    (async () => report([
      await sent('/blob', new Blob(['bytes'])),
      await sent('/buffer', new TextEncoder().encode('bytes').buffer),
    ]))();
  </script>`,
};
const arrived = { '/blob': [], '/buffer': [] };

const host = await serve({
  pages,
  onSocket(socket, path) {
    onFrame(socket, ({ opcode, payload, code }) => {
      arrived[path].push(opcode === 0x8 ? `Close ${code}` : payload.toString());
      if (opcode === 0x8) socket.end(closeFrame(1000));
    });
  },
  onReport([blob, buffer]) {
    const said = [
      `Blob: ${arrived['/blob'].join(', ')}; page ${blob}.`,
      `ArrayBuffer: ${arrived['/buffer'].join(', ')}; page ${buffer}.`,
    ];
    compare(said.join(' '), process.env.stated);
  },
});
openWebKit(`http://${host}/`);
JS
