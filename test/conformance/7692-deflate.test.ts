// RFC 7692 §5 to §7: permessage-deflate, agreed on in a real handshake and spoken with a peer made of bytes.
import { constants, createDeflateRaw, inflateRawSync, type DeflateRaw } from 'node:zlib';
import * as assert from 'uvu/assert';
import { connect, HandshakeError, requireWebSocket, type DeflateOptions } from '../../src/index.js';
import { Random } from '../frame/random.js';
import { serve } from '../server/harness.js';
import { hex } from '../support/codec/cuts.js';
import { inflateNaive, type Inflated } from '../support/codec/naive-inflate.js';
import { RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { RawServer, readRequest } from '../support/peers/raw-server.js';
import { assertFailures, establish, rawFrame, requirements, type Role, type Session } from './harness.js';

const prove = requirements('5 to 7', 7692);

/** §7.2.2: what follows the payload of a compressed message before it is inflated. */
const TAIL = hex('00 00 ff ff');

/** 400 bytes, which become much shorter. */
const TEXT = Array.from({ length: 20 }, (_, number) => `{"id": ${1000 + number}, "n": 1}`).join('');

/** The parameters of the role's own messages begin with its name. */
const OTHER = { server: 'client', client: 'server' } as const;

/** A session that has agreed on these parameters: a client may offer them, and a server answer them, in these words. */
async function agree(role: Role, parameters = '', options: DeflateOptions = {}): Promise<Session> {
  const deflate = { threshold: 0, ...options };
  const extensions = `permessage-deflate${parameters}`;
  const session = await establish(role, { route: { deflate }, client: { deflate }, extensions });
  assert.is(session.connection.extensions, extensions);
  return session;
}

/** What the endpoint sends of a message, which must be one compressed frame. */
async function sendCompressed({ connection, peer }: Session, message: string | Buffer): Promise<Buffer> {
  void connection.send(message, { compress: true });
  const { fin, rsv1, rsv2, rsv3, opcode, payload } = await peer.readFrame();
  const expected = [true, true, false, false, typeof message === 'string' ? 1 : 2];
  assert.equal([fin, rsv1, rsv2, rsv3, opcode], expected);
  return payload;
}

/** Reads a compressed payload by RFC 1951. */
function inflate(payload: Buffer, history?: Uint8Array): Inflated {
  const inflated = inflateNaive(Buffer.concat([payload, TAIL]), history);
  assert.is(inflated.isFinal, false);
  return inflated;
}

/** A peer's own compressor, which goes on from message to message. */
class Compressor {
  readonly #stream: DeflateRaw;
  #parts: Buffer[] = [];

  constructor(windowBits = 15) {
    this.#stream = createDeflateRaw({ windowBits }).on('data', (part: Buffer) => this.#parts.push(part));
  }

  /** The payload of the next message. */
  async compress(message: string | Buffer): Promise<Buffer> {
    this.#stream.write(message);
    await new Promise<void>((resolve) => this.#stream.flush(constants.Z_SYNC_FLUSH, resolve));
    const payload = Buffer.concat(this.#parts.splice(0));
    assert.ok(payload.subarray(-4).equals(TAIL));
    return payload.subarray(0, -4);
  }
}

/** Sends a compressed message of one frame to the endpoint, and asserts what it makes of it. */
async function assertReads(session: Session, payload: Buffer, message: string | Buffer): Promise<void> {
  const first = typeof message === 'string' ? 'c1' : 'c2';
  const length = payload.length.toString(16).padStart(4, '0');
  const header = payload.length < 126 ? `${first} ${length.slice(2)}` : `${first} 7e ${length}`;
  session.sendRaw(header, payload.toString('hex'));
  assert.equal(await session.connection.wait(), message);
}

/** Messages in both directions: whatever was agreed on, they are read as they were sent. */
async function converse(session: Session, isPeerAlone = false): Promise<void> {
  let peer = new Compressor();
  let history = '';
  for (const message of [TEXT, 'Hello, Hello, Hello', TEXT]) {
    if (isPeerAlone) peer = new Compressor();
    await assertReads(session, await peer.compress(message), message);
    const payload = await sendCompressed(session, message);
    assert.is(inflate(payload, Buffer.from(history)).bytes.toString(), message);
    history += message;
  }
}

// ── §5 ──

async function offerOf(deflate?: boolean | DeflateOptions): Promise<string | undefined> {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/`, deflate === undefined ? {} : { deflate });
  const peer = await server.accept();
  const { headers } = await readRequest(peer);
  await peer[Symbol.asyncDispose]();
  await attempt.catch(() => {});
  return headers.get('sec-websocket-extensions');
}

/** What a server answers to an offer. */
async function answerTo(offer: string, deflate: boolean | DeflateOptions = true): Promise<string | undefined> {
  const route = requireWebSocket(async ({ webSocket }) => void (await webSocket.closed), { deflate });
  await using served = await serve({ '/': route });
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/', { 'Sec-WebSocket-Extensions': offer }));
  const { status, headers } = await client.readResponse();
  assert.is(status, 101);
  return headers.get('sec-websocket-extensions');
}

/** Asserts that a client fails upon this answer. */
async function assertRefused(
  answer: string,
  deflate: boolean | DeflateOptions = true,
  code = 'EXTENSION_INVALID',
): Promise<void> {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/`, { deflate }).then(() => null, (error: unknown) => error);
  const { peer } = await server.acceptUpgrade({ 'Sec-WebSocket-Extensions': answer });
  const error = await attempt;
  assert.instance(error, HandshakeError, answer);
  assert.is((error as HandshakeError).code, code, answer);
  assert.is((await peer.readToEnd()).length, 0);
}

/** Asserts that a client goes on with this answer. */
async function assertTaken(answer: string, deflate: DeflateOptions = {}): Promise<void> {
  await using session = await establish('client', { client: { deflate }, extensions: answer });
  assert.is(session.connection.extensions, answer);
  await session.expectAlive();
}

async function assertDeclines(role: Role, parameters: readonly string[]): Promise<void> {
  for (const each of parameters) {
    if (role === 'client') await assertRefused(`permessage-deflate${each}`);
    else assert.is(await answerTo(`permessage-deflate${each}`), undefined, each);
  }
}

prove('7692/5-1', 'client', 'permessage-deflate is offered by its name, unless it is switched off', async () => {
  assert.is(await offerOf(), 'permessage-deflate; client_max_window_bits');
  assert.is(await offerOf(true), 'permessage-deflate; client_max_window_bits');
  assert.is(await offerOf(false), undefined);
});

prove('7692/5-2', 'server', 'of several offers the first that is understood is accepted', async () => {
  const offers = (...parameters: string[]): string => parameters.map((each) => `permessage-deflate${each}`).join(', ');
  const [first, second] = ['; server_max_window_bits=10', '; server_no_context_takeover'];
  assert.is(await answerTo(offers(first, second)), offers(first));
  assert.is(await answerTo(offers(second, first)), offers(second));
  assert.is(await answerTo(offers('; x=1', second, first)), offers(second));
  assert.is(await answerTo(`x-first, ${offers(first)}`), offers(first));
});

prove('7692/5-3', 'server', 'what an offer asks of the server is done', async (role) => {
  await using session = await agree(role, '; server_no_context_takeover; server_max_window_bits=8');
  for (const message of [TEXT, TEXT]) {
    const { bytes, maxDistance } = inflate(await sendCompressed(session, message));
    assert.is(bytes.toString(), message);
    assert.ok(maxDistance <= 256, `${maxDistance} bytes back`);
  }
});

prove('7692/5-4', 'client', 'a small window is told to the server', async () => {
  for (let bits = 8; bits < 15; bits++) {
    assert.match((await offerOf({ windowBits: bits }))!, new RegExp(`; server_max_window_bits=${bits};`));
  }
});

prove('7692/5-5', 'client', 'a client tells how large a window it will use', async () => {
  for (let bits = 8; bits < 15; bits++) {
    assert.match((await offerOf({ windowBits: bits }))!, new RegExp(`; client_max_window_bits=${bits}$`));
  }
});

prove('7692/5-6', 'server', 'a client that can be limited is asked to use no larger window', async () => {
  for (let bits = 8; bits < 15; bits++) {
    for (const offered of ['', '=15', `=${bits}`]) {
      const answer = await answerTo(`permessage-deflate; client_max_window_bits${offered}`, { windowBits: bits });
      assert.match(answer!, new RegExp(`; client_max_window_bits=${bits}$`), offered);
    }
  }
});

prove('7692/5-7', 'server', 'it is accepted by its name if it is switched on', async () => {
  assert.is(await answerTo('permessage-deflate'), 'permessage-deflate');
  assert.is(await answerTo('permessage-deflate', false), undefined);
});

prove('7692/5-8', 'server', 'each answer holds for the messages of both sides', async (role) => {
  for (const context of ['', '; server_no_context_takeover', '; client_no_context_takeover']) {
    for (let bits = 8; bits < 15; bits++) {
      await using session = await agree(role, `${context}; server_max_window_bits=${bits}`);
      await converse(session, context === '; client_no_context_takeover');
    }
  }
});

prove('7692/5-9', 'server', 'the answer says which requests and hints were taken', async () => {
  const values = [
    '', '; server_no_context_takeover', '; client_no_context_takeover', '; server_max_window_bits=15',
    '; client_max_window_bits=14', '; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8',
  ];
  for (const value of values) {
    // Had the client made both offers, the answer would tell it which one was accepted.
    const offers = `permessage-deflate${value}, permessage-deflate; server_max_window_bits=9`;
    assert.is(await answerTo(offers), `permessage-deflate${value}`);
  }
});

prove('7692/5-10', 'server', 'no second extension is agreed to beside it', async () => {
  const offer = 'x-webkit-deflate-frame, permessage-deflate, permessage-bzip2, permessage-deflate';
  assert.is(await answerTo(offer), 'permessage-deflate');
});

prove('7692/5-11', 'client', 'an answer with a second extension beside it is refused', async () => {
  await assertRefused('permessage-deflate, x-webkit-deflate-frame');
  await assertRefused('permessage-deflate, permessage-deflate');
});

prove('7692/5-12', 'server', 'if all offers are declined, none is named', async () => {
  assert.is(await answerTo('permessage-bzip2, permessage-deflate; x, permessage-deflate; y=1'), undefined);
  assert.is(await answerTo('permessage-deflate; client_max_window_bits, permessage-deflate', false), undefined);
});

prove('7692/5-13', 'both', 'nothing is compressed that was not agreed to', async (role) => {
  const setup = { route: { deflate: true }, client: { deflate: true }, extensions: null };
  await using session = await establish(role, setup);
  void session.connection.send('a'.repeat(20), { compress: true });
  await session.expect(`81 14 ${'61'.repeat(20)}`);
  session.sendRaw('c1 07', 'f248cdc9c90700');
  await session.expectFailure(1002);
});

prove('7692/5-14', 'client', 'an extension that was not offered is refused', async () => {
  await assertRefused('permessage-deflate', false, 'EXTENSION_NOT_OFFERED');
  await assertRefused('permessage-bzip2', true, 'EXTENSION_NOT_OFFERED');
});

prove('7692/5-15', 'both', 'messages go both ways as agreed', async (role) => {
  for (const parameters of ['', `; ${OTHER[role]}_no_context_takeover`]) {
    await using session = await agree(role, parameters);
    await converse(session, parameters !== '');
  }
});

prove('7692/5.1-1', 'client', 'no valid answer is refused, so that 1010 is never needed', async () => {
  const wishes = [
    { deflate: {}, servers: ['', '; server_no_context_takeover'], windows: ['', '=8', '=15'] },
    { deflate: { contextTakeover: false }, servers: ['; server_no_context_takeover'], windows: ['', '=8'] },
    // The window of the server is its own choice by the second offer.
    { deflate: { windowBits: 10 }, servers: ['', '; server_no_context_takeover'], windows: ['', '=8', '=10', '=11'] },
  ];
  for (const { deflate, servers, windows } of wishes) {
    const answers = servers
      .flatMap((server) => ['', '; client_no_context_takeover'].map((client) => server + client))
      .flatMap((context) => windows.map((bits) => context + (bits && `; server_max_window_bits${bits}`)))
      // What a client says of its own window is a hint, which a server may ignore (§7.1.2.2, and the note in §7.2.1).
      .flatMap((rest) => ['', '=8', '=12', '=15'].map((bits) => rest + (bits && `; client_max_window_bits${bits}`)));
    for (const answer of answers) await assertTaken(`permessage-deflate${answer}`, deflate);
  }
});

prove('7692/5.2-1', 'both', 'a quoted value is read', async (role) => {
  const quoted = 'permessage-deflate; server_max_window_bits="10"';
  if (role === 'client') await assertTaken(quoted);
  else assert.is(await answerTo(quoted), 'permessage-deflate; server_max_window_bits=10');
});

// ── §6 ──

const COMPRESSED = 'a compressed message has RSV1 on its first frame, and the length after compression';

prove('7692/6.1-1', 'both', COMPRESSED, async (role) => {
  await using session = await agree(role);
  for (const message of [TEXT, Buffer.from(TEXT)]) {
    void session.connection.send(message);
    const { fin, rsv1, rsv2, rsv3, opcode, payload } = await session.peer.readFrame();
    // §6.1: the opcode is that of the message before compression.
    assert.equal([fin, rsv1, rsv2, rsv3, opcode], [true, true, false, false, message === TEXT ? 1 : 2]);
    assert.ok(payload.length < TEXT.length / 2, `${payload.length} bytes`);
  }
});

prove('7692/6.1-2', 'both', 'a message that is not compressed has no RSV1, and its bytes as they are', async (role) => {
  await using session = await agree(role, '', { threshold: 6 });
  void session.connection.send('Hello');
  void session.connection.send('Hello, Hello', { compress: false });
  // Nothing can be saved on these.
  void session.connection.send('abcdefgh', { compress: true });
  void session.connection.send('', { compress: true });
  await session.expect('81 05 48656c6c6f 81 0c 48656c6c6f2c2048656c6c6f 81 08 6162636465666768 81 00');
});

prove('7692/6.1-3', 'both', 'no control frame has RSV1', async (role) => {
  await using session = await agree(role);
  session.send('89 04 70696e67');
  await session.expect('8a 04 70696e67');
  void session.connection.ping('a'.repeat(100));
  await session.expect(`89 64 ${'61'.repeat(100)}`);
  void session.connection.close(4000, 'a'.repeat(100));
  await session.expect(`88 66 0fa0 ${'61'.repeat(100)}`);
});

const MISPLACED = 'RSV1 on a control frame or a later fragment fails the connection with 1002';

prove('7692/6.1-4', 'both', MISPLACED, async (role) => {
  const setup = { route: { deflate: true }, extensions: 'permessage-deflate' };
  await assertFailures(role, 1002, [
    ['a ping', ['c9 00']],
    ['a pong', ['ca 02', '6f6b']],
    ['a Close frame', ['c8 02', '03e8']],
    ['a ping amid a compressed message', ['41 03', 'f248cd'], ['c9 00']],
    ['a fragment of a compressed message', ['41 03', 'f248cd'], ['c0 04', 'c9c90700']],
    ['a fragment of another', ['01 03', '48656c'], ['40 01', '6c']],
    ['RSV2 beside it', ['e1 07', 'f248cdc9c90700']],
    ['RSV3 beside it', ['d1 07', 'f248cdc9c90700']],
  ], setup);
});

prove('7692/6.1-5', 'both', 'text stays text, and binary binary', async (role) => {
  await using session = await agree(role);
  const peer = new Compressor();
  for (const message of [TEXT, Buffer.from(TEXT), TEXT]) {
    await assertReads(session, await peer.compress(message), message);
    // What it asserts of the frame holds the opcode.
    await sendCompressed(session, message);
  }
});

prove('7692/6.1-6', 'both', 'compressed text is to be UTF-8 once it is inflated', async (role) => {
  await using session = await agree(role);
  // These bytes are no UTF-8: f2 begins a character of four bytes, and 48 is "H".
  session.send('c1 07 f248cdc9c90700');
  assert.is(await session.connection.wait(), 'Hello');
  // Binary may be what is no text.
  session.send('c2 08 000200fdffc32800');
  assert.equal(await session.connection.wait(), hex('c3 28'));
  session.sendRaw('c1 08', '000200fdffc32800');
  await session.expectFailure(1007);
});

prove('7692/6.2-1', 'both', 'compressed fragments are inflated as one message, also as they arrive', async (role) => {
  await using session = await agree(role);
  session.send('41 03 f248cd 80 04 c9c90700');
  assert.is(await session.connection.wait(), 'Hello');
  // With a ping amid it, in fragments of one byte and of none; it refers to the message before.
  session.send('41 00 00 01 f2 00 01 00 89 00 00 00 00 01 11 00 01 00 80 01 00');
  assert.is(await session.connection.wait(), 'Hello');
  await session.expect('8a 00');
  session.send('42 01 f3 80 07 48cdc9c9070000');
  assert.equal(await session.connection.wait(), Buffer.from('Hello'));
  const wait = session.connection.receive();
  session.send('41 01 f2');
  const message = (await wait)!;
  session.send('00 02 0011 89 00 00 00 80 02 0000');
  assert.is(await message.text(), 'Hello');
  await session.expect('8a 00');
});

prove('7692/6.2-2', 'both', 'a message without RSV1 is read as it is', async (role) => {
  await using session = await agree(role);
  session.send('82 07 f248cdc9c90700 01 03 48656c 80 02 6c6f 81 00');
  assert.equal(await session.connection.wait(), hex('f248cdc9c90700'));
  assert.is(await session.connection.wait(), 'Hello');
  assert.is(await session.connection.wait(), '');
  // None of them is a part of the context: the reference finds nothing.
  session.sendRaw('c1 05', 'f200110000');
  await session.expectFailure(1007);
});

// ── §7 ──

prove('7692/7-1', 'both', 'a parameter that is not defined', (role) => assertDeclines(role, [
  '; x', '; x=1', '; no_context_takeover', '; max_window_bits=15', '; server_max_window_bit=15', '; __proto__',
  '; constructor=1', '; Server_No_Context_Takeover', '; server_no_context_takeover; x',
]));

prove('7692/7-2', 'both', 'a value that is not allowed', (role) => assertDeclines(role, [
  '; server_no_context_takeover=1', '; client_no_context_takeover=true', '; server_max_window_bits',
  ...['7', '16', '0', '08', '015', '1000', '-9', '+9', '9.0', '0x9', '1e1', 'NaN'].flatMap((bits) => [
    `; server_max_window_bits=${bits}`, `; client_max_window_bits=${bits}`,
  ]),
  ...(role === 'client' ? ['; client_max_window_bits'] : []),
]));

prove('7692/7-3', 'both', 'a parameter that occurs twice', (role) => assertDeclines(role, [
  '; server_no_context_takeover; server_no_context_takeover',
  '; client_no_context_takeover; client_no_context_takeover',
  '; server_max_window_bits=10; server_max_window_bits=10',
  '; client_max_window_bits=10; client_max_window_bits=9',
]));

prove('7692/7-4', 'client', 'an answer that does not accept what was offered', async () => {
  await assertRefused('permessage-deflate', { contextTakeover: false });
  await assertRefused('permessage-deflate; client_no_context_takeover', { contextTakeover: false });
});

prove('7692/7-4', 'server', 'each configuration is supported, so that none is declined', async () => {
  const bits = ['', ...[8, 9, 10, 11, 12, 13, 14, 15].map((number) => `=${number}`)];
  for (const context of ['', '; server_no_context_takeover', '; client_no_context_takeover']) {
    for (const each of bits) {
      const server = each && `; server_max_window_bits${each}`;
      const offer = `permessage-deflate${context}${server}; client_max_window_bits${each}`;
      assert.match((await answerTo(offer))!, /^permessage-deflate/, offer);
    }
  }
});

// ── §7.1 ──

const NO_TAKEOVER = { contextTakeover: false };

for (const [id, side] of [['7692/7.1.1.1-1', 'server'], ['7692/7.1.1.2-1', 'client']] as const) {
  prove(id, 'client', `${side}_no_context_takeover is offered if no context is wanted`, async () => {
    const name = new RegExp(`; ${side}_no_context_takeover(;|$)`);
    assert.match((await offerOf(NO_TAKEOVER))!, name);
    assert.not.match((await offerOf())!, name);
  });
}

prove('7692/7.1.1.1-2', 'server', 'server_no_context_takeover is accepted by naming it', async () => {
  const value = 'permessage-deflate; server_no_context_takeover';
  assert.is(await answerTo(value), value);
});

prove('7692/7.1.1.1-3', 'server', 'an offer with server_no_context_takeover is not declined', async () => {
  const value = 'permessage-deflate; server_no_context_takeover';
  assert.is(await answerTo(`${value}, permessage-deflate`), value);
});

prove('7692/7.1.1.1-4', 'client', 'server_no_context_takeover may be answered unasked', async (role) => {
  await using session = await agree(role, '; server_no_context_takeover');
  await converse(session, true);
});

const SERVER_UNASKED = 'server_no_context_takeover is answered unasked if no context is wanted';

prove('7692/7.1.1.1-4', 'server', SERVER_UNASKED, async () => {
  assert.match((await answerTo('permessage-deflate', NO_TAKEOVER))!, /; server_no_context_takeover/);
});

const HINTED = 'after that offer each message stands alone, whatever is answered';

prove('7692/7.1.1.2-2', 'client', HINTED, async (role) => {
  for (const answer of ['', '; client_no_context_takeover']) {
    await using session = await agree(role, `; server_no_context_takeover${answer}`, NO_TAKEOVER);
    const first = await sendCompressed(session, TEXT);
    assert.is(inflate(first).bytes.toString(), TEXT);
    assert.equal(await sendCompressed(session, TEXT), first);
  }
});

const TAKEN = 'client_no_context_takeover is answered if it was offered, or no context is wanted';

prove('7692/7.1.1.2-3', 'server', TAKEN, async () => {
  const value = 'permessage-deflate; client_no_context_takeover';
  assert.is(await answerTo(value), value);
  assert.match((await answerTo('permessage-deflate', NO_TAKEOVER))!, /; client_no_context_takeover$/);
});

const OBEYED = 'client_no_context_takeover is obeyed, though it was not offered';

prove('7692/7.1.1.2-4', 'client', OBEYED, async (role) => {
  await using session = await agree(role, '; client_no_context_takeover');
  const first = await sendCompressed(session, TEXT);
  assert.is(inflate(first).bytes.toString(), TEXT);
  assert.equal(await sendCompressed(session, TEXT), first);
});

const UNNAMED = 'without client_no_context_takeover in the answer a message may refer to earlier ones';

prove('7692/7.1.1.2-5', 'server', UNNAMED, async (role) => {
  for (const answer of ['', '; server_no_context_takeover']) {
    await using session = await agree(role, answer);
    await assertReads(session, hex('f2 48 cd c9 c9 07 00'), 'Hello');
    await assertReads(session, hex('f2 00 11 00 00'), 'Hello');
  }
});

for (const [id, side] of [['7692/7.1.2.1-1', 'server'], ['7692/7.1.2.2-1', 'client']] as const) {
  prove(id, 'both', `${side}_max_window_bits is a number from 8 to 15`, async (role) => {
    for (let bits = 8; bits <= 15; bits++) {
      const value = `${side}_max_window_bits=${bits}`;
      if (role === 'client') {
        // 15 is what DEFLATE has at the most.
        const offer = await offerOf({ windowBits: bits });
        assert.is(offer!.includes(value), bits < 15, offer);
        await assertTaken(`permessage-deflate; ${value}`);
      } else {
        const answer = await answerTo(`permessage-deflate; ${value}`);
        const isNamed = side === 'server' || bits < 15;
        assert.is(answer, isNamed ? `permessage-deflate; ${value}` : 'permessage-deflate');
      }
    }
  });
}

const ANSWERED = 'server_max_window_bits is answered with a number not above the one offered';

prove('7692/7.1.2.1-2', 'server', ANSWERED, async () => {
  for (let bits = 8; bits <= 15; bits++) {
    const value = `permessage-deflate; server_max_window_bits=${bits}`;
    assert.is(await answerTo(value), value);
    const smaller = `permessage-deflate; server_max_window_bits=${Math.min(bits, 11)}`;
    assert.is(await answerTo(value, { windowBits: 11 }), smaller);
  }
});

prove('7692/7.1.2.1-3', 'client', 'server_max_window_bits may be answered unasked', async (role) => {
  await using session = await agree(role, '; server_max_window_bits=9');
  await converse(session);
});

const WINDOW_UNASKED = 'server_max_window_bits is answered unasked if a small window is wanted';

prove('7692/7.1.2.1-3', 'server', WINDOW_UNASKED, async () => {
  const answer = await answerTo('permessage-deflate', { windowBits: 9 });
  assert.is(answer, 'permessage-deflate; server_max_window_bits=9');
});

const OWN_WINDOW = 'after that offer no reference reaches out of the window, whatever is answered';

prove('7692/7.1.2.2-2', 'client', OWN_WINDOW, async (role) => {
  for (const answer of ['', '; client_max_window_bits=9', '; client_max_window_bits=12']) {
    await using session = await agree(role, `; server_max_window_bits=9${answer}`, { windowBits: 9 });
    const period = new Random(9).bytes(300).toString('hex');
    let history = '';
    for (const message of [period, period, period.slice(0, 250) + period]) {
      const { bytes, maxDistance } = inflate(await sendCompressed(session, message), Buffer.from(history));
      assert.is(bytes.toString(), message);
      assert.ok(maxDistance <= 512, `${maxDistance} bytes back after ${answer}`);
      history += message;
    }
  }
});

const LIMITED = 'client_max_window_bits is answered with a number not above the one offered';

prove('7692/7.1.2.2-3', 'server', LIMITED, async () => {
  const offer = 'permessage-deflate; client_max_window_bits';
  assert.is(await answerTo(offer), 'permessage-deflate');
  for (const [bits, expected] of [[8, 8], [11, 11], [15, 11]]) {
    const answer = 'permessage-deflate; server_max_window_bits=11; client_max_window_bits';
    assert.is(await answerTo(`${offer}=${bits}`, { windowBits: 11 }), `${answer}=${expected}`);
  }
});

const UNOFFERED = 'client_max_window_bits is never answered to a client that did not offer it';

prove('7692/7.1.2.2-4', 'server', UNOFFERED, async () => {
  for (const windowBits of [8, 11, 14]) {
    const answer = await answerTo('permessage-deflate', { windowBits });
    assert.is(answer, `permessage-deflate; server_max_window_bits=${windowBits}`);
  }
});

prove('7692/7.1.3-1', 'server', 'the offers of the examples are answered as there', async () => {
  assert.is(await answerTo('permessage-deflate'), 'permessage-deflate');
  const offer = 'permessage-deflate; client_max_window_bits; server_max_window_bits=10';
  const answer = 'permessage-deflate; server_max_window_bits=10';
  assert.is(await answerTo(offer), answer);
  assert.is(await answerTo(`${offer}, permessage-deflate; client_max_window_bits`), answer);
});

prove('7692/7.1.3-1', 'client', 'the answers of the examples are taken', async () => {
  await assertTaken('permessage-deflate');
  await assertTaken('permessage-deflate; server_max_window_bits=10', { windowBits: 10 });
  await assertTaken('permessage-deflate', { windowBits: 10 });
});

// ── §7.2.1 ──

prove('7692/7.2.1-1', 'both', 'a message is deflated, and the four bytes at its end are removed', async (role) => {
  await using session = await agree(role);
  let history = '';
  for (const message of [TEXT, 'a'.repeat(10_000), 'Hello, Hello, Hello', TEXT]) {
    const payload = await sendCompressed(session, message);
    assert.not(payload.subarray(-4).equals(TAIL));
    assert.is(inflate(payload, Buffer.from(history)).bytes.toString(), message);
    history += message;
  }
});

prove('7692/7.2.1-2', 'both', 'no block is a final one, so that none is to be padded', async (role) => {
  await using session = await agree(role);
  const more = hex('00 05 00 fa ff 48 65 6c 6c 6f 00');
  const payload = await sendCompressed(session, TEXT);
  // A reader that ends at a final block would not see what follows.
  assert.is(inflate(Buffer.concat([payload, TAIL, more])).bytes.toString(), `${TEXT}Hello`);
});

prove('7692/7.2.1-3', 'both', 'a message sent whole is one frame, and fragments keep the bytes', async (role) => {
  await using session = await agree(role, `; ${role}_no_context_takeover`);
  for (const message of [TEXT, TEXT.repeat(10), TEXT.repeat(1000)]) {
    const payload = await sendCompressed(session, message);
    const bytes = inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH });
    assert.is(bytes.toString(), message);
  }
  async function* chunks(): AsyncGenerator<string> {
    yield TEXT;
    yield TEXT;
  }
  void session.connection.send(chunks(), { compress: true });
  const frames = [await session.peer.readFrame(), await session.peer.readFrame(), await session.peer.readFrame()];
  assert.equal(frames.map(({ fin, rsv1, opcode }) => [fin, rsv1, opcode]), [
    [false, true, 1], [false, false, 0], [true, false, 0],
  ]);
  const payload = Buffer.concat(frames.map((frame) => frame.payload));
  assert.is(Buffer.from(inflate(payload).bytes).toString(), TEXT + TEXT);
  // All of a chunk can be read as soon as it is there.
  assert.is(Buffer.from(inflateNaive(frames[0]!.payload).bytes).toString(), TEXT);
});

prove('7692/7.2.1-4', 'both', 'no reference reaches back more than 32,768 bytes', async (role) => {
  await using session = await agree(role);
  const random = new Random(32_768);
  const near = random.bytes(15_000).toString('hex');
  const far = random.bytes(17_000).toString('hex');
  let history = '';
  let farthest = 0;
  for (const message of [near + near, far + far.slice(0, 20_000), far]) {
    const { bytes, maxDistance } = inflate(await sendCompressed(session, message), Buffer.from(history));
    assert.is(bytes.toString(), message);
    farthest = Math.max(farthest, maxDistance);
    history += message;
  }
  assert.ok(farthest >= 30_000 && farthest <= 32_768, `${farthest} bytes back`);
});

for (const [own, alone, limited] of [
  ['client', '7692/7.2.1-5', '7692/7.2.1-7'],
  ['server', '7692/7.2.1-6', '7692/7.2.1-8'],
] as const) {
  prove(alone, own, 'with its no_context_takeover each message stands alone', async (role) => {
    await using session = await agree(role, `; ${role}_no_context_takeover`);
    const first = await sendCompressed(session, TEXT);
    const second = await sendCompressed(session, TEXT);
    assert.is(inflate(second).bytes.toString(), TEXT);
    assert.equal(second, first);
    // The other direction goes on from message to message.
    await assertReads(session, hex('f2 48 cd c9 c9 07 00'), 'Hello');
    await assertReads(session, hex('f2 00 11 00 00'), 'Hello');
  });

  prove(limited, own, 'no reference reaches out of the agreed window', async (role) => {
    for (let bits = 8; bits < 15; bits++) {
      await using session = await agree(role, `; server_max_window_bits=${bits}; client_max_window_bits=${bits}`);
      const size = 2 ** bits;
      // Repeats what was half a window ago, a whole one, and two.
      const period = Array.from({ length: size / 8 }, (_, number) => `${(number * 7919) % 9973}`.padStart(8)).join('');
      let history = '';
      let farthest = 0;
      for (const message of [period.slice(0, size / 2), period.slice(0, size / 2), period, period + period, period]) {
        const { bytes, maxDistance } = inflate(await sendCompressed(session, message), Buffer.from(history));
        assert.is(bytes.toString(), message);
        farthest = Math.max(farthest, maxDistance);
        history += message;
      }
      assert.ok(farthest <= size, `${farthest} bytes back in a window of ${size}`);
      // The context is in use at all.
      assert.ok(farthest > 0);
    }
  });
}

// ── §7.2.2 ──

/** §7.2.3.1 to §7.2.3.6: payloads, and what they say. */
const examples: Readonly<Record<string, readonly (readonly [payload: string, text: string])[]>> = {
  'one block': [['f2 48 cd c9 c9 07 00', 'Hello']],
  'a message that refers to the one before': [['f2 48 cd c9 c9 07 00', 'Hello'], ['f2 00 11 00 00', 'Hello']],
  'a block without compression': [['00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello']],
  'a final block': [['f3 48 cd c9 c9 07 00 00', 'Hello']],
  'two blocks': [['f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello']],
  'an empty message': [['00', '']],
};

Object.entries(examples).forEach(([name, messages], index) => {
  prove(`7692/7.2.3.${index + 1}-1`, 'both', `the example is read to the byte: ${name}`, async (role) => {
    await using session = await agree(role);
    for (const [payload, text] of messages) await assertReads(session, hex(payload), text);
    // The same, cut into two fragments at each place.
    for (const [payload, text] of messages) {
      const bytes = hex(payload);
      for (let cut = 0; cut <= bytes.length; cut++) {
        await using another = await agree(role);
        if (payload === 'f2 00 11 00 00') await assertReads(another, hex('f2 48 cd c9 c9 07 00'), 'Hello');
        const [first, second] = [bytes.subarray(0, cut), bytes.subarray(cut)];
        another.peer.write(Buffer.concat([
          rawFrame(role, `41 ${first.length.toString(16).padStart(2, '0')}`, first.toString('hex')),
          rawFrame(role, `80 ${second.length.toString(16).padStart(2, '0')}`, second.toString('hex')),
        ]));
        assert.is(await another.connection.wait(), text, `cut behind ${cut} bytes`);
      }
    }
  });
});

const FRAMES = 'the frames of the example are read to the byte, whole and in two fragments';

prove('7692/7.2.3.1-2', 'both', FRAMES, async (role) => {
  await using session = await agree(role);
  session.send('c1 07 f2 48 cd c9 c9 07 00');
  assert.is(await session.connection.wait(), 'Hello');
  session.send('41 03 f2 48 cd 80 04 c9 c9 07 00');
  assert.is(await session.connection.wait(), 'Hello');
});

prove('7692/7.2.2-1', 'both', 'what a peer has deflated is inflated, whatever it is', async (role) => {
  await using session = await agree(role);
  const peer = new Compressor();
  const binary = Buffer.from(Uint8Array.from({ length: 40_000 }, (_, index) => (index * index * 31) >> 3));
  for (const message of [TEXT, binary, '', TEXT, 'é'.repeat(5000), binary]) {
    await assertReads(session, await peer.compress(message), message);
  }
  await session.expectAlive();
});

prove('7692/7.2.2-2', 'both', 'what is no DEFLATE, or ends too early, fails the connection with 1007', async (role) => {
  const setup = { route: { deflate: true }, extensions: 'permessage-deflate' };
  await assertFailures(role, 1007, [
    ['a type of block that there is not', ['c1 02', '0700']],
    ['an unconfirmed length', ['c1 05', '00 0500 faf0']],
    ['a reference to nothing', ['c1 05', 'f200110000']],
    ['a block cut off', ['c1 05', 'f248cdc9c9']],
    ['a stored block cut off', ['c1 08', '000500faff48656c']],
    ['in fragments', ['41 02', 'f248'], ['80 02', 'cdc9']],
  ], setup);
});

prove('7692/7.2.2-3', 'both', 'a compressed message without a byte fails the connection with 1007', async (role) => {
  const setup = { route: { deflate: true }, extensions: 'permessage-deflate' };
  await assertFailures(role, 1007, [
    ['one frame of text', ['c1 00']],
    ['one frame', ['c2 00']],
    ['two frames', ['41 00'], ['80 00']],
    ['behind a message', ['c1 07', 'f248cdc9c90700'], ['c1 00']],
  ], setup);
});

for (const [own, context, alone, window, limited] of [
  ['client', '7692/7.2.2-4', '7692/7.2.2-6', '7692/7.2.2-8', '7692/7.2.2-10'],
  ['server', '7692/7.2.2-5', '7692/7.2.2-7', '7692/7.2.2-9', '7692/7.2.2-11'],
] as const) {
  prove(context, own, 'a message may refer to those before it', async (role) => {
    // What this endpoint itself must not refer to is no matter.
    for (const parameters of ['', `; ${own}_no_context_takeover`]) {
      await using session = await agree(role, parameters);
      const peer = new Compressor();
      for (const message of [TEXT, 'Hello', `${TEXT}Hello`, TEXT]) {
        await assertReads(session, await peer.compress(message), message);
      }
    }
  });

  prove(alone, own, 'with the other\'s no_context_takeover nothing is kept', async (role) => {
    await using session = await agree(role, `; ${OTHER[role]}_no_context_takeover`);
    await assertReads(session, hex('f2 48 cd c9 c9 07 00'), 'Hello');
    await assertReads(session, hex('f2 48 cd c9 c9 07 00'), 'Hello');
    // Our own direction goes on from message to message.
    const first = await sendCompressed(session, TEXT);
    const second = await sendCompressed(session, TEXT);
    assert.ok(second.length < first.length / 4, `${first.length}, then ${second.length} bytes`);
    assert.is(inflate(second, Buffer.from(TEXT)).bytes.toString(), TEXT);
    session.sendRaw('c1 05', 'f200110000');
    await session.expectFailure(1007);
  });

  prove(window, own, 'references reach 32,768 bytes back', async (role) => {
    await using session = await agree(role);
    const peer = new Compressor();
    const noise = new Random(7692).bytes(32_000);
    await assertReads(session, await peer.compress(noise), noise);
    const again = await peer.compress(noise.subarray(0, 1000));
    // It is a reference over 31,000 bytes and more.
    assert.ok(again.length < 100, `${again.length} bytes`);
    assert.ok(inflate(again, noise).maxDistance > 31_000);
    await assertReads(session, again, noise.subarray(0, 1000));
  });

  prove(limited, own, 'with the other\'s max_window_bits no more is kept', async (role) => {
    await using session = await agree(role, '; server_max_window_bits=9; client_max_window_bits=9');
    // It breaks the agreement.
    const peer = new Compressor(15);
    const noise = new Random(7692).bytes(600);
    await assertReads(session, await peer.compress(noise), noise);
    const again = await peer.compress(noise.subarray(0, 80));
    assert.is(inflate(again, noise).maxDistance, 600);
    session.sendRaw(`c2 ${again.length.toString(16).padStart(2, '0')}`, again.toString('hex'));
    await session.expectFailure(1007);
  });
}

// ── §7.2.3, §7.3 ──

const BETWEEN = 'a message without compression in between changes nothing';

prove('7692/7.2.3.2-2', 'both', BETWEEN, async (role) => {
  await using session = await agree(role);
  session.send('c1 07 f248cdc9c90700 81 03 616263 82 05 0102030405 c1 05 f200110000');
  for (const message of ['Hello', 'abc', hex('01 02 03 04 05'), 'Hello']) {
    assert.equal(await session.connection.wait(), message);
  }
  await sendCompressed(session, TEXT);
  void session.connection.send('abc', { compress: false });
  await session.expect('81 03 616263');
  const again = await sendCompressed(session, TEXT);
  assert.is(inflate(again, Buffer.from(TEXT)).bytes.toString(), TEXT);
  assert.throws(() => inflate(again));
});

const LAST = 'the last fragment may hold nothing but an empty block';

prove('7692/7.2.3.6-2', 'both', LAST, async (role) => {
  await using session = await agree(role);
  session.send('41 0b f248cdc9c907000000ffff 80 01 00');
  assert.is(await session.connection.wait(), 'Hello');
  session.send('41 05 f200110000 00 04 0000ffff 80 01 00');
  assert.is(await session.connection.wait(), 'Hello');
});

prove('7692/7.3-1', 'both', 'by default references reach back more than 1,024 bytes', async (role) => {
  await using session = await agree(role);
  const text = new Random(1024).bytes(1000).toString('hex');
  await sendCompressed(session, text);
  const { bytes, maxDistance } = inflate(await sendCompressed(session, text), Buffer.from(text));
  assert.is(bytes.toString(), text);
  assert.is(maxDistance, 2000);
});

prove.run();
