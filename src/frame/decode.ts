// Bytes in, frames out: the incremental frame decoder (RFC 6455 §5.2).
import type { ProtocolError } from '../errors.js';
import { allocate } from './allocate.js';
import {
  checkHeader, explainViolation, FIN, headerLength, isControl, MASK, MAX_CONTROL_PAYLOAD_BYTES, MAX_HEADER_BYTES,
  parsePayloadLength,
} from './header.js';
import { rotateKey } from './mask.js';
import { Opcode, type Role } from './opcode.js';
import { copyPayload } from './payload.js';

/** Where the frames of messages go. */
export interface DataReceiver {
  /**
   * The header of a frame has arrived, and keeps the rules of §5.2 and §5.4.
   * @param first its first byte: FIN, RSV1 and the opcode.
   * @throws ProtocolError for one that the connection's limits forbid.
   */
  beginFrame(first: number, payloadLength: number): void;
  /**
   * A piece of the frame's payload, which is all of it if the chunk holds that; also called for an empty payload.
   * @param chunk lent until this returns; the piece is from `start` to before `end`, still masked.
   * @param maskingKey for the piece's first byte; 0 if it isn't masked.
   * @param remaining bytes of the payload that come after the piece.
   * @returns `false` to stop decoding for now.
   */
  receivePayload(chunk: Buffer, start: number, end: number, maskingKey: number, remaining: number): boolean;
}

/** Where control frames go. */
export interface ControlReceiver {
  /** @param payload its own copy, at most 125 bytes. */
  receiveControl(opcode: number, payload: Buffer): void;
}

/**
 * Decodes the frames of a connection, however its bytes are cut into chunks. No view of a chunk is kept, so the caller
 * may reuse its memory. After a Close frame or a thrown error it must not be given more of that connection.
 */
export class FrameDecoder {
  readonly #data: DataReceiver;
  readonly #isDeflating: boolean;
  #role: Role = 'server';
  #control: ControlReceiver | null = null;
  /** Whether the next data frame has to continue a message (§5.4). */
  #inMessage = false;

  // The frame whose header was read last.
  #opcode = 0;
  #maskingKey = 0;
  /** Bytes of its payload that have not been received. */
  #remaining = 0;
  /** Whether it is a data frame whose payload has not been received whole. */
  #inPayload = false;

  /** The start of a header, or of a whole control frame, that the last chunk left unfinished. */
  #partial: Buffer | null = null;
  #partialLength = 0;

  /** @param isDeflating whether permessage-deflate was agreed on: then RSV1 may be set. */
  constructor(data: DataReceiver, isDeflating: boolean) {
    this.#data = data;
    this.#isDeflating = isDeflating;
  }

  /**
   * To be called first, and again for another connection while `isIdle`.
   * @param role which side receives: a server insists on masked frames, a client on unmasked ones (§5.1).
   */
  serve(role: Role, control: ControlReceiver | null): void {
    this.#role = role;
    this.#control = control;
  }

  /** Whether the next byte begins a frame and, if it is a data frame, a message. */
  get isIdle(): boolean {
    return !this.#inPayload && !this.#inMessage && this.#partialLength === 0;
  }

  /**
   * Decodes the next bytes, calling the receivers for each control frame and piece of a data frame. What follows a
   * Close frame in the chunk is ignored (§1.4).
   * @returns how many bytes were taken: fewer than all if a receiver has stopped it. The rest is to be given again.
   * @throws ProtocolError once a header is there that breaks a rule, and what a receiver throws.
   */
  decode(chunk: Buffer): number {
    let position = 0;
    while (position < chunk.length) {
      if (!this.#inPayload) {
        position = this.#partialLength > 0 ? this.#continuePartial(chunk, position) : this.#beginFrame(chunk, position);
        if (!this.#inPayload) continue;
      }
      const start = position;
      const maskingKey = this.#maskingKey;
      position = Math.min(chunk.length, start + this.#remaining);
      this.#remaining -= position - start;
      this.#inPayload = this.#remaining > 0;
      if (this.#inPayload) this.#maskingKey = rotateKey(maskingKey, position - start);
      if (!this.#data.receivePayload(chunk, start, position, maskingKey, this.#remaining)) break;
    }
    return position;
  }

  /** Reads the header at `position`, and a control frame whole. Returns where what follows starts. */
  #beginFrame(chunk: Buffer, position: number): number {
    const payloadStart = this.#readHeader(chunk, position, chunk.length);
    if (payloadStart === 0) return this.#keepPartial(chunk, position);
    if (this.#inPayload) return payloadStart;
    const payloadEnd = payloadStart + this.#remaining;
    if (payloadEnd > chunk.length) return this.#keepPartial(chunk, position);
    return this.#finishControl(chunk, payloadStart, chunk, payloadEnd);
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
      checkHeader(first, second, this.#role, this.#inMessage, this.#isDeflating);
    } catch (error) {
      throw explainViolation(error as ProtocolError, bytes.subarray(offset, end));
    }
    const payloadStart = offset + headerLength(second);
    if (payloadStart > end) return 0;
    const payloadLength = parsePayloadLength(bytes, offset);
    this.#opcode = first & 0x0f;
    this.#maskingKey = second & MASK ? bytes.readInt32LE(payloadStart - 4) : 0;
    this.#remaining = payloadLength;
    if (isControl(this.#opcode)) return payloadStart;
    this.#data.beginFrame(first, payloadLength);
    this.#inMessage = (first & FIN) === 0;
    this.#inPayload = true;
    return payloadStart;
  }

  #keepPartial(chunk: Buffer, position: number): number {
    this.#partial ??= allocate(MAX_HEADER_BYTES + MAX_CONTROL_PAYLOAD_BYTES);
    this.#partialLength = chunk.copy(this.#partial, 0, position);
    return chunk.length;
  }

  /** Adds bytes to the unfinished header or control frame, one at a time: there are at most 139. */
  #continuePartial(chunk: Buffer, position: number): number {
    const partial = this.#partial!;
    while (position < chunk.length) {
      partial[this.#partialLength++] = chunk[position++];
      const payloadStart = this.#readHeader(partial, 0, this.#partialLength);
      if (payloadStart === 0) continue;
      const isWhole = this.#inPayload || payloadStart + this.#remaining === this.#partialLength;
      if (!isWhole) continue;
      this.#partialLength = 0;
      return this.#inPayload ? position : this.#finishControl(partial, payloadStart, chunk, position);
    }
    return position;
  }

  /** Hands a control frame on; returns where in the chunk the next frame starts: after a Close, none does. */
  #finishControl(bytes: Buffer, payloadStart: number, chunk: Buffer, frameEnd: number): number {
    const payload = copyPayload(bytes, payloadStart, payloadStart + this.#remaining, this.#maskingKey);
    this.#control!.receiveControl(this.#opcode, payload);
    return this.#opcode === Opcode.CLOSE ? chunk.length : frameEnd;
  }
}
