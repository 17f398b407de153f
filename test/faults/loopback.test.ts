// A client and a server of ours, and a network between them that fails at every byte of a conversation.
//
// The invariant, after each fault: `connect` rejects with a documented error or gives a connection; each side has seen
// exactly what was passed on to it; `closed` has the code of the peer's Close frame if that came whole, else 1006;
// who waits in `wait`, `send` or `ping` is told; no socket, timer or unhandled rejection is left; the next client is
// served.
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { assertAtMost, assertClean, expectedOf, World, type Closer, type Outcome } from './harness.js';
import { directions, type Direction } from './proxy.js';
import { isPending } from '../connection/harness.js';

const test = suite('faults: our client and our server', { timeout: 120_000 });

/** A conversation as it goes if nothing fails: how many bytes it has in a direction, and where its head ends. */
async function measure(world: World, closer: Closer): Promise<Record<Direction, { length: number; head: number }>> {
  const outcome = await world.converse(closer, []);
  assertClean(closer, outcome);
  const of = (direction: Direction): { length: number; head: number } => {
    const { passed } = outcome.link[direction];
    return { length: passed.length, head: passed.indexOf('\r\n\r\n') + 4 };
  };
  return { toServer: of('toServer'), toClient: of('toClient') };
}

/** Both sides have seen exactly what was passed on to them. */
function assertExact({ client, server, link }: Outcome): void {
  assert.equal(client, expectedOf(link.toClient.passed));
  assert.equal(server, expectedOf(link.toServer.passed));
}

/** Runs a conversation for each byte of each direction; the handshake, which is the same for both closers, once. */
async function everywhere(
  closer: Closer,
  run: (world: World, direction: Direction, place: number, length: number) => Promise<void>,
): Promise<void> {
  await using world = await World.open();
  const sizes = await measure(world, closer);
  for (const direction of directions) {
    const { length, head } = sizes[direction];
    for (let place = closer === 'client' ? 0 : head; place <= length; place++) {
      try {
        await run(world, direction, place, length);
        await world.assertWorking();
      } catch (error) {
        throw new Error(`behind byte ${place} of ${length} ${direction}, head ${head}`, { cause: error });
      }
    }
  }
}

for (const closer of ['client', 'server'] as const) {
  const where = closer === 'client' ? 'every byte; the client closes' : 'every byte of the frames; the server closes';

  test(`the stream ends in one direction at ${where}`, async () => {
    await everywhere(closer, async (world, direction, place) => {
      const outcome = await world.converse(closer, [{ direction, place, action: 'end' }]);
      assert.is(outcome.link[direction].passed.length, place);
      assertExact(outcome);
    });
  });

  for (const action of ['reset', 'lateReset'] as const) {
    test(`a ${action === 'reset' ? 'reset' : 'late reset'} at ${where}`, async () => {
      await everywhere(closer, async (world, direction, place) => {
        const { client, server, link } = await world.converse(closer, [{ direction, place, action }]);
        assert.is(link[direction].passed.length, place);
        assertAtMost(client, link.toClient.passed);
        assertAtMost(server, link.toServer.passed);
      });
    });
  }

  test(`two segments, cut at ${where}`, async () => {
    await everywhere(closer, async (world, direction, place) => {
      const outcome = await world.converse(closer, [{ direction, place, action: 'split' }]);
      assertClean(closer, outcome);
    });
  });

  test(`silence at ${where}: all goes on when it is over`, async () => {
    await everywhere(closer, async (world, direction, place) => {
      const faults = [{ direction, place, action: 'hold' }] as const;
      const outcome = await world.converse(closer, faults, async (link, client) => {
        assert.is(await isPending(client), true);
        assert.is(link[direction].passed.length, place);
        link[direction].release();
      });
      assertClean(closer, outcome);
    });
  });
}

test.run();
