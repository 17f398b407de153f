// What a connection has sent and its stream was not given yet: frames in order, gathered for one write.
import { encodeAlone, firstByte, lengthOf, writeFrame, type Frame } from '../frame/encode.js';
import { headerLengthFor, MAX_HEADER_BYTES, writeHeader } from '../frame/header.js';
import { createMaskingKey } from '../frame/mask.js';
import type { Role } from '../frame/opcode.js';
import { MAX_SLAB_FRAME_BYTES, ownFrames } from '../frame/slab.js';

/**
 * An unmasked binary payload of at least this many bytes is sent from where it lies. A smaller one is copied: its bytes
 * are the caller's again at once.
 */
export const BY_REFERENCE_FROM_BYTES = 65_536;

/** The longest payload that lies in a slab: a chunk as streams give them. */
export const MAX_COPIED_BYTES = MAX_SLAB_FRAME_BYTES - MAX_HEADER_BYTES;

/** What one `take` gives, give or take a chunk: a stream tells of progress when it has written all it has. */
export const MAX_TAKEN_BYTES = 1 << 20;

/** The place of a frame whose payload is not there yet. */
interface Gap {
  frame: Uint8Array | null;
  /** The part that it has in `byteLength`: of what is expected, then of what has come. */
  byteLength: number;
}

/** What a connection has of chunks that has sent nothing, shared by all. */
const NONE: never[] = [];

/** The frames of one connection between `send` and the stream, in the order in which they leave. */
export class Output {
  /** Bytes encoded since the last `take()`, and those expected in gaps. */
  byteLength = 0;
  readonly #isMasking: boolean;
  #chunks: (Uint8Array | Gap)[] = NONE;
  #gapCount = 0;
  /** The run of frames in a slab that the next small frame extends, unless another connection has written after it. */
  #run: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;

  /** @param role which side sends: a client masks every frame (§5.1). */
  constructor(role: Role) {
    this.#isMasking = role === 'client';
  }

  /**
   * Appends one unfragmented frame. The payload is never changed here; a large binary one may be referred to, not
   * copied, so the caller must not change it either before it is written.
   * @param isCompressed sets RSV1 (RFC 7692 §6).
   * @returns how many bytes the payload has.
   */
  encode(opcode: number, payload: string | Uint8Array, isCompressed = false): number {
    return this.encodeFrame(firstByte(opcode, isCompressed), payload);
  }

  /**
   * The same for any frame, such as a fragment.
   * @param first FIN, RSV1 and the opcode.
   * @param isLent whether a payload that a slab has room for is copied: its bytes are the caller's again at once.
   */
  encodeFrame(first: number, payload: string | Uint8Array, isLent = false): number {
    const payloadLength = lengthOf(payload);
    const headerLength = headerLengthFor(payloadLength, this.#isMasking);
    this.byteLength += headerLength + payloadLength;
    const maskingKey = this.#isMasking ? createMaskingKey() : null;
    if (typeof payload !== 'string' && maskingKey === null && canRefer(payload, isLent)) {
      const offset = this.#claim(headerLength);
      writeHeader(this.#run!, offset, first, payloadLength, null);
      this.#endRun();
      // A new view, as the caller's may grow or shrink with its memory. If that is lost, it becomes empty.
      this.#push(Buffer.from(payload.buffer, payload.byteOffset, payloadLength));
      return payloadLength;
    }
    let target: Buffer;
    let offset = 0;
    if (headerLength + payloadLength <= MAX_SLAB_FRAME_BYTES) {
      offset = this.#claim(headerLength + payloadLength);
      target = this.#run!;
    } else {
      target = Buffer.allocUnsafeSlow(headerLength + payloadLength);
      this.#endRun();
      this.#push(target);
    }
    writeFrame(target, offset, first, payload, payloadLength, maskingKey);
    return payloadLength;
  }

  /** Appends a frame that was encoded for many connections; not for a client, whose every frame has its own mask. */
  append({ bytes, start, end }: Frame): void {
    this.byteLength += end - start;
    if (this.#run !== bytes || this.#runEnd !== start) {
      this.#endRun();
      this.#run = bytes;
      this.#runStart = start;
    }
    this.#runEnd = end;
  }

  /**
   * Keeps the place of an unfragmented frame. Until its payload is there, nothing after it is taken.
   * @param expectedLength the bytes that count for it meanwhile.
   * @returns a function that puts the frame in its place; to be called once.
   */
  encodeLater(opcode: number, expectedLength: number): (payload: Uint8Array, isCompressed: boolean) => void {
    this.#endRun();
    const gap: Gap = { frame: null, byteLength: expectedLength };
    this.#push(gap);
    this.#gapCount++;
    this.byteLength += expectedLength;
    return (payload, isCompressed) => {
      const frame = encodeAlone(firstByte(opcode, isCompressed), payload, this.#isMasking);
      this.byteLength += frame.length - gap.byteLength;
      gap.frame = frame;
      gap.byteLength = frame.length;
    };
  }

  /**
   * How long the fragments of a chunk are to be. One that is copied lies in a slab, which is used again. Of one that is
   * referred to, a `take` gives as much.
   */
  fragmentBytes(chunkBytes: number): number {
    const isCopied = this.#isMasking || chunkBytes <= MAX_COPIED_BYTES;
    const most = isCopied ? MAX_COPIED_BYTES : MAX_TAKEN_BYTES;
    return Math.ceil(chunkBytes / Math.ceil(chunkBytes / most));
  }

  /** Whether something cannot be taken yet. */
  get hasGap(): boolean {
    return this.#gapCount > 0;
  }

  /**
   * The oldest bytes that no other call has taken, up to the first gap, and about 1 MiB at most. They are the caller's,
   * and not written again before it releases them (`ownFrames`). An empty chunk is a payload whose memory was detached
   * or has shrunk since.
   */
  take(): Uint8Array[] {
    this.#endRun();
    if (this.#gapCount > 0 || this.byteLength > MAX_TAKEN_BYTES) return this.#takeSome();
    const chunks = this.#chunks as Uint8Array[];
    this.#chunks = NONE;
    this.byteLength = 0;
    return chunks;
  }

  #takeSome(): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    let taken = 0;
    let count = 0;
    while (count < this.#chunks.length && taken < MAX_TAKEN_BYTES) {
      const chunk = this.#chunks[count]!;
      const bytes = chunk instanceof Uint8Array ? chunk : chunk.frame;
      if (bytes === null) break;
      if (bytes !== chunk) this.#gapCount--;
      // What is left of a payload is as long as one that is referred to: `send` waits for it in the same way.
      if (bytes.length > MAX_TAKEN_BYTES + BY_REFERENCE_FROM_BYTES) {
        chunks.push(bytes.subarray(0, MAX_TAKEN_BYTES));
        this.#chunks[count] = bytes.subarray(MAX_TAKEN_BYTES);
        taken += MAX_TAKEN_BYTES;
        break;
      }
      chunks.push(bytes);
      taken += bytes.length;
      count++;
    }
    this.#chunks.splice(0, count);
    this.byteLength -= taken;
    return chunks;
  }

  /** Extends the run by `length` bytes, beginning a new one where it must. Returns where they start in `#run`. */
  #claim(length: number): number {
    const start = ownFrames.allot(length);
    if (this.#run !== ownFrames.bytes || this.#runEnd !== start) {
      this.#endRun();
      this.#run = ownFrames.bytes;
      this.#runStart = start;
    }
    this.#runEnd = start + length;
    return start;
  }

  #push(chunk: Uint8Array | Gap): void {
    if (this.#chunks === NONE) this.#chunks = [chunk];
    else this.#chunks.push(chunk);
  }

  #endRun(): void {
    if (this.#run !== null) this.#push(view(this.#run, this.#runStart, this.#runEnd));
    this.#run = null;
  }
}

/** Frames that a stream in memory has handed on, as to a tunnel, are copied: `release` must not count them twice. */
function canRefer(payload: Uint8Array, isLent: boolean): boolean {
  const isLong = isLent ? payload.length > MAX_COPIED_BYTES : payload.length >= BY_REFERENCE_FROM_BYTES;
  return isLong && !ownFrames.has(payload);
}

/** The view made last, and of what: in a broadcast all connections write the same bytes. */
let lastView: Buffer = ownFrames.bytes.subarray(0, 0);
let lastBytes: Buffer = ownFrames.bytes;
let lastStart = 0;
let lastEnd = 0;

function view(bytes: Buffer, start: number, end: number): Buffer {
  if (bytes === lastBytes && start === lastStart && end === lastEnd) return lastView;
  lastBytes = bytes;
  lastStart = start;
  lastEnd = end;
  return (lastView = bytes.subarray(start, end));
}
