// What the fuzzers of whole endpoints share: waiting by turns, delivering pieces, and judging the frames sent back.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isCloseCode } from '../../src/frame/close.js';
import type { Close } from '../../src/errors.js';
import type { Message } from '../../src/connection/assembler.js';
import { Random } from '../frame/random.js';
import type { FakeStream } from '../support/peers/fake-stream.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import { describeError, frameErrors } from './documented.js';
import { inflateLast } from './inflate-oracle.js';
import { assertHolds } from './target.js';

/** Turns of the event loop without any change after which nothing more will happen. */
const QUIET_TURNS = 3;

/** Waits until a number stays the same; it counts what has happened, which the input bounds. */
export async function settle(progress: () => number): Promise<void> {
  for (let quiet = 0, last = -1; quiet < QUIET_TURNS; ) {
    await nextTurn();
    const now = progress();
    quiet = now === last ? quiet + 1 : 0;
    last = now;
  }
}

/** Lets pieces arrive, some in the same turn and some in later ones. */
export async function deliver(stream: FakeStream, pieces: readonly Buffer[], random: Random): Promise<void> {
  for (const piece of pieces) {
    if (stream.destroyed) return;
    stream.receive(piece);
    if (random.chance(0.3)) await nextTurn();
  }
}

/** A generator of its own, for one of several things that go on at the same time. */
export function fork(random: Random): Random {
  return new Random(random.word());
}

/** A message as text. */
export function describeMessage(message: Message): string {
  return typeof message === 'string' ? `text ${message}` : `binary ${message.toString('latin1')}`;
}

/** How the messages of an endpoint may be compressed. */
export type Compression = 'none' | 'alone' | 'with takeover';

/** Tells it from what was agreed on. */
export function compressionOf(role: 'server' | 'client', extensions: string): Compression {
  if (extensions === '') return 'none';
  return extensions.includes(`${role}_no_context_takeover`) ? 'alone' : 'with takeover';
}

/**
 * Checks the frames that an endpoint sent: whole, masked by a client only, with nothing that a peer would refuse or
 * could not inflate, and nothing behind a Close frame.
 * @returns the close code sent; 0 if there was none, 1005 if it was empty
 */
export function checkFrames(bytes: Buffer, isMasked: boolean, compression: Compression): number {
  const { frames, rest } = decodeNaive(bytes);
  assertHolds('whole frames', rest.length === 0, () => `${rest.toString('hex')} behind ${frames.length} frames`);
  let closeCode = 0;
  let context: Buffer[] = [];
  for (const { fin, rsv1, rsv2, rsv3, opcode, payload, maskingKey } of frames) {
    assertHolds('nothing behind a Close frame', closeCode === 0, () => `opcode ${opcode}`);
    const isCompressed = rsv1 && compression !== 'none' && opcode < 0x8;
    const isValid = fin && (!rsv1 || isCompressed) && !rsv2 && !rsv3 && [0x1, 0x2, 0x8, 0x9, 0xa].includes(opcode);
    assertHolds('valid frames', isValid && (opcode < 0x8 || payload.length <= 125), () => `opcode ${opcode}`);
    assertHolds('frames masked by the client only', (maskingKey !== null) === isMasked, () => `opcode ${opcode}`);
    if (isCompressed) {
      context = compression === 'alone' ? [payload] : [...context, payload];
      const message = inflateLast(context)?.bytes ?? null;
      const isShorter = message !== null && message.length > payload.length;
      assertHolds('a compressed message that can be read', isShorter, () => payload.toString('hex'));
    }
    if (opcode !== 0x8) continue;
    closeCode = payload.length === 0 ? 1005 : payload.readUInt16BE();
    assertHolds('a close code to send', payload.length === 0 || isCloseCode(closeCode), () => String(closeCode));
  }
  return closeCode;
}

/** How a connection ended, as text. A reset is the peer's own doing, and told as the error of the socket. */
export function describeClose(close: Close | null): string {
  if (close === null) return 'not closed';
  const { code, reason, wasClean, error } = close;
  return `${code} ${reason} ${wasClean} ${describeCause(error)}`;
}

function describeCause(error: Error | undefined): string {
  if (error === undefined) return '';
  return isReset(error) ? 'ECONNRESET' : describeError(error, frameErrors);
}

export function isReset(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ECONNRESET';
}
