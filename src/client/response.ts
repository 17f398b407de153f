// Reads what a server or proxy answers: the head, and of a refusal a bounded part of its body.
import type { Socket } from 'node:net';
import { whenAborted } from '../connection/wait-limits.js';
import { HandshakeError, type HttpError } from '../errors.js';
import { BodyDecoder } from '../http/body.js';
import { ResponseHeadParser, type ResponseHead } from '../http/response-head.js';

/** Enough for the page that explains a refusal. */
const MAX_BODY_BYTES = 65_536;

type Listeners = Record<string, (...values: never[]) => void>;

/**
 * Waits for something to happen on a socket. If an error, the end or the signal comes first, the socket is destroyed.
 * @param listen gives the listeners by event, one of which resolves or rejects.
 */
export function waitFor<T>(
  socket: Socket,
  signal: AbortSignal,
  listen: (resolve: (value: T) => void, reject: (error: unknown) => void) => Listeners,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener as () => void);
      ignore();
    };
    const fail = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const abort = (): void => fail(signal.reason);
    const lose = (): void => {
      fail(new HandshakeError('CONNECTION_LOST', 0, 'the connection ended before the answer', { body: '' }));
    };
    const listeners: Listeners = {
      error: fail,
      end: lose,
      close: lose,
      ...listen((value) => (settle(), resolve(value)), fail),
    };
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener as () => void);
    const ignore = whenAborted(signal, abort);
    if (signal.aborted) abort();
    else if (socket.destroyed && socket.errored) fail(socket.errored);
    else if (socket.destroyed) lose();
  });
}

export interface ReceivedResponse {
  readonly head: ResponseHead;
  /** What has arrived behind the head. */
  readonly rest: Buffer;
}

/**
 * Reads the head of the next final response.
 * @returns it and the bytes behind it; the socket is paused.
 * @throws HandshakeError for bytes that are no HTTP/1.1 response.
 */
export async function receiveResponse(socket: Socket, signal: AbortSignal): Promise<ReceivedResponse> {
  const parser = new ResponseHeadParser();
  const received = waitFor<ReceivedResponse>(socket, signal, (resolve, reject) => ({
    data(chunk: Buffer) {
      try {
        let head = parser.push(chunk);
        // RFC 9110 §15.2: a client must be able to read interim responses, "even if the client does not expect one"
        while (head !== null && head.status < 200 && head.status !== 101) head = parser.push(parser.rest);
        if (head === null) return;
        // At once: the stream may hold further chunks, which nobody would hear.
        socket.pause();
        resolve({ head, rest: parser.rest });
      } catch (error) {
        // The parser's status is for a client that is to be answered; here, there was none.
        const { code, message } = error as HttpError;
        reject(new HandshakeError(code, 0, message, { body: '' }));
      }
    },
  }));
  // The answer of a proxy has left it paused.
  socket.resume();
  return received;
}

/** The body of a refusal as text: the first 64 KiB of it, and of a broken one what could be read. */
export async function receiveBody(
  socket: Socket,
  { head, rest }: ReceivedResponse,
  signal: AbortSignal,
): Promise<string> {
  const decoder = new BodyDecoder(head.bodyLength ?? Infinity, Infinity);
  const body = await waitFor<Buffer>(socket, signal, (resolve) => {
    const finish = (): void => resolve(decoder.bytes.subarray(0, MAX_BODY_BYTES));
    const data = (chunk: Buffer): void => {
      try {
        decoder.push(chunk);
      } catch {
        finish();
      }
      if (decoder.isComplete || decoder.bytes.length >= MAX_BODY_BYTES) finish();
    };
    queueMicrotask(() => data(rest));
    socket.resume();
    return { data, end: finish, close: finish, error: finish };
  });
  return body.toString();
}
