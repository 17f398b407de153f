// Makes home.png anew, with Chromium and playwright-core: after `npm ci --prefix test/interop`, `node docs/home.mjs`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { chromium } = createRequire(new URL('../test/interop/package.json', import.meta.url))('playwright-core');
const inRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const args = [inRoot('dist/src/cli.js'), 'serve', '--port', '8000'];
const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
const [line] = await once(server.stdout, 'data');
const home = String(line).split('\n', 1)[0];

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
  await page.goto(home);
  await page.press('#connect', 'Enter');
  await page.waitForSelector('#close:enabled');
  // As a user who types, a second apart; the system needs fonts for all of it (fonts-noto-color-emoji, fonts-wqy-zenhei).
  for (const message of ['Hello, World!', '你好', '🎉']) {
    await page.fill('#message', message);
    await page.press('#message', 'Enter');
    await page.waitForTimeout(1000);
  }
  await page.fill('#message', 'Good morning');
  await page.screenshot({ path: inRoot('docs/home.png') });
} finally {
  await browser.close();
  server.kill();
}
