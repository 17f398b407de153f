#!/usr/bin/env bash
# WebKitGTK 2.50.6 (Debian package libwebkit2gtk-4.1-0)
#
# A server closes with 1012 Service Restart, 1013 Try Again Later or 1014 Bad Gateway. WebKitGTK takes each for a
# violation of the protocol: it answers with Close 1002, and the page is told 1006, not clean. 1011 and 3000 arrive.
#
# Why nobody could have guessed: all three have been in IANA's registry for years, Chromium and Firefox hand them on,
# and they are the very codes by which a server says "come back soon".
# twobyte: sends 1012 only where it is told to (the default is 1001); docs/api.md has a table of what each browser
# shows.
#
# seen: 1011→1011,1011 1012→1002,1006 1013→1002,1006 1014→1002,1006 3000→3000,3000
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian libwebkit2gtk-4.1-0 xvfb xauth

node --input-type=module - << 'JS'
import { closeFrame, compare, onFrame, openWebKit, serve } from './support/peer.mjs';

const CODES = [1011, 1012, 1013, 1014, 3000];
const pages = {
  '/': `<script>
    const closed = (path) => new Promise((resolve) => {
      connect(path).onclose = ({ code }) => resolve(code);
    });
    (async () => {
      const codes = [];
      for (const code of ${JSON.stringify(CODES)}) codes.push(await closed('/' + code));
      report(codes);
    })();
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
    socket.write(closeFrame(Number(path.slice(1))));
  },
  onReport(codes) {
    compare(CODES.map((code, index) => `${code}→${answers[index]},${codes[index]}`).join(' '), process.env.stated);
  },
});
openWebKit(`http://${host}/`);
JS
