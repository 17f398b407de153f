// A byte stream in memory that stands in for a socket, counts what reaches the "kernel", and can refuse to take more.
import { Duplex, type DuplexOptions } from 'node:stream';

type Done = (error?: Error | null) => void;

/** Two streams of which each receives what the other writes. Bytes arrive in a later turn, one chunk per write. */
export function createFakePair(options?: DuplexOptions): [FakeStream, FakeStream] {
  const left = new FakeStream(options);
  const right = new FakeStream(options);
  left.link(right);
  right.link(left);
  return [left, right];
}

/**
 * One stream. Alone it is driven by `receive`, `receiveEnd` and `reset`, and what it writes is only kept; in a pair the
 * other stream drives it, and stops taking its bytes once it has its `highWaterMark` of unread ones.
 * As with `net.Socket`, a write that the kernel takes at once has no part in `writableLength`.
 */
export class FakeStream extends Duplex {
  /** What each call that reached the kernel carried: writes between `cork()` and `uncork()` make one call. */
  readonly writes: Buffer[] = [];
  #far: FakeStream | null = null;
  #isHeld = false;
  /** The call that the kernel has not taken yet. */
  #waiting: (() => void) | null = null;
  /** What is on its way to the reader; `null` is the end. */
  #arriving: (Buffer | null)[] = [];
  #arrivingBytes = 0;
  #isEndComing = false;
  /** Whether the reader has asked for more since it had enough. */
  #isHungry = true;

  constructor(options: DuplexOptions = {}) {
    // Node 22 has raised the default from 16 to 64 KiB; the tests count on one of them.
    super({ readableHighWaterMark: 16_384, writableHighWaterMark: 16_384, ...options });
  }

  link(far: FakeStream): void {
    this.#far = far;
  }

  /** All bytes that reached the kernel. */
  get written(): Buffer {
    return Buffer.concat(this.writes);
  }

  /** The far side stops reading, and the kernel is full: nothing more is taken until `release()`. */
  hold(): void {
    this.#isHeld = true;
  }

  /** The far side reads again. */
  release(): void {
    this.#isHeld = false;
    this.#retry();
  }

  /** Bytes from the far side; `false` if the reader has more unread than it wants. */
  receive(bytes: Uint8Array): boolean {
    return this.push(Buffer.from(bytes));
  }

  /** The far side has ended its direction (FIN). */
  receiveEnd(): void {
    this.push(null);
  }

  /** The far side has cut the connection (RST). */
  reset(): void {
    this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#call([chunk], done);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: Done): void {
    this.#call(chunks.map(({ chunk }) => chunk), done);
  }

  override _final(done: Done): void {
    if (this.#far) this.#far.#arrive(null);
    done();
  }

  override _read(): void {
    this.#isHungry = true;
    if (this.#far) this.#far.#retry();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#waiting = null;
    if (this.#far) this.#far.#arrive(null);
    done(error);
  }

  #call(chunks: Buffer[], done: Done): void {
    this.#waiting = () => {
      // Copied only now, as the kernel does: memory that is reused before its bytes are taken is found out.
      const bytes = Buffer.concat(chunks);
      this.writes.push(bytes);
      if (this.#far) this.#far.#arrive(bytes);
      done();
    };
    this.#retry();
  }

  #retry(): void {
    if (this.#isHeld || (this.#far && this.#far.#isFull())) return;
    const call = this.#waiting;
    this.#waiting = null;
    call?.();
  }

  #isFull(): boolean {
    return !this.#isHungry || this.#arrivingBytes >= this.readableHighWaterMark;
  }

  #arrive(bytes: Buffer | null): void {
    if (this.#isEndComing) return;
    this.#isEndComing = bytes === null;
    this.#arriving.push(bytes);
    this.#arrivingBytes += bytes?.length ?? 0;
    if (this.#arriving.length === 1) setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    const arrived = this.#arriving;
    this.#arriving = [];
    this.#arrivingBytes = 0;
    for (const bytes of arrived) {
      if (!this.destroyed) this.#isHungry = this.push(bytes);
    }
  }
}
