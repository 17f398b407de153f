// Python's websockets, a client that is not ours, against the demo: each exchange in a process of its own.
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { startDemo } from '../support/demo.js';
import { requirePeer, suite } from '../support/suite.js';

/** Debian's own, which has Debian's packages. */
const PYTHON = '/usr/bin/python3';

// From the compiled file to the source folder.
const client = fileURLToPath(new URL('../../../test/interop/python_client.py', import.meta.url));

const MEBIBYTE = 1 << 20;

function digest(kind: 'text' | 'binary', bytes: Uint8Array): [string, number, string] {
  return [kind, bytes.length, createHash('sha256').update(bytes).digest('hex')];
}

const allBytes = Array.from({ length: 256 }, (_, byte) => byte);

const zeros = digest('binary', Buffer.alloc(MEBIBYTE));

/** What the client reports of each exchange. */
const exchanges: readonly [exchange: string, report: unknown][] = [
  ['text', ['Hello, World!', '你好', '🎉', '', '\0']],
  ['binary', [Buffer.from(allBytes).toString('hex'), '', 'ff']],
  ['mebibyte', [zeros, digest('text', Buffer.from('é'.repeat(MEBIBYTE / 2)))]],
  ['fragments', ['Hello, 世界', ...digest('binary', Buffer.concat(allBytes.map((byte) => Buffer.alloc(1000, byte))))]],
  ['ping_amid_fragments', [['one ', 'two ', 'three'], 'one two three']],
  ['pings', 126],
  ['pipeline', true],
  ['close', [[], [4000, '']]],
  ['server_closes', [['only one'], [1000, '']]],
  ['big_then_server_closes', [[zeros], [1000, '']]],
  ['big_then_close', [1000, '']],
  ['too_big', [[], 1009]],
];

const python = suite('python-websockets');

python.before(() => {
  const { status } = spawnSync(PYTHON, ['-c', 'import websockets']);
  requirePeer(status === 0, `${PYTHON} has no websockets: apt-get install python3-websockets`);
});

for (const [exchange, report] of exchanges) {
  python(exchange.replaceAll('_', ' '), async () => {
    await using demo = await startDemo();
    const args = [client, `ws://127.0.0.1:${demo.port}`, exchange];
    const { stdout } = await promisify(execFile)(PYTHON, args, { timeout: 50_000 });
    assert.equal(JSON.parse(stdout), report);
    assert.equal(demo.errors, []);
  });
}

python.run();
