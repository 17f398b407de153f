// What Chromium puts into the heads of its requests: `node dist/bench/polling/capture.js` writes the fixture anew.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from '../../test/interop/browser.js';
import { FIXTURE, type CapturedHeaders, type Fields } from './headers.js';

/** A session of 256 random bits in base64url, as a server's cookie carries it. */
const COOKIE = 'session=kZ3vQm8T1xWb5YdR0uNc7LhJ2sFgAeVpIoKtXyU4w6E';

const script = /* js */ `(async () => {
  await (await fetch('/polling?after=1')).text();
  await (await fetch('/latest')).text();
  await (await fetch('/latest')).text();
  await new Promise((resolve) => { new EventSource('/streaming?after=1').onopen = resolve; });
  await new Promise((resolve) => { new WebSocket('ws://' + location.host + '/websocket?after=1').onerror = resolve; });
})()`;

/** Opens a page that was given a session cookie, and lets it ask in each way. */
export async function captureHeaders(): Promise<CapturedHeaders> {
  const requests = new Map<string, IncomingMessage>();
  const server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!;
    requests.set(path, request);
    if (path === '/') response.setHeader('Set-Cookie', `${COOKIE}; HttpOnly; SameSite=Lax; Path=/`);
    if (path === '/latest') response.setHeader('ETag', '"1000000"').setHeader('Cache-Control', 'no-cache');
    response.setHeader('Content-Type', path === '/streaming' ? 'text/event-stream' : 'text/html');
    if (request.headers['if-none-match'] !== undefined) response.writeHead(304).end();
    else if (path === '/streaming') response.write(':\n\n');
    else response.end('<!doctype html><title>capture</title>');
  });
  server.on('upgrade', (request, socket) => {
    requests.set('/websocket', request);
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  // The browser first: where there is none, nothing is left open.
  const browser = await launchBrowser();
  try {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const page = await (await browser.newContext({})).newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.evaluate(script);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
  const fields = (path: string): Fields => fieldsOf(requests.get(path)!);
  const [, version = ''] = / ((?:Headless)?Chrome\/[\d.]+)/.exec(requests.get('/')!.headers['user-agent']!) ?? [];
  return {
    browser: version,
    fetch: fields('/polling'),
    conditional: fields('/latest'),
    eventSource: fields('/streaming'),
    webSocket: fields('/websocket'),
  };
}

function fieldsOf({ rawHeaders }: IncomingMessage): Fields {
  const pairs = rawHeaders.flatMap((name, index) => {
    return index % 2 === 0 ? [[name, rawHeaders[index + 1]!] as const] : [];
  });
  // A Referer and an Origin carry the port too; five digits, as all ports that the system gives out.
  return pairs
    .filter(([name]) => name !== 'Host')
    .map(([name, value]) => [name, value.replace(/127\.0\.0\.1:\d+/, '127.0.0.1:00000')] as const);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const captured = await captureHeaders();
  writeFileSync(FIXTURE, `${JSON.stringify(captured, null, 2)}\n`);
  console.log(`${captured.browser}: ${FIXTURE}`);
}
