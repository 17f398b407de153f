// examples/chat: what users of several processes hear and see of each other, while these are killed and replaced.
import * as assert from 'uvu/assert';
import { follow, type Update } from '../../src/index.js';
import { launchBrowser, openPage, type Browser, type Page } from '../interop/browser.js';
import { suite } from '../runner/suite.js';
import { Cluster } from './cluster.js';

const test = suite('examples/chat', { timeout: 120_000 });

interface Said {
  readonly key: string;
  readonly name: string;
  readonly text: string;
  readonly at: number;
}

let cluster: Cluster | null = null;

test.before(async () => {
  cluster = await Cluster.start('chat', 'redis-server');
});

test.after(() => cluster?.[Symbol.asyncDispose]());

let count = 0;
/** A room that nobody has been in. */
const newRoom = (): string => `room-${++count}`;

function post(url: string, body: string, type = 'application/json'): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'Content-Type': type }, body });
}

async function say(url: string, room: string, name: string, text: string, key = String(++count)): Promise<void> {
  const { status } = await post(`${url}/rooms/${room}/say`, JSON.stringify({ key, name, text }));
  assert.is(status, 204);
}

/** What can be read of a room at once. */
async function history(url: string, room: string): Promise<Update<Said>[]> {
  const response = await fetch(`${url}/rooms/${room}/messages`);
  return ((await response.json()) as { updates: Update<Said>[] }).updates;
}

/** Reads until an update is as it should be. */
async function readUntil<T>(updates: AsyncIterable<Update<T>>, isLast: (value: T) => boolean): Promise<Update<T>[]> {
  const read: Update<T>[] = [];
  for await (const update of updates) {
    read.push(update);
    if (isLast(update.value)) break;
  }
  return read;
}

/** Somebody who is in a room, by the process with that address. */
class Person {
  readonly #leaving = new AbortController();
  readonly #reading: Promise<void>;
  #list: readonly string[] = [];
  #wake = (): void => {};

  constructor(url: string, room: string, name: string) {
    this.#reading = this.#read(`${url}/rooms/${room}/people?name=${name}`);
  }

  async #read(url: string): Promise<void> {
    const { signal } = this.#leaving;
    for await (const { value } of follow<string[]>(url, { transports: ['websocket'], minDelay: 50, signal })) {
      this.#list = value;
      this.#wake();
    }
  }

  /** Waits until he sees these. */
  async sees(...names: string[]): Promise<void> {
    while (String(this.#list) !== String(names)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.#reading.catch(() => {});
  }
}

test('what is said by one process is read by the other, in the same order as the history', async () => {
  const { url } = cluster!;
  const [first, second] = [await cluster!.running('server 1'), await cluster!.running('server 2')];
  const room = newRoom();
  const reading = [first, second].map((server) => {
    return readUntil(follow<Said>(`${server.url}/rooms/${room}/messages`), ({ text }) => text === 'last');
  });
  const texts = Array.from({ length: 20 }, (_, index) => String(index));
  await Promise.all(texts.map((text, index) => say([first, second][index % 2]!.url, room, 'Ada', text)));
  await say(url, room, 'Grace', 'last');
  const [one, other] = await Promise.all(reading);
  assert.equal(one, other);
  assert.equal(new Set(one!.map(({ value }) => value.text)).size, 21);
  assert.equal(await history(url, room), one);
});

test('a room keeps a hundred messages, or up to two hundred; who was away is told how many are gone', async () => {
  const { url } = cluster!;
  const room = newRoom();
  await say(url, room, 'Ada', 'first');
  const [first] = await history(url, room);
  for (let number = 1; number <= 250; number++) await say(url, room, 'Ada', String(number));
  const kept = await history(url, room);
  assert.ok(kept.length >= 100 && kept.length <= 200, String(kept.length));
  assert.equal(kept.map(({ value }) => value.text).at(-1), '250');
  const updates = follow<Said>(`${url}/rooms/${room}/messages`, { after: first!.id });
  const rest = await readUntil(updates, ({ text }) => text === '250');
  assert.equal(rest[0], { ...kept[0]!, missed: 250 - kept.length });
});

test('who is there: by both processes, not by one that was killed, and who comes back', async () => {
  const [first, second] = [await cluster!.running('server 1'), await cluster!.running('server 2')];
  const room = newRoom();
  const ada = new Person(first.url, room, 'Ada');
  const [grace, edith] = ['Grace', 'Edith'].map((name) => new Person(second.url, room, name));
  await Promise.all([ada.sees('Ada', 'Edith', 'Grace'), edith!.sees('Ada', 'Edith', 'Grace')]);
  await edith!.leave();
  await Promise.all([ada.sees('Ada', 'Grace'), grace!.sees('Ada', 'Grace')]);
  process.kill(second.pid, 'SIGKILL');
  await grace!.leave();
  await ada.sees('Ada');
  await cluster!.running('server 2', second.pid);
  const again = new Person(second.url, room, 'Grace');
  await Promise.all([ada.sees('Ada', 'Grace'), again.sees('Ada', 'Grace')]);
  await Promise.all([ada.leave(), again.leave()]);
});

test('what is no message, no room or nobody is refused', async () => {
  const { url } = cluster!;
  const room = newRoom();
  const good = { key: 'k', name: 'Ada', text: 'hello' };
  const path = `${url}/rooms/${room}/say`;
  assert.is((await fetch(path)).status, 415);
  assert.is((await post(path, JSON.stringify(good), 'text/plain')).status, 415);
  const wrong = [
    { key: '' }, { key: 'k'.repeat(41) }, { name: ' ' }, { name: 'n'.repeat(31) }, { name: 1 }, { text: undefined },
    { text: 't'.repeat(1001) }, { more: 'x'.repeat(8192) },
  ];
  for (const body of ['no JSON', 'null', '[]', ...wrong.map((parts) => JSON.stringify({ ...good, ...parts }))]) {
    assert.is((await post(path, body)).status, 400, body);
  }
  assert.is((await post(`${url}/rooms/no%20room/say`, JSON.stringify(good))).status, 400);
  assert.equal(await history(url, room), []);
  assert.is((await fetch(`${url}/rooms/no%20room/messages`)).status, 403);
  assert.is((await fetch(`${url}/rooms/${room}/people?name=Ada`)).status, 403);
});

test.run();

const inBrowser = suite('examples/chat, in a browser', { timeout: 120_000 });

/** What the browser says of connections that are lost, and of requests that nobody answers. */
const LOST = /WebSocket connection|ERR_|Failed to load/;

let browser: Browser | undefined;

inBrowser.before(async () => {
  browser = await launchBrowser();
  cluster = await Cluster.start('chat', 'redis-server');
});

inBrowser.after(async () => {
  await browser?.close();
  await cluster?.[Symbol.asyncDispose]();
});

async function enter(page: Page, name: string): Promise<void> {
  await page.fill('[name=name]', name);
  await page.click('#enter button');
}

async function type(page: Page, text: string): Promise<void> {
  await page.fill('[name=text]', text);
  await page.click('#say button');
}

function textsOf(selector: string): string {
  return `JSON.stringify(Array.from(document.querySelectorAll('${selector}'), (element) => element.textContent))`;
}

/** Waits until the page has these messages, each of which was said. */
async function shows(page: Page, ...texts: string[]): Promise<void> {
  await page.waitForFunction(`${textsOf('.message:not(.unsent) p')} === ${JSON.stringify(JSON.stringify(texts))}`);
}

async function showsPeople(page: Page, ...people: string[]): Promise<void> {
  await page.waitForFunction(`${textsOf('#people li')} === ${JSON.stringify(JSON.stringify(people))}`);
}

const PHONE = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' } as const;

inBrowser('two pages talk to each other, through a kill, a reload and a deploy', async () => {
  const url = `${cluster!.url}/?room=${newRoom()}`;
  await openPage(browser!, url, async (ada, adaTraces) => {
    await enter(ada, 'Ada');
    await openPage(browser!, url, async (grace, graceTraces) => {
      await enter(grace, 'Grace');
      await showsPeople(ada, 'Ada (you)', 'Grace');
      await showsPeople(grace, 'Ada', 'Grace (you)');
      await type(ada, '<b>hello</b>');
      await shows(grace, '<b>hello</b>');
      await type(grace, 'hi');
      await shows(ada, '<b>hello</b>', 'hi');
      const kills = ['server 1', 'server 2'].map((title) => cluster!.kill(title));
      await type(ada, 'while nobody is there');
      await Promise.all(kills);
      await shows(grace, '<b>hello</b>', 'hi', 'while nobody is there');
      await shows(ada, '<b>hello</b>', 'hi', 'while nobody is there');
      await grace.reload();
      await shows(grace, '<b>hello</b>', 'hi', 'while nobody is there');
      await cluster!.deploy();
      await type(grace, 'after a deploy');
      await shows(ada, '<b>hello</b>', 'hi', 'while nobody is there', 'after a deploy');
      await showsPeople(ada, 'Ada (you)', 'Grace');
      // Nothing is wider than the screen.
      assert.is(await grace.evaluate<number>('document.documentElement.scrollWidth'), PHONE.viewport.width);
      for (const complaint of graceTraces.complaints.splice(0)) assert.match(complaint, LOST);
    }, PHONE);
    await showsPeople(ada, 'Ada (you)');
    for (const complaint of adaTraces.complaints.splice(0)) assert.match(complaint, LOST);
  });
});

inBrowser('a page that was away for too long tells how much it has missed', async () => {
  const room = newRoom();
  await openPage(browser!, `${cluster!.url}/?room=${room}`, async (page) => {
    await enter(page, 'Ada');
    await say(cluster!.url, room, 'Grace', 'first');
    await shows(page, 'first');
    await showsPeople(page, 'Ada (you)');
    await page.evaluate("dispatchEvent(new Event('pagehide'))");
    // A process that has read for the page before would have more in memory than Redis keeps.
    await cluster!.deploy();
    for (let number = 1; number <= 250; number++) await say(cluster!.url, room, 'Grace', String(number));
    const kept = (await history(cluster!.url, room)).map(({ value }) => value.text);
    await page.evaluate("dispatchEvent(new Event('pageshow'))");
    await shows(page, 'first', ...kept);
    assert.is(await page.textContent('.gap'), `${250 - kept.length} messages are missing here.`);
  });
});

inBrowser('a message that is sent twice is shown once', async () => {
  const room = newRoom();
  await openPage(browser!, `${cluster!.url}/?room=${room}`, async (page) => {
    await enter(page, 'Ada');
    for (const text of ['one', 'two', 'one', 'three']) await say(cluster!.url, room, 'Grace', text, text);
    await shows(page, 'one', 'two', 'three');
  });
});

inBrowser.run();
