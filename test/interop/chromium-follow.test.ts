// Chromium that follows a feed.
import { launchBrowser } from './browser.js';
import { testFollow } from './follow-pages.js';

testFollow('chromium', launchBrowser, /ERR_|WebSocket connection|Failed to load/);
