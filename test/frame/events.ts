// Runs frame decoder and message assembler over chunks, and writes down what comes out, to compare with a table.
import type { Message } from '../../src/connection/assembler.js';
import { Incoming } from '../../src/connection/incoming.js';
import { ProtocolError } from '../../src/errors.js';
import { Inflater } from '../../src/frame/inflater.js';
import type { Role } from '../../src/frame/opcode.js';
import { hex } from '../support/codec/cuts.js';
import { decodeNaive, encodeNaive } from '../support/codec/naive-codec.js';

/** One call of the receiver, or the error that ended decoding. */
export type FrameEvent =
  | { readonly message: Message; readonly byteLength: number }
  | { readonly opcode: number; readonly payload: Buffer }
  | { readonly failure: string; readonly closeCode: number };

export interface DecodeOptions {
  readonly role: Role;
  /** 1 MiB unless set. */
  readonly maxMessageBytes?: number;
  /** Whether permessage-deflate was agreed on, with context takeover. */
  readonly deflate?: boolean;
}

/** The masking key of the masked frames in RFC 6455 §5.7. */
export const MASKING_KEY = hex('37 fa 21 3d');

export function text(message: string): FrameEvent {
  return { message, byteLength: Buffer.byteLength(message) };
}

/** @param payload hexadecimal digits, or the bytes */
export function binary(payload: string | Buffer): FrameEvent {
  const message = typeof payload === 'string' ? hex(payload) : payload;
  return { message, byteLength: message.length };
}

/** @param payload hexadecimal digits */
export function control(opcode: 0x8 | 0x9 | 0xa, payload = ''): FrameEvent {
  return { opcode, payload: hex(payload) };
}

export function failure(code: string, closeCode: number): FrameEvent {
  return { failure: code, closeCode };
}

/** All that a fresh decoder makes of the chunks, up to a Close frame or an error: then it must not be given more. */
export function decodeFrames(chunks: Iterable<Buffer>, options: DecodeOptions): FrameEvent[] {
  const { role, maxMessageBytes = 1 << 20, deflate = false } = options;
  const events: FrameEvent[] = [];
  let isOver = false;
  const queue = {
    isFull: false, mayStream: () => false, takeSink: () => null, countStreamed(): void {},
    advance(): void {}, refuse(): void {},
    put(message: Message, byteLength: number): void {
      events.push({ message, byteLength });
    },
  };
  const control = {
    receiveControl(opcode: number, payload: Buffer): void {
      events.push({ opcode, payload });
      isOver = opcode === 0x8;
    },
  };
  const inflater = deflate ? new Inflater({ windowBits: 15, contextTakeover: true }) : null;
  const incoming = new Incoming(inflater);
  incoming.serve(role, control, queue, maxMessageBytes);
  const { decoder } = incoming;
  for (const chunk of chunks) {
    try {
      decoder.decode(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      events.push(failure(error.code, error.closeCode));
      break;
    }
    if (isOver) break;
  }
  return events;
}

/** Gives a fresh decoder one byte at a time: how many it was given when it failed, and how; `null` if it did not. */
export function findFailure(
  bytes: Uint8Array,
  options: DecodeOptions,
): { readonly after: number; readonly failure: FrameEvent } | null {
  let after = 0;
  function* giveBytes(): Generator<Buffer> {
    for (const byte of bytes) {
      after++;
      yield Buffer.of(byte);
    }
  }
  const last = decodeFrames(giveBytes(), options).at(-1);
  return last && 'failure' in last ? { after, failure: last } : null;
}

/** The frames as each role receives them: a client unmasked as they are, a server masked. */
export function forEachRole(frames: Buffer, check: (bytes: Buffer, role: Role) => void): void {
  check(frames, 'client');
  check(maskFrames(frames), 'server');
}

/** The same frames, masked with the key of §5.7. */
export function maskFrames(bytes: Buffer): Buffer {
  const { frames, rest } = decodeNaive(bytes);
  if (rest.length > 0) throw new Error(`these are not whole frames: ${bytes.toString('hex')}`);
  return Buffer.concat(frames.map((frame) => encodeNaive({ ...frame, maskingKey: MASKING_KEY })));
}

/** The bytes in pieces, each lent in the same memory, as from a read buffer that is used again and again. */
export function* lendPieces(bytes: Uint8Array, nextLength: () => number): Generator<Buffer> {
  const memory = Buffer.alloc(bytes.length);
  for (let start = 0; start < bytes.length;) {
    const piece = bytes.subarray(start, start + nextLength());
    memory.set(piece);
    yield memory.subarray(0, piece.length);
    memory.fill(0xee, 0, piece.length);
    start += piece.length;
  }
}
