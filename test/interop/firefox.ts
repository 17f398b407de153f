// Debian's Firefox, driven by puppeteer-core, as a browser of which only that is asked which both libraries have alike.
import { loadPackage, type Browser, type Context } from './browser.js';
import { requireProgram } from './programs.js';

const EXECUTABLE = '/usr/bin/firefox-esr';

interface Puppeteer {
  launch(options: {
    browser: 'firefox';
    executablePath: string;
    headless: true;
    acceptInsecureCerts: true;
    extraPrefsFirefox: Readonly<Record<string, unknown>>;
  }): Promise<{ createBrowserContext(): Promise<Context>; close(): Promise<void> }>;
}

/** Starts a browser with a fresh profile; ends the test if there is none. It accepts any certificate. */
export async function launchFirefox(): Promise<Browser> {
  requireProgram(EXECUTABLE, 'firefox-esr');
  const firefox = await loadPackage<Puppeteer>('puppeteer-core').launch({
    browser: 'firefox',
    executablePath: EXECUTABLE,
    headless: true,
    acceptInsecureCerts: true,
    extraPrefsFirefox: {},
  });
  return { newContext: () => firefox.createBrowserContext(), close: () => firefox.close() };
}
