// Python's aiohttp against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { findPython } from './python.js';
import { everySetting } from './recorder.js';

testPeer('python-aiohttp', {
  find: () => findPython('aiohttp'),
  lacks: ['fragments'],
  compresses: { 'their client': everySetting, 'their server': everySetting },
});
