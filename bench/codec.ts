// Does each clever part of the frame codec pay? Against the naive version of the same, in turn, in one process.
import { FrameDecoder } from '../src/frame/decode.js';
import { FrameEncoder } from '../src/frame/encode.js';
import { copyMasked } from '../src/frame/mask.js';
import { Opcode } from '../src/frame/opcode.js';
import { decodeUtf8, Utf8Validator } from '../src/frame/utf8.js';
import { decodeNaive, encodeNaive, mask as maskNaive } from '../test/support/naive-codec.js';
import { compare, type Variants } from './compare.js';

const KEY = 0x3d21fa37;
const KEY_BYTES = Buffer.from('37fa213d', 'hex');
const sizes = [20, 256, 1024, 16_384, 1_048_576];

function mask(size: number): Variants {
  const source = Buffer.alloc(size, 'a');
  const target = Buffer.alloc(size);
  return {
    'copyMasked': () => copyMasked(source, 0, target, 0, size, KEY),
    'naive loop': () => void maskNaive(source, KEY_BYTES),
  };
}

function decodeText(character: string, size: number): Variants {
  const bytes = Buffer.from(character.repeat(size / Buffer.byteLength(character)));
  return { decodeUtf8: () => void decodeUtf8(bytes), toString: () => void bytes.toString() };
}

function validate(character: string, size: number): Variants {
  const bytes = Buffer.from(character.repeat(size / Buffer.byteLength(character)));
  const naive = new TextDecoder('utf-8', { fatal: true });
  return {
    Utf8Validator: () => void new Utf8Validator().push(bytes, 0, bytes.length),
    TextDecoder: () => void naive.decode(bytes, { stream: false }),
  };
}

function decodeFrame(payload: Buffer, opcode: number): Variants {
  const frame = encodeNaive({ opcode, payload, maskingKey: KEY_BYTES });
  const receiver = { receiveMessage: () => {}, receiveControl: () => {} };
  const decoder = new FrameDecoder(receiver, { role: 'server', maxMessageBytes: 1 << 24 });
  return { FrameDecoder: () => decoder.decode(frame), naive: () => void decodeNaive(frame) };
}

function encodeFrame(payload: string | Buffer, opcode: number): Variants {
  const encoder = new FrameEncoder('server');
  return {
    FrameEncoder() {
      encoder.encode(opcode, payload);
      encoder.take();
    },
    naive: () => void encodeNaive({ opcode, payload: Buffer.from(payload) }),
  };
}

console.log('| job | ours | naive | ratio |\n|---|---|---|---|');
for (const size of sizes) {
  const ascii = 'a'.repeat(size);
  compare({
    [`unmask ${size} B`]: mask(size),
    [`text of ${size} B, ASCII`]: decodeText('a', size),
    [`text of ${size} B, CJK`]: decodeText('字', size),
    [`check ${size} B of CJK`]: validate('字', size),
    [`decode a binary frame of ${size} B`]: decodeFrame(Buffer.alloc(size), Opcode.BINARY),
    [`decode a text frame of ${size} B`]: decodeFrame(Buffer.from(ascii), Opcode.TEXT),
    [`encode a text frame of ${size} B`]: encodeFrame(ascii, Opcode.TEXT),
    [`encode a binary frame of ${size} B`]: encodeFrame(Buffer.from(ascii), Opcode.BINARY),
  });
}
