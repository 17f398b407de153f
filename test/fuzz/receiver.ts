// Compares the frame decoder's verdict on the same bytes with that of another library, `Receiver` of ws; this file
// without compression, receiver-deflate.ts with it.
//
// The invariant: both hand out the same messages and control frames, and then both fail with the same close code or
// both do not; but for the differences in the table below, each with its reason.
import { createRequire } from 'node:module';
import type { Random } from '../frame/random.js';
import { Reading, modeOf, type Mode } from './frames.js';
import { frameCorpus, generateFrames } from './frame-inputs.js';
import { copyCut, lendWhole } from './pieces.js';
import { Finding, type Target } from './target.js';

/** What is used of ws, which has no types of its own. */
interface Receiver {
  on(event: string, listener: (...values: never[]) => void): Receiver;
  /** The method of `Writable` that a stream implements: called directly, it tells an error at once. */
  _write(chunk: Buffer, encoding: string, done: (error?: Error | null) => void): void;
}

/** Its half of permessage-deflate. */
interface PerMessageDeflate {
  /** Takes offers, or an answer: each parameter with a list of its values. */
  accept(parameters: Record<string, unknown[]>[]): unknown;
  /** Frees the streams of zlib's. */
  cleanup(): void;
}

interface ReceiverOptions {
  readonly isServer: boolean;
  readonly maxPayload: number;
  readonly extensions: Record<string, PerMessageDeflate>;
}

interface Library {
  readonly Receiver: new (options: ReceiverOptions) => Receiver;
  readonly PerMessageDeflate: new (options: { isServer: boolean; maxPayload: number }) => PerMessageDeflate;
}

const require = createRequire(new URL('../../../test/interop/package.json', import.meta.url));

function load(): Library | null {
  try {
    return require('ws') as Library;
  } catch {
    return null;
  }
}

const library = load();

/** What is missing for a comparison. */
export const obstacle = library === null ? 'ws is missing: npm ci --prefix test/interop' : null;

const MAX_CUT_BYTES = 4096;

/** What one of the two made of the bytes. */
export interface Verdict {
  readonly events: readonly string[];
  /** The code of the error; empty if there was none. */
  readonly failure: string;
  /** The close code of the error; 0 if there was none. */
  readonly closeCode: number;
}

export interface Difference {
  readonly reason: string;
  applies(ours: Verdict, theirs: Verdict, bytes: Buffer, mode: Mode): boolean;
}

export const differences: readonly Difference[] = [
  {
    // §5.2: "the minimal number of bytes MUST be used to encode the length"; ws reads on.
    reason: 'ws accepts a length that is not in its minimal form',
    applies: (ours, theirs) => ours.failure === 'LENGTH_NOT_MINIMAL' && isPrefix(ours.events, theirs.events),
  },
  {
    // §5.2: "the most significant bit MUST be 0", which is no matter of size.
    reason: 'ws tells a length of 2^63 or more as too large',
    applies: (ours, theirs) =>
      ours.failure === 'LENGTH_OVERFLOW' && theirs.closeCode === 1009 && isSame(ours.events, theirs.events),
  },
  {
    // §8.1 and its recommendation to fail fast: a text that can't be UTF-8 any more is failed at the byte that decides
    // it. ws looks at whole messages; until then it may answer pings, find another error, or have the bytes end.
    reason: 'ws tells a broken text at its end only',
    applies: (ours, theirs) => ours.failure === 'INVALID_UTF8' && isPrefix(ours.events, theirs.events) &&
      theirs.events.slice(ours.events.length).every((event) => !/^(?:text|binary) /.test(event)),
  },
  {
    // The decoder reads a header once it is whole, masking key included.
    reason: 'ws looks at the length before the masking key has arrived',
    applies: (ours, theirs) =>
      ours.failure === '' && theirs.closeCode === 1009 && isSame(ours.events, theirs.events),
  },
  {
    // It is told from the payload, which is still to come.
    reason: 'ws looks at the length of a Close frame before its payload has arrived',
    applies: (ours, theirs) => ours.failure === '' && theirs.failure === 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH' &&
      isSame(ours.events, theirs.events),
  },
];

export function isPrefix(prefix: readonly string[], events: readonly string[]): boolean {
  return prefix.length <= events.length && prefix.every((event, position) => event === events[position]);
}

export function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && isPrefix(some, others);
}

function readOurs(bytes: Buffer, mode: Mode): Verdict {
  const reading = new Reading(mode);
  lendWhole(bytes, (piece) => reading.feed(piece));
  const [failure = '', closeCode = '0'] = reading.failure.split(' ');
  return { events: reading.events, failure, closeCode: Number(closeCode) };
}

function createDeflate({ role, maxMessageBytes, deflate }: Mode): PerMessageDeflate {
  const isServer = role === 'server';
  const created = new library!.PerMessageDeflate({ isServer, maxPayload: maxMessageBytes });
  const sender = isServer ? 'client' : 'server';
  created.accept([deflate!.contextTakeover ? {} : { [`${sender}_no_context_takeover`]: [true] }]);
  return created;
}

async function readTheirs(pieces: readonly Buffer[], mode: Mode): Promise<Verdict> {
  const events: string[] = [];
  const deflate = mode.deflate && createDeflate(mode);
  const receiver = new library!.Receiver({
    isServer: mode.role === 'server',
    maxPayload: mode.maxMessageBytes,
    extensions: deflate === null ? {} : { 'permessage-deflate': deflate },
  });
  receiver
    .on('message', (data: Buffer, isBinary: boolean) =>
      void events.push(isBinary ? `binary ${data.toString('latin1')}` : `text ${data.toString()}`))
    .on('ping', (data: Buffer) => void events.push(`ping ${data.toString('latin1')}`))
    .on('pong', (data: Buffer) => void events.push(`pong ${data.toString('latin1')}`))
    .on('conclude', (code: number, reason: Buffer) => void events.push(`close ${code} ${reason.toString()}`));
  let failure: Error | null = null;
  for (const piece of pieces) {
    // Behind a compressed message it calls back later.
    failure = await new Promise((resolve) => receiver._write(piece, 'buffer', (error) => resolve(error ?? null)));
    if (failure !== null) break;
  }
  deflate?.cleanup();
  return failure === null ? { events, failure: '', closeCode: 0 } : { events, ...describeTheirs(failure) };
}

function describeTheirs(error: Error): { failure: string; closeCode: number } {
  const key = Object.getOwnPropertySymbols(error).find(({ description }) => description === 'status-code');
  const { code = String(error) } = error as NodeJS.ErrnoException;
  return { failure: code, closeCode: key === undefined ? 0 : (error as never)[key] };
}

/** Throws if the two disagree about the bytes, but for one of these differences. */
export async function compare(
  bytes: Buffer,
  mode: Mode,
  random: Random,
  allowed: readonly Difference[],
): Promise<void> {
  const ours = readOurs(bytes, mode);
  // It unmasks its chunks in place, so they must be copies.
  // Its list of chunks takes quadratic time if they are many.
  const pieces = bytes.length > MAX_CUT_BYTES ? [Buffer.from(bytes)] : copyCut(bytes, random);
  const theirs = await readTheirs(pieces, mode);
  if (ours.closeCode === theirs.closeCode && isSame(ours.events, theirs.events)) return;
  if (allowed.some((difference) => difference.applies(ours, theirs, bytes, mode))) return;
  throw new Finding('the same verdict as ws', `\n  ours ${JSON.stringify(ours)}\n  ws ${JSON.stringify(theirs)}`);
}

export const receiver: Target = {
  name: 'receiver',
  concurrency: 256,
  obstacle,
  corpus: frameCorpus,
  generate: generateFrames,
  check: (input, random) => compare(input.subarray(1), { ...modeOf(input), deflate: null }, random, differences),
};
