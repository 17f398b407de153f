// The frame decoder: the RFC's examples, every rule at the byte where it is broken, and all of it however it is cut.
import { isDeepStrictEqual, inspect } from 'node:util';
import * as assert from 'uvu/assert';
import type { Message } from '../../src/connection/assembler.js';
import { Incoming } from '../../src/connection/incoming.js';
import type { ProtocolError } from '../../src/errors.js';
import { FrameDecoder } from '../../src/frame/decode.js';
import { Inflater } from '../../src/frame/inflater.js';
import type { Role } from '../../src/frame/opcode.js';
import { suite } from '../runner/suite.js';
import { assertEveryCut, hex } from '../support/codec/cuts.js';
import { encodeNaive, type FrameToEncode } from '../support/codec/naive-codec.js';
import {
  binary, control, decodeFrames, failure, findFailure, forEachRole, lendPieces, maskFrames, text, type FrameEvent,
} from './events.js';
import { countAllocatedBytes } from './memory.js';
import { withRandom, type Random } from './random.js';

const test = suite('frame/decode');

const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

// --- The examples of RFC 6455 §5.7, to the byte -------------------------------------------------------------------

const UNMASKED_HELLO = '81 05 48 65 6c 6c 6f';
const MASKED_HELLO = '81 85 37 fa 21 3d 7f 9f 4d 51 58';
const MASKED_PONG = '8a 85 37 fa 21 3d 7f 9f 4d 51 58';

const EXAMPLES: [name: string, role: Role, bytes: string, events: FrameEvent[]][] = [
  ['a single-frame unmasked text message', 'client', UNMASKED_HELLO, [text('Hello')]],
  ['a single-frame masked text message', 'server', MASKED_HELLO, [text('Hello')]],
  ['a fragmented unmasked text message', 'client', '01 03 48 65 6c 80 02 6c 6f', [text('Hello')]],
  ['unmasked ping request', 'client', '89 05 48 65 6c 6c 6f', [control(PING, '48656c6c6f')]],
  ['masked ping response', 'server', MASKED_PONG, [control(PONG, '48656c6c6f')]],
  [
    'the ping inside the fragmented message',
    'client',
    '01 03 48 65 6c 89 05 48 65 6c 6c 6f 80 02 6c 6f',
    [control(PING, '48656c6c6f'), text('Hello')],
  ],
  ['an unmasked text message, to a server', 'server', UNMASKED_HELLO, [failure('FRAME_NOT_MASKED', 1002)]],
  ['a masked text message, to a client', 'client', MASKED_HELLO, [failure('FRAME_MASKED', 1002)]],
  ['a masked ping response, to a client', 'client', MASKED_PONG, [failure('FRAME_MASKED', 1002)]],
];

for (const [name, role, bytes, events] of EXAMPLES) {
  test(`§5.7 ${name}`, () => assertEveryCut(hex(bytes), (chunks) => decodeFrames(chunks, { role }), events));
}

test('§5.7 256 bytes binary message in a single frame', () => {
  const payload = countingBytes(256);
  forEachRole(Buffer.concat([hex('82 7e 01 00'), payload]), (bytes, role) => {
    assertEveryCut(bytes, (chunks) => decodeFrames(chunks, { role }), [binary(payload)]);
  });
});

test('§5.7 64 KiB binary message in a single frame', () => {
  const payload = countingBytes(65_536);
  forEachRole(Buffer.concat([hex('82 7f 00 00 00 00 00 01 00 00'), payload]), (bytes, role) => {
    assertManyCuts(bytes, role, [binary(payload)]);
  });
});

// --- Lengths ------------------------------------------------------------------------------------------------------

const LENGTHS: [length: number, unmasked: string, masked: string][] = [
  [0, '00', '80 00000000'],
  [1, '01', '81 00000000'],
  [125, '7d', 'fd 00000000'],
  [126, '7e 007e', 'fe 007e 00000000'],
  [127, '7e 007f', 'fe 007f 00000000'],
  [65_535, '7e ffff', 'fe ffff 00000000'],
  [65_536, '7f 0000000000010000', 'ff 0000000000010000 00000000'],
  [65_537, '7f 0000000000010001', 'ff 0000000000010001 00000000'],
];

for (const [length, unmasked, masked] of LENGTHS) {
  test(`§5.2 a payload of ${length} bytes`, () => {
    const payload = countingBytes(length);
    const ascii = 'a'.repeat(length);
    for (const [role, header] of [['client', unmasked], ['server', masked]] as const) {
      // A key of zeros leaves the payload as it is.
      assertManyCuts(Buffer.concat([hex(`82 ${header}`), payload]), role, [binary(payload)]);
      assertManyCuts(Buffer.concat([hex(`81 ${header}`), Buffer.from(ascii)]), role, [text(ascii)]);
      const twice = Buffer.concat([hex(`82 ${header}`), payload, hex(`81 ${header}`), Buffer.from(ascii)]);
      assertManyCuts(twice, role, [binary(payload), text(ascii)]);
    }
    const withKey = maskFrames(Buffer.concat([hex(`82 ${unmasked}`), payload]));
    assertManyCuts(withKey, 'server', [binary(payload)]);
  });
}

for (const size of [65_535, 65_536, 65_538, 200_000]) {
  test(`§5.6 text of ${size} bytes that are not ASCII`, () => {
    const message = size % 2 === 0 ? 'ä'.repeat(size / 2) : `${'ä'.repeat((size - 1) / 2)}a`;
    const maskingKey = hex('01 80 fe 7f');
    const payload = Buffer.from(message);
    assertManyCuts(encodeNaive({ opcode: 1, payload }), 'client', [text(message)]);
    assertManyCuts(encodeNaive({ opcode: 1, payload, maskingKey }), 'server', [text(message)]);
  });
}

test('§5.3 each frame is unmasked with its own key', () => {
  const frames = hex('82 82 ff000000 ff00 82 82 00ff0000 00ff 02 81 0f000000 f0 00 80 ffffffff 80 81 f0000000 0f');
  assertEveryCut(frames, (chunks) => decodeFrames(chunks, { role: 'server' }), [
    binary('0000'), binary('0000'), binary('ffff'),
  ]);
});

// --- Messages and control frames ----------------------------------------------------------------------------------

const SEQUENCES: [name: string, frames: string, events: FrameEvent[]][] = [
  ['§5.6 no bytes', '', []],
  ['§5.6 empty text', '81 00', [text('')]],
  ['§5.6 empty binary', '82 00', [binary('')]],
  ['§5.6 text and binary in turn', '81 01 61 82 01 61 81 01 62', [text('a'), binary('61'), text('b')]],
  ['§5.6 equal texts', '81 01 61 81 01 61 81 01 61', [text('a'), text('a'), text('a')]],
  ['§5.6 a byte order mark is kept', '81 04 efbbbf 61', [text('\ufeffa')]],
  ['§5.6 text cut by frames within a character', '01 01 f0 00 02 9f91 80 01 8b', [text('👋')]],
  ['§5.6 binary that is not UTF-8', '82 04 ff c0 80 fe', [binary('ffc080fe')]],
  ['§5.4 two fragments of binary', '02 02 0001 80 02 0203', [binary('00010203')]],
  ['§5.4 five fragments', '01 01 48 00 01 65 00 01 6c 00 01 6c 80 01 6f', [text('Hello')]],
  ['§5.4 empty fragments', '01 00 00 00 80 00', [text('')]],
  ['§5.4 empty fragments of binary', '02 00 00 00 80 00', [binary('')]],
  ['§5.4 empty fragments around a full one', '02 00 00 00 00 01 aa 00 00 80 00', [binary('aa')]],
  ['§5.4 an empty first fragment', '01 00 80 01 61', [text('a')]],
  ['§5.4 an empty last fragment', '01 01 61 80 00', [text('a')]],
  [
    '§5.4 fragmented messages one behind the other',
    '01 01 61 80 01 62 02 01 63 80 01 64 81 01 65',
    [text('ab'), binary('6364'), text('e')],
  ],
  [
    '§5.4 control frames between fragments',
    '01 01 61 89 00 00 01 62 8a 02 7878 89 01 79 80 01 63',
    [control(PING), control(PONG, '7878'), control(PING, '79'), text('abc')],
  ],
  [
    '§5.4 control frames between fragments within a character',
    '01 01 e4 89 01 ff 00 01 bd 8a 01 80 80 01 a0',
    [control(PING, 'ff'), control(PONG, '80'), text('你')],
  ],
  ['§5.4 a ping behind an empty first fragment', '02 00 89 00 80 01 aa', [control(PING), binary('aa')]],
  ['§5.5.2 an empty ping', '89 00', [control(PING)]],
  ['§5.5.2 pings with payloads', '89 01 00 89 02 ffff', [control(PING, '00'), control(PING, 'ffff')]],
  ['§5.5 a ping of 125 bytes', `89 7d ${'a5'.repeat(125)}`, [control(PING, 'a5'.repeat(125))]],
  ['§5.5.3 an unasked pong', '8a 00', [control(PONG)]],
  ['§5.5.3 a pong of 125 bytes', `8a 7d ${'5a'.repeat(125)}`, [control(PONG, '5a'.repeat(125))]],
  ['§5.5.1 an empty close', '88 00', [control(CLOSE)]],
  ['§5.5.1 a close code and reason', '88 05 03e8 627965', [control(CLOSE, '03e8627965')]],
  ['§5.5.1 a close of 125 bytes', `88 7d 03e8 ${'78'.repeat(123)}`, [control(CLOSE, `03e8${'78'.repeat(123)}`)]],
  ['§5.5.1 a close payload is judged elsewhere', '88 01 ff', [control(CLOSE, 'ff')]],
  ['§5.5.1 a close inside a message', '01 01 61 88 02 03e9', [control(CLOSE, '03e9')]],
  ['§5.5.1 messages before a close', '81 01 61 8a 00 88 00', [text('a'), control(PONG), control(CLOSE)]],
];

for (const [name, frames, events] of SEQUENCES) {
  test(name, () => {
    forEachRole(hex(frames), (bytes, role) => {
      assertEveryCut(bytes, (chunks) => decodeFrames(chunks, { role }), events);
    });
  });
}

test('§5.2 an unfinished frame gives nothing, wherever it ends', () => {
  for (const frames of ['82 05 0102030405', '89 03 010203', '88 02 03e8', `82 7e 007e ${'00'.repeat(126)}`]) {
    forEachRole(hex(frames), (bytes, role) => {
      for (let end = 0; end < bytes.length; end++) {
        assert.equal(decodeFrames([bytes.subarray(0, end)], { role }), [], `${end} bytes of ${frames}`);
      }
    });
  }
});

const BEHIND_CLOSE: [name: string, bytes: string][] = [
  ['a message', '81 01 61'],
  ['another close', '88 02 03e9'],
  ['a frame with reserved bits', 'f1 00'],
  ['a masked message', '81 81 00000000 61'],
  ['half a header', '82'],
  ['no frame at all', 'ffffffff ffffffff'],
];

for (const [name, bytes] of BEHIND_CLOSE) {
  test(`§1.4 behind a Close frame ${name} is ignored`, () => {
    const trailing = hex(bytes);
    forEachRole(hex('81 01 61 88 02 03e8'), (frames, role) => {
      const decode = (chunks: Iterable<Buffer>): FrameEvent[] => decodeFrames(chunks, { role });
      assertEveryCut(frames, decode, [text('a'), control(CLOSE, '03e8')], { trailing });
    });
    forEachRole(hex('02 01 61 88 00'), (frames, role) => {
      const decode = (chunks: Iterable<Buffer>): FrameEvent[] => decodeFrames(chunks, { role });
      assertEveryCut(frames, decode, [control(CLOSE)], { trailing });
    });
  });
}

test('a binary message and a payload that are kept hold no memory but their own', () => {
  const chunk = hex('82 02 0102 8a 01 03');
  const kept = decodeFrames([chunk], { role: 'client' }).flatMap((event) => Object.values(event) as unknown[]);
  assert.equal(kept.flatMap((value) => (Buffer.isBuffer(value) ? [value.buffer.byteLength] : [])), [2, 1]);
});

test('§5.3 the chunk is left as it was', () => {
  const frames = hex('81 01 61 02 02 6162 89 03 010203 80 7e 0100'.concat('77'.repeat(256), '82 05 01'));
  const masked = Buffer.concat([maskFrames(frames.subarray(0, -3)), hex('82 85 37fa213d 01')]);
  for (const [role, bytes] of [['client', frames], ['server', masked]] as const) {
    const chunk = Buffer.from(bytes);
    assert.is(decodeFrames([chunk], { role }).length, 3);
    assert.ok(chunk.equals(bytes), role);
  }
});

// --- HTTP within a WebSocket ---------------------------------------------------------------------------------------

/** What the decoder throws at these bytes. */
function violationOf(role: Role, ...chunks: Buffer[]): ProtocolError {
  const data = { beginFrame(): void {}, receivePayload: (): boolean => true };
  const decoder = new FrameDecoder(data, false);
  decoder.serve(role, { receiveControl(): void {} });
  try {
    for (const chunk of chunks) decoder.decode(chunk);
  } catch (error) {
    return error as ProtocolError;
  }
  throw new Error('nothing was thrown');
}

const PLAIN = 'RSV1, RSV2 or RSV3 set without an extension';
const MAYBE = 'HTTP instead of a frame, perhaps of a proxy: ';

const PAGES: [name: string, role: Role, bytes: string, message: string][] = [
  ['an error page', 'client', 'HTTP/1.1 400 Bad Request\r\nServer: a\r\n', `${MAYBE}"HTTP/1.1 400 Bad Request"`],
  ['a request', 'server', 'GET /chat HTTP/1.1\r\nHost: a\r\n\r\n', `${MAYBE}"GET /chat HTTP/1.1"`],
  ['a line of 1,000 bytes', 'client', `HTTP/1.0 500 ${'a'.repeat(1000)}`, `${MAYBE}"HTTP/1.0 500 ${'a'.repeat(51)}"`],
  ['a line that ends with no ASCII', 'client', 'HTTP/1.1 400 \xe9\r\n', `${MAYBE}"HTTP/1.1 400 "`],
  ['the first bytes of one', 'client', 'HTTP/', PLAIN],
  ['other text', 'client', 'Hello HTTP/1.1', PLAIN],
  ['a request without a version', 'server', 'GET /\r\n', PLAIN],
  ['a target that is no ASCII', 'server', 'G \xe3 HTTP/1.1\r\n', PLAIN],
];

for (const [name, role, bytes, message] of PAGES) {
  test(`§5.2 ${name} within a WebSocket is told to a ${role}`, () => {
    const hello = hex(role === 'server' ? MASKED_HELLO : UNMASKED_HELLO);
    const error = violationOf(role, Buffer.concat([hello, Buffer.from(bytes, 'latin1')]));
    assert.equal([error.code, error.closeCode, error.message], ['RESERVED_BIT', 1002, message]);
    assert.ok(message.length <= 123, 'it fits into a close reason');
  });
}

test('§5.2 of HTTP byte by byte only the header is known, and nothing that stood in memory is told', () => {
  const page = [...Buffer.from('HTTP/1.1 400 Bad Request\r\n')].map((byte) => Buffer.of(byte));
  assert.is(violationOf('client', ...page).message, PLAIN);
  // A ping in pieces is kept where the header of the page is next: its payload would complete the line.
  const ping = [hex('89 11'), Buffer.from('TP/1.1 200 secret')];
  assert.is(violationOf('client', ...ping, ...page).message, PLAIN);
});

// --- Rules --------------------------------------------------------------------------------------------------------

/**
 * Bytes of which the last one completes what breaks a rule, as a client and as a server would receive them.
 * The decoder reads a header as a whole: a length is judged when the masking key is there.
 */
const VIOLATIONS: [name: string, code: string, toClient: string, toServer: string][] = [
  ['§5.2 RSV1 on text', 'RESERVED_BIT', 'c1 05', 'c1 85'],
  ['§5.2 RSV2 on text', 'RESERVED_BIT', 'a1 05', 'a1 85'],
  ['§5.2 RSV3 on binary', 'RESERVED_BIT', '92 05', '92 85'],
  ['§5.2 all reserved bits', 'RESERVED_BIT', 'f1 00', 'f1 80'],
  ['§5.2 RSV1 on a first fragment', 'RESERVED_BIT', '41 05', '41 85'],
  ['§5.2 RSV1 on a continuation', 'RESERVED_BIT', '01 01 61 c0 05', '01 81 00000000 61 c0 85'],
  ['§5.2 RSV1 on a ping', 'RESERVED_BIT', 'c9 00', 'c9 80'],
  ['§5.2 RSV2 on a close', 'RESERVED_BIT', 'a8 02', 'a8 82'],
  ['§5.2 RSV3 on a pong inside a message', 'RESERVED_BIT', '01 00 9a 00', '01 80 00000000 9a 80'],
  ['§5.2 opcode 3', 'UNKNOWN_OPCODE', '83 00', '83 80'],
  ['§5.2 opcode 4', 'UNKNOWN_OPCODE', '84 01', '84 81'],
  ['§5.2 opcode 5', 'UNKNOWN_OPCODE', '85 7d', '85 fd'],
  ['§5.2 opcode 6', 'UNKNOWN_OPCODE', '86 7e', '86 fe'],
  ['§5.2 opcode 7', 'UNKNOWN_OPCODE', '87 7f', '87 ff'],
  ['§5.2 opcode 3, unfinished', 'UNKNOWN_OPCODE', '03 00', '03 80'],
  ['§5.2 opcode 7 inside a message', 'UNKNOWN_OPCODE', '02 00 87 00', '02 80 00000000 87 80'],
  ['§5.2 opcode b', 'UNKNOWN_OPCODE', '8b 00', '8b 80'],
  ['§5.2 opcode c', 'UNKNOWN_OPCODE', '8c 01', '8c 81'],
  ['§5.2 opcode d', 'UNKNOWN_OPCODE', '8d 7d', '8d fd'],
  ['§5.2 opcode e', 'UNKNOWN_OPCODE', '8e 7e', '8e fe'],
  ['§5.2 opcode f', 'UNKNOWN_OPCODE', '8f 7f', '8f ff'],
  ['§5.2 opcode f inside a message', 'UNKNOWN_OPCODE', '02 00 8f 00', '02 80 00000000 8f 80'],
  ['§5.5 a fragmented close', 'CONTROL_FRAME_FRAGMENTED', '08 02', '08 82'],
  ['§5.5 a fragmented ping', 'CONTROL_FRAME_FRAGMENTED', '09 00', '09 80'],
  ['§5.5 a fragmented pong', 'CONTROL_FRAME_FRAGMENTED', '0a 05', '0a 85'],
  ['§5.5 a fragmented ping in a message', 'CONTROL_FRAME_FRAGMENTED', '01 00 09 00', '01 80 00000000 09 80'],
  ['§5.5 a close of a 16-bit length', 'CONTROL_FRAME_TOO_LONG', '88 7e', '88 fe'],
  ['§5.5 a close of a 64-bit length', 'CONTROL_FRAME_TOO_LONG', '88 7f', '88 ff'],
  ['§5.5 a ping of a 16-bit length', 'CONTROL_FRAME_TOO_LONG', '89 7e', '89 fe'],
  ['§5.5 a ping of a 64-bit length', 'CONTROL_FRAME_TOO_LONG', '89 7f', '89 ff'],
  ['§5.5 a pong of a 16-bit length', 'CONTROL_FRAME_TOO_LONG', '8a 7e', '8a fe'],
  ['§5.4 a continuation first', 'UNEXPECTED_CONTINUATION', '00 00', '00 80'],
  ['§5.4 a final continuation first', 'UNEXPECTED_CONTINUATION', '80 05', '80 85'],
  ['§5.4 a continuation behind a message', 'UNEXPECTED_CONTINUATION', '81 00 80 00', '81 80 00000000 80 80'],
  [
    '§5.4 a continuation behind a fragmented message',
    'UNEXPECTED_CONTINUATION',
    '01 00 80 00 00 00',
    '01 80 00000000 80 80 00000000 00 80',
  ],
  ['§5.4 text inside text', 'EXPECTED_CONTINUATION', '01 01 61 81 01', '01 81 00000000 61 81 81'],
  ['§5.4 binary inside text', 'EXPECTED_CONTINUATION', '01 01 61 82 01', '01 81 00000000 61 82 81'],
  ['§5.4 text inside binary', 'EXPECTED_CONTINUATION', '02 00 01 00', '02 80 00000000 01 80'],
  [
    '§5.4 text inside text behind a ping',
    'EXPECTED_CONTINUATION',
    '01 00 89 00 81 00',
    '01 80 00000000 89 80 00000000 81 80',
  ],
  ['§5.2 0 in 16 bits', 'LENGTH_NOT_MINIMAL', '81 7e 0000', '81 fe 0000 37fa213d'],
  ['§5.2 125 in 16 bits', 'LENGTH_NOT_MINIMAL', '82 7e 007d', '82 fe 007d 37fa213d'],
  ['§5.2 125 in 64 bits', 'LENGTH_NOT_MINIMAL', '82 7f 000000000000007d', '82 ff 000000000000007d 37fa213d'],
  ['§5.2 126 in 64 bits', 'LENGTH_NOT_MINIMAL', '82 7f 000000000000007e', '82 ff 000000000000007e 37fa213d'],
  ['§5.2 65,535 in 64 bits', 'LENGTH_NOT_MINIMAL', '81 7f 000000000000ffff', '81 ff 000000000000ffff 37fa213d'],
  [
    '§5.2 125 in 16 bits in a fragment',
    'LENGTH_NOT_MINIMAL',
    '02 01 61 80 7e 007d',
    '02 81 00000000 61 80 fe 007d 37fa213d',
  ],
  ['§5.2 the highest bit of 64', 'LENGTH_OVERFLOW', '82 7f 8000000000000000', '82 ff 8000000000000000 37fa213d'],
  ['§5.2 all bits of 64', 'LENGTH_OVERFLOW', '82 7f ffffffffffffffff', '82 ff ffffffffffffffff 37fa213d'],
  ['§5.2 the highest bit and 65,536', 'LENGTH_OVERFLOW', '81 7f 8000000000010000', '81 ff 8000000000010000 37fa213d'],
  ['§10.4 2^53 bytes', 'MESSAGE_TOO_LARGE', '82 7f 0020000000000000', '82 ff 0020000000000000 37fa213d'],
  ['§10.4 2^53 + 1 bytes', 'MESSAGE_TOO_LARGE', '82 7f 0020000000000001', '82 ff 0020000000000001 37fa213d'],
  ['§10.4 2^63 - 1 bytes', 'MESSAGE_TOO_LARGE', '81 7f 7fffffffffffffff', '81 ff 7fffffffffffffff 37fa213d'],
  ['§10.4 4 GiB', 'MESSAGE_TOO_LARGE', '82 7f 0000000100000000', '82 ff 0000000100000000 37fa213d'],
  ['§10.4 1 MiB + 1 byte', 'MESSAGE_TOO_LARGE', '82 7f 0000000000100001', '82 ff 0000000000100001 37fa213d'],
  [
    '§10.4 1 MiB in a fragment behind 1 byte',
    'MESSAGE_TOO_LARGE',
    '02 01 61 80 7f 0000000000100000',
    '02 81 00000000 61 80 ff 0000000000100000 37fa213d',
  ],
];

for (const [name, code, toClient, toServer] of VIOLATIONS) {
  test(`${name} is ${code} as soon as the header tells it`, () => {
    const closeCode = code === 'MESSAGE_TOO_LARGE' ? 1009 : 1002;
    for (const [role, digits] of [['client', toClient], ['server', toServer]] as const) {
      assertFailsAtLastByte(hex(digits), role, failure(code, closeCode));
    }
  });
}

for (const frame of ['81', '82', '01', '02', '88', '89', '8a']) {
  test(`§5.1 a client refuses ${frame} with a mask, a server without one`, () => {
    for (const length of ['00', '05', '7d']) {
      const masked = (Number.parseInt(length, 16) + 0x80).toString(16);
      assertFailsAtLastByte(hex(`${frame} ${masked}`), 'client', failure('FRAME_MASKED', 1002));
      assertFailsAtLastByte(hex(`${frame} ${length}`), 'server', failure('FRAME_NOT_MASKED', 1002));
    }
  });
}

test('§5.1 a second frame with the wrong masking is refused too', () => {
  const toClient = hex(`${UNMASKED_HELLO} ${MASKED_HELLO}`);
  const toServer = hex(`${MASKED_HELLO} ${UNMASKED_HELLO}`);
  const events = (code: string): FrameEvent[] => [text('Hello'), failure(code, 1002)];
  assertEveryCut(toClient, (chunks) => decodeFrames(chunks, { role: 'client' }), events('FRAME_MASKED'));
  assertEveryCut(toServer, (chunks) => decodeFrames(chunks, { role: 'server' }), events('FRAME_NOT_MASKED'));
});

test('§7.1.7 frames before an error are delivered, those behind it are not', () => {
  const frames = '81 01 61 89 01 70 02 01 aa 80 01 bb';
  const before = [text('a'), control(PING, '70'), binary('aabb')];
  forEachRole(hex(frames), (bytes, role) => {
    const bad = hex(role === 'client' ? '83 00' : '83 80');
    const decode = (chunks: Iterable<Buffer>): FrameEvent[] => decodeFrames(chunks, { role });
    const trailing = bytes;
    assertEveryCut(Buffer.concat([bytes, bad]), decode, [...before, failure('UNKNOWN_OPCODE', 1002)], { trailing });
  });
});

// --- The message limit --------------------------------------------------------------------------------------------

const TOO_LARGE = failure('MESSAGE_TOO_LARGE', 1009);

const LIMITS: [name: string, limit: number, frames: string, events: FrameEvent[]][] = [
  ['a message at the limit', 5, UNMASKED_HELLO, [text('Hello')]],
  ['fragments at the limit', 5, '01 03 48656c 00 00 80 02 6c6f', [text('Hello')]],
  ['each message has the limit for itself', 2, '81 02 6161 02 02 6262 80 00 82 02 6363', [
    text('aa'), binary('6262'), binary('6363'),
  ]],
  ['no bytes at a limit of 0', 0, '81 00 02 00 80 00', [text(''), binary('')]],
  ['control frames do not count', 1, '02 01 aa 89 05 0102030405 8a 05 0102030405 80 00', [
    control(PING, '0102030405'), control(PONG, '0102030405'), binary('aa'),
  ]],
  ['a message behind one over a fragment', 3, '02 02 aabb 80 01 cc 82 03 ddeeff', [
    binary('aabbcc'), binary('ddeeff'),
  ]],
];

for (const [name, maxMessageBytes, frames, events] of LIMITS) {
  test(`§10.4 ${name}`, () => {
    forEachRole(hex(frames), (bytes, role) => {
      assertEveryCut(bytes, (chunks) => decodeFrames(chunks, { role, maxMessageBytes }), events);
    });
  });
}

/** The last byte is the end of the header that takes the message over the limit; no payload of it is there. */
const OVER_LIMITS: [name: string, limit: number, toClient: string, toServer: string, events: FrameEvent[]][] = [
  ['text one byte over', 4, '81 05', '81 85 37fa213d', []],
  ['binary at a limit of 0', 0, '82 01', '82 81 37fa213d', []],
  ['a message behind others', 1, '81 01 61 82 02', '81 81 00000000 61 82 82 37fa213d', [text('a')]],
  ['a second fragment', 5, '01 03 616161 80 03', '01 83 00000000 616161 80 83 37fa213d', []],
  ['a fragment that is not the last', 5, '01 03 616161 00 03', '01 83 00000000 616161 00 83 37fa213d', []],
  ['a third fragment', 2, '02 01 aa 00 01 bb 00 01', '02 81 00000000 aa 00 81 00000000 bb 00 81 37fa213d', []],
  [
    'a fragment behind a ping',
    2,
    '02 02 aabb 89 01 70 80 01',
    '02 82 00000000 aabb 89 81 00000000 70 80 81 37fa213d',
    [control(PING, '70')],
  ],
  ['126 bytes', 125, '82 7e 007e', '82 fe 007e 37fa213d', []],
];

for (const [name, maxMessageBytes, toClient, toServer, events] of OVER_LIMITS) {
  test(`§10.4 ${name} is refused at the header`, () => {
    for (const [role, digits] of [['client', toClient], ['server', toServer]] as const) {
      const bytes = hex(digits);
      const options = { role, maxMessageBytes };
      assert.equal(findFailure(bytes, options), { after: bytes.length, failure: TOO_LARGE });
      const trailing = Buffer.alloc(10, 0x61);
      assertEveryCut(bytes, (chunks) => decodeFrames(chunks, options), [...events, TOO_LARGE], { trailing });
    }
  });
}

test('§10.4 a message over the limit is refused before its payload is stored, though it is there', () => {
  const payload = Buffer.alloc(1 << 20, 0x61);
  for (const [name, first] of [['text', '81'], ['binary', '82'], ['a fragment', '02']] as const) {
    const header = hex(`${first} ff 0000000000100000 00000000`);
    const chunk = Buffer.concat([header, payload]);
    let events: FrameEvent[] = [];
    const allocated = countAllocatedBytes(() => {
      events = decodeFrames([chunk], { role: 'server', maxMessageBytes: (1 << 20) - 1 });
    });
    assert.equal(events, [TOO_LARGE], name);
    assert.ok(allocated <= 1024, `${name}: ${allocated} bytes were allocated`);

    // The same counter sees the message if it is allowed.
    const stored = countAllocatedBytes(() => decodeFrames([chunk], { role: 'server', maxMessageBytes: 1 << 20 }));
    assert.ok(stored >= 1 << 20, `${name}: nothing was counted`);
  }
});

// --- Random data --------------------------------------------------------------------------------------------------

for (const role of ['client', 'server'] as const) {
  test(`§5 a ${role} decodes 10,000 random frames that the naive codec has encoded`, () => {
    withRandom((random) => {
      const { frames, events } = createConversation(random, 10_000);
      const bytes = Buffer.concat(frames.map((frame) => (
        encodeNaive(role === 'server' ? { ...frame, maskingKey: random.bytes(4) } : frame)
      )));
      const nextLength = (): number => random.pick([1, 2, 3, 7, 50, 200, 1000, 20_000, 65_536]);
      for (let round = 0; round < 3; round++) {
        const chunks = lendPieces(bytes, () => random.integer(1, nextLength()));
        assertSameEvents(decodeFrames(chunks, { role }), events);
      }
    });
  });

  test(`§5 whatever bytes a ${role} receives, it makes the same of them however they are cut`, () => {
    withRandom((random) => {
      let failures = 0;
      for (let round = 0; round < 1000; round++) {
        const bytes = createNoise(random, role);
        const options = { role, maxMessageBytes: 300 };
        const events = decodeFrames([bytes], options);
        if (events.some((event) => 'failure' in event)) failures++;
        for (const longest of [1, 3, 40, 400]) {
          const chunks = lendPieces(bytes, () => random.integer(1, longest));
          assertSameEvents(decodeFrames(chunks, options), events);
        }
      }
      assert.ok(failures > 100 && failures < 1000, `${failures} of 1,000 have failed, which tests little`);
    });
  });
}

/** Random messages in random fragments with control frames between them, closed at the end, and what they mean. */
function createConversation(random: Random, atLeast: number): { frames: FrameToEncode[]; events: FrameEvent[] } {
  const frames: FrameToEncode[] = [];
  const events: FrameEvent[] = [];

  function addControl(): void {
    const opcode = random.pick([PING, PONG]);
    const payload = random.bytes(random.pick([0, 1, 4, random.integer(0, 125), 125]));
    frames.push({ opcode, payload });
    events.push({ opcode, payload });
  }

  while (frames.length < atLeast - 1) {
    const isText = random.chance(0.5);
    const message = isText ? createText(random) : random.bytes(pickLength(random));
    const payload = Buffer.from(message);
    const opcode = isText ? 0x1 : 0x2;
    const cuts = random.chance(0.6) ? 0 : random.integer(1, 12);
    const places = Array.from({ length: cuts }, () => random.integer(0, payload.length)).sort((a, b) => a - b);
    for (const [index, end] of [...places, payload.length].entries()) {
      const fragment = payload.subarray(places[index - 1] ?? 0, end);
      frames.push({ fin: index === cuts, opcode: index === 0 ? opcode : 0x0, payload: fragment });
      // What follows the last fragment stands behind the message.
      if (index === cuts) events.push({ message, byteLength: payload.length });
      if (random.chance(0.15)) addControl();
    }
  }
  const payload = Buffer.concat([hex('03e8'), random.bytes(random.integer(0, 123))]);
  frames.push({ opcode: CLOSE, payload });
  events.push({ opcode: CLOSE, payload });
  return { frames, events };
}

function pickLength(random: Random): number {
  const shortest = random.pick([0, 0, 0, 1, 1, 2, 3, 4, 20, 125, 126, 127, 255, 256, 257]);
  if (random.chance(0.97)) return shortest + random.integer(0, 3);
  return random.chance(0.9) ? random.integer(1000, 5000) : random.integer(65_000, 70_000);
}

function createText(random: Random): string {
  const alphabet = random.pick(['a', 'aé', 'a你', '👋', 'aé你👋\ufeff\0', '\x7f\x80\u07ff\u0800\uffff\u{10ffff}']);
  const characters = [...alphabet];
  let message = '';
  for (let left = pickLength(random); left > 0; left--) message += random.pick(characters);
  return message;
}

/** A few frames, not always in an order that makes sense, and one of their bits may be turned. */
function createNoise(random: Random, role: Role): Buffer {
  const frames: Buffer[] = [];
  for (let count = random.integer(1, 12); count > 0; count--) {
    frames.push(encodeNaive({
      fin: random.chance(0.8),
      opcode: random.pick([0, 1, 1, 1, 2, 2, 9, 10]),
      payload: Buffer.from(random.pick(['', 'a', 'äöü', '👋👋', '你'.repeat(45), random.bytes(4)])),
      maskingKey: role === 'server' ? random.bytes(4) : undefined,
    }));
  }
  const bytes = Buffer.concat(frames);
  if (random.chance(0.3)) {
    const place = random.integer(0, bytes.length - 1);
    bytes[place] = (bytes[place] ?? 0) ^ (1 << random.integer(0, 7));
  }
  return bytes;
}

function assertSameEvents(actual: FrameEvent[], expected: FrameEvent[]): void {
  for (let index = 0; index < Math.max(actual.length, expected.length); index++) {
    if (isDeepStrictEqual(actual[index], expected[index])) continue;
    const [is, should] = [inspect(actual[index]), inspect(expected[index])];
    throw new Error(`event ${index} is ${is.slice(0, 500)}, but should be ${should.slice(0, 500)}`);
  }
}

// --- Helpers ------------------------------------------------------------------------------------------------------

/** Asserts that each byte but the last is taken, and that the error does not wait for more. */
function assertFailsAtLastByte(bytes: Buffer, role: Role, expected: FrameEvent): void {
  assert.equal(findFailure(bytes, { role }), { after: bytes.length, failure: expected });
  const decodeLast = (chunks: Iterable<Buffer>): FrameEvent | undefined => decodeFrames(chunks, { role }).at(-1);
  assertEveryCut(bytes, decodeLast, expected, { trailing: Buffer.alloc(16, 0x61) });
}

/** As `assertEveryCut`, but for long bytes: cut where headers are, at both ends and at some places between. */
function assertManyCuts(bytes: Buffer, role: Role, events: FrameEvent[]): void {
  if (bytes.length < 400) return assertEveryCut(bytes, (chunks) => decodeFrames(chunks, { role }), events);
  assertSameEvents(decodeFrames([Buffer.from(bytes)], { role }), events);
  for (const length of [1, 2, 3, 5, 255, 256, 257, 1000, 16_384, 65_535, 65_536, 65_537]) {
    assertSameEvents(decodeFrames(lendPieces(bytes, () => length), { role }), events);
  }
  const half = bytes.length >> 1;
  for (const middle of [0, half, bytes.length]) {
    for (let place = Math.max(1, middle - 20); place <= Math.min(bytes.length - 1, middle + 20); place++) {
      let isFirst = true;
      const chunks = lendPieces(bytes, () => {
        const length = isFirst ? place : bytes.length;
        isFirst = false;
        return length;
      });
      assertSameEvents(decodeFrames(chunks, { role }), events);
    }
  }
}

/** 00 01 02 … ff 00 01 … */
function countingBytes(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => index));
}

// --- Compressed messages (RFC 7692) --------------------------------------------------------------------------------

const COMPRESSED: [name: string, frames: string, events: FrameEvent[]][] = [
  ['§7.2.3.1 one frame', 'c1 07 f248cdc9c90700', [text('Hello')]],
  ['§7.2.3.1 two fragments', '41 03 f248cd 80 04 c9c90700', [text('Hello')]],
  ['§7.2.3.2 the second refers to the first', 'c1 07 f248cdc9c90700 c1 05 f200110000', [text('Hello'), text('Hello')]],
  ['§7.2.3.3 without compression', 'c1 0b 000500faff48656c6c6f00', [text('Hello')]],
  ['§7.2.3.4 a block with BFINAL', 'c1 08 f348cdc9c9070000', [text('Hello')]],
  ['§7.2.3.5 two blocks', 'c1 0d f248050000 00ffff cac9c90700', [text('Hello')]],
  ['§7.2.3.6 an empty message', 'c1 01 00', [text('')]],
  ['binary', 'c2 07 f248cdc9c90700', [binary('48656c6c6f')]],
  ['fragments, empty ones too, with a ping between', '41 00 00 07 f248cdc9c90700 89 01 61 80 00', [
    control(PING, '61'), text('Hello'),
  ]],
  ['§6 a message that is not compressed, between', 'c1 07 f248cdc9c90700 81 02 6869 c1 05 f200110000', [
    text('Hello'), text('hi'), text('Hello'),
  ]],
  ['§6 fragments that are not compressed, before', '01 01 68 80 01 69 c1 07 f248cdc9c90700', [
    text('hi'), text('Hello'),
  ]],
  ['§6.1 RSV1 on a continuation', '41 03 f248cd c0 04 c9c90700', [failure('RESERVED_BIT', 1002)]],
  ['§6.1 RSV1 on a continuation of a message that is not compressed', '01 01 61 c0 01 62', [
    failure('RESERVED_BIT', 1002),
  ]],
  ['§6.1 RSV1 on a ping', 'c9 00', [failure('RESERVED_BIT', 1002)]],
  ['§6.1 RSV1 on a close', 'c8 02 03e8', [failure('RESERVED_BIT', 1002)]],
  ['RSV1 on an unknown opcode', 'c3 00', [failure('RESERVED_BIT', 1002)]],
  ['no DEFLATE', 'c2 03 ffffff', [failure('INVALID_DEFLATE', 1007)]],
  ['nothing', 'c2 00', [failure('INVALID_DEFLATE', 1007)]],
  // A stored block of ff.
  ['RFC 6455 §8.1 text that is not UTF-8', 'c1 07 000100feff ff 00', [failure('INVALID_UTF8', 1007)]],
  ['binary that is not UTF-8', 'c2 07 000100feff ff 00', [binary('ff')]],
];

for (const [name, frames, events] of COMPRESSED) {
  test(`RFC 7692 ${name}`, () => {
    forEachRole(hex(frames), (bytes, role) => {
      assertEveryCut(bytes, (chunks) => decodeFrames(chunks, { role, deflate: true }), events);
    });
  });
}

test('RFC 7692 §6 without an agreement, RSV1 fails', () => {
  forEachRole(hex('c1 07 f248cdc9c90700'), (bytes, role) => {
    assert.equal(decodeFrames([bytes], { role }), [failure('RESERVED_BIT', 1002)]);
  });
});

test('RFC 7692 the limit is that of the inflated message, in one frame and in fragments', () => {
  for (const frames of ['c1 07 f248cdc9c90700', '41 03 f248cd 80 04 c9c90700']) {
    forEachRole(hex(frames), (bytes, role) => {
      assert.equal(decodeFrames([bytes], { role, deflate: true, maxMessageBytes: 5 }), [text('Hello')]);
      assert.equal(decodeFrames([bytes], { role, deflate: true, maxMessageBytes: 4 }), [
        failure('MESSAGE_TOO_LARGE', 1009),
      ]);
    });
  }
});

test('RFC 7692 after a compressed message the decoder stops if the receiver has enough, and goes on later', () => {
  const messages: Message[] = [];
  let limit = 2;
  const queue = {
    put: (message: Message) => void messages.push(message),
    get isFull() {
      return messages.length >= limit;
    },
    mayStream: () => false,
    takeSink: () => null,
    countStreamed() {}, advance() {}, refuse() {},
  };
  const incoming = new Incoming(new Inflater({ windowBits: 15, contextTakeover: true }));
  incoming.serve('client', { receiveControl: () => {} }, queue, 100);
  const { decoder } = incoming;
  // Whole, in fragments, whole with a reference to the one before; then one that is not compressed, and one that is.
  const fragments = '41 03 f248cd 80 04 c9c90700';
  const bytes = hex(`c1 07 f248cdc9c90700 ${fragments} c1 05 f200110000 81 01 61 c1 05 f200110000 81 01 62`);
  const taken = decoder.decode(bytes);
  assert.equal([taken, messages], [20, ['Hello', 'Hello']]);
  limit = 4;
  // The one that is not compressed is no longer than what came for it.
  assert.is(decoder.decode(bytes.subarray(taken)), 17);
  assert.is(messages.length, 5);
  limit = 9;
  assert.is(decoder.decode(bytes.subarray(taken + 17)), 3);
  assert.equal(messages.slice(2), ['Hello', 'a', 'Hello', 'b']);
});

test('RFC 7692 a compressed message that could not fit is refused by its header', () => {
  // 1,000 bytes take 1,157 at the most.
  for (const [frames, isRefused] of [
    ['c2 7e 0485', false], ['c2 7e 0486', true], ['42 00 00 00 80 7e 0486', true], ['82 7e 03e9', true],
  ] as const) {
    const events = decodeFrames([hex(frames)], { role: 'client', deflate: true, maxMessageBytes: 1000 });
    assert.equal(events, isRefused ? [failure('MESSAGE_TOO_LARGE', 1009)] : [], frames);
  }
});

test.run();
