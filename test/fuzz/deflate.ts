// Fuzzes the two codecs of permessage-deflate (RFC 7692 §7.2), alone and behind the frame decoder.
//
// The invariant: for any payloads of compressed messages that share a context, or share none,
// - each is inflated, or INVALID_DEFLATE is thrown, and nothing else, or it is too long;
// - it is what zlib makes of all of them as one stream, up to the limit, and up to 8 final blocks;
// - only a message that is cut off within a final block may be taken for one that ends with what is added to it;
// - only what reaches out of the agreed window may be refused that zlib can read;
// - it is the same in frames, however the message is cut into these, and they into pieces;
// - the buffers made are at most what the payload, the limit, and the pieces of 8 final blocks explain;
// - what was inflated, compressed again, is read as the same, and refers to nothing out of the window.
import { Deflater } from '../../src/frame/deflater.js';
import { Inflater, maxCompressedBytes, TAIL } from '../../src/frame/inflater.js';
import type { Random } from '../frame/random.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';
import { countAllocated } from './allocations.js';
import { deflateCorpus, frameMessages, generateMessages, splitMessages } from './deflate-inputs.js';
import { describeError } from './documented.js';
import { Reading } from './frames.js';
import { inflateLast, isAmbiguous } from './inflate-oracle.js';
import { lendCut } from './pieces.js';
import { assertHolds, assertSame, type Target } from './target.js';

const MAX_FINAL_BLOCKS = 8;
const FLUSHED = TAIL.subarray(0, 4);
const errors = { INVALID_DEFLATE: 1007 } as const;

/** The first byte of an input. */
interface Mode {
  readonly contextTakeover: boolean;
  readonly windowBits: number;
  readonly maxMessageBytes: number;
}

function modeOf(input: Buffer): Mode {
  const first = input[0] ?? 0;
  return {
    contextTakeover: (first & 1) === 0,
    windowBits: first & 4 ? 8 + ((first >> 3) & 3) : 15,
    maxMessageBytes: first & 2 ? 1000 : 1 << 17,
  };
}

/** Inflates each message until one is none; returns them, and the error. */
function inflateAll(messages: readonly Buffer[], mode: Mode): { inflated: Buffer[]; failure: string } {
  const inflater = new Inflater(mode);
  const inflated: Buffer[] = [];
  let context: Buffer[] = [];
  for (const message of messages) {
    context = mode.contextTakeover ? [...context, message] : [message];
    let bytes: Buffer | null = null;
    let failure = '';
    const payload = Buffer.concat([message, TAIL]);
    const allocated = countAllocated(() => {
      try {
        bytes = inflater.inflate(payload, mode.maxMessageBytes);
        if (bytes === null) failure = 'MESSAGE_TOO_LARGE';
      } catch (error) {
        failure = describeError(error, errors).split(' ')[0]!;
      }
    });
    // Pieces for the streams behind each final block, the message, its copy, and a history.
    const pieces = (MAX_FINAL_BLOCKS + 2) * Math.min(Math.max(256, 4 * payload.length), 65_536);
    const bound = pieces + 3 * mode.maxMessageBytes + 65_536;
    assertHolds('bounded memory', allocated <= bound, () => `${allocated} for ${message.length} bytes`);
    try {
      judge(bytes, failure, context, mode, inflated);
    } catch (error) {
      if (!isAmbiguous(context)) throw error;
    }
    if (bytes === null) return { inflated, failure };
    inflated.push(bytes);
  }
  return { inflated, failure: '' };
}

/** Compares with the second opinion. */
function judge(bytes: Buffer | null, failure: string, context: Buffer[], mode: Mode, before: readonly Buffer[]): void {
  const opinion = inflateLast(context);
  const { maxMessageBytes, windowBits } = mode;
  if (bytes !== null) {
    const expected = opinion === null ? 'none' : opinion.bytes.toString('latin1');
    assertSame('what zlib says', (bytes as Buffer).toString('latin1'), expected);
    assertHolds('no message over the limit', bytes.length <= maxMessageBytes, () => `${bytes.length} bytes`);
    assertHolds('no more final blocks', opinion!.finalBlocks <= MAX_FINAL_BLOCKS, () => `${opinion!.finalBlocks}`);
    return;
  }
  // What is none behind the limit, or behind too many final blocks, may be refused for either.
  if (opinion === null || opinion.finalBlocks > MAX_FINAL_BLOCKS) return;
  if (opinion.bytes.length > maxMessageBytes) {
    const isFar = failure === 'INVALID_DEFLATE' && reachesOut(context, windowBits, before);
    assertHolds('refused for its length', failure === 'MESSAGE_TOO_LARGE' || isFar, () => failure);
    return;
  }
  const isFar = failure === 'INVALID_DEFLATE' && reachesOut(context, windowBits, before);
  assertHolds('refused for its window', isFar, () => `${failure}, and it is ${opinion.bytes.length} bytes`);
}

/** Whether the last message refers to what is out of the window; behind a final block nobody looks. */
function reachesOut(context: readonly Buffer[], windowBits: number, before: readonly Buffer[]): boolean {
  if (windowBits === 15) return false;
  const history = context.length > 1 ? Buffer.concat(before) : Buffer.alloc(0);
  const { maxDistance, isFinal } = inflateNaive(Buffer.concat([context.at(-1)!, FLUSHED]), history);
  return isFinal || maxDistance > 2 ** windowBits;
}

function checkFrames(
  messages: readonly Buffer[],
  mode: Mode,
  { inflated, failure }: { inflated: readonly Buffer[]; failure: string },
  random: Random,
): void {
  const reading = new Reading({ role: 'client', maxMessageBytes: mode.maxMessageBytes, deflate: mode });
  lendCut(frameMessages(messages, random), random, (piece) => reading.feed(piece));
  const events = inflated.map((bytes) => `binary ${bytes.toString('latin1')}`);
  // A payload that no message within the limit needs is refused by its headers.
  const tooLong = messages.findIndex(({ length }) => length > maxCompressedBytes(mode.maxMessageBytes));
  if (tooLong >= 0) events.splice(tooLong);
  assertSame('the same in frames', reading.events.join('\n'), events.join('\n'));
  const error = tooLong >= 0 ? 'MESSAGE_TOO_LARGE' : failure;
  assertSame('the same error in frames', reading.failure.split(' ')[0]!, error);
}

/** Compresses what was inflated. */
function checkDeflater(messages: readonly Buffer[], mode: Mode, random: Random): void {
  const deflater = new Deflater(mode, random.integer(1, 9));
  let context: Buffer[] = [];
  let history = Buffer.alloc(0);
  for (const message of messages) {
    const payload = deflater.deflate(message);
    if (payload === null) continue;
    assertHolds('shorter', payload.length < message.length, () => `${payload.length} of ${message.length} bytes`);
    context = mode.contextTakeover ? [...context, payload] : [payload];
    const read = inflateLast(context)?.bytes.toString('latin1') ?? 'none';
    assertSame('compressed and read again', read, message.toString('latin1'));
    const known = mode.contextTakeover ? history : Buffer.alloc(0);
    history = Buffer.concat([history, message]);
    if (message.length + known.length > 2000) continue;
    const { maxDistance } = inflateNaive(Buffer.concat([payload, FLUSHED]), known);
    assertHolds('no reference out of the window', maxDistance <= 2 ** mode.windowBits, () => `${maxDistance} back`);
  }
}

export const deflate: Target = {
  name: 'deflate',
  concurrency: 256,
  obstacle: null,
  corpus: deflateCorpus,
  generate: generateMessages,
  check(input, random) {
    const mode = modeOf(input);
    const messages = splitMessages(input);
    const result = inflateAll(messages, mode);
    checkFrames(messages.slice(0, result.inflated.length + 1), mode, result, random);
    if (random.chance(0.1)) checkDeflater(result.inflated, mode, random);
  },
};
