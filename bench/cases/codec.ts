// Does each clever part of the frame codec pay? Against the naive version of the same and ws, in turn, in one process.
import { createRequire } from 'node:module';
import { Writable } from 'node:stream';
import { Output } from '../../src/connection/output.js';
import { Incoming } from '../../src/connection/incoming.js';
import { BLOCK_BYTES, copyMasked, moveMasked } from '../../src/frame/mask.js';
import { allotMaskable } from '../../src/frame/mask-memory.js';
import { Opcode } from '../../src/frame/opcode.js';
import { decodeUtf8, Utf8Validator } from '../../src/frame/utf8.js';
import { decodeNaive, encodeNaive, mask as maskNaive } from '../../test/support/codec/naive-codec.js';
import { compare, type Variants } from '../harness/compare.js';
import { parseBenchOptions } from '../harness/options.js';
import { benchPath } from '../packages.js';
import { saveResults } from '../report/results.js';

/** ws unmasks in place: this key makes ASCII of ASCII, so that a frame can be decoded again and again. */
const KEY = 0x04030201;
const KEY_BYTES = Buffer.from('01020304', 'hex');
const sizes = [20, 256, 1024, 16_384, 1_048_576];

/** The parts of ws that are measured. */
type Receiver = new (options: { isServer: boolean; maxPayload: number }) => {
  on(event: 'message', listener: () => void): void;
  write(chunk: Buffer): void;
};
type Sender = new (socket: Writable) => {
  send(payload: string | Buffer, options: object): void;
};

process.env['WS_NO_BUFFER_UTIL'] = process.env['WS_NO_UTF_8_VALIDATE'] = '1';
const load = createRequire(import.meta.url);
const WsReceiver = load(benchPath('node_modules/ws/lib/receiver.js')) as Receiver;
const WsSender = load(benchPath('node_modules/ws/lib/sender.js')) as Sender;

function mask(size: number): Variants {
  const source = Buffer.alloc(size, 'a');
  const target = Buffer.alloc(size);
  const maskable = lent.subarray(0, size);
  return {
    'copyMasked': () => copyMasked(source, 0, target, 0, size, KEY),
    'moveMasked': () => moveMasked(maskable, 0, target, 0, size, KEY),
    'Int32Array': () => copyThroughBlock(source, target, maskNarrow),
    'BigInt64Array': () => copyThroughBlock(source, target, maskWide),
    'naive loop': () => void maskNaive(source, KEY_BYTES),
  };
}

/** Such memory as sockets read into. */
const lent = allotMaskable(1 << 20);

/** What masking would be without SIMD: words of four or of eight bytes, in a block too. */
const block = Buffer.from(new ArrayBuffer(BLOCK_BYTES));
const narrow = new Int32Array(block.buffer);
const wide = new BigInt64Array(block.buffer);
const WIDE_KEY = BigInt(KEY) * 0x1_0000_0001n;

function copyThroughBlock(source: Buffer, target: Buffer, maskBlock: (length: number) => void): void {
  for (let done = 0; done < source.length; done += BLOCK_BYTES) {
    const length = Math.min(source.length - done, BLOCK_BYTES);
    block.set(source.subarray(done, done + length));
    maskBlock(length);
    target.set(block.subarray(0, length), done);
  }
}

function maskNarrow(length: number): void {
  for (let index = 0; index * 4 < length; index += 4) {
    narrow[index] ^= KEY;
    narrow[index + 1] ^= KEY;
    narrow[index + 2] ^= KEY;
    narrow[index + 3] ^= KEY;
  }
}

function maskWide(length: number): void {
  for (let index = 0; index * 8 < length; index += 4) {
    wide[index] = BigInt.asIntN(64, wide[index] ^ WIDE_KEY);
    wide[index + 1] = BigInt.asIntN(64, wide[index + 1] ^ WIDE_KEY);
    wide[index + 2] = BigInt.asIntN(64, wide[index + 2] ^ WIDE_KEY);
    wide[index + 3] = BigInt.asIntN(64, wide[index + 3] ^ WIDE_KEY);
  }
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
  const incoming = new Incoming(null);
  const nowhere = {
    put() {}, isFull: false, mayStream: () => false, takeSink: () => null, countStreamed() {}, advance() {},
    refuse() {},
  };
  incoming.serve('server', { receiveControl: () => {} }, nowhere, 1 << 24);
  const { decoder } = incoming;
  const wsReceiver = new WsReceiver({ isServer: true, maxPayload: 1 << 24 });
  wsReceiver.on('message', () => {});
  const wsFrame = Buffer.from(frame);
  return {
    FrameDecoder: () => decoder.decode(frame),
    ws: () => wsReceiver.write(wsFrame),
    naive: () => void decodeNaive(frame),
  };
}

function encodeFrames(payload: string | Buffer, opcode: number, count = 1): Variants {
  const encoder = new Output('server');
  // How many pieces a frame is written in counts too.
  const sink = new Writable({ write: (_chunk, _encoding, done) => done(), writev: (_chunks, done) => done() });
  const wsSender = new WsSender(sink);
  const options = { fin: true, binary: opcode === Opcode.BINARY, mask: false, compress: false };
  return {
    Output() {
      for (let index = 0; index < count; index++) encoder.encode(opcode, payload);
      writeAll(sink, encoder.take());
    },
    ws() {
      for (let index = 0; index < count; index++) wsSender.send(payload, options);
    },
    naive() {
      for (let index = 0; index < count; index++) sink.write(encodeNaive({ opcode, payload: Buffer.from(payload) }));
    },
  };
}

/** As `Connection` does it. */
function writeAll(stream: Writable, chunks: readonly Uint8Array[]): void {
  if (chunks.length > 1) stream.cork();
  for (const chunk of chunks) stream.write(chunk);
  if (chunks.length > 1) stream.uncork();
}

const options = parseBenchOptions();
const results: Record<string, Record<string, number>> = {};
console.log('| job | nanoseconds | ours ÷ the others |\n|---|---|---|');
for (const size of sizes) {
  const ascii = 'a'.repeat(size);
  const jobs: Record<string, () => Variants> = {
    [`unmask ${size} B`]: () => mask(size),
    [`text of ${size} B, ASCII`]: () => decodeText('a', size),
    [`text of ${size} B, CJK`]: () => decodeText('字', size),
    [`check ${size} B of CJK`]: () => validate('字', size),
    [`decode a binary frame of ${size} B`]: () => decodeFrame(Buffer.alloc(size), Opcode.BINARY),
    [`decode a text frame of ${size} B`]: () => decodeFrame(Buffer.from(ascii), Opcode.TEXT),
    [`encode a text frame of ${size} B`]: () => encodeFrames(ascii, Opcode.TEXT),
    [`encode a binary frame of ${size} B`]: () => encodeFrames(Buffer.from(ascii), Opcode.BINARY),
    [`encode 16 binary frames of ${size} B`]: () => encodeFrames(Buffer.from(ascii), Opcode.BINARY, 16),
  };
  for (const [job, make] of Object.entries(jobs)) {
    if (options.case === null || options.case.test(job)) results[job] = compare(job, make());
  }
}
saveResults('codec', results);
