// The proxy does what its name says: passes on, and fails at the byte and in the way that it was told.
import * as assert from 'uvu/assert';
import { isPending } from '../connection/harness.js';
import { suite } from '../runner/suite.js';
import { RawClient } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';
import { FaultProxy, type Fault, type Link } from './proxy.js';

const test = suite('faults: the proxy');

/** Two peers of bytes and the proxy between them. */
async function join(
  faults: readonly Fault[],
  run: (client: RawClient, server: RawClient, link: Link) => Promise<void>,
): Promise<void> {
  await using target = await RawServer.listen();
  await using proxy = await FaultProxy.listen(target.port);
  const linking = proxy.expect(...faults);
  await using client = await RawClient.connect(proxy.port);
  const [server, link] = await Promise.all([target.accept(), linking]);
  await run(client, server, link);
}

test('without a fault all bytes and both ends are passed on', async () => {
  await join([], async (client, server, link) => {
    client.write('ask');
    client.socket.end();
    assert.is((await server.readToEnd()).toString(), 'ask');
    server.write('answer');
    server.socket.end();
    assert.is((await client.readToEnd()).toString(), 'answer');
    assert.equal([link.toServer.passed.toString(), link.toClient.passed.toString()], ['ask', 'answer']);
    await link.gone;
  });
});

for (const place of [0, 1, 3]) {
  test(`end behind byte ${place}: one direction ends there, the other goes on`, async () => {
    await join([{ direction: 'toServer', place, action: 'end' }], async (client, server, link) => {
      client.write('ask');
      assert.is((await server.readToEnd()).toString(), 'ask'.slice(0, place));
      assert.is(server.error, null);
      client.write('more');
      server.write('answer');
      assert.is((await client.readBytes(6)).toString(), 'answer');
      await link.toServer.struck;
      assert.is(link.toServer.passed.length, place);
    });
  });

  for (const action of ['reset', 'lateReset'] as const) {
    test(`${action} behind byte ${place}: both sides lose the connection`, async () => {
      await join([{ direction: 'toClient', place, action }], async (client, server, link) => {
        server.write('answer');
        const [received] = await Promise.all([client.readToEnd(), server.readToEnd(), link.gone]);
        assert.is((server.error as NodeJS.ErrnoException).code, 'ECONNRESET');
        assert.is(link.toClient.passed.length, place);
        if (action === 'reset') return;
        assert.is(received.toString(), 'answer'.slice(0, place));
        assert.is((client.error as NodeJS.ErrnoException).code, 'ECONNRESET');
      });
    });
  }

  test(`hold behind byte ${place}: nothing goes on before it is released, the end neither`, async () => {
    await join([{ direction: 'toClient', place, action: 'hold' }], async (client, server, link) => {
      server.write('abc');
      server.socket.end();
      await link.toClient.struck;
      const end = client.readToEnd();
      assert.is(await isPending(end), true);
      assert.is(link.toClient.passed.length, place);
      link.toClient.release();
      assert.is((await end).toString(), 'abc');
    });
  });

  test(`split behind byte ${place}: all is passed on`, async () => {
    await join([{ direction: 'toServer', place, action: 'split' }], async (client, server, link) => {
      client.write('abc');
      await link.toServer.struck;
      assert.is((await server.readBytes(3)).toString(), 'abc');
    });
  });
}

test('a reset is passed on', async () => {
  await join([], async (client, server, link) => {
    client.socket.resetAndDestroy();
    await server.readToEnd();
    assert.is((server.error as NodeJS.ErrnoException).code, 'ECONNRESET');
    await link.gone;
  });
});

test('a fault is for one connection, and the next has none', async () => {
  await using target = await RawServer.listen();
  await using proxy = await FaultProxy.listen(target.port);
  const linking = proxy.expect({ direction: 'toServer', place: 0, action: 'reset' });
  await using first = await RawClient.connect(proxy.port);
  await first.readToEnd();
  await (await linking).gone;
  await using second = await RawClient.connect(proxy.port);
  // The first may not have been accepted before it was reset.
  let server = await target.accept();
  if (server.error !== null || server.socket.destroyed) server = await target.accept();
  second.write('ask');
  assert.is((await server.readBytes(3)).toString(), 'ask');
});

test.run();
