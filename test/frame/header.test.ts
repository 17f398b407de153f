// The frame header: each rule alone, every pair of first bytes, and how a length is read and written.
import * as assert from 'uvu/assert';
import { ProtocolError } from '../../src/errors.js';
import {
  checkHeader, headerLength, headerLengthFor, isControl, MAX_CONTROL_PAYLOAD_BYTES, MAX_HEADER_BYTES,
  parsePayloadLength, writeHeader,
} from '../../src/frame/header.js';
import type { Role } from '../../src/frame/opcode.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';

const test = suite('frame/header');

/** The first byte of the frames that may come, outside and inside of a fragmented message. */
const FIRST_BYTES_OUTSIDE = hex('01 02 81 82 88 89 8a');
const FIRST_BYTES_INSIDE = hex('00 80 88 89 8a');

for (const role of ['client', 'server'] as const) {
  test(`§5.2 all pairs of first bytes that a ${role} may receive, and no others`, () => {
    const wrong: string[] = [];
    for (const inMessage of [false, true]) {
      const allowed = inMessage ? FIRST_BYTES_INSIDE : FIRST_BYTES_OUTSIDE;
      for (let pair = 0; pair <= 0xffff; pair++) {
        const first = pair >> 8;
        const second = pair & 0xff;
        const isMaskRight = role === 'server' ? second >= 0x80 : second < 0x80;
        const isLengthRight = first < 0x88 || second % 0x80 <= 125;
        const isAllowed = allowed.includes(first) && isMaskRight && isLengthRight;
        const error = catchProtocolError(() => checkHeader(first, second, role, inMessage, false));
        if (error?.closeCode === (isAllowed ? undefined : 1002)) continue;
        wrong.push(`${pair.toString(16).padStart(4, '0')}, inMessage ${inMessage}`);
      }
    }
    assert.equal(wrong, []);
  });
}

/** The two first bytes for a client; a server's frame has the mask bit too. */
const VIOLATIONS: [name: string, bytes: string, inMessage: boolean, code: string][] = [
  ['§5.2 RSV1 on text', 'c1 00', false, 'RESERVED_BIT'],
  ['§5.2 RSV2 on text', 'a1 00', false, 'RESERVED_BIT'],
  ['§5.2 RSV3 on text', '91 00', false, 'RESERVED_BIT'],
  ['§5.2 all reserved bits on binary', 'f2 00', false, 'RESERVED_BIT'],
  ['§5.2 RSV1 on a fragment', '42 00', false, 'RESERVED_BIT'],
  ['§5.2 RSV1 on a continuation', 'c0 00', true, 'RESERVED_BIT'],
  ['§5.2 RSV1 on a ping', 'c9 00', false, 'RESERVED_BIT'],
  ['§5.2 RSV3 on a close', '98 00', false, 'RESERVED_BIT'],
  ...[0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf].flatMap((opcode) => {
    const digit = opcode.toString(16);
    return [false, true].map((inMessage): [string, string, boolean, string] => (
      [`§5.2 opcode ${digit}${inMessage ? ' inside a message' : ''}`, `8${digit} 00`, inMessage, 'UNKNOWN_OPCODE']
    ));
  }),
  ['§5.4 continuation outside a message', '00 00', false, 'UNEXPECTED_CONTINUATION'],
  ['§5.4 final continuation outside a message', '80 00', false, 'UNEXPECTED_CONTINUATION'],
  ['§5.4 text inside a message', '81 00', true, 'EXPECTED_CONTINUATION'],
  ['§5.4 first fragment of text inside a message', '01 00', true, 'EXPECTED_CONTINUATION'],
  ['§5.4 binary inside a message', '82 00', true, 'EXPECTED_CONTINUATION'],
  ['§5.4 first fragment of binary inside a message', '02 00', true, 'EXPECTED_CONTINUATION'],
  ['§5.5 fragmented close', '08 00', false, 'CONTROL_FRAME_FRAGMENTED'],
  ['§5.5 fragmented ping', '09 00', false, 'CONTROL_FRAME_FRAGMENTED'],
  ['§5.5 fragmented pong inside a message', '0a 00', true, 'CONTROL_FRAME_FRAGMENTED'],
  ['§5.5 close of a 16-bit length', '88 7e', false, 'CONTROL_FRAME_TOO_LONG'],
  ['§5.5 ping of a 16-bit length', '89 7e', false, 'CONTROL_FRAME_TOO_LONG'],
  ['§5.5 pong of a 64-bit length', '8a 7f', true, 'CONTROL_FRAME_TOO_LONG'],
];

for (const [name, bytes, inMessage, code] of VIOLATIONS) {
  test(`${name} is ${code}`, () => {
    const [first, second] = hex(bytes) as Iterable<number> as [number, number];
    for (const [role, maskBit] of [['client', 0], ['server', 0x80]] as [Role, number][]) {
      assertViolation(() => checkHeader(first, second | maskBit, role, inMessage, false), code);
    }
  });
}

for (const first of [0x81, 0x82, 0x01, 0x88, 0x89, 0x8a]) {
  const shown = first.toString(16);
  test(`§5.1 a server refuses ${shown} without a mask, a client refuses it with one`, () => {
    assertViolation(() => checkHeader(first, 0x05, 'server', false, false), 'FRAME_NOT_MASKED');
    assertViolation(() => checkHeader(first, 0x85, 'client', false, false), 'FRAME_MASKED');
  });
}

test('§5.2 the second byte tells how long the header is', () => {
  const table: [second: number, length: number][] = [
    [0x00, 2], [0x01, 2], [0x7d, 2], [0x7e, 4], [0x7f, 10],
    [0x80, 6], [0x81, 6], [0xfd, 6], [0xfe, 8], [0xff, 14],
  ];
  for (const [second, length] of table) assert.is(headerLength(second), length, second.toString(16));
});

test('§5.5 control frames are those whose opcode has its highest bit set', () => {
  const opcodes = Array.from({ length: 16 }, (_, opcode) => opcode);
  assert.equal(opcodes.filter(isControl), [8, 9, 10, 11, 12, 13, 14, 15]);
});

test('§5.2 and §5.5 the longest header has 14 bytes, the longest payload of a control frame 125', () => {
  assert.equal([MAX_HEADER_BYTES, MAX_CONTROL_PAYLOAD_BYTES], [14, 125]);
});

const LENGTHS: [length: number, bytes: string][] = [
  [0, '00'],
  [1, '01'],
  [125, '7d'],
  [126, '7e 007e'],
  [127, '7e 007f'],
  [255, '7e 00ff'],
  [256, '7e 0100'],
  [32_768, '7e 8000'],
  [65_535, '7e ffff'],
  [65_536, '7f 0000 0000 0001 0000'],
  [2 ** 24 + 1, '7f 0000 0000 0100 0001'],
  [2 ** 31, '7f 0000 0000 8000 0000'],
  [2 ** 32 - 1, '7f 0000 0000 ffff ffff'],
  [2 ** 32, '7f 0000 0001 0000 0000'],
  [2 ** 40 + 0x89abcdef, '7f 0000 0100 89ab cdef'],
  [2 ** 53 - 1, '7f 001f ffff ffff ffff'],
];

for (const [length, bytes] of LENGTHS) {
  test(`§5.2 length ${length} is ${bytes}`, () => {
    const header = hex(`82 ${bytes}`);
    assert.is(parsePayloadLength(header, 0), length);
    assert.is(parsePayloadLength(hex(`ffff ff 82 ${bytes} ffff`), 3), length);
    assert.is(headerLengthFor(length, false), header.length);
    assert.is(headerLengthFor(length, true), header.length + 4);

    const target = new Uint8Array(20).fill(0xee);
    assert.is(writeHeader(target, 3, 0x82, length, null), 3 + header.length);
    assert.equal(Buffer.from(target), Buffer.concat([hex('eeeeee'), header, Buffer.alloc(17 - header.length, 0xee)]));
  });
}

test('§5.2 the mask bit is not part of the length', () => {
  assert.is(parsePayloadLength(hex('82 fd 37fa213d'), 0), 125);
  assert.is(parsePayloadLength(hex('82 fe 007e 37fa213d'), 0), 126);
  assert.is(parsePayloadLength(hex('82 ff 0000 0000 0001 0000 37fa213d'), 0), 65_536);
});

test('§5.2 a length beyond 2^53 is read at least as a number above any other', () => {
  for (const bytes of ['0020 0000 0000 0000', '0020 0000 0000 0001', '7fff ffff ffff ffff']) {
    assert.ok(parsePayloadLength(hex(`82 7f ${bytes}`), 0) >= 2 ** 53, bytes);
  }
});

const BAD_LENGTHS: [name: string, bytes: string, code: string][] = [
  ['0 in 16 bits', '7e 0000', 'LENGTH_NOT_MINIMAL'],
  ['1 in 16 bits', '7e 0001', 'LENGTH_NOT_MINIMAL'],
  ['125 in 16 bits', '7e 007d', 'LENGTH_NOT_MINIMAL'],
  ['0 in 64 bits', '7f 0000 0000 0000 0000', 'LENGTH_NOT_MINIMAL'],
  ['125 in 64 bits', '7f 0000 0000 0000 007d', 'LENGTH_NOT_MINIMAL'],
  ['126 in 64 bits', '7f 0000 0000 0000 007e', 'LENGTH_NOT_MINIMAL'],
  ['65,535 in 64 bits', '7f 0000 0000 0000 ffff', 'LENGTH_NOT_MINIMAL'],
  ['the highest bit alone', '7f 8000 0000 0000 0000', 'LENGTH_OVERFLOW'],
  ['the highest bit and 65,536', '7f 8000 0000 0001 0000', 'LENGTH_OVERFLOW'],
  ['all bits', '7f ffff ffff ffff ffff', 'LENGTH_OVERFLOW'],
];

for (const [name, bytes, code] of BAD_LENGTHS) {
  test(`§5.2 a length of ${name} is ${code}`, () => {
    assertViolation(() => parsePayloadLength(hex(`82 ${bytes}`), 0), code);
    assertViolation(() => parsePayloadLength(hex(`7e 82 ${bytes} 7e`), 1), code);
  });
}

const HEADERS: [name: string, first: number, length: number, maskingKey: number | null, bytes: string][] = [
  ['§5.7 unmasked text', 0x81, 5, null, '81 05'],
  ['§5.7 masked text', 0x81, 5, 0x3d21fa37, '81 85 37fa213d'],
  ['§5.7 first fragment', 0x01, 3, null, '01 03'],
  ['§5.7 last fragment', 0x80, 2, null, '80 02'],
  ['§5.7 ping', 0x89, 5, null, '89 05'],
  ['§5.7 masked pong', 0x8a, 5, 0x3d21fa37, '8a 85 37fa213d'],
  ['§5.7 256 bytes', 0x82, 256, null, '82 7e 0100'],
  ['§5.7 64 KiB', 0x82, 65_536, null, '82 7f 0000000000010000'],
  ['§5.3 the key zero is a key', 0x82, 0, 0, '82 80 00000000'],
  ['§5.3 a key with its highest bit set', 0x82, 125, 0xfffefdfc | 0, '82 fd fcfdfeff'],
  ['§5.2 masked, 16-bit length', 0x82, 126, 0x04030201, '82 fe 007e 01020304'],
  ['§5.2 masked, 64-bit length', 0x82, 65_536, 0x04030201, '82 ff 0000000000010000 01020304'],
];

for (const [name, first, length, maskingKey, bytes] of HEADERS) {
  test(`${name}: the header to the byte`, () => {
    const header = hex(bytes);
    const target = Buffer.alloc(20, 0xee);
    assert.is(writeHeader(target, 1, first, length, maskingKey), 1 + header.length);
    assert.equal(target, Buffer.concat([hex('ee'), header, Buffer.alloc(19 - header.length, 0xee)]));
    assert.is(headerLengthFor(length, maskingKey !== null), header.length);
  });
}

function assertViolation(run: () => unknown, code: string): void {
  const error = catchProtocolError(run);
  assert.equal([error?.code, error?.closeCode], [code, 1002]);
}

function catchProtocolError(run: () => unknown): ProtocolError | null {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  return null;
}

test('RFC 7692 §6.1 with permessage-deflate, RSV1 may begin a message, and no other bit may be set anywhere', () => {
  for (let bits = 0x10; bits <= 0x70; bits += 0x10) {
    for (let opcode = 0; opcode <= 0xf; opcode++) {
      for (const inMessage of [true, false]) {
        const check = (): void => checkHeader(0x80 | bits | opcode, 0, 'client', inMessage, true);
        const begins = opcode === 0x1 || opcode === 0x2;
        if (bits !== 0x40 || !begins) assertViolation(check, 'RESERVED_BIT');
        else if (inMessage) assertViolation(check, 'EXPECTED_CONTINUATION');
        else check();
      }
    }
  }
});

test.run();
