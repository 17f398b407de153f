// Python's Tornado against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { findPython } from './python.js';
import { withTakeover } from './recorder.js';

testPeer('python-tornado', {
  find: () => findPython('tornado'),
  lacks: ['fragments'],
  compresses: { 'their client': withTakeover, 'their server': withTakeover },
});
