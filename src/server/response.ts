// Writes a response to a socket, no faster than the client reads it (RFC 9112 §6.3, §7.1).
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { whenAborted } from '../connection/wait-limits.js';
import { serializeResponseHead } from '../http/serialize.js';
import type { Response } from './reply.js';

/** Progress within a write can't be seen: during a long one, a client would seem to have stopped reading. */
const PIECE_BYTES = 65_536;

const NOTHING = Buffer.alloc(0);

export interface ResponseOptions {
  /** Whether the request was a HEAD: then only the head is sent (RFC 9110 §9.3.2). */
  readonly isHead: boolean;
  /** Whether the client understands chunks; else the end of the connection ends the body. */
  readonly isChunked: boolean;
  /** Whether the connection ends after this response. */
  readonly isLast: boolean;
  /** Milliseconds without the client reading on, after which it is cut off. */
  readonly stallTimeout: number;
  /** Aborted when the client has gone; only looked at for a streamed body. */
  readonly client: { readonly signal: AbortSignal };
}

/**
 * Writes all of the response.
 * @returns when the client has read it, but for what fits into the socket's buffer, or has gone.
 * @throws what the body's iterator throws, unless the client has gone, or TypeError if it yields anything other than
 *   text or bytes.
 */
export async function writeResponse(socket: Socket, response: Response, options: ResponseOptions): Promise<void> {
  const { body } = response;
  // Its error reaches us when it is asked for a chunk; without a listener one before that would end the process.
  if (body instanceof Readable) body.on('error', () => {});
  const head = serializeResponseHead(response.status, [
    ['Date', currentDate()],
    ...response.headers,
    ...framing(body, options),
  ]);
  const bytes = body instanceof Uint8Array && !options.isHead ? body : NOTHING;
  await write(socket, head, bytes, '', options.stallTimeout);
  if (body === null || body instanceof Uint8Array) return;
  await writeStream(socket, body, options);
}

function* framing(body: Response['body'], { isChunked, isLast }: ResponseOptions): Generator<[string, string]> {
  if (body instanceof Uint8Array) yield ['Content-Length', String(body.length)];
  else if (body !== null && isChunked) yield ['Transfer-Encoding', 'chunked'];
  if (isLast) yield ['Connection', 'close'];
}

async function writeStream(
  socket: Socket,
  body: AsyncIterable<string | Uint8Array>,
  { isHead, isChunked, stallTimeout, client }: ResponseOptions,
): Promise<void> {
  const gone = client.signal;
  const iterator = body[Symbol.asyncIterator]();
  // Otherwise a body that nobody reads would keep open what it has opened.
  const stop = (): void => endBody(body, iterator);
  if (isHead || gone.aborted) {
    stop();
    return;
  }
  const ignore = whenAborted(gone, stop);
  try {
    for (;;) {
      const { done, value } = await iterator.next();
      if (gone.aborted) return;
      if (done) break;
      const bytes = toBytes(value, stop);
      // §7.1: a chunk of no bytes would end the body.
      if (bytes.length === 0) continue;
      const [before, after] = isChunked ? [`${bytes.length.toString(16)}\r\n`, '\r\n'] : ['', ''];
      await write(socket, before, bytes, after, stallTimeout);
    }
    if (isChunked) socket.write('0\r\n\r\n');
  } catch (error) {
    // A body that was stopped may fail by it.
    if (!gone.aborted) throw error;
  } finally {
    ignore();
  }
}

/** Ends a streamed body that nobody reads any more. */
export function endBody(body: AsyncIterable<unknown>, iterator = body[Symbol.asyncIterator]()): void {
  // A Readable's iterator ends it only once the chunk that was asked for has come.
  if (body instanceof Readable) body.destroy();
  else void Promise.resolve(iterator.return?.()).catch(() => {});
}

function toBytes(value: string | Uint8Array, stop: () => void): Uint8Array {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    stop();
    throw new TypeError(`a streamed body yields text or bytes, not ${typeof value}`);
  }
  return typeof value === 'string' ? Buffer.from(value) : value;
}

/** Writes bytes amid text, no faster than the client reads; each piece of them has a time of its own to be read in. */
async function write(
  socket: Socket,
  before: string,
  bytes: Uint8Array,
  after: string,
  stallTimeout: number,
): Promise<void> {
  let start = 0;
  do {
    const end = start + PIECE_BYTES;
    const parts = [start === 0 ? before : '', bytes.subarray(start, end), end >= bytes.length ? after : ''];
    socket.cork();
    for (const part of parts) if (part.length > 0) socket.write(part, 'latin1');
    socket.uncork();
    await drained(socket, stallTimeout);
    start = end;
  } while (start < bytes.length && !socket.destroyed);
}

/**
 * Waits until the socket takes more, or is closed; a client that stops reading meanwhile is cut off. The timer is
 * our own: on Bun, a socket's stands still while bytes wait in it.
 */
async function drained(socket: Socket, stallTimeout: number): Promise<void> {
  if (!socket.writableNeedDrain) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => socket.destroy(), stallTimeout);
    const settle = (): void => {
      clearTimeout(timer);
      socket.off('drain', settle).off('close', settle);
      resolve();
    };
    socket.on('drain', settle).on('close', settle);
  });
}

let date = '';
let dateSecond = 0;

/** The time for `Date` (RFC 9110 §6.6.1), written anew once a second. */
function currentDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = new Date(second * 1000).toUTCString();
  }
  return date;
}
