// The WebAssembly function that masks: byte by byte the same as a loop, within its memory, and missing without harm.
import { execFileSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { instantiate } from '../../src/frame/simd.js';
import { hex } from '../support/cuts.js';
import { mask as maskNaive } from '../support/naive-codec.js';
import { suite } from '../support/suite.js';
import { withRandom } from './random.js';

const test = suite('frame/simd');

test('a page of memory is masked with the first byte of the key lowest, up to the next multiple of 16', () => {
  const { memory, mask } = instantiate()!;
  assert.is(memory.length, 65_536);
  for (const length of [1, 15, 16, 17, 31, 32, 160, 1000, 65_535, 65_536]) {
    withRandom((random) => {
      const before = random.bytes(memory.length);
      memory.set(before);
      mask(length, 0x8d21fa37 | 0);
      const end = Math.ceil(length / 16) * 16;
      assert.ok(memory.subarray(0, end).equals(maskNaive(before.subarray(0, end), hex('37 fa 21 8d'))), `${length}`);
      assert.ok(memory.subarray(end).equals(before.subarray(end)), `${length}`);
    });
  }
});

test('each instance has memory of its own', () => {
  const [one, other] = [instantiate()!, instantiate()!];
  one.memory.fill(0);
  other.memory.fill(0);
  one.mask(16, -1);
  assert.is(one.memory[0], 0xff);
  assert.is(other.memory[0], 0);
});

test('a module that the engine refuses is none', () => {
  assert.is(instantiate(hex('00 61 73 6d 02 00 00 00')), null);
});

test('without WebAssembly long payloads are masked all the same', () => {
  const program = `
    import { instantiate } from '${new URL('../../src/frame/simd.js', import.meta.url)}';
    import { copyMasked } from '${new URL('../../src/frame/mask.js', import.meta.url)}';
    const bytes = Buffer.alloc(1000, 'a');
    copyMasked(bytes, 0, bytes, 0, 1000, 0x04030201);
    console.log(instantiate(), bytes.equals(Buffer.alloc(1000, '\`cbe')));
  `;
  const output = execFileSync(process.execPath, ['--jitless', '--input-type=module', '--eval', program], {
    encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'],
  });
  assert.is(output, 'null true\n');
});

test.run();
