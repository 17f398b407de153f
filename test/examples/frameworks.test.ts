// The servers of examples/: each serves its own pages, and a WebSocket beside them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { RawClient } from '../support/peers/raw-client.js';
import { Example, examplePath, serverSuite } from './example.js';

const run = promisify(execFile);

for (const name of ['express', 'hono']) {
  const [test] = serverSuite(name, { path: `${name}/server.js`, unknownPath: 404 });
  test.run();
}

const [fastify] = serverSuite('fastify', { path: 'fastify/server.js', unknownPath: 404 });

fastify('its close ends, although a WebSocket is open', async () => {
  await using example = await Example.start('fastify/server.js');
  await using client = await RawClient.connect(example.port);
  await client.upgrade('/live/');
  const ended = example.end();
  const { opcode, payload } = await client.readFrame();
  assert.equal([opcode, payload.readUInt16BE()], [8, 1001]);
  client.sendFrame(8, payload.subarray(0, 2));
  client.socket.end();
  await ended;
});

fastify.run();

const [nest] = serverSuite('nest', {
  path: 'nest/dist/server.js',
  make: () => run(process.execPath, [examplePath('node_modules/typescript/bin/tsc'), '-p', examplePath('nest')]),
  unknownPath: 404,
});
nest.run();

/** The first message of another WebSocket of the server. */
async function firstMessage(port: number, path: string, subprotocol: string | null): Promise<unknown> {
  await using client = await RawClient.connect(port);
  await client.upgrade(path, { 'Sec-WebSocket-Protocol': subprotocol });
  const { payload } = await client.readFrame();
  return JSON.parse(payload.toString());
}

const [vite, vitePort] = serverSuite('vite', { path: 'vite/server.js', unknownPath: 'nobody' });

vite('its hot reload works on the same port', async () => {
  assert.equal(await firstMessage(vitePort(), '/', 'vite-hmr'), { type: 'connected' });
});

vite.run();

const [next, nextPort] = serverSuite('next', { path: 'next/server.js', unknownPath: 'nobody' });

next('its hot reload works on the same port', async () => {
  const message = await firstMessage(nextPort(), '/_next/hmr?id=1', null);
  assert.type((message as { type: unknown }).type, 'string');
});

next.run();
