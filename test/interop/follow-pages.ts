// Pages that follow a feed: each update once, through a restart and a reload, and where no WebSocket gets through. Each
// browser has the same tests.
import * as assert from 'uvu/assert';
import { createFeed, createServer, serveFeed, type Feed, type Request, type Server } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { openPage, type Browser, type Page } from './browser.js';

const PAGE = `<!doctype html><title>follow</title><link rel="icon" href="data:,"><p></p><script type="module">
  import { follow } from '/feed?module';
  globalThis.transports = [];
  const onChange = ({ state, transport }) => state === 'open' && transports.push(transport);
  for await (const { value, missed } of follow('/feed', { minDelay: 50, maxDelay: 200, onChange })) {
    document.querySelector('p').append(value + (missed === undefined ? '' : '!' + missed), ' ');
  }
</script>`;

/** Serves the page and a feed on a port, 0 for any; `isBlocked` refuses WebSockets, as some proxies do. */
async function start(feed: Feed<number>, port = 0, isBlocked = false): Promise<{ server: Server; port: number }> {
  const server = createServer({ onRefuse: () => {} });
  const headers = { 'Content-Type': 'text/html', 'Cache-Control': 'no-store' };
  server.route('/', () => ({ headers, body: PAGE }));
  const authorize = ({ headers }: Request): boolean => !isBlocked || !headers.has('upgrade');
  server.route('/feed', serveFeed(feed, { authorize }));
  await server.listen(port, '127.0.0.1');
  return { server, port: (server.address() as { port: number }).port };
}

async function shows(page: Page, text: string): Promise<void> {
  await page.waitForFunction(`document.querySelector('p').textContent === ${JSON.stringify(`${text} `)}`);
}

/**
 * Adds the suite of a browser.
 * @param complaint what it says on the console of a connection that fails
 */
export function testFollow(name: string, launch: () => Promise<Browser>, complaint: RegExp): void {
  const test = suite(`${name}: follow`, { timeout: 120_000 });
  let browser: Browser | undefined;

  test.before(async () => {
    browser = await launch();
  });

  test.after(async () => {
    await browser?.close();
  });

  for (const isBlocked of [false, true]) {
    const where = isBlocked ? ', without WebSockets' : '';
    test(`each number once, through a restart, a new life and a reload${where}`, async () => {
      const feed = createFeed<number>();
      void feed.publish(1);
      const before = await start(feed, 0, isBlocked);
      await openPage(browser!, `http://127.0.0.1:${before.port}/`, async (page, { complaints }) => {
        await shows(page, '1');
        void feed.publish(2);
        await shows(page, '1 2');
        await before.server.close({ timeout: 0 });
        void feed.publish(3);
        const after = await start(feed, before.port, isBlocked);
        void feed.publish(4);
        await shows(page, '1 2 3 4');
        await after.server.close({ timeout: 0 });
        const another = createFeed<number>();
        for (const number of [5, 6, 7, 8, 9]) void another.publish(number);
        const last = await start(another, before.port, isBlocked);
        await shows(page, '1 2 3 4 5!unknown 6 7 8 9');
        await page.reload();
        await shows(page, '5 6 7 8 9');
        void another.publish(10);
        await shows(page, '5 6 7 8 9 10');
        const transports = await page.evaluate<string[]>('transports');
        assert.is(transports.at(0), isBlocked ? 'streaming' : 'websocket');
        await last.server.close({ timeout: 0 });
        for (const each of complaints.splice(0)) assert.match(each, complaint);
      });
    });
  }

  test.run();
}
