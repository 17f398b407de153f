// What passes on a connection, for `--verbose`: the heads of the handshake, then each frame, with the time.
import type { Duplex } from 'node:stream';
import { parseClosePayload } from '../frame/close.js';
import { FrameDecoder, type ControlReceiver, type DataReceiver } from '../frame/decode.js';
import { FIN, RSV1 } from '../frame/header.js';
import { Opcode, type Role } from '../frame/opcode.js';
import { printable } from './printable.js';

/** A head that goes on for longer is none that either side would take. */
const MAX_HEAD_LENGTH = 65_536;

const NAMES: Readonly<Record<number, string>> = {
  [Opcode.CONTINUATION]: 'continuation',
  [Opcode.TEXT]: 'text',
  [Opcode.BINARY]: 'binary',
  [Opcode.CLOSE]: 'close',
  [Opcode.PING]: 'ping',
  [Opcode.PONG]: 'pong',
};

/** Tells of all that passes on a stream from now on; it must be the first to write to it. */
export function trace(stream: Duplex, tell: (text: string) => void): void {
  const startedAt = performance.now();
  const tellAt = (text: string): void => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(3);
    tell(`${seconds.padStart(8)} ${printable(text)}`);
  };
  // Who receives what this side sends is the server.
  const [sent, received] = [new Side('>', 'server', tellAt), new Side('<', 'client', tellAt)];
  const { write } = stream;
  stream.write = function (this: Duplex, ...parameters: unknown[]): boolean {
    const [chunk, encoding] = parameters as [string | Uint8Array, BufferEncoding];
    sent.take(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    return Reflect.apply(write, this, parameters) as boolean;
  };
  stream.on('data', (chunk: Buffer) => received.take(chunk));
  stream.pause();
}

/** What passes in one direction. */
class Side implements DataReceiver, ControlReceiver {
  readonly #mark: string;
  readonly #tell: (text: string) => void;
  readonly #decoder = new FrameDecoder(this, true);
  #head = '';
  /** Whether the head has passed. */
  #isOpen = false;
  /** Whether what follows is nothing that could be told. */
  #isOver = false;

  constructor(mark: string, receiver: Role, tell: (text: string) => void) {
    this.#mark = mark;
    this.#tell = tell;
    this.#decoder.serve(receiver, this);
  }

  take(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const frames = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    try {
      this.#decoder.decode(this.#isOpen ? frames : this.#takeHead(frames));
    } catch (error) {
      this.#isOver = true;
      this.#tell(`${this.#mark} broken: ${(error as Error).message}`);
    }
  }

  /** @returns what comes after it. */
  #takeHead(bytes: Buffer): Buffer {
    const before = this.#head.length;
    this.#head += bytes.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    this.#isOpen = end !== -1;
    this.#isOver = !this.#isOpen && this.#head.length > MAX_HEAD_LENGTH;
    if (!this.#isOpen) return bytes.subarray(bytes.length);
    const lines = this.#head.slice(0, end).split('\r\n');
    for (const line of lines) this.#tell(`${this.#mark} ${line}`);
    // The body of a refusal.
    if (/^HTTP\/1\.1 (?!101)/.test(lines[0]!)) this.#isOver = true;
    return bytes.subarray(this.#isOver ? bytes.length : end + 4 - before);
  }

  beginFrame(first: number, payloadLength: number): void {
    const compressed = first & RSV1 ? ', compressed' : '';
    const more = first & FIN ? '' : ', more to come';
    this.#tell(`${this.#mark} ${NAMES[first & 0x0f]}, ${payloadLength} bytes${compressed}${more}`);
  }

  receivePayload(): boolean {
    return true;
  }

  receiveControl(opcode: number, payload: Buffer): void {
    const text = opcode === Opcode.CLOSE ? describeClose(payload) : payload.toString();
    this.#tell(`${this.#mark} ${NAMES[opcode]}${text && ` ${text}`}`);
  }
}

function describeClose(payload: Buffer): string {
  const { code, reason } = parseClosePayload(payload);
  return reason === '' ? `${code}` : `${code} ${reason}`;
}
