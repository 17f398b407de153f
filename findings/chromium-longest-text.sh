#!/usr/bin/env bash
# Chromium 156.0.8078.108 (Debian package chromium)
#
# A text message of 536,870,888 bytes of ASCII reaches the page. One of a single byte more reaches it, too: as a message
# whose data is the empty string. There is no error, no close event, and the connection goes on.
#
# Why nobody could have guessed: who can't take a message is to fail the connection, and RFC 6455 has 1009 for it. Here
# the page can't tell the largest of messages from an empty one.
# twobyte: docs/api.md tells to send in several messages what may be large.
#
# seen: 536870888 arrive as 536870888, 536870889 arrive as 0, then 5 arrive as 5
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian chromium

node --input-type=module - << 'JS'
import { once } from 'node:events';
import { compare, frameHeader, openChromium, serve } from './support/peer.mjs';

const pages = {
  '/': `<script>
    const lengths = [];
    const socket = connect('/');
    socket.onmessage = ({ data }) => {
      lengths.push(data.length);
      if (lengths.length === 3) report(lengths);
    };
    socket.onclose = ({ code }) => report(['close', code]);
  </script>`,
};
const SENT = [536_870_888, 536_870_889, 5];
const block = Buffer.alloc(1_048_576, 'a');

const host = await serve({
  pages,
  async onSocket(socket) {
    for (const length of SENT) {
      socket.write(frameHeader(0x1, length));
      for (let left = length; left > 0; left -= block.length) {
        if (!socket.write(block.subarray(0, left))) await once(socket, 'drain');
      }
    }
  },
  onReport(lengths) {
    const [first, second, third] = SENT.map((sent, index) => `${sent} arrive as ${lengths[index]}`);
    compare(`${first}, ${second}, then ${third}`, process.env.stated);
  },
});
openChromium(`http://${host}/`);
JS
