// Standard streams: bytes into lines, however they are cut, and what becomes of streams that break.
import { rejects } from 'node:assert/strict';
import { PassThrough, Readable, Writable } from 'node:stream';
import * as assert from 'uvu/assert';
import { CommandError } from '../../src/cli/arguments.js';
import { Pipe, readLines } from '../../src/cli/pipe.js';
import { suite } from '../runner/suite.js';

async function collect(lines: AsyncIterable<Buffer>): Promise<string[]> {
  const collected: string[] = [];
  for await (const line of lines) collected.push(line.toString('latin1'));
  return collected;
}

const splitting = suite('cli/pipe: lines');

/** Text of one byte per character. */
const inputs: readonly [name: string, input: string, lines: readonly string[]][] = [
  ['nothing', '', []],
  ['one', 'a\n', ['a']],
  ['without an ending', 'a', ['a']],
  ['several', 'a\nbc\n\nd', ['a', 'bc', '', 'd']],
  ['only an ending', '\n', ['']],
  ['CR LF', 'a\r\n\r\nb\r\n', ['a', '', 'b']],
  ['CR elsewhere is part of the line', 'a\rb\r\r\nc\r', ['a\rb\r', 'c\r']],
  ['U+2028 and U+0085 end no line', 'a\xe2\x80\xa8b\xc2\x85c\n', ['a\xe2\x80\xa8b\xc2\x85c']],
  ['any bytes', '\0\xff\xfe\n\x80', ['\0\xff\xfe', '\x80']],
];

for (const [name, input, lines] of inputs) {
  splitting(name, async () => {
    const bytes = Buffer.from(input, 'latin1');
    assert.equal(await collect(readLines(Readable.from([bytes]))), lines, 'whole');
    assert.equal(await collect(readLines(Readable.from([...bytes].map((byte) => Buffer.of(byte))))), lines, 'bytewise');
    for (let cut = 1; cut < bytes.length; cut++) {
      const parts = Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)]);
      assert.equal(await collect(readLines(parts)), lines, `cut at ${cut}`);
    }
  });
}

splitting('no more is read than is asked for', async () => {
  let count = 0;
  const input = new Readable({
    highWaterMark: 1,
    read() {
      count++;
      this.push('line\n');
    },
  });
  const lines = readLines(input);
  for (let taken = 1; taken <= 100; taken++) {
    assert.is((await lines.next()).value?.toString(), 'line');
    assert.ok(count <= taken + 2, `${count} reads for ${taken} lines`);
  }
  input.destroy();
});

splitting('an input that breaks', async () => {
  const input = new PassThrough();
  input.write('a\nb');
  const lines = readLines(input);
  assert.is((await lines.next()).value?.toString(), 'a');
  input.destroy(Object.assign(new Error(), { code: 'EIO' }));
  await rejects(lines.next(), { constructor: CommandError, message: 'the standard input cannot be read (EIO)' });
});

splitting.run();

const ends = suite('cli/pipe: ends');

ends('close ends the lines, also of whoever waits for one', async () => {
  const input = new PassThrough();
  const pipe = new Pipe(input, new PassThrough());
  input.write('a\n');
  const lines = pipe.lines[Symbol.asyncIterator]();
  assert.is((await lines.next()).value.toString(), 'a');
  const next = lines.next();
  pipe.close();
  assert.equal(await next, { done: true, value: undefined });
});

ends('print waits until the output has taken the message', async () => {
  let take!: () => void;
  const written: string[] = [];
  const output = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      written.push(chunk.toString());
      take = callback;
    },
  });
  const pipe = new Pipe(new PassThrough(), output);
  let isPrinted = false;
  const printing = pipe.print('message\n').then(() => (isPrinted = true));
  await new Promise(setImmediate);
  assert.equal([written, isPrinted], [['message\n'], false]);
  take();
  await printing;
});

for (const [code, expected] of [
  ['EPIPE', { code: 'EPIPE' }],
  ['ENOSPC', { constructor: CommandError, message: 'the standard output cannot be written (ENOSPC)' }],
] as const) {
  ends(`an output that breaks with ${code}`, async () => {
    const output = new Writable({
      write: (_chunk, _encoding, callback) => callback(Object.assign(new Error(), { code })),
    });
    await rejects(new Pipe(new PassThrough(), output).print('message\n'), expected);
  });
}

ends.run();
