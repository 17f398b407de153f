// Holds the rules of the house: who may import what, a test file per source file, and the list of public names.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import * as events from '../src/events.js';
import * as twobyte from '../src/index.js';
import { isOfPage, isOnlyTypes } from './runner/coverage.js';
import { suite } from './runner/suite.js';

/** Every name that users can import, in the order of its characters. A change here is a change of the public API. */
const publicValues: readonly string[] = [
  'CloseCode',
  'ConnectionClosed',
  'HandshakeError',
  'HttpError',
  'LogError',
  'ProtocolError',
  'TimeoutError',
  'WebSocketError',
  'acceptWebSocket',
  'broadcast',
  'checkLog',
  'connect',
  'connectionPair',
  'createFeed',
  'createFeeds',
  'createServer',
  'eventStream',
  'follow',
  'ignoreConnectionClosed',
  'prepare',
  'reconnect',
  'requireWebSocket',
  'serveFeed',
  'upgrade',
];
const publicTypes: readonly string[] = [
  'AfterOptions',
  'Batch',
  'BroadcastOptions',
  'BroadcastResult',
  'Close',
  'CloseOptions',
  'ConnectOptions',
  'Connection',
  'ConnectionOptions',
  'ConnectionState',
  'ConnectionStats',
  'Counted',
  'DeflateOptions',
  'DiagnosticsEvents',
  'Feed',
  'FeedOptions',
  'Feeds',
  'FeedsOptions',
  'FollowOptions',
  'FollowState',
  'Handler',
  'HeaderFields',
  'ListenOptions',
  'Log',
  'Message',
  'MessageSource',
  'OpeningOptions',
  'OpeningRequest',
  'PreparedMessage',
  'ProxyOptions',
  'ReconnectOptions',
  'Refusal',
  'RefusedRequest',
  'Reply',
  'ReplyParts',
  'Request',
  'Retry',
  'SendOptions',
  'Sendable',
  'ServeFeedOptions',
  'Server',
  'ServerOptions',
  'ServerSentEvent',
  'ServerStats',
  'SourceOptions',
  'StreamedMessage',
  'Traffic',
  'Transport',
  'Update',
  'WaitOptions',
  'WebSocketHandler',
  'WebSocketOptions',
  'WebSocketRequest',
  'WebSocketRoute',
];
/** The same of `twobyte/events`. */
const eventsNames: readonly string[] = [
  'ConnectionEmitter', 'ConnectionEvents', 'EmitterSendOptions', 'WebSocketServer', 'WebSocketServerOptions',
];

/** From which layers each layer may import, beside itself. */
const layers: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  diagnostics: [],
  http: ['errors'],
  handshake: ['errors', 'http'],
  frame: ['errors'],
  stream: ['errors', 'frame'],
  connection: ['errors', 'diagnostics', 'http', 'handshake', 'frame', 'stream'],
  server: ['errors', 'diagnostics', 'http', 'handshake', 'frame', 'stream', 'connection'],
  client: ['errors', 'http', 'handshake', 'frame', 'stream', 'connection'],
  events: ['errors', 'http', 'connection', 'server'],
  feed: ['errors', 'diagnostics', 'frame', 'stream', 'connection', 'server', 'client'],
  index: ['errors', 'http', 'frame', 'connection', 'server', 'client', 'feed'],
  demo: ['index'],
  cli: ['frame', 'server', 'client', 'index', 'demo'],
};

/** Which sources may import the modules that few may. */
const guarded: Readonly<Record<string, RegExp>> = {
  'node:crypto': /^(?:handshake\/key|frame\/mask)\.ts$/,
  'node:zlib': /^frame\/(?:deflat(?:er|ion)|inflat(?:er|ion))\.ts$/,
  'node:net': /^(?:server|client)\//,
  'node:tls': /^(?:server|client)\//,
  'node:http2': /^(?:server|client)\//,
};

const MAX_LINE_LENGTH = 120;

/** Texts by path, with `/` on every system. */
type Texts = ReadonlyMap<string, string>;

const root = fileURLToPath(new URL('../../', import.meta.url));

function readTexts(folder: string, ending: string): Texts {
  const paths = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  const wanted = paths.map((path) => path.replaceAll('\\', '/')).filter((path) => path.endsWith(ending));
  return new Map(wanted.sort().map((path) => [path, readFileSync(join(root, folder, path), 'utf8')]));
}

/** The module names of the import and export statements, which begin their line, and of `import()` anywhere. */
function importsOf(text: string): string[] {
  const statement = /^(?:import|export)(?: type)? *(?:\w+,? *)?(?:\{[^}]*\}|\*(?: as \w+)?)? *(?:from )?'([^']+)'/gm;
  const call = /\bimport\(\s*'([^']+)'/g;
  return [...text.matchAll(statement), ...text.matchAll(call)].map(([, name]) => name ?? '');
}

function layerOf(path: string): string {
  return path.split('/')[0]!.replace(/\.[jt]s$/, '');
}

function findForbiddenImports(sources: Texts): string[] {
  const found: string[] = [];
  for (const [path, text] of sources) {
    const layer = layerOf(path);
    if (!layers[layer]) found.push(`${path} is in no known layer`);
    for (const name of importsOf(text)) {
      if (!isAllowed(path, layer, name)) found.push(`${path} imports ${name}`);
    }
  }
  return found;
}

function isAllowed(path: string, layer: string, name: string): boolean {
  if (name.startsWith('node:')) return guarded[name]?.test(path) ?? true;
  if (!name.startsWith('.')) return false;
  const target = layerOf(new URL(name, `file:///${path}`).pathname.slice(1));
  return target === layer || (layers[layer]?.includes(target) ?? false);
}

function findMissingTests(compiled: Texts, tests: Texts): string[] {
  const tested = [...compiled].filter(([path, text]) => {
    return path !== 'index.js' && path !== 'events.js' && !isOfPage(path) && !isOnlyTypes(text);
  });
  const wanted = tested.map(([path]) => path.replace(/\.js$/, '.test.ts'));
  return wanted.filter((path) => !tests.has(path)).map((path) => `test/${path} is missing`);
}

function findLongLines(texts: Texts): string[] {
  return [...texts].flatMap(([path, text]) =>
    text.split('\n').flatMap((line, index) => {
      return line.length > MAX_LINE_LENGTH ? [`${path}:${index + 1} has ${line.length} characters`] : [];
    }),
  );
}

/** The names in `export type { … }` and after `type` in `export { … }`. */
function exportedTypes(text: string): string[] {
  const names = [...text.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, isType, list = '']) => {
    const entries = list.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
    return entries.filter((entry) => isType || entry.startsWith('type ')).map((entry) => entry.split(' ').at(-1)!);
  });
  return names.sort();
}

const house = suite('house');
const sources = readTexts('src', '.ts');

house('imports run one way', () => {
  assert.equal(findForbiddenImports(sources), []);
});

house('each source file has its test file', () => {
  assert.equal(findMissingTests(readTexts('dist/src', '.js'), readTexts('test', '.test.ts')), []);
});

house('the public names are these', () => {
  assert.equal(Object.keys(twobyte).sort(), publicValues);
  assert.equal(exportedTypes(sources.get('index.ts')!), publicTypes);
  assert.equal([...Object.keys(events), ...exportedTypes(sources.get('events.ts')!)].sort(), eventsNames);
});

for (const path of ['index.ts', 'events.ts']) {
  house(`${path} only re-exports`, () => {
    const rest = sources.get(path)!.replace(/^export (?:type )?\{[^}]*\} from '[^']+';$/gm, '');
    assert.is(rest.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, '').trim(), '');
  });
}

house('nothing is needed at run time, and three packages for development; a peer is for its types only', () => {
  const description = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, object>;
  const lists = Object.keys(description).filter((key) => /dependencies$/i.test(key));
  assert.equal(lists.sort(), ['devDependencies', 'peerDependencies']);
  assert.equal(Object.keys(description['peerDependencies']!), ['@types/node']);
  assert.equal(description['peerDependenciesMeta'], { '@types/node': { optional: true } });
  assert.equal(Object.keys(description['devDependencies']!).sort(), ['@types/node', 'typescript', 'uvu']);
});

house(`no line is longer than ${MAX_LINE_LENGTH} characters`, () => {
  const folders = ['src', 'test', 'bench'].filter((folder) => existsSync(join(root, folder)));
  for (const folder of folders) {
    const texts = readTexts(folder, '.ts');
    const ours = new Map([...texts].filter(([path]) => !path.includes('node_modules/')));
    assert.equal(findLongLines(ours), [], folder);
  }
  for (const ending of ['.html', '.css', '.js']) assert.equal(findLongLines(readTexts('src/demo/pages', ending)), []);
});

house.run();

// A rule that finds nothing would hold nothing.
const rules = suite('house: the rules find breaches');

const imports: readonly [path: string, text: string, isFine: boolean][] = [
  ['frame/encode.ts', "import { mask } from './mask.js';", true],
  ['frame/encode.ts', "import { ProtocolError } from '../errors.js';", true],
  ['frame/encode.ts', "import type { Head } from '../http/head.js';", false],
  ['http/head.ts', "import { createKey } from '../handshake/key.js';", false],
  ['handshake/server.ts', "import { HeaderFields } from '../http/fields.js';", true],
  ['handshake/server.ts', "import { mask } from '../frame/mask.js';", false],
  ['handshake/client.ts', "import { connect } from '../client/connect.js';", false],
  ['stream/owner.ts', "import { Connection } from '../connection/connection.js';", false],
  ['frame/encode.ts', "import {\n  WaitQueue,\n  type Put,\n} from '../connection/wait-queue.js';", false],
  ['errors.ts', "import { mask } from './frame/mask.js';", false],
  ['connection/protocol.ts', "import { mask } from '../frame/mask.js';", true],
  ['connection/protocol.ts', "import { isUpgrade } from '../handshake/server.js';", true],
  ['connection/protocol.ts', "import * as server from '../server/server.js';", false],
  ['server/server.ts', "import { Connection } from '../connection/connection.js';", true],
  ['server/server.ts', "import { connect } from '../client/connect.js';", false],
  ['client/connect.ts', "import { createServer } from '../server/server.js';", false],
  ['server/server.ts', "import { connect } from '../index.js';", false],
  ['index.ts', "export { createServer } from './server/server.js';", true],
  ['index.ts', "export * from './client/connect.js';", true],
  ['index.ts', "import './cli.js';", false],
  ['cli.ts', "import { createServer } from './index.js';", true],
  ['cli.ts', "import { addEchoRoutes } from './demo/echo.js';", true],
  ['demo/echo.ts', "import type { Reply } from '../index.js';", true],
  ['demo/echo.ts', "import type { Reply } from '../server/reply.js';", false],
  ['cli.ts', "import { Channel } from './connection/channel.js';", false],
  ['server/server.ts', "import { createFeed } from '../feed/feed.js';", false],
  ['feed/event-stream.ts', "import type { ReplyParts } from '../server/reply.js';", true],
  ['cli.ts', "import { once } from 'node:events';", true],
  ['cli.ts', "import { connect } from 'node:net';", false],
  ['cli.ts', "import ws from 'ws';", false],
  ['cli.ts', "const ws = await import('ws');", false],
  ['frame/mask.ts', "import { randomFillSync } from 'node:crypto';", true],
  ['handshake/key.ts', "import { createHash } from 'node:crypto';", true],
  ['handshake/server.ts', "import { createHash } from 'node:crypto';", false],
  ['frame/inflater.ts', "import { inflateRawSync } from 'node:zlib';", true],
  ['frame/decode.ts', "import zlib, { inflateRawSync } from 'node:zlib';", false],
  ['server/server.ts', "import { createServer } from 'node:net';", true],
  ['client/connect.ts', "import tls from 'node:tls';", true],
  ['connection/connection.ts', "import type { Socket } from 'node:net';", false],
  ['broker/topic.ts', 'const one = 1;', false],
  ['server/server.ts', " * import { connect } from 'twobyte';\nexport const from = 'twobyte';", true],
];

for (const [path, text, isFine] of imports) {
  rules(`${path}: ${text}`, () => {
    assert.is(findForbiddenImports(new Map([[path, text]])).length, isFine ? 0 : 1);
  });
}

rules('a missing test file', () => {
  const types = '// All about it.\n/** Two\nlines. */\nexport {};\n//# sourceMappingURL=types.js.map';
  const compiled = new Map([
    ['index.js', "export { a } from './a.js';"],
    ['frame/a.js', 'export const a = 1;'],
    ['frame/b.js', 'export const b = 1;'],
    ['frame/types.js', types],
    ['demo/pages/home/script.js', 'const a = 1;'],
  ]);
  assert.equal(findMissingTests(compiled, new Map([['frame/a.test.ts', '']])), ['test/frame/b.test.ts is missing']);
});

rules('a long line', () => {
  const text = `${'a'.repeat(120)}\n${'b'.repeat(121)}\n`;
  assert.equal(findLongLines(new Map([['a.ts', text]])), ['a.ts:2 has 121 characters']);
});

rules('exported types', () => {
  const text = "export { a, type B, c } from './a.js';\nexport type {\n  D,\n  E as F,\n} from './b.js';";
  assert.equal(exportedTypes(text), ['B', 'D', 'F']);
});

rules.run();
