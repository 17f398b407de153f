// Debian's Chromium, driven by playwright-core, which is installed in this folder and not in the root.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { requirePeer } from '../support/suite.js';

/** The parts of playwright-core that the tests use; its own types would have to be installed to compile the root. */
export interface Browser {
  newContext(options: ContextOptions): Promise<Context>;
  close(): Promise<void>;
}

export interface ContextOptions {
  readonly javaScriptEnabled?: boolean;
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
}

export interface Context {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

export interface Page {
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  goto(url: string): Promise<unknown>;
  url(): string;
  click(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  isEnabled(selector: string): Promise<boolean>;
  waitForSelector(selector: string): Promise<unknown>;
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
    launch(options: { executablePath: string; args: readonly string[] }): Promise<Browser>;
  };
}

const EXECUTABLE = '/usr/bin/chromium';

/** No sandbox, as CI is root; no traffic of the browser's own. */
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Starts a browser with a fresh profile; ends the test if there is none. */
export async function launchBrowser(): Promise<Browser> {
  requirePeer(existsSync(EXECUTABLE), `${EXECUTABLE} is missing: apt-get install chromium`);
  const playwright = findPlaywright();
  requirePeer(playwright, 'playwright-core is missing: npm ci --prefix test/interop');
  return await playwright.chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
}

function findPlaywright(): Playwright | null {
  // From the compiled file to the source folder, where its packages are.
  const require = createRequire(new URL('../../../test/interop/package.json', import.meta.url));
  try {
    return require('playwright-core') as Playwright;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}
