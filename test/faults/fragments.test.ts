// A peer of bytes sends a fragmented message, a ping within it, a Close frame and FIN, through a network that fails.
//
// FIN comes at once behind the Close frame, so before that is answered: the answer must still get through.
import * as assert from 'uvu/assert';
import { connect } from '../../src/index.js';
import { isPending, peerBytes } from '../connection/harness.js';
import { suite } from '../runner/suite.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import { RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { RawServer, readRequest, switchingProtocols } from '../support/peers/raw-server.js';
import { assertAtMost, expectedOf, talk, World, type Side } from './harness.js';
import { FaultProxy, type Direction, type Fault, type Link } from './proxy.js';

const test = suite('faults: a fragmented message of a raw peer', { timeout: 120_000 });

/** Text `one`, text `two` in three fragments with a ping between them, and Close with 1000 and the reason `bye`. */
const FRAMES = '81 03 6f6e65 01 01 74 89 01 70 00 01 77 80 01 6f 88 05 03e8 627965';

interface Run {
  /** What our endpoint has seen. */
  readonly side: Side | null;
  readonly link: Link;
  /** The frames that the peer has received. */
  readonly answered: ReturnType<typeof decodeNaive>;
}

/** How our endpoint in each role is run against the frames under a fault. */
interface Stage extends AsyncDisposable {
  run(fault: Fault): Promise<Run>;
}

/** A hold is released once all that is due was done. */
async function pass({ direction, action }: Fault, link: Link): Promise<void> {
  await link[direction].struck;
  if (action !== 'hold') return;
  assert.is(await isPending(link.gone), true);
  link[direction].release();
}

function framesBehindHead(bytes: Buffer): ReturnType<typeof decodeNaive> {
  const end = bytes.indexOf('\r\n\r\n');
  return decodeNaive(end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4));
}

async function openServer(): Promise<Stage> {
  const world = await World.open();
  return {
    async run(fault) {
      const linking = world.proxy.expect(fault);
      const peer = await RawClient.connect(world.proxy.port);
      peer.write(Buffer.concat([Buffer.from(upgradeRequest('/client')), peerBytes('server', FRAMES)]));
      peer.socket.end();
      const link = await linking;
      await pass(fault, link);
      const answered = framesBehindHead(await peer.readToEnd());
      await peer[Symbol.asyncDispose]();
      await world.assertNothingLeft(link);
      const side = world.takeServed();
      await world.assertWorking();
      return { side, link, answered };
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

async function openClient(): Promise<Stage> {
  const server = await RawServer.listen();
  const proxy = await FaultProxy.listen(server.port);
  return {
    async run(fault) {
      const linking = proxy.expect(fault);
      const talking = talk(connect(`ws://127.0.0.1:${proxy.port}/`), false);
      const peer = await server.accept();
      const { headers } = await readRequest(peer);
      const head = switchingProtocols(headers.get('sec-websocket-key')!);
      peer.write(Buffer.concat([Buffer.from(head), peerBytes('client', FRAMES)]));
      peer.socket.end();
      const link = await linking;
      await pass(fault, link);
      const side = await talking;
      const answered = decodeNaive(await peer.readToEnd());
      await peer[Symbol.asyncDispose]();
      await link.gone;
      return { side, link, answered };
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** How long the heads are that come before the frames. */
const HEADS = { server: upgradeRequest('/client').length, client: switchingProtocols('').length } as const;

for (const [role, open, direction] of [
  ['server', openServer, 'toServer'],
  ['client', openClient, 'toClient'],
] as const satisfies readonly (readonly ['server' | 'client', () => Promise<Stage>, Direction])[]) {
  for (const action of ['end', 'reset', 'lateReset', 'hold', 'split'] as const) {
    test(`${role}: ${action} at every byte of the frames`, async () => {
      await using stage = await open();
      const head = HEADS[role];
      const length = head + peerBytes(role, FRAMES).length;
      for (let place = head; place <= length; place++) {
        try {
          const { side, link, answered } = await stage.run({ direction, place, action });
          const { passed } = link[direction];
          assert.is(passed.length, action === 'hold' || action === 'split' ? length : place);
          if (action === 'reset' || action === 'lateReset') {
            assertAtMost(side, passed);
            continue;
          }
          assert.equal(side, expectedOf(passed));
          assert.is(answered.rest.length, 0, 'half a frame was sent');
          const closes = answered.frames.filter(({ opcode }) => opcode === 8);
          // §5.5.1: exactly one answer, with the code, and only to a whole Close frame
          assert.equal(closes.map(({ payload }) => payload.toString('hex')), passed.length === length ? ['03e8'] : []);
          assert.is(answered.frames.at(-1)?.opcode === 8, closes.length === 1, 'something was sent behind Close');
        } catch (error) {
          throw new Error(`behind byte ${place} of ${length}, head ${head}`, { cause: error });
        }
      }
    });
  }
}

test.run();
