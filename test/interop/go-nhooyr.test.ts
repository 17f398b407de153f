// Go's nhooyr.io/websocket against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { compileGo } from './go.js';

testPeer('go-nhooyr', { find: () => compileGo('nhooyr'), lacks: ['ping payloads'] });
