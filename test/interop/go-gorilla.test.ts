// Go's gorilla/websocket against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { compileGo } from './go.js';
import { everySetting, largeWindows } from './recorder.js';

testPeer('go-gorilla', {
  find: () => compileGo('gorilla'),
  compresses: { 'their client': everySetting, 'their server': largeWindows },
});
