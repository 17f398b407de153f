// What a caller hands over by mistake never lets memory out: docs/security.md says where the tests of other frames are.
import * as assert from 'uvu/assert';
import { open, roles, terminateAll } from '../connection/harness.js';
import { suite } from '../runner/suite.js';

const test = suite('security: what leaves');
test.after.each(terminateAll);

/** A view of the middle of memory that holds something else around it. */
function amidSecrets(bytes: readonly number[]): Buffer {
  const memory = Buffer.alloc(1024, 'secret');
  memory.set(bytes, 512);
  return memory.subarray(512, 512 + bytes.length);
}

for (const role of roles) {
  test(`${role}: of a view exactly its bytes are sent, and of what is around it none`, async () => {
    const view = amidSecrets([1, 2, 3, 4, 5, 6, 7, 8]);
    const views = [
      view, new Uint8Array(view.buffer, view.byteOffset, 8), new DataView(view.buffer, view.byteOffset, 8),
      new Float32Array(view.buffer, view.byteOffset, 2), new Float64Array(view.buffer, view.byteOffset, 1),
      new BigUint64Array(view.buffer, view.byteOffset, 1), Uint8Array.from(view).buffer,
    ];
    for (const one of views) {
      const opened = open({ role });
      void opened.connection.send(one);
      void opened.connection.ping(one);
      await opened.assertSent('82 08 0102030405060708 89 08 0102030405060708');
    }
  });

  test(`${role}: a number of elements is never taken for bytes that nobody wrote`, async () => {
    const opened = open({ role });
    void opened.connection.send(new Float32Array(5));
    void opened.connection.ping(new Float32Array(20));
    await opened.assertSent(`82 14 ${'00'.repeat(20)} 89 50 ${'00'.repeat(80)}`);
  });

  test(`${role}: a number, a view or an object as close reason, code or payload is a TypeError`, async () => {
    const opened = open({ role });
    const { connection } = opened;
    const isTypeError = (error: unknown): boolean => error instanceof TypeError;
    for (const wrong of [20, new Float32Array(20), new ArrayBuffer(20), Buffer.alloc(20), { length: 20 }, [20]]) {
      assert.throws(() => connection.close(1000, wrong as never), isTypeError);
      if (typeof wrong !== 'number') assert.throws(() => connection.close(wrong as never), isTypeError);
    }
    for (const wrong of [20, { length: 20 }, [20]]) {
      assert.throws(() => connection.send(wrong as never), isTypeError);
      assert.throws(() => connection.ping(wrong as never), isTypeError);
    }
    await opened.assertSent('');
    assert.is(connection.isClosed(), false);
  });
}

test.run();
