// What an echo answers, waiting for whole messages or sending each on while it comes: the same, in both roles.
//
// The cases are those of the Autobahn testsuite by their kinds and numbers: 1 framing, 2 pings, 3 reserved bits, 4
// opcodes, 5 fragments, 6 UTF-8, 7 closing, 9 and 10 sizes and fragments, 12 and 13 compression. How an echo is cut
// into frames may differ. Where a message turns out to be wrong in its middle, an echo in pieces has begun its own:
// what counts is that neither ends it.
import { deflateRawSync, constants } from 'node:zlib';
import * as assert from 'uvu/assert';
import { canTakeOver } from '../../src/frame/inflater.js';
import type { Connection } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { encodeNaive } from '../support/codec/naive-codec.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';
import { SAMPLE_MASKING_KEY } from '../support/peers/raw-client.js';
import { establish, type Role, type Session } from '../conformance/harness.js';

const echoes = {
  whole: async (connection: Connection) => {
    for await (const message of connection) await connection.send(message);
  },
  'in pieces': async (connection: Connection) => {
    for (let message; (message = await connection.receive()) !== null; ) {
      await connection.send(message.chunks, { type: message.type });
    }
  },
};

/** A frame of the peer's: its first byte, and its payload; or a wait until so many answers are there. */
type Step = readonly [first: number, payload: string | Buffer] | number;

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Echoes, pongs, and the close code at last. */
  readonly answers: readonly string[];
  /** How many bytes the peer writes at a time. */
  readonly chop?: number;
  /** What is offered, or answered, of permessage-deflate. */
  readonly extensions?: string;
}

const [TEXT, BINARY, CLOSE, PING, PONG] = [0x81, 0x82, 0x88, 0x89, 0x8a];
const [TEXT_BEGINS, BINARY_BEGINS, GOES_ON, ENDS, RSV1] = [0x01, 0x02, 0x00, 0x80, 0x40];
const NORMAL: Step = [CLOSE, hex('03e8')];

function show(kind: string, bytes: Buffer): string {
  return bytes.length > 200 ? `${kind} of ${bytes.length}, ${bytes.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7)}`
    : `${kind} ${bytes.toString('hex')}`;
}

const text = (payload: string | Buffer): string => show('text', Buffer.from(payload));
const binary = (payload: Buffer): string => show('binary', payload);
const pong = (payload: string | Buffer): string => show('pong', Buffer.from(payload));

const cases: Case[] = [];

function add(name: string, steps: readonly Step[], answers: readonly string[], more: Partial<Case> = {}): void {
  cases.push({ name, steps, answers, ...more });
}

/** The peer closes after them. */
function addLegal(name: string, steps: readonly Step[], answers: readonly string[], more: Partial<Case> = {}): void {
  add(name, [...steps, answers.length, NORMAL], [...answers, 'close 1000'], more);
}

function inFragments(first: number, payload: Buffer, length: number): Step[] {
  const parts: Buffer[] = [];
  for (let start = 0; start < payload.length; start += length) parts.push(payload.subarray(start, start + length));
  return parts.map((part, index) => {
    const isLast = index === parts.length - 1;
    return [(index === 0 ? first & ~ENDS : GOES_ON) | (isLast ? ENDS : 0), part] as const;
  });
}

for (const length of [0, 125, 126, 127, 128, 65_535, 65_536, 300_000]) {
  for (const [first, echo] of [[TEXT, text], [BINARY, binary]] as const) {
    const payload = Buffer.alloc(length, 'BAsd7&jh23');
    addLegal(`1 ${length} bytes`, [[first, payload]], [echo(payload)]);
    if (length < 65_535) continue;
    addLegal(`1 ${length} bytes, 997 at a time`, [[first, payload]], [echo(payload)], { chop: 997 });
    for (const part of [1300, 16_384]) {
      addLegal(`9 ${length} bytes in ${part}`, inFragments(first, payload, part), [echo(payload)]);
    }
  }
}

for (const payload of ['', 'Hello', hex('00fffefdfcfb00ff'), Buffer.alloc(125, 0xfe)]) {
  addLegal(`2 a ping of ${payload.length}`, [[PING, payload]], [pong(payload)]);
}
const numbers = Array.from({ length: 10 }, (_, number) => `payload-${number}`);
addLegal('2 ten pings', numbers.map((payload) => [PING, payload] as const), numbers.map(pong));
addLegal('2 pongs that nobody asked for', [[PONG, 'a'], [PING, 'b']], [pong('b')]);
add('2 a ping of 126', [[PING, Buffer.alloc(126)]], ['close 1002']);

for (let reserved = 0x10; reserved < 0x80; reserved += 0x10) {
  for (const first of [TEXT, BINARY, PING, CLOSE]) {
    add(`3 reserved bits ${reserved}, ${first}`, [[TEXT, 'a'], 1, [first | reserved, 'b']], [text('a'), 'close 1002']);
  }
}

for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  for (const payload of ['', 'a']) {
    add(`4 opcode ${opcode}`, [[TEXT, 'a'], 1, [0x80 | opcode, payload], [PING, '']], [text('a'), 'close 1002']);
  }
}

for (const control of [PING, PONG]) {
  add('5 a control frame in fragments', [[control & ~ENDS, 'a'], [ENDS, 'b']], ['close 1002']);
}
addLegal('5 two fragments', [[TEXT_BEGINS, 'a'], [ENDS, 'b']], [text('ab')]);
addLegal('5 empty fragments', [[TEXT_BEGINS, ''], [GOES_ON, ''], [ENDS, '']], [text('')]);
addLegal('5 a ping amid', [[BINARY_BEGINS, 'a'], [PING, 'p'], 1, [ENDS, 'b']], [pong('p'), binary(Buffer.from('ab'))]);
for (const first of [ENDS, GOES_ON]) {
  add('5 goes on with nothing', [[first, 'a'], [TEXT, 'b']], ['close 1002']);
  add('5 goes on with what has ended', [[TEXT_BEGINS, 'a'], [ENDS, 'b'], 1, [first, 'c']], [text('ab'), 'close 1002']);
}
for (const first of [TEXT, BINARY, TEXT_BEGINS]) {
  add('5 a message within another', [[TEXT_BEGINS, 'a'], [first, 'b'], [ENDS, 'c']], ['close 1002']);
}

const valid = [
  'hello$world', 'hello\u00a2world', 'hello\u20acworld', 'hello\u{24b62}world', 'κόσμε', '\0', '\u0080', '\u0800',
  '\u{10000}', '\x7f', '\u07ff', '\uffff', '\u{10ffff}', '\ud7ff', '\ue000', '\ufffd', '\ufffe',
  '\u{1fffe}', '\u{10fffe}',
];
for (const each of valid) {
  const bytes = Buffer.from(each);
  addLegal(`6 ${bytes.toString('hex')}`, [[TEXT, bytes]], [text(bytes)]);
  addLegal(`6 ${bytes.toString('hex')}, byte by byte`, inFragments(TEXT, bytes, 1), [text(bytes)]);
  addLegal(`6 ${bytes.toString('hex')}, chopped`, [[TEXT, bytes]], [text(bytes)], { chop: 1 });
}
const invalid = [
  'cebae1bdb9cf83cebcceb5eda080656469746564', 'f888808080', 'fc8480808080', 'f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf',
  'f4908080', '80', 'bf', '80bf', '80bf80bf80bf', 'c020c120', 'e020e120', 'f020f120', 'f820', 'fc20', 'c0', 'e080',
  'f08080', 'df', 'efbf', 'ce', 'cebae1', 'cebae1bd', 'fe', 'ff', 'fefeffff', 'c0af', 'e080af', 'f08080af',
  'c1bf', 'e09fbf', 'f08fbfbf', 'c080', 'e08080', 'f0808080', 'eda080', 'edadbf', 'edae80', 'edbfbf', 'eda080edb080',
  'edafbfedbfbf',
];
for (const each of invalid.map(hex)) {
  const name = each.toString('hex');
  const long = Buffer.concat([Buffer.alloc(70_000, 'a'), each]);
  add(`6 ${name}`, [[TEXT, each]], ['close 1007']);
  add(`6 ${name}, byte by byte`, inFragments(TEXT, each, 1), ['close 1007']);
  add(`6 ${name}, chopped`, [[TEXT, each]], ['close 1007'], { chop: 1 });
  // An echo in pieces has begun, and is not ended.
  add(`6 ${name}, after much that is right`, inFragments(TEXT, long, 20_000), ['close 1007']);
}
add('6 what can never become right fails at once', [[TEXT_BEGINS, 'a'], [GOES_ON, hex('f490')]], ['close 1007']);

addLegal('7 a message', [[TEXT, 'a']], [text('a')]);
for (const after of [[TEXT, 'b'], [PING, ''], [ENDS, 'c'], NORMAL] as const) {
  add('7 what follows a Close', [[TEXT, 'a'], 1, NORMAL, after], [text('a'), 'close 1000']);
}
add('7 a Close within a message', [[TEXT_BEGINS, 'a'], NORMAL, [ENDS, 'b']], ['close 1000']);
add('7 an empty Close', [[CLOSE, '']], ['close none']);
add('7 a Close of a byte', [[CLOSE, 'a']], ['close 1002']);
add('7 the longest reason', [[CLOSE, Buffer.concat([hex('03e8'), Buffer.alloc(123, '*')])]], ['close 1000']);
add('7 a longer one', [[CLOSE, Buffer.concat([hex('03e8'), Buffer.alloc(124, '*')])]], ['close 1002']);
add('7 a reason that is not UTF-8', [[CLOSE, hex('03e8 cebae1bdb9cf83eda080')]], ['close 1007']);
const code = (number: number): Buffer => Buffer.from([number >> 8, number & 0xff]);
for (const each of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
  add(`7 the code ${each}`, [[CLOSE, code(each)]], [`close ${each}`]);
}
for (const each of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
  add(`7 the code ${each}`, [[CLOSE, code(each)]], ['close 1002']);
}

const parameters = [
  '', '; client_no_context_takeover', '; server_no_context_takeover', '; server_max_window_bits=9',
  '; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10',
];
for (const each of parameters) {
  for (const [size, part] of [[16, 0], [1024, 0], [16_384, 256], [100_000, 0], [100_000, 4096]] as const) {
    const messages = Array.from({ length: 4 }, (_, number) => Buffer.from(`{"n":${number}} `.repeat(size / 8)));
    const steps = messages.flatMap((message) => {
      const payload = deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH, windowBits: 9 }).subarray(0, -4);
      return inFragments(TEXT | RSV1, payload, part || payload.length);
    });
    // Where zlib heeds no dictionary, a client has to be answered so.
    const isComplete = canTakeOver() || each.includes('server_no_context_takeover');
    const extensions = `permessage-deflate${each}${isComplete ? '' : '; server_no_context_takeover'}`;
    addLegal(`12 ${size} bytes in ${part}${each}`, steps, messages.map(text), { extensions });
  }
}

/** What the endpoint has answered by whole messages, pongs and Close. */
class Answers {
  readonly list: string[] = [];
  readonly #session: Session;
  #history = Buffer.alloc(0);
  #first = 0;
  #isCompressed = false;
  #parts: Buffer[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  async until(count: number): Promise<void> {
    while (this.list.length < count) await this.#readFrame();
  }

  async untilClose(): Promise<void> {
    while (!this.list.at(-1)?.startsWith('close')) await this.#readFrame();
  }

  async #readFrame(): Promise<void> {
    const { fin, rsv1, opcode, payload } = await this.#session.peer.readFrame();
    if (opcode === 8) return void this.list.push(`close ${payload.length < 2 ? 'none' : payload.readUInt16BE()}`);
    if (opcode === 10) return void this.list.push(pong(payload));
    if (opcode !== 0) {
      assert.equal(this.#parts, [], '§5.4');
      this.#first = opcode;
      this.#isCompressed = rsv1;
    }
    this.#parts.push(payload);
    if (!fin) return;
    const bytes = this.#isCompressed ? this.#inflate() : Buffer.concat(this.#parts);
    this.#parts = [];
    this.list.push(this.#first === 1 ? text(bytes) : binary(bytes));
  }

  #inflate(): Buffer {
    const deflated = Buffer.concat([...this.#parts, hex('0000ffff')]);
    const bytes = Buffer.from(inflateNaive(deflated, this.#history.subarray(-32_768)).bytes);
    this.#history = Buffer.concat([this.#history, bytes]);
    return bytes;
  }
}

async function converse(role: Role, echo: (connection: Connection) => Promise<void>, each: Case): Promise<string[]> {
  const { steps, chop, extensions } = each;
  const deflate = extensions === undefined ? false : { threshold: 0 };
  await using session = await establish(role, {
    route: { deflate }, client: { deflate }, ...(extensions !== undefined && { extensions }),
  });
  // An echo to one that is closing fails, and the peer's mistakes end it.
  echo(session.connection).catch(() => {});
  const answers = new Answers(session);
  const maskingKey = role === 'server' ? SAMPLE_MASKING_KEY : undefined;
  for (const step of steps) {
    if (typeof step === 'number') {
      await answers.until(step);
      continue;
    }
    const frame = encodeNaive({ opcode: step[0] & 0x0f, payload: Buffer.from(step[1]), maskingKey });
    frame[0] = step[0];
    for (let start = 0; start < frame.length; start += chop ?? frame.length) {
      session.peer.write(frame.subarray(start, start + (chop ?? frame.length)));
    }
  }
  await answers.untilClose();
  return answers.list;
}

for (const role of ['server', 'client'] as const) {
  for (const [form, echo] of Object.entries(echoes)) {
    const tests = suite(`connection/echo ${form}, ${role}`);
    const kinds = new Map<string, Case[]>();
    for (const each of cases) {
      const kind = each.name.split(' ')[0]!;
      kinds.set(kind, [...(kinds.get(kind) ?? []), each]);
    }
    for (const [kind, some] of kinds) {
      tests(`Autobahn ${kind}: ${some.length} cases`, async () => {
        for (const each of some) {
          const answers = await converse(role, echo, each).catch((error) => {
            throw new Error(`in the case of ${each.name}`, { cause: error });
          });
          assert.equal(answers, each.answers, each.name);
        }
      });
    }
    tests.run();
  }
}
