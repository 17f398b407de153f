// A cut helper that finds nothing would make every parser test vacuous, so each of its ways must find its own fault.
// uvu's `throws` lets failed assertions through.
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { suite } from '../../runner/suite.js';
import { assertEveryCut, hex } from './cuts.js';

const bytes = hex('01 02 03 04');

/** A right parser: it takes four bytes, copies them and ignores the rest. */
function parse(chunks: Iterable<Buffer>): string {
  const taken: number[] = [];
  for (const chunk of chunks) taken.push(...chunk);
  return Buffer.from(taken.slice(0, 4)).toString('hex');
}

const hexadecimal = suite('cuts: hex');

hexadecimal('white space is ignored', () => {
  assert.equal(hex(' 81 05\n 48656c\t6C6F '), Buffer.from([0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f]));
  assert.equal(hex(''), Buffer.alloc(0));
});

for (const digits of ['8', '81 0', '81 0g', '0x81', '81,05']) {
  hexadecimal(`"${digits}" is refused`, () => {
    throws(() => hex(digits), TypeError);
  });
}

hexadecimal.run();

const cuts = suite('cuts: assertEveryCut');

cuts('a right parser passes, and sees every cut at both offsets', () => {
  const seen: string[] = [];
  function spy(chunks: Iterable<Buffer>): string {
    const sizes: number[] = [];
    let offset = 0;
    function* measured(): Generator<Buffer> {
      for (const chunk of chunks) {
        sizes.push(chunk.length);
        offset = chunk.byteOffset % 2;
        yield chunk;
      }
    }
    const result = parse(measured());
    seen.push(`${sizes} @${offset}`);
    return result;
  }
  assertEveryCut(bytes, spy, '01020304');
  const ways = ['4', '1,1,1,1', '1,3', '2,2', '3,1'];
  assert.equal(seen, ways.flatMap((way) => [`${way} @0`, `${way} @1`]));

  seen.length = 0;
  assertEveryCut(bytes, spy, '01020304', { trailing: hex('05') });
  const longerWays = ['5', '1,1,1,1,1', '1,4', '2,3', '3,2', '4,1'];
  assert.equal(seen, [...ways, ...longerWays].flatMap((way) => [`${way} @0`, `${way} @1`]));
});

const faults: readonly [name: string, wrong: (chunks: Iterable<Buffer>) => unknown, where: RegExp][] = [
  ['another result', (chunks) => parse(chunks).replace('4', '5'), /whole, at offset 0$/],
  ['no result', () => undefined, /whole, at offset 0$/],
  ['only the first chunk is read', (chunks) => {
    for (const chunk of chunks) return parse([chunk]);
    return '';
  }, /byte by byte, at offset 0$/],
  ['it forgets a cut after three bytes', (chunks) => {
    const lengths: number[] = [];
    return parse((function* () {
      for (const chunk of chunks) yield lengths.push(chunk.length) === 1 && chunk.length === 3 ? chunk.fill(0) : chunk;
    })());
  }, /cut after byte 3 of 4, at offset 0$/],
  ['it reads the memory instead of the chunk', (chunks) => {
    const taken: number[] = [];
    for (const chunk of chunks) {
      const even = chunk.byteOffset - (chunk.byteOffset % 2);
      taken.push(...new Uint8Array(chunk.buffer, even, chunk.length));
    }
    return parse([Buffer.from(taken)]);
  }, /whole, at offset 1$/],
  ['it keeps chunks', (chunks) => parse([...chunks]), /whole, at offset 0$/],
  ['it returns a view of a chunk', (chunks) => {
    for (const chunk of chunks) return chunk;
    return null;
  }, /whole, at offset 0$/],
];

for (const [name, wrong, where] of faults) {
  cuts(`it is found: ${name}`, () => {
    const expected = name.includes('view') ? bytes : '01020304';
    throws(() => assertEveryCut<unknown>(bytes, wrong, expected), { message: where });
  });
}

cuts('it is found: the bytes behind change the result', () => {
  const all = (chunks: Iterable<Buffer>): string => [...chunks].map((chunk) => chunk.toString('hex')).join('');
  const options = { trailing: hex('05'), overwrite: false };
  const message = /whole, at offset 0, with 1 bytes behind$/;
  throws(() => assertEveryCut(bytes, all, '01020304', options), { message });
});

cuts('errors are compared by their message', () => {
  const parseError = (chunks: Iterable<Buffer>): Error => new Error(parse(chunks));
  assertEveryCut(bytes, parseError, new Error('01020304'));
  throws(() => assertEveryCut(bytes, parseError, new Error('other')), { message: /whole/ });
});

cuts('without overwriting, a chunk may be kept', () => {
  assertEveryCut(bytes, (chunks) => parse([...chunks]), '01020304', { overwrite: false });
});

cuts.run();
