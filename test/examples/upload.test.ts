// examples/upload: a real browser sends a file that another client has begun to send, and one that it stops itself.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { connect } from '../../src/index.js';
import { launchBrowser, openPage, type Browser, type Page } from '../interop/browser.js';
import { suite } from '../runner/suite.js';
import { until } from '../server/harness.js';
import { Example } from './example.js';

const test = suite('examples/upload', { timeout: 120_000 });

const BYTES = 3_000_000;
const NAME = 'movie.bin';
/** As the page makes it, too. */
const content = Buffer.from(Uint8Array.from({ length: BYTES }, (_, index) => index % 251));

let folder = '';
let browser: Browser | undefined;

test.before(async () => {
  browser = await launchBrowser();
});

test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'twobyte-uploads-'));
  process.env['UPLOADS'] = folder;
});

test.after.each(() => rmSync(folder, { recursive: true }));

test.after(async () => {
  await browser?.close();
});

/** Chooses a file in the page, as a user would. */
async function choose(page: Page, byteLength = BYTES): Promise<void> {
  await page.evaluate(`{
    const bytes = Uint8Array.from({ length: ${byteLength} }, (_, index) => index % 251);
    const files = new DataTransfer();
    files.items.add(new File([bytes], '${NAME}', { lastModified: 1 }));
    const input = document.getElementById('file');
    input.files = files.files;
    input.dispatchEvent(new Event('change'));
  }`);
}

/** The file that is there; `null` if there is none. */
function received(): Buffer | null {
  const [name, ...others] = readdirSync(folder);
  assert.equal(others, []);
  if (name === undefined) return null;
  assert.match(name, /^[0-9a-f]{32}\.bin$/);
  return readFileSync(join(folder, name));
}

for (const byteLength of [BYTES, 0]) {
  test(`a browser sends a file of ${byteLength} bytes`, async () => {
    await using example = await Example.start('upload/server.js');
    await openPage(browser!, `http://127.0.0.1:${example.port}/`, async (page) => {
      await choose(page, byteLength);
      await page.waitForSelector(`#state:text-is("All ${byteLength} bytes are there.")`);
      assert.is(await page.evaluate('document.getElementById("progress").value'), 1);
    });
    assert.ok(received()!.equals(content.subarray(0, byteLength)));
  });
}

test('it goes on where another connection broke off, or has hung since', async () => {
  for (const isGone of [true, false]) {
    await using example = await Example.start('upload/server.js');
    const half = BYTES / 2;
    const client = await connect(`ws://127.0.0.1:${example.port}/upload/`);
    await client.send(JSON.stringify({ name: NAME, size: BYTES, modified: 1 }));
    assert.is(await client.wait(), '{"received":0}');
    const sent = client.send((async function* () {
      yield content.subarray(0, half);
      await client.closed;
    })());
    await until('half of it is there', () => received()?.length === half);
    if (isGone) client.terminate();
    await openPage(browser!, `http://127.0.0.1:${example.port}/`, async (page) => {
      await choose(page);
      await page.waitForSelector(`#state:text-is("All ${BYTES} bytes are there, from ${half} on.")`);
    });
    await sent.catch(() => {});
    assert.ok(received()!.equals(content));
    rmSync(join(folder, readdirSync(folder)[0]!));
  }
});

test('a page that pauses sends nothing, and then the rest', async () => {
  await using example = await Example.start('upload/server.js');
  await openPage(browser!, `http://127.0.0.1:${example.port}/`, async (page, { complaints }) => {
    // Before the connection is open, so that nothing has come.
    await page.evaluate('document.getElementById("pause").hidden = false');
    await choose(page);
    await page.evaluate('document.getElementById("pause").click()');
    await page.waitForSelector('#pause:text-is("Continue")');
    await page.click('#pause');
    await page.waitForSelector(`#state:has-text("All ${BYTES} bytes are there")`);
    // Chromium warns of a WebSocket that is closed so early.
    complaints.length = 0;
  });
  assert.ok(received()!.equals(content));
});

test('what is no file, too large, or longer than it said, is refused', async () => {
  await using example = await Example.start('upload/server.js');
  const size = 11 * 2 ** 30;
  for (const [message, code] of [
    ['no JSON', 1008], ['{"name":1,"size":1}', 1008], ['{"name":"a","size":-1}', 1008],
    [`{"name":"a","size":${size}}`, 1009], ['{"name":"a.bin","size":1}', 1008],
  ] as const) {
    const client = await connect(`ws://127.0.0.1:${example.port}/upload/`);
    await client.send(message);
    if (message.includes('.bin')) {
      await client.wait();
      await client.send(content.subarray(0, 2));
    }
    assert.is((await client.closed).code, code, message);
  }
  assert.is(received()!.length, 0);
});

test.run();
