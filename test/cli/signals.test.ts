// How the commands end: Ctrl-C closes, and stops at once when it is pressed again.
import { setTimeout as delay } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { RawClient } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';
import { Run } from './harness.js';

const ended = suite('cli/signals: serve');

async function connect(program: Run): Promise<RawClient> {
  const client = await RawClient.connect(Number((await program.address()).port));
  await client.upgrade('/echo/');
  return client;
}

/** The Close frame of a server that closes: 1001 and a reason, as bytes. */
const goingAway = `881703e9${Buffer.from('the server is closing').toString('hex')}`;

/** What was printed but for the lines about connections, which `cli/serve` has. */
function withoutConnections(errors: string): string {
  return errors.replace(/^(?:opened|closed) .*\n/gm, '');
}

const closing = 'closing; press Ctrl-C again to stop at once\n';

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  ended(`${signal} closes, and waits for the clients`, async () => {
    await using program = new Run(['serve', '--port', '0']);
    await using client = await connect(program);
    program.child.kill(signal);
    assert.is((await client.readBytes(25)).toString('hex'), goingAway);
    client.sendFrame(0x8, Buffer.from('03e9', 'hex'));
    assert.is((await client.readToEnd()).length, 0);
    client.socket.end();
    const { code, errors } = await program.end();
    assert.is(code, 0);
    assert.is(withoutConnections(errors), closing);
  });

  ended(`${signal}, then Ctrl-C, stops at once`, async () => {
    await using program = new Run(['serve', '--port', '0']);
    await using client = await connect(program);
    program.child.kill(signal);
    assert.is((await client.readBytes(25)).toString('hex'), goingAway);
    program.child.kill('SIGINT');
    const { signal: last, errors } = await program.end();
    assert.is(last, 'SIGINT');
    assert.is(withoutConnections(errors), closing);
  });
}

ended('under npm, a signal that comes twice closes, and waits for the clients', async () => {
  await using program = new Run(['serve', '--port', '0'], { npm_lifecycle_event: 'start' });
  await using client = await connect(program);
  // Stopped meanwhile, it gets both at once. Two of one kind would become one.
  for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) program.child.kill(signal);
  assert.is((await client.readBytes(25)).toString('hex'), goingAway);
  client.sendFrame(0x8, Buffer.from('03e9', 'hex'));
  client.socket.end();
  const { code, errors } = await program.end();
  assert.equal([code, withoutConnections(errors)], [0, closing]);
});

ended('under npm, which repeats a signal, Ctrl-C stops it too when it is pressed again', async () => {
  await using program = new Run(['serve', '--port', '0'], { npm_lifecycle_event: 'start' });
  await using client = await connect(program);
  program.child.kill('SIGINT');
  assert.is((await client.readBytes(25)).toString('hex'), goingAway);
  // The first of these may still count as npm's.
  while (program.isRunning) {
    program.child.kill('SIGINT');
    await delay(20);
  }
  assert.is((await program.end()).signal, 'SIGINT');
});

ended.run();

const left = suite('cli/signals: connect');

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  left(`${signal} closes with 1000, and waits for the server`, async () => {
    await using server = await RawServer.listen();
    await using program = new Run(['connect', `ws://127.0.0.1:${server.port}/`]);
    const { peer } = await server.acceptUpgrade();
    await program.until(() => program.errors === 'connected\n');
    program.child.kill(signal);
    const { opcode, payload } = await peer.readFrame();
    assert.equal([opcode, payload.toString('hex')], [0x8, '03e8']);
    peer.write(Buffer.from('880203e8', 'hex'));
    peer.socket.end();
    const errors = `connected\n${closing}closed with 1000\n`;
    assert.equal(await program.end(), { code: 0, signal: null, output: '', errors });
  });

  left(`${signal}, then Ctrl-C, stops at once`, async () => {
    await using server = await RawServer.listen();
    await using program = new Run(['connect', `ws://127.0.0.1:${server.port}/`]);
    const { peer } = await server.acceptUpgrade();
    await program.until(() => program.errors === 'connected\n');
    program.child.kill(signal);
    assert.is((await peer.readFrame()).opcode, 0x8);
    program.child.kill('SIGINT');
    const errors = `connected\n${closing}`;
    assert.equal(await program.end(), { code: null, signal: 'SIGINT', output: '', errors });
  });
}

left.run();
