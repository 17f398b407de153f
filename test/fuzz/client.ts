// Fuzzes the whole client over sockets in memory: `connect`, the answers of a server or proxy, and the connection.
//
// The invariant: for any answer, in any pieces, and with an end or a reset at any place,
// - `connect` gives a connection or rejects with a HandshakeError of docs/api.md; after a redirect to another host also
//   with the error of its socket;
// - no rejection is unhandled, no exception escapes;
// - verdict, messages and close code are the same however the bytes are cut, unless a proxy is in between: it must not
//   send anything behind its answer, which can be seen only if that comes at once;
// - what the client sent is one request head and whole, masked, valid frames;
// - once the server has ended, `closed` is settled and each socket is destroyed;
// - no message is over its limit, and the body of a refusal is at most 64 KiB.
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { connect } from '../../src/client/connect.js';
import type { Connection } from '../../src/connection/connection.js';
import { HandshakeError, type Close } from '../../src/errors.js';
import { Random } from '../frame/random.js';
import { FakeSocket } from '../server/harness.js';
import { hex } from '../support/codec/cuts.js';
import {
  checkFrames, compressionOf, deliver, describeClose, describeMessage, fork, isReset, settle,
} from './conversation.js';
import { clientErrors, describeError } from './documented.js';
import { generateFrameBytes } from './frame-inputs.js';
import { generateResponseHead, httpDictionary, KEY, responseCorpus } from './heads.js';
import { mutate } from './mutate.js';
import { copyCut } from './pieces.js';
import { assertHolds, assertSame, Finding, type Target } from './target.js';

const MAX_MESSAGE_BYTES = 1000;
const MAX_BODY_BYTES = 65_536;

/** Long enough for any machine: no timer takes part. */
const NEVER = 1 << 30;

const OPTIONS = {
  timeout: NEVER, maxMessageBytes: MAX_MESSAGE_BYTES, subprotocols: ['chat'], deflate: { threshold: 0 },
};

/** The conversations under way by the name of their host. */
const conversations = new Map<string, Conversation>();
let conversationCount = 0;

// The client opens its sockets by this function; in this process it finds the hosts of the conversations, and no other.
Object.assign(net, {
  connect({ host }: { host: string }): net.Socket {
    const { fake, socket } = FakeSocket.create();
    const conversation = conversations.get(host);
    if (conversation === undefined) {
      fake.destroy(Object.assign(new Error(`connect ECONNREFUSED ${host}`), { code: 'ECONNREFUSED' }));
    } else {
      conversation.sockets.push(fake);
      process.nextTick(() => fake.emit('connect'));
    }
    return socket;
  },
});
// Each handshake has the key of RFC 6455 §1.3, so that an answer can be right.
Object.assign(crypto, { randomBytes: () => Buffer.from(KEY, 'base64') });
syncBuiltinESMExports();

/** The first byte of an input tells how the client connects. */
interface Mode {
  readonly isProxied: boolean;
  readonly redirects: number;
}

function modeOf(input: Buffer): Mode {
  const first = input[0] ?? 0;
  return { isProxied: first % 4 === 3, redirects: first % 4 === 2 ? 2 : 0 };
}

/** One call of `connect`, the sockets it opened, and what came of it. */
class Conversation {
  readonly sockets: FakeSocket[] = [];
  readonly #host = `host-${conversationCount++}`;
  readonly #messages: string[] = [];
  readonly #mode: Mode;
  #isReset = false;
  #verdict = '';
  #extensions = '';
  #error: unknown = null;
  #close: Close | null = null;

  constructor(mode: Mode) {
    this.#mode = mode;
    conversations.set(this.#host, this);
  }

  /** Answers each request with the bytes, and then ends or resets; returns what can be said about it all. */
  async hold(bytes: Buffer, cut: Random | null, ending: 'receiveEnd' | 'reset', random: Random): Promise<string> {
    const { redirects, isProxied } = this.#mode;
    this.#isReset = ending === 'reset';
    const proxy = isProxied ? { proxy: `http://${this.#host}:3128` } : {};
    const options = { ...OPTIONS, redirects, ...proxy };
    void connect(`ws://${this.#host}/`, options).then(
      (connection) => this.#talk(connection),
      (error: unknown) => void ([this.#error, this.#verdict] = [error, 'refused']),
    );
    try {
      await this.#settle();
      for (let answered = 0; answered < this.sockets.length; answered++) {
        await this.#answer(this.sockets[answered]!, bytes, cut, random);
        if (ending === 'receiveEnd') await this.#settle();
        if (!this.sockets[answered]!.destroyed) this.sockets[answered]![ending]();
        await this.#settle();
      }
      return this.#judge();
    } finally {
      for (const socket of this.sockets) socket.destroy();
      conversations.delete(this.#host);
    }
  }

  async #answer(socket: FakeSocket, bytes: Buffer, cut: Random | null, random: Random): Promise<void> {
    const head = bytes.indexOf('\r\n\r\n');
    const parts = this.#mode.isProxied && head !== -1
      ? [bytes.subarray(0, head + 4), bytes.subarray(head + 4)]
      : [bytes];
    for (const part of parts) {
      await deliver(socket, cut === null ? [Buffer.from(part)] : copyCut(part, cut), random);
      await this.#settle();
    }
  }

  async #talk(connection: Connection): Promise<void> {
    this.#verdict = `open ${connection.subprotocol}`;
    this.#extensions = connection.extensions;
    void connection.closed.then((close) => (this.#close = close));
    for await (const message of connection) {
      assertHolds('no message over the limit', message.length <= MAX_MESSAGE_BYTES, () => `${message.length}`);
      this.#messages.push(describeMessage(message));
      connection.send(message).catch(() => {});
    }
  }

  #settle(): Promise<void> {
    return settle(() => {
      const written = this.sockets.reduce((sum, { writes, closed }) => sum + writes.length + (closed ? 1 : 0), 0);
      const settled = (this.#verdict === '' ? 0 : 1) + (this.#close === null ? 0 : 1);
      return this.sockets.length + written + settled + this.#messages.length;
    });
  }

  #judge(): string {
    const [last] = this.sockets.slice(-1);
    assertHolds('connect is settled', this.#verdict !== '', () => `after ${last?.written.toString('latin1')}`);
    assertHolds('each socket is destroyed', this.sockets.every(({ closed }) => closed), () => this.#verdict);
    const heads = this.#mode.isProxied ? 2 : 1;
    const compression = compressionOf('client', this.#extensions);
    const sent = last === undefined ? 0 : checkFrames(behindHeads(last.written, heads), true, compression);
    if (this.#verdict === 'refused') return `refused ${this.#describeError()}`;
    return `${this.#verdict}\n${this.#messages.join('\n')}\n${sent} ${describeClose(this.#close)}`;
  }

  #describeError(): string {
    const error = this.#error;
    // Only a redirect leads to hosts that are not there.
    const isElsewhere = this.#mode.redirects > 0 && (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
    if (isElsewhere) return 'ECONNREFUSED';
    if (isReset(error) && this.#isReset) return 'ECONNRESET';
    const text = describeError(error, clientErrors);
    const { body } = error as HandshakeError;
    assertHolds('a bounded body', body.length <= MAX_BODY_BYTES, () => `${body.length} characters`);
    return `${text} ${body}`;
  }
}

const REQUEST_HEAD = /^(?:GET|CONNECT) \S+ HTTP\/1\.1\r\n(?:[A-Za-z-]+: [\x20-\x7e]*\r\n)+\r\n/;

function behindHeads(written: Buffer, count: number): Buffer {
  let rest = written;
  for (let number = 0; number < count && rest.length > 0; number++) {
    const text = rest.toString('latin1');
    const head = REQUEST_HEAD.exec(text);
    if (head === null) throw new Finding('one valid request head', text);
    rest = rest.subarray(head[0].length);
  }
  return rest;
}

const PROXY_ANSWERS = [
  'HTTP/1.1 200 Connection established\r\n\r\n', 'HTTP/1.1 407 \r\nContent-Length: 0\r\n\r\n', 'junk',
];
const BODIES = ['', 'not found', '3\r\nabc\r\n0\r\n\r\n', 'x\r\n', 'y'.repeat(70_000)];
const REDIRECTS = ['/', '//other/', 'http://other/', 'ws://other/', 'mailto:a', 'http://[', 'http://a:b@other', '?a#b'];

function generate(random: Random): Buffer {
  const mode = random.integer(0, 3);
  let text = '';
  if (mode === 3) text += random.chance(0.9) ? PROXY_ANSWERS[0] : random.pick(PROXY_ANSWERS);
  if (mode === 2 && random.chance(0.7)) {
    text += `HTTP/1.1 ${random.pick(['301', '302', '308'])} \r\nLocation: ${random.pick(REDIRECTS)}\r\n\r\n`;
  }
  while (random.chance(0.05)) text += 'HTTP/1.1 100 Continue\r\n\r\n';
  text += generateResponseHead(random);
  const body = random.chance(0.6)
    ? generateFrameBytes(random, false, random.chance(0.4))
    : Buffer.from(random.chance(0.95) ? random.pick(BODIES.slice(0, -1)) : random.pick(BODIES));
  const answer = Buffer.concat([Buffer.from(text, 'latin1'), body]);
  return Buffer.concat([Buffer.of(mode), mutate(answer, random, httpDictionary)]);
}

const hello = Buffer.concat([responseCorpus[0]!, hex('81 05 68656c6c6f 89 00 88 02 03e8')]);
const answers = [...responseCorpus, hello];

export const client: Target = {
  name: 'client',
  concurrency: 64,
  obstacle: null,
  corpus: answers.flatMap((bytes) => [0, 2, 3].map((mode) => Buffer.concat([Buffer.of(mode), bytes]))),
  generate,
  async check(input, random) {
    const mode = modeOf(input);
    const bytes = Buffer.from(input.subarray(1));
    const [whole, cut] = await Promise.all([
      new Conversation(mode).hold(bytes, null, 'receiveEnd', fork(random)),
      new Conversation(mode).hold(bytes, fork(random), 'receiveEnd', fork(random)),
    ]);
    if (!mode.isProxied) assertSame('the same result however the bytes are cut', cut, whole);
    if (random.chance(0.7)) return;
    await new Conversation(mode).hold(bytes, random, 'reset', random);
  },
};
