// Compressed messages made by zlib, block by block, most of them right: chains that share a context, to be damaged.
import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { Random } from '../frame/random.js';
import { hex } from '../support/codec/cuts.js';
import { encodeNaive } from '../support/codec/naive-codec.js';
import { mutate } from './mutate.js';

/** The payloads of messages, each of which may refer to those before. */
type Chain = readonly Buffer[];

const WORDS = [
  'a', 'Hello', '{"id":', '你好', '"name"', 'twobyte ', '\n', '0', '}', 'ab'.repeat(40), '\0'.repeat(300),
];
const { Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = constants;

function createText(random: Random, before: Buffer): Buffer {
  if (random.chance(0.1)) return random.bytes(random.integer(0, 300));
  if (random.chance(0.1)) return Buffer.alloc(random.pick([1000, 1001, 20_000, 70_000]), random.pick(WORDS));
  // Some of what was said before, which is then referred to.
  if (random.chance(0.3)) return before.subarray(random.integer(0, before.length));
  let text = '';
  while (random.chance(0.9)) text += random.pick(WORDS);
  return Buffer.from(text);
}

/** A message of one or several blocks. */
function createPayload(random: Random, history: Buffer, windowBits: number): { text: Buffer; payload: Buffer } {
  const parts: Buffer[] = [];
  let text: Buffer = Buffer.alloc(0);
  let isFinal = false;
  do {
    const before = Buffer.concat([history, text]).subarray(-32_768);
    const part = createText(random, before);
    isFinal = random.chance(0.1);
    const options: ZlibOptions = {
      windowBits,
      level: random.integer(0, 9),
      strategy: random.pick([Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE]),
      finishFlush: isFinal ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    };
    if (before.length > 0) options.dictionary = before;
    parts.push(deflateRawSync(part, options));
    text = Buffer.concat([text, part]);
  } while (random.chance(0.2));
  // RFC 7692 §7.2.1: four bytes are removed, or behind a final block the first of an empty one is there.
  const payload = Buffer.concat(parts);
  return { text, payload: isFinal ? Buffer.concat([payload, Buffer.of(0)]) : payload.subarray(0, -4) };
}

function createChain(random: Random, windowBits: number): Chain {
  let history: Buffer = Buffer.alloc(0);
  const chain: Buffer[] = [];
  do {
    const { text, payload } = createPayload(random, history, windowBits);
    // Its length is told in two bytes.
    if (payload.length > 0xffff) continue;
    chain.push(payload);
    history = Buffer.concat([history, text]).subarray(-32_768);
  } while (chain.length === 0 || random.chance(0.7));
  return chain;
}

const seeded = new Random(7692);
const chains: readonly Chain[] = Array.from({ length: 400 }, () => createChain(seeded, seeded.pick([9, 9, 10, 15])));

/** The examples of RFC 7692 §7.2.3, and mistakes. */
const examples: readonly Chain[] = [
  ['f2 48 cd c9 c9 07 00', 'f2 00 11 00 00'],
  ['00 05 00 fa ff 48 65 6c 6c 6f 00'],
  ['f3 48 cd c9 c9 07 00 00', 'f2 00 11 00 00'],
  ['f2 48 05 00 00 00 ff ff ca c9 c9 07 00'],
  ['00', '00', 'f2 00 11 00 00'],
  ['', '00'],
  ['f2 48 cd c9'],
  ['03 00'.repeat(8) + '00'],
  ['03 00'.repeat(9) + '00'],
  ['07'],
].map((chain) => chain.map(hex));

export const payloads: readonly Buffer[] = [...chains, ...examples].map(([first]) => first!);

const dictionary = [
  ...['00', '0000ffff', '0300', '01', '010000ffff', '000500faff', 'f248cdc9c90700', 'f200110000'].map(hex),
  ...payloads.filter(({ length }) => length < 40),
];

/** An input: the mode, and each message behind its length. */
function join(mode: number, chain: Chain): Buffer {
  return Buffer.concat([Buffer.of(mode), ...chain.flatMap((payload) => {
    return [Buffer.of(payload.length >> 8, payload.length & 0xff), payload];
  })]);
}

export const deflateCorpus: readonly Buffer[] = examples.flatMap((chain) => {
  return [0, 1, 3, 29].map((mode) => join(mode, chain));
});

export function generateMessages(random: Random): Buffer {
  const mode = random.integer(0, 31);
  if (random.chance(0.02)) return mutate(join(mode, random.pick(examples)), random, dictionary);
  let chain = [...random.pick(chains)];
  // Those of another chain may be right too, if they refer to nothing.
  if (random.chance(0.2)) chain.push(...random.pick(chains));
  if (random.chance(0.1)) chain = chain.slice(random.integer(0, chain.length - 1));
  if (random.chance(0.5)) {
    const damaged = random.integer(0, chain.length - 1);
    chain[damaged] = mutate(chain[damaged]!, random, dictionary);
  }
  return join(mode, chain.filter(({ length }) => length <= 0xffff));
}

/** The messages of an input, as many as there are whole. */
export function splitMessages(input: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let start = 1; start + 2 <= input.length; ) {
    const end = start + 2 + input.readUInt16BE(start);
    messages.push(input.subarray(start + 2, end));
    start = end;
  }
  return messages;
}

/** The messages as binary ones in frames, of a client if they are to be masked. */
export function frameMessages(messages: readonly Buffer[], random: Random, isMasked = false): Buffer {
  const frames: Buffer[] = [];
  for (const message of messages) {
    let rest = message;
    for (let isFirst = true, fin = false; !fin; isFirst = false) {
      const length = random.chance(0.6) ? rest.length : random.integer(0, rest.length);
      fin = length === rest.length && random.chance(0.8);
      const payload = rest.subarray(0, length);
      const maskingKey = isMasked ? random.bytes(4) : undefined;
      frames.push(encodeNaive({ fin, rsv1: isFirst, opcode: isFirst ? 2 : 0, payload, maskingKey }));
      rest = rest.subarray(length);
    }
  }
  return Buffer.concat(frames);
}
