#!/usr/bin/env bash
# WebKitGTK 2.50.6 (Debian package libwebkit2gtk-4.1-0)
#
# A page opens 199 WebSockets. The 200th gets an `error` event, and its readyState is 3, CLOSED, but there is never a
# `close` event.
#
# Why nobody could have guessed: the specification has one way for a connection to fail, and a `close` event is its last
# step; so programs that reconnect listen to `close` alone, and here they never try again.
# twobyte: a server sees nothing of it; a page that opens many should listen to `error` as well.
#
# seen: 199 open; the next: error, readyState 3, no close within 5 s
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian libwebkit2gtk-4.1-0 xvfb xauth

node --input-type=module - << 'JS'
import { compare, openWebKit, serve } from './support/peer.mjs';

const pages = {
  '/': `<script>
    const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));
    const first = (socket) => new Promise((resolve) => {
      for (const type of ['open', 'error', 'close']) socket.addEventListener(type, () => resolve(type));
    });
    (async () => {
      const sockets = [];
      let said = 'open';
      while (said === 'open' && sockets.length < 300) {
        sockets.push(connect('/'));
        said = await first(sockets.at(-1));
      }
      const refused = sockets.pop();
      let closed = 'no close within 5 s';
      refused.onclose = () => (closed = 'close');
      await sleep(5000);
      const open = sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
      report(open + ' open; the next: ' + said + ', readyState ' + refused.readyState + ', ' + closed);
    })();
  </script>`,
};

const host = await serve({
  pages,
  onSocket() {},
  onReport(said) {
    compare(said, process.env.stated);
  },
});
openWebKit(`http://${host}/`);
JS
