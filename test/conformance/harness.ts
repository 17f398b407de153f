// What the conformance tests share: tests named by requirement and role, and sessions with a peer made of bytes.
import * as assert from 'uvu/assert';
import { connect, requireWebSocket, ProtocolError, type Connection } from '../../src/index.js';
import type { ConnectOptions, ServerOptions, WebSocketOptions } from '../../src/index.js';
import { peerBytes, terminateAll, unmask } from '../connection/harness.js';
import { doors, type Door } from '../doors/doors.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { decodeNaive, mask, type DecodedFrame } from '../support/codec/naive-codec.js';
import { SAMPLE_MASKING_KEY, type RawClient } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';

export type Role = 'server' | 'client';

export interface Requirements {
  /** Adds the test of a requirement of `docs/conformance.md`, for one role or for each of both. */
  (id: string, roles: Role | 'both', title: string, body: (role: Role) => Promise<void> | void): void;
  run(): void;
}

const ownPort = doors[0]!;

/** Through which door sessions with a server are opened. */
let door = ownPort;

/** Makes the files that are loaded from now on test servers only, through this door. */
export function testServersThrough(other: Door): void {
  door = other;
}

/** The tests of a section of RFC 6455, or of another. */
export function requirements(section: string, rfc = 6455): Requirements {
  const tests = suite(`RFC ${rfc} §${section}${door === ownPort ? '' : ` through ${door.name}`}`);
  tests.after.each(terminateAll);
  const prove = (id: string, roles: Role | 'both', title: string, body: (role: Role) => Promise<void> | void): void => {
    for (const role of roles === 'both' ? (['client', 'server'] as const) : [roles]) {
      if (role === 'client' && door !== ownPort) continue;
      tests(`${id} ${role}: ${title}`, () => body(role));
    }
  };
  return Object.assign(prove, { run: () => tests.run() });
}

/** How an endpoint under test differs from the defaults. */
export interface Setup {
  readonly server?: ServerOptions;
  readonly route?: WebSocketOptions<undefined>;
  readonly client?: ConnectOptions;
  /** What the peer's half of the handshake says of extensions: as a client what it offers, as a server its answer. */
  readonly extensions?: string | null;
}

/** An open WebSocket over loopback: our endpoint of that role, and its peer, whose every byte the test decides. */
export class Session implements AsyncDisposable {
  readonly role: Role;
  readonly peer: RawClient;
  readonly connection: Connection;
  /** Has the peer break the connection. */
  readonly reset: () => void;
  readonly #dispose: () => Promise<void>;

  constructor(
    role: Role,
    peer: RawClient,
    connection: Connection,
    dispose: () => Promise<void>,
    reset: () => void = () => void peer.socket.resetAndDestroy(),
  ) {
    this.role = role;
    this.peer = peer;
    this.connection = connection;
    this.reset = reset;
    this.#dispose = dispose;
  }

  /** Sends whole frames, given in hexadecimal without a mask; to a server they go masked. */
  send(frames: string): void {
    this.peer.write(peerBytes(this.role, frames));
  }

  /** Sends one frame that may break any rule: see `rawFrame`. */
  sendRaw(header: string, payload = ''): void {
    this.peer.write(rawFrame(this.role, header, payload));
  }

  /** Asserts the next bytes that the endpoint sends, given in hexadecimal without a mask; a client must mask them. */
  async expect(frames: string): Promise<void> {
    const expected = hex(frames);
    const masks = this.role === 'client' ? 4 * decodeNaive(expected).frames.length : 0;
    const bytes = await this.peer.readBytes(expected.length + masks);
    assert.is(unmask(this.role, bytes), expected.toString('hex'));
  }

  /** Asserts that the endpoint sends nothing more, and has ended its side in an orderly way. */
  async expectEnd(): Promise<void> {
    assert.is((await this.peer.readToEnd()).toString('hex'), '');
    assert.is(this.peer.error, null);
  }

  /** Asserts that the endpoint fails the connection: a Close frame with that code, the end, and a typed error. */
  async expectFailure(code: number): Promise<void> {
    assertCloseFrame(this.role, await this.peer.readFrame(), code);
    await this.expectEnd();
    this.peer.socket.end();
    const { error, ...close } = await this.connection.closed;
    // Whatever the peer sends behind its mistake, no Close frame of its was taken.
    assert.equal(close, { code: 1006, reason: '', wasClean: false });
    assert.instance(error, ProtocolError);
    assert.is((error as ProtocolError).closeCode, code);
  }

  /** Asserts that the connection still works: a ping is answered by the next bytes. */
  async expectAlive(): Promise<void> {
    this.send('89 04 70696e67');
    await this.expect('8a 04 70696e67');
  }

  /** Has the peer close with 1000, and asserts that the next bytes are the answer, and then the end. */
  async expectCleanClose(): Promise<void> {
    this.send('88 02 03e8');
    await this.expect('88 02 03e8');
    // §7.1.1: the server ends TCP first.
    if (this.role === 'server') await this.expectEnd();
    this.peer.socket.end();
    if (this.role === 'client') await this.expectEnd();
    assert.equal(await this.connection.closed, { code: 1000, reason: '', wasClean: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer[Symbol.asyncDispose]();
    await this.#dispose();
  }
}

/** Opens a session with our endpoint in that role. */
export async function establish(role: Role, setup: Setup = {}): Promise<Session> {
  return role === 'server' ? await establishServer(setup) : await establishClient(setup);
}

async function establishServer({ server: options, route, extensions = null }: Setup): Promise<Session> {
  await using resources = new AsyncStack();
  const opened = await door.open(options ?? {});
  resources.defer(() => opened[Symbol.asyncDispose]());
  let take!: (connection: Connection) => void;
  const accepted = new Promise<Connection>((resolve) => (take = resolve));
  opened.server.route('/', requireWebSocket(async ({ webSocket }) => {
    take(webSocket);
    await webSocket.closed;
  }, route));
  const client = await opened.connect();
  resources.defer(() => client[Symbol.asyncDispose]());
  client.request('/', { 'Sec-WebSocket-Extensions': extensions });
  const { isOpen, status, body } = await client.answer();
  assert.is(isOpen, true, `${status} ${body}`);
  const peer = client.raw;
  const connection = await accepted;
  return new Session('server', peer, connection, resources.move(), () => client.reset());
}

async function establishClient({ client: options, extensions = null }: Setup): Promise<Session> {
  await using resources = new AsyncStack();
  const server = await RawServer.listen();
  resources.defer(() => server[Symbol.asyncDispose]());
  const [connection, { peer }] = await Promise.all([
    connect(`ws://127.0.0.1:${server.port}/`, options),
    server.acceptUpgrade({ 'Sec-WebSocket-Extensions': extensions }),
  ]);
  return new Session('client', peer, connection, resources.move());
}

/** What to undo, the last first, unless it is moved to another owner. */
class AsyncStack implements AsyncDisposable {
  #steps: (() => PromiseLike<void>)[] = [];

  defer(step: () => PromiseLike<void>): void {
    this.#steps.unshift(step);
  }

  move(): () => Promise<void> {
    const moved = new AsyncStack();
    moved.#steps = this.#steps;
    this.#steps = [];
    return () => moved[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const step of this.#steps) await step();
  }
}

/**
 * A frame as the peer of an endpoint of that role sends it, whatever its header says.
 * @param header opcode byte, length byte without the mask bit, and extended length if any, in hexadecimal; for a server
 *   the mask bit is set and the key of RFC 6455 §5.7 added
 * @param payload in hexadecimal, unmasked
 */
export function rawFrame(role: Role, header: string, payload = ''): Buffer {
  const head = hex(header);
  if (role === 'client') return Buffer.concat([head, hex(payload)]);
  head[1] |= 0x80;
  return Buffer.concat([head, SAMPLE_MASKING_KEY, mask(hex(payload), SAMPLE_MASKING_KEY)]);
}

/** Asserts that a frame sent by an endpoint of that role is a Close frame with that code. */
export function assertCloseFrame(role: Role, frame: DecodedFrame, code: number): void {
  const { fin, rsv1, rsv2, rsv3, opcode, payload, maskingKey } = frame;
  assert.equal({ fin, rsv1, rsv2, rsv3, opcode }, { fin: true, rsv1: false, rsv2: false, rsv3: false, opcode: 0x8 });
  assert.is(maskingKey !== null, role === 'client');
  assert.ok(payload.length >= 2 && payload.length <= 125, `the payload has ${payload.length} bytes`);
  assert.is(payload.readUInt16BE(), code);
}

/** Asserts that each of these frames fails a connection of its own with that close code. */
export async function assertFailures(
  role: Role,
  code: number,
  cases: readonly (readonly [name: string, ...frames: (readonly [header: string, payload?: string])[]])[],
  setup: Setup = {},
): Promise<void> {
  for (const [name, ...frames] of cases) {
    await using session = await establish(role, setup);
    try {
      for (const [header, payload] of frames) session.sendRaw(header, payload);
      await session.expectFailure(code);
    } catch (error) {
      throw new Error(`in the case of ${name}`, { cause: error });
    }
  }
}
