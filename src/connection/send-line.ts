// What waits while a message is sent in pieces: no other may begin between its fragments (RFC 6455 §5.4).
import type { OutgoingMessage, FragmentWriter } from './outgoing-message.js';
import type { PreparedMessage } from './prepared.js';

export type WholeMessage = string | Uint8Array | PreparedMessage;

/** What sends the messages of a line. */
export interface LineWriter extends FragmentWriter {
  /** Sends a message that was waiting. */
  sendNow(message: WholeMessage, compress: boolean | undefined): Promise<void>;
  /** Nothing waits any more. */
  leaveLine(): void;
}

interface Waiting {
  readonly message: WholeMessage;
  readonly compress: boolean | undefined;
  readonly byteLength: number;
  resolve(sent: Promise<void>): void;
}

/** A message that waits takes some memory even if it has no byte: so many take about 16 MiB. */
const MAX_WAITING = 32_768;

/** Present while a message is sent in pieces. */
export class SendLine {
  /** Bytes of the whole messages that wait. */
  byteLength = 0;
  /** Fulfils once nothing waits any more. */
  readonly done: Promise<void>;
  readonly #writer: LineWriter;
  #waiting: (OutgoingMessage | Waiting)[] = [];
  #current: OutgoingMessage | null = null;

  /** The first message is to be added at once. */
  constructor(writer: LineWriter) {
    this.#writer = writer;
    this.done = Promise.resolve().then(() => this.#run());
  }

  /** Whether so much waits that whoever sends more isn't waiting for it. */
  isOver(maxBufferedBytes: number): boolean {
    return this.byteLength > maxBufferedBytes || this.#waiting.length >= MAX_WAITING;
  }

  /** @returns when it was sent. */
  addWhole(message: WholeMessage, compress: boolean | undefined, byteLength: number): Promise<void> {
    this.byteLength += byteLength;
    return new Promise((resolve) => this.#waiting.push({ message, compress, byteLength, resolve }));
  }

  add(message: OutgoingMessage): void {
    this.#waiting.push(message);
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if ('message' in next) {
        this.byteLength -= next.byteLength;
        next.resolve(this.#writer.sendNow(next.message, next.compress));
        continue;
      }
      this.#current = next;
      await next.run(this.#writer);
    }
    this.#writer.leaveLine();
  }

  /** The connection is closing: nothing more is sent. */
  stop(error: Error): void {
    this.#current?.stop(error);
    for (const waiting of this.#waiting) if (!('message' in waiting)) waiting.stop(error);
  }
}
