// The servers of examples/: each serves its own pages, and a WebSocket beside them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { RawClient } from '../support/peers/raw-client.js';
import { examplePath, serverSuite } from './example.js';

const run = promisify(execFile);

for (const name of ['express', 'fastify', 'hono']) {
  const [test] = serverSuite(name, { path: `${name}/server.js`, unknownPath: 404 });
  test.run();
}

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
