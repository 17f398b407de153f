// examples/tokens: each token of an answer once, though pages are reloaded, and processes killed, stopped and replaced.
import { randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { follow } from '../../src/index.js';
import { launchBrowser, openPage, type Browser, type Page } from '../interop/browser.js';
import { suite } from '../runner/suite.js';
import { Cluster } from './cluster.js';
import { examplePath } from './example.js';

const test = suite('examples/tokens', { timeout: 120_000 });

/** Somebody takes the answer over, or says a token of it; the last one is `null`. */
type Said = { readonly by: string } & ({ readonly question: string } | { readonly token: string | null });

const QUESTION = 'Is $& a “question”?';

let cluster: Cluster | null = null;
let expected: string[] = [];

test.before(async () => {
  cluster = await Cluster.start('tokens', 'redis-server');
  expected = await completion();
});

test.after(() => cluster?.[Symbol.asyncDispose]());

/** The tokens of the whole answer. */
async function completion(): Promise<string[]> {
  const { complete } = (await import(pathToFileURL(examplePath('tokens/model.js')).href)) as {
    complete(question: string, said: readonly string[]): AsyncIterable<string | null>;
  };
  const tokens: (string | null)[] = [];
  for await (const token of complete(QUESTION, [])) tokens.push(token);
  assert.is(tokens.pop(), null);
  assert.match(tokens.join(''), QUESTION);
  return tokens as string[];
}

function post(body: string, type = 'application/json'): Promise<Response> {
  return fetch(`${cluster!.url}/ask`, { method: 'POST', headers: { 'Content-Type': type }, body });
}

async function ask(): Promise<string> {
  const id = randomBytes(16).toString('hex');
  assert.is((await post(JSON.stringify({ id, question: QUESTION }))).status, 204);
  return id;
}

/** Reads an answer as the page does. */
class Reading {
  readonly tokens: string[] = [];
  /** The processes that have said them, one after the other. */
  readonly pids: number[] = [];
  isComplete = false;
  readonly #updates: AsyncGenerator<{ readonly value: Said }>;
  #writer = '';

  constructor(url: string, id: string) {
    this.#updates = follow<Said>(`${url}/answers/${id}`, { minDelay: 50 });
  }

  /** Reads until there are so many tokens, by default to the end. */
  async read(count = Infinity): Promise<this> {
    while (this.tokens.length < count && !this.isComplete) {
      const { value } = (await this.#updates.next()).value as { value: Said };
      if ('question' in value) {
        this.#writer = value.by;
        this.pids.push(parseInt(value.by));
      } else if (value.by === this.#writer) {
        if (value.token === null) this.isComplete = true;
        else this.tokens.push(value.token);
      }
    }
    return this;
  }

  close(): Promise<unknown> {
    return this.#updates.return(undefined);
  }
}

/** Reads to the end, and says which processes have written. */
async function assertComplete(reading: Reading): Promise<number[]> {
  await reading.read();
  await reading.close();
  assert.equal(reading.tokens, expected);
  return reading.pids;
}

/** The title of a process. */
async function titleOf(pid: number): Promise<'server 1' | 'server 2'> {
  return (await cluster!.running('server 1')).pid === pid ? 'server 1' : 'server 2';
}

test('by both processes each token is read once, also later; who asks twice gets one answer', async () => {
  const id = await ask();
  assert.is((await post(JSON.stringify({ id, question: QUESTION }))).status, 204);
  const servers = [await cluster!.running('server 1'), await cluster!.running('server 2')];
  const writers = await Promise.all(servers.map(({ url }) => assertComplete(new Reading(url, id))));
  assert.equal(writers[0], writers[1]);
  assert.is(writers[0]!.length, 1);
  await assertComplete(new Reading(cluster!.url, id));
});

/**
 * Does something after twenty tokens of an answer, and reads the rest; again if a slow machine has made it too late.
 * @returns the processes that have written
 */
async function interrupt(what: (pid: number, id: string) => Promise<void>): Promise<number[]> {
  for (;;) {
    const id = await ask();
    const reading = await new Reading(cluster!.url, id).read(20);
    await what(reading.pids[0]!, id);
    const pids = await assertComplete(reading);
    if (pids.length > 1) return pids;
  }
}

test('when the process that writes is killed, the other goes on', async () => {
  const pids = await interrupt(async (pid) => cluster!.kill(await titleOf(pid)));
  assert.is(new Set(pids).size, pids.length);
});

test('while all processes are replaced, others go on', async () => {
  await interrupt(() => cluster!.deploy());
});

/** Stops a process until the other has taken its answer over. */
async function stop(pid: number, id: string): Promise<void> {
  const other = (await titleOf(pid)) === 'server 1' ? 'server 2' : 'server 1';
  const reading = new Reading((await cluster!.running(other)).url, id);
  process.kill(pid, 'SIGSTOP');
  try {
    while (reading.pids.length < 2 && !reading.isComplete) await reading.read(reading.tokens.length + 1);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await reading.close();
}

test('a process that was stopped, and lost its answer, can do no harm when it goes on', async () => {
  await interrupt(stop);
});

test('what is no question is refused', async () => {
  const good = { id: randomBytes(16).toString('hex'), question: QUESTION };
  assert.is((await fetch(`${cluster!.url}/ask`)).status, 415);
  assert.is((await post(JSON.stringify(good), 'text/plain')).status, 415);
  const long = 'x'.repeat(8192);
  const wrong = [{ id: 'short' }, { id: 1 }, { question: 1 }, { question: long.slice(0, 1001) }, { more: long }];
  for (const body of ['no JSON', 'null', ...wrong.map((parts) => JSON.stringify({ ...good, ...parts }))]) {
    assert.is((await post(body)).status, 400, body);
  }
  assert.is((await fetch(`${cluster!.url}/answers/short`)).status, 403);
});

test('all ends with what has started it', async () => {
  const { pid } = await cluster!.running('server 1');
  await cluster!.end();
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
});

test.run();

const inBrowser = suite('examples/tokens, in a browser', { timeout: 120_000 });

let browser: Browser | undefined;

inBrowser.before(async () => {
  browser = await launchBrowser();
  cluster = await Cluster.start('tokens', 'redis-server');
  expected = await completion();
});

inBrowser.after(async () => {
  await browser?.close();
  await cluster?.[Symbol.asyncDispose]();
});

/** Waits until it shows so many tokens. */
async function shows(page: Page, count: number): Promise<void> {
  await page.waitForFunction(`parseInt(document.getElementById('count').textContent) >= ${count}`);
}

/** The answer that it shows, without who has said it. */
const TEXT = `Array.from(document.getElementById('text').childNodes)
  .filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join('')`;

for (const [name, viewport, colorScheme, what, act] of [
  ['a phone', { width: 360, height: 740 }, 'dark', 'killed', async (pid: number) => cluster!.kill(await titleOf(pid))],
  ['a screen', { width: 1280, height: 800 }, 'light', 'stopped', stop],
] as const) {
  inBrowser(`on ${name}: each token once, though its page is reloaded, a process ${what}, all replaced`, async () => {
    await openPage(browser!, cluster!.url, async (page, { complaints }) => {
      // Again if the answer was complete too early.
      for (let isTakenOver = false; !isTakenOver;) {
        await page.fill('[name=question]', QUESTION);
        await page.click('#ask button');
        await page.waitForSelector('#text.writing');
        await shows(page, 10);
        await page.reload();
        await shows(page, 20);
        const pid = await page.evaluate<number>("parseInt(document.querySelector('#text small').textContent.slice(8))");
        await act(pid, page.url().split('#')[1]!);
        await page.waitForSelector(':is(#text small ~ small, #state[data-state=done])');
        isTakenOver = await page.evaluate<boolean>("document.querySelector('#text small ~ small') !== null");
      }
      const deployed = cluster!.deploy();
      await page.waitForSelector('#state[data-state=done]');
      await deployed;
      assert.is(await page.evaluate<string>(TEXT), expected.join(''));
      assert.is(await page.textContent('#question'), QUESTION);
      assert.is(await page.textContent('#count'), `${expected.length} tokens`);
      await page.reload();
      await page.waitForSelector('#state[data-state=done]');
      assert.is(await page.evaluate<string>(TEXT), expected.join(''));
      assert.is(await page.evaluate<number>('document.documentElement.scrollWidth'), viewport.width);
      for (const complaint of complaints.splice(0)) assert.match(complaint, /WebSocket connection|Failed to load/);
    }, { viewport, colorScheme });
  });
}

inBrowser.run();
