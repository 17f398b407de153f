// A real browser on the demo's page: what a person does there, and what they see.
import * as assert from 'uvu/assert';
import { createServer } from '../../src/index.js';
import { addPageFiles, readPage } from '../../src/demo/page-file.js';
import type { Reply } from '../../src/server/reply.js';
import { startDemo } from '../support/demo.js';
import { suite } from '../runner/suite.js';
import { launchBrowser, openPage, type Browser, type ContextOptions, type Page, type Use } from './browser.js';

const chromium = suite('chromium', { timeout: 120_000 });

let browser: Browser | undefined;

chromium.before(async () => {
  browser = await launchBrowser();
});

chromium.after(async () => {
  await browser?.close();
});

/** Opens a page; see `openPage`. */
async function withPage(url: string, use: Use, options: ContextOptions = {}): Promise<void> {
  await openPage(browser!, url, use, options);
}

async function state(page: Page, name: string): Promise<string | null> {
  await page.waitForSelector(`#state[data-state="${name}"]`);
  return await page.textContent('#state');
}

/** Connects with the mouse. */
async function connect(page: Page): Promise<void> {
  await page.click('#connect');
  await state(page, 'open');
}

/** Sends with the mouse, and waits for the echo. */
async function send(page: Page, text: string): Promise<void> {
  const count = await page.evaluate<number>('messages.childElementCount');
  await page.fill('#message', text);
  await page.click('#send');
  await page.waitForSelector(`#messages li:nth-child(${count + 2})`);
}

/** The messages as they stand in the list: what, and which way, but for the time. */
async function messages(page: Page): Promise<string[]> {
  return await page.evaluate(`Array.from(document.querySelectorAll('#messages li'), (item) => [
    ...['.direction', '.kind', '.size', '.content'].map((selector) => item.querySelector(selector).textContent),
  ].join(' | '))`);
}

async function enabledButtons(page: Page): Promise<string[]> {
  const names = ['connect', 'close', 'send'];
  const enabled = await Promise.all(names.map((name) => page.isEnabled(`#${name}`)));
  return names.filter((_, index) => enabled[index]);
}

for (const path of ['/home/', '/echo/']) {
  chromium(`${path}: connects, sends, sees each message back, closes with 1000`, async () => {
    await using demo = await startDemo();
    const origin = `127.0.0.1:${demo.port}`;
    await withPage(`http://${origin}${path}`, async (page) => {
      assert.is(await state(page, 'closed'), 'Not connected');
      assert.equal(await enabledButtons(page), ['connect']);

      await page.click('#connect');
      assert.is(await state(page, 'open'), `Connected to ws://${origin}/echo/`);
      assert.equal(await enabledButtons(page), ['close', 'send']);

      for (const text of ['Hello, World!', '你好', '🎉', '']) await send(page, text);
      await page.click('#binary');
      await send(page, 'é');
      assert.equal(await messages(page), [
        'received | binary | 2 bytes | c3 a9',
        'sent | binary | 2 bytes | c3 a9',
        'received | text | 0 bytes | ',
        'sent | text | 0 bytes | ',
        'received | text | 4 bytes | 🎉',
        'sent | text | 4 bytes | 🎉',
        'received | text | 6 bytes | 你好',
        'sent | text | 6 bytes | 你好',
        'received | text | 13 bytes | Hello, World!',
        'sent | text | 13 bytes | Hello, World!',
      ]);
      assert.match((await page.textContent('#messages time'))!, /^\d\d:\d\d:\d\d$/);

      const [connection] = demo.server.connections;
      await page.click('#close');
      assert.is(await state(page, 'closed'), 'Closed with 1000 (normal closure)');
      assert.equal(await enabledButtons(page), ['connect']);
      assert.equal(await connection!.closed, { code: 1000, reason: '', wasClean: true });
    });
    assert.equal(demo.errors, []);
  });
}

chromium('connects again after a restart of the server, and says so while it is away', async () => {
  const first = await startDemo();
  const { port } = first;
  await withPage(`http://127.0.0.1:${port}/home/`, async (page, { complaints }) => {
    await connect(page);
    await first.server.close();
    assert.is(await state(page, 'closed'), 'Closed with 1001 (going away): the server is closing');
    assert.equal(complaints, []);

    await page.click('#connect');
    assert.is(await state(page, 'away'), 'The server is away (1006): start it, then connect again.');
    assert.equal(await enabledButtons(page), ['connect']);
    // The browser itself complains of a connection that was refused; no page can keep it from that.
    assert.match(complaints.splice(0).join(), /^error: WebSocket connection to .* failed: .*ERR_CONNECTION_REFUSED$/);

    await using second = await startDemo({}, port);
    await connect(page);
    await send(page, 'Hello again');
    assert.is((await messages(page))[0], 'received | text | 11 bytes | Hello again');
    assert.is(second.server.connections.size, 1);
    await page.click('#close');
    await state(page, 'closed');
  });
});

chromium('says when the connection breaks off', async () => {
  await using demo = await startDemo();
  await withPage(`http://127.0.0.1:${demo.port}/home/`, async (page) => {
    await connect(page);
    for (const connection of demo.server.connections) connection.terminate();
    assert.is(await state(page, 'away'), 'The connection broke off (1006): connect again.');
    await connect(page);
  });
});

for (const [reply, answer] of [
  ['plain HTTP only', '200'],
  [{ status: 403 }, '403'],
  [{ status: 503 }, '503'],
  [{ status: 302, headers: { Location: '/login/' } }, 'a redirect'],
] satisfies [Reply, string][]) {
  chromium(`says that the server is there where it answers a handshake otherwise: ${answer}`, async () => {
    const server = createServer();
    addPageFiles(server, readPage('home'));
    server.route('/echo/', () => reply);
    await server.listen(0, '127.0.0.1');
    const { port } = server.address() as { port: number };
    try {
      await withPage(`http://127.0.0.1:${port}/home/`, async (page, { complaints }) => {
        await page.click('#connect');
        const text = `The server is there, but opened no WebSocket (1006): it answers HTTP with ${answer}.`;
        assert.is(await state(page, 'away'), text);
        assert.equal(await enabledButtons(page), ['connect']);
        // What the browser says to each of the two requests, if it wasn't answered with 101 or 200.
        const expected = /failed: Error during WebSocket handshake|^error: Failed to load resource: .* status of [45]/;
        assert.equal(complaints.splice(0).filter((complaint) => !expected.test(complaint)), []);
      });
    } finally {
      await server.close({ timeout: 0 });
    }
  });
}

chromium('a page that is left closes its connection, and says so to who comes back', async () => {
  const keeping = await launchBrowser(true);
  try {
    await using demo = await startDemo();
    await openPage(keeping, `http://127.0.0.1:${demo.port}/home/`, async (page) => {
      await connect(page);
      await send(page, 'before');
      const [connection] = demo.server.connections;
      await page.click('a[href="/race/"]');
      assert.equal(await connection!.closed, { code: 1005, reason: '', wasClean: true });
      await page.waitForSelector('#state[data-state="running"]');
      await page.goBack({ waitUntil: 'commit' });
      assert.is(await state(page, 'closed'), 'Closed when you left this page: connect again.');
      assert.equal(await enabledButtons(page), ['connect']);
      await connect(page);
      await send(page, 'after');
      assert.equal(await messages(page), ['after', 'before'].flatMap((text) => {
        const size = `${text.length} bytes`;
        return [`received | text | ${size} | ${text}`, `sent | text | ${size} | ${text}`];
      }));
    });
  } finally {
    await keeping.close();
  }
});

chromium('says when a message was too long', async () => {
  await using demo = await startDemo({ maxMessageBytes: 5 });
  await withPage(`http://127.0.0.1:${demo.port}/home/`, async (page) => {
    await connect(page);
    await page.fill('#message', 'Hello!');
    await page.click('#send');
    assert.match((await state(page, 'closed'))!, /^Closed with 1009 \(message too big\): /);
  });
});

chromium('by keyboard alone, with the focus in sight', async () => {
  await using demo = await startDemo();
  await withPage(`http://127.0.0.1:${demo.port}/home/`, async (page) => {
    async function expectFocus(id: string): Promise<void> {
      const focused = '[document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]';
      assert.equal(await page.evaluate(focused), [id, 'solid']);
    }

    await page.keyboard.press('Tab');
    await expectFocus('connect');
    await page.keyboard.press('Enter');
    await state(page, 'open');
    await expectFocus('message');

    await page.keyboard.press('Control+A');
    await page.keyboard.type('typed');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#messages li:nth-child(2)');
    assert.equal(await messages(page), ['received | text | 5 bytes | typed', 'sent | text | 5 bytes | typed']);
    await expectFocus('message');

    await page.keyboard.press('Tab');
    await expectFocus('binary');
    await page.keyboard.press('Space');
    await page.keyboard.press('Tab');
    await expectFocus('send');
    await page.keyboard.press('Space');
    await page.waitForSelector('#messages li:nth-child(4)');
    assert.is((await messages(page))[0], 'received | binary | 0 bytes | ');

    await page.keyboard.press('Shift+Tab');
    await expectFocus('close');
    await page.keyboard.press('Enter');
    await state(page, 'closed');
    await expectFocus('connect');
  });
});

chromium('without the script, the form goes to the same route over HTTP', async () => {
  await using demo = await startDemo();
  const origin = `http://127.0.0.1:${demo.port}`;
  await withPage(`${origin}/home/`, async (page, { complaints }) => {
    await page.fill('#message', 'a & b');
    await page.click('#send');
    await page.waitForURL(`${origin}/echo/?message=a+%26+b`);
    assert.is(await page.textContent('body'), 'a & b');
    // A text has no icon of its own, so the browser may ask for the site's.
    complaints.length = 0;
  }, { javaScriptEnabled: false });
});

for (const colorScheme of ['light', 'dark'] as const) {
  chromium(`fits a phone of 360 pixels, ${colorScheme}`, async () => {
    await using demo = await startDemo();
    await withPage(`http://127.0.0.1:${demo.port}/home/`, async (page) => {
      await connect(page);
      await send(page, 'W'.repeat(500));
      const widths = '[document.documentElement.scrollWidth, document.documentElement.clientWidth]';
      assert.equal(await page.evaluate(widths), [360, 360]);
      const heights = `Array.from(document.querySelectorAll('button, #message'), (one) => one.offsetHeight)`;
      assert.ok((await page.evaluate<number[]>(heights)).every((height) => height >= 44), 'too small for a finger');
      const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      assert.is(background, colorScheme === 'light' ? 'rgb(243, 245, 248)' : 'rgb(16, 20, 27)');
    }, { colorScheme, viewport: { width: 360, height: 640 } });
  });
}

chromium.run();
