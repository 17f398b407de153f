// Closing out of order: Close frames that cross and are cut, and a peer that ends its half while it is still sent to.
import * as assert from 'uvu/assert';
import { ConnectionClosed } from '../../src/index.js';
import { establish } from '../conformance/harness.js';
import { isPending } from '../connection/harness.js';
import { suite } from '../runner/suite.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import { ABNORMAL, expectedOf, World } from './harness.js';
import { directions, type Direction } from './proxy.js';

const test = suite('faults: closing out of order', { timeout: 120_000 });

/** The lengths of the Close frames that the sides begin with: header, masking key, code and `bye`. */
const CLOSE_LENGTH: Readonly<Record<Direction, number>> = { toServer: 11, toClient: 7 };

/** How long each direction is before its Close frame. */
async function measure(world: World): Promise<Record<Direction, number>> {
  const { link } = await world.converse('both', []);
  const of = (direction: Direction): number => {
    const { passed } = link[direction];
    const head = passed.indexOf('\r\n\r\n') + 4;
    const { frames } = decodeNaive(passed.subarray(head));
    const closing = frames.findIndex(({ opcode }) => opcode === 8);
    const header = direction === 'toServer' ? 6 : 2;
    const before = frames.slice(0, closing).map(({ payload }) => header + payload.length);
    return head + before.reduce((sum, length) => sum + length, 0);
  };
  return { toServer: of('toServer'), toClient: of('toClient') };
}

/** Runs for each byte of the one Close frame and each of the other. */
async function atEachPairOfBytes(
  run: (world: World, places: Readonly<Record<Direction, number>>) => Promise<void>,
): Promise<void> {
  await using world = await World.open();
  const start = await measure(world);
  for (let toServer = 0; toServer < CLOSE_LENGTH.toServer; toServer++) {
    for (let toClient = 0; toClient < CLOSE_LENGTH.toClient; toClient++) {
      try {
        await run(world, { toServer: start.toServer + toServer, toClient: start.toClient + toClient });
      } catch (error) {
        throw new Error(`behind byte ${toServer} of one and ${toClient} of the other Close frame`, { cause: error });
      }
    }
  }
  await world.assertWorking();
}

for (const first of directions) {
  const second = first === 'toServer' ? 'toClient' : 'toServer';

  test(`Close frames that cross, cut at every byte, ${first} going on first: each side gets the other's`, async () => {
    await atEachPairOfBytes(async (world, places) => {
      const faults = directions.map((direction) => ({ direction, place: places[direction], action: 'hold' }) as const);
      const { client, server } = await world.converse('both', faults, async (link, talking) => {
        assert.is(await isPending(talking), true);
        link[first].release();
        assert.is(await isPending(link.gone), true);
        link[second].release();
      });
      assert.equal(client, { messages: ['hello'], close: { code: 1001, reason: 'bye', wasClean: true } });
      assert.equal(server, { messages: ['hello'], close: { code: 1000, reason: 'bye', wasClean: true } });
    });
  });

  test(`Close frames that cross, the one ${first} cut off at every byte: its receiver has 1006`, async () => {
    await atEachPairOfBytes(async (world, places) => {
      const { client, server, link } = await world.converse('both', [
        { direction: first, place: places[first], action: 'end' },
        { direction: second, place: places[second], action: 'hold' },
      ], async (link) => link[second].release());
      assert.equal(client, expectedOf(link.toClient.passed));
      assert.equal(server, expectedOf(link.toServer.passed));
      assert.equal((first === 'toClient' ? client : server)?.close, ABNORMAL);
    });
  });
}

/** More than the operating system buffers for a connection within this machine, at this size of a message. */
const MOST_MESSAGES = 64;
const MESSAGE_BYTES = 1 << 20;

for (const role of ['server', 'client'] as const) {
  const options = { maxBufferedBytes: MOST_MESSAGES * MESSAGE_BYTES };

  test(`${role}: the peer ends its half while it is still sent to: all of it arrives, and then the end`, async () => {
    await using session = await establish(role, { server: options, client: options });
    const { peer, connection } = session;
    peer.socket.pause();
    const ping = connection.ping();
    const message = Buffer.alloc(MESSAGE_BYTES, 'x');
    let count = 0;
    let sent: Promise<void>;
    do {
      assert.ok(++count < MOST_MESSAGES, 'the operating system takes all');
      sent = connection.send(message);
    } while (!(await isPending(sent)));
    peer.socket.end();
    assert.is(await connection.wait(), null);
    assert.is(connection.isClosed(), true);
    peer.socket.resume();
    const { frames, rest } = decodeNaive(await peer.readToEnd());
    assert.is(rest.length, 0);
    assert.equal(frames.map(({ opcode, payload }) => [opcode, payload.length]), [
      [9, 1], ...Array.from({ length: count }, () => [2, MESSAGE_BYTES]),
    ]);
    assert.equal(await connection.closed, ABNORMAL);
    for (const result of await Promise.allSettled([ping, sent])) {
      assert.instance(result.status === 'rejected' && result.reason, ConnectionClosed);
    }
  });

  test(`${role}: a reset while send, ping and several waits are pending: each is told`, async () => {
    await using session = await establish(role, { server: options, client: options });
    const { peer, connection } = session;
    peer.socket.pause();
    const waits = [connection.wait(), connection.wait({ timeout: 60_000 }), connection.wait()];
    const ping = connection.ping();
    const message = Buffer.alloc(MESSAGE_BYTES, 'x');
    let count = 0;
    let sent: Promise<void>;
    do {
      assert.ok(++count < MOST_MESSAGES, 'the operating system takes all');
      sent = connection.send(message);
    } while (!(await isPending(sent)));
    peer.socket.resetAndDestroy();
    assert.equal(await Promise.all(waits), [null, null, null]);
    for (const result of await Promise.allSettled([ping, sent])) {
      assert.instance(result.status === 'rejected' && result.reason, ConnectionClosed);
    }
    const { error, ...close } = await connection.closed;
    assert.equal(close, ABNORMAL);
    assert.ok(['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code!), String(error));
  });
}

test.run();
