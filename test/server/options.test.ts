// The options of a server: each number in its range, and what holds without them.
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { resolveServerOptions, type ServerOptions } from '../../src/server/options.js';
import { createServer } from '../../src/server/server.js';
import { suite } from '../runner/suite.js';

const options = suite('server: the values of options');

const numbers: readonly [name: keyof ServerOptions, highest: number][] = [
  ['maxConnections', Number.MAX_SAFE_INTEGER],
  ['maxHeadBytes', 1 << 20],
  ['maxHeaderFields', Number.MAX_SAFE_INTEGER],
  ['maxBodyBytes', Number.MAX_SAFE_INTEGER],
  ['headTimeout', 2 ** 31 - 1],
  ['bodyTimeout', 2 ** 31 - 1],
  ['idleTimeout', 2 ** 31 - 1],
  ['keepAliveInterval', 2 ** 31 - 1],
  ['closeTimeout', 2 ** 31 - 1],
  ['maxMessageBytes', 1 << 20],
];

for (const [name, highest] of numbers) {
  options(`${name} is a whole number from 0 on`, () => {
    for (const value of [0, 1, highest]) createServer({ [name]: value });
    for (const value of [-1, 0.5, NaN, -Infinity, '1', 2 ** 53]) {
      throws(() => createServer({ [name]: value }), { name: 'RangeError', message: new RegExp(`^${name} must be`) });
    }
  });
}

options('there may be no limit of connections, but none of times', () => {
  createServer({ maxConnections: Infinity });
  throws(() => createServer({ idleTimeout: Infinity }), { name: 'RangeError', message: /^idleTimeout must be/ });
  throws(() => createServer({ idleTimeout: 2 ** 31 }), { name: 'RangeError' });
});

options('without any, these hold', () => {
  const { limits, onError, onRefuse, ...rest } = resolveServerOptions({});
  assert.equal(rest, {
    proxyTrust: null,
    proxySources: null,
    maxConnections: Infinity,
    maxHeadBytes: 16_384,
    maxHeaderFields: 128,
    maxBodyBytes: 1_048_576,
    headTimeout: 10_000,
    bodyTimeout: 30_000,
    idleTimeout: 5000,
    keepAliveInterval: 20_000,
    onClose: undefined,
  });
  assert.is(limits.maxMessageBytes, 1_048_576);
});

options('one that is not known is a TypeError that names the nearest', () => {
  const message = 'createServer has no option maxHeaderBytes; the nearest one is maxHeadBytes';
  throws(() => createServer({ maxHeaderBytes: 1 } as ServerOptions), { name: 'TypeError', message });
});

options.run();
