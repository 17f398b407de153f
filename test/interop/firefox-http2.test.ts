// Firefox that opens WebSockets over HTTP/2.
import { launchFirefox } from './firefox.js';
import { testHttp2Pages } from './http2-pages.js';

testHttp2Pages('firefox', launchFirefox, /establish a connection to the server at wss:/);
