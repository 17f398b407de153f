// Bytes in, messages and control frames out: the incremental frame decoder (RFC 6455 §5, §6.2; RFC 7692 §6).
import { isUtf8 } from 'node:buffer';
import type { ProtocolError } from '../errors.js';
import { allocate } from './allocate.js';
import {
  checkHeader, explainViolation, FIN, headerLength, isControl, MASK, MAX_CONTROL_PAYLOAD_BYTES, MAX_HEADER_BYTES,
  parsePayloadLength, RSV1,
} from './header.js';
import { maxCompressedBytes, TAIL, type Inflater } from './inflater.js';
import { copyMasked, rotateKey } from './mask.js';
import { invalidUtf8, MessageAssembler, messageTooLarge, toMessage, type Message } from './message.js';
import { Opcode, type Role } from './opcode.js';
import { decodeUtf8 } from './utf8.js';

/** Where decoded messages and control frames go. */
export interface FrameReceiver {
  /** @param byteLength its bytes, without compression. */
  receiveMessage(message: Message, byteLength: number): void;
  /** @param payload its own copy, at most 125 bytes. */
  receiveControl(opcode: number, payload: Buffer): void;
  /** Asked behind each compressed message: whether what follows is to wait. Never, if absent. */
  hasEnough?(): boolean;
}

export interface FrameDecoderOptions {
  /** Which side receives: a server insists on masked frames, a client on unmasked ones (§5.1). */
  role: Role;
  /** The longest message, in bytes over all its fragments, without compression. */
  maxMessageBytes: number;
  /** For compressed messages; absent unless permessage-deflate was agreed on. */
  inflater?: Inflater | null;
}

/** Text up to this size is unmasked into one shared buffer instead of one of its own. */
const SCRATCH_BYTES = 65_536;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** Up to here a loop beats a view and two calls into Node: text of 20 bytes takes two thirds (bench codec). */
const SHORT_BYTES = 64;

/**
 * Decodes the frames of one connection, however its bytes are cut into chunks. No view of a chunk is kept or handed
 * out, so the caller may reuse its memory. After a Close frame or a thrown error it must not be given more.
 */
export class FrameDecoder {
  readonly #receiver: FrameReceiver;
  readonly #role: Role;
  readonly #maxMessageBytes: number;
  readonly #inflater: Inflater | null;
  /** Whether the receiver has enough. */
  #mustStop = false;
  readonly #assembler = new MessageAssembler();

  // The message that is being assembled.
  #inMessage = false;
  #isText = false;
  #isCompressed = false;

  // The frame whose header was read last.
  #opcode = 0;
  /** RSV1: the frame begins a compressed message (RFC 7692 §6). */
  #hasRsv1 = false;
  #isFinal = false;
  #maskingKey = 0;
  #remaining = 0;

  /** The start of a header, or of a whole control frame, that the last chunk left unfinished. */
  #partial: Buffer | null = null;
  #partialLength = 0;

  constructor(receiver: FrameReceiver, options: FrameDecoderOptions) {
    this.#receiver = receiver;
    this.#role = options.role;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#inflater = options.inflater ?? null;
  }

  /**
   * Decodes the next bytes, calling the receiver for each message and control frame that they complete.
   * What follows a Close frame in the chunk is ignored (§1.4).
   * @returns how many bytes were taken. Behind a compressed message it may be less than all: one chunk of 64 KiB can
   * hold 64 MiB of them, each within the limit. The rest is to be given again once the receiver wants more.
   * @throws ProtocolError once a header is there that breaks a rule, or with the first byte that can't be UTF-8.
   */
  decode(chunk: Buffer): number {
    this.#mustStop = false;
    let position = 0;
    while (position < chunk.length && !this.#mustStop) {
      if (this.#remaining > 0) position = this.#continuePayload(chunk, position);
      else if (this.#partialLength > 0) position = this.#continuePartial(chunk, position);
      else position = this.#beginFrame(chunk, position);
    }
    return position;
  }

  #beginFrame(chunk: Buffer, position: number): number {
    const payloadStart = this.#readHeader(chunk, position, chunk.length);
    if (payloadStart === 0) return this.#keepPartial(chunk, position);
    const payloadEnd = payloadStart + this.#remaining;
    if (isControl(this.#opcode)) {
      if (payloadEnd > chunk.length) return this.#keepPartial(chunk, position);
      this.#finishControl(chunk, payloadStart);
      return this.#opcode === Opcode.CLOSE ? chunk.length : payloadEnd;
    }
    if (!this.#isFinal || this.#inMessage || payloadEnd > chunk.length) return this.#beginPayload(payloadStart);
    // Nearly all messages: one frame, whole in the chunk.
    const byteLength = this.#remaining;
    this.#remaining = 0;
    if (this.#hasRsv1) {
      const payload = Buffer.allocUnsafe(byteLength + TAIL.length);
      copyMasked(chunk, payloadStart, payload, 0, byteLength, this.#maskingKey);
      payload.set(TAIL, byteLength);
      this.#inflate(payload, this.#opcode === Opcode.TEXT);
      return payloadEnd;
    }
    this.#receiver.receiveMessage(
      this.#opcode === Opcode.TEXT
        ? this.#decodeText(chunk, payloadStart, payloadEnd)
        : this.#copyPayload(chunk, payloadStart, byteLength),
      byteLength,
    );
    return payloadEnd;
  }

  /**
   * Reads the header at `offset`: the rules of its first two bytes are checked with these, the others with the last.
   * @returns where the payload starts, or 0 if the header is incomplete.
   */
  #readHeader(bytes: Buffer, offset: number, end: number): number {
    if (end - offset < 2) return 0;
    const first = bytes[offset];
    const second = bytes[offset + 1];
    try {
      checkHeader(first, second, this.#role, this.#inMessage, this.#inflater !== null);
    } catch (error) {
      throw explainViolation(error as ProtocolError, bytes.subarray(offset, end));
    }
    const payloadStart = offset + headerLength(second);
    if (payloadStart > end) return 0;
    const payloadLength = parsePayloadLength(bytes, offset);
    const hasRsv1 = (first & RSV1) !== 0;
    if (!isControl(first & 0x0f)) this.#checkMessageLength(payloadLength, hasRsv1);
    this.#opcode = first & 0x0f;
    this.#hasRsv1 = hasRsv1;
    this.#isFinal = (first & FIN) !== 0;
    this.#maskingKey = second & MASK ? bytes.readInt32LE(payloadStart - 4) : 0;
    this.#remaining = payloadLength;
    return payloadStart;
  }

  #checkMessageLength(payloadLength: number, hasRsv1: boolean): void {
    const before = this.#inMessage ? this.#assembler.byteLength : 0;
    const isCompressed = this.#inMessage ? this.#isCompressed : hasRsv1;
    const limit = isCompressed ? maxCompressedBytes(this.#maxMessageBytes) : this.#maxMessageBytes;
    if (before + payloadLength > limit) throw messageTooLarge(this.#maxMessageBytes);
  }

  #keepPartial(chunk: Buffer, position: number): number {
    this.#partial ??= allocate(MAX_HEADER_BYTES + MAX_CONTROL_PAYLOAD_BYTES);
    this.#partialLength = chunk.copy(this.#partial, 0, position);
    this.#remaining = 0;
    return chunk.length;
  }

  /** Adds bytes to the unfinished header or control frame, one at a time: there are at most 139. */
  #continuePartial(chunk: Buffer, position: number): number {
    const partial = this.#partial!;
    while (position < chunk.length) {
      partial[this.#partialLength++] = chunk[position++];
      const payloadStart = this.#readHeader(partial, 0, this.#partialLength);
      if (payloadStart === 0) continue;
      if (!isControl(this.#opcode)) {
        this.#partialLength = 0;
        return this.#beginPayload(position);
      }
      if (payloadStart + this.#remaining === this.#partialLength) {
        this.#partialLength = 0;
        this.#finishControl(partial, payloadStart);
        return this.#opcode === Opcode.CLOSE ? chunk.length : position;
      }
    }
    this.#remaining = 0;
    return position;
  }

  #finishControl(bytes: Buffer, payloadStart: number): void {
    const payload = this.#copyPayload(bytes, payloadStart, this.#remaining);
    this.#remaining = 0;
    this.#receiver.receiveControl(this.#opcode, payload);
  }

  /** A data frame that has to be assembled: a fragment, or one that the chunk does not hold whole. */
  #beginPayload(payloadStart: number): number {
    if (!this.#inMessage) {
      this.#inMessage = true;
      this.#isText = this.#opcode === Opcode.TEXT;
      this.#isCompressed = this.#hasRsv1;
      this.#assembler.begin(this.#isText && !this.#isCompressed);
    }
    if (this.#remaining === 0) this.#endPayload();
    return payloadStart;
  }

  #continuePayload(chunk: Buffer, position: number): number {
    const end = Math.min(chunk.length, position + this.#remaining);
    const expected = this.#isCompressed ? this.#remaining + TAIL.length : this.#remaining;
    this.#assembler.reserve(end - position, expected, this.#isFinal);
    this.#assembler.append(chunk, position, end, this.#maskingKey);
    this.#maskingKey = rotateKey(this.#maskingKey, end - position);
    this.#remaining -= end - position;
    if (this.#remaining === 0) this.#endPayload();
    return end;
  }

  #endPayload(): void {
    if (!this.#isFinal) return;
    this.#inMessage = false;
    if (this.#isCompressed) {
      this.#assembler.reserve(TAIL.length, TAIL.length, true);
      this.#assembler.append(TAIL, 0, TAIL.length, 0);
      this.#inflate(this.#assembler.finish() as Buffer, this.#isText);
      return;
    }
    const message = this.#assembler.finish();
    this.#receiver.receiveMessage(message, this.#assembler.byteLength);
  }

  #inflate(payload: Buffer, isText: boolean): void {
    const bytes = this.#inflater!.inflate(payload, this.#maxMessageBytes);
    this.#receiver.receiveMessage(toMessage(bytes, isText), bytes.length);
    this.#mustStop = this.#receiver.hasEnough?.() ?? false;
  }

  #copyPayload(bytes: Buffer, start: number, length: number): Buffer {
    const payload = allocate(length);
    copyMasked(bytes, start, payload, 0, length, this.#maskingKey);
    return payload;
  }

  #decodeText(chunk: Buffer, start: number, end: number): string {
    const length = end - start;
    const target = length <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(length);
    copyMasked(chunk, start, target, 0, length, this.#maskingKey);
    if (length <= SHORT_BYTES && isShortAscii(target, length)) return target.toString('latin1', 0, length);
    const text = target.subarray(0, length);
    if (!isUtf8(text)) throw invalidUtf8();
    return decodeUtf8(text);
  }
}

function isShortAscii(bytes: Buffer, length: number): boolean {
  let all = 0;
  for (let index = 0; index < length; index++) all |= bytes[index];
  return all < 0x80;
}
