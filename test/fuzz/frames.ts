// Fuzzes frame decoder, message assembler and the parser of Close payloads, in both roles (RFC 6455 §5).
//
// The invariant: for any bytes, in any pieces,
// - messages, control frames and then perhaps a ProtocolError of docs/api.md come out, and nothing else is thrown;
// - they are the same however the bytes are cut, also if each piece is overwritten once it was taken;
// - no message is over maxMessageBytes, no control frame over 125 bytes;
// - they are what the plainest decoder reads, and zlib of all compressed messages as one stream, up to the error;
// - the buffers made are at most 64 KiB, which a header is trusted with, and 32 times the bytes that arrived; where
//   messages may be compressed also what these inflate to, and the pieces that each final block begins.
import type { Message } from '../../src/connection/assembler.js';
import { Incoming } from '../../src/connection/incoming.js';
import type { Pieces } from '../../src/connection/pieces.js';
import { parseClosePayload } from '../../src/frame/close.js';
import type { FrameDecoder } from '../../src/frame/decode.js';
import { Inflater } from '../../src/frame/inflater.js';
import type { DeflateContext } from '../../src/handshake/deflate.js';
import type { Role } from '../../src/frame/opcode.js';
import type { Random } from '../frame/random.js';
import { decodeFirst } from '../support/codec/naive-codec.js';
import { countAllocated } from './allocations.js';
import { describeError, frameErrors } from './documented.js';
import { frameCorpus, generateFrames } from './frame-inputs.js';
import { inflateLast } from './inflate-oracle.js';
import { lendCut, lendWhole } from './pieces.js';
import { assertHolds, assertSame, type Target } from './target.js';

/** The first byte of an input tells the role that receives it, the limit, and what permessage-deflate agreed on. */
export interface Mode {
  readonly role: Role;
  readonly maxMessageBytes: number;
  /** `null` if no message may be compressed. */
  readonly deflate: DeflateContext | null;
}

export function modeOf(input: Buffer): Mode {
  const first = input[0] ?? 0;
  return {
    role: first & 1 ? 'client' : 'server',
    maxMessageBytes: first & 2 ? 1000 : 1 << 20,
    deflate: first & 4 ? { windowBits: 15, contextTakeover: (first & 8) === 0 } : null,
  };
}

/** All that a decoder makes of some bytes. */
export class Reading {
  /** One text for each message and control frame: a letter for its kind, and its content. */
  readonly events: string[] = [];
  /** The code of the error that ended decoding, and its close code. */
  failure = '';
  readonly isFull = false;
  readonly mayStream = (): boolean => false;
  readonly takeSink: () => Pieces | null = () => null;
  readonly countStreamed = (): void => {};
  readonly advance = (): void => {};
  readonly refuse = (error: Error): void => {
    throw error;
  };
  readonly #mode: Mode;
  protected readonly decoder: FrameDecoder;
  #isClosed = false;

  constructor(mode: Mode) {
    this.#mode = mode;
    const { role, maxMessageBytes, deflate } = mode;
    const inflater = deflate && new Inflater(deflate);
    const incoming = new Incoming(inflater);
    incoming.serve(role, this, this, maxMessageBytes);
    this.decoder = incoming.decoder;
  }

  put(message: Message, byteLength: number): void {
    const { maxMessageBytes } = this.#mode;
    assertHolds('no message over the limit', byteLength <= maxMessageBytes, () => `${byteLength} bytes`);
    this.events.push(typeof message === 'string' ? `text ${message}` : `binary ${message.toString('latin1')}`);
  }

  receiveControl(opcode: number, payload: Buffer): void {
    assertHolds('no control frame over 125 bytes', payload.length <= 125, () => `${payload.length} bytes`);
    if (opcode !== 0x8) {
      this.events.push(`${opcode === 0x9 ? 'ping' : 'pong'} ${payload.toString('latin1')}`);
      return;
    }
    const { code, reason } = parseClosePayload(payload);
    this.#isClosed = true;
    this.events.push(`close ${code} ${reason}`);
  }

  /** Takes the next piece; `false` once it must not be given more. */
  feed(piece: Buffer): boolean {
    try {
      this.decoder.decode(piece);
    } catch (error) {
      this.failure = describeError(error, frameErrors);
    }
    return this.canGoOn;
  }

  protected get canGoOn(): boolean {
    return this.failure === '' && !this.#isClosed;
  }

  describe(): string {
    return `${this.events.join('\n')}\n${this.failure}`;
  }
}

/** Messages and control frames by looking at whole frames, without any rule; for bytes in which none is broken. */
function readPlainly(bytes: Buffer, count: number, { deflate }: Mode): string[] {
  const events: string[] = [];
  let opcode = 0;
  let isCompressed = false;
  let fragments: Buffer[] = [];
  let context: Buffer[] = [];
  for (let rest = bytes; events.length < count; ) {
    const first = decodeFirst(rest)!;
    rest = rest.subarray(first.length);
    const { frame } = first;
    const { payload } = frame;
    if (frame.opcode === 0x8) {
      const code = payload.length === 0 ? 1005 : payload.readUInt16BE();
      events.push(`close ${code} ${payload.subarray(2).toString()}`);
    } else if (frame.opcode > 0x8) {
      events.push(`${frame.opcode === 0x9 ? 'ping' : 'pong'} ${payload.toString('latin1')}`);
    } else {
      if (opcode === 0) isCompressed = frame.rsv1;
      opcode ||= frame.opcode;
      fragments.push(payload);
      if (!frame.fin) continue;
      let message: Buffer = Buffer.concat(fragments);
      if (isCompressed) {
        context = deflate!.contextTakeover ? [...context, message] : [message];
        message = inflateLast(context)!.bytes;
      }
      events.push(opcode === 0x1 ? `text ${message.toString()}` : `binary ${message.toString('latin1')}`);
      opcode = 0;
      fragments = [];
    }
  }
  return events;
}

/**
 * What is made besides where messages may be compressed: the history, the pieces that the last message was inflated
 * into in vain, and for each other its own pieces and their copy. A final block takes two bytes, and begins a piece of
 * four times what follows, at most 8 times in a message.
 */
function inflatingBound(bytes: Buffer, { events }: Reading): number {
  const inflated = events.reduce((sum, event) => sum + event.length, 0);
  return (1 << 20) + 65_536 * 3 + 8 * inflated + 512 * events.length + 9 * Math.min(4 * bytes.length + 256, 65_536);
}

function check(input: Buffer, random: Random): void {
  const mode = modeOf(input);
  const bytes = input.subarray(1);
  const whole = new Reading(mode);
  const cut = new Reading(mode);
  lendWhole(bytes, (piece) => whole.feed(piece));
  const allocated = countAllocated(() => lendCut(bytes, random, (piece) => cut.feed(piece)));
  const result = whole.describe();
  assertSame('the same result however the bytes are cut', cut.describe(), result);
  const bound = 65_536 + 32 * bytes.length + 4096 + (mode.deflate === null ? 0 : inflatingBound(bytes, cut));
  assertHolds('bounded memory', allocated <= bound, () => `${allocated} for ${bytes.length} bytes`);
  // It costs several times the decoder itself.
  if (whole.events.length === 0 || bytes.length > 4096 || random.chance(0.75)) return;
  const plain = readPlainly(bytes, whole.events.length, mode).join('\n');
  assertSame('what the plain decoder says', whole.events.join('\n'), plain);
}

export const frames: Target = {
  name: 'frames',
  concurrency: 256,
  obstacle: null,
  corpus: frameCorpus,
  generate: generateFrames,
  check,
};
