// Chromium's WebSocket as the client of our server.
import { suite } from '../runner/suite.js';
import { launchBrowser, type Browser } from './browser.js';
import { addClientExchanges } from './client-exchanges.js';
import { everySetting } from './recorder.js';

const chromium = suite('chromium-client');

let browser: Browser | undefined;

chromium.before(async () => {
  browser = await launchBrowser();
});

chromium.after(async () => {
  await browser?.close();
});

/** Performs an exchange on a page of the server's own, as browsers are let in from there only. */
async function perform(origin: string, exchange: string, argument: unknown): Promise<unknown> {
  const context = await browser!.newContext({});
  try {
    const page = await context.newPage();
    const script = `${origin.replace('ws:', 'http:')}/javascript-exchanges.mjs`;
    await page.goto(script);
    const args = ['globalThis', ...[origin, exchange, argument].map((value) => JSON.stringify(value))];
    return await page.evaluate(`import('${script}').then(({ perform }) => perform(${args.join()}))`);
  } finally {
    await context.close();
  }
}

addClientExchanges(chromium, {
  perform,
  canPing: false,
  canFragment: false,
  canDeflate: true,
  compresses: everySetting,
  refusedCodes: [],
});

chromium.run();
