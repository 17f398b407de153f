// Keeps a failed write from ending a stream before what has arrived on it was read.
import type { Duplex } from 'node:stream';

/** Milliseconds after a failed write for reading what the peer has sent before it went. */
const READING_TIME = 2000;

type Done = (error?: Error | null) => void;
type Write = (this: Duplex, chunk: unknown, encoding: BufferEncoding, done: Done) => void;
type Writev = (this: Duplex, chunks: unknown[], done: Done) => void;

interface Methods {
  _write: Write;
  _writev?: Writev | null;
}

/**
 * Makes the stream read on after a write that failed because the peer has gone: until the end of what it has sent, 2 s
 * at most. Node destroys it at once: a peer that takes half of a message, says in a Close frame why not the rest, and
 * ends, would not be heard. A stream that was made with methods of its own, not of its class, is left as it is.
 */
export function holdWriteErrors(stream: Duplex): void {
  const methods = stream as Duplex & Methods;
  if (Object.hasOwn(methods, '_write') || Object.hasOwn(methods, '_writev')) return;
  if (methods._writev) methods._writev = writev;
  methods._write = write;
}

const write: Write = function (chunk, encoding, done) {
  methodsOf(this)._write.call(this, chunk, encoding, held(this, done));
};

const writev: Writev = function (chunks, done) {
  methodsOf(this)._writev!.call(this, chunks, held(this, done));
};

/** The stream's own methods, which are its class's. */
function methodsOf(stream: Duplex): Methods {
  return Object.getPrototypeOf(stream) as Methods;
}

function held(stream: Duplex, done: Done): Done {
  return (error) => {
    if (!error || !isPeerGone(error) || stream.readableEnded || stream.destroyed) done(error);
    else hold(stream, () => done(error));
  };
}

function isPeerGone({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'ECONNRESET';
}

function hold(stream: Duplex, release: () => void): void {
  const settle = (): void => {
    clearTimeout(timer);
    stream.off('end', settle).off('close', settle);
    release();
  };
  const timer = setTimeout(settle, READING_TIME);
  stream.on('end', settle).on('close', settle);
}
