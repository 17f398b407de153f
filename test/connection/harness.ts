// Opens connections on streams in memory, speaks for their peer in hexadecimal, and tells what they sent.
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { Connection, type OpeningRequest } from '../../src/connection/connection.js';
import type { Connections } from '../../src/connection/connections.js';
import { SilenceTimer, type Watched } from '../../src/stream/silence-timer.js';
import { resolveLimits, type ConnectionOptions } from '../../src/connection/limits.js';
import { HeaderFields } from '../../src/http/fields.js';
import type { Close } from '../../src/errors.js';
import type { Message } from '../../src/connection/assembler.js';
import type { Role } from '../../src/frame/opcode.js';
import type { DeflateAgreement } from '../../src/handshake/deflate.js';
import { hex } from '../support/codec/cuts.js';
import { FakeStream } from '../support/peers/fake-stream.js';
import { decodeNaive, encodeNaive } from '../support/codec/naive-codec.js';
import { SAMPLE_MASKING_KEY } from '../support/peers/raw-client.js';

export const roles: readonly Role[] = ['server', 'client'];

export const request: OpeningRequest = {
  path: '/echo/',
  query: new URLSearchParams('message=hello'),
  params: {},
  headers: new HeaderFields('\r\n', 0),
  remoteAddress: '192.0.2.1',
};

/** How a test's connection differs from a server's with the default limits and no keep-alive. */
export interface OpenOptions {
  readonly role?: Role;
  readonly limits?: ConnectionOptions;
  readonly keepAlive?: SilenceTimer;
  /** What was agreed on; messages of at least 100 bytes are compressed then, unless the limits say otherwise. */
  readonly deflate?: DeflateAgreement | null;
  /** What arrived behind the 101. */
  readonly firstBytes?: Buffer;
  readonly stream?: FakeStream;
  /** Whether the stream is done with what it has written; `false` if absent. */
  readonly isSocket?: boolean;
  /** Those of a server. */
  readonly connections?: Connections;
}

/** Stands in for the keep-alive timer, and checks when the test says so. */
class Watch extends SilenceTimer {
  watched: Watched | null = null;

  constructor() {
    super(0);
  }

  override add(watched: Watched): void {
    this.watched = watched;
  }
}

const connections = new Set<Connection>();

/** For `after.each`: cuts the connections of a test, so that none of their timers outlives it. */
export async function terminateAll(): Promise<void> {
  for (const connection of connections) {
    connection.terminate();
    await connection.closed;
  }
  connections.clear();
}

/** A connection on a stream in memory, and its peer. */
export class Opened {
  readonly role: Role;
  readonly stream: FakeStream;
  readonly connection: Connection;
  readonly #watch = new Watch();

  constructor(options: OpenOptions) {
    const { role = 'server', limits = {}, stream = new FakeStream(), deflate = null, isSocket = false } = options;
    const { keepAlive = this.#watch, firstBytes = Buffer.alloc(0), connections: all } = options;
    this.role = role;
    this.stream = stream;
    this.connection = new Connection(stream, {
      role,
      request,
      subprotocol: '',
      extensions: '',
      deflate,
      limits: resolveLimits({ deflate: deflate !== null && { threshold: 100 }, ...limits }),
      keepAlive,
      isSocket,
      firstBytes,
      ...(all && { connections: all }),
    });
    connections.add(this.connection);
  }

  /** One check of the keep-alive timer. */
  checkLife(): void {
    this.#watch.watched!.checkLife();
  }

  /** The peer's frames arrive, given in hexadecimal as they are without a mask. */
  async receive(frames: string): Promise<void> {
    this.stream.receive(peerBytes(this.role, frames));
    await nextTurn();
  }

  /** The peer ends its half of the stream. */
  async receiveEnd(): Promise<void> {
    this.stream.receiveEnd();
    await nextTurn();
  }

  async reset(): Promise<void> {
    this.stream.reset();
    await nextTurn();
  }

  /** Asserts all bytes that have left so far, given in hexadecimal as they are without a mask. */
  async assertSent(frames: string): Promise<void> {
    await nextTurn();
    assert.is(unmask(this.role, this.stream.written), hex(frames).toString('hex'));
  }
}

export function open(options: OpenOptions = {}): Opened {
  return new Opened(options);
}

/** Frames in hexadecimal as the peer of an endpoint of that role sends them: a client masks them (§5.1). */
export function peerBytes(role: Role, frames: string): Buffer {
  const bytes = hex(frames);
  if (role === 'client') return bytes;
  const { frames: decoded, rest } = decodeNaive(bytes);
  assert.is(rest.length, 0, 'the test gives half a frame');
  return Buffer.concat(decoded.map((frame) => encodeNaive({ ...frame, maskingKey: SAMPLE_MASKING_KEY })));
}

/** Text frames without a mask, in hexadecimal. */
export function textFrames(...texts: string[]): string {
  return texts.map((text) => encodeNaive({ opcode: 1, payload: Buffer.from(text) }).toString('hex')).join('');
}

/** Close frames without a mask, in hexadecimal: 1000 without a reason, 1001 with the reason `bye` and without. */
export const CLOSE_1000 = '88 02 03e8';
export const CLOSE_1001_BYE = '88 05 03e9 627965';
export const CLOSE_1001 = '88 02 03e9';

type ErrorClass = new (...parameters: never[]) => Error;

/** How a connection ends to which no Close frame came. */
export const ABNORMAL: Close = { code: 1006, reason: '', wasClean: false };

/** Waits for the end of the connection and asserts how it ended; `error` is one error, or a class of them. */
export async function assertClosed({ connection }: Opened, expected: Close, kind?: ErrorClass): Promise<void> {
  const { error, ...close } = await connection.closed;
  const { error: expectedError, ...expectedClose } = expected;
  assert.equal(close, expectedClose);
  if (kind) assert.instance(error, kind);
  else assert.is(error, expectedError);
}

/** All messages until the end of the connection. */
export async function collect(connection: Connection): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of connection) messages.push(message);
  return messages;
}

/** Different texts. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `message ${number}`);
}

/** What an endpoint of that role sent, in hexadecimal; a client's must be masked, and is given without the mask. */
export function unmask(role: Role, bytes: Buffer): string {
  if (role === 'server') return bytes.toString('hex');
  const { frames, rest } = decodeNaive(bytes);
  assert.is(rest.length, 0, 'half a frame was sent');
  const unmasked = frames.map((frame) => {
    assert.ok(frame.maskingKey !== null, 'a client sent a frame without a mask');
    assert.not(frame.rsv2 || frame.rsv3);
    return encodeNaive({ ...frame, maskingKey: undefined });
  });
  const joined = Buffer.concat(unmasked);
  assert.is(bytes.length, joined.length + 4 * frames.length, 'a length was not written in its minimal form');
  return joined.toString('hex');
}

/** A stream that is full with 100 bytes on their way to the kernel. */
export function smallStream(): FakeStream {
  return new FakeStream({ writableHighWaterMark: 100 });
}

/** What the promise rejects with; fails if it fulfils. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was fulfilled');
}

/** Whether the promise is unsettled after all that is due now was done. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const later = nextTurn().then(() => nextTurn()).then(() => true);
  return await Promise.race([promise.then(() => false, () => false), later]);
}

/** All that is due now is done. */
export { nextTurn };

/** How many timers keep the process alive. */
export function countTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

/** What is reported as an unhandled rejection while the body runs and one turn longer. */
export async function unhandledRejections(body: () => void | Promise<void>): Promise<unknown[]> {
  const reported: unknown[] = [];
  const report = (reason: unknown): void => void reported.push(reason);
  process.on('unhandledRejection', report);
  try {
    await body();
    await nextTurn();
    await nextTurn();
  } finally {
    process.off('unhandledRejection', report);
  }
  return reported;
}
