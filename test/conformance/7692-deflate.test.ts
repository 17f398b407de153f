// RFC 7692 §5 to §7: permessage-deflate, agreed on in a real handshake and spoken with a peer made of bytes.
import { constants, createDeflateRaw, type DeflateRaw } from 'node:zlib';
import * as assert from 'uvu/assert';
import { connect, HandshakeError, requireWebSocket, type DeflateOptions } from '../../src/index.js';
import { Random } from '../frame/random.js';
import { serve } from '../server/harness.js';
import { hex } from '../support/cuts.js';
import { inflateNaive, type Inflated } from '../support/naive-inflate.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';
import { RawServer, readRequest } from '../support/raw-server.js';
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
async function assertRefused(answer: string, deflate: boolean | DeflateOptions = true): Promise<void> {
  await using server = await RawServer.listen();
  const attempt = connect(`ws://127.0.0.1:${server.port}/`, { deflate }).then(() => null, (error: unknown) => error);
  const { peer } = await server.acceptUpgrade({ 'Sec-WebSocket-Extensions': answer });
  const error = await attempt;
  assert.instance(error, HandshakeError, answer);
  assert.is((error as HandshakeError).code, 'EXTENSION_INVALID', answer);
  assert.is((await peer.readToEnd()).length, 0);
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

prove('7692/5-2', 'server', 'it is accepted by its name if it is switched on', async () => {
  assert.is(await answerTo('permessage-deflate'), 'permessage-deflate');
  assert.is(await answerTo('permessage-deflate', false), undefined);
});

prove('7692/5-3', 'server', 'of several offers the first that is understood is accepted', async () => {
  const offers = (...parameters: string[]): string => parameters.map((each) => `permessage-deflate${each}`).join(', ');
  const [first, second] = ['; server_max_window_bits=10', '; server_no_context_takeover'];
  assert.is(await answerTo(offers(first, second)), offers(first));
  assert.is(await answerTo(offers(second, first)), offers(second));
  assert.is(await answerTo(offers('; x=1', second, first)), offers(second));
  assert.is(await answerTo(`x-first, ${offers(first)}`), offers(first));
});

prove('7692/5-4', 'both', 'no second extension is agreed to beside it', async (role) => {
  if (role === 'server') {
    const offer = 'x-webkit-deflate-frame, permessage-deflate, permessage-bzip2, permessage-deflate';
    assert.is(await answerTo(offer), 'permessage-deflate');
    return;
  }
  await assertRefused('permessage-deflate, x-webkit-deflate-frame');
  await assertRefused('permessage-deflate, permessage-deflate');
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

prove('7692/6.2-1', 'both', 'a compressed message in fragments is inflated as a whole', async (role) => {
  await using session = await agree(role);
  session.send('41 03 f248cd 80 04 c9c90700');
  assert.is(await session.connection.wait(), 'Hello');
  // With a ping amid it, in fragments of one byte and of none; it refers to the message before.
  session.send('41 00 00 01 f2 00 01 00 89 00 00 00 00 01 11 00 01 00 80 01 00');
  assert.is(await session.connection.wait(), 'Hello');
  await session.expect('8a 00');
  session.send('42 01 f3 80 07 48cdc9c9070000');
  assert.equal(await session.connection.wait(), Buffer.from('Hello'));
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

// ── §7.1 ──

prove('7692/7.1-1', 'both', 'a parameter that is not defined', (role) => assertDeclines(role, [
  '; x', '; x=1', '; no_context_takeover', '; max_window_bits=15', '; server_max_window_bit=15', '; __proto__',
  '; constructor=1', '; Server_No_Context_Takeover', '; server_no_context_takeover; x',
]));

prove('7692/7.1-2', 'both', 'a value that is not allowed', (role) => assertDeclines(role, [
  '; server_no_context_takeover=1', '; client_no_context_takeover=true', '; server_max_window_bits',
  ...['7', '16', '0', '08', '015', '1000', '-9', '+9', '9.0', '0x9', '1e1', 'NaN'].flatMap((bits) => [
    `; server_max_window_bits=${bits}`, `; client_max_window_bits=${bits}`,
  ]),
  ...(role === 'client' ? ['; client_max_window_bits'] : []),
]));

prove('7692/7.1-3', 'both', 'a parameter that occurs twice', (role) => assertDeclines(role, [
  '; server_no_context_takeover; server_no_context_takeover',
  '; client_no_context_takeover; client_no_context_takeover',
  '; server_max_window_bits=10; server_max_window_bits=10',
  '; client_max_window_bits=10; client_max_window_bits=9',
]));

prove('7692/7.1-4', 'client', 'an answer that does not accept what was offered', async () => {
  await assertRefused('permessage-deflate', { contextTakeover: false });
  await assertRefused('permessage-deflate; client_no_context_takeover', { contextTakeover: false });
  await assertRefused('permessage-deflate', { windowBits: 10 });
  await assertRefused('permessage-deflate; server_max_window_bits=11', { windowBits: 10 });
  await assertRefused('permessage-deflate; server_max_window_bits=10; client_max_window_bits=11', { windowBits: 10 });
});

prove('7692/7.1.1.1-1', 'server', 'server_no_context_takeover is accepted by naming it', async () => {
  const value = 'permessage-deflate; server_no_context_takeover';
  assert.is(await answerTo(value), value);
});

const SERVER_BITS = 'server_max_window_bits is a number from 8 to 15, not above the one offered';

prove('7692/7.1.2.1-1', 'both', SERVER_BITS, async (role) => {
  if (role === 'client') {
    for (let bits = 8; bits < 15; bits++) {
      const offer = `permessage-deflate; server_max_window_bits=${bits}; client_max_window_bits=${bits}`;
      assert.is(await offerOf({ windowBits: bits }), offer);
    }
    return;
  }
  for (let bits = 8; bits <= 15; bits++) {
    const value = `permessage-deflate; server_max_window_bits=${bits}`;
    assert.is(await answerTo(value), value);
    const smaller = `permessage-deflate; server_max_window_bits=${Math.min(bits, 11)}`;
    assert.is(await answerTo(value, { windowBits: 11 }), smaller);
  }
});

prove('7692/7.1.2.2-1', 'both', SERVER_BITS.replace('server', 'client'), async (role) => {
  if (role === 'client') {
    // 15 is the limit of DEFLATE itself.
    assert.is(await offerOf({ windowBits: 15 }), 'permessage-deflate; client_max_window_bits');
    assert.match((await offerOf({ windowBits: 8 }))!, /; client_max_window_bits=8$/);
    return;
  }
  const offer = 'permessage-deflate; client_max_window_bits';
  assert.is(await answerTo(offer), 'permessage-deflate');
  for (const [bits, expected] of [[8, 8], [11, 11], [15, 11]]) {
    const answer = 'permessage-deflate; server_max_window_bits=11; client_max_window_bits';
    assert.is(await answerTo(`${offer}=${bits}`, { windowBits: 11 }), `${answer}=${expected}`);
  }
});

const UNASKED = 'client_max_window_bits is never answered to a client that did not offer it';

prove('7692/7.1.2.2-2', 'server', UNASKED, async () => {
  for (const windowBits of [8, 11, 14]) {
    const answer = await answerTo('permessage-deflate', { windowBits });
    assert.is(answer, `permessage-deflate; server_max_window_bits=${windowBits}`);
  }
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

for (const [own, alone, limited] of [
  ['client', '7692/7.2.1-3', '7692/7.2.1-5'],
  ['server', '7692/7.2.1-4', '7692/7.2.1-6'],
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
    ['nothing at all', ['c1 00']],
    ['in fragments', ['41 02', 'f248'], ['80 02', 'cdc9']],
  ], setup);
});

for (const [own, referring, alone] of [
  ['client', '7692/7.2.2-3', '7692/7.2.2-5'],
  ['server', '7692/7.2.2-4', '7692/7.2.2-6'],
] as const) {
  prove(referring, own, 'messages may refer to earlier ones, 32,768 bytes back', async (role) => {
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
}

prove.run();
