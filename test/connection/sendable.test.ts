// What stands for a message: text, and bytes wherever they lie.
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { toPayload, type Sendable } from '../../src/connection/sendable.js';
import { suite } from '../runner/suite.js';

const test = suite('toPayload');

const shared = new SharedArrayBuffer(3);
new Uint8Array(shared).set([1, 2, 3]);

const bytes: [name: string, message: Sendable][] = [
  ['a Uint8Array', new Uint8Array([1, 2, 3])],
  ['a Buffer', Buffer.from([1, 2, 3])],
  ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
  ['a view of a part', new DataView(new Uint8Array([0, 1, 2, 3, 4]).buffer, 1, 3)],
  ['a SharedArrayBuffer', shared],
  ['a view of shared memory', new Int8Array(shared)],
  ['an ArrayBuffer of another realm', runInNewContext('new Uint8Array([1, 2, 3]).buffer') as ArrayBuffer],
  ['a Uint8Array of another realm', runInNewContext('new Uint8Array([1, 2, 3])') as Uint8Array],
  ['a SharedArrayBuffer of another realm',
    runInNewContext('const shared = new SharedArrayBuffer(3); new Uint8Array(shared).set([1, 2, 3]); shared')],
];
for (const [name, message] of bytes) {
  test(`${name} is bytes`, () => {
    assert.equal([...(toPayload(message) as Uint8Array)], [1, 2, 3]);
  });
}

test('nothing is a message too', () => {
  assert.is(toPayload(''), '');
  for (const message of [new ArrayBuffer(0), new Uint8Array(0), new Uint8Array(8).subarray(8)]) {
    assert.is(toPayload(message).length, 0);
  }
});

function detach<T extends Uint8Array | ArrayBuffer>(message: T): T {
  structuredClone(message, { transfer: [message instanceof ArrayBuffer ? message : message.buffer as ArrayBuffer] });
  return message;
}

for (const [name, message] of [
  ['an ArrayBuffer', detach(new ArrayBuffer(8))], ['a view', detach(new Uint8Array(8))],
] as const) {
  test(`${name} that was detached is a TypeError that says so`, () => {
    const isTold = (error: unknown): boolean => error instanceof TypeError && /detached/.test(error.message);
    assert.throws(() => toPayload(message), isTold);
  });
}

test.run();
