// Python's Autobahn against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { findPython } from './python.js';

testPeer('python-autobahn', { find: () => findPython('autobahn') });
