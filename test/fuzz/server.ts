// Fuzzes the whole server over a socket in memory: HTTP/1.1, the router, the opening handshake, and connections.
//
// The invariant: for any bytes of a client, in any pieces, and with an end or a reset at any place,
// - the answers are HTTP responses with a status of docs/api.md, never 500, and behind a 101 whole, valid frames;
// - onError is told nothing, no rejection is unhandled, no exception escapes;
// - answers, messages and close code are the same however the bytes are cut;
// - once the client has ended, the socket is destroyed, and no connection is kept in a list;
// - no message is over its limit, and no body over maxBodyBytes.
import type { Connection } from '../../src/connection/connection.js';
import { Connections } from '../../src/connection/connections.js';
import { SilenceTimer } from '../../src/stream/silence-timer.js';
import { resolveLimits } from '../../src/connection/limits.js';
import type { Close } from '../../src/errors.js';
import { RunningHandlers } from '../../src/server/handlers.js';
import { HttpConnection, type HttpContext } from '../../src/server/http-connection.js';
import { Router } from '../../src/server/router.js';
import {
  acceptWebSocket, requireWebSocket, WebSocketRoute, type Handler, type Route,
} from '../../src/server/websocket.js';
import { Random } from '../frame/random.js';
import { FakeSocket } from '../server/harness.js';
import { hex } from '../support/codec/cuts.js';
import { checkFrames, compressionOf, deliver, describeClose, describeMessage, fork, settle } from './conversation.js';
import { generateFrameBytes } from './frame-inputs.js';
import { generateRequestHead, httpDictionary, requestCorpus } from './heads.js';
import { mutate } from './mutate.js';
import { copyCut } from './pieces.js';
import { assertHolds, assertSame, Finding, type Target } from './target.js';

const MAX_MESSAGE_BYTES = 1000;
const MAX_BODY_BYTES = 100;

/** Long enough for any machine: no timer takes part. */
const NEVER = 1 << 30;

/** The conversations under way by the address of their client. */
const conversations = new Map<string, Conversation>();
let conversationCount = 0;

async function talk(connection: Connection): Promise<void> {
  const conversation = conversations.get(connection.remoteAddress)!;
  void connection.closed.then((close) => (conversation.close = close));
  for await (const message of connection) {
    conversation.receive(message.length, describeMessage(message));
    connection.send(message).catch(() => {});
  }
}

async function* stream(): AsyncGenerator<string> {
  yield 'a';
  yield 'b'.repeat(300);
}

const plain: Readonly<Record<string, Handler>> = {
  '/': () => 'hello',
  '/body/': async (request) => {
    const body = await request.body();
    assertHolds('no body over the limit', body.length <= MAX_BODY_BYTES, () => `${body.length} bytes`);
    return `${body.length} bytes`;
  },
  '/forget/': (request) => {
    void request.body();
    return 'forgotten';
  },
  '/stream/': () => ({ body: stream() }),
  '/rooms/:room/*': ({ params }) => `${Object.values(params).join('').length}`,
};

const router = new Router<Route>();
const limits = resolveLimits({
  maxMessageBytes: MAX_MESSAGE_BYTES, maxQueuedMessages: 4, deflate: { threshold: 0 },
});
const accepting = acceptWebSocket(async (request) => {
  if (!request.isWebSocket()) return 'a page';
  await talk(request.webSocket);
  return null;
});
const requiring = requireWebSocket((request) => talk(request.webSocket), { subprotocols: ['chat'], origins: '*' });
const routes: Readonly<Record<string, WebSocketRoute>> = {
  ...Object.fromEntries(
    Object.entries(plain).map(([path, handler]) => [path, new WebSocketRoute(handler, 'refused', {})]),
  ),
  '/echo/': accepting,
  '/ws/': requiring,
};
for (const [path, route] of Object.entries(routes)) {
  router.add(path, route.resolve({ origins: [], limits: () => limits }));
}

/** One client, and all that came of it. */
class Conversation {
  close: Close | null = null;
  readonly #messages: string[] = [];
  readonly #errors: unknown[] = [];
  readonly #socket: FakeSocket;
  readonly #address = String(conversationCount++);
  readonly #context: HttpContext;

  constructor() {
    const { fake, socket } = FakeSocket.create();
    this.#socket = Object.assign(fake, { remoteAddress: this.#address });
    this.#context = {
      router,
      connections: new Connections(),
      httpConnections: new Set(),
      keepAlive: new SilenceTimer(0),
      headTimeout: NEVER,
      bodyTimeout: NEVER,
      idleTimeout: NEVER,
      maxBodyBytes: MAX_BODY_BYTES,
      isClosing: false,
      proxyTrust: null,
      handlers: new RunningHandlers(),
      onRefuse: () => {},
      onClose: undefined,
      onError: (error) => void this.#errors.push(error),
    };
    conversations.set(this.#address, this);
    socket.on('error', () => {});
    new HttpConnection(socket, this.#context);
  }

  receive(byteLength: number, message: string): void {
    assertHolds('no message over the limit', byteLength <= MAX_MESSAGE_BYTES, () => `${byteLength} bytes`);
    this.#messages.push(message);
  }

  /** Lets the pieces arrive, and then an end or a reset; returns what can be said about it all. */
  async hold(pieces: readonly Buffer[], ending: 'receiveEnd' | 'reset', random: Random): Promise<string> {
    const socket = this.#socket;
    const progress = (): number => socket.writes.length + this.#messages.length + (this.close === null ? 0 : 1);
    try {
      await deliver(socket, pieces, random);
      // Without this the end may come before the answer.
      if (ending === 'receiveEnd') await settle(progress);
      if (!socket.destroyed) socket[ending]();
      await settle(() => progress() + (socket.closed ? 1 : 0));
      return this.#judge();
    } finally {
      socket.destroy();
      conversations.delete(this.#address);
    }
  }

  #judge(): string {
    const { connections, httpConnections } = this.#context;
    if (this.#errors.length > 0) throw new Finding('no fault', String(this.#errors[0]), { cause: this.#errors[0] });
    assertHolds('the socket is destroyed', this.#socket.closed, () => this.#socket.written.toString('latin1'));
    assertHolds('no connection is kept', connections.open.size + httpConnections.size === 0, () => 'one is');
    const { text, frames } = split(this.#socket.written);
    const [, extensions = ''] = /^Sec-WebSocket-Extensions: (.*)$/m.exec(text) ?? [];
    const sent = frames === null ? 0 : checkFrames(frames, false, compressionOf('server', extensions));
    return `${text}\n${this.#messages.join('\n')}\n${sent} ${describeClose(this.close)}`;
  }
}

/** What the server may answer; 408, 500 and 503 have no cause here. */
const STATUSES = [100, 101, 200, 204, 400, 403, 404, 405, 413, 414, 417, 426, 431, 501, 505];

/**
 * The answers as text, and the frames behind a 101. The text is without the time, and without `Connection: close`: that
 * a body is broken which no handler waited for may be known only after the head of the answer was written.
 */
function split(bytes: Buffer): { text: string; frames: Buffer | null } {
  const written = bytes.toString('latin1');
  const upgrade = /HTTP\/1\.1 101 [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(written);
  const end = upgrade === null ? written.length : upgrade.index + upgrade[0].length;
  const text = written.slice(0, end).replace(/^(?:Date: .*|Connection: close)\r\n/gm, '');
  assertHolds('answers of HTTP', text === '' || text.startsWith('HTTP/1.1 '), () => text);
  for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d+) [A-Za-z -]*\r\n/g)) {
    assertHolds('a documented status', STATUSES.includes(Number(status)), () => text);
  }
  return { text, frames: upgrade === null ? null : bytes.subarray(end) };
}

const PATHS = [
  '/echo/', '/ws/', '/echo/?a=b', '/', '/body/', '/forget/', '/stream/', '/rooms/a/b/c', '/rooms/%zz/', '/rooms/%2e/',
  '/nothing', '//',
];

const compressing = Buffer.concat([
  Buffer.from(
    requestCorpus[1]!.toString('latin1').replace('/chat?room=1', '/echo/')
      .replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n'),
    'latin1',
  ),
  hex('c1 87 00000000 f248cdc9c90700 c1 85 00000000 f200110000 88 82 00000000 03e8'),
]);

const upgrade = Buffer.concat([
  Buffer.from(requestCorpus[1]!.toString('latin1').replace('/chat?room=1', '/echo/'), 'latin1'),
  hex('81 85 00000000 48656c6c6f 89 80 00000000 88 82 00000000 03e8'),
]);

/** One or several requests, and frames or a body behind the last. */
function generate(random: Random): Buffer {
  const parts: Buffer[] = [];
  do {
    parts.push(Buffer.from(generateRequestHead(random, PATHS), 'latin1'));
    if (random.chance(0.2)) parts.push(random.pick(BODIES));
  } while (random.chance(0.3));
  if (random.chance(0.6)) parts.push(generateFrameBytes(random, true, random.chance(0.4)));
  return mutate(Buffer.concat(parts), random, httpDictionary);
}

const BODIES = ['abc', '3\r\nabc\r\n0\r\n\r\n', '0\r\n\r\n', 'ff\r\n', 'x'.repeat(120)]
  .map((text) => Buffer.from(text));

export const server: Target = {
  name: 'server',
  concurrency: 64,
  obstacle: null,
  corpus: [...requestCorpus, upgrade, compressing],
  generate,
  async check(input, random) {
    const pieces = copyCut(input, random);
    const [whole, cut] = await Promise.all([
      new Conversation().hold([Buffer.from(input)], 'receiveEnd', fork(random)),
      new Conversation().hold(pieces, 'receiveEnd', fork(random)),
    ]);
    assertSame('the same result however the bytes are cut', cut, whole);
    if (random.chance(0.7)) return;
    // With an end that nothing waits for, anywhere: only the other rules hold.
    const some = pieces.slice(0, random.integer(0, pieces.length));
    await new Conversation().hold(some, 'reset', random);
  },
};
