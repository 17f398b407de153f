// Go's gorilla/websocket against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { compileGo } from './go.js';

testPeer('go-gorilla', { find: () => compileGo('gorilla') });
