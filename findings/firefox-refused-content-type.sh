#!/usr/bin/env bash
# Firefox 153.8.0esr (Debian package firefox-esr 153.8.0esr-1~deb12u1), driven by puppeteer-core 24.43.1 (npm)
#
# A page asks for a WebSocket over its session of HTTP/2 (RFC 8441), and the server refuses it with 404 or 403. If that
# response has a Content-Type, Firefox never uses the session again: it sends GOAWAY with NO_ERROR, and makes another TLS
# connection for the next request. Without one, with whatever other fields and a body or none, the session goes on.
#
# Why nobody could have guessed: a response concerns its stream; no field of it says anything of the session; and
# Chromium, and Firefox for a fetch that gets the same response, keep theirs.
# twobyte: a refused WebSocket costs Firefox one more TLS handshake, and nothing is lost.
#
# seen: after a 404 without fields 1 session, with X-Field 1, with Content-Length 1, with Content-Type 2, for fetch 1
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian firefox-esr openssl
from_npm puppeteer-core@24.43.1
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" -days 2 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> /dev/null

cat > "$scratch/refused.cjs" << 'JS'
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { createSecureServer } = require('node:http2');
const puppeteer = require('puppeteer-core');

const [key, cert] = ['key.pem', 'certificate.pem'].map((name) => readFileSync(`${process.env.scratch}/${name}`));
const FIELDS = { '/x-field': { 'x-field': 'a' }, '/content-length': { 'content-length': 0 } };
FIELDS['/content-type'] = FIELDS['/fetch'] = { 'content-type': 'text/plain' };

/** How many sessions there are when the path was refused, and a WebSocket was opened after that. */
async function countSessions(browser, path) {
  const settings = { enableConnectProtocol: true };
  const server = createSecureServer({ key, cert, settings });
  const sessions = new Set();
  server.on('stream', (stream, { ':path': asked, ':method': method }) => {
    sessions.add(stream.session);
    stream.on('error', () => {});
    if (asked === path) return stream.respond({ ':status': 404, ...FIELDS[path] }, { endStream: true });
    stream.respond({ ':status': 200, ...(method === 'GET' && { 'content-type': 'text/html' }) });
    if (method === 'GET') stream.end('<!doctype html><link rel="icon" href="data:,">');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.goto(`https://localhost:${server.address().port}/`);
  await page.evaluate(async (path) => {
    const open = (path) => new Promise((resolve) => {
      const socket = new WebSocket(`wss://${location.host}${path}`);
      socket.onopen = socket.onclose = resolve;
    });
    await (path === '/fetch' ? fetch(path).then((response) => response.text()) : open(path));
    await open('/open');
  }, path);
  const { size } = sessions;
  await context.close();
  for (const session of sessions) session.destroy();
  server.close();
  return size;
}

async function main() {
  const executablePath = '/usr/bin/firefox-esr';
  const options = { browser: 'firefox', executablePath, headless: true, acceptInsecureCerts: true };
  const browser = await puppeteer.launch(options);
  const counts = [];
  for (const path of ['/none', '/x-field', '/content-length', '/content-type', '/fetch']) {
    counts.push(await countSessions(browser, path));
  }
  const [none, field, length, type, fetched] = counts;
  const named = `with X-Field ${field}, with Content-Length ${length}, with Content-Type ${type}, for fetch ${fetched}`;
  console.log(`after a 404 without fields ${none} session, ${named}`);
  await browser.close();
  process.exit();
}
void main();
JS
compare "$(NODE_PATH="$scratch/node_modules" timeout 80 node "$scratch/refused.cjs")"
