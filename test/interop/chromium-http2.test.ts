// A real browser that opens WebSockets on its connection of HTTP/2, to a server of node:http2 that ours is attached to.
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { createServer, requireWebSocket, type Close } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { until } from '../server/harness.js';
import { launchBrowser, openPage, type Browser, type Page, type Traces } from './browser.js';

const chromium = suite('chromium over HTTP/2', { timeout: 120_000 });

let browser: Browser | undefined;

chromium.before(async () => {
  browser = await launchBrowser();
});

chromium.after(async () => {
  await browser?.close();
});

const PAGE = '<!doctype html><link rel="icon" href="data:,"><title>WebSocket over HTTP/2</title>';

/** A server, what has come to it, and a page of it. */
async function withPage(use: (page: Page, served: Served, traces: Traces) => Promise<void>): Promise<void> {
  const served: Served = { methods: [], closes: [], sessions: new Set() };
  // HTTP/1.1 is there to be chosen.
  const http2Server = createSecureServer({ key: privateKey, cert: certificate, allowHTTP1: true });
  http2Server.on('request', (request, response) => {
    served.methods.push(`HTTP/${request.httpVersion} ${request.method}`);
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(PAGE);
  });
  http2Server.on('session', (session) => void served.sessions.add(session));
  const onClose = (close: Close): void => void served.closes.push(close);
  const server = createServer({ deflate: true, onRefuse: () => {}, onClose });
  server.route('/echo', requireWebSocket(async ({ webSocket, method }) => {
    served.methods.push(method);
    for await (const message of webSocket) await webSocket.send(message);
  }, { subprotocols: ['chat'] }));
  server.route('/closes', requireWebSocket(({ webSocket }) => webSocket.close(3001, 'server')));
  server.attach(http2Server);
  await new Promise<void>((resolve) => http2Server.listen(0, '127.0.0.1', resolve));
  const { port } = http2Server.address() as AddressInfo;
  try {
    const url = `https://127.0.0.1:${port}/`;
    const options = { ignoreHTTPSErrors: true };
    await openPage(browser!, url, (page, traces) => use(page, served, traces), options);
  } finally {
    await server.close({ timeout: 0 });
    for (const session of served.sessions) session.destroy();
    await new Promise<unknown>((resolve) => http2Server.close(resolve));
  }
}

interface Served {
  readonly methods: string[];
  readonly closes: Close[];
  readonly sessions: Set<ServerHttp2Session>;
}

/** An expression that opens a WebSocket, says what comes of it, and how it has ended. */
function script(path: string, subprotocols: readonly string[], onOpen: string, onMessage = ''): string {
  return `new Promise((resolve) => {
    const heard = [];
    const socket = new WebSocket(\`wss://\${location.host}${path}\`, ${JSON.stringify(subprotocols)});
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { ${onOpen} };
    socket.onmessage = ({ data }) => {
      heard.push(typeof data === 'string' ? data : data.byteLength);
      ${onMessage}
    };
    socket.onclose = ({ code, reason, wasClean }) => resolve({
      heard, code, reason, wasClean, protocol: socket.protocol, extensions: socket.extensions,
    });
  })`;
}

chromium('it asks by extended CONNECT on the session of the page, and talks, and closes', async () => {
  await withPage(async (page, { methods, closes, sessions }) => {
    const said = await page.evaluate(script(
      '/echo', ['chat'], "socket.send('hello'); socket.send(new Uint8Array(1 << 20));",
      "if (heard.length === 2) socket.close(3000, 'done');",
    ));
    assert.equal(said, {
      // The server answers with the code alone.
      heard: ['hello', 1 << 20], code: 3000, reason: '', wasClean: true, protocol: 'chat',
      extensions: 'permessage-deflate',
    });
    assert.equal(closes, [{ code: 3000, reason: 'done', wasClean: true }]);
    assert.equal(methods, ['HTTP/2.0 GET', 'CONNECT']);
    assert.is(sessions.size, 1);
  });
});

chromium('a refusal, and the session goes on', async () => {
  await withPage(async (page, { methods, sessions }, { complaints }) => {
    const { heard, code } = await page.evaluate<Close & { heard: unknown[] }>(script('/nowhere', [], ''));
    assert.equal([heard, code], [[], 1006]);
    assert.match(complaints.splice(0).join(), /^error: WebSocket connection to .* failed: .*404/);
    await page.evaluate(script('/echo', [], 'socket.close();'));
    assert.equal([methods, sessions.size], [['HTTP/2.0 GET', 'CONNECT'], 1]);
  });
});

chromium('a page that is left ends its WebSockets', async () => {
  await withPage(async (page, { closes, methods }) => {
    void page.evaluate(script('/echo', [], '')).catch(() => {});
    await until('it is open', () => methods.length === 2);
    await page.reload();
    await until('it has ended', () => closes.length === 1);
    assert.ok([1001, 1006].includes(closes[0]!.code), `${closes[0]!.code}`);
  });
});

chromium('the server closes', async () => {
  await withPage(async (page, { closes }) => {
    const { code, reason, wasClean } = await page.evaluate<Close>(script('/closes', [], ''));
    assert.equal([code, reason, wasClean], [3001, 'server', true]);
    assert.equal(closes.map((close) => close.code), [3001]);
  });
});

chromium('100 at once on one session', async () => {
  await withPage(async (page, { methods, sessions }) => {
    const one = script('/echo', [], "socket.send('hello');", 'socket.close();');
    const all = await page.evaluate<{ heard: string[]; wasClean: boolean }[]>(
      `Promise.all(Array.from({ length: 100 }, () => ${one}))`,
    );
    for (const { heard, wasClean } of all) assert.equal([heard, wasClean], [['hello'], true]);
    assert.equal([methods.filter((method) => method === 'CONNECT').length, sessions.size], [100, 1]);
  });
});

chromium.run();
