// The state machine of one connection, without I/O: bytes and calls in, messages and frames out (RFC 6455 §5.5, §7).
import { ProtocolError, WebSocketError, type Close } from '../errors.js';
import { copyOf, free } from '../frame/allocate.js';
import { CloseCode, parseClosePayload, serializeClosePayload } from '../frame/close.js';
import type { ControlReceiver } from '../frame/decode.js';
import { Inflater } from '../frame/inflater.js';
import { Opcode, type Role } from '../frame/opcode.js';
import type { DeflateAgreement } from '../handshake/deflate.js';
import type { MessageAssembler } from './assembler.js';
import { Compressor, type ChunkCompressor, type CompressorReceiver } from './compressor.js';
import { borrowIncoming, Incoming, returnIncoming } from './incoming.js';
import type { ConnectionLimits } from './limits.js';
import type { MessageReceiver } from './message-receiver.js';
import { Output } from './output.js';
import type { PreparedMessage } from './prepared.js';

/** What the protocol hands on. While it is full of messages, the bytes after a compressed one are held. */
export interface ProtocolReceiver extends CompressorReceiver, MessageReceiver {
  receivePong(payload: Buffer): void;
}

/**
 * `'open'` until a Close frame was sent or the stream has ended; `'closing'` until the TCP connection has; then
 * `'closed'` (RFC 6455 §7.1.3, §7.1.4).
 */
export type ConnectionState = 'open' | 'closing' | 'closed';

/** Who has begun to close, by a Close frame or by failing. */
type Closer = 'this endpoint' | 'the peer';

export interface ProtocolOptions {
  readonly role: Role;
  readonly limits: Pick<ConnectionLimits, 'maxMessageBytes' | 'deflate'>;
  /** `null` if messages are not compressed. */
  readonly deflate: DeflateAgreement | null;
}

export class Protocol implements ControlReceiver {
  readonly role: Role;
  /** The frames to write: the caller of any method takes them from here. */
  readonly output: Output;
  state: ConnectionState = 'open';
  /** Whether the peer isn't reading: then only its latest ping is remembered (§5.5.3). */
  isSaturated = false;
  /** Why this endpoint failed the connection (§7.1.7). */
  error: Error | null = null;

  readonly #receiver: ProtocolReceiver;
  #closer: Closer | null = null;
  /** `null` if messages are not compressed. */
  readonly #compressor: Compressor | null;
  readonly #maxMessageBytes: number;
  /** A violation, or the payload of a Close frame, that waits until the messages before it are answered. */
  #ending: Error | Buffer | null = null;
  /** Whether bytes are decoded: until a Close frame, a failure, or the end of the stream. */
  #isDecoding = true;
  /** Present within a frame or a message, and always where messages may be compressed; else one is borrowed. */
  #incoming: Incoming | null = null;
  /** Bytes that wait to be decoded until the queue has room. */
  #held: Buffer | null = null;
  #closeReceived: { code: number; reason: string } | null = null;
  #unansweredPing: Buffer | null = null;

  constructor(receiver: ProtocolReceiver, { role, limits, deflate }: ProtocolOptions) {
    this.role = role;
    this.#receiver = receiver;
    this.output = new Output(role);
    this.#maxMessageBytes = limits.maxMessageBytes;
    this.#compressor = deflate && new Compressor(this.output, receiver, deflate.outgoing, limits.deflate!);
    if (deflate === null) return;
    this.#incoming = new Incoming(new Inflater(deflate.incoming));
    this.#incoming.serve(role, this, receiver, limits.maxMessageBytes);
  }

  /** Whether data may be sent. */
  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** Whether messages may still arrive. */
  get isReceiving(): boolean {
    return this.#isDecoding || this.#ending !== null;
  }

  /** Whether it is for this endpoint to end TCP: the server does (§7.1.1), or the side that failed (§7.1.7). */
  get endsStream(): boolean {
    return !this.isReceiving && (this.role === 'server' || this.error !== null);
  }

  /** Whether `finish` is to be called, once those who waited for the latest messages had their turn. */
  get mustFinish(): boolean {
    return this.#ending !== null;
  }

  /**
   * Takes the bytes that arrived. A violation or a Close frame among them ends the connection: at once, or by `finish`
   * if `mustFinish`.
   */
  receive(chunk: Buffer): void {
    if (!this.#isDecoding) return;
    const incoming = this.#incoming ?? borrowIncoming(this.role, this, this.#receiver, this.#maxMessageBytes);
    const { assembler, decoder } = incoming;
    const messagesBefore = assembler.messageCount;
    try {
      const taken = decoder.decode(chunk);
      if (taken < chunk.length) this.#held = copyOf(chunk.subarray(taken));
      this.#incoming = returnIncoming(incoming);
    } catch (error) {
      // It may have a message that somebody reads in pieces.
      this.#incoming = incoming;
      this.#isDecoding = false;
      this.#ending = error as Error;
    }
    if (assembler.messageCount === messagesBefore || !this.isOpen) this.finish();
  }

  /** What has the message that is arriving, if one is. */
  get arriving(): MessageAssembler | null {
    return this.#incoming === null ? null : this.#incoming.assembler;
  }

  /** Whether bytes are held; until `receiveHeld` has taken them all, `receive` must not be called. */
  get isHolding(): boolean {
    return this.#held !== null;
  }

  /** Takes the bytes that are held, as far as the queue has room. */
  receiveHeld(): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) {
      this.receive(held);
      free(held);
    }
  }

  /** Fails the connection for a message of which that shows while nothing is decoded. */
  refuse(error: Error): void {
    if (!this.#isDecoding) return;
    this.#isDecoding = false;
    this.#ending = error;
    this.finish();
  }

  /** Answers what has ended the connection, if anything has: the peer's Close frame, or a violation. */
  finish(): void {
    const ending = this.#ending;
    if (ending === null) return;
    this.#ending = null;
    this.#incoming?.assembler.cut(ending instanceof Error ? ending : null);
    // §5.5.1: "it typically echos the status code it received"
    if (ending instanceof Uint8Array) this.#sendClose(ending.subarray(0, 2));
    else this.#fail(ending);
  }

  /** Fails the connection (§7.1.7): the one place where an exception becomes a close code. */
  #fail(error: Error): void {
    this.error = error;
    // A ProtocolError's message is about the peer's bytes; any other stays here.
    const isViolation = error instanceof ProtocolError;
    this.#sendClose(
      serializeClosePayload(
        isViolation ? error.closeCode : CloseCode.INTERNAL_ERROR,
        isViolation ? error.message : '',
      ),
    );
  }

  /** The peer has ended its side of the stream. */
  receiveEnd(): void {
    if (this.#closer === 'this endpoint' && this.isReceiving) {
      const message = 'the peer ended the connection instead of answering the Close frame';
      this.error ??= new WebSocketError('CLOSE_NOT_ANSWERED', message);
    }
    this.stop();
  }

  /** Nothing more is received, and nothing more can be sent. */
  stop(): void {
    this.finish();
    if (this.isOpen) this.state = 'closing';
    this.#isDecoding = false;
    this.#incoming?.assembler.cut(null);
    this.#incoming = null;
    this.#held = null;
  }

  /**
   * Sends a message; only while open.
   * @param compress whether to compress it where that was agreed on; if absent, its length decides.
   * @returns how many bytes it has.
   */
  send(message: string | Uint8Array, compress?: boolean): number {
    const opcode = typeof message === 'string' ? Opcode.TEXT : Opcode.BINARY;
    if (this.#compressor === null || compress === false) return this.output.encode(opcode, message);
    return this.#compressor.send(opcode, message, compress ?? false);
  }

  /** As `Compressor.begin`. */
  compressChunks(firstBytes: number, compress: boolean | undefined): ChunkCompressor | null {
    return this.#compressor === null ? null : this.#compressor.begin(firstBytes, compress);
  }

  /** Sends a message that was prepared; only while open. */
  sendPrepared(prepared: PreparedMessage, compress?: boolean): void {
    const frame = this.#compressor?.compressed(prepared, compress) ?? prepared.plain;
    if (this.role === 'server') return this.output.append(frame);
    const payload = frame.bytes.subarray(frame.payloadStart, frame.end);
    this.output.encode(prepared.opcode, payload, frame !== prepared.plain);
  }

  /** Sends a ping; only while open. */
  ping(payload: Uint8Array): void {
    this.output.encode(Opcode.PING, payload);
  }

  /**
   * Begins the closing handshake (§7.1.2), unless it has begun.
   * @param error why this endpoint gives the connection up; `null` if it is simply done.
   * @throws RangeError, TypeError for a code or reason that may not be sent.
   */
  close(code: number, reason: string, error: Error | null = null): void {
    const payload = serializeClosePayload(code, reason);
    if (!this.isOpen) return;
    this.error = error;
    this.#sendClose(payload);
  }

  /** The stream is full: the peer doesn't read what was written. */
  saturate(): void {
    this.isSaturated = true;
  }

  /** The peer has read what was written: the ping that waited for it is answered. */
  drain(): void {
    this.isSaturated = false;
    if (this.#unansweredPing !== null && this.isReceiving) this.output.encode(Opcode.PONG, this.#unansweredPing);
    this.#unansweredPing = null;
  }

  /** How the connection ended, once the TCP connection has. */
  conclude(streamError: Error | null): Close {
    this.stop();
    this.state = 'closed';
    this.#compressor?.abandon();
    const received = this.#closeReceived;
    // §7.1.4: "cleanly" asks for both Close frames; a received one was answered, or was the answer.
    const wasClean = received !== null;
    // After both Close frames it doesn't matter what breaks the stream.
    const error = this.error ?? (wasClean ? null : streamError);
    return {
      code: received?.code ?? CloseCode.ABNORMAL_CLOSURE, // §7.1.5
      reason: received?.reason ?? '',
      wasClean,
      ...(error !== null && { error }),
    };
  }

  receiveControl(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.PING) this.#receivePing(payload);
    else if (opcode === Opcode.PONG) this.#receiver.receivePong(payload);
    else this.#receiveClose(payload);
  }

  #receivePing(payload: Buffer): void {
    // §5.5.2 asks for a Pong unless a Close frame was *received*, so also after this endpoint sent its own.
    if (this.isSaturated) this.#unansweredPing = payload;
    else this.output.encode(Opcode.PONG, payload);
  }

  #receiveClose(payload: Buffer): void {
    const { code, reason } = parseClosePayload(payload);
    this.#closeReceived = { code, reason };
    this.#isDecoding = false;
    this.#ending = payload;
  }

  /** Only one Close frame may be sent (§5.5.1). */
  #sendClose(payload: Uint8Array): void {
    if (!this.isOpen) return;
    this.state = 'closing';
    this.#closer = this.#closeReceived === null ? 'this endpoint' : 'the peer';
    this.output.encode(Opcode.CLOSE, payload);
  }
}
