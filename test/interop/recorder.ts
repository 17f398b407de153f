// A TCP proxy that writes down what passes, and what can be said about the compression of it.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import type { DeflateOptions, Message } from '../../src/index.js';
import type { Role } from '../../src/frame/opcode.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';

/** What both sides are to agree on, by name; each is an option of ours. */
export const deflateSettings = {
  'context takeover, 15 bits': {},
  'context takeover, 9 bits': { windowBits: 9 },
  'no context takeover, 15 bits': { contextTakeover: false },
  'no context takeover, 9 bits': { contextTakeover: false, windowBits: 9 },
} satisfies Readonly<Record<string, DeflateOptions>>;

export type DeflateSetting = keyof typeof deflateSettings;

/** For peers that know all parameters. */
export const everySetting = Object.keys(deflateSettings) as DeflateSetting[];

/** For servers that can't be asked for a smaller window. */
export const largeWindows: readonly DeflateSetting[] = ['context takeover, 15 bits', 'no context takeover, 15 bits'];

/** For those that overlook parameters without a value. */
export const withTakeover: readonly DeflateSetting[] = ['context takeover, 15 bits', 'context takeover, 9 bits'];

const line = '{"time": "2026-01-01T00:00:00Z", "name": "temperature", "value": 21.5, "unit": "degree"}\n';
const page = Array.from({ length: 40 }, (_, number) => line.replace('21.5', `${(number * 7919) % 1000}`)).join('');

/** Texts as what is repeated, and how often: long ones, of which some are equal, and one is large. */
export const repeatedCompressible = [[page, 1], [page, 1], [page, 1], [line, 2500], [page, 1]] as const;

export const compressible: readonly string[] = repeatedCompressible.map(([part, count]) => part.repeat(count));

/** A message as a source that is sent while it is made. */
export async function* inPieces(message: string): AsyncGenerator<string> {
  for (let start = 0; start < message.length; start += 2500) yield message.slice(start, start + 2500);
}

interface Recording {
  readonly toServer: Buffer[];
  readonly toClient: Buffer[];
}

/** Listens for clients and connects each to the server: `await using recorder = await Recorder.listen(port)`. */
export class Recorder implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #recordings: Recording[] = [];

  /** @param target the port of the server */
  static async listen(target: number): Promise<Recorder> {
    const recorder = new Recorder(target);
    recorder.#server.listen(0, '127.0.0.1');
    await once(recorder.#server, 'listening');
    return recorder;
  }

  private constructor(target: number) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const server = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
      const recording: Recording = { toServer: [], toClient: [] };
      this.#recordings.push(recording);
      for (const [from, to, chunks] of [
        [client, server, recording.toServer], [server, client, recording.toClient],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => to.destroy()).pipe(to);
      }
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * Asserts that all of these messages went compressed in both directions of the one WebSocket, as was agreed on.
   * @param ours the role of our end, whose options these are
   * @param canDeflate whether the peer compresses what it sends
   */
  assertCompressed(ours: Role, options: DeflateOptions, messages: readonly Message[], canDeflate = true): void {
    const isUpgraded = ({ toClient }: Recording): boolean => headOf(toClient).startsWith('HTTP/1.1 101 ');
    const upgraded = this.#recordings.filter(isUpgraded);
    assert.is(upgraded.length, 1);
    const { toServer, toClient } = upgraded[0]!;
    const answer = headOf(toClient);
    assert.match(answer, /^sec-websocket-extensions: permessage-deflate\b/im);
    for (const [role, chunks] of [['client', toServer], ['server', toClient]] as const) {
      // A client may do without, be it agreed on or not.
      const isAsked = options.contextTakeover === false && (role === 'server' || role === ours);
      const isAlone = answer.includes(`${role}_no_context_takeover`) || (isAsked && role === 'client');
      const [, agreed = '15'] = new RegExp(`${role}_max_window_bits=(\\d+)`).exec(answer) ?? [];
      const preferred = options.windowBits ?? 15;
      const bits = role === 'client' && ours === 'client' ? Math.min(Number(agreed), preferred) : Number(agreed);
      if (isAsked) assert.ok(isAlone, `${role}: ${answer}`);
      // Not every client can be limited.
      if (role === ours) assert.ok(bits <= preferred, `${role}: ${answer}`);
      if (role !== ours && !canDeflate) continue;
      assertDirection(role, behindHead(chunks), messages, isAlone, 2 ** bits);
    }
  }

  /** Cuts all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function headOf(chunks: readonly Buffer[]): string {
  const bytes = Buffer.concat(chunks);
  return bytes.toString('latin1', 0, bytes.indexOf('\r\n\r\n'));
}

function behindHead(chunks: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(chunks);
  return bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
}

/** RFC 7692 §7.2.2. */
const TAIL = Buffer.from('0000ffff', 'hex');

/** Asserts RSV1, fewer bytes, and that each message can be read with what it may refer to, and nothing else. */
function assertDirection(
  role: Role,
  bytes: Buffer,
  messages: readonly Message[],
  isAlone: boolean,
  windowSize: number,
): void {
  const data = decodeNaive(bytes).frames.filter(({ opcode }) => opcode < 0x8);
  const firsts = data.filter(({ opcode }) => opcode !== 0);
  assert.equal(firsts.map(({ rsv1 }) => rsv1), messages.map(() => true), `RSV1 of the ${role}`);
  const length = data.reduce((sum, { payload }) => sum + payload.length, 0);
  const original = messages.reduce((sum, message) => sum + Buffer.byteLength(message), 0);
  assert.ok(length < original / 4, `the ${role} sent ${length} bytes for ${original}`);
  let history: Buffer = Buffer.alloc(0);
  const lengths: number[] = [];
  for (let number = 0, next = 0; number < messages.length; number++) {
    const parts: Buffer[] = [];
    do parts.push(data[next]!.payload); while (!data[next++]!.fin);
    const payload = Buffer.concat([...parts, TAIL]);
    lengths.push(payload.length);
    const { bytes: message, maxDistance } = inflateNaive(payload, isAlone ? undefined : history);
    assert.is(message.compare(Buffer.from(messages[number]!)), 0, `message ${number} of the ${role}`);
    assert.ok(maxDistance <= windowSize, `the ${role} refers ${maxDistance} bytes back`);
    history = Buffer.concat([history, message]).subarray(-32_768);
  }
  // Of equal messages, one that refers to the other is far shorter; one that stands alone is as long.
  if (isAlone) assert.is(lengths[1], lengths[0]);
  else if (windowSize > 4096) assert.ok(lengths[1]! < lengths[0]! / 2, `${lengths} bytes of the ${role}`);
}
