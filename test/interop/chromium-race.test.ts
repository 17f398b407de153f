// A real browser on the page of the race: four transports at once, and the server's count of what each of them costs.
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { createServer, requireWebSocket, type Feed, type Request, type Server } from '../../src/index.js';
import { addPageFiles, readPage } from '../../src/demo/page-file.js';
import type { Race } from '../../src/demo/race.js';
import { numberOf } from '../../src/demo/transports.js';
import { startDemo, type Demo } from '../support/demo.js';
import { suite } from '../runner/suite.js';
import { launchBrowser, openPage, type Browser, type ContextOptions, type Page, type Use } from './browser.js';

const race = suite('chromium-race', { timeout: 120_000 });

/** From the one that costs least at the page's first settings. */
const LANES = ['websocket', 'streaming', 'long-polling', 'polling'] as const;

/** How often something is looked for, at most: the page's numbers, say, are the server's between two requests. */
const ATTEMPTS = 500;

let browser: Browser | undefined;

race.before(async () => {
  browser = await launchBrowser();
});

race.after(async () => {
  await browser?.close();
});

async function withRace(demo: Demo, use: Use, options: ContextOptions = {}): Promise<void> {
  await openPage(browser!, `http://127.0.0.1:${demo.port}/race/`, use, options);
  assert.equal(demo.errors, []);
}

/** What stands on the page of a lane. */
interface Shown {
  readonly bytes: number;
  readonly requests: number;
  readonly wasted: number;
}

async function shown(page: Page): Promise<Record<string, Shown>> {
  return await page.evaluate(`Object.fromEntries(Array.from(document.querySelectorAll('.lane'), (lane) => {
    const numbers = ['bytes', 'requests', 'wasted'].map((name) => {
      return [name, Number(lane.querySelector('[data-value="' + name + '"]').textContent.replaceAll(',', ''))];
    });
    return [lane.id, Object.fromEntries(numbers)];
  }))`);
}

/** What the server has counted. */
function counted(of: Race): Record<string, Shown> {
  return Object.fromEntries(Object.entries(of.lanes).map(([name, lane]) => {
    const { requests, wasted, bytesRead, bytesWritten } = lane.count();
    return [name, { bytes: bytesRead + bytesWritten, requests, wasted }];
  }));
}

/** Waits until so many updates have reached every lane. */
async function reach(page: Page, count: number): Promise<void> {
  await until(async () => {
    const [, number = '0'] = /same ([\d,]+) updates/.exec((await page.textContent('#verdict'))!) ?? [];
    return Number(number.replaceAll(',', '')) >= count;
  });
}

/** The race of the only page. */
function only({ races }: Demo): Race {
  assert.is(races.size, 1);
  return [...races.values()][0]!;
}

async function choose(page: Page, name: string, value: number): Promise<void> {
  await page.click(`label:has([name="${name}"][value="${value}"])`);
}

/** The number of the newest update. */
async function lastOf(feed: Feed<string>): Promise<number> {
  const { place } = await feed.after('now');
  return numberOf({ id: place });
}

race('all four advance, show what the server has counted, and cost what one expects', async () => {
  await using demo = await startDemo();
  await withRace(demo, async (page) => {
    await page.waitForSelector('#state[data-state="running"]');
    await reach(page, 6);
    await until(async () => JSON.stringify(await shown(page)) === JSON.stringify(counted(only(demo))));
    const numbers = await shown(page);
    const order = Object.keys(numbers).sort((one, other) => numbers[one]!.bytes - numbers[other]!.bytes);
    assert.equal(order, LANES);
    assert.ok(numbers['polling']!.bytes > 5 * numbers['websocket']!.bytes, JSON.stringify(numbers));
    assert.equal([numbers['websocket']!.requests, numbers['streaming']!.requests], [1, 1]);
    assert.ok(numbers['polling']!.wasted > 0 && numbers['polling']!.wasted < numbers['polling']!.requests);
    assert.match((await page.textContent('#verdict'))!, /polling needed [\d.]+ times the bytes of the WebSocket\.$/);
    const { feed } = only(demo);
    const { place } = await feed.after('now');
    await feed.after(place, { wait: 60_000 });
    await reach(page, await lastOf(feed));
  });
});

race('each lane has every update once, in order, and draws it', async () => {
  await using demo = await startDemo();
  await withRace(demo, async (page) => {
    await choose(page, 'interval', 100);
    await reach(page, 30);
    // The page counts what it gets and asks for what comes behind: a gap or a repetition would shift this for ever.
    const asked = `performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => {
      return name.includes('/long-polling?after=');
    }).map((name) => Number(name.split('=')[1])).slice(-20)`;
    const cursors = await page.evaluate<number[]>(asked);
    assert.equal(cursors, [...cursors].sort((a, b) => a - b));
    const last = await lastOf(only(demo).feed);
    assert.ok(Math.abs(last - cursors.at(-1)!) < 10, `${last} ${cursors.at(-1)}`);
    const isDrawn = `Array.from(document.querySelectorAll('canvas'), (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some((part) => part !== 0);
    })`;
    assert.equal(await page.evaluate(isDrawn), [true, true, true, true]);
  }, { reducedMotion: 'reduce' });
});

race('another choice starts another race, with that rate, size and polling', async () => {
  await using demo = await startDemo();
  await withRace(demo, async (page) => {
    await page.waitForSelector('#state[data-state="running"]');
    await choose(page, 'interval', 100);
    await choose(page, 'poll', 3000);
    await choose(page, 'size', 1000);
    // Polling comes last, with a batch.
    await reach(page, 20);
    const { updates } = await only(demo).feed.after('latest');
    assert.is(updates[0]!.value.length, 1000);
    const numbers = await shown(page);
    assert.ok(numbers['polling']!.requests * 4 < numbers['long-polling']!.requests, JSON.stringify(numbers));
    assert.match((await page.textContent('#verdict'))!, /long polling needed [\d.]+ times the bytes of/);
  });
});

race('it stops and starts, by keyboard too, and leaves nothing running', async () => {
  await using demo = await startDemo();
  await withRace(demo, async (page) => {
    await page.waitForSelector('#state[data-state="running"]');
    await page.click('#toggle');
    assert.is(await page.textContent('#state'), 'Stopped');
    assert.is(await page.textContent('#toggle'), 'Start');
    await until(() => demo.races.size === 0 && demo.server.connections.size === 0);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#state[data-state="running"]');
    assert.is(demo.races.size, 1);
    assert.is(await page.textContent('#toggle'), 'Stop');
  });
  await until(() => demo.races.size === 0 && demo.server.connections.size === 0);
});

race('a page that is out of sight rests', async () => {
  await using demo = await startDemo();
  await withRace(demo, async (page) => {
    const look = async (isHidden: boolean): Promise<void> => {
      await page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true })`);
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    };
    await page.waitForSelector('#state[data-state="running"]');
    await look(true);
    await until(() => demo.races.size === 0);
    await look(false);
    await page.waitForSelector('#state[data-state="running"]');
    // Who has stopped it wants it stopped.
    await page.click('#toggle');
    await look(true);
    await look(false);
    assert.is(await page.textContent('#state'), 'Stopped');
  });
});

for (const [what, limits, text] of [
  ['there are too many races', { maxRaces: 0 }, 'Too many races: try again later'],
  ['its time is over', { maxDuration: 5000 }, 'Over after ten minutes'],
] as const) {
  race(`it says when ${what}`, async () => {
    await using demo = await startDemo({}, 0, limits);
    await withRace(demo, async (page) => {
      await until(async () => await page.textContent('#state') === text);
      assert.is(await page.textContent('#toggle'), 'Start');
    });
  });
}

race('it says when the server goes away, and the server does not wait for it', async () => {
  const demo = await startDemo();
  await withRace(demo, async (page, { complaints }) => {
    await page.waitForSelector('#state[data-state="running"]');
    await until(() => demo.server.connections.size === 2);
    const before = performance.now();
    await demo.server.close();
    // The default time to wait is 10 s.
    assert.ok(performance.now() - before < 8000);
    await page.waitForSelector('#state[data-state="away"]');
    assert.is(await page.textContent('#state'), 'The server is away');
    // Whoever asks between the end of the server and that of the control connection: no page can keep this quiet.
    const lost = /ERR_(?:CONNECTION_(?:REFUSED|RESET|CLOSED)|EMPTY_RESPONSE)$/;
    const others = complaints.splice(0).filter((text) => !lost.test(text));
    assert.equal(others, []);
  });
});

race('it says when the connection breaks off', async () => {
  await using demo = await startDemo();
  await withRace(demo, async (page) => {
    await page.waitForSelector('#state[data-state="running"]');
    for (const connection of demo.server.connections) connection.terminate();
    await page.waitForSelector('#state[data-state="away"]');
    assert.is(await page.textContent('#state'), 'The connection broke off');
  });
});

/** Serves the pages, and of what they talk to only what is added. */
async function servePages(add: (server: Server) => void, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer();
  addPageFiles(server, { ...readPage('home'), ...readPage('race') });
  add(server);
  await server.listen(0, '127.0.0.1');
  try {
    await use(`http://127.0.0.1:${(server.address() as { port: number }).port}/race/`);
  } finally {
    await server.close({ timeout: 0 });
  }
}

race('it says that the server is there where it refuses the handshake', async () => {
  await servePages((server) => server.route('/race/control', () => ({ status: 403 })), async (url) => {
    await openPage(browser!, url, async (page, { complaints }) => {
      await page.waitForSelector('#state[data-state="away"]');
      const text = 'The server is there, but opened no WebSocket: it answers HTTP with 403';
      assert.is(await page.textContent('#state'), text);
      assert.is(await page.textContent('#toggle'), 'Start');
      // The browser complains of both.
      assert.is(complaints.splice(0).length, 2);
    });
  });
});

for (const keepsPages of [false, true]) {
  race(`what runs is what is shown, ${keepsPages ? 'with' : 'without'} a cache of pages`, async () => {
    const fresh = await launchBrowser(keepsPages);
    try {
      await using demo = await startDemo();
      await openPage(fresh, `http://127.0.0.1:${demo.port}/race/`, async (page) => {
        /** The settings as they are shown, and what races by them. */
        async function settings(): Promise<string> {
          await page.waitForSelector('#state[data-state="running"]');
          const shown = await page.evaluate<string>('String(new URLSearchParams(new FormData(controls)))');
          const { interval, size } = only(demo);
          assert.match(shown, new RegExp(`^interval=${interval}&.*&size=${size}$`));
          return shown;
        }

        assert.is(await settings(), 'interval=1000&poll=500&size=50');
        await choose(page, 'interval', 100);
        await choose(page, 'size', 1000);
        await until(() => demo.races.size === 1 && only(demo).size === 1000);
        await page.click('a[href="/home/"]');
        await until(() => demo.races.size === 0 && demo.server.connections.size === 0);
        await page.goBack({ waitUntil: 'commit' });
        assert.is(await settings(), 'interval=100&poll=500&size=1000');
        const before = only(demo);
        await page.reload();
        await until(() => demo.races.size === 1 && only(demo) !== before);
        await settings();
      });
      assert.equal(demo.errors, []);
    } finally {
      await fresh.close();
    }
  });
}

race('a page that is left does not go on connecting', async () => {
  const keeping = await launchBrowser(true);
  try {
    const asking: Request[] = [];
    const authorize = async (request: Request): Promise<boolean> => {
      asking.push(request);
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      return false;
    };
    const add = (server: Server): void => server.route('/race/control', requireWebSocket(() => {}, { authorize }));
    await servePages(add, async (url) => {
      await openPage(keeping, url, async (page) => {
        await until(() => asking.length === 1);
        await page.click('a[href="/home/"]');
        await until(() => asking[0]!.signal.aborted);
      });
    });
  } finally {
    await keeping.close();
  }
});

for (const [width, colorScheme] of [[360, 'light'], [390, 'dark'], [700, 'light'], [1280, 'dark']] as const) {
  race(`nothing sticks out at ${width} pixels, ${colorScheme}`, async () => {
    await using demo = await startDemo();
    await withRace(demo, async (page) => {
      await page.waitForSelector('#state[data-state="running"]');
      // As after ten minutes of ten kilobytes ten times a second.
      const most = { bytes: '70,123,456', each: '11,234 B', requests: '12,345', wasted: '12,345', delay: '999 ms' };
      assert.equal(await page.evaluate(`{
        for (const [name, text] of Object.entries(${JSON.stringify(most)})) {
          for (const value of document.querySelectorAll('[data-value="' + name + '"]')) value.textContent = text;
        }
        Array.from(document.querySelectorAll('html, .lane, .lane *')).filter((one) => {
          return one.scrollWidth > one.clientWidth && getComputedStyle(one).display !== 'inline';
        }).map((one) => one.outerHTML);
      }`), []);
      const heights = `Array.from(document.querySelectorAll('button, .options span'), (one) => one.offsetHeight)`;
      assert.ok((await page.evaluate<number[]>(heights)).every((height) => height >= 44), 'too small for a finger');
    }, { colorScheme, viewport: { width, height: 800 } });
  });
}

race('the home page leads there', async () => {
  await using demo = await startDemo();
  await openPage(browser!, `http://127.0.0.1:${demo.port}/home/`, async (page) => {
    await page.click('a[href="/race/"]');
    await page.waitForURL(`http://127.0.0.1:${demo.port}/race/`);
    await page.waitForSelector('#state[data-state="running"]');
  });
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error(`still not: ${condition}`);
}

race.run();
