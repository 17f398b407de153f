// A stranger's program compiles with old and new compilers, however they resolve modules, and without Node's types.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from '../runner/suite.js';
import { checkerPath } from './checkers.js';
import { Stranger } from './stranger.js';

const run = promisify(execFile);

/** What it expects to be wrong would be right if a type were `any` because its module was not found. */
const program = `
import {
  acceptWebSocket, connect, createServer, requireWebSocket, HandshakeError,
  type Connection, type Request, type ServerOptions,
} from 'twobyte';
import { ConnectionEmitter, WebSocketServer, type WebSocketServerOptions } from 'twobyte/events';

interface User {
  readonly name: string;
}

type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

const options: ServerOptions = { deflate: { level: 1 } };
const server = createServer(options);

server.route('/method/', requireWebSocket(async ({ authorized, webSocket }) => {
  await webSocket.send(authorized.name);
}, {
  authorize(request: Request) {
    if (request.query.get('token') === null) throw new HandshakeError('NO_TOKEN', 401, 'bring a token');
    return { name: request.path };
  },
}));

server.route('/arrow/', requireWebSocket(({ authorized }) => {
  const isExact: Is<typeof authorized, User> = true;
  return isExact;
}, {
  authorize: async (request: Request): Promise<User | null> => (request.path === '/' ? null : { name: request.path }),
}));

server.route('/all/', acceptWebSocket((request) => {
  const isExact: Is<typeof request.authorized, undefined> = true;
  return isExact ? 'yes' : 'no';
}, { maxMessageBytes: 1 }));

export async function print(): Promise<Connection> {
  const connection = await connect('ws://127.0.0.1:8000/method/');
  for await (const message of connection) console.log(message.length);
  // @ts-expect-error a message is no number
  await connection.send(1);
  return connection;
}

const socketOptions: WebSocketServerOptions = { noServer: true, maxPayload: 1 };

export async function listen(): Promise<WebSocketServer> {
  const socket = new ConnectionEmitter(await connect('ws://127.0.0.1:8000/method/'));
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  // @ts-expect-error a message is no number
  socket.send(1);
  return new WebSocketServer(socketOptions);
}

// @ts-expect-error a misspelt option
createServer({ deflat: true });
`;

// A compiler's own names of the ways, each with the files that it takes as ES modules and as CommonJS.
const resolutions = [
  { moduleResolution: 'node10', module: 'commonjs', files: ['program.ts'], hasNodeTypes: true },
  { moduleResolution: 'node16', module: 'node16', files: ['program.mts', 'program.cts'], hasNodeTypes: true },
  { moduleResolution: 'nodenext', module: 'nodenext', files: ['program.mts', 'program.cts'], hasNodeTypes: false },
  { moduleResolution: 'bundler', module: 'esnext', files: ['program.ts'], hasNodeTypes: false },
];

const ours = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));

const compilers = [
  { version: '5.4', find: () => checkerPath('typescript-5.4/bin/tsc') },
  { version: '5.9', find: () => checkerPath('typescript-5.9/bin/tsc') },
  { version: '6', find: () => checkerPath('typescript-6/bin/tsc'), ignoreDeprecations: '6.0' },
  { version: '7', find: () => ours },
];

let stranger: Stranger;

const types = suite('package/types', { timeout: 300_000 });

types.before(async () => {
  stranger = await Stranger.create();
  for (const ending of ['ts', 'mts', 'cts']) writeFileSync(join(stranger.folder, `program.${ending}`), program);
});

types.after(() => stranger?.[Symbol.asyncDispose]());

for (const { version, find, ignoreDeprecations } of compilers) {
  for (const { hasNodeTypes, files, ...resolution } of resolutions) {
    const { moduleResolution } = resolution;
    // TypeScript 7 no longer has it.
    if (version === '7' && moduleResolution === 'node10') continue;
    types(`TypeScript ${version}, ${moduleResolution}, ${hasNodeTypes ? 'with' : 'without'} @types/node`, async () => {
      const compilerOptions = {
        ...resolution,
        ignoreDeprecations,
        target: 'es2022',
        noEmit: true,
        strict: true,
        exactOptionalPropertyTypes: true,
        types: hasNodeTypes ? ['node'] : [],
        // Without Node's types, a Buffer is unknown to the declarations.
        skipLibCheck: !hasNodeTypes,
      };
      const project = `tsconfig.${version}-${moduleResolution}.json`;
      writeFileSync(join(stranger.folder, project), JSON.stringify({ compilerOptions, files }));
      await run(process.execPath, [find(), '-p', project], { cwd: stranger.folder }).catch(
        ({ stdout }: { readonly stdout: string }) => {
          throw new Error(stdout);
        },
      );
    });
  }
}

types.run();
