// The same over TLS at a coarser grid: a network that fails within the TLS handshake, and within records of ciphertext.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import * as assert from 'uvu/assert';
import { createServer } from '../../src/index.js';
import { isPending } from '../connection/harness.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { RawClient } from '../support/peers/raw-client.js';
import { assertClean, assertEnding, World, type Outcome } from './harness.js';
import { directions, type Fault } from './proxy.js';

const test = suite('faults: over TLS', { timeout: 120_000 });

const tls = { key: privateKey, cert: certificate };

/** Bytes from place to place; no divisor of anything, so that records are cut where it happens. */
const STEP = 61;

/** Signatures and tickets differ by some bytes from one handshake to the next: the last place must be in all. */
const MARGIN = 24;

async function everywhere(run: (world: World, fault: Omit<Fault, 'action'>) => Promise<void>): Promise<void> {
  await using world = await World.open({ tls });
  const clean = await world.converse('client', []);
  assertClean('client', clean);
  for (const direction of directions) {
    const { length } = clean.link[direction].passed;
    assert.ok(length > 500, `${length} bytes are no TLS handshake`);
    for (let place = 0; place < length - MARGIN; place += STEP) {
      try {
        await run(world, { direction, place });
      } catch (error) {
        throw new Error(`behind byte ${place} of ${length} ${direction}`, { cause: error });
      }
    }
  }
  assertClean('client', await world.converse('client', []));
}

function assertPlausible({ client, server }: Outcome): void {
  for (const side of [client, server]) {
    if (side === null) continue;
    assert.equal(side.messages, ['hello'].slice(0, side.messages.length));
    assertEnding(side, { code: 1000, reason: side === server ? 'bye' : '', wasClean: true });
  }
}

for (const action of ['end', 'reset', 'lateReset'] as const) {
  test(`${action} at each ${STEP}th byte of either direction`, async () => {
    await everywhere(async (world, fault) => {
      const outcome = await world.converse('client', [{ ...fault, action }]);
      assertPlausible(outcome);
      // What is missing is more than a Close frame and its answer take: it can't have been clean on both sides.
      assert.not(outcome.client?.close.wasClean && outcome.server?.close.wasClean);
    });
  });
}

for (const action of ['hold', 'split'] as const) {
  test(`${action} at each ${STEP}th byte of either direction`, async () => {
    await everywhere(async (world, fault) => {
      const outcome = await world.converse('client', [{ ...fault, action }], async (link, talking) => {
        if (action === 'hold') assert.is(await isPending(talking), true);
        link[fault.direction].release();
      });
      assertClean('client', outcome);
    });
  });
}

test('behind the TLS handshake a client that has ended its side still gets its reply', async () => {
  const server = createServer({ tls });
  server.route('/', async ({ signal }) => {
    // The server has seen the end before it answers.
    await once(signal, 'abort');
    return 'hello';
  });
  await server.listen(0, '127.0.0.1');
  const { port } = server.address() as AddressInfo;
  const socket = connectTls({ port, host: '127.0.0.1', ca: certificate });
  socket.allowHalfOpen = true;
  await once(socket, 'secureConnect');
  await using client = new RawClient(socket);
  socket.end('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  const { status, body } = await client.readResponse();
  assert.equal([status, body.toString()], [200, 'hello']);
  assert.is((await client.readToEnd()).length, 0);
  await server.close({ timeout: 0 });
});

test.run();
