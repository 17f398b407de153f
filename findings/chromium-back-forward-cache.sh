#!/usr/bin/env bash
# Chromium 156.0.8078.108 (Debian package chromium)
#
# The page of a WebSocket is left by a link. Chromium puts it into its back/forward cache, and its connection stays
# open: pings are answered and messages taken from TCP, for minutes; what arrives is thrown away. Coming back, the page
# has none of it, its socket is closed with 1006, and only now does the server get a Close, 1001.
#
# Why nobody could have guessed: the plan made public for browsers is to close a WebSocket when its page enters the
# cache, and before that one such connection kept a page out of it. Neither is what happens: a server's sends and pings
# succeed, and nobody sees them.
# twobyte: docs/api.md says what a page has to do on `pagehide` and `pageshow`, and a feed gives it what it has missed.
#
# seen: {"pongs":20,"closedMeanwhile":false,"page":["before","close 1006"],"close":1001}
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian chromium

node --input-type=module - << 'JS'
import { setTimeout as sleep } from 'node:timers/promises';
import { compare, frame, onFrame, openChromium, serve } from './support/peer.mjs';

const AWAY_SECONDS = 5;
const pages = {
  '/first': `<script>
    const seen = [];
    const socket = connect('/');
    socket.onclose = ({ code }) => seen.push('close ' + code);
    socket.onmessage = ({ data }) => {
      seen.push(data);
      location.href = '/second';
    };
    onpageshow = ({ persisted }) => {
      if (persisted) setTimeout(() => report({ page: seen }), 500);
    };
  </script>`,
  '/second': `<script>report('away').then(() => history.back())</script>`,
};
let socket;
let pongs = 0;
let closed = false;
let closedMeanwhile;
let close = null;

const host = await serve({
  pages,
  onSocket(opened) {
    socket = opened;
    onFrame(socket, ({ opcode, code }) => {
      if (opcode === 0xa) pongs++;
      if (opcode === 0x8) close = code;
    });
    socket.on('close', () => (closed = true));
    socket.write(frame(0x1, 'before'));
  },
  async onReport(value) {
    if (value !== 'away') {
      compare(JSON.stringify({ pongs, closedMeanwhile, page: value.page, close }), process.env.stated);
      return;
    }
    for (let count = 0; count < AWAY_SECONDS * 4; count++) {
      socket.write(frame(0x1, `meanwhile ${count}`));
      socket.write(frame(0x9));
      await sleep(250);
    }
    closedMeanwhile = closed || close !== null;
  },
});
openChromium(`http://${host}/first`);
JS
