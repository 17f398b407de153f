// Fuzzes compressed messages that are read while they arrive, in both roles, against the same messages read whole.
//
// The invariant: for any bytes, in any cut, with messages that are read in pieces, whole, or left after some pieces,
// - the same messages come out in the same order, and the same pings are answered;
// - if the one connection fails, so does the other; which of two violations is found first may differ, and one within a
//   message that never ends is found only where it is read in pieces;
// - no piece is empty, and none of a text has half a character.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Connection } from '../../src/connection/connection.js';
import { resolveLimits, type ConnectionOptions } from '../../src/connection/limits.js';
import type { StreamedMessage } from '../../src/connection/streamed-message.js';
import { ProtocolError } from '../../src/errors.js';
import { HeaderFields } from '../../src/http/fields.js';
import { SilenceTimer } from '../../src/stream/silence-timer.js';
import type { Random } from '../frame/random.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import { FakeStream } from '../support/peers/fake-stream.js';
import { deliver, describeMessage, fork } from './conversation.js';
import { frameCorpus } from './frame-inputs.js';
import { modeOf, type Mode } from './frames.js';
import { copyCut } from './pieces.js';
import { compressing, generateDeflating } from './receiver-deflate.js';
import { assertHolds, assertSame, type Target } from './target.js';

const request = {
  path: '/', query: new URLSearchParams(), params: {}, headers: new HeaderFields('\r\n', 0), remoteAddress: '',
};
const keepAlive = new SilenceTimer(0);

/** What came of the bytes. */
interface Outcome {
  readonly messages: string[];
  /** How many pings were answered. */
  readonly pongs: number;
  /** The code of the violation; empty if there was none. */
  readonly failure: string;
}

/** A message that its reader has left. */
const LEFT = 'left';

function open({ role, deflate }: Mode, options: ConnectionOptions): { stream: FakeStream; connection: Connection } {
  const stream = new FakeStream();
  const agreement = { outgoing: deflate!, incoming: deflate! };
  const connection = new Connection(stream, {
    role, request, subprotocol: '', extensions: '', deflate: agreement, limits: resolveLimits(options), keepAlive,
    isSocket: false, firstBytes: Buffer.alloc(0),
  });
  return { stream, connection };
}

/** How it ended, with all that its reader got. */
async function conclude(stream: FakeStream, connection: Connection, reading: Promise<string[]>): Promise<Outcome> {
  stream.receiveEnd();
  const messages = await reading;
  const { error } = await connection.closed;
  const pongs = decodeNaive(stream.written).frames.filter(({ opcode }) => opcode === 0xa).length;
  return { messages, pongs, failure: error instanceof ProtocolError ? error.code : '' };
}

async function readWhole(bytes: Buffer, mode: Mode): Promise<Outcome> {
  const { stream, connection } = open(mode, { maxMessageBytes: mode.maxMessageBytes, deflate: true });
  const reading = (async () => {
    const messages: string[] = [];
    for await (const message of connection) messages.push(describeMessage(message));
    return messages;
  })();
  stream.receive(bytes);
  return await conclude(stream, connection, reading);
}

async function readStreamed(bytes: Buffer, mode: Mode, random: Random): Promise<Outcome> {
  const { maxMessageBytes } = mode;
  // One that is longer than maxMessageBytes must not be asked for whole.
  const isAlwaysInPieces = random.chance(0.5);
  const { stream, connection } = open(mode, {
    maxMessageBytes: isAlwaysInPieces ? 10 : maxMessageBytes,
    maxStreamedBytes: maxMessageBytes,
    maxQueuedBytes: random.pick([1, 1000, 1 << 20]),
    maxQueuedMessages: random.pick([1, 3, 1000]),
    deflate: true,
  });
  const reading = readAll(connection, isAlwaysInPieces, fork(random));
  await deliver(stream, copyCut(bytes, random), random);
  return await conclude(stream, connection, reading);
}

async function readAll(connection: Connection, isAlwaysInPieces: boolean, random: Random): Promise<string[]> {
  const messages: string[] = [];
  for (;;) {
    // Some are asked for once they have come.
    if (random.chance(0.3)) await nextTurn();
    if (!isAlwaysInPieces && random.chance(0.3)) {
      const whole = await connection.wait();
      if (whole === null) return messages;
      messages.push(describeMessage(whole));
      continue;
    }
    const message = await connection.receive();
    if (message === null) return messages;
    try {
      messages.push(await readOne(message, random));
    } catch {
      return messages;
    }
  }
}

async function readOne(message: StreamedMessage, random: Random): Promise<string> {
  // Text that is left isn't checked to its end.
  let left = message.type === 'binary' && random.chance(0.2) ? random.integer(0, 2) : Infinity;
  let content = '';
  for await (const chunk of message.chunks) {
    if (left-- <= 0) return LEFT;
    if (random.chance(0.1)) await nextTurn();
    assertHolds('no piece is empty', chunk.length > 0, () => 'one is');
    const text = typeof chunk === 'string' ? chunk : '';
    assertHolds('whole characters', !/^[\udc00-\udfff]|[\ud800-\udbff]$/.test(text), () => text);
    content += typeof chunk === 'string' ? chunk : chunk.toString('latin1');
  }
  return `${message.type} ${content}`;
}

async function check(input: Buffer, random: Random): Promise<void> {
  const mode = modeOf(compressing(input));
  const bytes = Buffer.from(input.subarray(1));
  const whole = await readWhole(bytes, mode);
  const streamed = await readStreamed(bytes, mode, random);
  const { messages } = streamed;
  // The last may never have ended.
  if (messages.length === whole.messages.length + 1 && messages.at(-1) === LEFT) messages.pop();
  const known = whole.messages.map((message, index) => (messages[index] === LEFT ? LEFT : message));
  assertSame('the same messages in pieces', messages.join('\n'), known.join('\n'));
  const both = `${streamed.failure} instead of ${whole.failure}`;
  assertHolds('it fails as well', whole.failure === '' || streamed.failure !== '', () => both);
  if (whole.failure !== '' || streamed.failure !== '') return;
  const pongs = `${streamed.pongs} of ${whole.pongs}`;
  assertHolds('the same pings are answered', streamed.pongs === whole.pongs, () => pongs);
}

export const streamedDeflate: Target = {
  name: 'streamed-deflate',
  concurrency: 32,
  obstacle: null,
  corpus: frameCorpus.map(compressing),
  generate: generateDeflating,
  check,
};
