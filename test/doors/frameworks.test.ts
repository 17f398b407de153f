// The same exchanges on the ports of Express, Fastify and Hono, which serve their own pages there.
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { examplePath, requireExamples } from '../examples/example.js';
import { attachedDoor } from './doors.js';
import { testDoor } from './exchanges.js';

// The parts that are used; their own types would have to be installed to compile the root.
interface Express {
  (): { get(path: string, handle: (request: unknown, response: { send(body: string): void }) => void): void } & {
    listen(port: number, host: string): Server;
  };
}

interface Fastify {
  fastify(options: { forceCloseConnections: true }): {
    get(path: string, handle: () => Promise<string>): void;
    listen(options: { port: number; host: string }): Promise<string>;
    readonly server: Server;
  };
}

interface Hono {
  readonly Hono: new () => {
    get(path: string, handle: (context: { text(body: string): unknown }) => unknown): void;
    readonly fetch: unknown;
  };
}

interface HonoOnNode {
  serve(options: { fetch: unknown; port: number; hostname: string }): Server;
}

/** Loads a package of the examples; ends the test if these are not installed. */
function load<Package>(name: string): Package {
  requireExamples();
  return createRequire(examplePath('package.json'))(name) as Package;
}

async function listening(server: Server): Promise<Server> {
  if (!server.listening) await once(server, 'listening');
  return server;
}

testDoor(attachedDoor('Express', () => {
  const app = load<Express>('express')();
  app.get('/plain', (_request, response) => response.send('plain'));
  return listening(app.listen(0, '127.0.0.1'));
}));

testDoor(attachedDoor('Fastify', async () => {
  const app = load<Fastify>('fastify').fastify({ forceCloseConnections: true });
  app.get('/plain', async () => 'plain');
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server;
}));

testDoor(attachedDoor('Hono', () => {
  const app = new (load<Hono>('hono').Hono)();
  app.get('/plain', (context) => context.text('plain'));
  return listening(load<HonoOnNode>('@hono/node-server').serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }));
}));
