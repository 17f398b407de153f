// Lets all sockets read into one piece of memory, where the runtime has a way to.
import type { Duplex } from 'node:stream';
import { allotMaskable } from '../frame/mask-memory.js';

/** Four times what Node reads at once otherwise: an echo of 1 MiB gains by it, small ones lose nothing (bench echo). */
const READ_BYTES = 262_144;
const readBuffer = allotMaskable(READ_BYTES);

/** The handle of a socket of Node's. */
interface Handle {
  useUserBuffer?(buffer: Uint8Array): void;
  /** Called for each read, with new memory that holds the bytes, or with none if they are where they were wanted. */
  onread?(memory: ArrayBuffer | undefined): unknown;
}

/** Where sockets keep what `net.connect` takes as `onread`: memory, or a function that gives it; and a callback. */
interface OnRead {
  readonly buffer: symbol;
  readonly generator: symbol;
  readonly callback: symbol;
}
let onRead: OnRead | null = null;

type InnerSocket = Duplex & { _handle?: Handle | null; [onRead: symbol]: unknown };

/**
 * Whether handles of a kind, by their prototype (TCP, Unix sockets, TLS), have been seen to read into memory of ours;
 * nothing, until one has read. A list of versions would be wrong for the next one, and this tells what is true.
 */
const kinds = new Map<unknown, boolean>();

/**
 * Makes the chunks of a socket (its `'data'`) lie in memory that all of them share: a listener must be done with a
 * chunk when it returns, and keep copies only. New memory for each read would be a tenth of the cost of a small echo, a
 * quarter at 16 KiB (bench echo). Node documents this, as `onread`, for sockets that connect, and has no door to it for
 * those that were accepted. A stream that can't do it is left as it is.
 * @param stream must hold nothing that it has read.
 */
export function shareReadBuffer(stream: Duplex): void {
  const socket = stream as InnerSocket;
  const handle = socket._handle;
  if (stream.readableLength > 0 || typeof handle?.useUserBuffer !== 'function') return;
  onRead ??= findOnRead(socket);
  /* c8 ignore next -- versions of Node that keep it elsewhere, and sockets with an `onread` of their own */
  if (onRead === null || socket[onRead.buffer] !== null || socket[onRead.callback] !== null) return;
  const kind: unknown = Object.getPrototypeOf(handle);
  const isSure = kinds.get(kind);
  if (isSure === undefined) return tryOut(socket, handle, onRead, kind);
  if (!isSure) return;
  socket[onRead.buffer] = readBuffer;
  socket[onRead.callback] = emitChunk;
  handle.useUserBuffer(readBuffer);
}

/**
 * Asks a handle to read into our memory, and looks at each read whether it has done so, until it has: it then comes
 * with no other memory. Only such a read is taken from ours, so that no byte can be lost if the handle does not.
 */
function tryOut(socket: InnerSocket, handle: Handle, { buffer, callback }: OnRead, kind: unknown): void {
  const { onread } = handle;
  // Deno calls a function that it keeps elsewhere: there, nothing could be seen.
  if (onread === undefined || Object.hasOwn(handle, 'onread')) return;
  handle.onread = (memory) => {
    const isOurs = memory === undefined;
    if (!isOurs) kinds.set(kind, false);
    socket[buffer] = isOurs ? readBuffer : null;
    socket[callback] = isOurs ? takeFirst : null;
    return onread.call(handle, memory);
  };
  const takeFirst = (length: number): void => {
    kinds.set(kind, true);
    handle.onread = onread;
    socket[callback] = emitChunk;
    emitChunk.call(socket, length, readBuffer);
  };
  handle.useUserBuffer!(readBuffer);
}

/** The chunk that was read last: reads are often of the same length, and a view costs more than to compare it. */
let chunk: Buffer = readBuffer;

/** Memory for the next read of the socket that asks for it; none if it stays the same. */
let nextMemory: Buffer | undefined;

/** What was last asked for, and for which stream. */
let wanted: Buffer | null = null;
let wantedFor: Duplex | null = null;

/** Node calls it as a method of the socket that has read, and asks for the next memory right after. */
function emitChunk(this: InnerSocket, length: number, memory: Buffer): void {
  const isShared = memory === readBuffer;
  wanted = wantedFor = null;
  if (isShared && length !== chunk.length) chunk = readBuffer.subarray(0, length);
  this.emit('data', isShared ? chunk : memory.subarray(0, length));
  if ((wantedFor as Duplex | null) === this) {
    nextMemory = wanted!;
    if (isShared) this[onRead!.generator] = takeNextMemory;
  } else {
    nextMemory = isShared ? undefined : readBuffer;
  }
}

function takeNextMemory(): Buffer | undefined {
  return nextMemory;
}

/**
 * Makes the next read of a stream fill `memory` instead of the shared one, if it shares that: what is read then need
 * not be copied. It is for one read, and does nothing unless a chunk of that very stream is being heard: what hears it
 * may feed, or open, another connection meanwhile.
 */
export function readNextInto(stream: Duplex, memory: Buffer): void {
  wanted = memory;
  wantedFor = stream;
}

function findOnRead(socket: Duplex): OnRead | null {
  const symbols = Object.getOwnPropertySymbols(socket);
  const find = (name: string): symbol | undefined => symbols.find(({ description }) => description === name);
  const [buffer, generator, callback] = ['kBuffer', 'kBufferGen', 'kBufferCb'].map(find);
  /* c8 ignore next -- likewise */
  return buffer && generator && callback ? { buffer, generator, callback } : null;
}
