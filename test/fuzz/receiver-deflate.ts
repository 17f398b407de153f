// Compares our verdict with that of ws, as receiver.ts does, where messages may be compressed.
//
// The invariant is the same; ws inflates by a stream, fragment by fragment, of which the further differences come.
import { constants, inflateRawSync, type InflateRaw } from 'node:zlib';
import type { Random } from '../frame/random.js';
import { decodeFirst } from '../support/codec/naive-codec.js';
import { frameMessages, generateMessages, splitMessages } from './deflate-inputs.js';
import { frameCorpus, frameDictionary, generateFrameBytes } from './frame-inputs.js';
import { modeOf, type Mode } from './frames.js';
import { isAmbiguous } from './inflate-oracle.js';
import { mutate } from './mutate.js';
import { compare, differences, isPrefix, isSame, obstacle, type Difference, type Verdict } from './receiver.js';
import type { Target } from './target.js';

const TAIL = Buffer.from('0000ffff', 'hex');
/** A final block that is empty. */
const END = Buffer.from('0300', 'hex');

/** Longer than what any input inflates to. */
const MAX_BYTES = 256 << 20;

/** The first message about which the two disagree, as far as its frames are whole. */
interface Suspect {
  readonly isCompressed: boolean;
  /** Whether a whole frame of it is there. */
  readonly hasFrame: boolean;
  /** The compressed messages that it may refer to, and it. */
  readonly context: readonly Buffer[];
  /** The bytes of its payload, with what the header of a frame announces that is not whole. */
  readonly announced: number;
}

function isMessage(event: string): boolean {
  return /^(?:text|binary) /.test(event);
}

/** Finds it by looking at whole frames, without any rule but their order. */
function findSuspect(bytes: Buffer, ours: Verdict, theirs: Verdict, { deflate }: Mode): Suspect {
  const [some, others] = [ours.events.filter(isMessage), theirs.events.filter(isMessage)];
  let agreed = 0;
  while (agreed < some.length && some[agreed] === others[agreed]) agreed++;
  const before: Buffer[] = [];
  let fragments: Buffer[] = [];
  let isCompressed = false;
  let isWhole = false;
  let rest = bytes;
  for (let first = decodeFirst(rest); first !== null && !isWhole; first = decodeFirst(rest)) {
    const { fin, rsv1, opcode, payload } = first.frame;
    if (opcode < 0x8) {
      if ((opcode === 0) !== (fragments.length > 0)) break;
      if (opcode !== 0) isCompressed = rsv1;
      fragments.push(payload);
      isWhole = fin && agreed === 0;
      if (fin && !isWhole) {
        agreed--;
        if (isCompressed && deflate!.contextTakeover) before.push(Buffer.concat(fragments));
        fragments = [];
      }
    }
    rest = rest.subarray(first.length);
  }
  const [next = 0] = rest;
  if (fragments.length === 0) isCompressed = (next & 0x40) !== 0;
  const arrived = Buffer.concat(fragments);
  const announced = arrived.length + (isWhole ? 0 : announcedLength(rest));
  return { isCompressed, hasFrame: fragments.length > 0, context: [...before, arrived], announced };
}

function announcedLength(frame: Buffer): number {
  const length = (frame[1] ?? 0) & 0x7f;
  if (length < 126) return length;
  if (frame.length < (length === 126 ? 4 : 10)) return 0;
  return length === 126 ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2));
}

/** What zlib says of the messages of a context, as one stream that goes on. */
interface Opinion {
  readonly isDeflate: boolean;
  /** Whether a final block ends it, or one that is not whole. */
  readonly isEnded: boolean;
  readonly isUnfinished: boolean;
  readonly byteLength: number;
}

function inflate(stream: Buffer): { length: number; consumed: number } | null {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_BYTES, info: true };
  try {
    // The types of Node know nothing of `info`.
    const { buffer, engine } = inflateRawSync(stream, options) as unknown as { buffer: Buffer; engine: InflateRaw };
    return { length: buffer.length, consumed: engine.bytesWritten };
  } catch {
    return null;
  }
}

function judge(context: readonly Buffer[]): Opinion {
  const stream = Buffer.concat(context.flatMap((payload) => [payload, TAIL]));
  const inflated = inflate(stream);
  const isEnded = inflated !== null && inflated.consumed < stream.length;
  // Where a block is open, the final one is taken for its data.
  const ended = inflate(Buffer.concat([stream, END, END]));
  const isUnfinished = inflated !== null && !isEnded && ended?.consumed !== stream.length + END.length;
  return { isDeflate: inflated !== null, isEnded, isUnfinished, byteLength: inflated?.length ?? 0 };
}

/** The bytes of the last message of a context. */
function lastLength(context: readonly Buffer[]): number {
  return judge(context).byteLength - judge(context.slice(0, -1)).byteLength;
}

function isRefused({ closeCode }: Verdict): boolean {
  return closeCode === 1007 || closeCode === 1009;
}

/** Applies to what the two make of a compressed message. */
type Explanation = (suspect: Suspect, opinion: Opinion, ours: Verdict, theirs: Verdict, mode: Mode) => boolean;

const explanations: readonly (readonly [reason: string, applies: Explanation])[] = [
  [
    // §7.2.1: "The next DEFLATE block follows"; and the sender's window stays what it is.
    'ws reads nothing behind a final block, and forgets the context there',
    (_, { isEnded }) => isEnded,
  ],
  [
    // §7.2.2: what is inflated is the payload with the four bytes, which end no block that the payload has left open.
    // What we append besides may say that it is too long.
    'ws takes a message that ends within a block for a whole one',
    (_, { isUnfinished }, ours) => isRefused(ours) && isUnfinished,
  ],
  [
    // What can't be compressed grows by a few bytes.
    'ws holds the limit of the message against the compressed bytes too',
    ({ announced }, _, ours, theirs, { maxMessageBytes }) =>
      theirs.closeCode === 1009 && announced > maxMessageBytes && isPrefix(theirs.events, ours.events),
  ],
  [
    // §6.2: "Concatenate the payload data portion of the received frames"; until then, pings are answered, and the
    // header of a later fragment may break a rule.
    'ws inflates fragments as they come',
    ({ hasFrame, context }, { isDeflate }, ours, theirs, { maxMessageBytes }) =>
      hasFrame && isRefused(theirs) && (!isDeflate || lastLength(context) > maxMessageBytes) &&
      isPrefix(theirs.events, ours.events) && !ours.events.slice(theirs.events.length).some(isMessage),
  ],
  [
    'a message that is too long, and none further on, may be refused for either',
    (_, { isDeflate }, ours, theirs) =>
      !isDeflate && isRefused(ours) && isRefused(theirs) && isSame(ours.events, theirs.events),
  ],
  [
    'a message that is cut off within a final block takes what is added to it for its rest',
    ({ context }) => isAmbiguous(context),
  ],
];

const furtherDifferences: readonly Difference[] = explanations.map(([reason, applies]) => ({
  reason,
  applies(ours, theirs, bytes, mode) {
    const suspect = findSuspect(bytes, ours, theirs, mode);
    return suspect.isCompressed && applies(suspect, judge(suspect.context), ours, theirs, mode);
  },
}));

/** Makes the first byte say that messages may be compressed. */
export function compressing(input: Buffer): Buffer {
  return Buffer.concat([Buffer.of((input[0] ?? 0) | 4), input.subarray(1)]);
}

/** A mode, then frames: messages of all kinds, or compressed ones that refer to each other. */
export function generateDeflating(random: Random): Buffer {
  const mode = random.integer(0, 15) | 4;
  const isMasked = (mode & 1) === 0;
  const frames = random.chance(0.5)
    ? generateFrameBytes(random, isMasked, true)
    : frameMessages(splitMessages(generateMessages(random)), random, isMasked);
  return mutate(Buffer.concat([Buffer.of(mode), frames]), random, frameDictionary);
}

export const receiverDeflate: Target = {
  name: 'receiver-deflate',
  concurrency: 64,
  obstacle,
  corpus: frameCorpus.map(compressing),
  generate: generateDeflating,
  check(input, random) {
    const mode = modeOf(compressing(input));
    return compare(input.subarray(1), mode, random, [...differences, ...furtherDifferences]);
  },
};
