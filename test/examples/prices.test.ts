// examples/prices: who subscribes gets the prices of these symbols, and who is slow gets only the newest.
import * as assert from 'uvu/assert';
import { connect, type Connection } from '../../src/index.js';
import { launchBrowser, openPage, type Browser, type Page } from '../interop/browser.js';
import { suite } from '../runner/suite.js';
import { Cluster } from './cluster.js';

const test = suite('examples/prices', { timeout: 120_000 });

/** `count` says how many prices of the symbol there were. */
interface Price {
  readonly price: number;
  readonly count: number;
}

interface Wish {
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
}

let cluster: Cluster | null = null;

test.before(async () => {
  cluster = await Cluster.start('prices', 'nats-server');
});

test.after(() => cluster?.[Symbol.asyncDispose]());

const open = (url: string): Promise<Connection> => connect(`${url.replace('http', 'ws')}/prices/`);

async function listSymbols(): Promise<string[]> {
  return (await (await fetch(`${cluster!.url}/symbols/`)).json()) as string[];
}

/** Asks for the next prices, and waits for them. */
async function ask(connection: Connection, wish: Wish = {}): Promise<Record<string, Price>> {
  await connection.send(JSON.stringify({ ...wish, next: true }));
  const message = await connection.wait();
  assert.ok(message !== null, 'the connection has ended');
  return JSON.parse(String(message)) as Record<string, Price>;
}

test('there are fifty symbols; a client gets those that it has subscribed to, until it unsubscribes', async () => {
  const symbols = await listSymbols();
  assert.is(new Set(symbols).size, 50);
  await using connection = await open(cluster!.url);
  const seen = new Set<string>();
  const wanted = ['AUD', 'GBP', 'USD'];
  for (let news = await ask(connection, { subscribe: wanted }); seen.size < 3; news = await ask(connection)) {
    for (const symbol of Object.keys(news)) seen.add(symbol);
  }
  assert.equal([...seen].sort(), wanted);
  seen.clear();
  let news = await ask(connection, { unsubscribe: ['AUD'], subscribe: ['SEK'] });
  for (let left = 10; left > 0 || seen.size < 3; left--) {
    for (const symbol of Object.keys(news)) seen.add(symbol);
    news = await ask(connection);
  }
  assert.equal([...seen].sort(), ['GBP', 'SEK', 'USD']);
});

test('one that is not ready gets nothing, and then the newest price of each in one message', async () => {
  const { url } = await cluster!.running('server 1');
  const symbols = await listSymbols();
  await using slow = await open(url);
  await using fast = await open(url);
  await slow.send(JSON.stringify({ subscribe: symbols }));
  const latest: Record<string, Price> = {};
  const counts = new Map<string, number>();
  let news = await ask(fast, { subscribe: symbols });
  // Until each has had another price.
  for (; [...counts.values()].filter((count) => count > 1).length < symbols.length; news = await ask(fast)) {
    for (const [symbol, price] of Object.entries(news)) {
      assert.ok(price.count > (latest[symbol]?.count ?? 0), `${symbol} goes back`);
      latest[symbol] = price;
      counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
    }
  }
  assert.is(slow.hasMessages(), false);
  const newest = await ask(slow);
  assert.equal(Object.keys(newest).sort(), symbols);
  for (const symbol of symbols) assert.ok(newest[symbol]!.count >= latest[symbol]!.count, `${symbol} is old`);
  // What came after its one message waits until it is ready again.
  for (let changes = 0; changes < 20; changes += Object.keys(await ask(fast)).length);
  assert.is(slow.hasMessages(), false);
});

test('both processes have the same prices, and a new one has the newest at once', async () => {
  const [first, second] = [await cluster!.running('server 1'), await cluster!.running('server 2')];
  const seen = [new Map<number, number>(), new Map<number, number>()] as const;
  const read = async (url: string, prices: Map<number, number>): Promise<void> => {
    await using connection = await open(url);
    for (let news = await ask(connection, { subscribe: ['USD'] }); prices.size < 5; news = await ask(connection)) {
      prices.set(news['USD']!.count, news['USD']!.price);
    }
  };
  await Promise.all([read(first.url, seen[0]), read(second.url, seen[1])]);
  for (const [count, price] of seen[1]) assert.is(seen[0].get(count) ?? price, price);
  const last = Math.max(...seen[0].keys());
  await cluster!.kill('server 1');
  await using connection = await open(first.url);
  assert.ok((await ask(connection, { subscribe: ['USD'] }))['USD']!.count >= last);
});

test('prices go on where they were when the publisher was killed', async () => {
  await using connection = await open(cluster!.url);
  const symbols = await listSymbols();
  const latest = await ask(connection, { subscribe: symbols });
  while (Object.keys(latest).length < symbols.length) Object.assign(latest, await ask(connection));
  const killed = cluster!.kill('publisher');
  const counts = new Map<string, number>();
  let isBack = false;
  void killed.then(() => (isBack = true));
  while (!isBack || counts.size < symbols.length) {
    for (const [symbol, price] of Object.entries(await ask(connection))) {
      assert.ok(price.count > latest[symbol]!.count, `${symbol} begins anew`);
      latest[symbol] = price;
      if (isBack) counts.set(symbol, price.count);
    }
  }
  await killed;
});

test('what is no wish is refused', async () => {
  for (const message of [
    'no JSON', 'null', '{"subscribe":["XXX"]}', '{"unsubscribe":["XXX"]}', '{"subscribe":"USD"}', '{"subscribe":1}',
  ]) {
    await using connection = await open(cluster!.url);
    await connection.send(message);
    assert.is((await connection.closed).code, 1008, message);
  }
  await using connection = await open(cluster!.url);
  await connection.send(' '.repeat(4097));
  assert.is((await connection.closed).code, 1009);
});

test.run();

const inBrowser = suite('examples/prices, in a browser', { timeout: 120_000 });

let browser: Browser | undefined;

inBrowser.before(async () => {
  browser = await launchBrowser();
  cluster = await Cluster.start('prices', 'nats-server');
});

inBrowser.after(async () => {
  await browser?.close();
  await cluster?.[Symbol.asyncDispose]();
});

/** How many tiles have a price. */
const PRICED = "Array.from(document.querySelectorAll('output')).filter((price) => price.textContent !== '–').length";

const textOf = (symbol: string): string => `document.querySelector('[value=${symbol}] ~ output').textContent`;

/** One of the figures in `7 of 50 subscribed · 44 drawn · 1 skipped`. */
const figure = (name: string): string => {
  return `Number(document.getElementById('counts').textContent.match(/(\\d+)[^·]* ${name}/)[1])`;
};

/** Waits until it has drawn so many more. */
async function draws(page: Page, more: number): Promise<void> {
  const before = await page.evaluate<number>(figure('drawn'));
  await page.waitForFunction(`${figure('drawn')} >= ${before + more}`);
}

for (const [name, viewport, colorScheme] of [
  ['a phone', { width: 360, height: 740 }, 'dark'],
  ['a screen', { width: 1280, height: 800 }, 'light'],
] as const) {
  inBrowser(`on ${name}: symbols that are chosen, a process that is killed, and a reload`, async () => {
    await openPage(browser!, cluster!.url, async (page, { complaints }) => {
      await page.waitForFunction(`${PRICED} === 7`);
      await page.click('[value=ZAR]');
      await page.waitForFunction(`${PRICED} === 8`);
      await page.click('[value=USD]');
      const old = await page.evaluate<string>(textOf('USD'));
      await draws(page, 30);
      assert.is(await page.evaluate<string>(textOf('USD')), old);
      for (const title of ['server 1', 'server 2']) await cluster!.kill(title);
      await draws(page, 30);
      await page.reload();
      await page.waitForFunction(`${PRICED} === 7`);
      assert.is(await page.evaluate<number>(figure('subscribed')), 7);
      assert.is(await page.evaluate<number>('document.documentElement.scrollWidth'), viewport.width);
      for (const complaint of complaints.splice(0)) assert.match(complaint, /WebSocket connection/);
    }, { viewport, colorScheme });
  });
}

inBrowser('all of them; what changes before the page can draw is skipped', async () => {
  await openPage(browser!, cluster!.url, async (page) => {
    await page.click('#all');
    await page.waitForFunction(`${PRICED} === 50`);
    await page.evaluate(`
      globalThis.draw = requestAnimationFrame;
      globalThis.held = [];
      globalThis.requestAnimationFrame = (callback) => held.push(callback);
    `);
    await page.waitForFunction('held.length === 1');
    const before = await page.evaluate<number>(figure('skipped'));
    await using connection = await open(cluster!.url);
    const first = (await ask(connection, { subscribe: ['USD'] }))['USD']!.count;
    while ((await ask(connection))['USD']!.count < first + 3);
    assert.is(await page.evaluate<number>('held.length'), 1);
    await page.evaluate('globalThis.requestAnimationFrame = draw; held.forEach((callback) => draw(callback))');
    await page.waitForFunction(`${figure('skipped')} > ${before}`);
    await page.click('#none');
    await page.waitForFunction("document.getElementById('counts').textContent.startsWith('0 of 50')");
  });
});

inBrowser.run();
