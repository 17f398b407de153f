// Python's websockets against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { findPython } from './python.js';
import { everySetting } from './recorder.js';

testPeer('python-websockets', {
  find: () => findPython('websockets'),
  compresses: { 'their client': everySetting, 'their server': everySetting },
});
