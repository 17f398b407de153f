// UTF-8 in text messages: what is accepted, and that the first byte that cannot be right is the last one taken.
import * as assert from 'uvu/assert';
import { decodeUtf8, Utf8Validator } from '../../src/frame/utf8.js';
import { suite } from '../runner/suite.js';
import { assertEveryCut, hex } from '../support/codec/cuts.js';
import { encodeNaive } from '../support/codec/naive-codec.js';
import { decodeFrames, failure, findFailure, MASKING_KEY, text } from './events.js';

const test = suite('frame/utf8');

const INVALID_UTF8 = failure('INVALID_UTF8', 1007);

const GOOD: [name: string, bytes: string, message: string][] = [
  ['nothing', '', ''],
  ['ASCII', '48656c6c6f', 'Hello'],
  ['U+0000, the first of one byte', '00', '\0'],
  ['U+007F, the last of one byte', '7f', '\x7f'],
  ['U+0080, the first of two bytes', 'c280', '\x80'],
  ['U+07FF, the last of two bytes', 'dfbf', '\u07ff'],
  ['U+0800, the first of three bytes', 'e0a080', '\u0800'],
  ['U+0FFF, the last behind E0', 'e0bfbf', '\u0fff'],
  ['U+1000, the first behind E1', 'e18080', '\u1000'],
  ['U+CFFF, the last behind EC', 'ecbfbf', '\ucfff'],
  ['U+D7FF, the last before the surrogates', 'ed9fbf', '\ud7ff'],
  ['U+E000, the first behind the surrogates', 'ee8080', '\ue000'],
  ['U+FFFF, the last of three bytes', 'efbfbf', '\uffff'],
  ['U+FFFE, no character', 'efbfbe', '\ufffe'],
  ['U+FFFD', 'efbfbd', '\ufffd'],
  ['U+10000, the first of four bytes', 'f0908080', '\u{10000}'],
  ['U+3FFFF, the last behind F0', 'f0bfbfbf', '\u{3ffff}'],
  ['U+40000, the first behind F1', 'f1808080', '\u{40000}'],
  ['U+FFFFF, the last behind F3', 'f3bfbfbf', '\u{fffff}'],
  ['U+100000, the first behind F4', 'f4808080', '\u{100000}'],
  ['U+10FFFF, the last of all', 'f48fbfbf', '\u{10ffff}'],
  ['a byte order mark, which is kept', 'efbbbf 61', '\ufeffa'],
  ['nothing but a byte order mark', 'efbbbf', '\ufeff'],
  ['a byte order mark in the middle', '61 efbbbf 62', 'a\ufeffb'],
  ['two, three and four bytes', 'c3a4 e4bda0 e5a5bd f09f918b', 'ä你好👋'],
];

/** Bytes that are not UTF-8, and the index of the first one that cannot be right (RFC 3629 §4). */
const BAD: [name: string, bytes: string, firstBad: number][] = [
  ['a continuation byte alone, the lowest', '80', 0],
  ['a continuation byte alone, the highest', 'bf', 0],
  ['a continuation byte behind ASCII', '4141 80', 2],
  ['a continuation byte too many behind two bytes', 'c3a4 a4', 2],
  ['a continuation byte too many behind three bytes', 'e4bda0 80', 3],
  ['a continuation byte too many behind four bytes', 'f09f918b 80', 4],
  ['C0, overlong NUL', 'c080', 0],
  ['C0, overlong slash', 'c0af', 0],
  ['C1, overlong U+007F', 'c1bf', 0],
  ['E0 80, overlong NUL', 'e08080', 1],
  ['E0 80, overlong slash', 'e080af', 1],
  ['E0 9F, overlong U+07FF', 'e09fbf', 1],
  ['F0 80, overlong NUL', 'f0808080', 1],
  ['F0 80, overlong slash', 'f08080af', 1],
  ['F0 8F, overlong U+FFFF', 'f08fbfbf', 1],
  ['U+D800, the first surrogate', 'eda080', 1],
  ['U+DBFF, the last high surrogate', 'edafbf', 1],
  ['U+DC00, the first low surrogate', 'edb080', 1],
  ['U+DFFF, the last surrogate', 'edbfbf', 1],
  ['a pair of surrogates (CESU-8)', 'eda081 edb080', 1],
  ['U+110000, beyond the last', 'f4908080', 1],
  ['F4 BF', 'f4bfbfbf', 1],
  ['F5', 'f5808080', 0],
  ['F8, the first of five bytes', 'f888808080', 0],
  ['FC, the first of six bytes', 'fc8480808080', 0],
  ['FE', 'fe', 0],
  ['FF', 'ff', 0],
  ['UTF-16 with its byte order mark', 'fffe 6100', 0],
  ['Latin-1', '66fc72', 1],
  ['ASCII in place of the second of two bytes', 'c3 41', 1],
  ['ASCII in place of the second of three bytes', 'e4 41 41', 1],
  ['ASCII in place of the third of three bytes', 'e4bd 41', 2],
  ['ASCII in place of the second of four bytes', 'f0 41', 1],
  ['ASCII in place of the third of four bytes', 'f09f 41', 2],
  ['ASCII in place of the fourth of four bytes', 'f09f91 41', 3],
  ['a lead byte behind a lead byte of two bytes', 'c3c3a4', 1],
  ['a lead byte in place of the third byte', 'e4bd e4bda0', 2],
  ['C0 in place of a continuation byte', 'e4c0', 1],
  ['C0 in place of the fourth byte', 'f09f91 c0', 3],
  ['"κόσμε", a surrogate and "edited"', 'cebae1bdb9cf83cebcceb5 eda080 656469746564', 12],
];

/** Bytes that could still become UTF-8, but end too early. */
const TRUNCATED: [name: string, bytes: string][] = [
  ['one of two bytes', 'c3'],
  ['one of three bytes', 'e4'],
  ['two of three bytes', 'e4bd'],
  ['one of four bytes', 'f0'],
  ['two of four bytes', 'f09f'],
  ['three of four bytes', 'f09f91'],
  ['one of two bytes behind ASCII', '4141 c3'],
  ['E0 with its lowest second byte', 'e0a0'],
  ['ED with its highest second byte', 'ed9f'],
  ['F4 with its highest second byte', 'f48f'],
];

/** How much ASCII stands around the bytes: none, or so much that the validator takes the pieces in another way. */
const BEFORE = [0, 1, 2, 3, 4, 29, 30, 31, 32, 33, 34, 70];
const BEHIND = [0, 1, 3, 33, 70];

for (const [name, bytes] of GOOD) {
  test(`RFC 3629 §4 the validator takes ${name}, cut in three at any place`, () => {
    forEachSurrounding(hex(bytes), (surrounded) => {
      for (let cut = 0; cut <= surrounded.length; cut++) {
        const middle = cut + ((surrounded.length - cut) >> 1);
        assert.equal(pushPieces(surrounded, [cut, middle, surrounded.length]), [true, true, true]);
      }
    });
  });
}

for (const [name, bytes, firstBad] of BAD) {
  test(`§8.1 the validator fails with the first bad byte of ${name}`, () => {
    forEachSurrounding(hex(bytes), (surrounded, before) => {
      const bad = before + firstBad;
      for (let cut = 0; cut <= surrounded.length; cut++) {
        const validator = new Utf8Validator();
        const takesFirst = validator.push(surrounded, 0, cut);
        assert.is(takesFirst, cut <= bad, `${cut} of ${surrounded.length} bytes, the bad one at ${bad}`);
        if (takesFirst) assert.is(validator.push(surrounded, cut, surrounded.length), false, `the rest from ${cut}`);
      }
    });
  });
}

for (const [name, bytes] of TRUNCATED) {
  test(`§8.1 the validator waits for the rest of ${name}`, () => {
    for (const before of BEFORE) {
      const truncated = Buffer.concat([Buffer.alloc(before, 'a'), hex(bytes)]);
      for (let cut = 0; cut <= truncated.length; cut++) {
        const validator = new Utf8Validator();
        assert.ok(validator.push(truncated, 0, cut) && validator.push(truncated, cut, truncated.length));
        assert.is(validator.isComplete, false);
      }
    }
  });
}

test('RFC 3629 §3 the validator takes all 1,112,064 characters from byte to byte, and no other bytes', () => {
  // Each beginning of a character is kept as one number: 1, then its bytes.
  const beginnings = new Set<number>([1]);
  const characters = new Set<number>();
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
    let beginning = 1;
    const bytes = characterBytes(codePoint);
    for (const byte of bytes.slice(0, -1)) beginnings.add((beginning = beginning * 256 + byte));
    characters.add(beginning * 256 + (bytes.at(-1) ?? 0));
  }
  assert.is(characters.size, 1_112_064);

  const bytes = Buffer.alloc(4);
  for (const beginning of beginnings) {
    const length = Math.floor(Math.log2(beginning) / 8);
    bytes.writeUIntBE(beginning % 256 ** length, 0, length || 1);
    for (let byte = 0; byte <= 255; byte++) {
      bytes[length] = byte;
      const next = beginning * 256 + byte;
      const validator = new Utf8Validator();
      const isTaken = validator.push(bytes, 0, length + 1);
      const isRight = isTaken === (characters.has(next) || beginnings.has(next));
      if (isRight && (!isTaken || validator.isComplete === characters.has(next))) continue;
      assert.unreachable(`${bytes.subarray(0, length + 1).toString('hex')} is judged wrongly`);
    }
  }
});

for (const role of ['client', 'server'] as const) {
  for (const [name, bytes, message] of GOOD) {
    test(`§5.6 a ${role} receives text with ${name}`, () => {
      const payload = hex(bytes);
      const decode = (chunks: Iterable<Buffer>) => decodeFrames(chunks, { role });
      assertEveryCut(frame(role, 0x81, payload), decode, [text(message)]);
      for (let cut = 0; cut <= payload.length; cut++) {
        const fragments = [frame(role, 0x01, payload.subarray(0, cut)), frame(role, 0x80, payload.subarray(cut))];
        assertEveryCut(Buffer.concat(fragments), decode, [text(message)]);
      }
      assertEveryCut(byteFragments(role, payload), decode, [text(message)]);
    });
  }

  for (const [name, bytes, firstBad] of BAD) {
    test(`§8.1 a ${role} fails with the first bad byte of ${name}, in a frame that is not finished`, () => {
      const payload = hex(bytes);
      const announced = Buffer.concat([payload, Buffer.alloc(125 - payload.length, 'a')]);
      const unfinished = frame(role, 0x81, announced).subarray(0, payload.length - 125);
      assert.equal(findFailure(unfinished, { role }), {
        after: headerBytes(role) + firstBad + 1,
        failure: INVALID_UTF8,
      });
    });

    test(`§8.1 a ${role} fails with the first bad byte of ${name}, in fragments`, () => {
      const payload = hex(bytes);
      for (let cut = 0; cut <= payload.length; cut++) {
        const first = frame(role, 0x01, payload.subarray(0, cut));
        const fragments = Buffer.concat([first, frame(role, 0x80, payload.subarray(cut))]);
        const headers = headerBytes(role) * (firstBad < cut ? 1 : 2);
        assert.equal(findFailure(fragments, { role }), { after: headers + firstBad + 1, failure: INVALID_UTF8 });
        assertEveryCut(fragments, (chunks) => decodeFrames(chunks, { role }), [INVALID_UTF8]);
      }
      assert.equal(findFailure(byteFragments(role, payload), { role }), {
        after: (headerBytes(role) + 1) * (firstBad + 1),
        failure: INVALID_UTF8,
      });
    });

    test(`§8.1 a ${role} fails text with ${name} that comes whole, with text before and behind it`, () => {
      const bad = frame(role, 0x81, hex(bytes));
      const good = frame(role, 0x81, hex('61'));
      const decode = (chunks: Iterable<Buffer>) => decodeFrames(chunks, { role });
      assertEveryCut(Buffer.concat([good, bad]), decode, [text('a'), INVALID_UTF8], { trailing: good });
    });
  }

  for (const [name, bytes] of TRUNCATED) {
    test(`§8.1 a ${role} fails text that ends with ${name}, at its last byte`, () => {
      const payload = hex(bytes);
      const whole = frame(role, 0x81, payload);
      assert.equal(findFailure(whole, { role }), { after: whole.length, failure: INVALID_UTF8 });
      // An empty last fragment ends the message too.
      const fragments = Buffer.concat([frame(role, 0x01, payload), frame(role, 0x80, hex(''))]);
      assert.equal(findFailure(fragments, { role }), { after: fragments.length, failure: INVALID_UTF8 });
      assertEveryCut(whole, (chunks) => decodeFrames(chunks, { role }), [INVALID_UTF8]);
      assertEveryCut(fragments, (chunks) => decodeFrames(chunks, { role }), [INVALID_UTF8]);
    });
  }

  test(`§5.6 a ${role} receives the same bytes as binary, unchecked`, () => {
    for (const [, bytes] of [...BAD, ...TRUNCATED]) {
      const payload = hex(bytes);
      const events = decodeFrames([frame(role, 0x82, payload)], { role });
      assert.equal(events, [{ message: payload, byteLength: payload.length }]);
    }
  });
}

test('§5.6 what one message left open does not reach into the next', () => {
  const good = frame('client', 0x81, hex('61'));
  const binary = [frame('client', 0x02, hex('e4')), frame('client', 0x80, hex('bd'))];
  const fragments = [frame('client', 0x01, hex('c3')), frame('client', 0x80, hex('a4'))];
  const events = decodeFrames([Buffer.concat([...binary, ...fragments, ...binary, good])], { role: 'client' });
  const expected = { message: hex('e4bd'), byteLength: 2 };
  assert.equal(events, [expected, text('ä'), expected, text('a')]);
});

test('§5.6 decoding gives each character back', () => {
  for (const [name, bytes, message] of GOOD) assert.is(decodeUtf8(hex(bytes)), message, name);
  assert.is(decodeUtf8(Buffer.alloc(100_000, 'a')), 'a'.repeat(100_000));
  assert.is(decodeUtf8(Buffer.alloc(100_000, hex('c3a4'))), 'ä'.repeat(50_000));
});

/** An unfragmented frame or a fragment, as the role receives it. */
function frame(role: 'client' | 'server', first: number, payload: Buffer): Buffer {
  const maskingKey = role === 'server' ? MASKING_KEY : undefined;
  return encodeNaive({ fin: first >= 0x80, opcode: first % 0x10, payload, maskingKey });
}

/** How many bytes the header of a short frame has that the role receives. */
function headerBytes(role: 'client' | 'server'): number {
  return role === 'server' ? 6 : 2;
}

/** The payload as one fragment per byte, and an empty last one. */
function byteFragments(role: 'client' | 'server', payload: Buffer): Buffer {
  const fragments = Array.from(payload, (byte, index) => frame(role, index === 0 ? 0x01 : 0x00, Buffer.of(byte)));
  return Buffer.concat([...fragments, frame(role, payload.length === 0 ? 0x81 : 0x80, hex(''))]);
}

function forEachSurrounding(bytes: Buffer, check: (surrounded: Buffer, before: number) => void): void {
  for (const before of BEFORE) {
    for (const behind of BEHIND) {
      check(Buffer.concat([Buffer.alloc(before, 'a'), bytes, Buffer.alloc(behind, 'z')]), before);
    }
  }
}

/** Pushes the pieces that end at each place; what was answered, and then whether all is complete. */
function pushPieces(bytes: Buffer, ends: number[]): boolean[] {
  const validator = new Utf8Validator();
  let start = 0;
  const answers: boolean[] = [];
  for (const end of ends) {
    answers.push(validator.push(bytes, start, end));
    start = end;
  }
  return answers.every(Boolean) && !validator.isComplete ? [...answers, false] : answers;
}

/** The formula of RFC 3629 §3. */
function characterBytes(codePoint: number): number[] {
  const tail = (shift: number): number => 0x80 | ((codePoint >> shift) & 0x3f);
  if (codePoint < 0x80) return [codePoint];
  if (codePoint < 0x800) return [0xc0 | (codePoint >> 6), tail(0)];
  if (codePoint < 0x10000) return [0xe0 | (codePoint >> 12), tail(6), tail(0)];
  return [0xf0 | (codePoint >> 18), tail(12), tail(6), tail(0)];
}

test.run();
