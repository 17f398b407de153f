// Two streams in memory of which each receives what the other writes, as two sockets that are connected.
import { Duplex } from 'node:stream';

type Done = (error?: Error | null) => void;

/** @returns two streams; what one writes arrives at the other in a later turn, as on a socket. */
export function memoryPair(): [Duplex, Duplex] {
  const near = new MemoryStream();
  const far = new MemoryStream();
  near.connect(far);
  far.connect(near);
  return [near, far];
}

/** Counts its bytes as a socket does. */
class MemoryStream extends Duplex {
  bytesRead = 0;
  bytesWritten = 0;
  #far!: MemoryStream;
  /** Tells the far stream that what it has written was read. */
  #taken: Done | null = null;

  connect(far: MemoryStream): void {
    this.#far = far;
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = null;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.bytesWritten += chunk.length;
    setImmediate(() => this.#far.#receive(chunk, done));
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done);
  }

  override _final(done: Done): void {
    setImmediate(() => this.#far.push(null));
    done();
  }

  /** The far stream reads what is on its way to it, and then the end. */
  override _destroy(error: Error | null, done: Done): void {
    setImmediate(() => this.#far.push(null));
    this._read();
    done(error);
  }

  #receive(chunk: Buffer, done: Done): void {
    this.#taken = done;
    this.bytesRead += chunk.length;
    // Nobody reads what arrives at a stream that is gone.
    if (this.destroyed || this.push(chunk)) this._read();
  }
}
