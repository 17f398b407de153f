// Pages that open WebSockets on their browser's connection of HTTP/2: to a server of node:http2 that ours is attached
// to, directly and through proxies. Each browser has the same tests.
import { createSecureServer, createServer as createCleartextServer, type OutgoingHttpHeaders } from 'node:http2';
import * as assert from 'uvu/assert';
import { createServer, requireWebSocket, type Close } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { SessionServer } from '../support/peers/raw-session.js';
import { until } from '../server/harness.js';
import { openPage, type Browser, type Page, type Traces } from './browser.js';
import { http2Programs } from './proxy-programs.js';
import { startProxy, type ProxyProgram } from './reverse-proxy.js';

const PAGE = '<!doctype html><link rel="icon" href="data:,"><title>WebSocket over HTTP/2</title>';

/** What has come to a server. */
interface Served {
  /** Version and method of each request; method of each WebSocket, and from which version a proxy has it. */
  readonly requests: string[];
  readonly closes: Close[];
  readonly host: SessionServer;
}

type Use = (page: Page, served: Served, traces: Traces) => Promise<void>;

/** A server, and a page of it. @param program of the proxy in between, if there is one. */
async function withPage(browser: Browser, use: Use, program?: ProxyProgram): Promise<void> {
  const requests: string[] = [];
  const closes: Close[] = [];
  const app = (
    request: { readonly httpVersion: string; readonly method: string },
    response: { writeHead(status: number, headers: OutgoingHttpHeaders): unknown; end(body: string): unknown },
  ): void => {
    requests.push(`HTTP/${request.httpVersion} ${request.method}`);
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(PAGE);
  };
  // Where a browser connects, HTTP/1.1 is there to be chosen.
  const tls = { key: privateKey, cert: certificate, allowHTTP1: true };
  await using host = new SessionServer(program ? createCleartextServer(app) : createSecureServer(tls, app));
  const onClose = (close: Close): void => void closes.push(close);
  const server = createServer({ deflate: true, onRefuse: () => {}, onClose });
  server.route('/echo', requireWebSocket(async ({ webSocket, method, headers }) => {
    requests.push([method, headers.get('via') ?? []].flat().join(' '));
    for await (const message of webSocket) await webSocket.send(message);
  }, { subprotocols: ['chat'] }));
  server.route('/closes', requireWebSocket(({ webSocket }) => webSocket.close(3001, 'server')));
  server.attach(host.server);
  await host.listen();
  const proxy = program && await startProxy(program, host.port);
  try {
    const url = `${proxy?.origins.wss.replace('wss', 'https') ?? `https://127.0.0.1:${host.port}`}/`;
    const served = { requests, closes, host };
    await openPage(browser, url, (page, traces) => use(page, served, traces), { ignoreHTTPSErrors: true });
  } finally {
    await server.close({ timeout: 0 });
    await proxy?.[Symbol.asyncDispose]();
  }
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

const CONVERSATION = script(
  '/echo', ['chat'], "socket.send('hello'); socket.send(new Uint8Array(1 << 20));",
  "if (heard.length === 2) socket.close(3000, 'done');",
);

const SAID = {
  // The server answers with the code alone.
  heard: ['hello', 1 << 20], code: 3000, reason: '', wasClean: true, protocol: 'chat',
  extensions: 'permessage-deflate',
};

/**
 * Adds the suite of a browser.
 * @param refusal what it tells of a refused WebSocket on the console
 */
export function testHttp2Pages(name: string, launch: () => Promise<Browser>, refusal: RegExp): void {
  const test = suite(`${name} over HTTP/2`, { timeout: 120_000 });
  let browser: Browser | undefined;

  test.before(async () => {
    browser = await launch();
  });

  test.after(async () => {
    await browser?.close();
  });

  test('it asks by extended CONNECT on the session of the page, and talks, and closes', async () => {
    await withPage(browser!, async (page, { requests, closes, host }) => {
      assert.equal(await page.evaluate(CONVERSATION), SAID);
      await until('it has ended', () => closes.length === 1);
      assert.equal(closes, [{ code: 3000, reason: 'done', wasClean: true }]);
      assert.equal(requests, ['HTTP/2.0 GET', 'CONNECT']);
      assert.is(host.sessions.size, 1);
    });
  });

  test('a refusal, and the session goes on', async () => {
    await withPage(browser!, async (page, { requests, host }, { complaints }) => {
      const { heard, code } = await page.evaluate<Close & { heard: unknown[] }>(script('/nowhere', [], ''));
      assert.equal([heard, code], [[], 1006]);
      assert.match(complaints.splice(0).join(), refusal);
      await page.evaluate(script('/echo', [], 'socket.close();'));
      assert.equal(requests, ['HTTP/2.0 GET', 'CONNECT']);
      // Firefox gives up a session after a refusal with a Content-Type (findings/firefox-refused-content-type.sh).
      assert.is(host.sessions.size, name === 'firefox' ? 2 : 1);
    });
  });

  test('a page that is left ends its WebSockets', async () => {
    await withPage(browser!, async (page, { closes, requests }) => {
      void page.evaluate(script('/echo', [], '')).catch(() => {});
      await until('it is open', () => requests.length === 2);
      await page.reload();
      await until('it has ended', () => closes.length === 1);
      assert.ok([1001, 1006].includes(closes[0]!.code), `${closes[0]!.code}`);
    });
  });

  test('the server closes', async () => {
    await withPage(browser!, async (page, { closes }) => {
      const { code, reason, wasClean } = await page.evaluate<Close>(script('/closes', [], ''));
      assert.equal([code, reason, wasClean], [3001, 'server', true]);
      await until('it has ended', () => closes.length === 1);
      assert.equal(closes.map((close) => close.code), [3001]);
    });
  });

  test('100 at once on one session', async () => {
    await withPage(browser!, async (page, { requests, host }) => {
      const one = script('/echo', [], "socket.send('hello');", 'socket.close();');
      const all = await page.evaluate<{ heard: string[]; wasClean: boolean }[]>(
        `Promise.all(Array.from({ length: 100 }, () => ${one}))`,
      );
      for (const { heard, wasClean } of all) assert.equal([heard, wasClean], [['hello'], true]);
      assert.equal([requests.filter((request) => request === 'CONNECT').length, host.sessions.size], [100, 1]);
    });
  });

  for (const [proxy, programOf] of Object.entries(http2Programs)) {
    test(`through ${proxy}, on both sides of it`, async () => {
      await withPage(browser!, async (page, { requests, closes }) => {
        assert.equal(await page.evaluate(CONVERSATION), SAID);
        await until('it has ended', () => closes.length === 1);
        assert.equal(closes, [{ code: 3000, reason: 'done', wasClean: true }]);
        assert.equal(requests, ['HTTP/2.0 GET', `CONNECT 2 ${proxy}`]);
      }, programOf('h2'));
    });
  }

  test.run();
}
