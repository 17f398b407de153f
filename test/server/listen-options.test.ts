// Where a server may be told to listen, and what is refused.
import { rejects, throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { canReusePort, resolveListenOptions, type ListenOptions } from '../../src/server/listen-options.js';
import { createServer } from '../../src/server/server.js';
import { suite } from '../runner/suite.js';

const test = suite('listen-options');

type Place = number | string | ListenOptions;

const { signal } = new AbortController();

const places: readonly [place: Place, host: string | undefined, expected: object][] = [
  [0, undefined, { port: 0 }],
  [65_535, '::1', { port: 65_535, host: '::1' }],
  ['8000', undefined, { port: 8000 }],
  ['/run/socket', undefined, { path: '/run/socket' }],
  ['./socket', undefined, { path: './socket' }],
  ['\0socket', undefined, { path: '\0socket' }],
  ['\\\\.\\pipe\\name', undefined, { path: '\\\\.\\pipe\\name' }],
  [{ port: '80', host: '::', ipv6Only: true }, undefined, { port: 80, host: '::', ipv6Only: true }],
  [{ port: 80, backlog: 7 }, undefined, { port: 80, backlog: 7 }],
  [{ path: 'socket', exclusive: true }, undefined, { path: 'socket', exclusive: true }],
  [{ fd: 3, signal }, undefined, { fd: 3 }],
  [{ port: 1, reusePort: true }, undefined, { port: 1, reusePort: true }],
];
for (const [place, host, expected] of places) {
  test(`${JSON.stringify(place)}${host === undefined ? '' : ` on ${host}`}`, () => {
    const resolved = resolveListenOptions(place, host) as Record<string, unknown>;
    assert.equal(Object.fromEntries(Object.entries(resolved).filter(([, value]) => value !== undefined)), expected);
  });
}

const wrong: readonly [place: unknown, name: string, message: RegExp][] = [
  [undefined, 'TypeError', /^listen needs one of port, path and fd, not none$/],
  [null, 'TypeError', /^the options of server.listen are an object, not null$/],
  [{}, 'TypeError', /not none$/],
  [{ port: 1, path: 'a' }, 'TypeError', /not port and path$/],
  [{ port: 1, fd: 1, path: 'a' }, 'TypeError', /not port and path and fd$/],
  ['80a', 'TypeError', /^port must be a number or digits, not '80a'; a Unix socket is \{ path \}$/],
  ['-1', 'TypeError', /not '-1'/],
  ['', 'TypeError', /not ''/],
  ['localhost:80', 'TypeError', /not 'localhost:80'/],
  [true, 'TypeError', /not true/],
  [{ port: -1 }, 'RangeError', /^port must be/],
  ['99999', 'RangeError', /^port must be/],
  [{ path: '' }, 'TypeError', /^path must be a text that isn't empty, not ''$/],
  [{ path: 1 }, 'TypeError', /^path must be/],
  [{ port: 1, host: 1 }, 'TypeError', /^host must be/],
  [{ port: 1, host: '' }, 'TypeError', /^host must be/],
  [{ path: 'a', host: '::' }, 'TypeError', /^host needs a port/],
  [{ fd: -1 }, 'RangeError', /^fd must be/],
  [{ port: 1, backlog: 0 }, 'RangeError', /^backlog must be/],
  [{ port: 1, reusePort: 1 }, 'TypeError', /^reusePort must be true or false, not 1$/],
  [{ port: 1, ipv6Only: 'yes' }, 'TypeError', /^ipv6Only must be/],
  [{ port: 1, exclusive: null }, 'TypeError', /^exclusive must be/],
  [{ port: 1, signal: {} }, 'TypeError', /^signal must be an AbortSignal$/],
  [{ prot: 1 }, 'TypeError', /^server.listen has no option prot; the nearest one is port$/],
];
for (const [place, name, message] of wrong) {
  test(`${JSON.stringify(place)} is a ${name} that tells why`, async () => {
    throws(() => resolveListenOptions(place as Place), { name, message });
    await rejects(createServer().listen(place as Place), { name, message });
  });
}

test('whether reusePort is possible is tried out, and leaves nothing that listens', async () => {
  const isPossible = await canReusePort();
  assert.is(await canReusePort(), isPossible);
});

test.run();
