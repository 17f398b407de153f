// Frames put together rule by rule, most of them right, for either role; the first byte of an input tells which.
import type { Random } from '../frame/random.js';
import { hex } from '../support/codec/cuts.js';
import { payloads } from './deflate-inputs.js';
import { mutate } from './mutate.js';

/** Frames as a client receives them, of RFC 6455 §5.7 and of our own, in hexadecimal. */
const UNMASKED = [
  '81 05 48656c6c6f',
  '01 03 48656c 80 02 6c6f',
  '89 05 48656c6c6f 8a 05 48656c6c6f',
  '82 7e 0100' + '00'.repeat(256),
  '01 03 48656c 89 00 00 00 8a 01 61 80 02 6c6f 88 02 03e8',
  '81 00 82 00 88 00',
  '88 05 03e9 627965 81 01 61',
  '01 02 e4bd 80 01 a0',
  '81 03 eda080',
  '01 01 f4 00 01 90 80 02 8080',
  '81 7e 0001 61',
  '82 7f 0000000000000001 61',
  '82 7f 0000000000010000',
  '82 7f 8000000000000000',
  '82 7f 7fffffffffffffff',
  '82 7f 001fffffffffffff',
  '09 00',
  '89 7e 007e',
  '88 01 03',
  '88 02 03ec',
  '88 04 03e8 c328',
  'c1 00',
  'c1 07 f248cdc9c90700 c2 05 f200110000 c1 01 00',
  '41 03 f248cd 89 00 80 04 c9c90700 81 01 61',
  'c1 05 f200110000',
  'c2 08 f348cdc9c9070000 c9 00',
  '83 00',
  '80 00',
  '01 00 81 00',
  '82 7e 03e8' + '61'.repeat(1000),
  '82 7e 03e9' + '61'.repeat(1001),
].map(hex);

/** Likewise, with masks. */
const MASKED = [
  '81 85 37fa213d 7f9f4d5158',
  '82 80 00000000',
  '01 81 01020304 60 80 82 ffffffff 9d9c',
  '88 82 00000000 03e8',
  '88 82 01020304 02ea 81 80 00000000',
  '89 80 37fa213d 8a 81 37fa213d 56',
  '82 fe 007e 00000000' + '00'.repeat(126),
  '81 ff 0000000000000005 37fa213d 7f9f4d5158',
].map(hex);

export const frameCorpus: readonly Buffer[] = [
  ...[...UNMASKED, ...MASKED].flatMap((bytes) => [0, 1, 2, 3, 4, 5, 14, 15].map((mode) => {
    return Buffer.concat([Buffer.of(mode), bytes]);
  })),
];

export const frameDictionary: readonly Buffer[] = [
  ...UNMASKED.filter(({ length }) => length < 20), ...MASKED.filter(({ length }) => length < 20),
  ...['81', '01', '00', '80', '88', '89', '8a', '7e', '7f', 'fe', 'ff', '03e8', '03ed', 'e4bda0', 'e4bd', 'f09f9880',
    'c0af', 'eda080', 'f4908080', '00000000', '0000000000000000'].map(hex),
];

const TEXTS = [
  '', 'a', 'Hello', '你好', '😀', 'é', '\0', '\ufeff', 'a'.repeat(40), '€'.repeat(50), 'x'.repeat(125), 'x'.repeat(126),
].map((text) => Buffer.from(text));
const BROKEN_TEXTS = ['c0af', 'eda080', 'f4908080', 'e4bd', 'ff', '80', 'f09f98', '61'.repeat(60) + 'c3'].map(hex);
const CLOSE_PAYLOADS = [
  '', '03e8', '03e9627965', '0bb8', '1387', '03f6', '03ed', '03ee', '03f7', '0000', '03e7', '1388', 'ffff', '03',
  '03e8ff', '03e8' + '61'.repeat(123),
].map(hex);
const LENGTHS = [0, 1, 2, 3, 4, 5, 16, 31, 32, 33, 124, 125, 126, 127, 255, 256, 300, 999, 1000, 1001];
const LONG = [16_383, 65_535, 65_536, 70_000];

let target = Buffer.alloc(1 << 20);
let used = 0;

/** A mode, then frames; a small part of them breaks a rule. */
export function generateFrames(random: Random): Buffer {
  used = 0;
  const mode = random.integer(0, 15);
  if (random.chance(0.03)) {
    return mutate(random.pick(frameCorpus), random, frameDictionary);
  }
  target[used++] = mode;
  writeFrames(random, (mode & 1) === 0, (mode & 4) !== 0);
  return mutate(Buffer.from(target.subarray(0, used)), random, frameDictionary);
}

/** Frames as the peer of that role sends them, without a mode. */
export function generateFrameBytes(random: Random, isMasked: boolean, isCompressing: boolean): Buffer {
  used = 0;
  writeFrames(random, isMasked, isCompressing);
  return Buffer.from(target.subarray(0, used));
}

function writeFrames(random: Random, isMasked: boolean, isCompressing: boolean): void {
  let inMessage = false;
  // A text may be cut anywhere, also inside a character.
  let rest: Buffer = NOTHING;
  do {
    const kind = random.integer(0, 9);
    if (kind === 0) {
      writeFrame(random, random.chance(0.9) ? 0x89 : 0x8a, random.pick(TEXTS), isMasked);
    } else if (inMessage) {
      const end = random.chance(0.5) ? rest.length : random.integer(0, rest.length);
      const isLast = end === rest.length && random.chance(0.8);
      writeFrame(random, isLast ? 0x80 : 0x00, rest.subarray(0, end), isMasked);
      rest = rest.subarray(end);
      inMessage = !isLast;
    } else {
      const isText = random.chance(0.6);
      const isCompressed = isCompressing && random.chance(0.6);
      const payload = isCompressed ? compressedPayload(random) : isText ? textPayload(random) : binaryPayload(random);
      const opcode = (isText ? 0x1 : 0x2) | (isCompressed ? 0x40 : 0);
      if (random.chance(0.6)) {
        writeFrame(random, 0x80 | opcode, payload, isMasked);
      } else {
        const end = random.integer(0, payload.length);
        writeFrame(random, opcode, payload.subarray(0, end), isMasked);
        rest = payload.subarray(end);
        inMessage = true;
      }
    }
  } while (random.chance(0.75) && used < 200_000);
  if (random.chance(0.2)) writeFrame(random, 0x88, random.pick(CLOSE_PAYLOADS), isMasked);
}

const NOTHING = Buffer.alloc(0);

const shortPayloads = payloads.filter(({ length }) => length <= 300);

/** A compressed message that stands alone, or refers to what was five bytes ago. */
function compressedPayload(random: Random): Buffer {
  if (random.chance(0.2)) return REFERENCE;
  return random.pick(random.chance(0.02) ? payloads : shortPayloads);
}

const REFERENCE = hex('f200110000');

function textPayload(random: Random): Buffer {
  if (random.chance(0.03)) return random.pick(BROKEN_TEXTS);
  if (random.chance(0.2)) return Buffer.concat([random.pick(TEXTS), random.pick(TEXTS), random.pick(TEXTS)]);
  return random.pick(TEXTS);
}

const noise = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 151) & 0xff));

function binaryPayload(random: Random): Buffer {
  const length = random.chance(0.002) ? random.pick(LONG) : random.pick(LENGTHS);
  return noise.subarray(0, random.chance(0.8) ? Math.min(length, 64) : length);
}

/** Writes a frame; now and then its header breaks a rule, or lies. */
function writeFrame(random: Random, first: number, payload: Buffer, isMasked: boolean): void {
  if (random.chance(0.01)) first ^= 1 << random.integer(0, 7);
  const hasMask = isMasked !== random.chance(0.005);
  const length = random.chance(0.99) ? payload.length : payload.length + random.pick([-1, 1, 100, 70_000]);
  ensure(payload.length + 14);
  target[used++] = first;
  writeLength(Math.max(0, length), hasMask ? 0x80 : 0, random.chance(0.98) ? 0 : random.pick([126, 127]));
  const key = random.chance(0.05) ? 0 : random.word();
  if (hasMask) used = target.writeUInt32BE(key, used);
  payload.copy(target, used);
  if (hasMask) {
    for (let at = 0; at < payload.length; at++) target[used + at]! ^= key >>> (24 - 8 * (at & 3));
  }
  used += payload.length;
}

function writeLength(length: number, mask: number, form: number): void {
  if (form < 126 && length <= 125) {
    target[used++] = mask | length;
  } else if (form < 127 && length <= 0xffff) {
    target[used++] = mask | 126;
    used = target.writeUInt16BE(length, used);
  } else {
    target[used++] = mask | 127;
    used = target.writeUInt32BE(0, used);
    used = target.writeUInt32BE(length, used);
  }
}

function ensure(length: number): void {
  if (used + length <= target.length) return;
  target = Buffer.concat([target, Buffer.alloc(target.length + length)]);
}
