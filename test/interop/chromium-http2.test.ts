// Chromium that opens WebSockets over HTTP/2.
import { launchBrowser } from './browser.js';
import { testHttp2Pages } from './http2-pages.js';

testHttp2Pages('chromium', launchBrowser, /^error: WebSocket connection to .* failed: .*404/);
