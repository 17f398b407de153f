// Lets all sockets read into one piece of memory, where the runtime has a way to.
import type { Duplex } from 'node:stream';

/** Four times what Node reads at once otherwise: that saves 15 % of an echo of 1 MiB, and costs small ones nothing. */
const READ_BYTES = 262_144;
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** The versions of Node whose internals were looked at; others, and other runtimes, allocate. */
const [LOWEST_MAJOR, HIGHEST_MAJOR] = [20, 24];

/** The handle of a socket of Node's. */
interface Handle {
  useUserBuffer?(buffer: Uint8Array): void;
}

/** Where sockets keep what `net.connect` takes as `onread`. */
interface OnRead {
  readonly buffer: symbol;
  readonly callback: symbol;
}
let onRead: OnRead | null = null;

/**
 * Makes the chunks of a socket (its `'data'`) lie in memory that all of them share: a listener must be done with a
 * chunk when it returns, and keep copies only. A fresh buffer for each read would be a tenth of the cost of a small
 * echo, a quarter at 16 KiB (bench echo). Node documents this, as `onread`, for sockets that connect, and has no door
 * to it for those that were accepted. A stream that can't do it is left as it is.
 * @param stream nothing that it has read may wait in it.
 */
export function shareReadBuffer(stream: Duplex): void {
  if (!isKnownRuntime || stream.readableLength > 0) return;
  const socket = stream as Duplex & { _handle?: Handle | null; [onRead: symbol]: unknown };
  const handle = socket._handle;
  if (typeof handle?.useUserBuffer !== 'function') return;
  onRead ??= findOnRead(socket);
  /* c8 ignore next -- versions of Node that keep it elsewhere, and sockets with an `onread` of their own */
  if (onRead === null || socket[onRead.buffer] !== null || socket[onRead.callback] !== null) return;
  socket[onRead.buffer] = readBuffer;
  socket[onRead.callback] = emitChunk;
  handle.useUserBuffer(readBuffer);
}

/** The chunk that was read last: reads are often of the same length, and a view costs more than to compare it. */
let chunk: Buffer = readBuffer;

/** Node calls it as a method of the socket that has read. */
function emitChunk(this: Duplex, length: number): void {
  if (length !== chunk.length) chunk = readBuffer.subarray(0, length);
  this.emit('data', chunk);
}

const isKnownRuntime = isKnown(process.versions);

/** Deno has a `useUserBuffer` that does nothing. */
function isKnown(versions: NodeJS.ProcessVersions): boolean {
  const major = parseInt(versions.node, 10);
  return !('bun' in versions || 'deno' in versions) && major >= LOWEST_MAJOR && major <= HIGHEST_MAJOR;
}

function findOnRead(socket: Duplex): OnRead | null {
  const symbols = Object.getOwnPropertySymbols(socket);
  const [buffer, callback] = ['kBuffer', 'kBufferCb'].map((name) => symbols.find((each) => each.description === name));
  /* c8 ignore next -- likewise */
  return buffer && callback ? { buffer, callback } : null;
}
