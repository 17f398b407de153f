// What is to be the same through every door: one table of exchanges, and the suite that has them at one door.
import * as assert from 'uvu/assert';
import {
  acceptWebSocket, HandshakeError, requireWebSocket, type Close, type Request, type WebSocketRequest,
} from '../../src/index.js';
import { peerBytes } from '../connection/harness.js';
import { assertCloseFrame, rawFrame } from '../conformance/harness.js';
import { suite } from '../runner/suite.js';
import { until } from '../server/harness.js';
import { hex } from '../support/codec/cuts.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';
import type { DecodedFrame } from '../support/codec/naive-codec.js';
import type { FieldChanges } from '../support/peers/raw-client.js';
import type { Answer, Door, DoorClient, OpenDoor } from './doors.js';

const MEBIBYTE = 1 << 20;

/** "Hello" twenty times, as zlib compresses it: the letters as in RFC 7692 §7.2.3.1, and references to them. */
const HELLOS = 'f248cdc9c9f7a02d0100';

/** What such a frame of the server holds. */
function inflated({ rsv1, opcode, payload }: DecodedFrame): string {
  assert.equal([rsv1, opcode], [true, 1]);
  // §7.2.2
  return inflateNaive(Buffer.concat([payload, hex('0000ffff')])).bytes.toString();
}

/** A server behind a door, its routes, and what it has told. */
class Visit implements AsyncDisposable {
  readonly door: Door;
  readonly #open: OpenDoor;
  readonly #clients: DoorClient[] = [];
  /** How WebSockets have ended, by `onClose`. */
  readonly closes: Close[] = [];
  /** The codes and paths of refusals, by `onRefuse`. */
  readonly refused: string[] = [];
  readonly errors: unknown[] = [];
  /** Set while `authorize` of `/asks` waits for it to be called. */
  admit: (() => void) | null = null;

  private constructor(door: Door, open: OpenDoor) {
    this.door = door;
    this.#open = open;
  }

  static async begin(door: Door): Promise<Visit> {
    // The door makes the server, and the visit is told by it.
    let visit: Visit;
    const open = await door.open({
      deflate: { threshold: 0 },
      onClose: (close) => void visit.closes.push(close),
      onRefuse: ({ code }, { path }) => void visit.refused.push(`${code} ${path}`),
      onError: (error) => void visit.errors.push(error),
    });
    visit = new Visit(door, open);
    visit.#addRoutes();
    return visit;
  }

  get server(): OpenDoor['server'] {
    return this.#open.server;
  }

  #addRoutes(): void {
    const { server } = this.#open;
    const echo = async ({ webSocket }: WebSocketRequest): Promise<void> => {
      for await (const message of webSocket) await webSocket.send(message);
    };
    server.route('/echo', requireWebSocket(echo, { subprotocols: ['mail', 'chat'] }));
    server.route('/http', () => 'HTTP only');
    server.route('/rooms/:room', acceptWebSocket(async (request: Request) => {
      const { method, path, params, query, host, headers, remoteAddress } = request;
      const data = [method, path, params['room'], query.get('q'), host, headers.get('x-test'), remoteAddress];
      await request.webSocket!.send(JSON.stringify([...data, request.isWebSocket()]));
    }));
    server.route('/close', requireWebSocket(({ webSocket }) => webSocket.close(4001, 'enough, 世界')));
    server.route('/return', requireWebSocket(() => {}));
    server.route('/throw', requireWebSocket(() => {
      throw new Error('a mistake');
    }));
    server.route('/ping', requireWebSocket(async ({ webSocket }) => {
      await webSocket.ping('theirs');
      await webSocket.send('answered');
    }));
    server.route('/secret', requireWebSocket(() => {}, {
      authorize: () => {
        throw new HandshakeError('STRANGER', 401, 'who are you?', { headers: { 'WWW-Authenticate': 'Basic' } });
      },
    }));
    const asks = async ({ webSocket, authorized }: WebSocketRequest<string>): Promise<void> => {
      await webSocket.send(`${authorized} ${String(await webSocket.wait())}`);
    };
    server.route('/asks', requireWebSocket(asks, {
      authorize: () => new Promise<string>((resolve) => (this.admit = () => resolve('Ada'))),
    }));
  }

  async connect(): Promise<DoorClient> {
    const client = await this.#open.connect();
    this.#clients.push(client);
    return client;
  }

  /** Asks for a WebSocket on a connection of its own. */
  async ask(path: string, changes?: FieldChanges): Promise<Answer> {
    const client = await this.connect();
    client.request(path, changes);
    return await client.answer();
  }

  /** Opens a WebSocket. */
  async open(path = '/echo', changes?: FieldChanges): Promise<Session> {
    const client = await this.connect();
    client.request(path, changes);
    const answer = await client.answer();
    assert.is(answer.isOpen, true, `${answer.status} ${answer.body}`);
    return new Session(client, answer);
  }

  async getPlain(): Promise<string> {
    return await this.#open.getPlain();
  }

  /** How the only WebSocket has ended. */
  async closed(): Promise<Close> {
    await until('the server has told how it ended', () => this.closes.length > 0);
    assert.is(this.closes.length, 1);
    return this.closes[0]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    await this.#open[Symbol.asyncDispose]();
  }
}

/** A WebSocket, seen from a client made of bytes. */
class Session {
  readonly client: DoorClient;
  readonly answer: Answer;

  constructor(client: DoorClient, answer: Answer) {
    this.client = client;
    this.answer = answer;
  }

  /** Sends whole frames, given in hexadecimal without a mask. */
  send(frames: string): void {
    this.client.raw.write(peerBytes('server', frames));
  }

  /** Asserts the next bytes. */
  async expect(frames: string): Promise<void> {
    const expected = hex(frames);
    assert.is((await this.client.raw.readBytes(expected.length)).toString('hex'), expected.toString('hex'));
  }

  /** Asserts that the server has ended its side, and nothing else came. */
  async expectEnd(): Promise<void> {
    assert.is((await this.client.raw.readToEnd()).toString('hex'), '');
    this.client.raw.socket.end();
  }

  async expectClose(frame: string): Promise<void> {
    await this.expect(frame);
    await this.expectEnd();
  }

  async expectEcho(frames: string): Promise<void> {
    this.send(frames);
    await this.expect(frames);
  }
}

type Exchange = (visit: Visit) => Promise<void>;

/** Sends a frame that breaks a rule: the server says so with that code, and ends. */
function violation(code: number, ...frames: (readonly [header: string, payload?: string])[]): Exchange {
  return async (visit) => {
    const { client } = await visit.open();
    for (const [header, payload] of frames) client.raw.write(rawFrame('server', header, payload));
    assertCloseFrame('server', await client.raw.readFrame(), code);
    assert.is((await client.raw.readToEnd()).length, 0);
    client.raw.socket.end();
    assert.is((await visit.closed()).code, 1006);
  };
}

/** A frame of so many bytes. */
function bytesFrame(length: number): string {
  const digits = length.toString(16);
  const extended = length < 65_536 ? `7e ${digits.padStart(4, '0')}` : `7f ${digits.padStart(16, '0')}`;
  const header = length < 126 ? digits : extended;
  return `82 ${header} ${Buffer.alloc(length, 'bytes').toString('hex')}`;
}

/** Every exchange has a server, and leaves no error. */
const exchanges: readonly [name: string, exchange: Exchange][] = [
  // ── The opening handshake ──

  ['a WebSocket is opened', async (visit) => {
    const { answer } = await visit.open();
    assert.equal([answer.headers.get('sec-websocket-protocol'), visit.server.connections.size], [undefined, 1]);
  }],

  ['plain HTTP beside it', async (visit) => {
    await visit.open();
    assert.is(await visit.getPlain(), 'plain');
  }],

  ['what the handler knows of the request', async (visit) => {
    const session = await visit.open('/rooms/%C3%A4?q=1%202', { 'X-Test': 'a, b', Host: 'example.com:81' });
    const { payload } = await session.client.raw.readFrame();
    assert.equal(JSON.parse(payload.toString()), [
      visit.door.method, '/rooms/%C3%A4', 'ä', '1 2', 'example.com:81', 'a, b', visit.door.remoteAddress, true,
    ]);
  }],

  ['a subprotocol, the first of the server that is offered', async (visit) => {
    const { answer } = await visit.open('/echo', { 'Sec-WebSocket-Protocol': 'unknown, chat, mail' });
    assert.is(answer.headers.get('sec-websocket-protocol'), 'mail');
  }],

  ['no subprotocol in common', async (visit) => {
    const { answer } = await visit.open('/echo', { 'Sec-WebSocket-Protocol': 'unknown' });
    assert.is(answer.headers.get('sec-websocket-protocol'), undefined);
  }],

  ['the own origin', async (visit) => {
    await visit.open('/echo', { Host: 'example.com', Origin: 'http://example.com' });
  }],

  ['404: no route', async (visit) => {
    const { status, body } = await visit.ask('/nowhere');
    assert.equal([status, body], [404, 'there is nothing at this path\n']);
    assert.equal(visit.refused, ['NOT_FOUND /nowhere']);
  }],

  ['403: another origin', async (visit) => {
    const { status, body } = await visit.ask('/echo', { Origin: 'https://other.example' });
    assert.is(status, 403);
    assert.match(body, 'https://other.example');
    assert.equal(visit.refused, ['ORIGIN_REFUSED /echo']);
  }],

  ['401: authorize refuses, with a field and a body', async (visit) => {
    const { status, headers, body } = await visit.ask('/secret');
    assert.equal([status, headers.get('www-authenticate'), body], [401, 'Basic', 'who are you?\n']);
    assert.equal(visit.refused, ['STRANGER /secret']);
  }],

  ['426: another version', async (visit) => {
    const { status, headers } = await visit.ask('/echo', { 'Sec-WebSocket-Version': '8' });
    assert.equal([status, headers.get('sec-websocket-version')], [426, '13']);
    assert.equal(visit.refused, ['VERSION_UNSUPPORTED /echo']);
  }],

  ['400: no key', async (visit) => {
    assert.is((await visit.ask('/echo', { 'Sec-WebSocket-Key': null })).status, 400);
  }],

  ['400: a route without WebSocket', async (visit) => {
    const { status, body } = await visit.ask('/http');
    assert.equal([status, body], [400, 'this path has no WebSocket; use plain HTTP\n']);
  }],

  ['500: authorize fails', async (visit) => {
    visit.server.route('/fails', requireWebSocket(() => {}, {
      authorize: () => {
        throw new TypeError('a mistake');
      },
    }));
    assert.is((await visit.ask('/fails')).status, 500);
    assert.equal(visit.errors.splice(0).map(String), ['TypeError: a mistake']);
  }],

  ['frames that come with the request', async (visit) => {
    const client = await visit.connect();
    // Two texts, and half of a third.
    const frames = peerBytes('server', '81 01 61  81 01 62  81 01 63');
    client.request('/echo', {}, frames.subarray(0, -3));
    assert.is((await client.answer()).isOpen, true);
    client.raw.write(frames.subarray(-3));
    const echoed = hex('81 01 61  81 01 62  81 01 63');
    assert.equal(await client.raw.readBytes(echoed.length), echoed);
  }],

  ['frames that come while authorize is asked', async (visit) => {
    const client = await visit.connect();
    client.request('/asks');
    client.raw.write(peerBytes('server', '81 05 6561726c79'));
    await until('it is asked', () => visit.admit !== null);
    visit.admit!();
    assert.is((await client.answer()).isOpen, true);
    assert.is((await client.raw.readFrame()).payload.toString(), 'Ada early');
  }],

  // ── Messages ──

  ['text', async (visit) => {
    // "Hello, 世界"
    await (await visit.open()).expectEcho('81 0d 48656c6c6f2c20e4b896e7958c');
  }],

  ['binary', async (visit) => {
    await (await visit.open()).expectEcho('82 04 00ff8081');
  }],

  ['empty messages', async (visit) => {
    await (await visit.open()).expectEcho('81 00  82 00');
  }],

  ['each form of the length', async (visit) => {
    const session = await visit.open();
    for (const length of [125, 126, 65_535, 65_536]) await session.expectEcho(bytesFrame(length));
  }],

  ['1 MiB', async (visit) => {
    await (await visit.open()).expectEcho(bytesFrame(MEBIBYTE));
  }],

  ['a thousand messages at once', async (visit) => {
    const frames = Array.from({ length: 1000 }, (_, number) => {
      const text = Buffer.from(String(number));
      return `81 0${text.length} ${text.toString('hex')}`;
    });
    await (await visit.open()).expectEcho(frames.join(' '));
  }],

  ['byte by byte', async (visit) => {
    const session = await visit.open();
    for (const byte of peerBytes('server', '81 02 6869  89 00')) session.client.raw.write(Buffer.of(byte));
    const frames = [await session.client.raw.readFrame(), await session.client.raw.readFrame()];
    assert.equal(frames.map(({ payload }) => payload.toString()).sort(), ['', 'hi']);
  }],

  ['fragments', async (visit) => {
    const session = await visit.open();
    session.send('01 03 48656c  00 00  80 02 6c6f');
    await session.expect('81 05 48656c6c6f');
  }],

  ['control frames between fragments', async (visit) => {
    const session = await visit.open();
    session.send('02 01 01  89 01 61');
    await session.expect('8a 01 61');
    session.send('00 01 02  8a 00  89 00');
    await session.expect('8a 00');
    session.send('80 01 03');
    await session.expect('82 03 010203');
  }],

  ['compressed both ways', async (visit) => {
    const session = await visit.open('/echo', { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    assert.match(session.answer.headers.get('sec-websocket-extensions')!, /^permessage-deflate/);
    session.send(`c1 0a ${HELLOS}`);
    assert.is(inflated(await session.client.raw.readFrame()), 'Hello'.repeat(20));
  }],

  ['compressed in fragments, and one that is not compressed', async (visit) => {
    const session = await visit.open('/echo', { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    session.send(`41 03 ${HELLOS.slice(0, 6)}  80 07 ${HELLOS.slice(6)}  81 01 61`);
    assert.is(inflated(await session.client.raw.readFrame()), 'Hello'.repeat(20));
    await session.expect('81 01 61');
  }],

  // ── Pings ──

  ['a ping, and one of 125 bytes', async (visit) => {
    const session = await visit.open();
    session.send('89 02 6869');
    await session.expect('8a 02 6869');
    session.send(`89 7d ${'ff'.repeat(125)}`);
    await session.expect(`8a 7d ${'ff'.repeat(125)}`);
  }],

  ['a ping of the server', async (visit) => {
    const session = await visit.open('/ping');
    await session.expect('89 06 746865697273');
    session.send('8a 06 746865697273');
    await session.expect('81 08 616e737765726564');
  }],

  ['a pong that was not asked for', async (visit) => {
    const session = await visit.open();
    session.send('8a 02 6869');
    await session.expectEcho('81 01 61');
  }],

  // ── The end ──

  ['the client closes, with a code and a reason', async (visit) => {
    const session = await visit.open();
    session.send('88 05 0fa0 627965');
    await session.expectClose('88 02 0fa0');
    assert.equal(await visit.closed(), { code: 4000, reason: 'bye', wasClean: true });
  }],

  ['the client closes, without a code', async (visit) => {
    const session = await visit.open();
    session.send('88 00');
    await session.expectClose('88 00');
    assert.equal(await visit.closed(), { code: 1005, reason: '', wasClean: true });
  }],

  ['the client closes after messages, which are answered first', async (visit) => {
    const session = await visit.open();
    session.send('81 01 61  82 01 62  88 02 03e8');
    await session.expectClose('81 01 61  82 01 62  88 02 03e8');
  }],

  ['the server closes, with a code and a reason', async (visit) => {
    const session = await visit.open('/close');
    // "enough, 世界"
    await session.expect('88 10 0fa1 656e6f7567682c20e4b896e7958c');
    session.send('88 02 0fa1');
    await session.expectEnd();
    assert.equal(await visit.closed(), { code: 4001, reason: '', wasClean: true });
  }],

  ['a handler returns: 1000', async (visit) => {
    const session = await visit.open('/return');
    await session.expect('88 02 03e8');
    session.send('88 02 03e8');
    await session.expectEnd();
  }],

  ['a handler throws: 1011', async (visit) => {
    const session = await visit.open('/throw');
    await session.expect('88 02 03f3');
    session.send('88 02 03f3');
    await session.expectEnd();
    assert.equal(visit.errors.splice(0).map(String), ['Error: a mistake']);
  }],

  ['a half-close: what was sent is answered, and the server ends', async (visit) => {
    const session = await visit.open();
    session.send('81 01 61');
    session.client.raw.socket.end();
    await session.expectClose('81 01 61');
    assert.equal((await visit.closed()).wasClean, false);
  }],

  ['a reset', async (visit) => {
    const session = await visit.open();
    session.client.reset();
    assert.is((await visit.closed()).code, 1006);
    assert.is(visit.server.connections.size, 0);
  }],

  ['draining: 1001, and the server waits for the answer', async (visit) => {
    const session = await visit.open();
    let isOver = false;
    const closed = visit.server.close().then(() => (isOver = true));
    const frame = await session.client.raw.readFrame();
    assertCloseFrame('server', frame, 1001);
    assert.is(frame.payload.toString('utf8', 2), 'the server is closing');
    assert.is(isOver, false);
    session.send('88 02 03e9');
    await session.expectEnd();
    await closed;
    assert.equal(await visit.closed(), { code: 1001, reason: '', wasClean: true });
  }],

  ['draining cuts what does not answer', async (visit) => {
    const session = await visit.open();
    await visit.server.close({ timeout: 1 });
    await session.client.raw.readToEnd();
    assert.is((await visit.closed()).code, 1006);
  }],

  // ── Violations ──

  ['1002: no mask', async (visit) => {
    const { client } = await visit.open();
    client.raw.write(hex('81 01 61'));
    assertCloseFrame('server', await client.raw.readFrame(), 1002);
  }],
  ['1002: a reserved bit', violation(1002, ['a1 00'])],
  ['1002: RSV1 without compression', violation(1002, ['c1 00'])],
  ['1002: an opcode that is not known', violation(1002, ['83 00'])],
  ['1002: a fragment without a first', violation(1002, ['80 00'])],
  ['1002: a message amid another', violation(1002, ['01 00'], ['81 00'])],
  ['1002: a fragmented ping', violation(1002, ['09 00'])],
  ['1002: a ping of 126 bytes', violation(1002, ['89 7e 007e', '61'.repeat(126)])],
  ['1002: a length that is not the shortest', violation(1002, ['81 7e 0001', '61'])],
  ['1002: a Close frame of one byte', violation(1002, ['88 01', '03'])],
  ['1002: a close code that may not be sent', violation(1002, ['88 02', '03ed'])],
  ['1007: bad UTF-8', violation(1007, ['81 02', 'c328'])],
  ['1007: bad UTF-8 in a fragment, before the message ends', violation(1007, ['01 01', 'ff'])],
  ['1007: bad UTF-8 in a close reason', violation(1007, ['88 03', '03e8ff'])],
  ['1009: over maxMessageBytes, at the header', violation(1009, ['82 7f 0000000000100001'])],
  ['1009: fragments that are too long together',
    violation(1009, ['02 7f 0000000000100000', '00'.repeat(MEBIBYTE)], ['80 01'])],
];

/** Adds the suite of a door. */
export function testDoor(door: Door): void {
  const { exceptions = {} } = door;
  const test = suite(`door: ${door.name}`);
  for (const [name, exchange] of exchanges) {
    if (Object.hasOwn(exceptions, name)) continue;
    test(name, async () => {
      await using visit = await Visit.begin(door);
      await exchange(visit);
      assert.equal(visit.errors, []);
    });
  }
  test('the exceptions are exchanges, each with a reason', () => {
    const names = exchanges.map(([name]) => name);
    for (const [name, reason] of Object.entries(exceptions)) {
      assert.ok(names.includes(name), name);
      assert.ok(reason.length > 10, name);
    }
  });
  test.run();
}
