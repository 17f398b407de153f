// What twobyte and another library say to each other, whichever of them is the client; one table for all libraries.
import * as assert from 'uvu/assert';
import {
  connect, requireWebSocket, type Connection, type DeflateOptions, type Message,
} from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { startDemo } from '../support/demo.js';
import { Peer, show } from './peer.js';
import { compressible, deflateSettings, inPieces, Recorder, type DeflateSetting } from './recorder.js';

const MEBIBYTE = 1 << 20;

/** What the servers of both sides speak. */
const SUBPROTOCOLS = ['chat', 'mail'];

const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);

function binary(length: number): Buffer {
  return Buffer.alloc(length, allBytes);
}

const texts: readonly string[] = ['Hello, World!', '你好', '🎉', '', '\0', 'é'.repeat(MEBIBYTE / 2)];

/** At both sides of each change of the header's length (RFC 6455 §5.2), and up to the default limit. */
const binaries: readonly Buffer[] = [0, 1, 125, 126, 127, 65_535, 65_536, MEBIBYTE].map(binary);

/** What some libraries can't do: send a message in fragments, and choose what a ping carries. */
export type Ability = 'fragments' | 'ping payloads';

type Exchange = (ours: Connection, peer: Peer) => Promise<void>;

async function bothSend(ours: Connection, peer: Peer, messages: readonly Message[]): Promise<void> {
  for (const message of messages) {
    peer.send(message);
    assert.is(show(await ours.wait()), show(message));
    await ours.send(message);
    assert.is(await peer.hearMessage(), show(message));
  }
}

async function bothSendInPieces(ours: Connection, peer: Peer, messages: readonly string[]): Promise<void> {
  for (const message of messages) {
    peer.send(message);
    assert.is(await (await ours.receive())!.text(), message);
    await ours.send(inPieces(message));
    assert.is(await peer.hearMessage(), show(message));
  }
}

async function sendInFragments(ours: Connection, peer: Peer, parts: readonly Message[]): Promise<string> {
  for (const [index, part] of parts.entries()) {
    peer.send(part, index === parts.length - 1);
    // §5.4: control frames may come amid a fragmented message, and are answered before it ends.
    peer.tell('ping', 'amid');
    assert.is((await peer.hear())[0], 'pong');
  }
  return show(await ours.wait());
}

/** If an exchange leaves the connection open, it is closed with 1000 behind it. */
const exchanges: readonly [name: string, exchange: Exchange, needs?: Ability][] = [
  ['texts', (ours, peer) => bothSend(ours, peer, texts)],

  ['binaries', (ours, peer) => bothSend(ours, peer, binaries)],

  ['a thousand messages each way at once', async (ours, peer) => {
    const numbers = Array.from({ length: 1000 }, (_, number) => String(number));
    for (const number of numbers) {
      peer.send(number);
      void ours.send(number);
    }
    for (const number of numbers) {
      assert.is(await ours.wait(), number);
      assert.is(await peer.hearMessage(), show(number));
    }
  }],

  ['fragments, and pings amid', async (ours, peer) => {
    const text = ['Hel', '', 'lo, ', '世界'.repeat(1000), '!'];
    assert.is(await sendInFragments(ours, peer, text), show(text.join('')));
    const bytes = [binary(1000), binary(0), binary(70_000)];
    assert.is(await sendInFragments(ours, peer, bytes), show(Buffer.concat(bytes)));
  }, 'fragments'],

  ['a ping of theirs', async (_, peer) => {
    peer.tell('ping', 'theirs');
    assert.is((await peer.hear())[0], 'pong');
  }],

  ['pings of theirs, of every length', async (_, peer) => {
    for (let length = 0; length <= 125; length++) {
      peer.tell('ping', 'x'.repeat(length));
      assert.equal(await peer.hear(), ['pong', 'x'.repeat(length)]);
    }
  }, 'ping payloads'],

  ['pings of ours, of every length', async (ours) => {
    const pings = Array.from({ length: 126 }, (_, length) => ours.ping('x'.repeat(length)));
    for (const roundTrip of await Promise.all(pings)) assert.ok(roundTrip > 0);
  }],

  ['we close', async (ours, peer) => {
    const closed = ours.close(4001, 'good bye, 世界');
    assert.equal(await peer.hear(), ['closed', 4001, 'good bye, 世界']);
    assert.is((await closed).wasClean, true);
  }],

  ['they close', async (ours, peer) => {
    peer.tell('close', 4002, 'enough, 世界');
    assert.is(await ours.wait(), null);
    assert.equal(await ours.closed, { code: 4002, reason: 'enough, 世界', wasClean: true });
    assert.equal((await peer.hear()).slice(0, 2), ['closed', 4002]);
  }],

  ['we close behind a big message', async (ours, peer) => {
    const message = binary(MEBIBYTE);
    void ours.send(message);
    const closed = ours.close(4001, 'done');
    assert.is(await peer.hearMessage(), show(message));
    assert.equal(await peer.hear(), ['closed', 4001, 'done']);
    assert.is((await closed).wasClean, true);
  }],

  ['they close behind a big message', async (ours, peer) => {
    const message = binary(MEBIBYTE);
    peer.send(message);
    peer.tell('close', 4002, 'done');
    assert.is(show(await ours.wait()), show(message));
    assert.is(await ours.wait(), null);
    assert.equal(await ours.closed, { code: 4002, reason: 'done', wasClean: true });
    assert.equal((await peer.hear()).slice(0, 2), ['closed', 4002]);
  }],

  ['they send too much', async (ours, peer) => {
    peer.send(binary(MEBIBYTE + 1));
    assert.is(await ours.wait(), null);
    assert.equal((await peer.hear()).slice(0, 2), ['closed', 1009]);
    await ours.closed;
  }],
];

/** What their clients do on the routes of the demo. */
const visits: readonly [path: string, visit: (peer: Peer) => Promise<void>][] = [
  ['/echo/', async (peer) => {
    const messages = [...texts, ...binaries];
    for (const message of messages) peer.send(message);
    for (const message of messages) assert.is(await peer.hearMessage(), show(message));
    peer.tell('close', 4000, 'enough');
    assert.equal((await peer.hear()).slice(0, 2), ['closed', 4000]);
  }],

  ['/websocket/', async (peer) => {
    const message = binary(MEBIBYTE);
    peer.send(message);
    assert.is(await peer.hearMessage(), show(message));
    assert.equal(await peer.hear(), ['closed', 1000, '']);
  }],
];

interface Opening {
  readonly offered?: readonly string[];
  /** For our end. */
  readonly deflate?: DeflateOptions;
  /** Tells, for the port that the server listens on, which one the client is to connect to. */
  readonly reach?: (port: number) => Promise<number>;
}

/** Opens a connection between both, hands over our end, and ends with everything of ours. */
type Opener = (peer: Peer, opening: Opening, use: (ours: Connection) => Promise<void>) => Promise<void>;

const directly = async (port: number): Promise<number> => port;

const openers = {
  async 'their client'(peer, { offered = [], deflate, reach = directly }, use) {
    await using demo = await startDemo(deflate && { deflate });
    const arrival = new Promise<Connection>((resolve) => {
      demo.server.route('/interop/', requireWebSocket(({ webSocket }) => {
        resolve(webSocket);
        return webSocket.closed;
      }, { subprotocols: SUBPROTOCOLS }));
    });
    peer.tell('connect', `ws://127.0.0.1:${await reach(demo.port)}/interop/`, offered);
    await use(await arrival);
    assert.equal(demo.errors, []);
  },

  async 'their server'(peer, { offered = [], deflate, reach = directly }, use) {
    const url = `ws://127.0.0.1:${await reach(peer.port)}/`;
    const connection = await connect(url, { subprotocols: offered, ...(deflate && { deflate }) });
    try {
      await use(connection);
    } finally {
      connection.terminate();
    }
  },
} satisfies Readonly<Record<string, Opener>>;

export type Role = keyof typeof openers;

export interface PeerOptions {
  /** Finds the program and returns the command that starts it; ends the test by `requirePeer` if it is missing. */
  readonly find: () => readonly string[];
  readonly lacks?: readonly Ability[];
  /** What its ends can agree to, if they speak permessage-deflate. */
  readonly compresses?: Readonly<Partial<Record<Role, readonly DeflateSetting[]>>>;
}

/** Tests with another library, in both roles of each. */
export function testPeer(name: string, { find, lacks = [], compresses = {} }: PeerOptions): void {
  const tests = suite(name);
  const started: Peer[] = [];
  let command: readonly string[];
  // One process for all tests, but no test gets one that another has not brought to a good end.
  let idle: Peer | null = null;

  async function withPeer(use: (peer: Peer) => Promise<void>): Promise<void> {
    const peer = idle ?? (await startPeer());
    idle = null;
    await use(peer);
    idle = peer;
  }

  async function startPeer(): Promise<Peer> {
    const peer = new Peer(command);
    started.push(peer);
    await peer.waitUntilListening();
    return peer;
  }

  tests.before(() => {
    command = find();
  });

  tests.after(() => {
    for (const peer of started) peer.end();
  });

  for (const [role, open] of Object.entries(openers)) {
    for (const [title, exchange, needs] of exchanges) {
      if (needs !== undefined && lacks.includes(needs)) continue;
      tests(`${role}: ${title}`, () => withPeer((peer) => open(peer, {}, async (ours) => {
        assert.equal(await peer.hear(), ['open', '']);
        await exchange(ours, peer);
        if (!ours.isClosed()) await closeNormally(ours, peer);
      })));
    }

    const offered = ['unknown', 'mail'];
    tests(`${role}: a subprotocol`, () => withPeer((peer) => open(peer, { offered }, async (ours) => {
      assert.equal(await peer.hear(), ['open', 'mail']);
      assert.is(ours.subprotocol, 'mail');
      await closeNormally(ours, peer);
    })));
  }

  for (const [role, settings] of Object.entries(compresses) as [Role, readonly DeflateSetting[]][]) {
    for (const setting of settings) {
      for (const isWhole of [true, false]) {
        tests(`${role}: compressed${isWhole ? '' : ' in pieces'}, ${setting}`, () => withPeer(async (peer) => {
          const deflate: DeflateOptions = deflateSettings[setting];
          let recorder: Recorder | undefined;
          const reach = async (port: number): Promise<number> => (recorder = await Recorder.listen(port)).port;
          await openers[role](peer, { deflate, reach }, async (ours) => {
            assert.equal(await peer.hear(), ['open', '']);
            await (isWhole ? bothSend : bothSendInPieces)(ours, peer, compressible);
            await closeNormally(ours, peer);
          });
          recorder!.assertCompressed(role === 'their client' ? 'server' : 'client', deflate, compressible);
          await recorder![Symbol.asyncDispose]();
        }));
      }
    }
  }

  for (const [path, visit] of visits) {
    tests(`their client: ${path}`, () => withPeer(async (peer) => {
      await using demo = await startDemo();
      peer.tell('connect', `ws://127.0.0.1:${demo.port}${path}`, []);
      assert.equal(await peer.hear(), ['open', '']);
      await visit(peer);
      assert.equal(demo.errors, []);
    }));
  }

  tests.run();
}

async function closeNormally(ours: Connection, peer: Peer): Promise<void> {
  assert.equal(await ours.close(), { code: 1000, reason: '', wasClean: true });
  assert.equal(await peer.hear(), ['closed', 1000, '']);
}
