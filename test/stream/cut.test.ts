// A stream that is ended at once: one of TCP is destroyed, one of HTTP/2 is reset with the code of RFC 8441 §5.
import { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import { cut, NO_ERROR } from '../../src/stream/cut.js';
import { suite } from '../runner/suite.js';

const test = suite('stream cut');

class Plain extends Duplex {
  readonly told: unknown[] = [];

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.told.push('destroyed', error);
    done(error);
  }

  /** As a stream of files has it, which is not meant. */
  close(code: number): void {
    this.told.push('closed', code);
  }
}

test('a stream is destroyed, without an error', () => {
  const stream = new Plain();
  cut(stream);
  assert.equal(stream.told, ['destroyed', null]);
});

test('a stream of HTTP/2 is reset with CANCEL before, or with another code', () => {
  for (const [code, expected] of [[undefined, 8], [NO_ERROR, 0]] as const) {
    const stream = Object.assign(new Plain(), { rstCode: 0 });
    cut(stream, code);
    assert.equal(stream.told, ['closed', expected, 'destroyed', null]);
  }
});

test.run();
