// Python's websockets against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { findPython } from './python.js';

testPeer('python-websockets', { find: () => findPython('websockets') });
