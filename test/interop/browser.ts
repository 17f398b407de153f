// Debian's Chromium, driven by playwright-core, which is installed in this folder and not in the root.
import { createRequire } from 'node:module';
import * as assert from 'uvu/assert';
import { requirePeer } from '../runner/suite.js';
import { requireProgram } from './programs.js';

/** The parts of playwright-core that the tests use; its own types would have to be installed to compile the root. */
export interface Browser {
  newContext(options: ContextOptions): Promise<Context>;
  close(): Promise<void>;
}

export interface ContextOptions {
  readonly javaScriptEnabled?: boolean;
  readonly ignoreHTTPSErrors?: boolean;
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce';
  readonly viewport?: { readonly width: number; readonly height: number };
}

export interface Context {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

export interface Page {
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  goto(url: string): Promise<unknown>;
  goBack(options: { waitUntil: 'commit' }): Promise<unknown>;
  reload(): Promise<unknown>;
  url(): string;
  click(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  isEnabled(selector: string): Promise<boolean>;
  waitForSelector(selector: string): Promise<unknown>;
  /** Waits until an expression holds in the page. */
  waitForFunction(expression: string): Promise<unknown>;
  waitForURL(url: string): Promise<void>;
  textContent(selector: string): Promise<string | null>;
  /** Evaluates an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void;
  on(event: 'pageerror', listener: (error: Error) => void): void;
  on(event: 'request' | 'websocket', listener: (request: { url(): string }) => void): void;
}

interface Playwright {
  readonly chromium: {
    launch(options: {
      executablePath: string;
      args: readonly string[];
      ignoreDefaultArgs: readonly string[];
    }): Promise<Browser>;
  };
}

const EXECUTABLE = '/usr/bin/chromium';

/** No sandbox, as CI is root; no traffic of the browser's own. */
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Playwright's own: pages that are left end at once. */
const NO_PAGE_CACHE = '--disable-back-forward-cache';

/**
 * Starts a browser with a fresh profile; ends the test if there is none.
 * @param keepsPages whether it keeps a page that is left as it is, in its back/forward cache
 */
export async function launchBrowser(keepsPages = false): Promise<Browser> {
  requireProgram(EXECUTABLE, 'chromium');
  const playwright = loadPackage<Playwright>('playwright-core');
  const ignoreDefaultArgs = keepsPages ? [NO_PAGE_CACHE] : [];
  return await playwright.chromium.launch({ executablePath: EXECUTABLE, args: FLAGS, ignoreDefaultArgs });
}

/** Loads a package of this folder; ends the test if it is not installed. */
export function loadPackage<Package>(name: string): Package {
  // From the compiled file to the source folder, where its packages are.
  const require = createRequire(new URL('../../../test/interop/package.json', import.meta.url));
  let found: Package | null = null;
  try {
    found = require(name) as Package;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
  }
  requirePeer(found, `${name} is missing: npm ci --prefix test/interop`);
  return found;
}

/** What a page has done that nobody saw. */
export interface Traces {
  /** Warnings and errors on the console, and errors of the script. */
  readonly complaints: string[];
  readonly hosts: Set<string>;
}

/** What a test does on a page. */
export type Use = (page: Page, traces: Traces) => Promise<void>;

/** Opens a page; no test may leave complaints behind that it does not expect, nor requests to other hosts. */
export async function openPage(browser: Browser, url: string, use: Use, options: ContextOptions = {}): Promise<void> {
  const context = await browser.newContext(options);
  const traces: Traces = { complaints: [], hosts: new Set() };
  try {
    const page = await context.newPage();
    page.on('console', (message) => traces.complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => traces.complaints.push(error.message));
    for (const event of ['request', 'websocket'] as const) {
      page.on(event, (request) => {
        const { protocol, host } = new URL(request.url());
        // Firefox tells of the icon, too.
        if (protocol !== 'data:') traces.hosts.add(host);
      });
    }
    await page.goto(url);
    await use(page, traces);
    assert.equal(traces.complaints, []);
    assert.equal([...traces.hosts], [new URL(url).host]);
  } finally {
    await context.close();
  }
}
