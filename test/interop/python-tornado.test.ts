// Python's Tornado against twobyte, in both roles.
import { testPeer } from './exchange.js';
import { findPython } from './python.js';

testPeer('python-tornado', { find: () => findPython('tornado'), lacks: ['fragments'] });
