// Fuzzes messages that are read in pieces, in both roles, against the same messages put together.
//
// The invariant: for any bytes, in any cut, with any of the messages read in pieces and the others whole, and with a
// reader that has enough after any number of pieces,
// - the same messages and control frames come out in the same order, and then the same error;
// - no piece is empty, and none of a text has half a character.
import { Pieces } from '../../src/connection/pieces.js';
import type { Message } from '../../src/connection/assembler.js';
import { connectionDefaults } from '../../src/connection/limits.js';
import type { Random } from '../frame/random.js';
import { describeError, frameErrors } from './documented.js';
import { frameCorpus, generateFrames } from './frame-inputs.js';
import { modeOf, Reading, type Mode } from './frames.js';
import { lendCut, lendWhole } from './pieces.js';
import { assertHolds, assertSame, type Target } from './target.js';

class StreamedReading extends Reading {
  readonly #random: Random;
  readonly #limits: typeof connectionDefaults;
  #pieces: Pieces | null = null;
  #content = '';

  constructor(mode: Mode, random: Random) {
    super(mode);
    this.#random = random;
    const maxQueuedMessages = random.chance(0.5) ? 1 : 3;
    this.#limits = { ...connectionDefaults, maxMessageBytes: mode.maxMessageBytes, maxQueuedMessages };
  }

  override readonly takeSink = (): Pieces | null => {
    this.#drain();
    return (this.#pieces = this.#random.chance(0.7) ? new Pieces(this.#limits) : null);
  };

  override put(message: Message, byteLength: number): void {
    this.#drain();
    super.put(message, byteLength);
  }

  override receiveControl(opcode: number, payload: Buffer): void {
    this.#drain();
    super.receiveControl(opcode, payload);
  }

  override feed(piece: Buffer): boolean {
    try {
      for (let rest = piece; rest.length > 0; ) {
        const taken = this.decoder.decode(rest);
        this.#drain();
        rest = rest.subarray(taken);
      }
    } catch (error) {
      this.#drain();
      this.failure = describeError(error, frameErrors);
    }
    return this.canGoOn;
  }

  /** Reads what there is, and tells of the message once it has ended. */
  #drain(): void {
    const pieces = this.#pieces;
    if (pieces === null) return;
    for (let piece = pieces.queue.take(); piece !== null; piece = pieces.queue.take()) {
      const text = typeof piece === 'string' ? piece : '';
      assertHolds('no piece is empty', piece.length > 0, () => 'one is');
      assertHolds('whole characters', !/[\udc00-\udfff]/.test(text[0] ?? ''), () => text);
      assertHolds('whole characters', !/[\ud800-\udbff]/.test(text.at(-1) ?? ''), () => text);
      this.#content += typeof piece === 'string' ? piece : piece.toString('latin1');
    }
    if (!pieces.isEnded) return;
    this.events.push(`${pieces.isText ? 'text' : 'binary'} ${this.#content}`);
    this.#pieces = null;
    this.#content = '';
  }
}

function check(input: Buffer, random: Random): void {
  const mode = { ...modeOf(input), deflate: null };
  const bytes = input.subarray(1);
  const whole = new Reading(mode);
  lendWhole(bytes, (piece) => whole.feed(piece));
  const streamed = new StreamedReading(mode, random);
  lendCut(bytes, random, (piece) => streamed.feed(piece));
  assertSame('the same messages in pieces', streamed.describe(), whole.describe());
}

export const streamed: Target = {
  name: 'streamed',
  concurrency: 256,
  obstacle: null,
  corpus: frameCorpus,
  generate: generateFrames,
  check,
};
