// A real browser on the dashboard: live figures, its pictures, a phone, and a server that goes and comes back.
import * as assert from 'uvu/assert';
import { addDashboardRoutes } from '../../src/demo/dashboard.js';
import { addEchoRoutes } from '../../src/demo/echo.js';
import { connect, createServer } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { launchBrowser, openPage, type Browser } from './browser.js';

const chromium = suite('chromium: dashboard', { timeout: 120_000 });

let browser: Browser | undefined;

chromium.before(async () => {
  browser = await launchBrowser();
});

chromium.after(async () => {
  await browser?.close();
});

async function start(port = 0): Promise<{ port: number; end(): Promise<void> }> {
  const server = createServer({ onRefuse: () => {} });
  addEchoRoutes(server);
  const end = addDashboardRoutes(server);
  await server.listen(port, '127.0.0.1');
  return {
    port: (server.address() as { port: number }).port,
    async end() {
      end();
      await server.close({ timeout: 0 });
    },
  };
}

/** How many points of each picture are drawn in another colour than its ground. */
const DRAWN = `Array.from(document.querySelectorAll('canvas'), (canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, index) => index % 4 === 3 && value > 0).length;
})`;

for (const [name, viewport, colorScheme] of [
  ['a phone', { width: 360, height: 740 }, 'dark'],
  ['a screen', { width: 1280, height: 800 }, 'light'],
] as const) {
  chromium(`on ${name}, it shows what happens`, async () => {
    const demo = await start();
    await openPage(browser!, `http://127.0.0.1:${demo.port}/dashboard/`, async (page) => {
      await page.waitForSelector('#state[data-state="open"]');
      await page.waitForSelector('[data-value="open"]:text-is("1")');
      const socket = await connect(`ws://127.0.0.1:${demo.port}/echo/`);
      await page.waitForSelector('[data-value="open"]:text-is("2")');
      const talking = setInterval(() => void socket.send('x'.repeat(1000)), 20);
      await page.waitForSelector('[data-value="messagesIn"]:not(:text-is("0"))');
      await page.waitForSelector('[data-value="bytesOut"]:text("kB")');
      clearInterval(talking);
      await connect(`ws://127.0.0.1:${demo.port}/nothing/`).catch(() => {});
      await page.waitForSelector('[data-value="refused"]:text-is("1")');
      for (const points of await page.evaluate<number[]>(DRAWN)) assert.ok(points > 100, `${points} points`);
      // Nothing is wider than the screen.
      assert.is(await page.evaluate<number>('document.documentElement.scrollWidth'), viewport.width);
      await socket.close();
    }, { viewport, colorScheme });
    await demo.end();
  });
}

chromium('it goes on when the server has come back, with nothing of its life before', async () => {
  const before = await start();
  await openPage(browser!, `http://127.0.0.1:${before.port}/dashboard/`, async (page, { complaints }) => {
    await page.waitForSelector('[data-value="open"]:text-is("1")');
    await before.end();
    await page.waitForSelector('#state[data-state="waiting"]');
    const after = await start(before.port);
    await page.waitForSelector('#state[data-state="open"]');
    await page.waitForSelector('[data-value="opened"]:text-is("1")');
    await after.end();
    // The browser complains of each connection that fails.
    for (const complaint of complaints.splice(0)) assert.match(complaint, /ERR_|WebSocket connection|Failed to load/);
  });
});

chromium.run();
