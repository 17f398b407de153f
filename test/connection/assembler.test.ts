// The message assembler: what comes out of the pieces, and how much memory is taken for them.
import * as assert from 'uvu/assert';
import { MessageAssembler, type Message } from '../../src/connection/assembler.js';
import { ProtocolError } from '../../src/errors.js';
import { FrameDecoder } from '../../src/frame/decode.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { mask } from '../support/codec/naive-codec.js';
import { MASKING_KEY } from '../frame/events.js';
import { countAllocatedBytes, countLiveBytes } from '../frame/memory.js';

const test = suite('connection/assembler');

const KIB = 1024;
const MIB = 1024 * KIB;

/** What else the process may come to hold while a test measures: compiled code, its own variables. */
const SLACK = 2 * MIB;

/** Ten bytes; cut into fragments of one byte, most characters are cut. */
const PATTERN = 'aä你👋';

const FIN = 0x80;
const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;

test('§5.4 binary fragments', () => {
  const { assembler, messages } = assemble();
  addFrame(assembler, BINARY, hex('00 ff'));
  addFrame(assembler, CONTINUATION, hex(''));
  assert.equal(messages, []);
  addFrame(assembler, FIN | CONTINUATION, hex('80'));
  assert.instance(messages[0], Buffer);
  assert.equal(messages, [hex('00 ff 80')]);
  assert.is(assembler.messageCount, 1);
});

test('§5.4 text fragments, cut inside a character', () => {
  const { assembler, messages, byteLengths } = assemble();
  addFrame(assembler, TEXT, hex('61 e4'));
  addFrame(assembler, CONTINUATION, hex('bd'));
  addFrame(assembler, FIN | CONTINUATION, hex('a0'));
  assert.equal(messages, ['a你']);
  assert.equal(byteLengths, [4]);
});

test('§5.4 messages without a byte', () => {
  const { assembler, messages } = assemble();
  for (const first of [FIN | BINARY, FIN | TEXT, BINARY, FIN | CONTINUATION, TEXT, FIN | CONTINUATION]) {
    addFrame(assembler, first, hex(''));
  }
  assert.equal(messages, [hex(''), '', hex(''), '']);
  assert.is(assembler.messageCount, 4);
});

test('§5.3 only the piece of the chunk is taken, and unmasked with its key', () => {
  const { assembler, messages } = assemble();
  assembler.beginFrame(FIN | BINARY, 5);
  const chunk = hex('ee ee 7f 9f 4d ee');
  assembler.receivePayload(chunk, 2, 5, 0x3d21fa37, 2);
  // The key goes on where the last piece ended: 3d 37 fa 21.
  assembler.receivePayload(hex('51 58'), 0, 2, 0x21fa373d, 0);
  assert.equal(messages, [hex('48 65 6c 6c 6f')]);
  assert.equal(chunk, hex('ee ee 7f 9f 4d ee'));
});

test('§8.1 bad UTF-8 fails when it is added, an unfinished character at the end', () => {
  const { assembler } = assemble();
  addFrame(assembler, TEXT, hex('e4'));
  assertInvalidUtf8(() => addFrame(assembler, CONTINUATION, hex('41')));

  const other = assemble();
  addFrame(other.assembler, TEXT, hex('61'));
  assertInvalidUtf8(() => addFrame(other.assembler, FIN | CONTINUATION, hex('e4 bd')));
  assert.equal(other.messages, []);
});

test('a text after a fragmented one is checked from its first byte on', () => {
  const { assembler, messages } = assemble();
  for (const first of [TEXT, FIN | CONTINUATION, TEXT, FIN | CONTINUATION]) addFrame(assembler, first, hex('c3 a4'));
  assert.equal(messages, ['ää', 'ää']);
});

test('a frame that makes the message too long is refused by its header', () => {
  const { assembler } = assemble(10);
  assembler.beginFrame(FIN | BINARY, 10);
  assembler.receivePayload(Buffer.alloc(10), 0, 10, 0, 0);
  addFrame(assembler, BINARY, Buffer.alloc(4));
  addFrame(assembler, CONTINUATION, Buffer.alloc(6));
  assert.throws(() => assembler.beginFrame(CONTINUATION, 1), (error: unknown) => (
    error instanceof ProtocolError && error.code === 'MESSAGE_TOO_LARGE' && error.closeCode === 1009
  ));
});

test('a message that was handed out is never written again', () => {
  const { assembler, messages } = assemble();
  for (let number = 0; number < 100; number++) {
    addFrame(assembler, BINARY, Buffer.alloc(number, number));
    addFrame(assembler, FIN | CONTINUATION, Buffer.alloc(3, number));
  }
  assert.is(messages.length, 100);
  for (const [number, message] of messages.entries()) assert.equal(message, Buffer.alloc(number + 3, number));
});

test('a frame that comes in pieces takes just the memory of its message', () => {
  for (const size of [2, 1000, 64 * KIB]) {
    const { assembler } = assemble();
    const allocated = countAllocatedBytes(() => {
      assembler.beginFrame(FIN | BINARY, size);
      assembler.receivePayload(hex('01'), 0, 1, 0, size - 1);
      assembler.receivePayload(hex('02'), 0, 1, 0, size - 2);
    });
    // The one byte of each of the two chunks is counted, too.
    assert.is(allocated, size + 2, `${size} bytes`);
  }
});

test('a large payload has a place to be read into: the rest of its memory, where it need not be copied', () => {
  const payload = Buffer.alloc(MIB, PATTERN);
  for (const [key, masked] of [[0, payload], [0x3d21fa37, mask(payload, MASKING_KEY)]] as const) {
    const { assembler, messages } = assemble();
    assembler.beginFrame(FIN | BINARY, MIB);
    assert.is(assembler.vacancy, null);
    // What has come by then is a reason for memory for all of it.
    assembler.receivePayload(masked, 0, 128 * KIB, key, 896 * KIB);
    const first = assembler.vacancy!;
    assert.is(first.length, 896 * KIB);
    masked.copy(first, 0, 128 * KIB, 724 * KIB);
    const allocated = countAllocatedBytes(() => assembler.receivePayload(first, 0, 596 * KIB, key, 300 * KIB));
    assert.is(allocated, 0);
    const second = assembler.vacancy!;
    assert.equal([second.buffer, second.byteOffset, second.length], [first.buffer, 724 * KIB, 300 * KIB]);
    masked.copy(second, 0, 724 * KIB, 924 * KIB);
    assembler.receivePayload(second, 0, 200 * KIB, key, 100 * KIB);
    // The rest comes with what follows it.
    assert.is(assembler.vacancy, null);
    assembler.receivePayload(masked, 924 * KIB, MIB, key, 0);
    assert.is(assembler.vacancy, null);
    assert.ok(payload.equals(messages[0] as Buffer));
    assert.is((messages[0] as Buffer).buffer, first.buffer);
  }
});

test('a piece that is read elsewhere in spite of that is copied', () => {
  const { assembler, messages } = assemble();
  const payload = Buffer.alloc(MIB, PATTERN);
  assembler.beginFrame(FIN | BINARY, MIB);
  for (let start = 0; start < MIB; start += 128 * KIB) {
    assembler.receivePayload(payload, start, start + 128 * KIB, 0, MIB - start - 128 * KIB);
  }
  assert.ok(payload.equals(messages[0] as Buffer));
});

test('a message has no place to be read into once it was handed out, nor a small payload one', () => {
  const { assembler } = assemble();
  const payload = Buffer.alloc(512 * KIB);
  assembler.beginFrame(BINARY, 512 * KIB);
  assembler.receivePayload(payload, 0, 128 * KIB, 0, 384 * KIB);
  assert.is.not(assembler.vacancy, null);
  assembler.receivePayload(payload, 128 * KIB, 512 * KIB, 0, 0);
  assert.is(assembler.vacancy, null);
  assembler.beginFrame(FIN | CONTINUATION, 100 * KIB);
  assembler.receivePayload(payload, 0, 10, 0, 100 * KIB - 10);
  assert.is(assembler.vacancy, null);
});

test('a 16 MiB frame in pieces of 64 KiB is copied less than twice', () => {
  const { decoder, messages } = collect();
  const piece = Buffer.alloc(64 * KIB, 0x61);
  const allocated = countAllocatedBytes(() => {
    decoder.decode(hex('82 ff 00000000 01000000 00000000'));
    for (let count = 0; count < 256; count++) decoder.decode(piece);
  });
  assert.is(messages.length, 1);
  assert.ok(Buffer.alloc(16 * MIB, 0x61).equals(messages[0] as Buffer));
  assert.ok(allocated >= 16 * MIB && allocated < 20 * MIB, `${allocated} bytes were allocated`);
});

/** A header that announces 1 GiB, how much of it comes, and how much memory that may take. */
const UNSENT: [name: string, first: string, sent: number, most: number][] = [
  ['text, nothing', '81', 0, 4 * KIB],
  ['binary, nothing', '82', 0, 4 * KIB],
  ['a fragment, nothing', '02', 0, 4 * KIB],
  ['text, 1 byte', '81', 1, 68 * KIB],
  ['binary, 1 byte', '82', 1, 68 * KIB],
  ['a fragment, 1 byte', '02', 1, 68 * KIB],
  ['binary, 64 KiB', '82', 64 * KIB, 68 * KIB],
  ['binary, 64 KiB and 1 byte', '82', 64 * KIB + 1, 1100 * KIB],
];

for (const [name, first, sent, most] of UNSENT) {
  test(`a declared length is no reason to allocate: 1 GiB of ${name} sent`, () => {
    const header = hex(`${first} ff 0000 0000 4000 0000 00000000`);
    const payload = Buffer.alloc(sent, 0x61);
    const decoders = Array.from({ length: 20 }, () => collect().decoder);
    const before = process.memoryUsage().arrayBuffers;
    const allocated = countAllocatedBytes(() => {
      for (const decoder of decoders) {
        decoder.decode(header);
        for (let start = 0; start < sent; start += 64 * KIB) decoder.decode(payload.subarray(start, start + 64 * KIB));
      }
    });
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown <= 20 * most, `20 connections hold ${grown} bytes`);
    assert.ok(allocated <= 20 * most, `20 connections allocated ${allocated} bytes`);
    assert.ok(allocated >= 20 * sent, 'nothing was counted');
  });
}

for (const [name, opcode, expected] of [
  ['text', TEXT, PATTERN.repeat(100_000)],
  ['binary', BINARY, Buffer.from(PATTERN.repeat(100_000))],
] as [string, number, Message][]) {
  test(`one million fragments of one byte of ${name}: linear, and within twice their bytes`, () => {
    const { decoder, messages } = collect();
    const payload = mask(Buffer.from(PATTERN), Buffer.alloc(10, MASKING_KEY).subarray(0, 4));
    assert.is(payload.length, 10);
    const characters = Buffer.from(PATTERN);
    const fragment = hex('00 81 37fa213d 00');
    const baseline = countLiveBytes();
    const allocated = countAllocatedBytes(() => {
      for (let count = 0; count < 1_000_000; count++) {
        fragment[0] = (count === 0 ? opcode : 0) + (count === 999_999 ? 0x80 : 0);
        fragment[6] = characters[count % 10]! ^ 0x37;
        decoder.decode(fragment);
        if (count % 131_072 !== 1 || count < 65_536) continue;
        const live = countLiveBytes() - baseline;
        assert.ok(live <= 2 * count + SLACK, `${live} bytes are in use for ${count}`);
      }
    });
    assert.is(messages.length, 1);
    assert.ok(isSame(messages[0], expected));
    // Doubling: 1 + 2 + 4 + … + 2^20. Twice that would be more than a copy of each byte per doubling.
    assert.ok(allocated >= 1_000_000 && allocated <= 2 ** 21 + KIB, `${allocated} bytes were allocated`);
  });
}

test('one million empty fragments: nothing is kept of them', () => {
  const { decoder, messages } = collect();
  const fragment = hex('00 80 37fa213d');
  const baseline = countLiveBytes();
  const allocated = countAllocatedBytes(() => {
    decoder.decode(hex('01 80 37fa213d'));
    for (let count = 0; count < 1_000_000; count++) decoder.decode(fragment);
  });
  const live = countLiveBytes() - baseline;
  assert.ok(live <= SLACK, `${live} bytes are in use`);
  assert.ok(allocated <= KIB, `${allocated} bytes were allocated`);
  assert.equal(messages, []);
  decoder.decode(hex('80 81 37fa213d 56'));
  assert.equal(messages, ['a']);
});

test('one million empty fragments in few chunks', () => {
  const { decoder, messages } = collect();
  decoder.decode(hex('02 81 37fa213d 56'));
  const chunk = Buffer.alloc(6 * 10_000, hex('00 80 37fa213d'));
  for (let count = 0; count < 100; count++) decoder.decode(chunk);
  decoder.decode(hex('80 80 37fa213d'));
  assert.equal(messages, [hex('61')]);
});

for (const [name, first] of [['binary', '82'], ['text', '81']]) {
  test(`a 16 MiB message of ${name} in chunks of one byte: linear, and within twice its bytes`, () => {
    const size = 16 * MIB;
    const expected = Buffer.alloc(size, Buffer.from(PATTERN));
    // The last character is cut by the end of the 16 MiB.
    expected.fill('.', size - size % 10);
    const { decoder, messages } = collect();
    const chunk = Buffer.alloc(1);
    const baseline = countLiveBytes();
    let highest = 0;
    const allocated = countAllocatedBytes(() => {
      for (const byte of hex(`${first} ff 00000000 01000000 37fa213d`)) {
        chunk[0] = byte;
        decoder.decode(chunk);
      }
      for (let count = 0; count < size; count++) {
        chunk[0] = expected[count]! ^ MASKING_KEY[count & 3]!;
        decoder.decode(chunk);
        if ((count & 0x1fffff) === 1) highest = Math.max(highest, countLiveBytes() - baseline);
      }
    });
    assert.is(messages.length, 1);
    assert.ok(isSame(messages[0], name === 'text' ? expected.toString() : expected));
    assert.ok(highest <= 2 * size, `${highest} bytes were in use`);
    assert.ok(allocated >= size && allocated <= 2 * size, `${allocated} bytes were allocated`);
  });
}

/** An assembler, and the messages that come out of it. */
function assemble(maxMessageBytes = 2 ** 31): {
  assembler: MessageAssembler;
  messages: Message[];
  byteLengths: number[];
} {
  const messages: Message[] = [];
  const byteLengths: number[] = [];
  const queue = {
    put(message: Message, byteLength: number): void {
      messages.push(message);
      byteLengths.push(byteLength);
    },
    isFull: false, mayStream: () => false, takeSink: () => null, countStreamed(): void {},
    advance(): void {}, refuse(): void {},
  };
  const assembler = new MessageAssembler(null);
  assembler.serve(queue, maxMessageBytes);
  return { assembler, messages, byteLengths };
}

/** The same, given frames by a server's decoder. */
function collect(): { decoder: FrameDecoder; messages: Message[] } {
  const { assembler, messages } = assemble();
  const control = { receiveControl: (): void => assert.unreachable('there is no control frame') };
  const decoder = new FrameDecoder(assembler, false);
  decoder.serve('server', control);
  return { decoder, messages };
}

/** @param first FIN and the opcode. */
function addFrame(assembler: MessageAssembler, first: number, payload: Buffer): void {
  assembler.beginFrame(first, payload.length);
  assert.is(assembler.receivePayload(payload, 0, payload.length, 0, 0), true);
}

function isSame(actual: Message | undefined, expected: Message): boolean {
  return typeof expected === 'string' ? actual === expected : expected.equals(actual as Buffer);
}

function assertInvalidUtf8(run: () => unknown): void {
  assert.throws(run, (error: unknown) => (
    error instanceof ProtocolError && error.code === 'INVALID_UTF8' && error.closeCode === 1007
  ));
}

test.run();
