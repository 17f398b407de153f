// Reads the answer of a server or proxy: its head, and a bounded part of a refusal's body.
import type { Duplex } from 'node:stream';
import { HandshakeError, type HttpError } from '../errors.js';
import { BodyDecoder } from '../http/body.js';
import { ResponseHeadParser, type ResponseHead } from '../http/response-head.js';
import { cut } from '../stream/cut.js';
import { whenAborted } from './wait-limits.js';

/** Enough for a page that explains a refusal. */
const MAX_BODY_BYTES = 65_536;

type Listeners = Record<string, (...values: never[]) => void>;

/**
 * Waits for something to happen on a stream. If an error, the end or the signal comes first, the stream is cut.
 * @param listen returns the listeners by event; one of them resolves or rejects.
 */
export function waitFor<T>(
  stream: Duplex,
  signal: AbortSignal,
  listen: (resolve: (value: T) => void, reject: (error: unknown) => void) => Listeners,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      for (const [event, listener] of Object.entries(listeners)) stream.off(event, listener as () => void);
      ignore();
    };
    const fail = (error: unknown): void => {
      settle();
      cut(stream);
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
    for (const [event, listener] of Object.entries(listeners)) stream.on(event, listener as () => void);
    const ignore = whenAborted(signal, abort);
    if (signal.aborted) abort();
    else if (stream.destroyed && stream.errored) fail(stream.errored);
    else if (stream.destroyed) lose();
  });
}

export interface ReceivedResponse {
  readonly head: ResponseHead;
  /** The bytes that arrived after the head. */
  readonly rest: Buffer;
}

/**
 * Reads the head of the next final response.
 * @returns the head and the bytes after it; the stream is paused.
 * @throws HandshakeError for bytes that are not an HTTP/1.1 response.
 */
export async function receiveResponse(stream: Duplex, signal: AbortSignal): Promise<ReceivedResponse> {
  const parser = new ResponseHeadParser();
  const received = waitFor<ReceivedResponse>(stream, signal, (resolve, reject) => ({
    data(chunk: Buffer) {
      try {
        let head = parser.push(chunk);
        // RFC 9110 §15.2: a client must be able to read interim responses, "even if the client does not expect one"
        while (head !== null && head.status < 200 && head.status !== 101) head = parser.push(parser.rest);
        if (head === null) return;
        // Pause at once: the stream may hold more chunks, and nobody would listen.
        stream.pause();
        resolve({ head, rest: parser.rest });
      } catch (error) {
        // The parser's status is meant for answering a client; a client itself received none.
        const { code, message } = error as HttpError;
        reject(new HandshakeError(code, 0, message, { body: '' }));
      }
    },
  }));
  // Reading a proxy's answer has left it paused.
  stream.resume();
  return received;
}

/** The body of a refusal as text: its first 64 KiB, or what could be read of a broken one. */
export async function receiveBody(
  stream: Duplex,
  { head, rest }: ReceivedResponse,
  signal: AbortSignal,
): Promise<string> {
  const decoder = new BodyDecoder(head.bodyLength ?? Infinity, Infinity);
  const body = await waitFor<Buffer>(stream, signal, (resolve) => {
    const finish = (): void => resolve(decoder.bytes.subarray(0, MAX_BODY_BYTES));
    const data = (chunk: Buffer): void => {
      try {
        decoder.push(chunk);
      } catch {
        finish();
      }
      if (decoder.isComplete || decoder.bytes.length >= MAX_BODY_BYTES) finish();
    };
    queueMicrotask(() => {
      data(rest);
      if (stream.readableEnded) finish();
    });
    stream.resume();
    return { data, end: finish, close: finish, error: finish };
  });
  return body.toString();
}
